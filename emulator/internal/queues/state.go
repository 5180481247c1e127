package queues

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// What an export keeps of the queues: nothing that follows from how much time has passed between requests, so that the same requests give the same export. At
// an import messages begin anew: they are as old as that, and hidden for as long as they were when they were hidden last.

type saved struct {
	Queues  []savedQueue `json:"queues,omitempty"`
	Deleted []string     `json:"deleted,omitempty"` // ARNs
	Made    int          `json:"made"`
	Sent    int          `json:"sent,omitempty"`
}

type savedQueue struct {
	ARN        string            `json:"arn"`
	Number     int               `json:"number"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Ready      []savedMessage    `json:"ready,omitempty"`  // in their order
	Hidden     []savedMessage    `json:"hidden,omitempty"` // by number
}

type savedMessage struct {
	Number     int                  `json:"number"`
	Body       string               `json:"body"`
	Attributes map[string]attribute `json:"attributes,omitempty"`
	Trace      string               `json:"trace,omitempty"`
	Sender     string               `json:"sender"`
	Source     string               `json:"source,omitempty"`
	Receives   int                  `json:"receives,omitempty"`
	InFlight   bool                 `json:"in_flight,omitempty"`
	Hidden     int                  `json:"hidden,omitempty"` // for how many seconds
}

// Save returns what an export keeps; nil for nothing.
func (s *Service) Save() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made == 0 {
		return nil
	}
	all := saved{Made: s.made, Sent: s.sent}
	for n := range s.deleted {
		all.Deleted = append(all.Deleted, n.ARN())
	}
	slices.Sort(all.Deleted)
	for _, q := range s.sorted() {
		kept := savedQueue{ARN: q.name.ARN(), Number: q.number, Attributes: q.attributes, Tags: q.tags}
		for _, m := range q.ready.list[q.ready.head:] {
			if m.state == visible {
				kept.Ready = append(kept.Ready, m.save())
			}
		}
		hidden := slices.Clone(q.hidden)
		slices.SortFunc(hidden, func(a, b *message) int { return a.number - b.number })
		for _, m := range hidden {
			kept.Hidden = append(kept.Hidden, m.save())
		}
		all.Queues = append(all.Queues, kept)
	}
	return all
}

func (m *message) save() savedMessage {
	k := savedMessage{Number: m.number, Body: m.body, Attributes: m.attributes, Trace: m.trace, Sender: m.sender, Source: m.source,
		Receives: m.receives, InFlight: m.state == inFlight}
	if m.state != visible {
		k.Hidden = int(m.hidden / time.Second)
	}
	return k
}

// Load brings the service to what Save returned.
func (s *Service) Load(raw json.RawMessage) error {
	var all saved
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	now := s.Now()
	for _, d := range all.Deleted {
		n, err := ParseARN(d)
		if err != nil {
			return err
		}
		s.deleted[n] = now.Add(-afterDeletion)
	}
	known := map[int]bool{}
	for _, k := range all.Queues {
		n, err := ParseARN(k.ARN)
		switch {
		case err != nil:
			return err
		case s.queues[n] != nil:
			return fmt.Errorf("queue %s is there twice", k.ARN)
		}
		if err := checkAttributes(k.Attributes); err != nil {
			return fmt.Errorf("queue %s: %s", k.ARN, err.message)
		}
		q := s.create(n, k.Attributes, k.Tags)
		if s.bytes > maxBytes {
			return fmt.Errorf("queue %s: more than %d MiB", k.ARN, maxBytes>>20)
		}
		q.number = k.Number
		for i, list := range [][]savedMessage{k.Ready, k.Hidden} {
			for _, kept := range list {
				if kept.Number < 1 || kept.Number > all.Sent || known[kept.Number] {
					return fmt.Errorf("queue %s: message %d: want a number of its own from 1 to %d", k.ARN, kept.Number, all.Sent)
				}
				known[kept.Number] = true
				if err := checkMessage(&kept.Body, kept.Attributes); err != nil {
					return fmt.Errorf("queue %s: message %d: %s", k.ARN, kept.Number, err.message)
				}
				m := &message{number: kept.Number, id: s.idOf(kept.Number), body: kept.Body, bodyMD5: sumOf(kept.Body), attributes: kept.Attributes,
					attrMD5: attributesMD5(kept.Attributes), trace: kept.Trace, sender: kept.Sender, source: kept.Source, sent: now, receives: kept.Receives}
				if kept.Receives > 0 {
					m.first, m.last = now, now
				}
				if kept.Hidden < 0 || kept.Hidden > 43_200 {
					return fmt.Errorf("queue %s: message %d: hidden for %d seconds: want 0 to 43200", k.ARN, kept.Number, kept.Hidden)
				}
				if s.bytes += m.size(); s.bytes > maxBytes {
					return fmt.Errorf("messages of more than %d MiB", maxBytes>>20)
				}
				at := visible
				if i == 1 {
					if at = delayed; kept.InFlight {
						at = inFlight
					}
				}
				q.add(m, at, now, time.Duration(kept.Hidden)*time.Second)
			}
		}
	}
	s.made, s.sent = all.Made, all.Sent
	return nil
}
