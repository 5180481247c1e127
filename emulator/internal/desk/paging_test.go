package desk

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
)

func TestPageTokenIsThatOfTheLibrary(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	zone := time.FixedZone("", -9000)
	for _, p := range []*Page{
		{},
		{Operation: "ordersv0.getOrders", Account: 3, AsOf: time.Date(2026, 1, 15, 12, 0, 0, 120, zone), Args: url.Values{"b": {"1", "2"}, "a<>": {string(every), ""}}},
		{Query: "old=1", AsOf: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC), Args: url.Values{"old": {"1"}}},
	} {
		want := *p
		want.Query, want.Start, want.Expires = p.Args.Encode(), 40, time.Date(2026, 1, 16, 0, 0, 0, 500e6, zone)
		text, err := json.Marshal(&want)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(p.append(nil, 40, want.Expires)); got != string(text) {
			t.Errorf("got  %s\nwant %s", got, text)
		}
	}
}

func TestSealsOfSeedsDiffer(t *testing.T) {
	a, b := &Desk{Seed: &random.Seed{}}, &Desk{Seed: &random.Seed{}}
	a.Seed.Set(1, 0)
	b.Seed.Set(2, 0)
	first := string(a.Seal([]byte("x")))
	if other := string(b.Seal([]byte("x"))); other == first {
		t.Error("two seeds, one seal")
	}
	if again := string(a.Seal([]byte("x"))); again != first {
		t.Error("one seed, two seals")
	}
}
