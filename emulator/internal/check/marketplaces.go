package check

import (
	_ "embed"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

//go:embed marketplaces.csv
var marketplaceTable string

// marketplaceRule is what the gateway does about the marketplaces that requests for some operations name.
type marketplaceRule struct {
	operations string // pattern
	hosts      string // "production", or "" for the sandbox's too
	refuses    string // "any" marketplace, or "others" than the seller's
	foreign    string // details of the refusal of a marketplace of another region; those of the seller's region have none
}

var marketplaceRules = sync.OnceValue(func() []marketplaceRule {
	var rules []marketplaceRule
	for _, r := range table.Read("marketplaces.csv", marketplaceTable) {
		rules = append(rules, marketplaceRule{r[0], r[1], r[2], r[3]})
	}
	return rules
})

// marketplaceParameters are the query parameters whose marketplaces the gateway looks at, whether the operation has them or not: the first three were
// seen (saleweaver/python-amazon-sp-api pull request 399 and #859), the fourth is assumed, since operations declare it too. "marketplace_ids", which that
// client sends beside them, is no operation's.
var marketplaceParameters = []string{"MarketplaceId", "MarketplaceIds", "marketplaceIds", "marketplaceId"}

// nonRetail are marketplaces without a store, such as those for what is sold elsewhere and fulfilled by Amazon. Amazon lists them among the European
// sellers' participations (selling-partner-api-docs#1260, the last of docs#761); the emulator's sellers have none of them. Such a one was refused
// (saleweaver/python-amazon-sp-api#859).
var nonRetail = []string{"A1MQXOICRS2Z7M", "A2ZV50J4W1RKNI", "A3H6HPSLHAK3XG", "AHRY1CZE9ZY4H", "A1ZFFQZ3HTUKT9"}

// Marketplaces is the gateway's check of the marketplaces in a request's query, which comes before the service behind it sees the request, and so before
// its parameters and any case of the sandbox. region is where the request was sent to, own are the seller's marketplaces. Ids that are none are left to the
// service. Marketplaces in bodies are the service's too: no refusal of one by the gateway is known.
func Marketplaces(x *exchange.Exchange, op *catalog.Operation, sandbox bool, region marketplace.Region, own []marketplace.Marketplace) *answer.Error {
	if !strings.Contains(x.URL.RawQuery, "arketplace") {
		return nil
	}
	for _, rule := range marketplaceRules() {
		if operations.Matches(rule.operations, op.ID) && (rule.hosts == "" || !sandbox) {
			return rule.check(x.URL.Query(), op, sandbox, region, own)
		}
	}
	return nil
}

// NoPart refuses a marketplace of the region where the seller takes no part (selling-partner-api-models#914).
func NoPart(parameter, id string) *answer.Error {
	return answer.Denied("").Because("marketplaces: " + parameter + " names " + id + ", where the seller takes no part")
}

func (r *marketplaceRule) check(query url.Values, op *catalog.Operation, sandbox bool, region marketplace.Region, own []marketplace.Marketplace) *answer.Error {
	for _, name := range marketplaceParameters {
		if r.refuses == "any" && query.Get(name) != "" {
			return answer.Denied("").Because("marketplaces: " + op.Name + " takes no marketplace, and " + name + " names one")
		}
		for _, id := range strings.Split(strings.Join(query[name], ","), ",") {
			m, known := marketplace.ByID(id)
			switch {
			case !known && !sandbox && slices.Contains(nonRetail, id):
				return answer.Denied("").Because("marketplaces: " + name + " names " + id + ", which has no store: the seller takes no part there")
			case !known:
			case m.Region != region:
				return answer.Denied(r.foreign).Because("marketplaces: " + name + " names " + id + " of region " + string(m.Region) +
					", and the request went to region " + string(region))
			case !sandbox && !slices.ContainsFunc(own, func(m marketplace.Marketplace) bool { return m.ID == id }):
				return NoPart(name, id)
			}
		}
	}
	return nil
}
