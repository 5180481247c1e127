package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/notifications"
)

// notified is spapi with an emulator that stays from one command to the next, and no limits.
type notified struct {
	*testing.T

	emu       *emulator.Emulator
	stdin     string
	transport http.RoundTripper // nil: the emulator
}

func newNotified(t *testing.T, options ...emulator.Option) *notified {
	t.Helper()
	bare(t)
	emu, err := emulator.New(append([]emulator.Option{emulator.WithSeed(1), emulator.WithoutLimits(), emulator.WithOrders(20),
		emulator.WithProducts(10)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return &notified{T: t, emu: emu}
}

func (n *notified) run(args ...string) (status int, out, messages string) {
	n.Helper()
	streams, o, m := terminal.Buffers()
	streams.In = strings.NewReader(n.stdin)
	f := factory.With(streams, "test", nil)
	f.UseEmulator(n.emu)
	f.UseLimiter(noLimit{})
	if n.transport != nil {
		f.UseTransport(n.transport)
	}
	status = cli.Run(n.Context(), f, append([]string{"--emulator"}, args...))
	return status, o.String(), m.String()
}

// do wants a command to work, and returns what it prints.
func (n *notified) do(args ...string) string {
	n.Helper()
	status, out, messages := n.run(args...)
	if status != exit.OK {
		n.Fatalf("spapi %s ended with status %d: %s", strings.Join(args, " "), status, messages)
	}
	return strings.TrimSpace(out)
}

// otherToken sends a seller's token in the place of the application's own.
type otherToken struct{ emu *emulator.Emulator }

func (o otherToken) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/token") {
		c := o.emu.Credentials()
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.RefreshToken}, "client_id": {c.ClientID}, "client_secret": {c.ClientSecret}}
		r = r.Clone(r.Context())
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(form.Encode())), int64(len(form.Encode()))
	}
	return o.emu.RoundTrip(r)
}

const (
	ordersQueue = "arn:aws:sqs:us-east-1:123456789012:orders"
	noSuchID    = "00000000-0000-4000-8000-000000000000"
)

// destination makes one and returns its id.
func (n *notified) destination() string {
	n.Helper()
	return n.do("notifications", "destinations", "create", "orders", "--sqs", ordersQueue, "--jq", ".destinationId")
}

// TestNotificationErrors: each error of the Notifications API that is known is reached by a command, has its exit status, and is explained.
func TestNotificationErrors(t *testing.T) {
	const orderFilter = `{"orderChangeTypes":["OrderStatusChange"]}`
	create := func(typ string, more ...string) []string {
		return append([]string{"notifications", "subscriptions", "create", typ, "--destination", "orders"}, more...)
	}
	reached := map[string]bool{}
	for _, c := range []struct {
		name    string // of the explanation
		prepare func(n *notified) []string
		status  int
		text    string // of Amazon's answer, in part
	}{
		{"destination-exists", func(n *notified) []string {
			n.destination()
			return []string{"notifications", "destinations", "create", "again", "--sqs", ordersQueue}
		}, exit.API, "A destination with arn " + ordersQueue + " already exists"},
		{"destination-two-kinds", func(*notified) []string {
			return []string{"notifications", "destinations", "create", "both", "--sqs", ordersQueue, "--event-bridge", "123456789012/us-east-1", "--no-check"}
		}, exit.API, "multiple resource types"},
		{"destination-invalid", func(*notified) []string {
			return []string{"notifications", "destinations", "create", "bad", "--no-check", "--event-bridge", "12/us-east-1"}
		}, exit.API, "InvalidInput"},
		{"body-unreadable", func(n *notified) []string {
			n.stdin = `{"name":"x","resource_specification":{}}`
			return []string{"request", "POST", "/notifications/v1/destinations", "--input", "-"}
		}, exit.Unknown, "InternalFailure"},
		{"destinations-forbidden", func(n *notified) []string {
			n.transport = otherToken{n.emu}
			return []string{"notifications", "destinations", "create", "orders", "--sqs", ordersQueue}
		}, exit.Auth, "403"},
		{"destination-in-use", func(n *notified) []string {
			id := n.destination()
			n.do(create("REPORT_PROCESSING_FINISHED")...)
			return []string{"notifications", "destinations", "delete", id, "--yes"}
		}, exit.Auth, "Destination has subscriptions"},
		{"destination-unknown", func(*notified) []string {
			return []string{"notifications", "subscriptions", "create", "ORDER_CHANGE", "--destination", noSuchID, "--event-filter", orderFilter, "--no-check"}
		}, exit.API, "No destination with id " + noSuchID},
		{"subscription-exists", func(n *notified) []string {
			n.destination()
			n.do(create("ORDER_CHANGE", "--event-filter", orderFilter)...)
			return create("ORDER_CHANGE", "--event-filter", orderFilter)
		}, exit.API, "Subscription already exist for notification type ORDER_CHANGE"},
		{"directive-missing", func(n *notified) []string {
			return []string{"notifications", "subscriptions", "create", "ORDER_CHANGE", "--destination", n.destination(), "--no-check"}
		}, exit.API, "must not be empty"},
		{"directive-unfit", func(n *notified) []string {
			return []string{"notifications", "subscriptions", "create", "ORDER_CHANGE", "--destination", n.destination(), "--no-check",
				"--event-filter", `{"eventFilterType":"ANY_OFFER_CHANGED"}`}
		}, exit.API, "failed to validate for notification type ORDER_CHANGE"},
		{"directive-both", func(n *notified) []string {
			return []string{"notifications", "subscriptions", "create", "ORDER_CHANGE", "--destination", n.destination(), "--no-check",
				"--event-filter", orderFilter, "--filter-expression", "a == 1"}
		}, exit.API, "mutually exclusive"},
		{"expression-invalid", func(n *notified) []string {
			return []string{"notifications", "subscriptions", "create", "ORDER_CHANGE", "--destination", n.destination(), "--no-check", "--filter-expression", "a + 1 > 2"}
		}, exit.API, "filterExpression"},
		{"queue-only", func(n *notified) []string {
			bus := n.do("notifications", "destinations", "create", "bus", "--event-bridge", "123456789012/us-east-1", "--jq", ".destinationId")
			return []string{"notifications", "subscriptions", "create", "ORDER_CHANGE", "--destination", bus, "--no-check", "--event-filter", orderFilter}
		}, exit.API, "AWS_EVENT_BRIDGE"},
		{"subscription-invalid", func(n *notified) []string {
			n.stdin = `{"payloadVersion":"1.0","processingDirective":{"eventFilter":{"eventFilterType":"ORDER_CHANGE","orderChangeTypes":["OrderStatusChange"]}}}`
			return []string{"request", "POST", "/notifications/v1/subscriptions/ORDER_CHANGE", "--input", "-"}
		}, exit.API, "InvalidInput"},
		{"fifo", func(n *notified) []string {
			*n = *newNotified(n.T, emulator.WithFIFORefused())
			return []string{"notifications", "destinations", "create", "orders", "--no-check", "--sqs", ordersQueue + ".fifo"}
		}, exit.API, "InvalidInput"},
		{"eventbridge-only", func(n *notified) []string {
			return []string{"notifications", "subscriptions", "create", "LISTINGS_ITEM_STATUS_CHANGE", "--destination", n.destination(), "--no-check"}
		}, exit.API, "cannot be parsed"},
		{"role-missing", func(n *notified) []string {
			n.emu.SetRoles("Product Listing")
			return []string{"notifications", "subscriptions", "get", "ORDER_CHANGE"}
		}, exit.Auth, "Access to requested resource is denied"},
		{"delete-forbidden", func(n *notified) []string {
			n.emu.SetRoles("Product Listing")
			return []string{"notifications", "subscriptions", "delete", "ORDER_CHANGE", noSuchID, "--yes"}
		}, exit.Auth, "Access to requested resource is denied"},
		{"not-found", func(*notified) []string { return []string{"notifications", "destinations", "get", noSuchID} }, exit.API, "NotFound"},
		{"not-found", func(*notified) []string {
			return []string{"notifications", "subscriptions", "get", "REPORT_PROCESSING_FINISHED"}
		}, exit.API, "NotFound"},
		{"throttled", func(n *notified) []string {
			n.emu.AddFault(emulator.Fault{Kind: emulator.FaultThrottle, Operation: "notificationsv1.*"})
			return []string{"--timeout", "1s", "notifications", "destinations", "get", noSuchID}
		}, exit.Throttled, "QuotaExceeded"},
		{"type-unknown", func(n *notified) []string {
			return []string{"notifications", "subscriptions", "create", "ORDER_CHANGES", "--destination", n.destination(), "--no-check", "--payload-version", "1.0"}
		}, exit.API, "notificationType"},
		{"version-unknown", func(n *notified) []string {
			return []string{"notifications", "subscriptions", "create", "ORDER_CHANGE", "--destination", n.destination(), "--no-check", "--payload-version", "7.0",
				"--event-filter", orderFilter}
		}, exit.API, "ersion"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNotified(t)
			line := c.prepare(n)
			status, out, messages := n.run(line...)
			want := ""
			for _, e := range notifications.Explanations() {
				if e.Name == c.name {
					want = e.Means
				}
			}
			if want == "" {
				t.Fatal("there is no explanation of this name")
			}
			want = strings.NewReplacer("{type}", "ORDER_CHANGE", "{roles}", "Amazon Fulfillment, Direct to Consumer Shipping or Inventory and Order "+
				"Tracking").Replace(want)
			if strings.Contains(messages, "LISTINGS_") {
				want = strings.ReplaceAll(want, "ORDER_CHANGE", "LISTINGS_ITEM_STATUS_CHANGE")
			}
			if status != c.status || out != "" && line[0] != "request" || !strings.Contains(messages, c.text) || !strings.Contains(messages, want) {
				t.Errorf("status %d, stdout %q, stderr:\n%s\nwant status %d, Amazon's text %q, and\n%s", status, out, messages, c.status, c.text, want)
			}
			reached[c.name] = true
		})
	}
	for _, e := range notifications.Explanations() {
		if e.Status != 0 && !reached[e.Name] {
			t.Errorf("no command reaches %s", e.Name)
		}
	}
}

// TestNotificationTypes: the types as JSON are what a program needs of them.
func TestNotificationTypes(t *testing.T) {
	n := newNotified(t)
	var rows []struct {
		Type      string
		Versions  []string
		Status    string
		Token     *string
		Directive struct{ EventFilter string }
		Roles     []string
	}
	if err := json.Unmarshal([]byte(n.do("notifications", "types", "-o", "json")), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(notifications.Types()) || len(rows) < 31 {
		t.Errorf("%d rows, want the %d that there are, 31 at least", len(rows), len(notifications.Types()))
	}
	for _, r := range rows {
		if r.Type == "" || r.Status == "" || r.Token == nil && r.Status != "removed" || r.Directive.EventFilter == "" || r.Roles == nil || r.Versions == nil {
			t.Errorf("%+v lacks something", r)
		}
	}
	if all := n.do("notifications", "types", "order_change", "-o", "table"); !strings.Contains(all, "eventFilter    required; must have orderChangeTypes") {
		t.Errorf("of one type it prints\n%s", all)
	}
}

const setUpYAML = `destinations:
  - name: orders
    sqs: ` + ordersQueue + `
subscriptions:
  - type: ORDER_CHANGE
    destination: orders
    eventFilter: {orderChangeTypes: [OrderStatusChange]}
  - type: REPORT_PROCESSING_FINISHED
    destination: orders
`

// TestNotificationsApply: a plan that is applied is empty afterwards; what was removed by hand is found and restored; what changes is told with its loss; what
// isn't wanted stays until it is pruned.
func TestNotificationsApply(t *testing.T) {
	n := newNotified(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wanted := file("setup.yaml", setUpYAML)
	plan := func(path string, more ...string) (int, string) {
		t.Helper()
		status, out, messages := n.run(append([]string{"notifications", "plan", "-f", path, "--detailed-exit-code", "-o", "table"}, more...)...)
		if messages != "" {
			t.Logf("stderr: %s", messages)
		}
		return status, out
	}
	if status, out := plan(wanted); status != exit.Changes || !strings.Contains(out, "create destination") || !strings.Contains(out, "3 to do, 0 as desired") ||
		!strings.Contains(out, "nothing may arrive") {
		t.Errorf("before: status %d\n%s", status, out)
	}
	if status, _, messages := n.run("notifications", "apply", "-f", wanted); status != exit.Usage || !strings.Contains(messages, "say --yes") {
		t.Errorf("without --yes: status %d: %s", status, messages)
	}
	if status, out := plan(wanted); status != exit.Changes {
		t.Errorf("what wasn't confirmed was done: status %d\n%s", status, out)
	}
	var result notifications.Result
	if err := json.Unmarshal([]byte(n.do("notifications", "apply", "-f", wanted, "--yes", "-o", "json")),
		&result); err != nil || result.Count(notifications.StatusDone) != 3 {
		t.Errorf("applied: %v, %v", result, err)
	}
	if status, out := plan(wanted); status != exit.OK || !strings.Contains(out, "0 to do, 3 as desired") {
		t.Errorf("after: status %d\n%s", status, out)
	}
	before := len(n.emu.Requests())
	if out := n.do("notifications", "apply", "-f", wanted, "--yes", "-o", "table"); out != "" {
		t.Errorf("the second time it printed %q", out)
	}
	for _, r := range n.emu.Requests()[before:] {
		if r.Method != "GET" && strings.HasPrefix(r.Operation, "notificationsv1.") {
			t.Errorf("the second time it sent %s %s", r.Method, r.Path)
		}
	}

	// A subscription is removed by hand.
	id := n.do("notifications", "subscriptions", "get", "ORDER_CHANGE", "--jq", ".subscriptionId")
	n.do("notifications", "subscriptions", "delete", "ORDER_CHANGE", id, "--yes")
	if status, out := plan(wanted, "--types-only"); status != exit.Changes || !strings.Contains(out, "create subscription of emulator to ORDER_CHANGE") {
		t.Errorf("after it was removed: status %d\n%s", status, out)
	}
	n.do("notifications", "apply", "-f", wanted, "--yes")

	// A plan that was kept; a change loses something.
	changed := file("changed.yaml", strings.Replace(setUpYAML, "[OrderStatusChange]", "[BuyerRequestedChange]", 1))
	kept := file("plan.json", n.do("notifications", "plan", "-f", changed, "-o", "json"))
	status, out, messages := n.run("notifications", "apply", "--plan", kept, "--yes", "-o", "table")
	if status != exit.OK || !strings.Contains(out, "done: replace subscription") || !strings.Contains(messages, "lost") {
		t.Errorf("the kept plan: status %d\n%s\n%s", status, out, messages)
	}

	// What isn't wanted.
	fewer := file("fewer.yaml", setUpYAML[:strings.Index(setUpYAML, "  - type: REPORT")])
	if status, out := plan(fewer, "--prune"); status != exit.Changes || !strings.Contains(out, "delete subscription of emulator to REPORT_PROCESSING_FINISHED") {
		t.Errorf("--prune: status %d\n%s", status, out)
	}
	if _, out := plan(fewer); !strings.Contains(out, "drift (na): emulator is subscribed to REPORT_PROCESSING_FINISHED") {
		t.Errorf("drift: %s", out)
	}

	// Mistakes are told before anything is sent, with their lines.
	for text, want := range map[string]string{
		"": "is empty", "destinations:\n  - name: x\n    sqs: y\n": "line 3: destinations[0].sqs", "subscription: []\n": "line 1",
		setUpYAML + "    sellers: [shop-de]\n": "--sellers names the accounts",
	} {
		status, _, messages := n.run("notifications", "plan", "-f", file("bad.yaml", text))
		if status != exit.Usage || !strings.Contains(messages, want) {
			t.Errorf("%q: status %d: %s\nwant %q", text, status, messages, want)
		}
	}
}

// TestNotificationsOfSellers: --sellers are stored accounts by name, or all of them, each with its own subscriptions.
func TestNotificationsOfSellers(t *testing.T) {
	n := newNotified(t)
	second, err := n.emu.AddAccount(emulator.AccountConfig{Region: "na"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("SPAPI_ACCOUNTS", filepath.Join(dir, "accounts.age"))
	t.Setenv("SPAPI_KEY_FILE", filepath.Join(dir, "key"))
	store, err := accounts.DefaultFile(nil)
	if err != nil {
		t.Fatal(err)
	}
	first := n.emu.Credentials()
	if err := store.PutApplication(t.Context(), accounts.Application{ClientID: first.ClientID, ClientSecret: spapi.NewSecret(first.ClientSecret)}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]emulator.Credentials{"shop-1": first, "shop-2": second} {
		if err := store.Put(t.Context(), accounts.Account{Name: name, Region: "na", ClientID: c.ClientID, RefreshToken: spapi.NewSecret(c.RefreshToken)}); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (int, string, string) {
		t.Helper()
		streams, o, m := terminal.Buffers()
		f := factory.With(streams, "test", nil)
		f.UseTransport(n.emu)
		f.UseLimiter(noLimit{})
		status := cli.Run(t.Context(), f, args)
		return status, o.String(), m.String()
	}
	file := filepath.Join(dir, "setup.yaml")
	if err := os.WriteFile(file, []byte(setUpYAML+"    sellers: [shop-2]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, messages := run("notifications", "apply", "-f", file, "--yes", "--sellers", "shop-1,shop-2"); status != exit.OK {
		t.Fatalf("apply: status %d: %s", status, messages)
	}
	status, out, messages := run("notifications", "subscriptions", "list", "--sellers", "all", "--jq", `.[] | .seller + " " + .type`)
	if want := "shop-1 ORDER_CHANGE\nshop-2 ORDER_CHANGE\nshop-2 REPORT_PROCESSING_FINISHED\n"; status != exit.OK || out != want {
		t.Errorf("status %d, %q, want %q: %s", status, out, want, messages)
	}
	if status, _, messages := run("notifications", "subscriptions", "list", "--sellers", "shop-3"); status != exit.Usage || !strings.Contains(messages, "shop-3") {
		t.Errorf("an unknown one: status %d: %s", status, messages)
	}
	if status, _, messages := run("notifications", "plan", "-f", file, "--sellers", "all", "--region", "eu"); status != exit.Usage {
		t.Errorf("--region beside --sellers: status %d: %s", status, messages)
	}
}
