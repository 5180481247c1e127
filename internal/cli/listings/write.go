package listings

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/api/listingsitems20210801"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
)

// readJSON reads a file, or stdin for "-", into v; mistakes are told with line and column.
func (o *Options) readJSON(flag, name string, v any) error {
	var text []byte
	var err error
	switch name {
	case "":
		return exit.Usagef("--%s is missing: want a file, or - for stdin", flag)
	case "-":
		text, err = io.ReadAll(io.LimitReader(o.Factory.Streams.In, 16<<20))
	default:
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return exit.Usagef("--%s: %s", flag, err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		offset := int64(0)
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			offset = max(syntax.Offset-1, 0)
		}
		if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			offset = kind.Offset
			err = fmt.Errorf("want %s, got %s", kindOf(flag), kind.Value)
		}
		before := text[:min(offset, int64(len(text)))]
		line := bytes.Count(before, []byte("\n")) + 1
		column := len([]rune(string(before[bytes.LastIndexByte(before, '\n')+1:]))) + 1
		return exit.Usagef("--%s %s, line %d, column %d: %s", flag, name, line, column, err)
	}
	return nil
}

func kindOf(flag string) string {
	if flag == "patches" {
		return "a list of patches, each with op, path and a list as value"
	}
	return "an object of attributes"
}

// PutOptions are the flags of "spapi listings put" and what it works with.
type PutOptions struct {
	Options
	ProductType  string
	Requirements string
	Attributes   string
}

// NewCmdPut returns the command. runF replaces the work in tests.
func NewCmdPut(f *factory.Factory, runF func(context.Context, *PutOptions) error) *cobra.Command {
	opts := &PutOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:   "put <sku>",
		Short: "Make a listing, or replace all of it",
		Long: "Makes a listing from a JSON object of attributes, or replaces the one that there is: attributes that are left out are taken away. Which attributes a\n" +
			"product type has and wants, definitionsproducttypes20200901.getDefinitionsProductType tells. It asks before it replaces a listing; --yes answers.",
		Example: "  spapi listings put PN-0099 --product-type PRODUCT --requirements listing-offer-only --attributes offer.json --preview\n" +
			"  spapi listings put PN-0099 --product-type PRODUCT --requirements listing-offer-only --attributes offer.json --yes",
		Args: oneSKU,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.SKU = args[0]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return put(cmd.Context(), opts)
		},
	}
	opts.addFlags(cmd, true)
	cmd.Flags().StringVar(&opts.ProductType, "product-type", "", "product `type`, such as WRITING_INSTRUMENT (required)")
	cmd.Flags().StringVar(&opts.Attributes, "attributes", "", "`file` with the attributes as JSON, - for stdin (required)")
	cmd.Flags().StringVar(&opts.Requirements, "requirements", "listing", "`which` attributes are given: listing, listing-product-only or listing-offer-only")
	_ = cmd.RegisterFlagCompletionFunc("requirements", cobra.FixedCompletions([]string{"listing", "listing-product-only", "listing-offer-only"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func put(ctx context.Context, opts *PutOptions) error {
	if opts.ProductType == "" {
		return exit.Usagef("--product-type is missing")
	}
	requirements := strings.ToUpper(strings.ReplaceAll(opts.Requirements, "-", "_"))
	switch requirements {
	case "LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY":
	default:
		return exit.Usagef("--requirements %q: want listing, listing-product-only or listing-offer-only", opts.Requirements)
	}
	var attributes map[string]json.RawMessage
	if err := opts.readJSON("attributes", opts.Attributes, &attributes); err != nil {
		return err
	}
	p, err := opts.open(ctx)
	if err != nil {
		return err
	}
	in := listingsitems20210801.PutListingsItemInput{SellerID: p.seller, SKU: opts.SKU, MarketplaceIDs: p.ids, ProductType: opts.ProductType,
		Requirements: listingsitems20210801.ListingsItemPutRequestRequirements(requirements), Attributes: attributes}
	if opts.Preview {
		in.Mode = listingsitems20210801.PutListingsItemModeValidationPreview
	} else if err := opts.Factory.Confirm(ctx, fmt.Sprintf("Make listing %q in %s, or replace all that it has there?", opts.SKU, p.Marketplace.Name)); err != nil {
		return err
	}
	answer, err := p.listings.PutListingsItem(ctx, &in)
	if err != nil {
		return err
	}
	return opts.tell(ctx, "listingsitems20210801.putListingsItem", answer)
}

// PatchOptions are the flags of "spapi listings patch" and what it works with.
type PatchOptions struct {
	Options
	ProductType string
	Patches     string
}

// NewCmdPatch returns the command. runF replaces the work in tests.
func NewCmdPatch(f *factory.Factory, runF func(context.Context, *PatchOptions) error) *cobra.Command {
	opts := &PatchOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:   "patch <sku>",
		Short: "Change single attributes of a listing",
		Long: "Sends a JSON list of patches: op is add, replace, merge or delete, path is /attributes/ and a name, value is a list. The product type is asked for\n" +
			"unless --product-type gives it. It asks first if a patch deletes; --yes answers.",
		Example: "  spapi listings patch \"shelf 0055\" --patches patches.json --preview\n" +
			"  spapi listings patch \"shelf 0055\" --product-type WRITING_INSTRUMENT --patches patches.json",
		Args: oneSKU,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.SKU = args[0]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return patch(cmd.Context(), opts)
		},
	}
	opts.addFlags(cmd, true)
	cmd.Flags().StringVar(&opts.ProductType, "product-type", "", "product `type` (default: the listing's)")
	cmd.Flags().StringVar(&opts.Patches, "patches", "", "`file` with the patches as JSON, - for stdin (required)")
	return cmd
}

func patch(ctx context.Context, opts *PatchOptions) error {
	var patches []listingsitems20210801.PatchOperation
	if err := opts.readJSON("patches", opts.Patches, &patches); err != nil {
		return err
	}
	deletes := false
	for i, p := range patches {
		switch p.Op {
		case "add", "replace", "merge":
		case "delete":
			deletes = true
		default:
			return exit.Usagef("--patches: patch %d: op %q: want add, replace, merge or delete", i+1, p.Op)
		}
		if name, ok := strings.CutPrefix(p.Path, "/attributes/"); !ok || name == "" || strings.Contains(name, "/") {
			return exit.Usagef("--patches: patch %d: path %q: want /attributes/ and the name of an attribute", i+1, p.Path)
		}
	}
	if len(patches) == 0 {
		return exit.Usagef("--patches: want at least one patch")
	}
	p, err := opts.open(ctx)
	if err != nil {
		return err
	}
	if opts.ProductType == "" {
		if opts.ProductType, _, err = p.read(ctx, opts.SKU); err != nil {
			return err
		}
	}
	if deletes && !opts.Preview {
		if err := opts.Factory.Confirm(ctx, fmt.Sprintf("Delete attributes of listing %q in %s?", opts.SKU, p.Marketplace.Name)); err != nil {
			return err
		}
	}
	return opts.send(ctx, p, opts.ProductType, patches...)
}

// anyType is the product type of those who change an offer and don't know the product's
// (developer-docs.amazon.com/sp-api/docs/listings-items-api-v2021-08-01-use-case-guide).
const anyType = "PRODUCT"

// read fetches a listing's product type and attributes.
func (p *place) read(ctx context.Context, sku string) (productType string, item *listingsitems20210801.Item, err error) {
	item, err = p.listings.GetListingsItem(ctx, &listingsitems20210801.GetListingsItemInput{SellerID: p.seller, SKU: sku, MarketplaceIDs: p.ids,
		IncludedData: []listingsitems20210801.GetListingsItemIncludedData{"summaries", "attributes", "fulfillmentAvailability"}})
	if err != nil {
		return "", nil, err
	}
	productType = anyType
	for _, s := range item.Summaries {
		if s.ProductType != "" && (s.MarketplaceID == p.Marketplace.ID || productType == anyType) {
			productType = s.ProductType
		}
	}
	return productType, item, nil
}

func (o *Options) send(ctx context.Context, p *place, productType string, patches ...listingsitems20210801.PatchOperation) error {
	in := listingsitems20210801.PatchListingsItemInput{SellerID: p.seller, SKU: o.SKU, MarketplaceIDs: p.ids, ProductType: productType, Patches: patches}
	if o.Preview {
		in.Mode = listingsitems20210801.PatchListingsItemModeValidationPreview
	}
	answer, err := p.listings.PatchListingsItem(ctx, &in)
	if err != nil {
		return err
	}
	return o.tell(ctx, "listingsitems20210801.patchListingsItem", answer)
}

// NewCmdDelete returns the command. runF replaces the work in tests.
func NewCmdDelete(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:     "delete <sku>",
		Short:   "Delete a listing",
		Long:    "Takes a listing out of the marketplace in force. It asks before it does so; --yes answers.",
		Example: "  spapi listings delete PN-0005 --yes\n  spapi listings delete \"shelf 0055\" --marketplace CA --yes",
		Args:    oneSKU,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.SKU = args[0]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return remove(cmd.Context(), opts)
		},
	}
	opts.addFlags(cmd, false)
	return cmd
}

func remove(ctx context.Context, opts *Options) error {
	p, err := opts.open(ctx)
	if err != nil {
		return err
	}
	if err := opts.Factory.Confirm(ctx, fmt.Sprintf("Delete listing %q in %s?", opts.SKU, p.Marketplace.Name)); err != nil {
		return err
	}
	answer, err := p.listings.DeleteListingsItem(ctx, &listingsitems20210801.DeleteListingsItemInput{SellerID: p.seller, SKU: opts.SKU, MarketplaceIDs: p.ids})
	if err != nil {
		return err
	}
	return opts.tell(ctx, "listingsitems20210801.deleteListingsItem", answer)
}
