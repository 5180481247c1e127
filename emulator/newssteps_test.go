package emulator_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/notificationtypes"
	"github.com/openspapi/spapi/marketplace"
)

// newsOfSteps takes the steps of a seed with all types subscribed to by both sellers, and returns how often each thing was told: its type, seller, time and
// payload. With often time passes bit by bit, with looks between, and after each step the state goes out and comes in again.
func newsOfSteps(t *testing.T, seed uint64, n int, often bool) map[string]int {
	t.Helper()
	told, of := map[string]int{}, map[string]string{}
	sink := func(_ string, body []byte) {
		m := emulator.ReadMessage(t, emulator.Delivery{Body: body})
		payload, err := json.Marshal(m.Payload)
		if err != nil {
			t.Error(err)
		}
		told[fmt.Sprintf("%s %s %s %s %s", m.Type, m.Version, of[m.Subscription], m.EventTime.Format("2006-01-02T15:04:05.000"), payload)]++
	}
	w := &walk{client: newClient(t, emulator.WithSeed(int64(seed)), emulator.WithoutLimits(), emulator.WithOrders(200), //nolint:gosec // a test's own
		emulator.WithProducts(20), emulator.WithNotificationSink(sink)),
		r: rand.New(rand.NewPCG(seed, 14)), done: map[string]int{}, booked: map[string]string{}}
	if _, err := w.AddAccount(emulator.AccountConfig{Region: marketplace.Europe, Marketplaces: []string{marketplace.DE.ID, marketplace.IN.ID}}); err != nil {
		t.Fatal(err)
	}
	w.login()
	for i, cred := range w.Accounts() {
		for _, typ := range notificationtypes.All() {
			if typ.Token != "seller" || typ.Status == "documented" || typ.Status == "removed" {
				continue
			}
			of[emulator.Subscribe(t, w.Emulator, emulator.Subscription{Type: typ.Name, Version: typ.PayloadVersion, Seller: &cred})] = fmt.Sprint("seller ", i)
		}
	}
	pass := func(d time.Duration) {
		for often && d > 5*time.Hour {
			part := time.Duration(w.told%5+1) * 37 * time.Minute
			w.clock.advance(part)
			w.Deliver()
			d -= part
		}
		w.clock.advance(d)
	}
	rand := w.r
	for range n {
		if s := steps[rand.IntN(len(steps))]; s.name == "time passes" || rand.IntN(3) == 0 {
			pass(time.Duration(rand.IntN(3*24*3600*1000)) * time.Millisecond)
			w.login()
		} else if s.name != "the state moves to another emulator" && s.name != "requests begin to go wrong" && s.name != "requests go right again" {
			w.what = s.name
			s.do(w)
		}
		if !often {
			continue
		}
		w.Deliver()
		state, err := w.Export()
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(state)
		if err != nil {
			t.Fatal(err)
		}
		var read emulator.State
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		if err := w.Import(&read); err != nil {
			t.Fatal(err)
		}
	}
	pass(10 * 24 * time.Hour)
	w.Deliver()
	return told
}

// TestNewsOfRandomSteps: whatever sellers do, what is told of it depends neither on how often somebody looks nor on moves of the state.
func TestNewsOfRandomSteps(t *testing.T) {
	seeds, n := uint64(1), 25
	if text := os.Getenv("SPAPI_PROVE_NEWS"); text != "" {
		var err error
		if seeds, err = strconv.ParseUint(text, 10, 16); err != nil {
			t.Fatalf("SPAPI_PROVE_NEWS=%q: want a number of worlds, of 60 steps each", text)
		}
		n = 60
	}
	for seed := range seeds {
		want, got := newsOfSteps(t, seed+1, n, false), newsOfSteps(t, seed+1, n, true)
		kinds := map[string]int{}
		shown := 0
		for _, key := range slices.Sorted(maps.Keys(want)) {
			var kind string
			fmt.Sscan(key, &kind)
			kinds[kind] += want[key]
			if got[key] != want[key] {
				if shown++; shown < 30 {
					t.Errorf("seed %d: told %d times, with looks and moves %d times: %.400s", seed+1, want[key], got[key], key)
				}
			}
		}
		for _, key := range slices.Sorted(maps.Keys(got)) {
			if want[key] == 0 {
				if shown++; shown < 60 {
					t.Errorf("seed %d: told only with looks and moves, %d times: %.400s", seed+1, got[key], key)
				}
			}
		}
		t.Logf("seed %d: %d messages of %v; %d differ", seed+1, len(want), kinds, shown)
	}
}

// TestNewsUntilRevoked: what had happened when a seller took the authorization back is told, whether somebody had looked or not; what happened until the seller
// consented again isn't.
func TestNewsUntilRevoked(t *testing.T) {
	counts := map[bool][]int{}
	for _, looks := range []bool{false, true} {
		c := newClient(t, emulator.WithFixedTime(start), emulator.WithoutLimits(), emulator.WithRedirectURIs("https://app.example.com/"))
		emulator.Subscribe(t, c.Emulator, emulator.Subscription{Type: "ORDER_CHANGE"})
		count := func() {
			counts[looks] = append(counts[looks], len(c.Deliveries()))
		}
		pass := func() {
			c.Advance(24 * time.Hour)
			if looks {
				c.Deliver()
			}
		}
		pass()
		if !c.RevokeRefreshToken(c.Credentials().RefreshToken) {
			t.Fatal("not revoked")
		}
		count()
		pass()
		cred := c.Credentials()
		callback, err := c.Authorize(marketplace.US.SellerCentral+"/apps/authorize/consent?application_id="+cred.ApplicationID+"&state=s&version=beta", cred.SellerID)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(callback)
		if err != nil {
			t.Fatal(err)
		}
		form := url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("spapi_oauth_code")}, "client_id": {cred.ClientID}}
		form.Set("client_secret", cred.ClientSecret)
		if r := c.form(form); r.status != 200 {
			t.Fatal(r.body)
		}
		count()
		pass()
		count()
	}
	got, want := counts[false], counts[true]
	if !slices.Equal(got, want) || got[0] == 0 || got[1] != got[0] || got[2] <= got[1] {
		t.Errorf("messages at revocation, consent and a day later: %v without looks, %v with them; want the same, none between the first two, some after", got, want)
	}
}
