package notifications

import (
	"strings"
	"testing"
)

func TestParseQueue(t *testing.T) {
	for text, want := range map[string]queue{
		"arn:aws:sqs:us-east-1:123456789012:orders":               {"", "us-east-1", "123456789012", "orders"},
		"arn:aws:sqs:us-east-1:123456789012:orders.fifo":          {"", "us-east-1", "123456789012", "orders.fifo"},
		"https://sqs.eu-west-1.amazonaws.com/123456789012/orders": {"https://sqs.eu-west-1.amazonaws.com/123456789012/orders", "eu-west-1", "123456789012", "orders"},
		"https://eu-west-1.queue.amazonaws.com/123456789012/o/":   {"https://eu-west-1.queue.amazonaws.com/123456789012/o", "eu-west-1", "123456789012", "o"},
		"http://127.0.0.1:8080/sqs/123456789012/orders":           {"http://127.0.0.1:8080/sqs/123456789012/orders", "", "123456789012", "orders"},
		"http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/q": {"http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/q", "us-east-1",
			"000000000000", "q"},
	} {
		if got, err := parseQueue(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "orders", "arn:aws:sns:us-east-1:123456789012:orders", "arn:aws:sqs:us-east-1:1:orders",
		"https://sqs.us-east-1.amazonaws.com/orders",
		"https://ann:CANARY@sqs.us-east-1.amazonaws.com/123456789012/orders", "https://x/123456789012/orders?token=CANARY"} {
		if _, err := parseQueue(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	for text, want := range map[string]string{"https://sqs.eu-west-1.amazonaws.com/123456789012/orders": "", "arn:aws:sqs:us-east-1:123456789012:orders": "",
		"http://127.0.0.1:8080/sqs/123456789012/orders": "http://127.0.0.1:8080/sqs"} {
		if q, err := parseQueue(text); err != nil || q.server() != want {
			t.Errorf("%s is at %q, %v", text, q.server(), err)
		}
	}
}

const ordersARN = "arn:aws:sqs:us-east-1:123456789012:orders"

// TestJudge: what a queue's policy says of Amazon's account.
func TestJudge(t *testing.T) {
	statement := func(parts string) string { return `{"Version":"2012-10-17","Statement":` + parts + `}` }
	const good = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::437568002678:root"},"Action":["sqs:SendMessage","sqs:GetQueueAttributes"],"Resource":"` + ordersARN + `"}`
	const account, denied = `{"StringEquals":{"aws:SourceAccount":"1"}}`, `{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*",`
	under := func(condition string) string {
		return strings.Replace(good, `"Resource"`, `"Condition":`+condition+`,"Resource"`, 1)
	}
	for _, c := range []struct {
		name, policy    string
		allowed, denied bool
		condition       bool
		why             string
	}{
		{"as it should be", statement("[" + good + "]"), true, false, false, ""},
		{"one statement, no list", statement(good), true, false, false, ""},
		{"the account's number", statement(`[{"Effect":"Allow","Principal":{"AWS":["111111111111","437568002678"]},"Action":"SQS:*","Resource":"*"}]`),
			true, false, false, ""},
		{"anybody", statement(`[{"Effect":"Allow","Principal":"*","Action":"sqs:Send*","Resource":"arn:aws:sqs:*:*:ord?rs"}]`), true, false, false, ""},
		{"nobody", statement(`[]`), false, false, false, "names Amazon's account"},
		{"the owner only", statement(`[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"SQS:*","Resource":"*"}]`), false,
			false, false, "names Amazon's account"},
		{"another account of Amazon's", statement(`[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::437568002679:root"},"Action":"SQS:*","Resource":"*"}]`), false, false, false, ""},
		{"a service", statement(`[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"SQS:*","Resource":"*"}]`), false, false, false, ""},
		{"the wrong action", statement(`[{"Effect":"Allow","Principal":"*","Action":"sqs:ReceiveMessage","Resource":"*"}]`), false, false, false,
			"but not sqs:SendMessage"},
		{"another queue", statement(`[{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:us-east-1:123456789012:order"}]`), false,
			false, false, "isn't this queue"},
		{"denied", statement("[" + good + `,{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}]`), true, true, false,
			"statement 2 of its policy denies"},
		{"denied to others", statement("[" + good + `,{"Effect":"Deny","NotPrincipal":{"AWS":"437568002678"},"Action":"sqs:*","Resource":"*"}]`), true,
			false, false, ""},
		{"under a condition", statement("[" + under(account) + "]"), true, false, true, ""},
		{"under a condition, and under none", statement("[" + under(account) + "," + good + "]"), true, false, false, ""},
		{"under none, and under a condition", statement("[" + good + "," + under(account) + "]"), true, false, false, ""},
		{"denied under a condition", statement("[" + good + "," + denied + `"Condition":` + account + `}]`), true, false, true, ""},
		{"denied under a condition, then allowed", statement("[" + denied + `"Condition":` + account + "}," + good + "]"), true, false, true, ""},
		{"by TLS", statement("[" + under(`{"Bool":{"aws:SecureTransport":true}}`) + "]"), true, false, false, ""},
		{"not by TLS", statement("[" + under(`{"Bool":{"aws:SecureTransport":"false"}}`) + "]"), false, false, false, "names Amazon's account"},
		{"denied but by TLS", statement("[" + good + "," + denied + `"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]`), true, false, false, ""},
		{"denied by TLS", statement("[" + good + "," + denied + `"Condition":{"Bool":{"aws:SecureTransport":["true"]}}}]`), true, true, false, "denies"},
		{"all actions but", statement(`[{"Effect":"Allow","Principal":"*","NotAction":"sqs:DeleteQueue","Resource":"*"}]`), true, false, false, ""},
	} {
		j, err := judge(c.policy, ordersARN, "sqs:SendMessage", spAPI)
		if err != nil || j.allowed != c.allowed || j.denied != c.denied || (j.condition != "") != c.condition || !strings.Contains(j.why, c.why) {
			t.Errorf("%s: %+v, %v", c.name, j, err)
		}
	}
	for _, policy := range []string{"", "x", `{"Statement":7}`, `{}`} {
		if _, err := judge(policy, ordersARN, "sqs:SendMessage", spAPI); err == nil {
			t.Errorf("%q is no error", policy)
		}
	}
}
