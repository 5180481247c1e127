package notifications_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
	"github.com/openspapi/spapi/notifications"
)

// wire counts what goes over it, and lets a test meddle.
type wire struct {
	next http.RoundTripper

	mu        sync.Mutex
	calls     map[string]int // that were answered with success, by operation
	writes    int            // calls that change something, whatever the answer
	throttled int
	meddle    func(operation string, send func() (*http.Response, error)) (*http.Response, error) // nil: nothing
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	operation := named(req)
	send := func() (*http.Response, error) { return w.next.RoundTrip(req) }
	w.mu.Lock()
	meddle := w.meddle
	if strings.HasPrefix(operation, "create") || strings.HasPrefix(operation, "delete") {
		w.writes++
	}
	w.mu.Unlock()
	var resp *http.Response
	var err error
	if meddle != nil && operation != "" {
		resp, err = meddle(operation, send)
	} else {
		resp, err = send()
	}
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if resp.StatusCode == http.StatusTooManyRequests {
		w.throttled++
	} else if resp.StatusCode < 300 {
		w.calls[operation]++
	}
	return resp, nil
}

// named is the operation of a request, "" for those to Login with Amazon.
func named(req *http.Request) string {
	parts := strings.Split(strings.TrimPrefix(req.URL.Path, "/notifications/v1/"), "/")
	verb := map[string]string{"GET": "get", "POST": "create", "DELETE": "delete"}[req.Method]
	switch parts[0] {
	case "destinations":
		return verb + "Destination"
	case "subscriptions":
		return verb + "Subscription"
	}
	return ""
}

func (w *wire) setMeddle(f func(operation string, send func() (*http.Response, error)) (*http.Response, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.meddle = f
}

func (w *wire) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writes
}

// stand is an emulator with sellers, and a manager of them.
type stand struct {
	*notifications.Manager

	t       testing.TB
	emu     *emulator.Emulator
	wire    *wire
	secrets []string
}

// newStand has a seller for each region, named s0, s1 and so on.
func newStand(t testing.TB, regions []marketplace.Region, options ...emulator.Option) *stand {
	t.Helper()
	emu, err := emulator.New(append([]emulator.Option{emulator.WithSeed(1), emulator.WithOrders(0), emulator.WithProducts(1), emulator.WithRegion(regions[0])}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range regions[1:] {
		if _, err := emu.AddAccount(emulator.AccountConfig{Region: r}); err != nil {
			t.Fatal(err)
		}
	}
	s := &stand{Manager: new(notifications.Manager), t: t, emu: emu, wire: &wire{next: emu, calls: map[string]int{}}}
	for i, c := range emu.Accounts() {
		if s.App == nil {
			s.App = spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(s.wire))
			s.secrets = append(s.secrets, c.ClientSecret)
		}
		client := s.App.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region, SellerID: c.SellerID})
		s.Sellers = append(s.Sellers, notifications.Seller{Name: fmt.Sprintf("s%d", i), Client: client})
		s.secrets = append(s.secrets, c.RefreshToken)
	}
	return s
}

func (s *stand) plan(setup string, options notifications.PlanOptions) *notifications.Plan {
	s.t.Helper()
	p, err := s.Plan(context.Background(), read(s.t, setup), options)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		s.t.Fatal(err)
	}
	s.noSecrets(string(text), p.String(), fmt.Sprintf("%+v", p), fmt.Sprintf("%+v", *s.Manager))
	return p
}

func (s *stand) apply(p *notifications.Plan) *notifications.Result {
	s.t.Helper()
	r, err := s.Apply(context.Background(), p)
	if err != nil {
		s.t.Fatal(err)
	}
	s.resultHasNoSecrets(r)
	return r
}

func (s *stand) resultHasNoSecrets(r *notifications.Result) {
	s.t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.noSecrets(string(text))
	for _, o := range r.Outcomes {
		s.noSecrets(o.String(), fmt.Sprintf("%+v", o))
	}
}

func (s *stand) noSecrets(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		for _, secret := range s.secrets {
			if strings.Contains(text, secret) {
				s.t.Errorf("a secret is in %.300s", text)
			}
		}
		if strings.Contains(text, "Atza|") || strings.Contains(text, "Atc|") {
			s.t.Errorf("a token is in %.300s", text)
		}
	}
}

// api calls as a seller.
func (s *stand) api(seller int) *notificationsv1.Client {
	return notificationsv1.New(s.Sellers[seller].Client)
}

// there lists what there is, for comparing.
func (s *stand) there() []string {
	s.t.Helper()
	d, err := s.Destinations(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	state, err := s.Subscriptions(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	resource, list := map[string]string{}, []string{}
	for _, d := range d.Destinations {
		resource[d.ID] = d.SQS
		if d.EventBridge != nil {
			resource[d.ID] = d.EventBridge.AccountID
		}
		list = append(list, fmt.Sprintf("destination %s %s %s", d.Region, d.Name, resource[d.ID]))
	}
	for _, sub := range state.Subscriptions {
		directive, err := json.Marshal(sub.Directive)
		if err != nil {
			s.t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s %s %s %s %s %s", sub.Region, sub.Seller, sub.Type, sub.PayloadVersion, resource[sub.DestinationID], directive))
	}
	slices.Sort(list)
	return list
}

func read(t testing.TB, text string) *notifications.Setup {
	t.Helper()
	s, err := notifications.ReadSetup(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is a reply of Amazon's.
func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader([]byte(body)))}
}

// lines are a plan's steps and findings.
func lines(p *notifications.Plan) string { return p.String() }

func find(t testing.TB, p *notifications.Plan, kind notifications.FindingKind, part string) notifications.Finding {
	t.Helper()
	for _, f := range p.Findings {
		if f.Kind == kind && strings.Contains(f.String(), part) {
			return f
		}
	}
	t.Fatalf("no %s with %q in\n%s", kind, part, lines(p))
	return notifications.Finding{}
}
