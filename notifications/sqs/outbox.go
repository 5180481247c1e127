package sqs

import (
	"context"
	"strconv"
	"time"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// what an outbox is for.
const (
	deletions = iota
	changes   // of visibility
)

var troubles = [2]string{deletions: "delete", changes: "visibility"}

// letter is something that SQS is to be told of an item.
type letter struct {
	it      *item
	seconds int32 // visibility
	beat    bool  // the item stays in hand
	tries   int
}

// outbox is letters that wait to be a batch.
type outbox struct {
	letters []letter
	timer   bool
}

func (o *outbox) put(r *run, kind int, l letter) {
	o.letters = append(o.letters, l)
	if len(o.letters) == perBatch {
		o.flush(r, kind)
	} else if !o.timer {
		o.timer = true
		r.after(linger, func() {
			o.timer = false
			o.flush(r, kind)
		})
	}
}

func (o *outbox) flush(r *run, kind int) {
	letters := o.letters
	o.letters = nil
	if len(letters) == 0 {
		return
	}
	r.calls = append(r.calls, func() {
		at := time.Now()
		refused, err := r.c.send(r.ctx, kind, letters)
		r.post(func() {
			r.calling--
			r.sent(kind, letters, refused, err, at)
			r.call()
		})
	})
	r.call()
}

// call makes the calls that wait, not too many at once.
func (r *run) call() {
	for r.calling < mostCalls && len(r.calls) > 0 {
		r.calling++
		go r.calls[0]()
		r.calls = r.calls[1:]
	}
}

// sent does with each letter what SQS said. refused has those that weren't carried out, and whether that is for good.
func (r *run) sent(kind int, letters []letter, refused map[int]bool, err error, at time.Time) {
	if r.c.note(r.ctx, troubles[kind], err) {
		r.stop(err)
	}
	for i, l := range letters {
		if l.beat {
			l.it.beating--
			if then := l.it.then; then != nil && l.it.beating == 0 {
				l.it.then = nil
				r.outbox[changes].put(r, changes, *then)
			}
		}
		forGood, failed := refused[i]
		failed = failed || err != nil
		switch {
		case l.beat && !failed:
			l.it.deadline = at.Add(r.c.visibility)
		case l.beat && forGood && l.it.line != nil: // has been taken by another, or is gone
			line := l.it.line
			line.remove(l.it)
			r.lose(l.it)
			if !line.busy {
				r.next(line)
			}
		case l.beat: // the next one may succeed
		case failed && !forGood && l.tries < batchTries-1:
			l.tries++
			r.after(jitter(100*time.Millisecond<<l.tries), func() { r.outbox[kind].put(r, kind, l) })
		default: // what failed for good comes again, and the window knows it
			r.drop(l.it)
		}
	}
}

// send tells SQS a batch.
func (c *Consumer) send(ctx context.Context, kind int, letters []letter) (map[int]bool, error) {
	ctx, cancel := bounded(ctx, 0)
	defer cancel()
	var failures []types.BatchResultErrorEntry
	operation := "DeleteMessageBatch"
	if kind == deletions {
		entries := make([]types.DeleteMessageBatchRequestEntry, len(letters))
		for i, l := range letters {
			entries[i] = types.DeleteMessageBatchRequestEntry{Id: id(i), ReceiptHandle: &l.it.receipt}
		}
		out, err := c.client.DeleteMessageBatch(ctx, &awssqs.DeleteMessageBatchInput{QueueUrl: &c.queue, Entries: entries})
		if err != nil {
			return nil, failed(operation, c.queue, err)
		}
		failures = out.Failed
	} else {
		operation = "ChangeMessageVisibilityBatch"
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(letters))
		for i, l := range letters {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{Id: id(i), ReceiptHandle: &l.it.receipt, VisibilityTimeout: l.seconds}
		}
		out, err := c.client.ChangeMessageVisibilityBatch(ctx, &awssqs.ChangeMessageVisibilityBatchInput{QueueUrl: &c.queue, Entries: entries})
		if err != nil {
			return nil, failed(operation, c.queue, err)
		}
		failures = out.Failed
	}
	refused := map[int]bool{}
	for _, f := range failures {
		if f.Id == nil {
			continue
		}
		if i, err := strconv.Atoi(*f.Id); err == nil {
			refused[i] = f.SenderFault
		}
	}
	return refused, nil
}

func id(i int) *string {
	s := strconv.Itoa(i)
	return &s
}
