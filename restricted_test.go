package spapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/wire"
)

// A restricted token covers one method of a path: to cancel a shipment takes another than to read it.
func TestRestrictedTokenIsOfOneMethod(t *testing.T) {
	f := new(fake)
	client := f.client()
	for _, operation := range []string{"merchantfulfillmentv0.getShipment", "merchantfulfillmentv0.cancelShipment"} {
		_, err := invokeRaw(t.Context(), client, operation, func(r *wire.Request) { r.Path("shipmentId", "s1") })
		check(t, err)
	}
	if f.minted != 2 {
		t.Fatalf("%d restricted tokens for two methods", f.minted)
	}
	wantText(t, f.bodies[0], `"method":"GET"`)
	wantText(t, f.bodies[2], `"method":"DELETE"`)
}

// Amazon knows the path as it is on its own host, without what a gateway puts before it.
func TestRestrictedTokenBehindABasePath(t *testing.T) {
	f := new(fake)
	_, err := invokeRaw(t.Context(), f.client(WithEndpoint("http://127.0.0.1:1/pre%2Ffix")), "reports20210630.getReportDocument", document, WithRestrictedData())
	check(t, err)
	if want := `{"restrictedResources":[{"method":"GET","path":"/reports/2021-06-30/documents/amzn1.spdoc.1%2F2"}]}`; f.bodies[0] != want {
		t.Errorf("asked for %s, want %s", f.bodies[0], want)
	}
}

func TestRestrictedTokenLivesAsLongAsItSays(t *testing.T) {
	for body, life := range map[string]time.Duration{
		`{"restrictedDataToken":"Atz.sprdt|x","expiresIn":300}`:  5 * time.Minute,
		`{"restrictedDataToken":"Atz.sprdt|x","expiresIn":7200}`: 2 * time.Hour,
		`{"restrictedDataToken":"Atz.sprdt|x"}`:                  time.Hour, // is assumed
		`{"restrictedDataToken":"Atz.sprdt|x","expiresIn":1e30}`: time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{mint: func(string) *http.Response { return reply(200, body) }}
			client, start := f.client(), time.Now()
			for _, step := range []struct {
				at     time.Duration
				minted int
			}{{0, 1}, {life*3/4 - time.Second, 1}, {life*11/12 + time.Second, 2}} {
				time.Sleep(step.at - time.Since(start))
				_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"), WithRestrictedData())
				check(t, err)
				synctest.Wait()
				if f.minted != step.minted {
					t.Errorf("%s: %d restricted tokens after %s, want %d", body, f.minted, step.at, step.minted)
				}
			}
		})
	}
}

// The fetch of a restricted data token waits no longer than its call may, and in the same order.
func TestRestrictedTokenAtThePaceOfTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []LimitRequest
		client := new(fake).client(WithLimiter(recorder{NewLimiter(), &asked}))
		fetch := func(i int, opts ...CallOption) error {
			_, err := invokeRaw(t.Context(), client, "reports20210630.getReportDocument", func(r *wire.Request) { r.Path("reportDocumentId", fmt.Sprint(i)) },
				append(opts, WithRestrictedData())...)
			return err
		}
		start := time.Now()
		check(t, fetch(0, WithPriority(7), WithFailFast(time.Second)))
		if len(asked) != 2 || asked[1].Priority != 7 || asked[1].MaxWait != time.Second {
			t.Errorf("asked for %+v", asked)
		}
		for i := 1; ; i++ { // each document takes a token of its own, until there are none at once
			err := fetch(i, WithFailFast(0))
			if err == nil && i < 100 {
				continue
			}
			limit, ok := errors.AsType[*LimitError](err)
			if !ok || limit.Operation != "tokens20210301.createRestrictedDataToken" || time.Since(start) != 0 {
				t.Errorf("call %d: %v after %s", i, err, time.Since(start))
			}
			break
		}
	})
}

// Who fails fast makes others fail neither: they ask for the token that they would have shared.
func TestRestrictedTokenOfAFastCallIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttled := true
		f := &fake{mint: func(string) *http.Response {
			if throttled {
				throttled = false
				return reply(429, quotaBody)
			}
			return reply(200, `{"restrictedDataToken":"Atz.sprdt|x","expiresIn":3600}`)
		}, delay: func(*http.Request) time.Duration { return time.Second }}
		client := f.client()
		var fast error
		var all sync.WaitGroup
		all.Go(func() {
			_, fast = invokeRaw(t.Context(), client, getOrder, orderID("1"), WithRestrictedData(), WithFailFast(0))
		})
		synctest.Wait()
		for range 3 {
			all.Go(func() {
				_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"), WithRestrictedData())
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if !IsThrottled(fast) || f.minted != 2 {
			t.Errorf("the fast call got %v, %d tokens were asked for, want 2", fast, f.minted)
		}
	})
}

// bearer is a store of many processes that tells what another one was answered.
type bearer struct{ err error }

func (b bearer) Get(context.Context, TokenRequest) (Token, error) { return Token{}, b.err }
func (b bearer) Drop(context.Context, string, Token) error        { return nil }

// What a store of many processes tells explains itself as if this process had been answered.
func TestErrorsToldByOtherProcessesExplainThemselves(t *testing.T) {
	api := &APIError{Operation: mintOperation, StatusCode: 403, Code: "Unauthorized", Message: "Access to requested resource is denied."}
	_, err := invokeRaw(t.Context(), new(fake).client(WithTokenStore(bearer{api})), getOrder, orderID("1"), WithRestrictedData())
	told, ok := errors.AsType[*APIError](err)
	if !ok {
		t.Fatal(err)
	}
	wantText(t, told.Explain(), "another region than "+string(testAuthorization.Region)+":")
	if api.facts.op != nil {
		t.Error("the store's own error was changed, which other calls have too")
	}

	auth := &AuthError{Grant: "refresh_token", StatusCode: 401, Code: "invalid_client"}
	_, err = invokeRaw(t.Context(), new(fake).client(WithTokenStore(bearer{auth}), WithTokenURL("https://login.example/token")), getOrder, orderID("1"))
	wantText(t, fmt.Sprint(err), "token URL's host login.example: refresh_token: 401 invalid_client")
	_, err = invokeRaw(t.Context(), new(fake).client(WithTokenStore(bearer{auth})), getOrder, orderID("1"))
	if !errors.Is(err, auth) {
		t.Errorf("got %v, want the store's", err)
	}
}
