package notifications_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/notifications"
)

const message = `{"NotificationVersion":"1.0","NotificationType":"ORDER_CHANGE","PayloadVersion":"1.0","EventTime":"2026-09-08T08:32:18.751Z",
	"Payload":{"OrderChangeNotification":{"NotificationLevel":"OrderLevel","SellerId":"A2ZVJC2QVUUJ5V","AmazonOrderId":"903-8868176-2219830",
	"OrderChangeType":"OrderStatusChange","OrderChangeTrigger":{"TimeOfOrderChange":"2026-09-08T08:32:13.000Z"},"Summary":{"OrderStatus":"Shipped"}}},
	"NotificationMetadata":{"SubscriptionId":"7d78cc50","NotificationId":"6712e8e5"}}`

// The body of an SQS message, with a switch over what it may be.
func ExampleParse() {
	n, err := notifications.Parse([]byte(message))
	if err != nil {
		fmt.Println(err)
		return
	}
	switch p := n.Payload.(type) {
	case *notifications.OrderChange:
		fmt.Println(p.AmazonOrderID, p.Summary.OrderStatus)
	case *notifications.ReportProcessingFinished:
		fmt.Println(p.ReportID, p.ProcessingStatus)
	case json.RawMessage: // a type or version that this package doesn't know
		fmt.Println(n.Type, len(p))
	}
	// Output: 903-8868176-2219830 Shipped
}

// Handlers say by their argument what they are for.
func ExampleMux() {
	mux, err := notifications.NewMux(
		notifications.On(func(ctx context.Context, change *notifications.OrderChange) error {
			fmt.Println(change.AmazonOrderID, "at", notifications.FromContext(ctx).Time().Format(time.TimeOnly))
			return nil
		}),
		notifications.OnUnknown(func(_ context.Context, n *notifications.Notification) error {
			fmt.Println("please update:", n)
			return nil
		}),
		notifications.OnAny(func(context.Context, *notifications.Notification) error { return nil }), // leave out the rest
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, body := range []string{message, `{"notificationType":"BRAND_NEW","payloadVersion":"1.0","payload":{}}`} {
		n, err := notifications.Parse([]byte(body))
		if err != nil {
			fmt.Println(err)
			continue
		}
		if err := mux.Handle(context.Background(), n); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// 903-8868176-2219830 at 08:32:13
	// please update: BRAND_NEW 1.0
}

// A new client secret is handed over once. The message itself doesn't print it.
func ExampleOnNewSecret() {
	keep := func(context.Context, string, spapi.Secret) error { return errors.New("the store is away") }
	mux, err := notifications.NewMux(notifications.OnNewSecret(
		func(ctx context.Context, clientID string, secret spapi.Secret, oldUntil time.Time) error {
			if err := keep(ctx, clientID, secret); err != nil {
				return err // the message stays in the queue
			}
			// app = app.WithClientSecret(secret.Reveal())
			return nil
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := notifications.Parse([]byte(`{"notificationType":"APPLICATION_OAUTH_CLIENT_NEW_SECRET","payloadVersion":"2023-11-30","payload":
		{"applicationOAuthClientNewSecret":{"clientId":"amzn1.application-oa2-client.1","newClientSecret":"amzn1.oa2-cs.v1.1"}}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Contains(string(n.Raw()), "amzn1.oa2-cs"), n)
	fmt.Println(mux.Handle(context.Background(), n))
	// Output:
	// false APPLICATION_OAUTH_CLIENT_NEW_SECRET 2023-11-30
	// the store is away
}

// What a consumer needs to keep the order and to leave out what it has seen.
func ExampleNotification_Key() {
	n, err := notifications.Parse([]byte(message))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(n.Key())
	fmt.Println(n.NaturalKey())
	fmt.Println(n.ID(), n.Time())
	// Output:
	// ORDER_CHANGE/A2ZVJC2QVUUJ5V/903-8868176-2219830
	// ORDER_CHANGE/7d78cc50/A2ZVJC2QVUUJ5V/903-8868176-2219830/OrderLevel/OrderStatusChange/Shipped//2026-09-08T08:32:13Z
	// 6712e8e5 2026-09-08 08:32:13 +0000 UTC
}

// All types that go to EventBridge and not to SQS.
func ExampleTypes() {
	for _, t := range notifications.Types() {
		if t.Destination == "eventbridge" && t.Status == "current" {
			fmt.Println(t.Name, t.PayloadVersion, t.Roles)
		}
	}
	// Output:
	// BRANDED_ITEM_CONTENT_CHANGE 1.0 [Product Listing]
	// ITEM_PRODUCT_TYPE_CHANGE 1.0 [Product Listing]
	// LISTINGS_ITEM_ISSUES_CHANGE 2023-12-13 [Product Listing]
	// LISTINGS_ITEM_MFN_QUANTITY_CHANGE 1.0 [Product Listing]
	// LISTINGS_ITEM_STATUS_CHANGE 1.0 [Product Listing]
	// PRODUCT_TYPE_DEFINITIONS_CHANGE 1.0 [Product Listing]
	// SHIPMENT_TRACKING_MILESTONE_CHANGED 2026-01-30 []
}
