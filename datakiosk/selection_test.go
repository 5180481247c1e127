package datakiosk

import "testing"

// A query is known again by what Amazon shows of it, which is printed anew.
func TestSelection(t *testing.T) {
	const shown = `query {analytics_economics_2024_03_15 {economics(startDate:"2025-01-01",marketplaceIds:["ATVPDKIKX0DER"],aggregateBy:{productId:MSKU,date:WEEK}) {msku sales {netUnitsSold}}}}`
	const rest = "analytics_economics_2024_03_15 {\n  economics(\n    startDate: \"2025-01-01\"\n    marketplaceIds: [\"ATVPDKIKX0DER\"]\n    aggregateBy: { productId: MSKU, date: WEEK }\n  ) { # by week\n    msku, sales { netUnitsSold }\n  }\n}\n}\n"
	for _, sent := range []string{"query {\n" + rest, "{" + rest, "query Economics {" + rest, "query{" + rest} {
		if selection(Minimize(sent)) != selection(shown) {
			t.Errorf("%q is %q, but shown is %q", sent, selection(sent), selection(shown))
		}
	}
	for _, other := range []string{
		`query {analytics_economics_2024_03_15 {economics(startDate:"2025-01-02",marketplaceIds:["ATVPDKIKX0DER"],aggregateBy:{productId:MSKU,date:WEEK}) {msku sales {netUnitsSold}}}}`,
		`query @x {analytics_economics_2024_03_15 {economics(startDate:"2025-01-01",marketplaceIds:["ATVPDKIKX0DER"],aggregateBy:{productId:MSKU,date:WEEK}) {msku sales {netUnitsSold}}}}`,
		`query {analytics_economics_2024_03_15 {economics(startDate:"2025-01-01",marketplaceIds:["ATVPDKIKX0DER"],aggregateBy:{productId:MSKU,date:WEEK}) {sales {netUnitsSold} msku}}}`,
	} {
		if selection(other) == selection(shown) {
			t.Errorf("%s is taken for %s", other, shown)
		}
	}
}
