package queues

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Operations on messages.

type sendInput struct {
	MessageBody             *string
	DelaySeconds            *int
	MessageAttributes       map[string]attribute
	MessageSystemAttributes map[string]attribute
}

// send puts a message into a queue. It wants c.mu held.
func (c *call) send(q *queue, in *sendInput) (*message, *failure) {
	if q.name.fifo() {
		return nil, fail(unsupportedOperation, "The emulator's FIFO queues take no messages: Amazon sends none to them.")
	}
	if err := checkMessage(in.MessageBody, in.MessageAttributes); err != nil {
		return nil, err
	}
	delay := q.number32("DelaySeconds")
	if in.DelaySeconds != nil {
		if delay = *in.DelaySeconds; delay < 0 || delay > 900 {
			return nil, fail(invalidParameterValue, "Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", delay)
		}
	}
	size := lengthOf(*in.MessageBody, in.MessageAttributes)
	if most := q.number32("MaximumMessageSize"); size > most {
		return nil, fail(invalidParameterValue, "One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", most)
	}
	if why := c.full(size); why != "" {
		return nil, fail(overLimit, "%s", why)
	}
	m := &message{body: *in.MessageBody, attributes: in.MessageAttributes, attrMD5: attributesMD5(in.MessageAttributes), sender: c.Account}
	for name, a := range in.MessageSystemAttributes {
		if name != "AWSTraceHeader" || a.StringValue == nil {
			return nil, fail(invalidParameterValue, "Message system attribute %q is invalid: want AWSTraceHeader as a String.", name)
		}
		m.trace = *a.StringValue
	}
	c.put(q, m, time.Duration(delay)*time.Second)
	return m, nil
}

func appendSent(b []byte, m *message) []byte {
	b = appendMember(b, "MD5OfMessageBody", m.bodyMD5)
	if m.attrMD5 != "" {
		b = appendMember(b, "MD5OfMessageAttributes", m.attrMD5)
	}
	if m.trace != "" {
		trace := m.trace
		b = appendMember(b, "MD5OfMessageSystemAttributes", attributesMD5(map[string]attribute{"AWSTraceHeader": {DataType: "String", StringValue: &trace}}))
	}
	return appendMember(b, "MessageId", m.id)
}

func sendMessage(c *call, in *struct {
	queueInput
	sendInput
},
) (out []byte, err *failure) {
	err = c.do(in.QueueURL, func(q *queue, _ time.Time) *failure {
		m, err := c.send(q, &in.sendInput)
		if err == nil {
			out = append(appendSent([]byte{'{'}, m), '}')
		}
		return err
	})
	return out, err
}

// maxBatch is how many entries a batch may have, and how many messages are received at once.
const maxBatch = 10

var entryID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`) })

// batch does the entries of a batch one by one: each writes its own result, or fails.
func batch(ids []string, do func(i int, b []byte) ([]byte, *failure)) ([]byte, *failure) {
	switch {
	case len(ids) == 0:
		return nil, fail(emptyBatchRequest, "There should be at least one entry in the request.")
	case len(ids) > maxBatch:
		return nil, fail(tooManyEntries, "Maximum number of entries per request are %d. You have sent %d.", maxBatch, len(ids))
	}
	for i, id := range ids {
		if !entryID().MatchString(id) {
			return nil, fail(invalidBatchEntryID, "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if slices.Contains(ids[:i], id) {
			return nil, fail(batchEntryIdsNotDistinct, "Id %s repeated.", id)
		}
	}
	done, failed := []byte(`{"Successful":[`), []byte(`],"Failed":[`)
	mark := len(failed)
	for i, id := range ids {
		if done[len(done)-1] == '}' {
			done = append(done, ',')
		}
		entry := appendMember(append(done, '{'), "Id", id)
		entry, err := do(i, entry)
		if err == nil {
			done = append(entry, '}')
			continue
		}
		if done[len(done)-1] == ',' {
			done = done[:len(done)-1]
		}
		if len(failed) > mark {
			failed = append(failed, ',')
		}
		failed = appendMember(append(failed, '{'), "Id", id)
		failed = appendMember(failed, "Code", err.code[strings.LastIndexByte(err.code, '.')+1:])
		failed = appendMember(failed, "Message", err.message)
		failed = append(appendName(failed, "SenderFault"), strconv.FormatBool(err.fault() == "Sender")...)
		failed = append(failed, '}')
	}
	return append(append(done, failed...), "]}"...), nil
}

func sendMessageBatch(c *call, in *struct {
	queueInput
	Entries []struct {
		ID string `json:"Id"`
		sendInput
	}
},
) (out []byte, err *failure) {
	ids, size := make([]string, len(in.Entries)), 0
	for i := range in.Entries {
		e := &in.Entries[i]
		if ids[i] = e.ID; e.MessageBody != nil && checkMessage(e.MessageBody, e.MessageAttributes) == nil {
			size += lengthOf(*e.MessageBody, e.MessageAttributes)
		}
	}
	err = c.do(in.QueueURL, func(q *queue, _ time.Time) (err *failure) {
		if size > 1<<20 {
			return fail(batchRequestTooLong, "Batch requests cannot be longer than %d bytes. You have sent %d bytes.", 1<<20, size)
		}
		out, err = batch(ids, func(i int, b []byte) ([]byte, *failure) {
			m, err := c.send(q, &in.Entries[i].sendInput)
			if err != nil {
				return nil, err
			}
			return appendSent(b, m), nil
		})
		return err
	})
	return out, err
}

type receiveInput struct {
	queueInput
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             *int
	AttributeNames              []string
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string
}

// lookEvery is how often who waits for messages looks whether time has brought any.
const lookEvery = time.Second

// systemAttributes are those that messages have; others that a request may name are of FIFO queues.
var systemAttributes = []string{"SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "AWSTraceHeader", "DeadLetterQueueSourceArn"}

func receiveMessage(c *call, in *receiveInput) (out []byte, err *failure) {
	number := func(name string, given *int, low, high int) int {
		if given == nil {
			return -1
		}
		if *given < low || *given > high {
			err = fail(invalidParameterValue, "Value %d for parameter %s is invalid. Reason: Must be between %d and %d, if provided.", *given, name, low, high)
		}
		return *given
	}
	most, hidden := number("MaxNumberOfMessages", in.MaxNumberOfMessages, 1, maxBatch), number("VisibilityTimeout", in.VisibilityTimeout, 0, 43_200)
	wait := number("WaitTimeSeconds", in.WaitTimeSeconds, 0, 20)
	if most < 0 {
		most = 1
	}
	if err != nil {
		return nil, err
	}
	want := wanted(append(in.AttributeNames, in.MessageSystemAttributeNames...))
	var end, look time.Time // of the wait; when to look next what time has brought
	for {
		if c.ctx.Err() != nil { // who has gone takes nothing from others
			return empty, nil
		}
		var arrived <-chan struct{}
		var visible time.Duration // until the next message is, if that is known
		long := false
		err = c.do(in.QueueURL, func(q *queue, now time.Time) *failure {
			if wait < 0 {
				wait = q.number32("ReceiveMessageWaitTimeSeconds")
			}
			long = wait > 0
			visibility := hidden
			if visibility < 0 {
				visibility = q.number32("VisibilityTimeout")
			}
			c.expire(q, now, expiryEvery)
			list := q.receive(now, most, time.Duration(visibility)*time.Second, func(m *message) { c.drop(q, m) }, func(m *message) bool { return c.bury(q, m, now) })
			if len(list) > 0 {
				out = c.appendMessages(q, list, want, in.MessageAttributeNames)
				return nil
			}
			if !long && q.inFlight >= maxInFlight { // a long poll gets none, and no error
				return fail(overLimit, "Too many messages in flight: the maximum is %d.", maxInFlight)
			}
			if !long {
				return nil
			}
			q.waiting++
			if arrived, visible = q.arrived, lookEvery; !q.next().IsZero() {
				visible = max(q.next().Sub(now), time.Millisecond)
			}
			return nil
		})
		switch {
		case !end.IsZero() && err != nil && err.shape == queueDoesNotExist: // it has gone meanwhile
			return empty, nil
		case err != nil || out != nil:
			return out, err
		case !time.Now().Before(look):
			look = time.Now().Add(lookEvery)
			c.Look()
			continue
		case !long || !end.IsZero() && !time.Now().Before(end):
			return empty, nil
		}
		if end.IsZero() {
			end = time.Now().Add(time.Duration(wait) * time.Second)
		}
		again := time.NewTimer(min(visible, time.Until(look), time.Until(end)))
		select {
		case <-arrived:
		case <-again.C:
		case <-c.ctx.Done():
			again.Stop()
			return empty, nil
		}
		again.Stop()
	}
}

// bury makes a message a dead letter, if its queue has one for such. It wants c.mu held.
func (s *Service) bury(q *queue, m *message, now time.Time) bool {
	n, err := ParseARN(q.redrive.Target)
	dead := s.queues[n]
	if err != nil || dead == nil || dead == q {
		return false
	}
	q.remove(m)
	s.bytes -= m.size()
	m.source, m.until, m.last = q.name.ARN(), time.Time{}, time.Time{}
	s.bytes += m.size()
	dead.add(m, visible, now, 0)
	return true
}

// wanted are the attributes that a request names.
func wanted(names []string) map[string]bool {
	want := map[string]bool{}
	for _, name := range names {
		if name == "All" {
			for _, all := range systemAttributes {
				want[all] = true
			}
		}
		want[name] = true
	}
	return want
}

func (s *Service) appendMessages(q *queue, list []*message, want map[string]bool, attributes []string) []byte {
	size := 0
	for _, m := range list {
		size += len(m.body) + len(m.body)/8 + perMessage + 200
	}
	b := append(make([]byte, 0, size), `{"Messages":[`...)
	for i, m := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMember(append(b, '{'), "MessageId", m.id)
		b = appendMember(b, "ReceiptHandle", s.handleOf(q, m))
		b = appendMember(b, "MD5OfBody", m.bodyMD5)
		b = appendMember(b, "Body", m.body)
		if len(want) > 0 {
			b = append(appendName(b, "Attributes"), '{')
			if want["SenderId"] {
				b = appendMember(b, "SenderId", m.sender)
			}
			if want["SentTimestamp"] {
				b = appendNumberMember(b, "SentTimestamp", m.sent.UnixMilli())
			}
			if want["ApproximateReceiveCount"] {
				b = appendNumberMember(b, "ApproximateReceiveCount", int64(m.receives))
			}
			if want["ApproximateFirstReceiveTimestamp"] {
				b = appendNumberMember(b, "ApproximateFirstReceiveTimestamp", m.first.UnixMilli())
			}
			if want["AWSTraceHeader"] && m.trace != "" {
				b = appendMember(b, "AWSTraceHeader", m.trace)
			}
			if want["DeadLetterQueueSourceArn"] && m.source != "" {
				b = appendMember(b, "DeadLetterQueueSourceArn", m.source)
			}
			b = append(b, '}')
		}
		if shown := chosen(m.attributes, attributes); len(shown) > 0 {
			b = appendMember(b, "MD5OfMessageAttributes", attributesMD5(shown))
			b = append(appendName(b, "MessageAttributes"), '{')
			for _, name := range sortedKeys(shown) {
				b = appendAttribute(b, name, shown[name])
			}
			b = append(b, '}')
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// chosen are the attributes of a message that a request names: by name, "All", or a beginning such as "foo.*".
func chosen(all map[string]attribute, names []string) map[string]attribute {
	if len(all) == 0 || len(names) == 0 {
		return nil
	}
	shown := map[string]attribute{}
	for name, a := range all {
		if slices.ContainsFunc(names, func(want string) bool {
			prefix, is := strings.CutSuffix(want, ".*")
			return want == "All" || want == name || is && strings.HasPrefix(name, prefix)
		}) {
			shown[name] = a
		}
	}
	return shown
}

type handleInput struct{ ReceiptHandle *string }

// remove deletes the message of a handle. With one of an older receipt it succeeds, and deletes nothing
// (docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html). It wants c.mu held.
func (c *call) remove(q *queue, in handleInput) *failure {
	if in.ReceiptHandle == nil || *in.ReceiptHandle == "" {
		return fail(missingParameter, "The request must contain the parameter ReceiptHandle.")
	}
	m, last, err := c.byHandle(q, *in.ReceiptHandle)
	if err == nil && last {
		c.drop(q, m)
	}
	return err
}

func deleteMessage(c *call, in *struct {
	queueInput
	handleInput
},
) ([]byte, *failure) {
	return empty, c.do(in.QueueURL, func(q *queue, _ time.Time) *failure { return c.remove(q, in.handleInput) })
}

func deleteMessageBatch(c *call, in *struct {
	queueInput
	Entries []struct {
		ID string `json:"Id"`
		handleInput
	}
},
) (out []byte, err *failure) {
	ids := make([]string, len(in.Entries))
	for i, e := range in.Entries {
		ids[i] = e.ID
	}
	err = c.do(in.QueueURL, func(q *queue, _ time.Time) (err *failure) {
		out, err = batch(ids, func(i int, b []byte) ([]byte, *failure) { return b, c.remove(q, in.Entries[i].handleInput) })
		return err
	})
	return out, err
}

type visibilityInput struct {
	handleInput
	VisibilityTimeout *int
}

// change changes for how long the message of a handle stays hidden. It wants c.mu held.
func (c *call) change(q *queue, in visibilityInput, now time.Time) *failure {
	switch {
	case in.ReceiptHandle == nil || *in.ReceiptHandle == "":
		return fail(missingParameter, "The request must contain the parameter ReceiptHandle.")
	case in.VisibilityTimeout == nil:
		return fail(missingParameter, "The request must contain the parameter VisibilityTimeout.")
	case *in.VisibilityTimeout < 0 || *in.VisibilityTimeout > 43_200:
		return fail(invalidParameterValue, "Value %d for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and 43200.", *in.VisibilityTimeout)
	}
	m, last, err := c.byHandle(q, *in.ReceiptHandle)
	if err != nil {
		return err
	}
	q.release(now)
	switch {
	case m == nil || !last:
		return fail(invalidParameterValue, "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.")
	case m.state != inFlight:
		return fail(messageNotInflight, "The message referred to isn't in flight.")
	}
	long := time.Duration(*in.VisibilityTimeout) * time.Second
	if now.Add(long).After(m.last.Add(longestVisibility)) {
		return fail(invalidParameterValue, "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].")
	}
	q.rehide(m, now, long)
	q.release(now)
	return nil
}

func changeMessageVisibility(c *call, in *struct {
	queueInput
	visibilityInput
},
) ([]byte, *failure) {
	return empty, c.do(in.QueueURL, func(q *queue, now time.Time) *failure { return c.change(q, in.visibilityInput, now) })
}

func changeMessageVisibilityBatch(c *call, in *struct {
	queueInput
	Entries []struct {
		ID string `json:"Id"`
		visibilityInput
	}
},
) (out []byte, err *failure) {
	ids := make([]string, len(in.Entries))
	for i, e := range in.Entries {
		ids[i] = e.ID
	}
	err = c.do(in.QueueURL, func(q *queue, now time.Time) (err *failure) {
		out, err = batch(ids, func(i int, b []byte) ([]byte, *failure) { return b, c.change(q, in.Entries[i].visibilityInput, now) })
		return err
	})
	return out, err
}
