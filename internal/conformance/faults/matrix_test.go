// Package faults holds the fault matrix: what may go wrong on the way to Amazon or there, with all that the project does. Each cell recovers, or ends with
// a typed error within its bound, and nothing is sent twice.
package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/datakiosk20231115"
	"github.com/openspapi/spapi/api/feeds20210630"
	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/api/sellersv1"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// deed is a column of the matrix: something that is done with the project.
type deed struct {
	name string
	do   func(*testing.T, *scene) result
	// shrugs is a fault of the last call that it tells of and goes on without.
	shrugs string
	// again: it notes what it has asked for, so that after a failure the same once more goes on with that.
	again bool
	// created counts what the emulator has made of it; nil if there is nothing that may not be there twice.
	created func(context.Context, *spapi.Client) (int, error)
}

// result is how a deed went.
type result struct {
	out    string // what came of it; "" if it failed
	err    error  // of a program
	status int    // of a command
	said   string // by a command, on stderr
}

func (r result) failed() bool { return r.err != nil || r.status != 0 }

// scene is where a deed is done: a seller of its own, and the way to it.
type scene struct {
	*weather
	folder string
}

// client is that of a program.
func (s *scene) client() *spapi.Client {
	c := s.emu.Credentials()
	return spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(s.weather)).
		Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region})
}

// command is "spapi" with these arguments. talk, if there is one, answers what it says.
func command(talk func(*scene, *pipe), args ...string) func(*testing.T, *scene) result {
	return func(t *testing.T, s *scene) result {
		c := s.emu.Credentials()
		names := strings.NewReplacer("$CLIENT_ID", c.ClientID, "$APPLICATION_ID", c.ApplicationID, "$FOLDER", s.folder)
		line := []string{"--marketplace", "US"}
		if talk == nil {
			line = append(line, "--emulator")
		}
		for _, arg := range args {
			line = append(line, names.Replace(arg))
		}
		streams, out, _ := terminal.Buffers()
		in, answers := io.Pipe()
		defer in.Close()
		p := &pipe{in: answers, pages: make(chan string, 1)}
		streams.In, streams.Err = in, p
		if talk != nil {
			go talk(s, p)
		}
		f := factory.With(streams, "test", nil)
		f.UseEmulator(s.emu)
		f.UseTransport(s.weather)
		r := result{status: cli.Run(t.Context(), f, line), said: p.text.String()}
		r.out = out.String()
		if b, err := os.ReadFile(filepath.Join(s.folder, "out")); err == nil {
			r.out += string(b)
		}
		return r
	}
}

const (
	query = `{ analytics_salesAndTraffic_2024_04_24 { salesAndTrafficByDate(aggregateBy: DAY, startDate: "2026-07-01", endDate: "2026-07-03", ` +
		`marketplaceIds: ["ATVPDKIKX0DER"]) { startDate sales { unitsOrdered } } } }`
	refunds = "POST_PAYMENT_ADJUSTMENT_DATA" // what must never be sent twice
	feed    = `<?xml version="1.0" encoding="UTF-8"?>
<AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>M</MerchantIdentifier></Header><MessageType>OrderAdjustment</MessageType>
<Message><MessageID>1</MessageID><OrderAdjustment><AmazonOrderID>113-1952198-2105352</AmazonOrderID><AdjustedItem>
<AmazonOrderItemCode>73483296973318</AmazonOrderItemCode><AdjustmentReason>CustomerReturn</AdjustmentReason>
<ItemPriceAdjustments><Component><Type>Principal</Type><Amount currency="USD">0.01</Amount></Component></ItemPriceAdjustments></AdjustedItem></OrderAdjustment></Message></AmazonEnvelope>`
)

// deeds are all columns.
var deeds = []deed{
	{name: "typed call", do: func(t *testing.T, s *scene) result {
		list, err := sellersv1.New(s.client()).GetMarketplaceParticipations(t.Context(), nil)
		return result{out: fmt.Sprint(len(list)), err: err}
	}},
	{name: "typed call that creates", do: func(t *testing.T, s *scene) result {
		in := &reports20210630.CreateReportInput{ReportType: listings, MarketplaceIDs: []string{"ATVPDKIKX0DER"}}
		r, err := reports20210630.New(s.client()).CreateReport(t.Context(), in)
		if err == nil && r.ReportID == "" {
			err = errors.New("no id, and no error")
		}
		return result{out: "created", err: err}
	}, created: reportsOf},
	{name: "iterator", do: func(t *testing.T, s *scene) result {
		ids := map[string]bool{}
		in := &orders20260101.SearchOrdersInput{MarketplaceIDs: []string{"ATVPDKIKX0DER"}, CreatedAfter: time.Now().AddDate(0, 0, -60),
			MaxResultsPerPage: new(int64(10))}
		for order, err := range orders20260101.New(s.client()).SearchOrdersAll(t.Context(), in) {
			if err != nil {
				return result{err: err}
			}
			ids[order.OrderID] = true
		}
		return result{out: fmt.Sprint(len(ids) > 10)}
	}},
	{name: "orders list", do: command(nil, "orders", "list", "--since", "30d", "--limit", "5", "-o", "json", "--jq", "length")},
	{name: "report run", do: command(nil, "report", "run", listings), created: reportsOf},
	{name: "report run --journal", do: command(nil, "report", "run", listings, "--out", "$FOLDER/out"), again: true, created: reportsOf},
	{name: "feed submit", do: command(nil, "feed", "submit", refunds, "$FOLDER/feed.xml", "-o", "csv"), created: feedsOf},
	{name: "feed submit --journal", do: command(nil, "feed", "submit", refunds, "$FOLDER/feed.xml", "-o", "csv", "--journal", "$FOLDER/j"),
		again: true, created: feedsOf},
	{name: "kiosk run", do: command(nil, "kiosk", "run", query), created: queriesOf},
	{name: "auth login --self", shrugs: "expired token", do: command(func(s *scene, p *pipe) {
		c := s.emu.Credentials()
		p.answer(c.ClientSecret, c.RefreshToken)
	}, "auth", "login", "shop", "--self", "--client-id", "$CLIENT_ID", "-o", "json", "--jq", ".name")},
	{name: "auth login", shrugs: "expired token", do: command(consent, "auth", "login", "shop", "--client-id", "$CLIENT_ID", "--application-id", "$APPLICATION_ID",
		"--redirect-uri", redirectURI, "-o", "json", "--jq", ".name")},
	{name: "token request", do: func(t *testing.T, s *scene) result {
		token, err := s.client().AccessToken(t.Context())
		return result{out: fmt.Sprint(!token.Value.IsZero()), err: err}
	}},
}

const (
	listings    = "GET_MERCHANT_LISTINGS_ALL_DATA"
	redirectURI = "https://app.example.com/callback"
)

func reportsOf(ctx context.Context, c *spapi.Client) (n int, err error) {
	for _, err := range reports20210630.New(c).GetReportsAll(ctx, &reports20210630.GetReportsInput{ReportTypes: []string{listings}, PageSize: new(int64(100))}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

func feedsOf(ctx context.Context, c *spapi.Client) (n int, err error) {
	for _, err := range feeds20210630.New(c).GetFeedsAll(ctx, &feeds20210630.GetFeedsInput{FeedTypes: []string{refunds}, PageSize: new(int64(100))}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

func queriesOf(ctx context.Context, c *spapi.Client) (n int, err error) {
	for _, err := range datakiosk20231115.New(c).GetQueriesAll(ctx, &datakiosk20231115.GetQueriesInput{PageSize: new(int64(100))}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// pipe is stderr of a command, and the way to its stdin.
type pipe struct {
	text  strings.Builder
	in    *io.PipeWriter
	pages chan string // consent pages that were shown
}

func (p *pipe) Write(b []byte) (int, error) {
	if _, page, shown := strings.Cut(string(b), "\n  https://"); shown && strings.Contains(page, "/apps/authorize/consent") {
		p.pages <- "https://" + strings.Fields(page)[0]
	}
	return p.text.Write(b)
}

// answer writes lines to stdin.
func (p *pipe) answer(lines ...string) {
	for _, line := range lines {
		_, _ = io.WriteString(p.in, line+"\n") // fails when the command has ended
	}
}

// consent is a seller who opens the page that the command shows, confirms, and pastes where that leads.
func consent(s *scene, p *pipe) {
	defer p.in.Close()
	p.answer(s.emu.Credentials().ClientSecret)
	select {
	case page := <-p.pages:
		req, err := http.NewRequest(http.MethodGet, page+"&emulator_consent=approve", nil)
		if err != nil {
			panic(err)
		}
		resp, err := s.emu.RoundTrip(req)
		if err != nil {
			panic(err)
		}
		_ = resp.Body.Close()
		p.answer(resp.Header.Get("Location"))
	case <-time.After(time.Hour): // it failed before
	}
}

// stage makes a scene. It is under the same sky each time: what happens is the same, but for the fault.
func stage(t *testing.T, folder string) *scene {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)))
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithOrders(40), emulator.WithProducts(5), emulator.WithRedirectURIs(redirectURI))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "feed.xml"), []byte(feed), 0o600); err != nil {
		t.Fatal(err)
	}
	return &scene{&weather{emu: emu}, folder}
}

// unknown is the exit status of a command that has sent something of which nobody knows whether it was carried out.
const unknown = 8

// cell is one case: a fault that strikes one operation of a deed.
type cell struct {
	fault     *fault
	deed      *deed
	operation string
	lasting   bool // it never stops
	carried   bool
}

func (c cell) String() string {
	s := fmt.Sprintf("%s/%s/%s/", c.fault.name, c.deed.name, c.operation)
	if c.lasting {
		s += "lasting"
	} else {
		s += "passing"
	}
	if c.carried {
		s += " carried out"
	}
	return s
}

// fair is how a deed goes when nothing is wrong.
type fair struct {
	result
	operations []string // in the order in which they are first asked for
	took       time.Duration
	created    int
	again      *result // of the same once more, in fair weather; nil if there was no need
}

// patience is how much longer a deed may take with a fault: five attempts of a minute each, with the pauses of the slowest plan between them, for a
// document eight.
const patience = 20 * time.Minute

// hung is when a deed is given up.
const hung = 48 * time.Hour

// play does the deed under the fault, nil for none.
func (d *deed) play(t *testing.T, c *cell) (f fair, struck int) {
	folder := t.TempDir()
	if strings.HasPrefix(d.name, "auth") {
		t.Setenv("SPAPI_ACCOUNTS", filepath.Join(folder, "accounts.age"))
		t.Setenv("SPAPI_KEY_FILE", filepath.Join(folder, "key.txt"))
	}
	synctest.Test(t, func(t *testing.T) {
		s := stage(t, folder)
		if c != nil {
			s.weather.fault, s.operation, s.carried = c.fault, c.operation, c.carried
			if s.times = 2; c.fault.times > 0 {
				s.times = c.fault.times
			}
			if c.lasting {
				s.times = 0
			}
			s.begin(t)
		}
		began := time.Now()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f.result = d.do(t, s)
		}()
		select {
		case <-ended:
		case <-time.After(hung):
			t.Fatalf("%v: hung", c)
		}
		f.took = time.Since(began)
		for _, r := range s.emu.Requests() {
			if r.Operation != "central.consent" && !slices.Contains(f.operations, r.Operation) { // that one is the seller's browser's
				f.operations = append(f.operations, r.Operation)
			}
		}
		struck = s.end()
		if d.again && f.failed() {
			again := d.do(t, s)
			f.again = &again
		}
		if d.created != nil {
			var err error
			if f.created, err = d.created(t.Context(), s.client()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour) // what goes on behind, such as a request for a token that others may need
	})
	return f, struck
}

// mustRecover reports whether the cell has to recover.
func (c cell) mustRecover() bool {
	once := c.operation == login && c.deed.name == "auth login" // an authorization code works once
	switch {
	case c.fault.harmless:
		return true
	case c.lasting, c.fault.undecided:
		return false
	case c.fault.unsent:
		return !once || c.fault.strike != nil
	}
	return !once && c.repeatable()
}

// repeatable reports whether the operation is repeated when its answer was lost.
func (c cell) repeatable() bool {
	op, known := spapi.LookupOperation(c.operation)
	return op.Idempotent || !known
}

// typed reports whether an error tells what kind it is.
func typed(err error) bool {
	for _, target := range []any{new(*spapi.APIError), new(*spapi.AuthError), new(*spapi.DecodeError), new(*spapi.TimeoutError),
		new(*spapi.LimitError), new(*net.OpError)} {
		if errors.As(err, target) {
			return true
		}
	}
	return false
}

// service is whose answer the fault is in.
func (c cell) service() string {
	switch c.operation {
	case login, get, put:
		return c.operation
	}
	return api
}

// judge tells what is wrong about how a cell went; "" for nothing.
func (c cell) judge(fine, got *fair, struck int) string {
	switch {
	case struck == 0:
		return "the fault has not struck"
	case got.created > fine.created:
		return fmt.Sprintf("%d were created, want %d", got.created, fine.created)
	case got.took > fine.took+patience:
		return fmt.Sprintf("took %s, want at most %s more than %s", got.took, patience, fine.took)
	case got.failed() && c.mustRecover():
		return "want it to recover"
	case !got.failed() && c.lasting && c.repeatable() && !c.fault.harmless && c.fault.name != c.deed.shrugs:
		// What isn't repeated can be found, if it was carried out.
		return fmt.Sprintf("ended well, with %.100q", got.out)
	case !got.failed() && got.out != fine.out:
		return fmt.Sprintf("ended well, but with %.100q in place of %.100q", got.out, fine.out)
	case got.err != nil && !typed(got.err):
		return "the error has no type"
	case got.status != 0 && !slices.Contains(c.fault.statuses[c.service()], got.status) && (c.repeatable() || got.status != unknown):
		return fmt.Sprintf("want status %v", c.fault.statuses[c.service()])
	case got.again != nil && (c.operation != "feeds20210630.createFeed" || got.again.status == 0) && got.again.out != fine.out:
		// A feed of which nobody knows whether it was sent is for people to decide.
		return fmt.Sprintf("once more ended with status %d and %.100q, saying %s", got.again.status, got.again.out, got.again.said)
	case got.failed() && got.err == nil && strings.TrimSpace(got.said) == "":
		return "nothing was said about it"
	}
	return ""
}

// cells are the cases of a deed, whose operations are known.
func (d *deed) cells(operations []string) (list []cell) {
	for i := range faults {
		f := &faults[i]
		for _, operation := range operations {
			if slices.Contains(f.never, operation) {
				continue
			}
			for _, lasting := range []bool{false, true} {
				list = append(list, cell{f, d, operation, lasting, false})
			}
			if op, known := spapi.LookupOperation(operation); known && f.lost && !op.Idempotent {
				list = append(list, cell{f, d, operation, false, true}, cell{f, d, operation, true, true})
			}
		}
	}
	return list
}

// tally is what became of the cells of one fault and one deed.
type tally struct{ recovered, ended, wrong int }

// TestMatrix goes through all cells. With -v it prints for each fault and deed how many cases recovered and how many ended with a typed error.
func TestMatrix(t *testing.T) {
	counts := map[string]tally{}
	for i := range deeds {
		d := &deeds[i]
		t.Run(d.name, func(t *testing.T) {
			fine, _ := d.play(t, nil)
			if fine.failed() || fine.out == "" || len(fine.operations) == 0 {
				t.Fatalf("without a fault: status %d, %v, said %s", fine.status, fine.err, fine.said)
			}
			if d.created != nil && fine.created != 1 {
				t.Fatalf("without a fault %d were created", fine.created)
			}
			t.Logf("%d cases over %v, fair in %s", len(d.cells(fine.operations)), fine.operations, fine.took)
			for _, c := range d.cells(fine.operations) {
				t.Run(c.String(), func(t *testing.T) {
					var got fair
					defer func() {
						n := counts[c.fault.name+"/"+d.name]
						switch {
						case t.Failed():
							n.wrong++
						case got.failed():
							n.ended++
						default:
							n.recovered++
						}
						counts[c.fault.name+"/"+d.name] = n
					}()
					var struck int
					got, struck = d.play(t, &c)
					if wrong := c.judge(&fine, &got, struck); wrong != "" {
						t.Errorf("%s: status %d, %v after %s, struck %d times, said:\n%s", wrong, got.status, got.err, got.took, struck, got.said)
					}
				})
			}
		})
	}
	t.Log(table(counts))
}

// table is one line a fault, one column a deed: how many cases recovered, and how many ended with a typed error.
func table(counts map[string]tally) string {
	var b strings.Builder
	var all tally
	fmt.Fprintf(&b, "recovered+ended, and !wrong\n%-22s", "")
	for i := range deeds {
		fmt.Fprintf(&b, "  %s", deeds[i].name)
	}
	for i := range faults {
		fmt.Fprintf(&b, "\n%-22s", faults[i].name)
		for j := range deeds {
			n := counts[faults[i].name+"/"+deeds[j].name]
			text := fmt.Sprintf("%d+%d", n.recovered, n.ended)
			if n.wrong > 0 {
				text += fmt.Sprintf("!%d", n.wrong)
			}
			fmt.Fprintf(&b, "  %-*s", len(deeds[j].name), text)
			all.recovered, all.ended, all.wrong = all.recovered+n.recovered, all.ended+n.ended, all.wrong+n.wrong
		}
	}
	fmt.Fprintf(&b, "\n%d cells of %d faults and %d deeds: %d cases recovered, %d ended with a typed error, %d did neither", len(counts), len(faults), len(deeds),
		all.recovered, all.ended, all.wrong)
	return b.String()
}
