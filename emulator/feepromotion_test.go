package emulator

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// estimated is what getMyFeesEstimateForASIN answers for an item at a price in the main marketplace.
func (s *shop) estimated(asin string, price float64, byAmazon bool) response {
	s.t.Helper()
	m := s.market(0)
	r := s.post("/products/fees/v0/items/"+asin+"/feesEstimate", fmt.Sprintf(`{"FeesEstimateRequest":{"MarketplaceId":%q,"Identifier":"x",`+
		`"IsAmazonFulfilled":%t,"PriceToEstimateFees":{"ListingPrice":`+
		`{"CurrencyCode":%q,"Amount":%v}}}}`, m.ID, byAmazon, m.Currency, price))
	if r.status != 200 || r.text("payload", "FeesEstimateResult", "Status") != "Success" {
		s.t.Fatalf("estimate of %s: %d %s", asin, r.status, r.body)
	}
	return response{json: r.path("payload", "FeesEstimateResult", "FeesEstimate")}
}

// referral is the referral fee in an estimate: the fee, what is taken off it, and what is left.
func referral(t testing.TB, r response) (fee, off, final string) {
	t.Helper()
	compare(t, "fee type", r.text("FeeDetailList", 0, "FeeType"), "ReferralFee")
	of := func(name string) string { return r.text("FeeDetailList", 0, name, "Amount") }
	return of("FeeAmount"), of("FeePromotion"), of("FinalFee")
}

// samePromotion holds what a message tells of fees against what is answered now, and returns the ASINs that it tells of.
func (s *shop) samePromotion(m Message) (asins []string) {
	s.t.Helper()
	whole := func(amount string) string { return fmt.Sprint(math.Round(number(s.t, amount))) }
	list, _ := m.At("PromotionInformation").([]any)
	for i := range list {
		asin := m.Text("Identifiers", 0, "IdentifierValues", i, "IdentifierValueId")
		asins = append(asins, asin)
		var l *world.Listing
		s.w.RLock()
		for _, other := range s.w.AllListings() {
			if l == nil && other.Product.ASIN == asin && other.Offers[s.market(0).ID] != nil {
				l = other
			}
		}
		price := float64(l.Offers[s.market(0).ID].PriceAt(s.Now()).Number())
		compare(s.t, "title", m.Text("Identifiers", 0, "IdentifierValues", i, "IdentifierValueFriendlyName"), l.Title(s.market(0)))
		s.w.RUnlock()
		told := func(path ...any) string { return m.Text(append([]any{"PromotionInformation", i}, path...)...) }
		r := s.estimated(asin, price, l.Amazon)
		compare(s.t, "price", told("PriceThreshold", "Amount"), whole(fmt.Sprint(price)))
		compare(s.t, "total", told("FeesEstimate", "TotalFeesEstimate", "Amount"), whole(r.text("TotalFeesEstimate", "Amount")))
		compare(s.t, "discount", told("FeeDiscountMonetaryAmount", "Amount"), whole(r.text("FeeDetailList", 0, "FeePromotion", "Amount")))
		details, _ := m.At("PromotionInformation", i, "FeesEstimate", "FeeDetails").([]any)
		compare(s.t, "fees", len(details), len(r.list("FeeDetailList")))
		for j := range details {
			compare(s.t, "kind", told("FeesEstimate", "FeeDetails", j, "FeeType"), r.text("FeeDetailList", j, "FeeType"))
			for _, name := range []string{"FeeAmount", "FeePromotion", "FinalFee"} {
				compare(s.t, name, told("FeesEstimate", "FeeDetails", j, name, "Amount"), whole(r.text("FeeDetailList", j, name, "Amount")))
			}
			included, _ := m.At("PromotionInformation", i, "FeesEstimate", "FeeDetails", j, "IncludedFees").([]any)
			answered, _ := r.path("FeeDetailList", j, "IncludedFeeDetailList").([]any)
			compare(s.t, "included fees", len(included), len(answered))
			for k := range included {
				compare(s.t, "included", told("FeesEstimate", "FeeDetails", j, "IncludedFees", k, "FinalFee", "Amount"),
					whole(r.text("FeeDetailList", j, "IncludedFeeDetailList", k, "FinalFee", "Amount")))
			}
		}
	}
	return asins
}

func TestFeePromotionNews(t *testing.T) {
	s := newShop(t)
	l, m := s.rivalled(true)
	asin := l.Product.ASIN
	Subscribe(t, s.Emulator, Subscription{Type: "FEE_PROMOTION"})
	before := s.estimated(asin, 123.45, true)
	fee, off, final := referral(t, before)
	if off != "0.0" || final != fee {
		t.Fatalf("without a promotion %s off %s, %s left", off, fee, final)
	}

	// Two days ahead, by the control plane.
	from, until := s.Now().Add(48*time.Hour), s.Now().Add(96*time.Hour)
	r := s.control("POST", "fee-promotions", fmt.Sprintf(`{"skus":[%q],"percent":12.5,"type":"LAUNCH","from":%q,"until":%q}`, l.SKU,
		from.Format(time.RFC3339), until.Format(time.RFC3339)))
	if r.status != 200 || r.text("asins", 0) != asin || r.text("seller") != s.Credentials().SellerID || r.text("marketplace") != m.ID {
		t.Fatalf("%d %s", r.status, r.body)
	}
	s.Advance(48*time.Hour - time.Millisecond)
	s.refresh()
	if _, off, _ := referral(t, s.estimated(asin, 123.45, true)); off != "0.0" {
		t.Errorf("before its time %s is off", off)
	}
	none(t, s.Emulator, "a promotion before its time")
	s.Advance(time.Millisecond)
	told := one(t, s.Emulator, "FEE_PROMOTION")
	compare(t, "event time", told.EventTime, from)
	compare(t, "merchant", told.Text("MerchantId")+" "+told.Text("MarketplaceId")+" "+told.Text("FeePromotionType"), s.Credentials().SellerID+" "+m.ID+" LAUNCH")
	compare(t, "from", told.Text("PromotionActiveTimeRange", "EffectiveFromDate"), from.Format("2006-01-02T15:04:05.000Z"))
	compare(t, "until", told.Text("PromotionActiveTimeRange", "EffectiveThroughDate"), until.Format("2006-01-02T15:04:05.000Z"))
	compare(t, "terms", told.Text("PromotionInformation", 0, "FeeDiscountType")+told.Text("PromotionInformation", 0, "FeeDiscountValue"), "PERCENTAGE12.5")
	compare(t, "fee", told.Text("PromotionInformation", 0, "FeeType"), "ReferralFee")
	compare(t, "items", s.samePromotion(told), []string{asin})
	active := s.estimated(asin, 123.45, true)
	wasFee, off, final := referral(t, active)
	cents := func(text string) int { return int(math.Round(number(t, text) * 100)) }
	compare(t, "fee", wasFee, fee)
	compare(t, "off", cents(off), math.Round(float64(cents(fee))*0.125))
	compare(t, "final", cents(final), cents(fee)-cents(off))
	compare(t, "total", cents(active.text("TotalFeesEstimate", "Amount")), cents(before.text("TotalFeesEstimate", "Amount"))-cents(off))
	if cents(off) == 0 {
		t.Error("nothing is off")
	}
	bySKU := s.post("/products/fees/v0/feesEstimate", fmt.Sprintf(`[{"IdType":"SellerSKU","IdValue":%q,"FeesEstimateRequest":{"MarketplaceId":%q,`+
		`"Identifier":"x","PriceToEstimateFees":`+
		`{"ListingPrice":{"CurrencyCode":%q,"Amount":123.45}}}}]`, l.SKU, m.ID, m.Currency))
	compare(t, "off by SKU", bySKU.text(0, "FeesEstimate", "FeeDetailList", 0, "FeePromotion", "Amount"), off)
	other := s.w.AllListings()[0]
	if other.Product.ASIN == asin {
		other = s.w.AllListings()[1]
	}
	if _, off, _ := referral(t, s.estimated(other.Product.ASIN, 123.45, true)); off != "0.0" {
		t.Errorf("%s is off of an item that the promotion isn't for", off)
	}

	// What is exported goes on, and is told no more.
	state, err := s.Export()
	if err == nil {
		err = s.Import(state)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.w = s.desk.Seller(0).World()
	if _, again, _ := referral(t, s.estimated(asin, 123.45, true)); again != off {
		t.Errorf("after an import %s is off, before it %s", again, off)
	}
	s.Advance(48*time.Hour - time.Millisecond)
	s.refresh()
	if _, again, _ := referral(t, s.estimated(asin, 123.45, true)); again != off {
		t.Errorf("at the end %s is off, want %s", again, off)
	}
	s.Advance(time.Millisecond)
	if _, off, _ := referral(t, s.estimated(asin, 123.45, true)); off != "0.0" {
		t.Errorf("after its end %s is off", off)
	}
	one(t, s.Emulator, "FEE_PROMOTION")

	// At once, of all items, an amount that is more than some fees.
	s.Advance(time.Minute) // of which nobody has been told when it begins
	begun, err := s.BeginFeePromotion(FeePromotion{Amount: "2.00"})
	if err != nil {
		t.Fatal(err)
	}
	if !begun.From.Equal(s.Now()) || !begun.Until.Equal(s.Now().AddDate(0, 0, 30)) || begun.Type == "" {
		t.Errorf("begun %+v", begun)
	}
	list := heard(t, s.Emulator, "FEE_PROMOTION")[1:]
	var asins []string
	for _, n := range list {
		compare(t, "terms", n.Text("PromotionInformation", 0, "FeeDiscountType")+n.Text("PromotionInformation", 0, "FeeDiscountValue"), "AMOUNT2")
		compare(t, "event time", n.EventTime, s.Now())
		some := s.samePromotion(n)
		if len(some) == 0 || len(some) > 100 {
			t.Errorf("%d items in a message", len(some))
		}
		asins = append(asins, some...)
	}
	var want []string
	for _, l := range s.w.AllListings() {
		if l.Offers[m.ID] != nil && !slices.Contains(want, l.Product.ASIN) {
			want = append(want, l.Product.ASIN)
		}
	}
	compare(t, "items", asins, want)
	if fee, off, final := referral(t, s.estimated(asin, 1, false)); off != fee || final != "0.0" {
		t.Errorf("%s off %s, %s left", off, fee, final)
	}
	if _, off, _ := referral(t, s.estimated(asin, 123.45, false)); off != "2.0" {
		t.Errorf("off %s, want 2", off)
	}
	s.Advance(time.Hour)
	s.Deliver()
	compare(t, "messages", len(heard(t, s.Emulator, "FEE_PROMOTION")), 1+len(list))
	s.Reset()
	s.refresh()
	s.w = s.desk.Seller(0).World()
	if _, off, _ := referral(t, s.estimated(asin, 123.45, false)); off != "0.0" {
		t.Errorf("after a reset %s is off", off)
	}
}

// TestFeePromotionTold is about when and to whom promotions are told that wait: by one leap as by many, past an export, not to who subscribes later.
func TestFeePromotionTold(t *testing.T) {
	s := newShop(t)
	canada := s.market(1)
	items := s.w.AllListings()
	begin := func(days int, l *world.Listing) {
		t.Helper()
		from := s.Now().AddDate(0, 0, days)
		if _, err := s.BeginFeePromotion(FeePromotion{ASINs: []string{l.Product.ASIN}, Percent: 100, From: from, Until: from.AddDate(0, 0, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	var in []*world.Listing
	for _, l := range items {
		if l.Offers[s.market(0).ID] != nil {
			in = append(in, l)
		}
	}
	begin(0, in[3])
	begin(5, in[0])
	begin(3, in[1])
	begin(1, in[2])
	s.Advance(24 * time.Hour)
	Subscribe(t, s.Emulator, Subscription{Type: "FEE_PROMOTION"})
	state, err := s.Export()
	if err == nil {
		err = s.Import(state)
	}
	if err != nil {
		t.Fatal(err)
	}
	none(t, s.Emulator, "what had begun before")
	s.Advance(10 * 24 * time.Hour)
	list := heard(t, s.Emulator, "FEE_PROMOTION")
	item := func(m Message) string { return m.Text("Identifiers", 0, "IdentifierValues", 0, "IdentifierValueId") }
	if len(list) != 2 || item(list[0]) != in[1].Product.ASIN || item(list[1]) != in[0].Product.ASIN {
		t.Errorf("told %v", texts(list))
	}
	// One that has begun already is told of now.
	from := s.Now().Add(-time.Hour)
	if _, err := s.BeginFeePromotion(FeePromotion{Marketplace: canada.ID, Percent: 1, From: from}); err != nil {
		t.Fatal(err)
	}
	last := heard(t, s.Emulator, "FEE_PROMOTION")[2]
	compare(t, "marketplace", last.Text("MarketplaceId")+last.Text("PromotionInformation", 0, "PriceThreshold", "CurrencyCode"), canada.ID+canada.Currency)
	compare(t, "event time", last.EventTime, s.Now())
	compare(t, "from", last.Text("PromotionActiveTimeRange", "EffectiveFromDate"), from.Format("2006-01-02T15:04:05.000Z"))
	// What is asked for tells of the promotion that there is.
	got, err := s.Trigger(Trigger{Type: "FEE_PROMOTION", About: map[string]string{"marketplace": canada.ID}, Dry: true})
	if err != nil || len(got.Messages) != 1 || !strings.Contains(string(got.Messages[0].Body), `"FeeDiscountValue":1,`) {
		t.Errorf("%+v %v", got, err)
	}
	// Another seller's fees stay as they are.
	added, err := s.AddAccount(AccountConfig{Region: marketplace.NorthAmerica})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.BeginFeePromotion(FeePromotion{Seller: added.SellerID, Percent: 50}); err != nil {
		t.Fatal(err)
	}
	s.refresh()
	if _, off, _ := referral(t, s.estimated(in[0].Product.ASIN, 50, false)); off != "0.0" {
		t.Errorf("%s is off for another seller's promotion", off)
	}
}

func TestFeePromotionErrors(t *testing.T) {
	s := newShop(t)
	l := s.w.AllListings()[0]
	now := s.Now().Format(time.RFC3339)
	for body, want := range map[string]string{
		`{}`:                                   "percent, amount: want one of them",
		`{"percent":5,"amount":"1"}`:           "percent, amount: want one of them",
		`{"percent":-5}`:                       "percent -5: want more than 0, up to 100",
		`{"percent":100.5}`:                    "percent 100.5: want more than 0, up to 100",
		`{"percent":"5"}`:                      "percent is of the wrong type, string",
		`{"amount":"-1"}`:                      `amount: "-1" is no amount of USD`,
		`{"amount":"1.234"}`:                   `amount: "1.234" is no amount of USD`,
		`{"amount":"0.00"}`:                    `amount: "0.00": want more than nothing`,
		`{"percent":5,"seller":"x"}`:           `seller "x": there is none`,
		`{"percent":5,"marketplace":"x"}`:      `marketplace "x": is none of the seller's; there is`,
		`{"percent":5,"skus":["nothing"]}`:     `sku "nothing": the seller has no such listing`,
		`{"percent":5,"skus":[""]}`:            `skus: have "", want ids`,
		`{"percent":5,"asins":["B000000000"]}`: `asin "B000000000": the seller doesn't list it`,
		`{"percent":5,"asins":[""]}`:           `asins: have "", want ids`,
		`{"percent":5,"asins":["` + strings.Repeat(`x","`, 100) + `x"]}`:             "skus, asins: have 101 elements, want at most 100",
		`{"percent":5,"type":"` + strings.Repeat("x", 101) + `"}`:                    "want 1 to 100 characters",
		`{"percent":5,"from":"soon"}`:                                                `from "soon": want a time such as 2026-03-01T12:00:00Z`,
		`{"percent":5,"until":"0001-01-01T00:00:00Z"}`:                               `until "0001-01-01T00:00:00Z": want a time`,
		`{"percent":5,"until":"` + now + `"}`:                                        "until 2026-03-01T12:00:00.000Z: want a time after from, 2026-03-01T12:00:00.000Z",
		`{"percent":5,"from":"2026-02-01T00:00:00Z","until":"2026-02-02T00:00:00Z"}`: "until 2026-02-02T00:00:00.000Z: has passed",
		`{"percent":5,"fee":"FBAFees"}`:                                              `unknown field "fee"`,
		`[]`:                                                                         "want an object",
	} {
		r := s.control("POST", "fee-promotions", body)
		if r.status != 400 || !strings.Contains(r.text("error"), want) {
			t.Errorf("%s: %d %s, want %s", body, r.status, r.body, want)
		}
	}
	if r := s.control("GET", "fee-promotions", ""); r.status != 405 {
		t.Errorf("GET: %d %s", r.status, r.body)
	}
	if _, off, _ := referral(t, s.estimated(l.Product.ASIN, 50, false)); off != "0.0" {
		t.Errorf("%s is off though all was refused", off)
	}

	// One at a time: of an item, of all, and after one another.
	for _, test := range []struct{ body, want string }{
		{`{"percent":5,"asins":["` + l.Product.ASIN + `"],"until":"2026-03-05T00:00:00Z"}`, ""},
		{`{"percent":6,"skus":[` + fmt.Sprintf("%q", l.SKU) + `],"from":"2026-03-04T00:00:00Z"}`, "for the same items in " + usStore + " from 2026-03-01T12:00:00.000Z until 2026-03-05T00:00:00.000Z"},
		{`{"percent":6}`, "for the same items"},
		{`{"percent":6,"asins":["` + s.w.AllListings()[1].Product.ASIN + `"],"until":"2026-03-05T00:00:00Z"}`, ""},
		{`{"percent":6,"from":"2026-03-05T00:00:00Z"}`, ""},
		{`{"percent":6,"from":"2026-03-06T00:00:00Z","asins":["` + l.Product.ASIN + `"]}`, "for the same items"},
		{`{"percent":6,"marketplace":"` + s.market(1).ID + `"}`, ""},
	} {
		r := s.control("POST", "fee-promotions", test.body)
		if (r.status == 200) != (test.want == "") || !strings.Contains(r.text("error"), test.want) {
			t.Errorf("%s: %d %s, want %q", test.body, r.status, r.body, test.want)
		}
	}

	// An import of promotions that can't be.
	state, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	for was, is := range map[string]string{
		`"percent":5`: `"percent":500`, `"fee_promotions":[{`: `"fee_promotions":[null,{`,
		`"until":"2026-03-05T00:00:00Z"`: `"until":"2026-03-07T00:00:00Z"`,
	} {
		spoilt := new(State)
		if err := json.Unmarshal([]byte(strings.Replace(string(raw), was, is, 1)), spoilt); err != nil {
			t.Fatal(err)
		}
		if err := s.Import(spoilt); err == nil || !strings.Contains(err.Error(), "fee_promotions: promotion ") {
			t.Errorf("%s: %v", is, err)
		}
	}
	if err := s.Import(state); err != nil {
		t.Error(err)
	}
}
