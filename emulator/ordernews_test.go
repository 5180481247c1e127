package emulator_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/api/shipmentinvoicingv0"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
	"github.com/openspapi/spapi/notifications"
)

// listener gets all messages that an emulator sends.
type listener struct {
	mu   sync.Mutex
	came []emulator.Delivery
}

func (l *listener) sink(queue string, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.came = append(l.came, emulator.Delivery{Queue: queue, Body: body})
}

// listen is a depot whose messages are listened to.
func listen(t *testing.T, m marketplace.Marketplace, options ...emulator.Option) (*depot, *listener) {
	t.Helper()
	l := &listener{}
	return newDepot(t, m, append([]emulator.Option{emulator.WithNotificationSink(l.sink)}, options...)...), l
}

// take takes the messages of a type that have come since, each held against its schema and read by package notifications without rest. No two are the same.
func (l *listener) take(d *depot, typ string) (list []emulator.Message) {
	d.t.Helper()
	d.Deliveries() // looks
	l.mu.Lock()
	came := l.came
	l.came = nil
	l.mu.Unlock()
	seen := map[string]bool{}
	for _, c := range came {
		m := readNews(d.t, c)
		if m.Type != typ {
			continue
		}
		payload, err := json.Marshal(m.Payload)
		if err != nil {
			d.t.Fatal(err)
		}
		if key := string(payload); seen[key] {
			d.t.Errorf("told twice: %s", key)
		} else {
			seen[key] = true
		}
		list = append(list, m)
	}
	return list
}

// readNews reads a message as tests and as programs do.
func readNews(t testing.TB, d emulator.Delivery) emulator.Message {
	t.Helper()
	m := emulator.ReadMessage(t, d)
	n, err := notifications.Parse(d.Body)
	if err != nil {
		t.Fatalf("%v: %s", err, d.Body)
	}
	if _, unknown := n.Payload.(json.RawMessage); unknown || len(n.Rest) > 0 {
		t.Errorf("%s isn't read whole: %v", d.Body, n.Rest)
	}
	return m
}

// later lets time pass; access tokens don't outlive it.
func (d *depot) later(by time.Duration) {
	d.Advance(by)
	*d = *openDepot(d.t, d.Emulator, d.market, d.cred)
}

// elsewhere is the depot after an export and an import. Unlike [depot.moved] it doesn't compare exports: queues go by the clock of the machine.
func (d *depot) elsewhere() *depot {
	d.t.Helper()
	text := must[[]byte](d.t)(json.Marshal(must[*emulator.State](d.t)(d.Export())))
	state := &emulator.State{}
	if err := json.Unmarshal(text, state); err != nil {
		d.t.Fatal(err)
	}
	other := must[*emulator.Emulator](d.t)(emulator.New(emulator.WithSeed(7), emulator.WithFixedTime(time.Time{}), emulator.WithoutLimits()))
	if err := other.Import(state); err != nil {
		d.t.Fatal(err)
	}
	return openDepot(d.t, other, d.market, d.cred)
}

// allOrders are those that getOrders lists, by id.
func (d *depot) allOrders() map[string]*ordersv0.Order {
	d.t.Helper()
	all := map[string]*ordersv0.Order{}
	for _, o := range d.orders(ordersv0.GetOrdersInput{}) {
		all[o.AmazonOrderID] = o
	}
	return all
}

// asTime reads a time as it is told.
func asTime(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// sameOrder holds an ORDER_CHANGE against what getOrder and getOrderItems answer at the same time.
func (d *depot) sameOrder(m emulator.Message) {
	d.t.Helper()
	id := m.Text("AmazonOrderId")
	o := d.order(id)
	want := map[string]string{
		"MarketplaceId": o.MarketplaceID, "OrderStatus": string(o.OrderStatus), "FulfillmentType": string(o.FulfillmentChannel), "OrderType": string(o.OrderType),
		"NumberOfItemsShipped": fmt.Sprint(*o.NumberOfItemsShipped), "NumberOfItemsUnshipped": fmt.Sprint(*o.NumberOfItemsUnshipped),
		"EasyShipShipmentStatus": string(o.EasyShipShipmentStatus), "ElectronicInvoiceStatus": string(o.ElectronicInvoiceStatus),
	}
	if o.ShippingAddress != nil {
		want["DestinationPostalCode"] = o.ShippingAddress.PostalCode
	}
	for name, value := range want {
		if got := m.Text("Summary", name); got != value {
			d.t.Errorf("order %s: %s is %q, getOrder says %q", id, name, got, value)
		}
	}
	times := map[string]string{"PurchaseDate": o.PurchaseDate, "EarliestShipDate": o.EarliestShipDate, "LatestShipDate": o.LatestShipDate}
	if o.FulfillmentChannel == "MFN" {
		times["EarliestDeliveryDate"] = o.EarliestDeliveryDate
		if o.OrderStatus != "Canceled" && o.OrderStatus != "Pending" {
			times["LatestDeliveryDate"] = o.LatestDeliveryDate
		}
	}
	for name, value := range times {
		if got := m.Text("Summary", name); got == "" || !asTime(d.t, got).Equal(asTime(d.t, value)) {
			d.t.Errorf("order %s: %s is %q, getOrder says %q", id, name, got, value)
		}
	}
	programs := fmt.Sprint(m.At("Summary", "OrderPrograms"), m.At("Summary", "ShippingPrograms"))
	for name, is := range map[string]*bool{"Business": o.IsBusinessOrder, "Prime": o.IsPrime, "Replacement": o.IsReplacementOrder, "ISPU": o.IsISPU} {
		if strings.Contains(programs, name) != *is {
			d.t.Errorf("order %s: programs %s, but %s is %t", id, programs, name, *is)
		}
	}
	if at := asTime(d.t, m.Text("OrderChangeTrigger", "TimeOfOrderChange")); !at.Equal(m.EventTime) || !at.Equal(asTime(d.t, o.LastUpdateDate)) {
		d.t.Errorf("order %s: changed at %s, event at %s, getOrder says %s", id, at, m.EventTime, o.LastUpdateDate)
	}
	items := must[*ordersv0.OrderItemsList](d.t)(ordersv0.New(d.client).GetOrderItems(d.t.Context(), &ordersv0.GetOrderItemsInput{OrderID: id})).OrderItems
	if list, _ := m.At("Summary", "OrderItems").([]any); len(list) != len(items) {
		d.t.Errorf("order %s: %d items, getOrderItems has %d", id, len(list), len(items))
	}
	for i, it := range items {
		got := ""
		for _, name := range []string{"OrderItemId", "SellerSKU", "Quantity", "QuantityShipped", "IsBuyerRequestedCancel"} {
			got += m.Text("Summary", "OrderItems", i, name) + " "
		}
		asked := it.BuyerRequestedCancel != nil && it.BuyerRequestedCancel.IsBuyerRequestedCancel == "true"
		if want := fmt.Sprintf("%s %s %d %d %t ", it.OrderItemID, it.SellerSKU, *it.QuantityOrdered, *it.QuantityShipped, asked); got != want {
			d.t.Errorf("order %s: item %s, getOrderItems says %s", id, got, want)
		}
	}
}

// TestOrderChanges lets a month pass at once: what is told leads each order from the status that it had to the one that it has, step by step.
func TestOrderChanges(t *testing.T) {
	d, l := listen(t, marketplace.US, emulator.WithOrders(1500))
	before := d.allOrders()
	emulator.Subscribe(t, d.Emulator, emulator.Subscription{Type: "ORDER_CHANGE", Seller: &d.cred})
	if came := l.take(d, "ORDER_CHANGE"); len(came) != 0 {
		t.Fatalf("%d messages of what was before", len(came))
	}
	begun := d.Now()
	d.later(30 * 24 * time.Hour)
	came := l.take(d, "ORDER_CHANGE")
	after := d.allOrders()
	follows := map[string][]string{"Pending": {"Unshipped", "Canceled"}, "Unshipped": {"PartiallyShipped", "Shipped", "Canceled"}, "PartiallyShipped": {"Shipped"}}
	status, count, last := map[string]string{}, map[string]int{}, begun
	for id, o := range before {
		status[id] = string(o.OrderStatus)
	}
	for _, m := range came {
		id, to := m.Text("AmazonOrderId"), m.Text("Summary", "OrderStatus")
		if m.EventTime.Before(last) || m.EventTime.After(d.Now()) || !m.EventTime.After(begun) {
			t.Errorf("order %s: told of %s after %s", id, m.EventTime, last)
		}
		last = m.EventTime
		from, known := status[id]
		if !known {
			from = "Pending"
		}
		switch kind := m.Text("OrderChangeType"); kind {
		case "OrderStatusChange":
			if !slices.Contains(follows[from], to) {
				t.Errorf("order %s: %s after %s", id, to, from)
			}
			count[to]++
		case "BuyerRequestedChange":
			if to != from || m.Text("OrderChangeTrigger", "ChangeReason") != "Buyer Requested Cancel" || m.Text("Summary", "OrderItems", 0, "IsBuyerRequestedCancel") != "true" {
				t.Errorf("order %s: cancellation asked for in %s, which was %s: %v", id, to, from, m.Payload)
			}
			count[kind]++
		default:
			t.Errorf("%s: %v", kind, m.Payload)
		}
		status[id] = to
	}
	for id, o := range after {
		if at, known := status[id]; at != string(o.OrderStatus) && (known || o.OrderStatus != "Pending") {
			t.Errorf("order %s: %s by what was told, %s by getOrders", id, at, o.OrderStatus)
		}
	}
	for _, kind := range []string{"Unshipped", "PartiallyShipped", "Shipped", "Canceled", "BuyerRequestedChange"} {
		if count[kind] == 0 {
			t.Errorf("nothing of %s in %v", kind, count)
		}
	}
	t.Logf("%d messages in 30 days: %v", len(came), count)

	// What is told is what the API answers, as long as nothing else has happened to the order.
	compared := 0
	for range 20 {
		d.later(time.Hour)
		for _, m := range l.take(d, "ORDER_CHANGE") {
			if asTime(t, d.order(m.Text("AmazonOrderId")).LastUpdateDate).Equal(m.EventTime) {
				d.sameOrder(m)
				compared++
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d messages were compared", compared)
	}
}

// TestOrderChangesByRequests ships and cancels, moves into another emulator, and is told of each once.
func TestOrderChangesByRequests(t *testing.T) {
	d, l := listen(t, marketplace.US, emulator.WithOrders(600))
	emulator.Subscribe(t, d.Emulator, emulator.Subscription{Type: "ORDER_CHANGE", Seller: &d.cred})
	open := d.orders(ordersv0.GetOrdersInput{OrderStatuses: []string{"Unshipped"}, FulfillmentChannels: []string{"MFN"}})
	open = slices.DeleteFunc(open, func(o *ordersv0.Order) bool { return *o.IsISPU })
	if len(open) < 3 {
		t.Fatalf("%d open orders", len(open))
	}
	// ship confirms a shipment after a while, before which nothing else is asked for.
	ship := func(id string, after time.Duration) {
		t.Helper()
		items := must[*ordersv0.OrderItemsList](t)(ordersv0.New(d.client).GetOrderItems(t.Context(), &ordersv0.GetOrderItemsInput{OrderID: id}))
		in := &ordersv0.ConfirmShipmentInput{OrderID: id, MarketplaceID: d.market.ID, PackageDetail: &ordersv0.PackageDetail{
			PackageReferenceID: "1", CarrierCode: "FedEx", TrackingNumber: "FX" + id, ShipDate: start,
		}}
		for _, it := range items.OrderItems {
			in.PackageDetail.OrderItems = append(in.PackageDetail.OrderItems, ordersv0.ConfirmShipmentOrderItem{OrderItemID: it.OrderItemID, Quantity: it.QuantityOrdered})
		}
		d.Advance(after)
		if err := ordersv0.New(d.client).ConfirmShipment(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	// The clock stands at the time of the subscription.
	ship(open[0].AmazonOrderID, 0)
	came := l.take(d, "ORDER_CHANGE")
	if len(came) != 1 || came[0].Text("AmazonOrderId") != open[0].AmazonOrderID || came[0].Text("Summary", "OrderStatus") != "Shipped" {
		t.Fatalf("shipped: %v", came)
	}
	d.sameOrder(came[0])
	// With others that time has brought; in the middle of a second that has been looked through, and in one that hasn't.
	d.later(90*time.Minute + 300*time.Millisecond)
	for i, after := range []time.Duration{0, 10 * time.Minute} {
		id, shipped := open[1+i].AmazonOrderID, 0
		ship(id, after)
		d.Advance(600 * time.Millisecond)
		for _, m := range l.take(d, "ORDER_CHANGE") {
			if m.Text("AmazonOrderId") == id && m.Text("Summary", "OrderStatus") == "Shipped" {
				shipped++
				d.sameOrder(m)
			}
		}
		if shipped != 1 {
			t.Errorf("shipment %d was told %d times", i, shipped)
		}
	}
	// Elsewhere all goes on; nothing comes twice.
	d.later(time.Hour)
	d.Deliveries()
	told := func(e *emulator.Emulator) map[string]int {
		got := map[string]int{}
		for _, m := range emulator.Told(t, e, "ORDER_CHANGE") {
			got[m.Text("AmazonOrderId")+" "+m.Text("OrderChangeType")+" "+m.Text("Summary", "OrderStatus")]++
		}
		return got
	}
	other := d.elsewhere()
	for _, x := range []*depot{d, other} {
		x.Advance(26 * time.Hour)
	}
	here, there := told(d.Emulator), told(other.Emulator)
	if len(here) < 10 || fmt.Sprint(here) != fmt.Sprint(there) {
		t.Errorf("told after a move:\n%v\nwant\n%v", there, here)
	}
	for what, n := range there {
		if n != 1 {
			t.Errorf("%s: told %d times", what, n)
		}
	}
	d.Reset()
	d.Advance(48 * time.Hour)
	if n := len(d.Deliveries()); n != 0 {
		t.Errorf("%d messages after a reset", n)
	}
}

// TestOnsiteShipments: in Brazil shipments of FBA Onsite are created with the payment, and go with their orders.
func TestOnsiteShipments(t *testing.T) {
	d, l := listen(t, marketplace.BR, emulator.WithOrders(1500))
	emulator.Subscribe(t, d.Emulator, emulator.Subscription{Type: "FBA_OUTBOUND_SHIPMENT_STATUS", Seller: &d.cred})
	d.later(20 * 24 * time.Hour)
	created, cancelled := map[string]bool{}, 0
	all := d.allOrders()
	for _, m := range l.take(d, "FBA_OUTBOUND_SHIPMENT_STATUS") {
		id, o := m.Text("AmazonShipmentId"), all[m.Text("AmazonOrderId")]
		if o == nil || o.FulfillmentChannel != "AFN" || m.Text("SellerId") != d.cred.SellerID {
			t.Fatalf("of no order of Amazon's: %v", m.Payload)
		}
		_, err := shipmentinvoicingv0.New(d.client).GetShipmentDetails(t.Context(), &shipmentinvoicingv0.GetShipmentDetailsInput{ShipmentID: id})
		switch m.Text("ShipmentStatus") {
		case "Created":
			created[id] = true
			if known := err == nil; known != (o.OrderStatus != "Canceled") {
				t.Errorf("shipment %s of an order that is %s: %v", id, o.OrderStatus, err)
			}
		case "Cancelled":
			cancelled++
			if o.OrderStatus != "Canceled" || !created[id] && asTime(t, o.PurchaseDate).After(start) {
				t.Errorf("shipment %s is cancelled, its order %s; created: %t", id, o.OrderStatus, created[id])
			}
		default:
			t.Errorf("%v", m.Payload)
		}
	}
	if len(created) < 20 || cancelled == 0 {
		t.Errorf("%d created, %d cancelled", len(created), cancelled)
	}
}

// TestNewsOfManyOrders: who is subscribed pays for what happens, not for how many orders there are. SPAPI_PROVE_MILLION is how many there are; with it times
// are told, else only what comes out is looked at.
func TestNewsOfManyOrders(t *testing.T) {
	count, tell := 3000, func(string, ...any) {}
	if text := os.Getenv("SPAPI_PROVE_MILLION"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1000 {
			t.Fatalf("SPAPI_PROVE_MILLION=%q: want a number of orders from 1000 on", text)
		}
		count, tell = n, t.Logf
	}
	sent := map[string]int{}
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(count), emulator.WithDays(365), emulator.WithNotificationSink(func(queue string, _ []byte) { sent[queue]++ }))
	c.get("/orders/v0/orders?" + allUS)
	quiet := func() time.Duration {
		const requests = 2000
		begun := time.Now()
		for range requests {
			c.Deliveries()
		}
		return time.Since(begun) / requests
	}
	tell("nobody subscribed: %v a look", quiet())
	for _, typ := range []string{"ORDER_CHANGE", "TRANSACTION_UPDATE", "FBA_OUTBOUND_SHIPMENT_STATUS", "REPORT_PROCESSING_FINISHED"} {
		emulator.Subscribe(t, c.Emulator, emulator.Subscription{Type: typ})
		begun := time.Now()
		c.clock.advance(time.Second)
		c.Deliveries()
		tell("%s: the first look takes %v", typ, time.Since(begun))
		tell("%s: %v a look when the clock stands", typ, quiet())
		begun = time.Now()
		const looks = 200
		for range looks {
			c.clock.advance(time.Second)
			c.Deliveries()
		}
		tell("%s: %v a look each second, of which something happens in few", typ, time.Since(begun)/looks)
	}
	clear(sent)
	begun := time.Now()
	c.clock.advance(30 * 24 * time.Hour)
	c.Deliveries()
	took, n := time.Since(begun), 0
	for _, k := range sent {
		n += k
	}
	tell("%d messages of 30 days in %v, %.0f a second: %v", n, took, float64(n)/took.Seconds(), sent)
	if sent[emulator.QueueOf("ORDER_CHANGE")] < count/10 || sent[emulator.QueueOf("TRANSACTION_UPDATE")] < count/20 {
		t.Errorf("sent: %v", sent)
	}
}
