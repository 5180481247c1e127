package auth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/marketplace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConsentURL(t *testing.T) {
	for _, c := range []struct {
		m      marketplace.Marketplace
		vendor bool
		want   string
	}{
		{marketplace.US, false, "sellercentral.amazon.com"},
		{marketplace.DE, false, "sellercentral-europe.amazon.com"},
		{marketplace.SE, false, "sellercentral.amazon.se"},
		{marketplace.DE, true, "vendorcentral.amazon.de"},
		{marketplace.AE, true, "vendorcentral.amazon.me"},
		{marketplace.IN, true, "www.vendorcentral.in"},
		{marketplace.JP, false, "sellercentral.amazon.co.jp"},
	} {
		for _, draft := range []bool{false, true} {
			consent := &consent{site: central(c.m, c.vendor), applicationID: "amzn1.sp.solution.1", redirectURI: "https://example.com/a?b=c", draft: draft, state: newState()}
			u, err := url.Parse(consent.url())
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			if u.Host != c.want || u.Scheme != "https" || u.Path != "/apps/authorize/consent" || q.Get("application_id") != "amzn1.sp.solution.1" ||
				q.Get("redirect_uri") != "https://example.com/a?b=c" || len(q.Get("state")) < 43 || (q.Get("version") == "beta") != draft {
				t.Errorf("%s, vendor %t: %s", c.m.CountryCode, c.vendor, u)
			}
		}
	}
	if first, second := newState(), newState(); first == second {
		t.Error("two states are the same")
	}
}

func TestPasted(t *testing.T) {
	c := &consent{state: "abc"}
	for _, test := range []struct{ text, want string }{
		{" https://example.com/cb?state=abc&selling_partner_id=A1&spapi_oauth_code=C1&x=y\n", ""},
		{"https://example.com/cb?state=abd&selling_partner_id=A1&spapi_oauth_code=C1", "state is not"},
		{"https://example.com/cb?selling_partner_id=A1&spapi_oauth_code=C1", "state is not"},
		{"https://example.com/cb?state=abc&error=access_denied", "did not give the consent"},
		{"https://example.com/cb?state=abc&error=server_error", "server_error"},
		{"https://example.com/cb?state=abc", "no spapi_oauth_code"},
		{"C1", "want one with state"},
		{"%zz", "want one with state"},
	} {
		g, err := c.readPasted(test.text)
		switch {
		case test.want == "" && (err != nil || g != granted{"C1", "A1"}):
			t.Errorf("%q: %v, %v", test.text, g, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || exit.Status(err) != exit.Usage):
			t.Errorf("%q: %v, want %q", test.text, err, test.want)
		}
	}
}

// browse sends a request to the callback and returns status and page.
func browse(t *testing.T, b *callback, method, host, target string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.listener.Addr().String()+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(page)
}

// Only the browser that comes with the state, once, at the right address, is heard.
func TestCallback(t *testing.T) {
	forged := 0
	c := &consent{redirectURI: "http://localhost:0/callback", state: "the-state"}
	b, err := listen(t.Context(), c, func() { forged++ })
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if u, err := url.Parse(c.redirectURI); err != nil || u.Port() == "0" || u.Hostname() != "localhost" || u.Path != "/callback" {
		t.Fatalf("redirect URI %s", c.redirectURI)
	}
	const good = "/callback?state=the-state&selling_partner_id=A1&spapi_oauth_code=CODE"
	for _, r := range []struct {
		method, host, target string
		want                 int
	}{
		{"GET", "", good, http.StatusMisdirectedRequest}, // the address is called localhost
		{"GET", "evil.example", good, http.StatusMisdirectedRequest},
		{"GET", b.host, "/favicon.ico", http.StatusNotFound},
		{"POST", b.host, good, http.StatusMethodNotAllowed},
		{"GET", b.host, "/callback?state=other&spapi_oauth_code=FORGED", http.StatusBadRequest},
		{"GET", b.host, "/callback?spapi_oauth_code=FORGED", http.StatusBadRequest},
		{"GET", b.host, good, http.StatusOK},
		{"GET", b.host, good, http.StatusGone},
	} {
		status, header, page := browse(t, b, r.method, r.host, r.target)
		if status != r.want || header.Get("Referrer-Policy") != "no-referrer" || header.Get("Cache-Control") != "no-store" ||
			strings.Contains(page, "CODE") || strings.Contains(page, "FORGED") {
			t.Errorf("%s %s at %q: %d %v %s, want %d", r.method, r.target, r.host, status, header, page, r.want)
		}
	}
	g, err := b.wait(t.Context())
	if err != nil || g != (granted{"CODE", "A1"}) || forged != 2 {
		t.Errorf("got %v, %v after %d forged callbacks", g, err, forged)
	}
}

func TestCallbackEnds(t *testing.T) {
	for name, c := range map[string]struct {
		target string
		want   string
	}{
		"refused": {"/?state=s&error=access_denied", "did not give the consent"},
		"no code": {"/?state=s", "no spapi_oauth_code"},
	} {
		b, err := listen(t.Context(), &consent{redirectURI: "http://127.0.0.1:0", state: "s"}, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if status, _, _ := browse(t, b, "GET", b.host, c.target); status != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, status)
		}
		if _, err := b.wait(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		b.close()
	}
	b, err := listen(t.Context(), &consent{redirectURI: "http://127.0.0.1:0", state: "s"}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(-time.Second), errNobody)
	defer cancel()
	if _, err := b.wait(ctx); err == nil || !strings.Contains(err.Error(), "in time") {
		t.Errorf("after the deadline: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := b.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after Ctrl-C: %v", err)
	}
	// The port is taken by the first one.
	if _, err := listen(t.Context(), &consent{redirectURI: "http://" + b.host}, nil); err == nil || exit.Status(err) != exit.Failure {
		t.Errorf("a port that is taken: %v", err)
	}
	for _, bad := range []string{"https://localhost:1/x", "http://127.0.0.1/x", "ftp://localhost:1"} {
		if _, err := listen(t.Context(), &consent{redirectURI: bad}, nil); exit.Status(err) != exit.Usage {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for address, want := range map[string]bool{"http://127.0.0.1:1/": true, "http://localhost:1": true, "http://[::1]:1": true, "https://example.com/": false, "http://10.0.0.1:1": false, "http://localhost.evil.example": false} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if isLoopback(u) != want {
			t.Errorf("%s: %t", address, !want)
		}
	}
}

// Where stdin is a terminal and stderr is not, a secret would be typed with an echo.
func TestNoEcho(t *testing.T) {
	streams, _, _ := terminal.Buffers()
	streams.InIsTerminal = true
	o := &LoginOptions{Factory: factory.With(streams, "1", nil)}
	if _, err := o.ask(t.Context(), "Refresh token: "); !errors.Is(err, terminal.ErrNoTerminal) {
		t.Errorf("got %v", err)
	}
}

func TestFlags(t *testing.T) {
	streams, _, _ := terminal.Buffers()
	f := factory.With(streams, "1", nil)
	var got *LoginOptions
	cmd := NewCmdLogin(f, func(_ context.Context, o *LoginOptions) error { got = o; return nil })
	cmd.SetArgs([]string{"shop", "--self", "--vendor", "--beta", "--consent-timeout", "5s"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got.Name != "shop" || !got.Self || !got.Vendor || !got.Draft || got.ConsentTimeout != 5*time.Second || got.RedirectURI != defaultRedirectURI {
		t.Errorf("%+v", got)
	}
	cmd = NewCmdLogin(f, func(context.Context, *LoginOptions) error { return nil })
	cmd.SetArgs([]string{"a", "b"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.ExecuteContext(t.Context()); exit.Status(err) != exit.Usage {
		t.Errorf("two names: %v", err)
	}
}
