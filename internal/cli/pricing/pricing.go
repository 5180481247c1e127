// Package pricing is "spapi pricing": a seller's prices beside those of the others.
package pricing

import (
	"context"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/api/productpricingv0"
	"github.com/openspapi/spapi/internal/cli/cell"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
)

// Options are the flags of "spapi pricing" and what it works with.
type Options struct {
	Factory *factory.Factory

	IDs []string
	By  string
}

// NewCmdPricing returns the command. runF replaces the work in tests.
func NewCmdPricing(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:   "pricing <sku or asin...>",
		Short: "Compare prices",
		Long: "Shows for each product your own price, the price of the featured offer, and how many offers there are, in the marketplace in force.\n" +
			"What looks like an ASIN is taken as one; --by says otherwise. Up to 20 products are two calls.",
		Example: "  spapi pricing PN-0005 \"shelf 0055\"\n  spapi pricing B0GNI7T800 --jq '.[0].competitive.CompetitivePrices'",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exit.Usagef("wants SKUs or ASINs")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.IDs = args
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVar(&opts.By, "by", "", "take the products as `sku` or asin")
	_ = cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]string{"sku", "asin"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// row is a product with what there is about its price. Offers and competitive are as Amazon sends them.
type row struct {
	SKU         string                                   `json:"sku,omitzero"`
	ASIN        string                                   `json:"asin,omitzero"`
	Status      string                                   `json:"status"`
	Own         *productpricingv0.MoneyType              `json:"own"`      // your price, without shipping
	Featured    *productpricingv0.MoneyType              `json:"featured"` // landed price of the featured offer: with shipping
	IsOwn       bool                                     `json:"featuredIsOwn"`
	Count       *int64                                   `json:"offerCount"` // of offers of all sellers; of new ones, where Amazon tells them apart
	Offers      []productpricingv0.OfferType             `json:"offers,omitzero"`
	Competitive *productpricingv0.CompetitivePricingType `json:"competitive,omitzero"`
}

var asin = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(B0[0-9A-Z]{8}|[0-9]{9}[0-9X])$`) })

// maxItems is how many products one call takes.
const maxItems = 20

func run(ctx context.Context, opts *Options) error {
	f := opts.Factory
	if err := f.Printer().Check(reflect.TypeFor[row](), columns...); err != nil {
		return err
	}
	var skus, asins []string
	for _, id := range opts.IDs {
		switch by := strings.ToLower(opts.By); {
		case by == "sku", by == "" && !asin().MatchString(id):
			skus = append(skus, id)
		case by == "asin", by == "":
			asins = append(asins, id)
		default:
			return exit.Usagef("--by %q: want sku or asin", opts.By)
		}
	}
	shop, err := f.Shop(ctx, false)
	if err != nil {
		return err
	}
	var rows []row
	for _, kind := range []struct {
		name string
		ids  []string
	}{{"Sku", skus}, {"Asin", asins}} {
		for rest := kind.ids; len(rest) > 0; {
			part := rest[:min(maxItems, len(rest))]
			rest = rest[len(part):]
			found, err := prices(ctx, shop, kind.name, part)
			if err != nil {
				return err
			}
			rows = append(rows, found...)
		}
	}
	return f.Print(ctx, rows, columns...)
}

var columns = []output.Column{
	{Name: "sku", Path: "sku"}, {Name: "asin", Path: "asin"},
	cell.Money("own", "own"), cell.Money("featured", "featured"),
	{Name: "featured is own", Path: "featuredIsOwn", Text: func(v output.Value) string {
		if v.Text() == "true" {
			return "yes"
		}
		return ""
	}, Spare: 2},
	cell.Spare(1, cell.Number("offers", "offerCount")),
	{Name: "status", Path: "status", Spare: 3},
}

func prices(ctx context.Context, shop *factory.Shop, kind string, ids []string) ([]row, error) {
	api := productpricingv0.New(shop.Client)
	own := productpricingv0.GetPricingInput{MarketplaceID: shop.Marketplace.ID, ItemType: productpricingv0.GetPricingItemType(kind)}
	others := productpricingv0.GetCompetitivePricingInput{MarketplaceID: shop.Marketplace.ID, ItemType: productpricingv0.GetCompetitivePricingItemType(kind)}
	if kind == "Sku" {
		own.SKUs, others.SKUs = ids, ids
	} else {
		own.ASINs, others.ASINs = ids, ids
	}
	mine, err := api.GetPricing(ctx, &own)
	if err != nil {
		return nil, err
	}
	theirs, err := api.GetCompetitivePricing(ctx, &others)
	if err != nil {
		return nil, err
	}
	rows := make([]row, len(ids))
	for i, id := range ids {
		r := &rows[i]
		if kind == "Sku" {
			r.SKU = id
		} else {
			r.ASIN = id
		}
		r.Status = "unknown"
		for _, p := range mine {
			if same(&p, kind, id) {
				r.addOwn(&p)
			}
		}
		for _, p := range theirs {
			if same(&p, kind, id) {
				r.addOthers(&p)
			}
		}
	}
	return rows, nil
}

func same(p *productpricingv0.Price, kind, id string) bool {
	if kind == "Sku" {
		return p.SellerSKU == id
	}
	return p.ASIN == id
}

func (r *row) addOwn(p *productpricingv0.Price) {
	r.Status = p.Status
	if p.Product == nil {
		return
	}
	r.identify(p)
	r.Offers = p.Product.Offers
	for _, o := range r.Offers {
		if r.SKU == "" || o.SellerSKU == r.SKU || o.SellerSKU == "" {
			if o.BuyingPrice != nil && o.BuyingPrice.ListingPrice != nil {
				r.Own = o.BuyingPrice.ListingPrice
				if r.SKU == "" {
					r.SKU = o.SellerSKU
				}
				return
			}
		}
	}
}

func (r *row) identify(p *productpricingv0.Price) {
	if i := p.Product.Identifiers; i != nil && i.MarketplaceASIN != nil && r.ASIN == "" {
		r.ASIN = i.MarketplaceASIN.ASIN
	}
	if r.ASIN == "" {
		r.ASIN = p.ASIN
	}
}

func (r *row) addOthers(p *productpricingv0.Price) {
	if r.Status == "unknown" {
		r.Status = p.Status
	}
	if p.Product == nil {
		return
	}
	r.identify(p)
	c := p.Product.CompetitivePricing
	if r.Competitive = c; c == nil {
		return
	}
	for _, price := range c.CompetitivePrices {
		// "1" is the featured offer for new, "2" for used ones (productPricingV0, CompetitivePriceType).
		if price.CompetitivePriceID == "1" && price.Price != nil {
			if r.Featured = price.Price.LandedPrice; r.Featured == nil {
				r.Featured = price.Price.ListingPrice
			}
			r.IsOwn = price.BelongsToRequester != nil && *price.BelongsToRequester
		}
	}
	for _, n := range c.NumberOfOfferListings {
		if r.Count == nil && n.Condition == "Any" || strings.EqualFold(n.Condition, "New") {
			r.Count = n.Count
		}
	}
}
