package jobs

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
	"github.com/vektah/gqlparser/v2/ast"
)

// kioskRows are all rows of a query's data set, whole; problem tells why there are none.
func (k *Queue) kioskRows(q *Query) (rows []map[string]any, problem string) {
	args := q.Field.ArgumentMap(nil)
	from, to := dateArgument(args, "startDate"), dateArgument(args, "endDate")
	today := q.AsOf.UTC().Truncate(world.Day)
	future := q.Field.Name == "economicsPreview" || q.Field.Name == "economicsSimulation"
	switch {
	case to.Before(from):
		return nil, "The endDate lies before the startDate."
	case !future && from.Before(today.AddDate(-2, 0, 0)):
		return nil, "The startDate must be no more than two years ago."
	case future && from.Before(today):
		return nil, "The startDate must be not earlier than today."
	case future && to.After(today.AddDate(0, 0, 120)):
		return nil, "The endDate must be no more than 120 days after today."
	}
	w := k.account.World()
	switch q.Field.Name {
	case "salesAndTrafficByDate":
		markets, problem := k.kioskMarketplaces(texts(args["marketplaceIds"]))
		if problem != "" {
			return nil, problem
		}
		for _, s := range namedByWeek(k.sumSales(askedByQuery, "", q.AsOf, from, to, markets, name(args["aggregateBy"]), false), name(args["aggregateBy"])) {
			f := figures(s, &world.Counts{}, &world.Counts{})
			rows = append(rows, map[string]any{"startDate": s.Date, "endDate": s.End, "marketplaceId": s.Marketplace, "sales": f, "traffic": f})
		}
	case "salesAndTrafficByAsin":
		markets, problem := k.kioskMarketplaces(texts(args["marketplaceIds"]))
		if problem != "" {
			return nil, problem
		}
		rows = salesByASIN(k.sumSales(askedByQuery, "", q.AsOf, from, to, markets, "", true), name(args["aggregateBy"]))
	case "salesAndTrafficTrends":
		wanted := map[string][]string{}
		var markets []string
		for _, v := range list(args["filters"]) {
			f, _ := v.(map[string]any)
			id := name(f["marketplaceId"])
			wanted[id] = append(wanted[id], texts(f["asins"])...)
			markets = append(markets, id)
		}
		if markets, problem = k.kioskMarketplaces(markets); problem != "" {
			return nil, problem
		}
		sums := namedByWeek(k.sumSales(askedByQuery, "", q.AsOf, from, to, markets, name(args["dateAggregation"]), true), name(args["dateAggregation"]))
		sums = slices.DeleteFunc(sums, func(s *world.Sales) bool { return !slices.Contains(wanted[s.Marketplace], s.Product.ASIN) })
		rows = salesByASIN(sums, name(args["asinAggregation"]))
		for _, row := range rows {
			row["asinAggregation"] = name(args["asinAggregation"])
		}
	case "economics":
		markets, problem := k.kioskMarketplaces(texts(args["marketplaceIds"]))
		if problem != "" {
			return nil, problem
		}
		by, _ := args["aggregateBy"].(map[string]any)
		period, product := name(by["date"]), name(by["productId"])
		if period == "" {
			period = "DAY" // "By default it's aggregated by MSKU and DAY."
		}
		if product == "" {
			product = "MSKU"
		}
		components := texts(args["includeComponentsForFeeTypes"])
		from, to = wholeWeeks(from, to, period)
		for _, s := range w.SumSales(q.AsOf, from, to, markets, period, true) {
			rows = append(rows, k.economics(w, s, product, components))
		}
	case "economicsPreview", "economicsSimulation":
		ids := texts(args["marketplaceIds"])
		var skus []string
		if id := name(args["marketplaceId"]); id != "" {
			ids = []string{id}
			for _, v := range list(args["products"]) {
				p, _ := v.(map[string]any)
				identifier, _ := p["identifier"].(map[string]any)
				skus = append(skus, name(identifier["value"]))
			}
			if len(skus) == 0 || len(skus) > 100 {
				return nil, "The products must be 1 to 100."
			}
		}
		markets, problem := k.kioskMarketplaces(ids)
		if problem != "" {
			return nil, problem
		}
		rows = k.preview(w, q.AsOf, from, to, markets, skus)
	}
	return rows, ""
}

// namedByWeek names sums of sales and traffic week by week by the whole week, from Sunday to Saturday, also where only some days of it were asked for: those
// from 2025-01-01 to 2025-06-30 began with 2024-12-29 and ended with 2025-07-05 (lineofflight/peddler,
// test/vcr_cassettes/Peddler/DataKiosk/SalesAndTraffic20240424Test, October 2025). That they hold no other days is assumed.
func namedByWeek(sums []*world.Sales, period string) []*world.Sales {
	if period == "WEEK" {
		for _, s := range sums {
			day, _ := time.Parse(time.DateOnly, s.Date) // SumSales has written it
			sunday := day.AddDate(0, 0, -int(day.Weekday()))
			s.Date, s.End = sunday.Format(time.DateOnly), sunday.AddDate(0, 0, 6).Format(time.DateOnly)
		}
	}
	return sums
}

// wholeWeeks are the days of the weeks that lie wholly within those that were asked for: economics from 2025-01-01 on began with 2025-01-05
// (…/Economics20240315Test, December 2025). That they end so too is assumed.
func wholeWeeks(from, to time.Time, period string) (sunday, saturday time.Time) {
	if period != "WEEK" {
		return from, to
	}
	return from.AddDate(0, 0, (7-int(from.Weekday()))%7), to.AddDate(0, 0, -(int(to.Weekday())+1)%7)
}

// kioskMarketplaces are the marketplaces that a query asks for, which must be the seller's.
func (k *Queue) kioskMarketplaces(ids []string) (markets []string, problem string) {
	for _, id := range ids {
		if len(k.marketplacesOf([]string{id})) == 0 {
			return nil, "The marketplace " + id + " is none of the selling partner's."
		}
		if !slices.Contains(markets, id) {
			markets = append(markets, id)
		}
	}
	if len(markets) == 0 {
		return nil, "At least one marketplace is needed."
	}
	return markets, ""
}

func dateArgument(args map[string]any, name string) time.Time {
	text, _ := args[name].(string)
	t, _ := time.Parse(time.DateOnly, text) // checked when the query was created
	return t
}

func name(v any) string {
	s, _ := v.(string)
	return s
}

// list reads a list argument, for which GraphQL also takes a single value.
func list(v any) []any {
	if l, ok := v.([]any); ok || v == nil {
		return l
	}
	return []any{v}
}

func texts(v any) []string {
	var out []string
	for _, e := range list(v) {
		out = append(out, name(e))
	}
	return out
}

func salesByASIN(sums []*world.Sales, aggregation string) (rows []map[string]any) {
	all, b2b := totals(sums)
	for _, s := range sums {
		f := figures(s, &all, &b2b)
		row := map[string]any{"startDate": s.Date, "endDate": s.End, "marketplaceId": s.Marketplace, "parentAsin": s.Product.ASIN, "sales": f, "traffic": f}
		if aggregation != "PARENT" {
			row["childAsin"] = s.Product.ASIN
		}
		if aggregation == "SKU" {
			row["sku"] = s.Product.SKU
		}
		rows = append(rows, row)
	}
	return rows
}

// economics makes a row of what was sold, and of the fees for it, named as in lineofflight/peddler,
// test/vcr_cassettes/Peddler/DataKiosk/Economics20240315Test, December 2025.
func (k *Queue) economics(w *world.World, s *world.Sales, product string, components []string) map[string]any {
	amount := func(units int) map[string]any {
		return map[string]any{"amount": round(float64(units)/math.Pow10(world.Decimals(s.Currency)), 2), "currencyCode": s.Currency}
	}
	detail := func(units, quantity int) map[string]any {
		d := map[string]any{"amount": amount(units), "promotionAmount": amount(0), "taxAmount": amount(0), "totalAmount": amount(units), "quantity": quantity}
		if quantity > 0 {
			d["amountPerUnit"] = amount(units / quantity)
		}
		return d
	}
	fee := func(kind, component string, units, quantity int) map[string]any {
		charge := map[string]any{"aggregatedDetail": detail(units, quantity), "identifier": kind + "_Standard", "startDate": s.Date, "endDate": s.End}
		if slices.Contains(components, component) {
			charge["components"] = []any{map[string]any{"name": "Base" + kind, "aggregatedDetail": detail(units, quantity)}}
		}
		return map[string]any{"feeTypeName": kind, "charge": charge, "charges": []any{charge}}
	}
	w.RLock()
	l := w.Listing(s.Product.SKU)
	fnsku, fba := "", false
	if l != nil {
		fnsku, fba = l.Stock.FNSKU, l.Amazon
	}
	w.RUnlock()
	referral := (s.All.Amount*ledger.ReferralPercent(s.Product.Kind.Type) + 50) / 100
	fees := []any{fee("ReferralFee", "", referral, s.All.Units)}
	total := referral
	if m, known := marketplace.ByID(s.Marketplace); known && fba && s.All.ShippedUnits > 0 {
		units := ledger.Fulfillment(s.Product, &m) * s.All.ShippedUnits
		fees = append(fees, fee("FbaFulfillmentFee", "FBA_FULFILLMENT_FEE", units, s.All.ShippedUnits))
		total += units
	}
	net := s.All.Amount - s.All.RefundedAmount
	sold := s.All.Units - s.All.Refunded
	figures := map[string]any{
		"orderedProductSales": amount(s.All.Amount), "refundedProductSales": amount(s.All.RefundedAmount), "netProductSales": amount(net),
		"unitsOrdered": s.All.Units, "unitsRefunded": s.All.Refunded, "netUnitsSold": sold,
	}
	proceeds := map[string]any{"total": amount(net - total)}
	figures["averageSellingPrice"] = amount(0)
	if sold > 0 {
		figures["averageSellingPrice"], proceeds["perUnit"] = amount(net/sold), amount((net-total)/sold)
	}
	row := map[string]any{
		"startDate": s.Date, "endDate": s.End, "marketplaceId": s.Marketplace, "parentAsin": s.Product.ASIN, "sales": figures, "fees": fees, "ads": []any{},
		"netProceeds": proceeds, "cost": map[string]any{}, // its members are null where the seller has told no costs
	}
	if product != "PARENT_ASIN" {
		row["childAsin"] = s.Product.ASIN
	}
	if product == "MSKU" {
		row["msku"] = s.Product.SKU
		if fnsku != "" {
			row["fnsku"] = fnsku
		}
	}
	return row
}

// preview guesses what listings will bring: as many units as they sold lately.
func (k *Queue) preview(w *world.World, at, from, to time.Time, markets, skus []string) (rows []map[string]any) {
	days := int(to.Sub(from)/world.Day) + 1
	before := w.SumSales(at, at.UTC().Truncate(world.Day).AddDate(0, 0, -30), at.UTC().Truncate(world.Day), markets, "", true)
	for _, s := range before {
		if skus != nil && !slices.Contains(skus, s.Product.SKU) && !slices.Contains(skus, s.Product.ASIN) {
			continue
		}
		guess := *s
		guess.Date, guess.End = from.Format(time.DateOnly), to.Format(time.DateOnly)
		guess.All = world.Counts{Units: s.All.Units * days / 30, Items: s.All.Items * days / 30, Amount: s.All.Amount * days / 30, ShippedUnits: s.All.Units * days / 30}
		rows = append(rows, k.economics(w, &guess, "MSKU", nil))
	}
	return rows
}

// project writes the selected fields of a value as JSON, in the order of the selection. What the row doesn't have is null, or the zero of its
// type where null may not be.
func project(b *bytes.Buffer, schema *ast.Schema, t *ast.Type, set ast.SelectionSet, value any) {
	if t.Elem != nil {
		list, _ := value.([]any)
		if value == nil && !t.NonNull {
			b.WriteString("null")
			return
		}
		b.WriteByte('[')
		for i, e := range list {
			if i > 0 {
				b.WriteByte(',')
			}
			project(b, schema, t.Elem, set, e)
		}
		b.WriteByte(']')
		return
	}
	if value == nil && !t.NonNull {
		b.WriteString("null")
		return
	}
	if len(set) == 0 {
		if value == nil {
			value = map[string]any{"Float": 0, "Int": 0, "Long": 0, "Boolean": false}[t.NamedType]
			if value == nil {
				value = ""
			}
		}
		if n, ok := value.(int); ok && t.NamedType == "Float" {
			value = format.Double(n)
		}
		text, err := json.Marshal(value)
		if err != nil {
			panic("emulator: kiosk: " + err.Error()) // figures are finite
		}
		b.Write(text)
		return
	}
	b.WriteByte('{')
	first := true
	seen := map[string]bool{}
	var fields func(set ast.SelectionSet)
	fields = func(set ast.SelectionSet) {
		for _, s := range set {
			switch s := s.(type) {
			case *ast.FragmentSpread:
				fields(s.Definition.SelectionSet)
			case *ast.InlineFragment:
				fields(s.SelectionSet)
			case *ast.Field:
				if seen[s.Alias] {
					continue // the same field again; its selections are merged only at this level
				}
				seen[s.Alias] = true
				if !first {
					b.WriteByte(',')
				}
				first = false
				key, _ := json.Marshal(s.Alias)
				b.Write(key)
				b.WriteByte(':')
				if s.Name == "__typename" {
					text, _ := json.Marshal(t.NamedType)
					b.Write(text)
					continue
				}
				project(b, schema, s.Definition.Type, s.SelectionSet, field(value, s.Name))
			}
		}
	}
	fields(set)
	b.WriteByte('}')
}

func field(value any, name string) any {
	switch v := value.(type) {
	case map[string]any:
		return v[name]
	case object:
		return v[name]
	}
	return nil
}
