package orders

import (
	"context"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/internal/cli/cell"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/when"
	"github.com/openspapi/spapi/marketplace"
)

// GetOptions are the flags of "spapi orders get" and what it works with.
type GetOptions struct {
	Factory *factory.Factory

	ID       string
	Include  []string
	Personal bool
	UTC      bool
}

// NewCmdGet returns the command. runF replaces the work in tests.
func NewCmdGet(f *factory.Factory, runF func(context.Context, *GetOptions) error) *cobra.Command {
	opts := &GetOptions{Factory: f}
	cmd := &cobra.Command{
		Use:   "get <order>",
		Short: "Show an order",
		Long: "Shows an order with its items. Names and addresses are left out unless --personal asks for them, which needs a role for\n" +
			"them. Tables show times in the zone of the order's marketplace, or in UTC with --utc.",
		Example: "  spapi orders get 302-4891867-6656124\n" +
			"  spapi orders get 302-4891867-6656124 --personal --jq .recipient.deliveryAddress",
		Args: oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.ID = args[0]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return get(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&opts.Include, "include", names([]string{"PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES"}), "`data` to include: "+strings.Join(names(included), ", "))
	flags.BoolVar(&opts.Personal, "personal", false, "include names, addresses and e-mail addresses of buyer and recipient")
	flags.BoolVar(&opts.UTC, "utc", false, "times in UTC")
	complete(cmd, "include", names(included))
	return cmd
}

func get(ctx context.Context, opts *GetOptions) error {
	f := opts.Factory
	include, err := words[orders20260101.GetOrderIncludedData]("include", opts.Include, included)
	if err != nil {
		return err
	}
	if opts.Personal {
		include = append(include, orders20260101.GetOrderIncludedDataBuyer, orders20260101.GetOrderIncludedDataRecipient)
	}
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	if err := f.Printer().Check(reflect.TypeFor[orders20260101.Order](), columns(time.UTC)...); err != nil {
		return err
	}
	answer, err := orders20260101.New(client).GetOrder(ctx, &orders20260101.GetOrderInput{OrderID: opts.ID, IncludedData: include})
	if err != nil {
		return err
	}
	if answer.Order == nil {
		answer.Order = &orders20260101.Order{}
	}
	if f.Printer().Whole() {
		return f.Print(ctx, answer.Order, columns(opts.zone(answer.Order))...)
	}
	return show(ctx, opts, answer.Order)
}

// summary is an order for people, a line for each that there is.
type summary struct {
	Order     string   `json:"order"`
	Created   string   `json:"created,omitzero"`
	Changed   string   `json:"changed,omitzero"`
	Shop      string   `json:"shop,omitzero"`
	Status    string   `json:"status,omitzero"`
	ShipBy    string   `json:"ship by,omitzero"`
	Total     string   `json:"total,omitzero"`
	Parcels   []string `json:"parcels,omitzero"`
	Buyer     string   `json:"buyer,omitzero"`
	Recipient string   `json:"recipient,omitzero"`
}

// zone is that of the order's marketplace.
func (opts *GetOptions) zone(o *orders20260101.Order) *time.Location {
	var m marketplace.Marketplace
	if o.SalesChannel != nil {
		m, _ = marketplace.ByID(o.SalesChannel.MarketplaceID)
	}
	return when.Zone(m, opts.UTC)
}

// show writes an order for people: what it is, then its items.
func show(ctx context.Context, opts *GetOptions, o *orders20260101.Order) error {
	zone := opts.zone(o)
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(zone).Format("2006-01-02 15:04 MST")
	}
	lines := summary{Order: o.OrderID, Created: at(o.CreatedTime), Changed: at(o.LastUpdatedTime)}
	if c := o.SalesChannel; c != nil {
		lines.Shop = c.MarketplaceName
	}
	if d := o.Fulfillment; d != nil {
		lines.Status = plain(string(d.FulfillmentStatus)) + ", fulfilled by " + plain(d.FulfilledBy)
		if d.ShipByWindow != nil {
			lines.ShipBy = at(d.ShipByWindow.LatestDateTime)
		}
	}
	if p := o.Proceeds; p != nil && p.GrandTotal != nil {
		lines.Total = p.GrandTotal.Amount + " " + p.GrandTotal.CurrencyCode
	}
	for _, p := range o.Packages {
		lines.Parcels = append(lines.Parcels, strings.Join(strings.Fields(p.Carrier+" "+p.ShippingService+" "+p.TrackingNumber), " "))
	}
	if b := o.Buyer; b != nil {
		lines.Buyer = strings.TrimSpace(b.BuyerName + " " + b.BuyerEmail)
	}
	if r := o.Recipient; r != nil && r.DeliveryAddress != nil {
		a := r.DeliveryAddress
		var parts []string
		for _, part := range []string{a.Name, a.CompanyName, a.AddressLine1, a.AddressLine2, a.AddressLine3, a.PostalCode + " " + a.City, a.StateOrRegion, a.CountryCode} {
			if part = strings.TrimSpace(part); part != "" {
				parts = append(parts, part)
			}
		}
		lines.Recipient = strings.Join(parts, ", ")
	}
	if err := opts.Factory.Print(ctx, lines); err != nil {
		return err
	}
	return opts.Factory.Print(ctx, o.OrderItems,
		output.Column{Name: "item", Path: "orderItemId"},
		output.Column{Name: "sku", Path: "product.sellerSku"},
		output.Column{Name: "asin", Path: "product.asin", Spare: 1},
		cell.Number("quantity", "quantityOrdered"),
		cell.Number("shipped", "fulfillment.quantityFulfilled"),
		cell.Money("price", "product.price.unitPrice"),
		output.Column{Name: "title", Path: "product.title", Long: true},
	)
}
