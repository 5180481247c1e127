// Package catalog is "spapi catalog": the items of Amazon's catalogue.
package catalog

import (
	"context"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/catalogitems20220401"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/pages"
)

// NewCmdCatalog returns the command with all below it.
func NewCmdCatalog(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "catalog <command>",
		Short:   "Search and show items of the catalogue",
		Long:    "Searches Amazon's catalogue of one marketplace, and shows its items.",
		Example: "  spapi catalog search fountain pen\n  spapi catalog get B0GNI7T800",
		Args:    exit.Group,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewCmdSearch(f, nil), NewCmdGet(f, nil))
	return cmd
}

var columns = []output.Column{
	{Name: "asin", Path: "asin"},
	{Name: "title", Path: "summaries.itemName", Long: true},
	{Name: "brand", Path: "summaries.brand", Long: true, Spare: 1},
	{Name: "type", Path: "productTypes.productType", Spare: 2},
	{Name: "rank", Path: "salesRanks.displayGroupRanks.rank", Right: true},
}

// SearchOptions are the flags of "spapi catalog search" and what it works with.
type SearchOptions struct {
	Factory *factory.Factory

	Words []string
	By    string
	Brand []string
	Limit int
}

// identifiers are what items can be found by, in Amazon's words.
var identifiers = []string{"ASIN", "EAN", "GTIN", "ISBN", "JAN", "MINSAN", "SKU", "UPC"}

// NewCmdSearch returns the command. runF replaces the work in tests.
func NewCmdSearch(f *factory.Factory, runF func(context.Context, *SearchOptions) error) *cobra.Command {
	opts := &SearchOptions{Factory: f}
	cmd := &cobra.Command{
		Use:   "search <word...>",
		Short: "Search the catalogue",
		Long:  "Finds items by words in their titles and descriptions, or with --by by numbers that they carry.",
		Example: "  spapi catalog search fountain pen\n" +
			"  spapi catalog search --by ean 4006381333931 4006381333948",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exit.Usagef("wants words to search for")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Words = args
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return search(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVar(&opts.By, "by", "", "take the words as identifiers of this `kind`: "+strings.ToLower(strings.Join(identifiers, ", ")))
	cmd.Flags().StringSliceVar(&opts.Brand, "brand", nil, "only of these `brands`")
	cmd.Flags().IntVar(&opts.Limit, "limit", 20, "`number` of items to stop at; 0 for all")
	_ = cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(strings.Split(strings.ToLower(strings.Join(identifiers, " ")), " "), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func search(ctx context.Context, opts *SearchOptions) error {
	f := opts.Factory
	in := catalogitems20220401.SearchCatalogItemsInput{BrandNames: opts.Brand,
		IncludedData: []catalogitems20220401.SearchCatalogItemsIncludedData{"summaries", "productTypes", "salesRanks"}}
	if opts.By == "" {
		for _, word := range opts.Words { // a comma parts words for Amazon too
			for part := range strings.SplitSeq(word, ",") {
				if part = strings.TrimSpace(part); part != "" {
					in.Keywords = append(in.Keywords, part)
				}
			}
		}
		if len(in.Keywords) == 0 {
			return exit.Usagef("wants words to search for")
		}
	} else {
		kind := strings.ToUpper(opts.By)
		found := false
		for _, k := range identifiers {
			found = found || k == kind
		}
		switch {
		case !found:
			return exit.Usagef("--by %q: want %s", opts.By, output.OneOf(strings.Fields(strings.ToLower(strings.Join(identifiers, " ")))))
		case len(opts.Brand) > 0:
			return exit.Usagef("--brand goes with words, not with --by")
		}
		in.Identifiers, in.IdentifiersType = opts.Words, catalogitems20220401.SearchCatalogItemsIdentifiersType(kind)
	}
	if n := max(len(opts.Words), len(in.Keywords)); n > 20 {
		return exit.Usagef("wants at most 20 words, got %d", n)
	}
	if opts.Limit < 0 {
		return exit.Usagef("--limit %d: want 0 or more", opts.Limit)
	}
	size := int64(20)
	if opts.Limit > 0 && opts.Limit < 20 {
		size = int64(opts.Limit)
	}
	in.PageSize = &size
	shop, err := f.Shop(ctx, false)
	if err != nil {
		return err
	}
	in.MarketplaceIDs = []string{shop.Marketplace.ID}
	if in.IdentifiersType == "SKU" {
		if in.SellerID, err = f.SellerID(ctx, shop.Client, ""); err != nil {
			return err
		}
	}
	var met spapi.Response
	items := pages.List[catalogitems20220401.ItemSearchResults, catalogitems20220401.Item]{
		Noun: "item", Limit: opts.Limit, Columns: columns, Items: met.Items,
		Rows:  func(p *catalogitems20220401.ItemSearchResults) []catalogitems20220401.Item { return p.Items },
		Total: func(p *catalogitems20220401.ItemSearchResults) *int64 { return p.NumberOfResults },
		More: func(p *catalogitems20220401.ItemSearchResults) bool {
			return p.Pagination != nil && p.Pagination.NextToken != ""
		},
	}
	n, _, err := items.Write(ctx, f, catalogitems20220401.New(shop.Client).SearchCatalogItemsPages(ctx, &in, spapi.WithResponse(&met)))
	switch {
	case err != nil:
		return err
	case n == 0 && !f.Printer().Structured():
		f.Notef("nothing was found in %s", shop.Marketplace.Name)
	}
	return nil
}

// GetOptions are the flags of "spapi catalog get" and what it works with.
type GetOptions struct {
	Factory *factory.Factory

	ASIN    string
	Include []string
}

// data are the sets of data that an item has, in Amazon's words.
var data = []string{"attributes", "classifications", "dimensions", "identifiers", "images", "productTypes", "relationships", "salesRanks", "summaries", "vendorDetails"}

// NewCmdGet returns the command. runF replaces the work in tests.
func NewCmdGet(f *factory.Factory, runF func(context.Context, *GetOptions) error) *cobra.Command {
	opts := &GetOptions{Factory: f}
	cmd := &cobra.Command{
		Use:     "get <asin>",
		Short:   "Show an item of the catalogue",
		Long:    "Shows what the catalogue of the marketplace in force has of an item. JSON has all that --include asks for, tables the most important of it.",
		Example: "  spapi catalog get B0GNI7T800\n  spapi catalog get B0GNI7T800 --include attributes --jq '.attributes | keys'",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exit.Usagef("wants one ASIN, got %s", output.Plural(len(args), "argument"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.ASIN = args[0]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return get(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringSliceVar(&opts.Include, "include", []string{"summaries", "productTypes", "salesRanks", "dimensions", "identifiers", "classifications"}, "`data` to include: "+strings.Join(data, ", "))
	_ = cmd.RegisterFlagCompletionFunc("include", cobra.FixedCompletions(data, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func get(ctx context.Context, opts *GetOptions) error {
	f := opts.Factory
	in := catalogitems20220401.GetCatalogItemInput{ASIN: strings.ToUpper(opts.ASIN)}
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
		in.IncludedData = append(in.IncludedData, catalogitems20220401.GetCatalogItemIncludedData(found))
	}
	shop, err := f.Shop(ctx, false)
	if err != nil {
		return err
	}
	in.MarketplaceIDs = []string{shop.Marketplace.ID}
	if err := f.Printer().Check(reflect.TypeFor[catalogitems20220401.Item](), columns...); err != nil {
		return err
	}
	item, err := catalogitems20220401.New(shop.Client).GetCatalogItem(ctx, &in)
	if err != nil {
		return err
	}
	if f.Printer().Structured() {
		return f.Print(ctx, item, columns...)
	}
	return f.Print(ctx, []*catalogitems20220401.Item{item}, columns...)
}
