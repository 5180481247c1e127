// Package marketplaces is "spapi marketplaces": where a seller sells, and where one could.
package marketplaces

import (
	"context"
	"reflect"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/api/sellersv1"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/marketplace"
)

// Options are the flags of "spapi marketplaces" and what it works with.
type Options struct {
	Factory *factory.Factory

	All bool
}

// NewCmdMarketplaces returns the command. runF replaces the work in tests.
func NewCmdMarketplaces(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:     "marketplaces",
		Short:   "List the marketplaces of the seller, or all",
		Long:    "Lists the marketplaces in which the seller takes part, as Amazon tells them. With --all it lists every marketplace of Amazon's, without a call.",
		Example: "  spapi marketplaces\n  spapi marketplaces --all --jq '.[] | select(.region == \"eu\") | .id'",
		Args:    exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&opts.All, "all", false, "all that there are, with their ids and sites")
	return cmd
}

// known is a marketplace that needs no call.
type known struct {
	ID            string `json:"id"`
	CountryCode   string `json:"countryCode"`
	Name          string `json:"name"`
	Region        string `json:"region"`
	Currency      string `json:"currency"`
	Language      string `json:"language"`
	Storefront    string `json:"storefront"`
	SellerCentral string `json:"sellerCentral"`
	VendorCentral string `json:"vendorCentral"`
	TimeZone      string `json:"timeZone"`
	Charset       string `json:"charset"` // of flat-file reports that don't tell theirs
	DecimalComma  bool   `json:"decimalComma"`
	DayFirst      bool   `json:"dayFirst"`
}

func run(ctx context.Context, opts *Options) error {
	f := opts.Factory
	if opts.All {
		var rows []known
		for _, m := range marketplace.All() {
			if r := f.Flags.Region; r != "" && r != m.Region {
				continue
			}
			rows = append(rows, known{m.ID, m.CountryCode, m.Name, string(m.Region), m.Currency, m.Language, m.Storefront, m.SellerCentral, m.VendorCentral,
				m.TimeZone, m.Charset, m.DecimalComma, m.DayFirst})
		}
		return f.Print(ctx, rows, knownColumns...)
	}
	if err := f.Printer().Check(reflect.TypeFor[sellersv1.MarketplaceParticipation](), columns...); err != nil {
		return err
	}
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	joined, err := sellersv1.New(client).GetMarketplaceParticipations(ctx, nil)
	if err != nil {
		return err
	}
	if joined == nil {
		joined = []sellersv1.MarketplaceParticipation{}
	}
	return f.Print(ctx, joined, columns...)
}

var (
	knownColumns = []output.Column{
		{Name: "country", Path: "countryCode"}, {Name: "id", Path: "id"}, {Name: "name", Path: "name", Spare: 1},
		{Name: "region", Path: "region"}, {Name: "currency", Path: "currency"},
		{Name: "storefront", Path: "storefront", Spare: 2}, {Name: "time zone", Path: "timeZone", Spare: 3},
	}
	columns = []output.Column{
		{Name: "country", Path: "marketplace.countryCode"}, {Name: "id", Path: "marketplace.id"},
		{Name: "name", Path: "marketplace.name", Spare: 2}, {Name: "currency", Path: "marketplace.defaultCurrencyCode"},
		{Name: "takes part", Path: "participation.isParticipating", Text: yes},
		{Name: "suspended listings", Path: "participation.hasSuspendedListings", Text: yes, Spare: 3},
		{Name: "shop", Path: "storeName", Long: true, Spare: 1},
	}
)

func yes(v output.Value) string {
	if v.Text() == "true" {
		return "yes"
	}
	return "no"
}
