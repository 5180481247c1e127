package spapi

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/openspapi/spapi/internal/wire"
	"github.com/openspapi/spapi/marketplace"
)

// A call that changes something and whose answer is lost says that its outcome is unknown, and where to look. One that was refused, that never went out,
// or that only reads doesn't.
func TestOutcomeUnknown(t *testing.T) {
	answer := func(status int, body string) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
		}
	}
	fail := func(err error) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	cut := fail(io.ErrUnexpectedEOF)
	const feeds, shipment, listing = "POST /feeds/2021-06-30/feeds", "POST /orders/v0/orders/1/shipmentConfirmation", "PATCH /listings/2021-08-01/items/A/S"
	for _, c := range []struct {
		name, request              string
		meet                       func(*http.Request) (*http.Response, error)
		unknown, repeatable, typed bool
		shows                      string
	}{
		{"cut", feeds, cut, true, false, false, "feeds20210630.getFeeds"},
		{"of a thing inside another", shipment, cut, true, false, false, "ordersv0.getOrder"},
		{"503", feeds, answer(503, ""), true, false, true, "feeds20210630.getFeeds"},
		{"given up", feeds, fail(context.Canceled), true, false, false, "feeds20210630.getFeeds"},
		{"that leaves the same state", listing, cut, true, true, false, "listingsitems20210801.getListingsItem"},
		{"unknown to us", "POST /new/v1/things", cut, true, false, false, ""},
		{"an empty success", feeds, answer(202, ""), true, false, true, "feeds20210630.getFeeds"},
		{"a success that is cut", feeds, answer(202, `{"feedId":`), true, false, true, "feeds20210630.getFeeds"},
		{"a success that says it failed", feeds, answer(200, `{"errors":[{"code":"InternalFailure","message":"m"}]}`), true, false, true, "feeds20210630.getFeeds"},
		{"a success that refuses", feeds, answer(200, `{"errors":[{"code":"InvalidInput","message":"m"}]}`), false, false, true, ""},
		{"400", feeds, answer(400, `{"errors":[{"code":"InvalidInput"}]}`), false, false, true, ""},
		{"never connected", feeds, fail(&net.OpError{Op: "dial", Err: errors.New("refused")}), false, false, false, ""},
		{"that reads", "GET /feeds/2021-06-30/feeds", cut, false, false, false, ""},
		{"that reads by POST", "POST /products/fees/v0/feesEstimate", cut, false, false, false, ""},
	} {
		app := NewApp(Credentials{ClientID: "amzn1.application-oa2-client.1", ClientSecret: NewSecret("amzn1.oa2-cs.v1.x")}, WithTransport(roundTrip(c.meet)),
			WithRetry(RetryPolicy{MaxAttempts: 1}))
		client := app.Client(Authorization{Region: marketplace.NorthAmerica, RefreshToken: NewSecret("Atzr|x")})
		method, path, _ := strings.Cut(c.request, " ")
		errs := map[string]error{}
		if c.typed {
			errs["typed"] = door{}.Call(t.Context(), client, []CallOption{WithAccessToken("Atza|x")}, "feeds20210630.createFeed", nil, wire.Raw, true)
		} else {
			req, err := http.NewRequestWithContext(t.Context(), method, path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			_, errs["raw"] = client.Do(req, WithAccessToken("Atza|x"), WithAPIErrors())
		}
		for how, err := range errs {
			e, ok := errors.AsType[*OutcomeUnknownError](err)
			if err == nil || ok != c.unknown || IsOutcomeUnknown(err) != (c.unknown && !c.repeatable) {
				t.Errorf("a call %s, %s: got %v", c.name, how, err)
				continue
			}
			if !ok {
				if strings.Contains(err.Error(), "carried out") {
					t.Errorf("a call %s, %s: got %v", c.name, how, err)
				}
				continue
			}
			if e.Shows != c.shows || e.Repeatable != c.repeatable || !strings.Contains(err.Error(), "may have been carried out") ||
				!strings.HasPrefix(e.Explain(), err.Error()[strings.Index(err.Error(), e.Error()):]) || strings.Count(e.Explain(), e.Err.Error()) != 1 ||
				strings.Count(e.Explain(), "carried out") != 1 || strings.Contains(e.Explain(), "not repeated") != !c.repeatable ||
				!strings.Contains(e.Explain(), c.shows) && !c.repeatable {
				t.Errorf("a call %s, %s: %+v: %v: %s", c.name, how, e, err, e.Explain())
			}
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
