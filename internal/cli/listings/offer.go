package listings

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/api/listingsitems20210801"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/wire"
)

// PriceOptions are the flags of "spapi listings set-price" and what it works with.
type PriceOptions struct {
	Options
	Price    string
	Currency string
}

// NewCmdSetPrice returns the command. runF replaces the work in tests.
func NewCmdSetPrice(f *factory.Factory, runF func(context.Context, *PriceOptions) error) *cobra.Command {
	opts := &PriceOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:   "set-price <sku> <price>",
		Short: "Set the price of a listing",
		Long: "Sets the price for all customers, taxes included, in the marketplace in force. Business prices, sale prices and dates of the offer stay as they are:\n" +
			"the offer is read first and sent back as a whole, since Amazon replaces it as a whole.",
		Example: "  spapi listings set-price PN-0005 12.50\n  spapi listings set-price \"shelf 0055\" 16.90 --marketplace CA --preview",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return exit.Usagef("wants a SKU and a price, got %s", output.Plural(len(args), "argument"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.SKU, opts.Price = args[0], args[1]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return setPrice(cmd.Context(), opts)
		},
	}
	opts.addFlags(cmd, true)
	cmd.Flags().StringVar(&opts.Currency, "currency", "", "`code` of the currency (default: the marketplace's)")
	return cmd
}

// price is a decimal as Amazon takes it: JSON numbers, without an exponent.
var price = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]{1,2})?$`) })

func setPrice(ctx context.Context, opts *PriceOptions) error {
	if !price().MatchString(opts.Price) {
		return exit.Usagef("price %q: want an amount such as 12.50, without a currency", opts.Price)
	}
	p, err := opts.open(ctx)
	if err != nil {
		return err
	}
	currency, err := p.Currency(opts.Currency)
	if err != nil {
		return err
	}
	if currency == "JPY" && strings.Contains(opts.Price, ".") {
		return exit.Usagef("price %q: the yen has no decimals", opts.Price)
	}
	productType, item, err := p.read(ctx, opts.SKU)
	if err != nil {
		return err
	}
	offers, err := priced(item.Attributes["purchasable_offer"], p.Marketplace.ID, currency, opts.Price)
	if err != nil {
		return err
	}
	return opts.send(ctx, p, productType, listingsitems20210801.PatchOperation{Op: "replace", Path: "/attributes/purchasable_offer", Value: offers})
}

// priced are the offers of a marketplace with a new price in the one for all customers. All of them go back: a replace takes away what it doesn't
// have (selling-partner-api-models#5235; developer-docs.amazon.com/sp-api/docs/manage-purchasable-offer).
func priced(raw json.RawMessage, marketplaceID, currency, amount string) ([]map[string]json.RawMessage, error) {
	var all, own []map[string]json.RawMessage
	if len(raw) > 0 && json.Unmarshal(raw, &all) != nil {
		return nil, exit.Usagef("the offer of the listing has an unknown form: use \"spapi listings patch\"")
	}
	for _, offer := range all {
		for name, value := range offer {
			if offer[name] = withoutNulls(value); offer[name] == nil {
				delete(offer, name)
			}
		}
	}
	newPrice := json.RawMessage(`[{"schedule":[{"value_with_tax":` + amount + `}]}]`)
	found := false
	for _, offer := range all {
		if text(offer["marketplace_id"]) != marketplaceID {
			continue
		}
		if audience := text(offer["audience"]); audience == "" || audience == "ALL" {
			offer["our_price"], offer["currency"] = newPrice, quote(currency)
			found = true
		}
		own = append(own, offer)
	}
	if !found {
		own = append(own, map[string]json.RawMessage{"marketplace_id": quote(marketplaceID), "currency": quote(currency), "our_price": newPrice})
	}
	return own, nil
}

// withoutNulls takes out what is null, and what holds nothing else; nil if nothing is left. An offer without an end comes as "end_at": {"value": null} (a
// recorded getListingsItem in amzn/selling-partner-api-docs#3068), while the schemas of product types have a string there: sent back it would be
// refused. To leave it out says the same.
func withoutNulls(raw json.RawMessage) json.RawMessage {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return raw
	}
	var prune func(v any) any
	prune = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			had := len(v)
			for name, member := range v {
				if v[name] = prune(member); v[name] == nil {
					delete(v, name)
				}
			}
			if had > 0 && len(v) == 0 {
				return nil
			}
			return v
		case []any:
			had := len(v)
			var kept []any
			for _, e := range v {
				if e = prune(e); e != nil {
					kept = append(kept, e)
				}
			}
			if had > 0 && len(kept) == 0 {
				return nil
			}
			return append([]any{}, kept...)
		}
		return v
	}
	if v = prune(v); v == nil {
		return nil
	}
	pruned, err := wire.Marshal(v)
	if err != nil {
		return raw
	}
	return pruned
}

func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}

func quote(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a string can be marshalled
	return b
}

// QuantityOptions are the flags of "spapi listings set-quantity" and what it works with.
type QuantityOptions struct {
	Options
	Quantity string
}

// NewCmdSetQuantity returns the command. runF replaces the work in tests.
func NewCmdSetQuantity(f *factory.Factory, runF func(context.Context, *QuantityOptions) error) *cobra.Command {
	opts := &QuantityOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:     "set-quantity <sku> <quantity>",
		Short:   "Set how many you can ship",
		Long:    "Sets the quantity of a listing that you ship yourself. What Amazon ships (FBA) counts Amazon itself.",
		Example: "  spapi listings set-quantity \"shelf 0055\" 40",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return exit.Usagef("wants a SKU and a quantity, got %s", output.Plural(len(args), "argument"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.SKU, opts.Quantity = args[0], args[1]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return setQuantity(cmd.Context(), opts)
		},
	}
	opts.addFlags(cmd, true)
	return cmd
}

// ownChannel is the fulfillment channel of what the seller ships.
const ownChannel = "DEFAULT"

func setQuantity(ctx context.Context, opts *QuantityOptions) error {
	n, err := strconv.Atoi(opts.Quantity)
	if err != nil || n < 0 {
		return exit.Usagef("quantity %q: want a whole number, 0 or more", opts.Quantity)
	}
	p, err := opts.open(ctx)
	if err != nil {
		return err
	}
	productType, item, err := p.read(ctx, opts.SKU)
	if err != nil {
		return err
	}
	for _, a := range item.FulfillmentAvailability {
		if strings.HasPrefix(a.FulfillmentChannelCode, "AMAZON_") {
			return exit.Usagef("listing %q is fulfilled by Amazon (%s): its quantity is what is in Amazon's centers", opts.SKU, a.FulfillmentChannelCode)
		}
	}
	// A merge leaves handling time and restock date as they are: developer-docs.amazon.com/sp-api/docs/merge-a-listing.
	return opts.send(ctx, p, productType, listingsitems20210801.PatchOperation{Op: "merge", Path: "/attributes/fulfillment_availability",
		Value: []map[string]json.RawMessage{{"fulfillment_channel_code": quote(ownChannel), "quantity": json.RawMessage(strconv.Itoa(n))}}})
}
