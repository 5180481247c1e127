package notifications_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
	"github.com/openspapi/spapi/notifications"
)

func ExampleManager() {
	ctx := context.Background()
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithoutLimits())
	if err != nil {
		log.Fatal(err)
	}
	c := emu.Credentials()
	app := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(emu))
	shop := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: marketplace.NorthAmerica})

	setup, err := notifications.ReadSetup(strings.NewReader(`
destinations:
  - name: orders
    sqs: arn:aws:sqs:us-east-1:123456789012:orders
subscriptions:
  - type: ORDER_CHANGE
    destination: orders
    eventFilter: {orderChangeTypes: [OrderStatusChange]}
  - type: FEED_PROCESSING_FINISHED
    destination: orders
`))
	if err != nil {
		log.Fatal(err)
	}
	manager := &notifications.Manager{Sellers: []notifications.Seller{{Name: "shop", Client: shop}}}
	plan, err := manager.Plan(ctx, setup, notifications.PlanOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(plan)
	if _, err := manager.Apply(ctx, plan); err != nil {
		log.Fatal(err)
	}
	plan, err = manager.Plan(ctx, setup, notifications.PlanOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(plan)

	// Output:
	// create destination "orders" in na, arn:aws:sqs:us-east-1:123456789012:orders: there is none
	// create subscription of shop to ORDER_CHANGE 1.0 at "orders" with {"eventFilter":{"orderChangeTypes":["OrderStatusChange"],"eventFilterType":"ORDER_CHANGE"}}: there is none
	// create subscription of shop to FEED_PROCESSING_FINISHED 2020-09-04 at "orders": there is none
	// warning (na): nothing may arrive at "orders", although nothing fails: The queue's access policy must let Amazon write, and neither createDestination nor createSubscription checks it; Allow arn:aws:iam::437568002678:root sqs:SendMessage and sqs:GetQueueAttributes on the queue: QueuePolicy, or spapi notifications policy, has the text.
	// 3 to do, 0 as desired
	// 0 to do, 3 as desired
}

func ExampleQueuePolicy() {
	policy, err := notifications.QueuePolicy("arn:aws:sqs:us-east-1:123456789012:orders")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(policy)

	// Output:
	// {
	//   "Version": "2012-10-17",
	//   "Statement": [
	//     {
	//       "Sid": "SellingPartnerAPI",
	//       "Effect": "Allow",
	//       "Principal": {
	//         "AWS": "arn:aws:iam::437568002678:root"
	//       },
	//       "Action": [
	//         "sqs:SendMessage",
	//         "sqs:GetQueueAttributes"
	//       ],
	//       "Resource": "arn:aws:sqs:us-east-1:123456789012:orders"
	//     }
	//   ]
	// }
}
