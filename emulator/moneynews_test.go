package emulator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/api/finances20240619"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/api/tracking20260130"
	"github.com/openspapi/spapi/api/transfers20240601"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// identifierNames are the API's names of identifiers by those of notifications.
var identifierNames = map[string]string{
	"FinancialEventGroupId": "FINANCIAL_EVENT_GROUP_ID", "SettlementId": "SETTLEMENT_ID", "OrderId": "ORDER_ID", "ShipmentId": "SHIPMENT_ID", "RefundId": "REFUND_ID",
	"DeferredTransactionId": "DEFERRED_TRANSACTION_ID", "ReleaseTransactionId": "RELEASE_TRANSACTION_ID", "TransferId": "TRANSFER_ID",
}

// moneyKey tells transactions apart by what both a notification and the API say, whatever has been settled since.
func moneyKey(kind string, posted time.Time, amount, currency, store string, identifiers map[string]string) string {
	return fmt.Sprint(kind, " ", posted.UTC().Format(time.RFC3339), " ", amount, " ", currency, " ", store, " ", identifiers["ORDER_ID"], " ", identifiers["SHIPMENT_ID"], " ",
		identifiers["REFUND_ID"], " ", identifiers["DEFERRED_TRANSACTION_ID"], " ", identifiers["TRANSFER_ID"])
}

// toldMoney are the keys of what was told.
func toldMoney(t *testing.T, list []emulator.Message) (keys []string) {
	t.Helper()
	for _, m := range list {
		identifiers := map[string]string{}
		related, _ := m.At("RelatedIdentifiers").([]any)
		for i := range related {
			name := identifierNames[m.Text("RelatedIdentifiers", i, "RelatedIdentifierName")]
			if name == "" {
				t.Errorf("identifier %v", related[i])
			}
			identifiers[name] = m.Text("RelatedIdentifiers", i, "RelatedIdentifierValue")
		}
		if m.Text("SellingPartnerMetadata", "AccountType") != "PAYABLE" {
			t.Errorf("account: %v", m.Payload)
		}
		keys = append(keys, moneyKey(m.Text("TransactionType"), asTime(t, m.Text("PostedDate")), m.Text("TotalAmount", "CurrencyAmount"), m.Text("TotalAmount", "CurrencyCode"),
			m.Text("SellingPartnerMetadata", "MarketplaceId"), identifiers))
	}
	slices.Sort(keys)
	return keys
}

// shownMoney are the keys of what listTransactions shows, of the 60 days before the beginning and since.
func (d *depot) shownMoney() (keys []string) {
	d.t.Helper()
	in := &finances20240619.ListTransactionsInput{PostedAfter: start.AddDate(0, 0, -60)}
	for tr, err := range finances20240619.New(d.client).ListTransactionsAll(d.t.Context(), in) {
		if err != nil {
			d.t.Fatal(err)
		}
		identifiers := map[string]string{}
		for _, r := range tr.RelatedIdentifiers {
			identifiers[string(r.RelatedIdentifierName)] = r.RelatedIdentifierValue
		}
		keys = append(keys, moneyKey(tr.TransactionType, tr.PostedDate, tr.TotalAmount.CurrencyAmount.String(), tr.TotalAmount.CurrencyCode,
			tr.SellingPartnerMetadata.MarketplaceID, identifiers))
	}
	slices.Sort(keys)
	return keys
}

// lessOf takes each of others out of a list once.
func lessOf(list, others []string) (rest, missing []string) {
	rest = slices.Clone(list)
	for _, o := range others {
		if i := slices.Index(rest, o); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		} else {
			missing = append(missing, o)
		}
	}
	return rest, missing
}

// TestTransactionsAreTold: what was told in a month is what listTransactions shows more after it than before: sales, refunds, releases, fees, transfers, and
// what requests have moved.
func TestTransactionsAreTold(t *testing.T) {
	d, l := listen(t, marketplace.DE, emulator.WithOrders(900))
	const typ = "TRANSACTION_UPDATE"
	// listTransactions shows nothing of the last two minutes.
	before := d.shownMoney()
	d.later(2 * time.Minute)
	recent, _ := lessOf(d.shownMoney(), before)
	before = d.shownMoney()
	emulator.Subscribe(t, d.Emulator, emulator.Subscription{Type: typ, Seller: &d.cred})
	begun := d.Now()
	if n := len(l.take(d, typ)); n != 0 {
		t.Fatalf("%d messages of what was before", n)
	}
	var came []emulator.Message
	hear := func() {
		list := l.take(d, typ)
		for _, m := range list {
			if m.EventTime.Before(begun) || m.EventTime.After(d.Now()) {
				t.Errorf("told of %s at %s", m.EventTime, d.Now())
			}
		}
		came = append(came, list...)
	}
	// A chargeback and a payout, at a clock that stands, and in the middle of a second.
	sent := d.orders(ordersv0.GetOrdersInput{OrderStatuses: []string{"Shipped"}})
	for i, at := range []time.Duration{0, 25*time.Hour + 300*time.Millisecond} {
		d.later(at) // no request comes before the chargeback
		n := len(came)
		if _, err := d.ChargeBack(sent[i].AmazonOrderID, emulator.BuyerDispute{}); err != nil {
			t.Fatal(err)
		}
		if _, err := transfers20240601.New(d.client).InitiatePayout(t.Context(), &transfers20240601.InitiatePayoutInput{MarketplaceID: d.market.ID, AccountType: "Standard Orders"}); err != nil {
			t.Fatal(err)
		}
		hear()
		if len(came) == n {
			t.Error("nothing was told of a chargeback and a payout")
		}
	}
	d.later(30 * 24 * time.Hour)
	hear()
	end := d.Now()
	d.later(2 * time.Minute)
	hear()
	kinds := map[string]int{}
	came = slices.DeleteFunc(came, func(m emulator.Message) bool { return asTime(t, m.Text("PostedDate")).After(end) })
	for _, m := range came {
		kinds[m.Text("TransactionType")]++
	}
	told := toldMoney(t, came)
	shown, gone := lessOf(d.shownMoney(), before)
	if len(gone) > 0 {
		t.Fatalf("no longer shown: %v", gone)
	}
	missing, twice := lessOf(shown, told)
	missing, _ = lessOf(missing, recent)
	if len(missing)+len(twice) > 0 {
		t.Errorf("of %d shown %d aren't told, %d are told and not shown:\n%.1500q\n%.1500q", len(shown), len(missing), len(twice), missing, twice)
	}
	for _, kind := range []string{"Shipment", "Refund", "ServiceFee", "Transfer"} {
		if kinds[kind] == 0 {
			t.Errorf("nothing of %s in %v", kind, kinds)
		}
	}
	t.Logf("%d messages: %v", len(came), kinds)
}

// TestMilestonesAreTold: of one shipment, step by step what getShipmentTracking answers then.
func TestMilestonesAreTold(t *testing.T) {
	d, l := listen(t, marketplace.US, emulator.WithOrders(600))
	const typ = "SHIPMENT_TRACKING_MILESTONE_CHANGED"
	var aftn string
	for range 200 { // until an order comes
		for _, o := range d.orders(ordersv0.GetOrdersInput{OrderStatuses: []string{"Pending"}, FulfillmentChannels: []string{"AFN"}}) {
			aftn = "AFTN" + strings.ReplaceAll(o.AmazonOrderID, "-", "")
		}
		if aftn != "" {
			break
		}
		d.later(10 * time.Minute)
	}
	emulator.Subscribe(t, d.Emulator, emulator.Subscription{Type: typ,
		Directive: `{"eventFilter":{"eventFilterType":"` + typ + `","trackingIdentifier":{"aftn":"` + aftn + `"}}}`})
	var codesTold []string
	for range 24 * 10 * 4 {
		d.later(15 * time.Minute)
		for _, m := range l.take(d, typ) {
			if m.Text("trackingDetail", "identifier", "aftn") != aftn {
				continue // the filter is the engine's
			}
			got := must[*tracking20260130.TrackingDetail](t)(d.track(tracking20260130.GetShipmentTrackingInput{Aftn: aftn}))
			last := got.LatestMilestone
			if m.Text("trackingDetail", "latestMilestone", "status", "code") != string(last.Status.Code) || m.Text("trackingDetail", "latestMilestone", "occurredAt") != last.OccurredAt ||
				!asTime(t, last.OccurredAt).Equal(m.EventTime) || m.Text("trackingDetail", "trackingUrl") != got.TrackingURL ||
				m.Text("trackingDetail", "latestMilestone", "status", "subCode") != string(last.Status.SubCode) {
				t.Errorf("told %v, tracking says %+v", m.Payload, last)
			}
			history, _ := m.At("trackingDetail", "milestoneHistory").([]any)
			if len(history) != len(got.MilestoneHistory) || len(history) != len(codesTold)+1 {
				t.Errorf("%d steps told after %v, tracking has %d", len(history), codesTold, len(got.MilestoneHistory))
			}
			codesTold = append(codesTold, string(last.Status.Code))
		}
	}
	switch got := fmt.Sprint(codesTold); got {
	case "[ORDER_PREPARING CARRIER_ASSIGNED SHIPPED OUT_FOR_DELIVERY DELIVERED]", "[ORDER_PREPARING ORDER_CANCELLED]":
	default:
		t.Errorf("told %s", got)
	}
}

// TestParcelsAreTold: a parcel that a request tells of is known from then on.
func TestParcelsAreTold(t *testing.T) {
	d, l := listen(t, marketplace.US, emulator.WithOrders(300))
	const typ, number = "SHIPMENT_TRACKING_MILESTONE_CHANGED", "FX 0815/1"
	emulator.Subscribe(t, d.Emulator, emulator.Subscription{Type: typ,
		Directive: `{"eventFilter":{"eventFilterType":"` + typ + `","trackingIdentifier":{"carrierTracking":{"trackingNumber":"` + number + `","carrierCode":"FedEx"}}}}`})
	open := d.orders(ordersv0.GetOrdersInput{OrderStatuses: []string{"Unshipped"}, FulfillmentChannels: []string{"MFN"}})
	i := slices.IndexFunc(open, func(o *ordersv0.Order) bool { return !*o.IsISPU })
	items := must[*ordersv0.OrderItemsList](t)(ordersv0.New(d.client).GetOrderItems(t.Context(), &ordersv0.GetOrderItemsInput{OrderID: open[i].AmazonOrderID}))
	in := &ordersv0.ConfirmShipmentInput{OrderID: open[i].AmazonOrderID, MarketplaceID: d.market.ID, PackageDetail: &ordersv0.PackageDetail{
		PackageReferenceID: "1", CarrierCode: "FedEx", TrackingNumber: number, ShipDate: start,
	}}
	for _, it := range items.OrderItems {
		in.PackageDetail.OrderItems = append(in.PackageDetail.OrderItems, ordersv0.ConfirmShipmentOrderItem{OrderItemID: it.OrderItemID, Quantity: it.QuantityOrdered})
	}
	if err := ordersv0.New(d.client).ConfirmShipment(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	var told []string
	hear := func() {
		for _, m := range l.take(d, typ) {
			if m.Text("trackingDetail", "identifier", "carrierTracking", "trackingNumber") == number {
				told = append(told, m.Text("trackingDetail", "latestMilestone", "status", "code"))
			}
		}
	}
	hear()
	d.later(8 * 24 * time.Hour)
	hear()
	if got := fmt.Sprint(told); got != "[SHIPPED OUT_FOR_DELIVERY DELIVERED]" {
		t.Errorf("told %s", got)
	}
}
