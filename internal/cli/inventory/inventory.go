// Package inventory is "spapi inventory": what of a seller's stock is at Amazon.
package inventory

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/fbainventoryv1"
	"github.com/openspapi/spapi/internal/cli/cell"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/pages"
	"github.com/openspapi/spapi/internal/cli/when"
)

// Options are the flags of "spapi inventory" and what it works with.
type Options struct {
	Factory *factory.Factory

	SKUs  []string
	Since when.Time
	UTC   bool
}

// NewCmdInventory returns the command. runF replaces the work in tests.
func NewCmdInventory(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:   "inventory [sku...]",
		Short: "Show the stock at Amazon (FBA)",
		Long: "Shows what is in Amazon's fulfillment centers for the marketplace in force: all of it, that of some SKUs, or what has changed since a time.\n" +
			"The quantity of what you ship yourself stands in the listing: spapi listings get.",
		Example: "  spapi inventory\n  spapi inventory PN-0005 \"shelf 0055\"\n  spapi inventory --since 24h -o csv",
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.SKUs = args
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	when.Flag(cmd.Flags(), &opts.Since, "since", "", "only what has changed since this `time`", "")
	cmd.Flags().BoolVar(&opts.UTC, "utc", false, "times in UTC")
	return cmd
}

func run(ctx context.Context, opts *Options) error {
	f := opts.Factory
	if opts.Since.Given() && len(opts.SKUs) > 0 {
		return exit.Usagef("--since goes without SKUs")
	}
	shop, err := f.Shop(ctx, opts.UTC)
	if err != nil {
		return err
	}
	since, _, err := f.Span(&opts.Since, new(when.Time), shop.Zone)
	if err != nil {
		return err
	}
	details := true
	in := fbainventoryv1.GetInventorySummariesInput{Details: &details, GranularityType: "Marketplace", GranularityID: shop.Marketplace.ID,
		MarketplaceIDs: []string{shop.Marketplace.ID}, StartDateTime: since}
	var met spapi.Response
	stock := pages.List[fbainventoryv1.GetInventorySummariesResponse, fbainventoryv1.InventorySummary]{
		Noun: "SKU", Items: met.Items,
		Columns: []output.Column{
			{Name: "sku", Path: "sellerSku"},
			{Name: "asin", Path: "asin"},
			{Name: "condition", Path: "condition", Spare: 4},
			cell.Number("total", "totalQuantity"),
			cell.Number("available", "inventoryDetails.fulfillableQuantity"),
			cell.Spare(1, cell.Number("on the way", "inventoryDetails.inboundShippedQuantity")),
			cell.Spare(2, cell.Number("reserved", "inventoryDetails.reservedQuantity.totalReservedQuantity")),
			cell.Spare(3, cell.Number("unsellable", "inventoryDetails.unfulfillableQuantity.totalUnfulfillableQuantity")),
			cell.Spare(5, cell.Time("changed", "lastUpdatedTime", shop.Zone)),
			{Name: "title", Path: "productName", Long: true, Spare: 1},
		},
		Rows: func(p *fbainventoryv1.GetInventorySummariesResponse) []fbainventoryv1.InventorySummary {
			if p.Payload == nil {
				return nil
			}
			return p.Payload.InventorySummaries
		},
	}
	n, _, err := stock.Write(ctx, f, summaries(ctx, fbainventoryv1.New(shop.Client), in, opts.SKUs, spapi.WithResponse(&met)))
	if err != nil {
		return err
	}
	if n == 0 && !f.Printer().Structured() {
		f.Notef("no stock at Amazon in %s", shop.Marketplace.Name)
	}
	return nil
}
