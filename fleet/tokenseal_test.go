package fleet_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/internal/redistest"
)

// What can't be opened is no token: it is fetched anew, told once, and no error of anybody.
func TestTokensThatCannotBeOpened(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, server *redistest.Server, names []string, old string){
		"a bit is changed": func(t *testing.T, server *redistest.Server, names []string, old string) {
			for _, name := range names {
				box := do(t, server, "HGET", name, "v").([]byte)
				box[len(box)/2] ^= 1
				do(t, server, "HSET", name, "v", box)
			}
		},
		"swapped": func(t *testing.T, server *redistest.Server, names []string, old string) {
			one, two := do(t, server, "HGET", names[0], "v"), do(t, server, "HGET", names[1], "v")
			do(t, server, "HSET", names[0], "v", two)
			do(t, server, "HSET", names[1], "v", one)
		},
		"an older one is put back": func(t *testing.T, server *redistest.Server, names []string, old string) {
			for _, name := range names {
				do(t, server, "HSET", name, "v", old)
			}
		},
		"it is to live longer": func(t *testing.T, server *redistest.Server, names []string, old string) {
			for _, name := range names {
				do(t, server, "HINCRBY", name, "x", 60000)
			}
		},
		"cut": func(t *testing.T, server *redistest.Server, names []string, old string) {
			for _, name := range names {
				do(t, server, "HSET", name, "v", "")
			}
		},
		"another version": func(t *testing.T, server *redistest.Server, names []string, old string) {
			for _, name := range names {
				do(t, server, "HSET", name, "v", "\x02"+old[1:])
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			onServers(t, func(t *testing.T, server *redistest.Server) {
				l := newLogin()
				l.life = 10 * time.Second
				wantToken(t, newProcess(t, server), l.request("a", "s"), "Atza|token-1")
				old := string(do(t, server, "HGET", tokenNames(t, server)[0], "v").([]byte))
				time.Sleep(time.Minute)
				l.life = time.Hour
				wantToken(t, newProcess(t, server), l.request("a", "s"), "Atza|token-2")
				wantToken(t, newProcess(t, server), l.request("b", "s"), "Atza|token-3")
				spoil(t, server, tokenNames(t, server), old)
				p := newProcess(t, server)
				wantToken(t, p, l.request("a", "s"), "Atza|token-4")
				wantToken(t, p, l.request("b", "s"), "Atza|token-5")
				p.wantLog(t, "can't be opened", 1)
				wantToken(t, newProcess(t, server), l.request("a", "s"), "Atza|token-4")
			})
		})
	}
}

// A refusal that can't be opened is none, beside a token that can't be either.
func TestTokenRefusalThatCannotBeOpened(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l := newLogin()
		wantToken(t, newProcess(t, server), l.request("k", "s"), "Atza|token-1")
		name := tokenNames(t, server)[0]
		box := do(t, server, "HGET", name, "v")
		x := do(t, server, "HGET", name, "x")
		do(t, server, "HSET", name, "x", "0")
		l.fail = &spapi.AuthError{Grant: "refresh_token", StatusCode: 401, Code: "invalid_client"}
		if _, err := newProcess(t, server).Get(t.Context(), l.request("k", "s")); !spapi.IsTokenRefused(err) {
			t.Errorf("got %v", err)
		}
		l.fail = nil
		do(t, server, "HSET", name, "v", "spoiled", "e", box, "x", x)
		wantToken(t, newProcess(t, server), l.request("k", "s"), "Atza|token-3")
	})
}

// Keys are rotated without a fetch: the new one comes as the second, then as the first, then the old one goes.
func TestTokensKeyRotation(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l := newLogin()
		wantToken(t, newProcess(t, server, oneKey), l.request("k", "s"), "Atza|token-1")
		wantToken(t, newProcess(t, server, oneKey, otherKey), l.request("k", "s"), "Atza|token-1")
		wantToken(t, newProcess(t, server, otherKey, oneKey), l.request("k", "s"), "Atza|token-1")
		l.want(t, 1)
		wantToken(t, newProcess(t, server, otherKey, oneKey), l.request("new", "s"), "Atza|token-2") // sealed with the first
		wantToken(t, newProcess(t, server, otherKey), l.request("new", "s"), "Atza|token-2")
		wantToken(t, newProcess(t, server, oneKey, otherKey), l.request("new", "s"), "Atza|token-2")
		l.want(t, 2)
		// A process that was left behind has tokens of its own making, and tells.
		behind := newProcess(t, server, oneKey)
		wantToken(t, behind, l.request("new", "s"), "Atza|token-3")
		behind.wantLog(t, "not in SPAPI_FLEET_KEY here", 1)
	})
}

// planted are what must not be seen of applications and sellers.
var planted = map[string]string{
	"client id":     "amzn1.application-oa2-client.canary0c11e47",
	"client secret": "amzn1.oa2-cs.v1.canary5ec4e7",
	"access token":  "Atza|canaryacce55",
	"refresh token": "Atzr|canary4ef4e5h",
	"seller":        "ACANARYSELLER",
}

// Nothing of a token, nor anything from which it is had, lies on the server in clear, is sent there, or stands in errors and logs.
func TestTokensShowNothing(t *testing.T) {
	r := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		server := r.Virtual(t)
		var seen strings.Builder
		server.Before = func(_ context.Context, _ *fleet.Script, keys, args []string) error {
			fmt.Fprintln(&seen, keys, args)
			return nil
		}
		transport := roundTrip(func(req *http.Request) (int, string) {
			_ = req.ParseForm()
			if req.URL.Path != "/auth/o2/token" {
				return 200, `{}`
			}
			if req.PostForm.Get("refresh_token") == planted["refresh token"] {
				return 200, `{"access_token":"` + planted["access token"] + `","token_type":"bearer","expires_in":3600}`
			}
			return 401, `{"error":"invalid_client","error_description":"bad ` + planted["client secret"] + ` and ` + planted["refresh token"] + `"}`
		})
		p := newProcess(t, server)
		app := spapi.NewApp(spapi.Credentials{ClientID: planted["client id"], ClientSecret: spapi.NewSecret(planted["client secret"])},
			spapi.WithTransport(transport), spapi.WithTokenStore(p), spapi.WithLogger(slog.New(slog.NewTextHandler(p.log, nil))))
		var errs strings.Builder
		for _, refresh := range []string{planted["refresh token"], planted["refresh token"] + "2"} {
			client := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(refresh), Region: "na", SellerID: planted["seller"]})
			for range 2 {
				_, err := read(t, client, "/orders/v0/orders/1-2-3")
				fmt.Fprintln(&errs, err)
			}
		}
		if !strings.Contains(errs.String(), "invalid_client") {
			t.Fatalf("nobody was refused: %s", &errs)
		}
		spoiled := newProcess(t, server, otherKey)
		fmt.Fprintf(&errs, "%v %+v %#v", spoiled, p.Tokens, p.Tokens)

		names, fields := tokenNames(t, server), 0
		if len(names) != 2 {
			t.Errorf("%d keys on the server, want one of each token", len(names))
		}
		for _, name := range names {
			fmt.Fprintln(&seen, name)
			for _, part := range do(t, server, "HGETALL", name).([]any) {
				fields++
				fmt.Fprintln(&seen, string(part.([]byte)))
			}
			if ttl := do(t, server, "PTTL", name).(int64); ttl <= 0 || ttl > 2*time.Hour.Milliseconds() {
				t.Errorf("it expires in %d ms", ttl)
			}
		}
		if fields < 20 {
			t.Errorf("%d fields in the dump", fields)
		}
		for where, text := range map[string]string{"the server": seen.String(), "errors": errs.String(), "the log": p.log.String()} {
			for what, canary := range planted {
				if where == "errors" && what == "client id" { // it is no secret there
					continue
				}
				for _, form := range []string{canary, canary[5:], base64.StdEncoding.EncodeToString([]byte(canary))[:16], hex.EncodeToString([]byte(canary))[:16]} {
					if strings.Contains(text, form) {
						t.Errorf("%s shows the %s", where, what)
					}
				}
			}
			if strings.Contains(text, oneKey) || strings.Contains(text, otherKey) {
				t.Errorf("%s shows a key", where)
			}
		}
	})
}

// Two processes with the whole SDK over one server have one token of each kind, also when the client secret has changed.
func TestTokensThroughTheSDK(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		emu, err := emulator.New(emulator.WithSeed(1), emulator.WithOrders(3), emulator.WithoutLimits())
		if err != nil {
			t.Fatal(err)
		}
		c := emu.Credentials()
		var logins, minted atomic.Int64
		transport := spapi.WithTransport(counting{emu, func(req *http.Request) {
			switch {
			case strings.HasSuffix(req.URL.Path, "/auth/o2/token"):
				logins.Add(1)
			case strings.HasSuffix(req.URL.Path, "/restrictedDataToken"):
				minted.Add(1)
			}
		}})
		want := func(wantLogins, wantMinted int64) {
			t.Helper()
			if logins.Load() != wantLogins || minted.Load() != wantMinted {
				t.Errorf("%d logins and %d restricted data tokens, want %d and %d", logins.Load(), minted.Load(), wantLogins, wantMinted)
			}
		}
		app := func(secret string) *spapi.App {
			return spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(secret)}, transport, spapi.WithTokenStore(newTokens(t, server)))
		}
		seller := spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region}
		const orders = "/orders/v0/orders?CreatedAfter=1999-01-01T00:00:00Z&MarketplaceIds=ATVPDKIKX0DER"
		var order string
		call := func(client *spapi.Client) {
			t.Helper()
			if _, err := ordersv0.New(client).GetOrder(t.Context(), &ordersv0.GetOrderInput{OrderID: order}, spapi.WithRestrictedData()); err != nil {
				t.Error(err)
			}
		}
		one, two := app(c.ClientSecret), app(c.ClientSecret)
		list, err := read(t, one.Client(seller), orders)
		if err != nil {
			t.Fatal(err)
		}
		order = regexp.MustCompile(`[0-9]{3}-[0-9]{7}-[0-9]{7}`).FindString(list)
		call(one.Client(seller))
		call(two.Client(seller))
		want(1, 1)

		changed := emu.RotateSecret()
		call(one.WithClientSecret(changed).Client(seller))
		call(app(changed).Client(seller))
		want(1, 1)

		time.Sleep(56 * time.Minute) // both are renewed, by one of them
		for range 3 {
			for _, app := range []*spapi.App{one, two} {
				client := app.WithClientSecret(changed).Client(seller)
				call(client)
				if _, err := read(t, client, orders); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(time.Second)
		}
		want(2, 2)
	})
}

// Nothing of a restricted data token lies on the server in clear, is sent there, or stands in errors and the log: not the token, nor the path and the data
// elements that it is for.
func TestRestrictedTokensShowNothing(t *testing.T) {
	r := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		server := r.Virtual(t)
		var seen strings.Builder
		server.Before = func(_ context.Context, _ *fleet.Script, keys, args []string) error {
			fmt.Fprintln(&seen, keys, args)
			return nil
		}
		const token, path, refused = "Atz.sprdt|canary4e5t41c7ed", "/mfn/v0/shipments/canary5h1pment", "/orders/v0/orders/canary5h1pment/regulatedInfo"
		refuse := false
		transport := roundTrip(func(req *http.Request) (int, string) {
			switch {
			case req.URL.Path == "/auth/o2/token":
				return 200, `{"access_token":"` + planted["access token"] + `","token_type":"bearer","expires_in":3600}`
			case strings.HasSuffix(req.URL.Path, "/restrictedDataToken") && refuse:
				return 403, `{"errors":[{"code":"Unauthorized","message":"no role for ` + refused + ` with ` + token + `"}]}`
			case strings.HasSuffix(req.URL.Path, "/restrictedDataToken"):
				return 200, `{"restrictedDataToken":"` + token + `","expiresIn":3600}`
			}
			if req.Header.Get("X-Amz-Access-Token") != token {
				t.Errorf("%s goes without the restricted data token", req.URL.Path)
			}
			return 200, `{}`
		})
		var errs strings.Builder
		var logs []*logBuffer
		for range 2 {
			for _, at := range []string{path, refused} {
				p := newProcess(t, server)
				logs = append(logs, p.log)
				app := spapi.NewApp(spapi.Credentials{ClientID: planted["client id"], ClientSecret: spapi.NewSecret(planted["client secret"])},
					spapi.WithTransport(transport), spapi.WithTokenStore(p), spapi.WithLogger(slog.New(slog.NewTextHandler(p.log, nil))))
				client := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(planted["refresh token"]), Region: "na"})
				refuse = at == refused
				if _, err := read(t, client, at); (err != nil) != refuse {
					t.Errorf("refused %v, got %v", refuse, err)
				} else {
					fmt.Fprintln(&errs, err)
				}
			}
		}
		names := tokenNames(t, server)
		if len(names) != 3 {
			t.Errorf("%d keys on the server, want the access token's and one of each operation", len(names))
		}
		for _, name := range names {
			fmt.Fprintln(&seen, name)
			for _, part := range do(t, server, "HGETALL", name).([]any) {
				fmt.Fprintln(&seen, string(part.([]byte)))
			}
		}
		for _, secret := range []string{token, token[6:], "canary5h1pment", planted["access token"], planted["refresh token"], planted["client secret"],
			planted["client id"]} {
			if strings.Contains(seen.String(), secret) {
				t.Errorf("the server is shown %s", secret)
			}
		}
		for _, log := range logs {
			if strings.Contains(errs.String()+log.String(), token) {
				t.Errorf("errors or the log show the token: %s%s", &errs, log)
			}
		}
	})
}

// read makes a call and reads what comes.
func read(t *testing.T, client *spapi.Client, path string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != 200 {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), err
}

// roundTrip answers requests.
type roundTrip func(*http.Request) (status int, body string)

func (r roundTrip) RoundTrip(req *http.Request) (*http.Response, error) {
	status, body := r(req)
	header := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

// counting looks at requests before they are answered.
type counting struct {
	next http.RoundTripper
	look func(*http.Request)
}

func (c counting) RoundTrip(req *http.Request) (*http.Response, error) {
	c.look(req)
	return c.next.RoundTrip(req)
}
