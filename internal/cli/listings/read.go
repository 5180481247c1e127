package listings

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/listingsitems20210801"
	"github.com/openspapi/spapi/internal/cli/cell"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/pages"
)

var columns = []output.Column{
	{Name: "sku", Path: "sku"},
	{Name: "asin", Path: "summaries.asin"},
	{Name: "status", Path: "summaries.status", Text: words, Long: true, Spare: 2},
	cell.Of(cell.Money("price", "offers"), consumerPrice),
	cell.Number("quantity", "fulfillmentAvailability.quantity"),
	{Name: "type", Path: "summaries.productType", Spare: 3},
	{Name: "title", Path: "summaries.itemName", Long: true, Spare: 1},
}

// consumerPrice is the price for all customers, among those of several offers.
func consumerPrice(offers output.Value) output.Value {
	var first output.Value
	for o := range offers.Elements() {
		price := o.Member("price")
		if o.Member("offerType").Text() == string(listingsitems20210801.ItemOfferByMarketplaceOfferTypeB2C) {
			return price
		}
		if first.Kind() == output.Nothing {
			first = price
		}
	}
	return first
}

// words are some of Amazon's for people.
func words(list output.Value) string {
	var texts []string
	for w := range list.Elements() {
		texts = append(texts, strings.ToLower(strings.ReplaceAll(w.Text(), "_", " ")))
	}
	return strings.Join(texts, ", ")
}

// data are the sets of data that a listing has, in Amazon's words.
var data = []string{"summaries", "attributes", "issues", "offers", "fulfillmentAvailability", "procurement", "relationships", "productTypes"}

// ListOptions are the flags of "spapi listings list" and what it works with.
type ListOptions struct {
	Options
	SKUs   []string
	Status string
	Limit  int
}

// NewCmdList returns the command. runF replaces the work in tests.
func NewCmdList(f *factory.Factory, runF func(context.Context, *ListOptions) error) *cobra.Command {
	opts := &ListOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:     "list [sku...]",
		Short:   "List the seller's listings",
		Long:    "Lists what the seller offers in the marketplace in force: the latest changes first, at most 1,000, or those with some SKUs (up to 20).",
		Example: "  spapi listings list\n  spapi listings list --status buyable -o csv",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 20 {
				return exit.Usagef("takes at most 20 SKUs, got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.SKUs = args
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return list(cmd.Context(), opts)
		},
	}
	opts.addFlags(cmd, false)
	cmd.Flags().StringVar(&opts.Status, "status", "", "only with this `status`: buyable or discoverable")
	cmd.Flags().IntVar(&opts.Limit, "limit", 20, "`number` of listings to stop at; 0 for all")
	_ = cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions([]string{"buyable", "discoverable"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func list(ctx context.Context, opts *ListOptions) error {
	f := opts.Factory
	in := listingsitems20210801.SearchListingsItemsInput{
		IncludedData: []listingsitems20210801.SearchListingsItemsIncludedData{"summaries", "offers", "fulfillmentAvailability"}}
	switch status := strings.ToUpper(opts.Status); status {
	case "":
	case "BUYABLE", "DISCOVERABLE":
		in.WithStatus = []listingsitems20210801.SearchListingsItemsWithStatus{listingsitems20210801.SearchListingsItemsWithStatus(status)}
	default:
		return exit.Usagef("--status %q: want buyable or discoverable", opts.Status)
	}
	if opts.Limit < 0 {
		return exit.Usagef("--limit %d: want 0 or more", opts.Limit)
	}
	p, err := opts.open(ctx)
	if err != nil {
		return err
	}
	in.SellerID, in.MarketplaceIDs = p.seller, p.ids
	size := int64(20)
	if opts.Limit > 0 {
		size = int64(min(opts.Limit, 20))
	}
	in.PageSize = &size
	var met spapi.Response
	listings := pages.List[listingsitems20210801.ItemSearchResults, listingsitems20210801.Item]{
		Noun: "listing", Limit: opts.Limit, Columns: columns, Items: func() ([]json.RawMessage, error) { return asSent(&met) },
		Rows:  func(p *listingsitems20210801.ItemSearchResults) []listingsitems20210801.Item { return p.Items },
		Total: func(p *listingsitems20210801.ItemSearchResults) *int64 { return p.NumberOfResults },
		More: func(p *listingsitems20210801.ItemSearchResults) bool {
			return p.Pagination != nil && p.Pagination.NextToken != ""
		},
	}
	n, _, err := listings.Write(ctx, f, p.pages(ctx, in, opts.SKUs, spapi.WithResponse(&met)))
	switch {
	case err != nil:
		return err
	case n == 0 && !f.Printer().Structured():
		f.Notef("no listings in %s", p.Marketplace.Name)
	}
	return nil
}

// GetOptions are the flags of "spapi listings get" and what it works with.
type GetOptions struct {
	Options
	Include []string
}

// NewCmdGet returns the command. runF replaces the work in tests.
func NewCmdGet(f *factory.Factory, runF func(context.Context, *GetOptions) error) *cobra.Command {
	opts := &GetOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:   "get <sku>",
		Short: "Show a listing",
		Long: "Shows a listing in the marketplace in force. JSON has all that --include asks for, as Amazon sends it; tables the most important of it, the\n" +
			"values of its attributes, and what is wrong with it.",
		Example: "  spapi listings get PN-0005\n" +
			"  spapi listings get PN-0005 --columns sku,attributes.item_name.value\n" +
			"  spapi listings get PN-0005 --include attributes --jq .attributes",
		Args: oneSKU,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.SKU = args[0]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return get(cmd.Context(), opts)
		},
	}
	opts.addFlags(cmd, false)
	cmd.Flags().StringSliceVar(&opts.Include, "include", []string{"summaries", "attributes", "offers", "fulfillmentAvailability", "issues"},
		"`data` to include: "+strings.Join(data, ", "))
	_ = cmd.RegisterFlagCompletionFunc("include", cobra.FixedCompletions(data, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func get(ctx context.Context, opts *GetOptions) error {
	f := opts.Factory
	var include []listingsitems20210801.GetListingsItemIncludedData
	for _, name := range opts.Include {
		found := ""
		for _, d := range data {
			if strings.EqualFold(d, name) {
				found = d
			}
		}
		if found == "" {
			return exit.Usagef("--include %q: want %s", name, output.OneOf(data))
		}
		include = append(include, listingsitems20210801.GetListingsItemIncludedData(found))
	}
	if err := f.Printer().Check(reflect.TypeFor[listingsitems20210801.Item](), columns...); err != nil {
		return err
	}
	p, err := opts.open(ctx)
	if err != nil {
		return err
	}
	item, err := p.listings.GetListingsItem(ctx, &listingsitems20210801.GetListingsItemInput{SellerID: p.seller, SKU: opts.SKU, MarketplaceIDs: p.ids, IncludedData: include})
	if err != nil {
		return err
	}
	if f.Printer().Whole() {
		return f.Print(ctx, item, columns...)
	}
	if err := f.Print(ctx, []*listingsitems20210801.Item{item}, columns...); err != nil {
		return err
	}
	if err := f.Print(ctx, unwrapped(item.Attributes), attributeColumns...); err != nil {
		return err
	}
	return f.Print(ctx, item.Issues, output.Column{Name: "severity", Path: "severity"}, output.Column{Name: "code", Path: "code"},
		output.Column{Name: "attributes", Path: "attributeNames", Spare: 1}, output.Column{Name: "issue", Path: "message", Long: true})
}
