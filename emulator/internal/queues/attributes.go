package queues

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// queueAttribute is an attribute that queues may be given: docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html.
type queueAttribute struct {
	name     string
	low      int // of a number
	high     int // 0: it is no number
	standard string
	check    func(text string) string // what would be right; "" for nothing wrong
}

var queueAttributes = []queueAttribute{
	{name: "DelaySeconds", high: 900, standard: "0"},
	{name: "MaximumMessageSize", low: 1024, high: 1 << 20, standard: "1048576"},
	{name: "MessageRetentionPeriod", low: 60, high: 1_209_600, standard: "345600"},
	{name: "ReceiveMessageWaitTimeSeconds", high: 20, standard: "0"},
	{name: "VisibilityTimeout", high: 43_200, standard: "30"},
	{name: "KmsDataKeyReusePeriodSeconds", low: 60, high: 86_400},
	{name: "KmsMasterKeyId"},
	{name: "SqsManagedSseEnabled", standard: "true", check: boolean},
	{name: "FifoQueue", check: boolean},
	{name: "ContentBasedDeduplication", check: boolean},
	{name: "DeduplicationScope"},
	{name: "FifoThroughputLimit"},
	{name: "Policy", check: func(text string) string {
		if _, err := parsePolicy(text); err != nil {
			return err.Error()
		}
		return ""
	}},
	{name: "RedrivePolicy"}, // below
	{name: "RedriveAllowPolicy", check: func(text string) string {
		if !json.Valid([]byte(text)) {
			return "want JSON"
		}
		return ""
	}},
}

func boolean(text string) string {
	if text != "true" && text != "false" {
		return "want true or false"
	}
	return ""
}

// attributesKnown are the attributes that queues have but can't be given.
var attributesKnown = []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible", "CreatedTimestamp",
	"LastModifiedTimestamp", "QueueArn"}

func knownAttribute(name string) *queueAttribute {
	for i := range queueAttributes {
		if queueAttributes[i].name == name {
			return &queueAttributes[i]
		}
	}
	return nil
}

// checkAttributes refuses attributes that no queue can be given.
func checkAttributes(attributes map[string]string) *failure {
	for _, name := range sortedKeys(attributes) {
		value, a := attributes[name], knownAttribute(name)
		if a == nil {
			return fail(invalidAttributeName, "Unknown Attribute %s.", name)
		}
		if value == "" {
			continue // takes it away
		}
		if name == "RedrivePolicy" {
			if _, err := parseRedrive(value); err != nil {
				return fail(invalidParameterValue, "Value %s for parameter RedrivePolicy is invalid. Reason: %s.", value, err)
			}
		} else if a.high > 0 {
			if n, err := strconv.Atoi(value); err != nil || n < a.low || n > a.high {
				return fail(invalidAttributeValue, "Invalid value for the parameter %s. Reason: want a number from %d to %d.", name, a.low, a.high)
			}
		} else if a.check != nil {
			if why := a.check(value); why != "" {
				return fail(invalidAttributeValue, "Invalid value for the parameter %s. Reason: %s.", name, why)
			}
		}
	}
	return nil
}

// redrivePolicy says when messages become dead letters.
type redrivePolicy struct {
	Target          string
	MaxReceiveCount int
}

func parseRedrive(text string) (*redrivePolicy, error) {
	var p struct {
		Target string          `json:"deadLetterTargetArn"`
		Count  json.RawMessage `json:"maxReceiveCount"` // a number, or one as a text
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf(`want JSON such as {"deadLetterTargetArn":"arn:aws:sqs:…","maxReceiveCount":5}`)
	}
	if _, err := ParseARN(p.Target); err != nil {
		return nil, fmt.Errorf("deadLetterTargetArn: %w", err)
	}
	n, err := strconv.Atoi(strings.Trim(string(p.Count), `"`))
	if err != nil || n < 1 || n > 1000 {
		return nil, fmt.Errorf("maxReceiveCount: want a number from 1 to 1000")
	}
	return &redrivePolicy{p.Target, n}, nil
}

// set gives the queue attributes that have been checked; an empty one is taken away.
func (q *queue) set(attributes map[string]string) {
	for name, value := range attributes {
		if value == "" {
			delete(q.attributes, name)
		} else {
			q.attributes[name] = value
		}
	}
	if q.redrive = nil; q.attributes["RedrivePolicy"] != "" {
		q.redrive, _ = parseRedrive(q.attributes["RedrivePolicy"])
	}
}

// attribute is an attribute that the queue was given, or what stands for it.
func (q *queue) attribute(name string) string {
	if v, ok := q.attributes[name]; ok {
		return v
	}
	if a := knownAttribute(name); a != nil {
		if name == "SqsManagedSseEnabled" && q.attributes["KmsMasterKeyId"] != "" {
			return "false"
		}
		if name == "KmsDataKeyReusePeriodSeconds" && q.attributes["KmsMasterKeyId"] != "" {
			return "300"
		}
		return a.standard
	}
	return ""
}

func (q *queue) number32(name string) int {
	n, _ := strconv.Atoi(q.attribute(name))
	return n
}

func (q *queue) retention() time.Duration {
	return time.Duration(q.number32("MessageRetentionPeriod")) * time.Second
}

// all are the attributes as GetQueueAttributes shows them: those that the queue has.
func (q *queue) all() map[string]string {
	all := map[string]string{
		"QueueArn":                              q.name.ARN(),
		"ApproximateNumberOfMessages":           strconv.Itoa(q.ready.live),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(q.inFlight),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(q.delayed),
		"CreatedTimestamp":                      strconv.FormatInt(q.created.Unix(), 10),
		"LastModifiedTimestamp":                 strconv.FormatInt(q.modified.Unix(), 10),
	}
	for _, a := range queueAttributes {
		if v := q.attribute(a.name); v != "" {
			all[a.name] = v
		}
	}
	return all
}
