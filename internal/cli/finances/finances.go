// Package finances is "spapi finances": what a seller earned and paid.
package finances

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/finances20240619"
	"github.com/openspapi/spapi/internal/cli/cell"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/pages"
	"github.com/openspapi/spapi/internal/cli/when"
)

// Options are the flags of "spapi finances" and what it works with.
type Options struct {
	Factory *factory.Factory

	Since      when.Time
	Until      when.Time
	Order      string
	Status     string
	Everywhere bool
	Limit      int
	UTC        bool
}

// NewCmdFinances returns the command. runF replaces the work in tests.
func NewCmdFinances(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:   "finances",
		Short: "List the transactions of the seller's account",
		Long: "Lists sales, refunds, fees and transfers since a time, or those of one order. Orders of the last 48 hours may be missing: Amazon\n" +
			"books them later. JSON has the breakdown of each amount.\n\n" +
			"Tables of up to 1,000 transactions have the newest first; longer ones (--limit 0) and other formats are written page by\n" +
			"page, as Amazon has them. Tables show times in the marketplace's zone, or in UTC with --utc.",
		Example: "  spapi finances --since 30d\n" +
			"  spapi finances --order 302-4891867-6656124\n" +
			"  spapi finances --since 2026-03-01 --until 2026-03-31 --limit 0 -o csv",
		Args: exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	when.Flag(flags, &opts.Since, "since", "", "`time` from which on", "14d, with --order 180d")
	when.Flag(flags, &opts.Until, "until", "", "`time` before which", "now")
	flags.StringVar(&opts.Order, "order", "", "only those of the order with this `id`")
	flags.StringVar(&opts.Status, "status", "", "only with this `status`: deferred, released or deferred-released")
	flags.BoolVar(&opts.Everywhere, "all-marketplaces", false, "of all marketplaces of the region")
	flags.IntVar(&opts.Limit, "limit", 100, "`number` of transactions to stop at; 0 for all")
	flags.BoolVar(&opts.UTC, "utc", false, "times in UTC")
	_ = cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions([]string{"deferred", "released", "deferred-released"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func run(ctx context.Context, opts *Options) error {
	f := opts.Factory
	status := strings.ToUpper(strings.ReplaceAll(opts.Status, "-", "_"))
	switch status {
	case "", "DEFERRED", "RELEASED", "DEFERRED_RELEASED":
	default:
		return exit.Usagef("--status %q: want deferred, released or deferred-released", opts.Status)
	}
	if opts.Limit < 0 {
		return exit.Usagef("--limit %d: want 0 or more", opts.Limit)
	}
	if !opts.Since.Given() {
		standard := "14d"
		if opts.Order != "" {
			standard = "180d"
		}
		if err := opts.Since.Set(standard); err != nil {
			return err
		}
	}
	shop, err := f.Shop(ctx, opts.UTC)
	if err != nil {
		return err
	}
	from, to, err := f.Span(&opts.Since, &opts.Until, shop.Zone)
	if err != nil {
		return err
	}
	in := finances20240619.ListTransactionsInput{PostedAfter: from, PostedBefore: to, TransactionStatus: status}
	if opts.Order != "" {
		in.RelatedIdentifierName, in.RelatedIdentifierValue = "ORDER_ID", opts.Order
	}
	// Where a request names a marketplace, Amazon leaves out what the seller has shipped in the United States (selling-partner-api-models
	// finances_2024-06-19): there all marketplaces are asked for, and what is another's is left out here.
	of := func(*finances20240619.Transaction) bool { return true }
	switch {
	case opts.Everywhere:
	case shop.Marketplace.CountryCode != "US":
		in.MarketplaceID = shop.Marketplace.ID
	default:
		of = func(t *finances20240619.Transaction) bool {
			return t.MarketplaceDetails == nil || t.MarketplaceDetails.MarketplaceID == "" || t.MarketplaceDetails.MarketplaceID == shop.Marketplace.ID
		}
	}
	var met spapi.Response
	var shown []int // of the rows of the page at hand
	transactions := pages.List[finances20240619.TransactionsPayload, finances20240619.Transaction]{
		Noun: "transaction", Limit: opts.Limit,
		Columns: []output.Column{
			cell.Time("posted", "postedDate", shop.Zone),
			{Name: "type", Path: "transactionType", Long: true},
			{Name: "status", Path: "transactionStatus", Spare: 1},
			cell.Money("amount", "totalAmount"),
			cell.Made(output.Column{Name: "order", Path: "relatedIdentifiers", Text: orderOf}),
			{Name: "description", Path: "description", Long: true, Spare: 2},
			{Name: "transaction", Path: "transactionId", Wide: true},
		},
		Rows: func(p *finances20240619.TransactionsPayload) (rows []finances20240619.Transaction) {
			shown = shown[:0]
			for i := range p.Transactions {
				if of(&p.Transactions[i]) {
					rows, shown = append(rows, p.Transactions[i]), append(shown, i)
				}
			}
			return rows
		},
		Items: func() (list []json.RawMessage, err error) {
			all, err := met.Items()
			for _, i := range shown {
				if i < len(all) {
					list = append(list, all[i])
				}
			}
			return list, err
		},
		More:  func(p *finances20240619.TransactionsPayload) bool { return p.NextToken != "" },
		Time:  func(t *finances20240619.Transaction) time.Time { return t.PostedDate },
		Since: "since", Until: "until",
	}
	n, more, err := transactions.Write(ctx, f, stretches(ctx, finances20240619.New(shop.Client), in, &met))
	switch {
	case err != nil:
		return err
	case more:
		f.Notef("%s, and there are more: --limit shows them", output.Plural(n, "transaction"))
	case n == 0 && !f.Printer().Structured():
		f.Notef("no transactions since %s", from.In(shop.Zone).Format("2006-01-02 15:04 MST"))
	}
	return nil
}

// stretch is how long a time is asked for at once. Amazon answers more than 180 days with nothing, and no error; it counts up to its own now, which goes on
// while a request waits.
const stretch = 179 * 24 * time.Hour

// stretches are the pages of a span, however long it is. What begins a stretch is not in the one before it.
func stretches(ctx context.Context, api *finances20240619.Client, in finances20240619.ListTransactionsInput, met *spapi.Response) iter.Seq2[*finances20240619.TransactionsPayload, error] {
	return func(yield func(*finances20240619.TransactionsPayload, error) bool) {
		end := in.PostedBefore
		for last := false; !last; in.PostedAfter = in.PostedBefore {
			until := end
			if until.IsZero() {
				until = time.Now()
			}
			if last = until.Sub(in.PostedAfter) <= stretch; last {
				in.PostedBefore = end
			} else {
				in.PostedBefore = in.PostedAfter.Add(stretch)
			}
			for page, err := range api.ListTransactionsPages(ctx, &in, spapi.WithResponse(met)) {
				if page != nil && page.NextToken == "" && !last {
					page.NextToken = "later" // which List.More asks for, and nobody sends
				}
				if !yield(page, err) || err != nil {
					return
				}
			}
		}
	}
}

// orderOf is the order among the identifiers of a transaction.
func orderOf(v output.Value) string {
	for r := range v.Elements() {
		if r.Member("relatedIdentifierName").Text() == "ORDER_ID" {
			return r.Member("relatedIdentifierValue").Text()
		}
	}
	return ""
}
