package queues

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Operations on queues. Their inputs and outputs: docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference.

type queueInput struct {
	QueueURL *string `json:"QueueUrl"`
}

// Waits that SQS has between what is done to a queue as a whole.
const (
	afterDeletion = 60 * time.Second
	afterPurge    = 60 * time.Second
)

func createQueue(c *call, in *struct {
	QueueName  *string
	Attributes map[string]string
	Tags       map[string]string `json:"tags"`
},
) (out []byte, err *failure) {
	switch {
	case in.QueueName == nil:
		return nil, fail(missingParameter, "The request must contain the parameter QueueName.")
	case !validName(*in.QueueName):
		return nil, fail(invalidParameterValue, "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	n := Name{c.region, c.Account, *in.QueueName}
	if err := checkAttributes(in.Attributes); err != nil {
		return nil, err
	}
	if n.fifo() != (in.Attributes["FifoQueue"] == "true") {
		return nil, fail(invalidAttributeValue, "Invalid value for the parameter FifoQueue. Reason: want true for a name that ends in .fifo, and none for any other.")
	}
	c.Beside(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		now := c.Now()
		q := c.queues[n]
		switch at, gone := c.deleted[n]; {
		case q != nil:
			for _, name := range sortedKeys(in.Attributes) {
				if q.attribute(name) != in.Attributes[name] {
					err = fail(queueNameExists, "A queue already exists with the same name and a different value for attribute %s", name)
					return
				}
			}
		case gone && now.Sub(at) < afterDeletion:
			err = fail(queueDeletedRecently, "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
			return
		case len(c.queues) >= maxQueues:
			err = fail(overLimit, "The emulator has %d queues, and takes no more.", maxQueues)
			return
		default:
			if why := c.full(sizeOf(in.Attributes) + sizeOf(in.Tags)); why != "" {
				err = fail(overLimit, "%s", why)
				return
			}
			q = c.create(n, in.Attributes, in.Tags)
		}
		out = append(appendMember([]byte{'{'}, "QueueUrl", c.urlOf(q)), '}')
	})
	return out, err
}

func getQueueURL(c *call, in *struct {
	QueueName              *string
	QueueOwnerAWSAccountID *string `json:"QueueOwnerAWSAccountId"`
},
) (out []byte, err *failure) {
	if in.QueueName == nil {
		return nil, fail(missingParameter, "The request must contain the parameter QueueName.")
	}
	account := c.Account
	if in.QueueOwnerAWSAccountID != nil && *in.QueueOwnerAWSAccountID != "" {
		account = *in.QueueOwnerAWSAccountID
	}
	c.Beside(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		q := c.find(c.region, account, *in.QueueName)
		if q == nil {
			err = noQueue()
			return
		}
		out = append(appendMember([]byte{'{'}, "QueueUrl", c.urlOf(q)), '}')
	})
	return out, err
}

// page cuts a list of URLs.
func page(all []string, most *int, token *string) (list []string, next string, err *failure) {
	if token != nil && *token != "" {
		i := slices.Index(all, *token)
		if i < 0 {
			return nil, "", fail(invalidParameterValue, "NextToken is not valid.")
		}
		all = all[i:]
	}
	n := 1000
	if most != nil {
		if n = *most; n < 1 || n > 1000 {
			return nil, "", fail(invalidParameterValue, "Value %d for parameter MaxResults is invalid. Reason: must be between 1 and 1000, if provided.", n)
		}
	}
	if len(all) > n {
		return all[:n], all[n], nil
	}
	return all, "", nil
}

// listURLs answers with the URLs of the queues that are wanted.
func (c *call) listURLs(member string, most *int, token *string, want func(*queue) bool) (out []byte, err *failure) {
	var all []string
	for _, q := range c.sorted() {
		if want(q) {
			all = append(all, c.urlOf(q))
		}
	}
	slices.Sort(all)
	list, next, err := page(all, most, token)
	if err != nil {
		return nil, err
	}
	out = appendList([]byte{'{'}, member, list)
	if next != "" && most != nil { // without MaxResults there are no tokens
		out = appendMember(out, "NextToken", next)
	}
	return append(out, '}'), nil
}

func listQueues(c *call, in *struct {
	QueueNamePrefix string
	MaxResults      *int
	NextToken       *string
},
) (out []byte, err *failure) {
	c.Beside(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		out, err = c.listURLs("QueueUrls", in.MaxResults, in.NextToken, func(q *queue) bool { return strings.HasPrefix(q.name.Name, in.QueueNamePrefix) })
	})
	return out, err
}

func listDeadLetterSourceQueues(c *call, in *struct {
	queueInput
	MaxResults *int
	NextToken  *string
},
) (out []byte, err *failure) {
	err = c.do(in.QueueURL, func(dead *queue, _ time.Time) (err *failure) {
		out, err = c.listURLs("queueUrls", in.MaxResults, in.NextToken, func(q *queue) bool {
			return q.redrive != nil && q.redrive.Target == dead.name.ARN()
		})
		return err
	})
	return out, err
}

func getQueueAttributes(c *call, in *struct {
	queueInput
	AttributeNames []string
},
) (out []byte, err *failure) {
	c.Look() // it is asked how many messages there are
	err = c.do(in.QueueURL, func(q *queue, now time.Time) *failure {
		q.release(now)
		c.expire(q, now, 0)
		all := q.all()
		shown := map[string]string{}
		for _, name := range in.AttributeNames {
			switch {
			case name == "All":
				maps.Copy(shown, all)
			case knownAttribute(name) == nil && !slices.Contains(attributesKnown, name):
				return fail(invalidAttributeName, "Unknown Attribute %s.", name)
			case all[name] != "":
				shown[name] = all[name]
			}
		}
		out = []byte{'{'}
		if len(shown) > 0 {
			out = appendTexts(out, "Attributes", shown)
		}
		out = append(out, '}')
		return nil
	})
	return out, err
}

var empty = []byte("{}")

func setQueueAttributes(c *call, in *struct {
	queueInput
	Attributes map[string]string
},
) ([]byte, *failure) {
	if len(in.Attributes) == 0 {
		return nil, fail(missingParameter, "The request must contain the parameter Attribute.Name.")
	}
	if err := checkAttributes(in.Attributes); err != nil {
		return nil, err
	}
	return empty, c.do(in.QueueURL, func(q *queue, now time.Time) *failure {
		if fifo, given := in.Attributes["FifoQueue"]; given && (fifo == "true") != q.name.fifo() {
			return fail(invalidAttributeValue, "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")
		}
		q.modified = now
		return c.give(q, in.Attributes, func() { q.set(in.Attributes) })
	})
}

func deleteQueue(c *call, in *queueInput) ([]byte, *failure) {
	return empty, c.do(in.QueueURL, func(q *queue, now time.Time) *failure {
		c.empty(q)
		q.wake()
		delete(c.queues, q.name)
		c.bytes -= q.size()
		c.forget(maxQueues - 1)
		c.deleted[q.name] = now
		return nil
	})
}

// forget leaves so many of the queues that were deleted to be known, those that went last. It wants s.mu held.
func (s *Service) forget(most int) {
	for len(s.deleted) > most {
		var first Name
		for n, at := range s.deleted {
			if first == (Name{}) || at.Before(s.deleted[first]) {
				first = n
			}
		}
		delete(s.deleted, first)
	}
}

// empty drops all messages of a queue. It wants s.mu held.
func (s *Service) empty(q *queue) {
	for _, m := range q.messages {
		s.bytes -= m.size()
		m.state = gone
	}
	q.messages, q.ready, q.hidden, q.inFlight, q.delayed = nil, line{}, nil, 0, 0
}

func purgeQueue(c *call, in *queueInput) ([]byte, *failure) {
	return empty, c.do(in.QueueURL, func(q *queue, now time.Time) *failure {
		if !q.purged.IsZero() && now.Sub(q.purged) < afterPurge {
			return fail(purgeQueueInProgress, "Only one PurgeQueue operation on %s is allowed every 60 seconds.", q.name.Name)
		}
		q.purged = now
		c.empty(q)
		return nil
	})
}

func listQueueTags(c *call, in *queueInput) (out []byte, err *failure) {
	err = c.do(in.QueueURL, func(q *queue, _ time.Time) *failure {
		out = append(appendTexts([]byte{'{'}, "Tags", q.tags), '}')
		return nil
	})
	return out, err
}

func tagQueue(c *call, in *struct {
	queueInput
	Tags map[string]string
},
) ([]byte, *failure) {
	return empty, c.do(in.QueueURL, func(q *queue, _ time.Time) *failure {
		tags := maps.Clone(q.tags)
		if tags == nil {
			tags = map[string]string{}
		}
		maps.Copy(tags, in.Tags)
		if len(tags) > 50 {
			return fail(invalidParameterValue, "Too many tags added for queue %s: want at most 50.", q.name.Name)
		}
		return c.give(q, in.Tags, func() { q.tags = tags })
	})
}

func untagQueue(c *call, in *struct {
	queueInput
	TagKeys []string
},
) ([]byte, *failure) {
	return empty, c.do(in.QueueURL, func(q *queue, _ time.Time) *failure {
		tags := maps.Clone(q.tags)
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return c.give(q, nil, func() { q.tags = tags })
	})
}

// startMessageMoveTask moves dead letters to where they came from, or to another queue, all at once: SQS takes its time.
func startMessageMoveTask(c *call, in *struct {
	SourceArn      *string
	DestinationArn *string
},
) (out []byte, err *failure) {
	if in.SourceArn == nil {
		return nil, fail(missingParameter, "The request must contain the parameter SourceArn.")
	}
	c.Beside(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		now := c.Now()
		named := func(arn string) *queue {
			n, bad := ParseARN(arn)
			if bad != nil {
				return nil
			}
			return c.queues[n]
		}
		from := named(*in.SourceArn)
		if from == nil {
			err = fail(resourceNotFound, "The resource that you specified for the SourceArn parameter doesn't exist.")
			return
		}
		if !slices.ContainsFunc(c.sorted(), func(q *queue) bool { return q.redrive != nil && q.redrive.Target == from.name.ARN() }) {
			err = fail(invalidParameterValue, "Source queue must be configured as a Dead Letter Queue.")
			return
		}
		var to *queue
		if in.DestinationArn != nil && *in.DestinationArn != "" {
			if to = named(*in.DestinationArn); to == nil {
				err = fail(resourceNotFound, "The resource that you specified for the DestinationArn parameter doesn't exist.")
				return
			}
		}
		from.release(now)
		var kept []*message
		for m := from.ready.pop(); m != nil; m = from.ready.pop() {
			target := to
			if target == nil {
				target = named(m.source)
			}
			if target == nil {
				kept = append(kept, m)
				continue
			}
			from.ready.live++
			c.drop(from, m)
			// It begins anew there: its id, its age and its receipts.
			c.put(target, &message{body: m.body, attributes: m.attributes, attrMD5: m.attrMD5, trace: m.trace, sender: m.sender}, 0)
		}
		for _, m := range kept {
			from.ready.push(m)
		}
		out = append(appendMember([]byte{'{'}, "TaskHandle", c.Seed.Of("sqs.move", from.number, c.sent).UUID()), '}')
	})
	return out, err
}
