package spapi

import (
	"net/http"
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
	for body, want := range map[string]time.Duration{
		`{"restrictedDataToken":"Atz.sprdt|x","expiresIn":300}`:  4 * time.Minute,
		`{"restrictedDataToken":"Atz.sprdt|x","expiresIn":7200}`: 119 * time.Minute,
		`{"restrictedDataToken":"Atz.sprdt|x"}`:                  59 * time.Minute, // an hour is assumed
		`{"restrictedDataToken":"Atz.sprdt|x","expiresIn":1e30}`: 59 * time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{mint: func(string) *http.Response { return reply(200, body) }}
			client := f.client()
			for i, at := range []time.Duration{0, want - time.Second, want + time.Second} {
				start := time.Now()
				time.Sleep(at - []time.Duration{0, 0, want - time.Second}[i])
				_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"), WithRestrictedData())
				check(t, err)
				if minted := 1 + i/2; f.minted != minted {
					t.Errorf("%s: %d restricted tokens after %s (%s on), want %d", body, f.minted, at, time.Since(start), minted)
				}
			}
		})
	}
}
