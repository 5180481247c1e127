package factory

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/marketplace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	clientID = "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef"
	secret   = "amzn1.oa2-cs.v1.0123456789abcdef0123456789abcdef0123456789abcdef"
	token    = "Atzr|0123456789abcdef"
)

// bare gives a test a machine on which nothing is configured.
func bare(t *testing.T) (home string) {
	t.Helper()
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "SPAPI_") || strings.HasPrefix(name, "LWA_") || strings.HasPrefix(name, "AMAZON_") {
			t.Setenv(name, "")
		}
	}
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	return home
}

func newFactory() (*Factory, *bytes.Buffer) {
	streams, _, messages := terminal.Buffers()
	return With(streams, "test", nil), messages
}

// store puts accounts into the file of the stored accounts.
func store(t *testing.T, list ...accounts.Account) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("SPAPI_ACCOUNTS", filepath.Join(dir, "accounts.age"))
	t.Setenv("SPAPI_KEY_FILE", filepath.Join(dir, "key"))
	s, err := accounts.DefaultFile(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutApplication(t.Context(), accounts.Application{ClientID: clientID, ClientSecret: spapi.NewSecret(secret)}); err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		a.ClientID, a.RefreshToken = clientID, spapi.NewSecret(token)
		if err := s.Put(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
}

// profileFileIn writes a profile file with one profile.
func writeProfile(t *testing.T, home, name, marketplace string) {
	t.Helper()
	text := `{"profiles":{"` + name + `":{"client_id":"` + clientID + `","client_secret":"` + secret + `","refresh_token":"` + token + `","marketplace":"` + marketplace + `"}}}`
	path := filepath.Join(home, "spapi", "config.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func environment(t *testing.T, region string) {
	t.Helper()
	t.Setenv("SPAPI_CLIENT_ID", clientID)
	t.Setenv("SPAPI_CLIENT_SECRET", secret)
	t.Setenv("SPAPI_REFRESH_TOKEN", token)
	t.Setenv("SPAPI_REGION", region)
}

// TestClient: where credentials come from, which region they are used in, and which marketplace is worked in.
func TestClient(t *testing.T) {
	germany := accounts.Account{Name: "de", Region: marketplace.Europe, Marketplaces: []string{"DE", "FR"}}
	japan := accounts.Account{Name: "jp", Marketplaces: []string{"JP"}, Sandbox: true}
	for _, c := range []struct {
		name        string
		prepare     func(t *testing.T, home string)
		flags       Flags
		source      Source
		region      marketplace.Region
		sandbox     bool
		marketplace string // "" where none is known
	}{
		{"emulator", nil, Flags{Emulator: true}, FromEmulator, "na", false, "US"},
		{"emulator elsewhere", nil, Flags{Emulator: true, Marketplace: marketplace.DE}, FromEmulator, "eu", false, "DE"},
		{"emulator in a region", nil, Flags{Emulator: true, Region: marketplace.FarEast, Sandbox: true}, FromEmulator, "fe", true, "JP"},
		{"environment", func(t *testing.T, _ string) { environment(t, "eu") }, Flags{}, FromEnvironment, "eu", false, ""},
		{"environment, other region", func(t *testing.T, _ string) { environment(t, "eu") }, Flags{Marketplace: marketplace.US, Sandbox: true}, FromEnvironment, "na", true, "US"},
		{"environment without a region", func(t *testing.T, _ string) { environment(t, "") }, Flags{Region: marketplace.FarEast}, FromEnvironment, "fe", false, ""},
		{"environment with a bad region, which a flag goes before", func(t *testing.T, _ string) {
			environment(t, "moon")
		}, Flags{Marketplace: marketplace.DE}, FromEnvironment, "eu", false, "DE"},
		{"marketplace of the environment", func(t *testing.T, _ string) {
			environment(t, "eu")
			t.Setenv("SPAPI_MARKETPLACE", "FR")
		}, Flags{}, FromEnvironment, "eu", false, "FR"},
		{"environment over an account", func(t *testing.T, _ string) {
			store(t, germany)
			t.Setenv("SPAPI_MARKETPLACE", "US")
		}, Flags{}, FromAccount, "na", false, "US"},
		{"flag over environment over account", func(t *testing.T, _ string) {
			store(t, germany)
			t.Setenv("SPAPI_REGION", "fe")
		}, Flags{Marketplace: marketplace.US}, FromAccount, "na", false, "US"},
		{"sandbox in the environment", func(t *testing.T, _ string) { store(t, germany); t.Setenv("SPAPI_SANDBOX", "true") }, Flags{}, FromAccount, "eu", true, "DE"},
		{"the only account", func(t *testing.T, _ string) { store(t, germany) }, Flags{}, FromAccount, "eu", false, "DE"},
		{"account by name", func(t *testing.T, _ string) { store(t, germany, japan) }, Flags{Account: "jp"}, FromAccount, "fe", true, "JP"},
		{"account by variable", func(t *testing.T, _ string) { store(t, germany, japan); t.Setenv("SPAPI_ACCOUNT", "jp") }, Flags{}, FromAccount, "fe", true, "JP"},
		{"account goes before the environment", func(t *testing.T, _ string) { store(t, germany); environment(t, "na") }, Flags{Account: "de"}, FromAccount, "eu", false, "DE"},
		{"environment goes before the default account", func(t *testing.T, _ string) { store(t, germany); environment(t, "na") }, Flags{}, FromEnvironment, "na", false, ""},
		{"account in another region", func(t *testing.T, _ string) { store(t, germany) }, Flags{Region: marketplace.NorthAmerica}, FromAccount, "na", false, ""},
		{"profile", func(t *testing.T, home string) { writeProfile(t, home, "default", "FR") }, Flags{}, FromProfile, "eu", false, "FR"},
		{"profile by name", func(t *testing.T, home string) { writeProfile(t, home, "shop", "MX") }, Flags{Profile: "shop"}, FromProfile, "na", false, "MX"},
		{"accounts go before the profile file", func(t *testing.T, home string) { writeProfile(t, home, "default", "FR"); store(t, japan) }, Flags{}, FromAccount, "fe", true, "JP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := bare(t)
			if c.prepare != nil {
				c.prepare(t, home)
			}
			f, _ := newFactory()
			f.Flags = c.flags
			if err := f.Prepare(); err != nil {
				t.Fatal(err)
			}
			if got := f.Source(); got != c.source {
				t.Errorf("source %q, want %q", got, c.source)
			}
			client, err := f.Client(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if client.Region() != c.region || client.Sandbox() != c.sandbox {
				t.Errorf("region %q, sandbox %t, want %q, %t", client.Region(), client.Sandbox(), c.region, c.sandbox)
			}
			m, err := f.Marketplace(t.Context())
			if (err == nil) != (c.marketplace != "") || m.CountryCode != c.marketplace {
				t.Errorf("marketplace %q, error %v, want %q", m.CountryCode, err, c.marketplace)
			}
			if err != nil && !exit.IsUsage(err) {
				t.Errorf("error %v, want a usage error", err)
			}
		})
	}
}

func TestClientErrors(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, home string)
		flags   Flags
		want    string
	}{
		{"nothing", nil, Flags{}, "no credentials"},
		{"no such account", func(t *testing.T, _ string) { store(t, accounts.Account{Name: "de", Region: "eu"}) }, Flags{Account: "fr"}, "not found"},
		{"several accounts", func(t *testing.T, _ string) {
			store(t, accounts.Account{Name: "a", Region: "eu"}, accounts.Account{Name: "b", Region: "eu"})
		}, Flags{}, "none is the default"},
		{"half an environment", func(t *testing.T, _ string) { t.Setenv("SPAPI_CLIENT_ID", clientID) }, Flags{}, "client secret"},
		{"an endpoint without TLS", func(t *testing.T, _ string) { environment(t, "eu") }, Flags{Endpoint: "http://example.com"}, "https"},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := bare(t)
			if c.prepare != nil {
				c.prepare(t, home)
			}
			f, _ := newFactory()
			f.Flags = c.flags
			_, err := f.Client(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || exit.Status(err) != exit.Usage {
				t.Errorf("error %v, status %d, want one about %q and status %d", err, exit.Status(err), c.want, exit.Usage)
			}
		})
	}
}

// TestCountdown: on a terminal a wait is counted down in one line, which then goes away; elsewhere it is told once that there is one.
func TestCountdown(t *testing.T) {
	request := spapi.LimitRequest{MaxWait: -1, Buckets: []spapi.LimitBucket{{App: "a", Operation: "ordersv0.getOrders", Rate: 0.1, Burst: 1}}}
	for _, c := range []struct {
		name              string
		terminal          bool
		verbose, quiet    bool
		want              string
		countdowns, lines int
	}{
		{name: "no terminal", want: "waiting 10s for the rate limit of ordersv0.getOrders (0.1 requests per second, burst 1), until 00:00:10\n", lines: 1},
		{name: "quiet", terminal: true, quiet: true},
		{name: "verbose", verbose: true, want: "waiting 10s for the rate limit of ordersv0.getOrders (0.1 requests per second, burst 1)", lines: 1},
		{name: "terminal", terminal: true, want: "waiting 10s for the rate limit of ordersv0.getOrders (0.1 requests per second, burst 1)", countdowns: 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, messages := newFactory()
				f.Streams.ErrIsTerminal, f.Flags.Verbose, f.Flags.Quiet = c.terminal, c.verbose, c.quiet
				l := f.progress.limiter(spapi.NewLimiter())
				start := time.Now()
				for range 2 {
					grant, err := l.Wait(t.Context(), request)
					if err != nil {
						t.Fatal(err)
					}
					if err := l.Observe(t.Context(), grant, spapi.LimitReply{Rate: 0.1}); err != nil {
						t.Fatal(err)
					}
				}
				if took := time.Since(start); took < 10*time.Second || took > 11*time.Second {
					t.Errorf("two calls took %s, want 10 s", took)
				}
				got := messages.String()
				if !strings.Contains(got, c.want) || c.want == "" && got != "" || strings.Count(got, "\n") != c.lines {
					t.Errorf("said %q, want %q and %d lines", got, c.want, c.lines)
				}
				if n := strings.Count(got, "\r\x1b[Kwaiting"); n < c.countdowns-1 || n > c.countdowns {
					t.Errorf("counted down %d times, want %d: %q", n, c.countdowns, got)
				}
				if c.countdowns > 0 && !strings.HasSuffix(got, "\r\x1b[K") {
					t.Errorf("the line stays: %q", got)
				}
			})
		})
	}
}

// TestWaitEnds: Ctrl-C ends a wait, and the line goes away.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, messages := newFactory()
		f.Streams.ErrIsTerminal = true
		l := f.progress.limiter(spapi.NewLimiter())
		request := spapi.LimitRequest{MaxWait: -1, Buckets: []spapi.LimitBucket{{Operation: "x.y", Rate: 0.01, Burst: 1}}}
		if _, err := l.Wait(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		if _, err := l.Wait(ctx, request); !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v, want canceled", err)
		}
		if !strings.HasSuffix(messages.String(), "\r\x1b[K") {
			t.Errorf("the line stays: %q", messages)
		}
		// A bound is the limiter's to keep.
		request.MaxWait = 0
		if _, err := l.Wait(t.Context(), request); !errors.As(err, new(*spapi.LimitError)) {
			t.Errorf("ended with %v, want a *LimitError", err)
		}
	})
}

func TestRetryIsTold(t *testing.T) {
	for _, c := range []struct {
		terminal, verbose bool
		pause             time.Duration
		status            int
		want              string
	}{
		{true, false, 12 * time.Second, 429, "a.b: status 429; asks again in 12s\n"},
		{true, false, 100 * time.Millisecond, 503, ""},
		{false, true, 100 * time.Millisecond, 0, "a.b: no answer; asks again in 100ms\n"},
		{false, false, time.Minute, 429, "waiting 1m0s before a.b is asked again (status 429)\n"},
		{false, false, silence - time.Second, 429, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, messages := newFactory()
			f.Streams.ErrIsTerminal, f.Flags.Verbose = c.terminal, c.verbose
			_, end := f.progress.observe(t.Context(), spapi.Activity{Kind: spapi.ActivityRetryPause, Operation: "a.b", StatusCode: c.status, Pause: c.pause})
			time.Sleep(c.pause)
			end(spapi.Outcome{})
			if messages.String() != c.want {
				t.Errorf("%+v: said %q", c, messages)
			}
		})
	}
}

// TestWarningsAreTold: what the SDK warns of comes to stderr, once.
func TestWarningsAreTold(t *testing.T) {
	f, messages := newFactory()
	logger := f.progress.logger()
	for range 2 {
		logger.Info("spapi: retry", slog.String("operation", "a.b"))
		logger.Warn("spapi: the answer's Retry-After makes no sense", slog.String("operation", "a.b"), slog.String("error", "no number"))
	}
	if want := "a.b: the answer's Retry-After makes no sense: no number\n"; messages.String() != want {
		t.Errorf("said %q, want %q", messages, want)
	}
}

func TestConfirm(t *testing.T) {
	for _, c := range []struct {
		name, answer  string
		terminal, yes bool
		want          string // of the error; "" for none
	}{
		{"yes", "y\n", true, false, ""},
		{"in full", " YES \n", true, false, ""},
		{"no", "n\n", true, false, "not confirmed"},
		{"Enter", "\n", true, false, "not confirmed"},
		{"--yes", "", false, true, ""},
		{"nobody there", "y\n", false, false, "say --yes"},
		{"end of input", "", true, false, "EOF"},
	} {
		f, messages := newFactory()
		f.Streams.In = strings.NewReader(c.answer)
		f.Streams.InIsTerminal, f.Streams.ErrIsTerminal, f.Flags.Yes = c.terminal, c.terminal, c.yes
		err := f.Confirm(t.Context(), "Delete it?")
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if asked := messages.String() == "Delete it? [y/N] "; asked != c.terminal {
			t.Errorf("%s: said %q", c.name, messages)
		}
	}
}

// TestPassphrase: a new one is asked for twice.
func TestPassphrase(t *testing.T) {
	for _, c := range []struct {
		input  string
		create bool
		want   string
	}{
		{"one\n", false, "one"},
		{"one\none\n", true, "one"},
		{"one\ntwo\n", true, ""},
	} {
		f, messages := newFactory()
		f.Streams.In = strings.NewReader(c.input)
		f.Streams.InIsTerminal, f.Streams.ErrIsTerminal = true, true
		got, err := f.askPassphrase(t.Context(), c.create)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q gives %q, %v, want %q", c.input, got, err, c.want)
		}
		if strings.Contains(messages.String(), "one") {
			t.Errorf("the passphrase shows: %q", messages)
		}
	}
}
