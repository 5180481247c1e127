// Package fees is "spapi fees": what Amazon would charge for a sale.
package fees

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/productfeesv0"
	"github.com/openspapi/spapi/internal/cli/cell"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
)

// Options are the flags of "spapi fees" and what it works with.
type Options struct {
	Factory *factory.Factory

	IDs      []string
	By       string
	Price    string
	Shipping string
	Currency string
	FBA      bool
}

// NewCmdFees returns the command. runF replaces the work in tests.
func NewCmdFees(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:   "fees <sku or asin...> --price <amount>",
		Short: "Estimate the fees of a sale",
		Long: "Asks Amazon what a sale at a price would cost in fees, in the marketplace in force, when you ship it or, with --fba, when Amazon does.\n" +
			"What looks like an ASIN is taken as one; --by says otherwise. Amazon's estimate binds nobody.",
		Example: "  spapi fees PN-0005 --price 12.50\n  spapi fees B0GNI7T800 PN-0005 --price 12.50 --fba",
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
	flags := cmd.Flags()
	flags.StringVar(&opts.Price, "price", "", "`amount` that the customer pays for the product (required)")
	flags.StringVar(&opts.Shipping, "shipping", "0", "`amount` that the customer pays for the shipment")
	flags.StringVar(&opts.Currency, "currency", "", "`code` of the currency (default: the marketplace's)")
	flags.BoolVar(&opts.FBA, "fba", false, "Amazon ships")
	flags.StringVar(&opts.By, "by", "", "take the products as `sku` or asin")
	_ = cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]string{"sku", "asin"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

var (
	asin   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(B0[0-9A-Z]{8}|[0-9]{9}[0-9X])$`) })
	amount = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]{1,2})?$`) })
)

// maxItems is how many products one call takes.
const maxItems = 20

func run(ctx context.Context, opts *Options) error {
	f := opts.Factory
	if err := f.Printer().Check(reflect.TypeFor[productfeesv0.FeesEstimateResult](), columns...); err != nil {
		return err
	}
	switch {
	case opts.Price == "":
		return exit.Usagef("--price is missing: fees depend on it")
	case !amount().MatchString(opts.Price):
		return exit.Usagef("--price %q: want an amount such as 12.50, without a currency", opts.Price)
	case !amount().MatchString(opts.Shipping):
		return exit.Usagef("--shipping %q: want an amount such as 3.90, without a currency", opts.Shipping)
	}
	shop, err := f.Shop(ctx, false)
	if err != nil {
		return err
	}
	currency, err := shop.Currency(opts.Currency)
	if err != nil {
		return err
	}
	money := func(text string) *productfeesv0.MoneyType {
		return &productfeesv0.MoneyType{CurrencyCode: currency, Amount: json.Number(text)}
	}
	var requests []productfeesv0.FeesEstimateByIDRequest
	for i, id := range opts.IDs {
		kind := productfeesv0.IDType("SellerSKU")
		switch by := strings.ToLower(opts.By); {
		case by == "asin", by == "" && asin().MatchString(id):
			kind = "ASIN"
		case by == "sku", by == "":
		default:
			return exit.Usagef("--by %q: want sku or asin", opts.By)
		}
		requests = append(requests, productfeesv0.FeesEstimateByIDRequest{IDType: kind, IDValue: id, FeesEstimateRequest: &productfeesv0.FeesEstimateRequest{
			MarketplaceID: shop.Marketplace.ID, IsAmazonFulfilled: &opts.FBA, Identifier: strconv.Itoa(i + 1),
			PriceToEstimateFees: &productfeesv0.PriceToEstimateFees{ListingPrice: money(opts.Price), Shipping: money(opts.Shipping)},
		}})
	}
	results := []productfeesv0.FeesEstimateResult{}
	for rest := requests; len(rest) > 0; {
		part := rest[:min(maxItems, len(rest))]
		rest = rest[len(part):]
		found, err := productfeesv0.New(shop.Client).GetMyFeesEstimates(ctx, &productfeesv0.GetMyFeesEstimatesInput{Body: part})
		if err != nil {
			return err
		}
		results = append(results, found...)
	}
	if err := f.Print(ctx, results, columns...); err != nil {
		return err
	}
	failed := &spapi.APIError{Operation: "productfeesv0.getMyFeesEstimates", StatusCode: http.StatusOK}
	for _, r := range results {
		if r.Error == nil {
			continue
		}
		message := r.Error.Message
		if r.FeesEstimateIdentifier != nil {
			message = r.FeesEstimateIdentifier.IDValue + ": " + message
		}
		failed.Errors = append(failed.Errors, spapi.ErrorItem{Code: r.Error.Code, Message: message})
	}
	if len(failed.Errors) > 0 {
		failed.Code, failed.Message = failed.Errors[0].Code, failed.Errors[0].Message
		return failed
	}
	return nil
}

var columns = []output.Column{
	{Name: "product", Path: "FeesEstimateIdentifier.IdValue"},
	cell.Money("price", "FeesEstimateIdentifier.PriceToEstimateFees.ListingPrice"),
	cell.Money("fees", "FeesEstimate.TotalFeesEstimate"),
	cell.Made(output.Column{Name: "of which", Path: "FeesEstimate.FeeDetailList", Text: parts, Long: true}),
}

// parts are the fees that are more than nothing.
func parts(v output.Value) string {
	var list []productfeesv0.FeeDetail
	if json.Unmarshal(v.JSON(), &list) != nil {
		return ""
	}
	var texts []string
	for _, d := range list {
		if d.FinalFee == nil {
			continue
		}
		if n, err := d.FinalFee.Amount.Float64(); err != nil || n != 0 {
			texts = append(texts, d.FeeType+" "+string(d.FinalFee.Amount))
		}
	}
	return strings.Join(texts, ", ")
}
