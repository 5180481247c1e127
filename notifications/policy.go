package notifications

import (
	"encoding/json"
	"fmt"
)

// Account is Amazon's own AWS account, by which SP-API writes to queues.
const Account = "437568002678"

// principal is that account as policies name it.
const principal = "arn:aws:iam::" + Account + ":root"

// statement is one of an AWS policy; its members are in the order in which AWS shows them.
type statement struct {
	Sid       string            `json:"Sid"`
	Effect    string            `json:"Effect"`
	Principal map[string]string `json:"Principal"`
	Action    []string          `json:"Action"`
	Resource  string            `json:"Resource"`
}

// QueuePolicy is the access policy that lets SP-API write to a queue, as JSON to be pasted into the queue's settings. Amazon checks it neither for a
// destination nor for a subscription: with a wrong one nothing arrives, and nobody says so. An encrypted queue needs [KeyPolicyStatement], too. The error is about the ARN:
// a [*SetupError].
func QueuePolicy(queueARN string) (string, error) {
	if wrong := checkQueue(queueARN); wrong != "" {
		return "", &SetupError{Problems: []SetupProblem{{Field: "queue", Value: shown(queueARN), Want: wrong}}}
	}
	return indented(struct {
		Version   string      `json:"Version"`
		Statement []statement `json:"Statement"`
	}{"2012-10-17", []statement{{"SellingPartnerAPI", "Allow", map[string]string{"AWS": principal},
		[]string{"sqs:SendMessage", "sqs:GetQueueAttributes"}, queueARN}}}), nil
}

// KeyPolicyStatement is the statement that the policy of a customer-managed KMS key needs for a queue that is encrypted with it, as JSON. AWS's own key
// for SQS (alias/aws/sqs) won't do: its policy can't be changed. A queue encrypted by SQS itself (SSE-SQS) has no key.
func KeyPolicyStatement() string {
	return indented(statement{"SellingPartnerAPI", "Allow", map[string]string{"AWS": principal}, []string{"kms:GenerateDataKey", "kms:Decrypt"}, "*"})
}

func indented(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("notifications: policy: %s", err)) // of texts
	}
	return string(text)
}
