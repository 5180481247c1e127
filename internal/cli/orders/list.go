package orders

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/internal/cli/cell"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/pages"
	"github.com/openspapi/spapi/internal/cli/when"
)

// ListOptions are the flags of "spapi orders list" and what it works with.
type ListOptions struct {
	Factory *factory.Factory

	Since       when.Time
	Until       when.Time
	Updated     bool
	Status      []string
	FulfilledBy string
	Include     []string
	Everywhere  bool
	Limit       int
	UTC         bool
}

// NewCmdList returns the command. runF replaces the work in tests.
func NewCmdList(f *factory.Factory, runF func(context.Context, *ListOptions) error) *cobra.Command {
	opts := &ListOptions{Factory: f}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List orders",
		Long: "Lists the orders of the marketplace in force since a time. Personal data is left out unless --include\n" +
			"asks for it. Each page of 100 orders is a call, and Amazon grants one call in three minutes after the first 20.\n\n" +
			"Amazon begins with the oldest, and so do JSON, CSV and YAML, and tables of more than 1,000 orders (--limit 0): they are written page by\n" +
			"page. A shorter table has the newest orders, the newest first; where they don't fit one page it asks from the end of the time on, which takes\n" +
			"some more calls. Tables show times in the marketplace's zone, or in UTC with --utc. JSON and CSV are as Amazon sends them.",
		Example: "  spapi orders list\n" +
			"  spapi orders list --since 24h --status unshipped,partially-shipped\n" +
			"  spapi orders list --since 2026-03-01 --until 2026-03-31 --limit 0 -o csv\n" +
			"  spapi --emulator orders list --jq '.[].orderId'",
		Args: exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return list(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	when.Flag(flags, &opts.Since, "since", "7d", "`time` from which on", "")
	when.Flag(flags, &opts.Until, "until", "", "`time` before which", "now")
	flags.BoolVar(&opts.Updated, "updated", false, "go by the last change in place of the creation")
	flags.StringSliceVar(&opts.Status, "status", nil, "only with these `statuses`: "+strings.Join(names(statuses), ", "))
	flags.StringVar(&opts.FulfilledBy, "fulfilled-by", "", "only those that `who` ships: amazon or merchant")
	flags.StringSliceVar(&opts.Include, "include", []string{"fulfillment", "proceeds"}, "`data` to include: "+strings.Join(names(included), ", "))
	flags.BoolVar(&opts.Everywhere, "all-marketplaces", false, "of all marketplaces of the region")
	flags.IntVar(&opts.Limit, "limit", 100, "`number` of orders to stop at; 0 for all")
	flags.BoolVar(&opts.UTC, "utc", false, "times in UTC")
	complete(cmd, "status", names(statuses))
	complete(cmd, "fulfilled-by", []string{"amazon", "merchant"})
	complete(cmd, "include", names(included))
	return cmd
}

// statuses and included are Amazon's words.
var (
	statuses = []string{"PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED", "UNFULFILLABLE"}
	included = []string{"BUYER", "RECIPIENT", "PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES", "TAX", "PAYMENT", "FULFILLMENT_ORDERS"}
)

// names are Amazon's words as flags take them: lower case, with dashes. Amazon's own spelling does too.
func names(words []string) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = strings.ToLower(strings.ReplaceAll(w, "_", "-"))
	}
	return list
}

// words are the values of a flag in Amazon's spelling.
func words[T ~string](flag string, values, known []string) ([]T, error) {
	var list []T
	for _, v := range values {
		word := strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(v), "-", "_"))
		if !slices.Contains(known, word) {
			return nil, exit.Usagef("--%s %q: want %s", flag, v, output.OneOf(names(known)))
		}
		list = append(list, T(word))
	}
	return list, nil
}

func complete(cmd *cobra.Command, flag string, choices []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
}

func list(ctx context.Context, opts *ListOptions) error {
	f := opts.Factory
	in := orders20260101.SearchOrdersInput{}
	var err error
	if in.FulfillmentStatuses, err = words[orders20260101.SearchOrdersFulfillmentStatus]("status", opts.Status, statuses); err != nil {
		return err
	}
	if in.IncludedData, err = words[orders20260101.SearchOrdersIncludedData]("include", opts.Include, included); err != nil {
		return err
	}
	if opts.FulfilledBy != "" {
		if in.FulfilledBy, err = words[orders20260101.SearchOrdersFulfilledBy]("fulfilled-by", []string{opts.FulfilledBy}, []string{"AMAZON", "MERCHANT"}); err != nil {
			return err
		}
	}
	if opts.Limit < 0 {
		return exit.Usagef("--limit %d: want 0 or more", opts.Limit)
	}
	shop, err := f.Shop(ctx, opts.UTC)
	if err != nil {
		return err
	}
	from, to, err := f.Span(&opts.Since, &opts.Until, shop.Zone)
	switch {
	case err != nil:
		return err
	case opts.Updated:
		in.LastUpdatedAfter, in.LastUpdatedBefore = from, to
	default:
		in.CreatedAfter, in.CreatedBefore = from, to
	}
	if !opts.Everywhere {
		in.MarketplaceIDs = []string{shop.Marketplace.ID}
	}
	backwards := pages.NewestFirst(f, opts.Limit)
	if opts.Limit > 0 && opts.Limit < 100 && !backwards { // which looks for the end: few calls are worth more than short pages
		size := int64(opts.Limit)
		in.MaxResultsPerPage = &size
	}
	orders := pages.List[orders20260101.SearchOrdersResponse, orders20260101.Order]{
		Noun: "order", Limit: opts.Limit, Columns: columns(shop.Zone),
		Rows: func(p *orders20260101.SearchOrdersResponse) []orders20260101.Order { return p.Orders },
		More: func(p *orders20260101.SearchOrdersResponse) bool {
			return p.Pagination != nil && p.Pagination.NextToken != ""
		},
		Time:  func(o *orders20260101.Order) time.Time { return o.CreatedTime },
		Since: "since", Until: "until",
	}
	if opts.Updated {
		orders.Time = func(o *orders20260101.Order) time.Time { return o.LastUpdatedTime }
	}
	api := orders20260101.New(shop.Client)
	var met spapi.Response
	orders.Items = met.Items
	all := api.SearchOrdersPages(ctx, &in, spapi.WithResponse(&met))
	if backwards {
		orders.Items, all = nil, newest(ctx, api, in, opts.Updated)
	}
	n, more, err := orders.Write(ctx, f, all)
	switch {
	case err != nil:
		return err
	case more && backwards:
		f.Notef("%s, and there are older ones: --limit shows them", output.Plural(n, "order"))
	case more:
		f.Notef("%s, and there are newer ones: --limit shows them, --since begins later", output.Plural(n, "order"))
	case n == 0 && !f.Printer().Structured():
		f.Notef("no orders since %s", from.In(shop.Zone).Format("2006-01-02 15:04 MST"))
	}
	return nil
}

// columns of an order.
func columns(zone *time.Location) []output.Column {
	return []output.Column{
		{Name: "order", Path: "orderId"},
		cell.Time("created", "createdTime", zone),
		{Name: "status", Path: "fulfillment.fulfillmentStatus", Text: plainText},
		cell.Money("total", "proceeds.grandTotal"),
		cell.Spare(1, cell.Count("items", "orderItems")),
		{Name: "by", Path: "fulfillment.fulfilledBy", Text: plainText, Spare: 2},
		{Name: "shop", Path: "salesChannel.marketplaceName", Spare: 3},
		cell.Wide(cell.Time("changed", "lastUpdatedTime", zone)),
		cell.Wide(cell.Time("ship by", "fulfillment.shipByWindow.latestDateTime", zone)),
		{Name: "sku", Path: "orderItems.product.sellerSku", List: true, Wide: true},
	}
}

// plain is one of Amazon's words for people.
func plain(word string) string { return strings.ToLower(strings.ReplaceAll(word, "_", " ")) }

func plainText(v output.Value) string { return plain(v.Text()) }
