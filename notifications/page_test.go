package notifications_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/openspapi/spapi/notifications"
)

var update = flag.Bool("update", false, "write the table of docs/notifications.md")

const page = "../docs/notifications.md"

// TestPage holds what docs/notifications.md says of types and policies against what the package knows: go test ./notifications -run TestPage -update writes the
// table.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- types: written by go test ./notifications -run TestPage -update -->\n", "<!-- end of types -->\n"
	before, rest, there := strings.Cut(string(text), begin)
	_, after, ends := strings.Cut(rest, end)
	if !there || !ends {
		t.Fatalf("%s has no place for the table", page)
	}
	want := before + begin + typesTable() + end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want != string(text) {
		t.Errorf("%s has another table of types: go test ./notifications -run TestPage -update", page)
	}

	queue, err := notifications.QueuePolicy("arn:aws:sqs:us-east-1:123456789012:orders")
	if err != nil {
		t.Fatal(err)
	}
	var policies []string
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		policies = append(policies, m[1])
		if !json.Valid([]byte(m[1])) {
			t.Errorf("no JSON: %s", m[1])
		}
	}
	if len(policies) != 2 || policies[0] != queue || policies[1] != notifications.KeyPolicyStatement() {
		t.Errorf("the page's policies aren't those of QueuePolicy and KeyPolicyStatement: %q", policies)
	}
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if _, err := notifications.ReadSetup(strings.NewReader(m[1])); err != nil {
			t.Errorf("%v:\n%s", err, m[1])
		}
	}
}

func typesTable() string {
	var b strings.Builder
	b.WriteString("| type | payload version | comes by | when |\n|---|---|---|---|\n")
	by := map[string]string{"sqs": "SQS", "eventbridge": "EventBridge", "console": "SQS, set in the developer console"}
	for _, n := range notifications.Types() {
		when := n.Trigger
		switch {
		case n.Status == "removed":
			when = "never any more: Amazon has removed it"
			if n.Removal != "" {
				when += " on " + n.Removal
			}
			if n.ReplacedBy != "" {
				when += "; " + n.ReplacedBy + " took its place"
			}
		case n.Status != "current":
			when += " (" + n.Status + ")"
		}
		if n.EventFilter == "required" && n.Status != "removed" {
			when += "; a filter is required"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", n.Name, n.PayloadVersion, by[n.Destination], strings.ReplaceAll(when, "|", "\\|"))
	}
	return b.String()
}
