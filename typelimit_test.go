package spapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/feeds"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/reports"
)

// amazonLike is an emulator that doesn't say that it is one: clients keep the limits of types, as with Amazon.
type amazonLike struct {
	next http.RoundTripper

	mu        sync.Mutex
	operation string // whose requests are noted
	sent      []time.Time
	statuses  []int
	throttled int
	answer    func(sent int, req *http.Request) *http.Response // of a request of the operation; nil: the emulator's
}

func (a *amazonLike) RoundTrip(req *http.Request) (*http.Response, error) {
	at := time.Now()
	a.mu.Lock()
	noted := req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/"+a.operation)
	var resp *http.Response
	if noted {
		a.sent = append(a.sent, at)
		if a.answer != nil {
			resp = a.answer(len(a.sent), req)
		}
	}
	a.mu.Unlock()
	if resp == nil {
		var err error
		if resp, err = a.next.RoundTrip(req); err != nil {
			return nil, err
		}
	} else {
		_ = req.Body.Close()
	}
	resp.Header.Del("X-Spapi-Emulator-Operation")
	a.mu.Lock()
	defer a.mu.Unlock()
	if resp.StatusCode == http.StatusTooManyRequests {
		a.throttled++
	}
	if noted {
		a.statuses = append(a.statuses, resp.StatusCode)
	}
	return resp, nil
}

func answered(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body))}
}

// after are the times of the requests since the first.
func (a *amazonLike) after() (list []time.Duration) {
	for _, at := range a.sent {
		list = append(list, at.Sub(a.sent[0]).Round(10*time.Second))
	}
	return list
}

const salesReport = "GET_SALES_AND_TRAFFIC_REPORT"

// inForce waits until the limits hold that the emulator has by the day.
func inForce() { time.Sleep(time.Until(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC))) }

// startAmazon makes clients of one App, of so many sellers.
func startAmazon(t *testing.T, operation string, sellers int, options ...emulator.Option) (*amazonLike, []*spapi.Client) {
	t.Helper()
	inForce()
	emu, err := emulator.New(append(options, emulator.WithSeed(1))...)
	if err != nil {
		t.Fatal(err)
	}
	a := &amazonLike{next: emu, operation: operation}
	c := emu.Credentials()
	app := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(a))
	clients := []*spapi.Client{app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region})}
	for len(clients) < sellers {
		account, err := emu.AddAccount(emulator.AccountConfig{})
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, app.Client(spapi.Authorization{SellerID: account.SellerID, RefreshToken: spapi.NewSecret(account.RefreshToken), Region: c.Region}))
	}
	return a, clients
}

func ask(ctx context.Context, c *spapi.Client, typ string, marketplaces ...string) error {
	_, err := reports20210630.New(c).CreateReport(ctx, &reports20210630.CreateReportInput{ReportType: typ, MarketplaceIDs: marketplaces})
	return err
}

const us, ca = "ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"

// TestSalesReportsOfTwoSellers: the second waits for 15 minutes, says so, and meets no 429; other types wait for nothing.
func TestSalesReportsOfTwoSellers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, clients := startAmazon(t, "reports", 2)
		start := time.Now()
		var mu sync.Mutex
		var told []string
		for i, c := range clients {
			doc, err := reports.Run(t.Context(), c, reports.Request{Type: salesReport, Marketplaces: []string{"US"},
				Start: time.Now().AddDate(0, 0, -9), End: time.Now().AddDate(0, 0, -3),
				Options: map[string]string{"dateGranularity": "DAY"}}, job.WithProgress(func(p job.Progress) {
				mu.Lock()
				defer mu.Unlock()
				if p.Limit != nil {
					told = append(told, fmt.Sprintf("%s %s %s %s", p.Stage, p.Limit.Limit(), p.Limit.Scope, p.Until.Sub(start).Round(time.Minute)))
				}
			}))
			if err != nil {
				t.Fatalf("seller %d: %v", i, err)
			}
			_ = doc.Close()
			if err := ask(t.Context(), c, "GET_MERCHANT_LISTINGS_ALL_DATA", us); err != nil {
				t.Fatal(err)
			}
		}
		if got := a.after(); len(got) != 4 || got[1] > time.Minute || got[2] != 15*time.Minute || got[3] > 16*time.Minute || a.throttled > 0 {
			t.Errorf("sent after %v, %d throttled", got, a.throttled)
		}
		if want := []string{"creating the limit of one " + salesReport + " per 15 minutes type 15m0s"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

// TestTypeLimitsAreKept: what a request of a type waits for, and what not.
func TestTypeLimitsAreKept(t *testing.T) {
	const inventory = "GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA"
	raw := func(ctx context.Context, c *spapi.Client, body io.Reader) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "/reports/2021-06-30/reports", body)
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := c.Do(req, spapi.WithAPIErrors())
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	body := func(typ string) string { return `{"reportType":"` + typ + `","marketplaceIds":["` + us + `"]}` }
	for _, test := range []struct {
		name  string
		calls []func(context.Context, *spapi.Client) error
		waits time.Duration
	}{
		{"raw and typed", []func(context.Context, *spapi.Client) error{
			func(ctx context.Context, c *spapi.Client) error {
				return raw(ctx, c, strings.NewReader(body(salesReport)))
			},
			func(ctx context.Context, c *spapi.Client) error { return ask(ctx, c, salesReport, us) },
		}, 15 * time.Minute},
		{"made near real time", []func(context.Context, *spapi.Client) error{
			func(ctx context.Context, c *spapi.Client) error { return ask(ctx, c, inventory, us) },
			func(ctx context.Context, c *spapi.Client) error { return ask(ctx, c, inventory, us) },
		}, 35 * time.Minute},
		{"another marketplace", []func(context.Context, *spapi.Client) error{
			func(ctx context.Context, c *spapi.Client) error { return ask(ctx, c, inventory, us) },
			func(ctx context.Context, c *spapi.Client) error { return ask(ctx, c, inventory, ca) },
		}, 0},
		{"the same marketplaces", []func(context.Context, *spapi.Client) error{
			func(ctx context.Context, c *spapi.Client) error { return ask(ctx, c, inventory, us, ca) },
			func(ctx context.Context, c *spapi.Client) error { return ask(ctx, c, inventory, ca, us) },
		}, 35 * time.Minute},
		{"a body that can be read once", []func(context.Context, *spapi.Client) error{
			func(ctx context.Context, c *spapi.Client) error { return ask(ctx, c, inventory, us) },
			func(ctx context.Context, c *spapi.Client) error {
				return raw(ctx, c, struct{ io.Reader }{strings.NewReader(body(inventory))})
			},
		}, 0},
		{"another type", []func(context.Context, *spapi.Client) error{
			func(ctx context.Context, c *spapi.Client) error { return ask(ctx, c, inventory, us) },
			func(ctx context.Context, c *spapi.Client) error {
				return ask(ctx, c, "GET_FBA_REIMBURSEMENTS_DATA", us)
			},
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, clients := startAmazon(t, "reports", 1)
				for _, call := range test.calls {
					if err := call(t.Context(), clients[0]); err != nil {
						t.Fatal(err)
					}
				}
				if got := a.after(); len(got) != 2 || got[1] != test.waits || a.throttled > 0 {
					t.Errorf("sent after %v, %d throttled; want %s", got, a.throttled, test.waits)
				}
			})
		})
	}
}

// TestRefusedReportGivesItsPauseBack: a 400 made no report, and neither did a 429 of createReport's own plan.
func TestRefusedReportGivesItsPauseBack(t *testing.T) {
	for status, calls := range map[int]int{http.StatusBadRequest: 2, http.StatusTooManyRequests: 1} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, clients := startAmazon(t, "reports", 1)
				a.answer = func(sent int, _ *http.Request) *http.Response {
					if sent > 1 {
						return nil
					}
					return answered(status, `{"errors":[{"code":"X","message":"no"}]}`)
				}
				var err error
				for range calls {
					err = ask(t.Context(), clients[0], salesReport, us)
				}
				if got := a.after(); err != nil || len(got) != 2 || got[1] > 2*time.Minute {
					t.Errorf("sent after %v, %v; want twice within two minutes", got, err)
				}
				if err = ask(t.Context(), clients[0], salesReport, us); err != nil {
					t.Fatal(err)
				}
				if got := a.sent[2].Sub(a.sent[1]).Round(time.Minute); got != 15*time.Minute {
					t.Errorf("the next one %s after the one that was taken, want 15m", got)
				}
			})
		})
	}
}

// TestFailedReportGivesItsPauseBack: of a request that failed or had no answer Run looks for the report, and asks again without a pause if there is none.
func TestFailedReportGivesItsPauseBack(t *testing.T) {
	const returns = "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA" // has rows: one that ends without data gives its pause back by itself
	failed := func(err error) func() (*http.Response, error) {
		return func() (*http.Response, error) { return nil, err }
	}
	for name, first := range map[string]func() (*http.Response, error){
		"unavailable": func() (*http.Response, error) {
			return answered(http.StatusServiceUnavailable, `{"errors":[{"code":"X","message":"no"}]}`), nil
		},
		"not reached": failed(&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}),
		"broken off":  failed(&net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, clients := startAmazon(t, "reports", 1)
				asked := 0
				emu := a.next
				a.next = roundTripper(func(req *http.Request) (*http.Response, error) {
					if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/reports") {
						if asked++; asked == 1 {
							return first()
						}
					}
					return emu.RoundTrip(req)
				})
				start := time.Now()
				doc, err := reports.Run(t.Context(), clients[0], reports.Request{Type: returns, Marketplaces: []string{"US"}, Start: start.AddDate(0, 0, -60), End: start})
				if doc != nil {
					_ = doc.Close()
				}
				if took := time.Since(start); asked != 2 || took > 5*time.Minute {
					t.Errorf("asked %d times in %s: %v", asked, took, err)
				}
				_, err = reports.Create(t.Context(), clients[0], reports.Request{Type: returns, Marketplaces: []string{"US"}, Start: start.AddDate(0, 0, -60), End: start},
					job.WithCallOptions(spapi.WithFailFast(time.Hour)))
				if e, ok := errors.AsType[*spapi.LimitError](err); !ok || e.Scope != spapi.LimitPerType {
					t.Errorf("after the one that was taken: %v, want the type's limit", err)
				}
			})
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestSixListingsFeeds: five at once, the sixth five minutes after the first, none throttled; a feed of another type doesn't wait for them.
func TestSixListingsFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, clients := startAmazon(t, "feeds", 1)
		start := time.Now()
		submit := func(typ, contentType, content string) time.Duration {
			_, err := feeds.Create(t.Context(), clients[0], feeds.Submission{Type: typ, Marketplaces: []string{"US"}, ContentType: contentType,
				Content: feeds.BytesContent([]byte(content))})
			if err != nil {
				t.Errorf("%s: %v", typ, err)
			}
			return time.Since(start)
		}
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				submit(feeds.ListingsFeed, "application/json; charset=UTF-8", fmt.Sprintf(`{"header":{"sellerId":"X","version":"2.0"},"messages":[{"messageId":%d}]}`, i+1))
			})
		}
		wg.Go(func() {
			time.Sleep(10 * time.Second) // the six have come
			const header = "order-id\tship-date\tcarrier-code\ttracking-number\n"
			if took := submit("POST_FLAT_FILE_FULFILLMENT_DATA", "text/tab-separated-values; charset=UTF-8", header+"1\t2026-01-05\tUPS\t1Z\n"); took > time.Minute {
				t.Errorf("a feed of another type took %s", took)
			}
		})
		wg.Wait()
		if got := a.after(); len(got) != 7 || got[4] > 10*time.Second || got[5] > time.Minute || got[6] != 5*time.Minute || a.throttled > 0 {
			t.Errorf("sent after %v, %d throttled", got, a.throttled)
		}
	})
}

// TestTypeLimitFailsFast: the error names the type's limit, by WithFailFast and by a deadline.
func TestTypeLimitFailsFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, clients := startAmazon(t, "reports", 1)
		if err := ask(t.Context(), clients[0], salesReport, us); err != nil {
			t.Fatal(err)
		}
		_, err := reports.Create(t.Context(), clients[0], reports.Request{Type: salesReport, Marketplaces: []string{"US"}, Start: time.Now().AddDate(0, 0, -9)},
			job.WithCallOptions(spapi.WithFailFast(time.Minute)))
		soon, known := errors.AsType[*reports.TooFrequentError](err)
		e, ok := errors.AsType[*spapi.LimitError](err)
		if !known || soon.Last.ReportID == "" || soon.Wait != e.Wait || !ok || e.Scope != spapi.LimitPerType || e.Type != salesReport ||
			(e.Wait-15*time.Minute).Abs() > 10*time.Second ||
			!strings.Contains(soon.Err.Error(), "the limit of one "+salesReport+" per 15 minutes makes the call wait 1") {
			t.Errorf("fails fast with %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err = ask(ctx, clients[0], salesReport, us)
		if e, ok = errors.AsType[*spapi.LimitError](err); !ok || !e.Deadline || e.Type != salesReport || ctx.Err() != nil {
			t.Errorf("by the deadline %v", err)
		}
	})
}

// TestEmulatorsTypeLimits: an emulator whose clock is moved is asked again at once, though ours stands still.
func TestEmulatorsTypeLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inForce()
		emu, err := emulator.New(emulator.WithSeed(1))
		if err != nil {
			t.Fatal(err)
		}
		c := emu.Credentials()
		client := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(emu)).
			Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region})
		start := time.Now()
		for range 3 {
			if err := ask(t.Context(), client, salesReport, us); err != nil {
				t.Fatal(err)
			}
			emu.Advance(15 * time.Minute)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

// TestTwoNamesOfASeller: who knows the seller by id and who knows the token alone share limits, and not the name that others see.
func TestTwoNamesOfASeller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inForce()
		emu, err := emulator.New(emulator.WithSeed(1))
		if err != nil {
			t.Fatal(err)
		}
		a := &amazonLike{next: emu, operation: "reports"}
		c := emu.Credentials()
		app := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(a))
		auth := spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region}
		token := app.Client(auth)
		auth.SellerID = c.SellerID
		id := app.Client(auth)
		const inventory = "GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA"
		for _, client := range []*spapi.Client{token, id, token} {
			if err := ask(t.Context(), client, inventory, us); err != nil {
				t.Fatal(err)
			}
		}
		if got := a.after(); got[1] != 35*time.Minute || got[2] != 70*time.Minute {
			t.Errorf("sent after %v", got)
		}
		if _, seller := id.Principal(); seller != c.SellerID {
			t.Errorf("the one with the id is %q", seller)
		}
		if _, seller := token.Principal(); len(seller) != 32 {
			t.Errorf("the one without is %q", seller)
		}
	})
}
