package orders

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/when"
	"github.com/openspapi/spapi/marketplace"
)

// ShipOptions are the flags of "spapi orders ship" and what it works with.
type ShipOptions struct {
	Factory *factory.Factory

	ID       string
	Carrier  string
	Name     string
	Method   string
	Tracking string
	Date     when.Time
	Parcel   string
	Items    []string
}

// NewCmdShip returns the command. runF replaces the work in tests.
func NewCmdShip(f *factory.Factory, runF func(context.Context, *ShipOptions) error) *cobra.Command {
	opts := &ShipOptions{Factory: f}
	cmd := &cobra.Command{
		Use:   "ship <order>",
		Short: "Confirm that a parcel is on its way",
		Long: "Tells Amazon of a parcel that you have sent, with what is in it: without --item all that is still open. An order in several\n" +
			"parcels takes several calls, each with its own --parcel number. A later call with the same number corrects the parcel.",
		Example: "  spapi orders ship 249-9893277-9233849 --carrier UPS --tracking 1Z999AA10123456784\n" +
			"  spapi orders ship 249-9893277-9233849 --carrier Other --carrier-name \"Bike & Co.\" --tracking 42 --item 66090194268222=1 --parcel 2",
		Args: oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.ID = args[0]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return ship(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Carrier, "carrier", "", "`code` of the carrier as Amazon has it, such as UPS or DHL; Other with --carrier-name (required)")
	flags.StringVar(&opts.Name, "carrier-name", "", "`name` of a carrier that has no code")
	flags.StringVar(&opts.Method, "method", "", "`name` of the carrier's service")
	flags.StringVar(&opts.Tracking, "tracking", "", "tracking `number` (required)")
	when.Flag(flags, &opts.Date, "date", "now", "`time` of the dispatch", "")
	flags.StringVar(&opts.Parcel, "parcel", "1", "`number` of the parcel within the order")
	factory.Repeatable(flags, &opts.Items, "item", "", "order `item=quantity` in the parcel; may be repeated")
	return cmd
}

func ship(ctx context.Context, opts *ShipOptions) error {
	f := opts.Factory
	switch {
	case opts.Carrier == "":
		return exit.Usagef("--carrier is missing")
	case opts.Tracking == "":
		return exit.Usagef("--tracking is missing")
	case strings.EqualFold(opts.Carrier, "other") && opts.Name == "":
		return exit.Usagef("--carrier Other wants --carrier-name")
	}
	given, err := readItems(opts.Items)
	if err != nil {
		return err
	}
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	answer, err := orders20260101.New(client).GetOrder(ctx, &orders20260101.GetOrderInput{
		OrderID: opts.ID, IncludedData: []orders20260101.GetOrderIncludedData{orders20260101.GetOrderIncludedDataFulfillment},
	})
	if err != nil {
		return err
	}
	o := answer.Order
	if o == nil || o.SalesChannel == nil {
		return exit.Usagef("Amazon does not tell the marketplace of order %s", opts.ID)
	}
	if o.Fulfillment != nil && o.Fulfillment.FulfilledBy == "AMAZON" {
		return exit.Usagef("order %s is fulfilled by Amazon, which ships it by itself", opts.ID)
	}
	m, _ := marketplace.ByID(o.SalesChannel.MarketplaceID)
	sent := f.Begin(&opts.Date, when.Zone(m, false))
	items := given
	if items == nil {
		if items = open(o); items == nil {
			return exit.Usagef("nothing of order %s is open (%s): name items with --item to correct a parcel", opts.ID, status(o))
		}
	}
	in := ordersv0.ConfirmShipmentInput{OrderID: opts.ID, MarketplaceID: o.SalesChannel.MarketplaceID, PackageDetail: &ordersv0.PackageDetail{
		PackageReferenceID: opts.Parcel, CarrierCode: opts.Carrier, CarrierName: opts.Name, ShippingMethod: opts.Method,
		TrackingNumber: opts.Tracking, ShipDate: sent.UTC(), OrderItems: items,
	}}
	if err := ordersv0.New(client).ConfirmShipment(ctx, &in); err != nil {
		return err
	}
	n := int64(0)
	for _, i := range items {
		n += *i.Quantity
	}
	if f.Printer().Whole() {
		return f.Print(ctx, map[string]any{"orderId": opts.ID, "packageDetail": in.PackageDetail})
	}
	f.Notef("confirmed: parcel %s of order %s, %d of its items with %s %s", opts.Parcel, opts.ID, n, opts.Carrier, opts.Tracking)
	return nil
}

// readItems reads "05015851154158=2"; without a quantity it is 1.
func readItems(list []string) ([]ordersv0.ConfirmShipmentOrderItem, error) {
	var items []ordersv0.ConfirmShipmentOrderItem
	for _, text := range list {
		id, count, given := strings.Cut(text, "=")
		n := int64(1)
		var err error
		if given {
			n, err = strconv.ParseInt(count, 10, 32)
		}
		if err != nil || id == "" || n < 1 {
			return nil, exit.Usagef("--item %q: want the id of an order item and its quantity, such as 05015851154158=2", text)
		}
		items = append(items, ordersv0.ConfirmShipmentOrderItem{OrderItemID: id, Quantity: &n})
	}
	return items, nil
}

// open is what of an order has not been sent yet.
func open(o *orders20260101.Order) []ordersv0.ConfirmShipmentOrderItem {
	var items []ordersv0.ConfirmShipmentOrderItem
	for _, i := range o.OrderItems {
		if i.Fulfillment != nil && i.Fulfillment.QuantityUnfulfilled != nil && *i.Fulfillment.QuantityUnfulfilled > 0 {
			items = append(items, ordersv0.ConfirmShipmentOrderItem{OrderItemID: i.OrderItemID, Quantity: i.Fulfillment.QuantityUnfulfilled})
		}
	}
	return items
}

func status(o *orders20260101.Order) string {
	if o.Fulfillment == nil {
		return "status unknown"
	}
	return plain(string(o.Fulfillment.FulfillmentStatus))
}
