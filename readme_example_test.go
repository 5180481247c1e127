package spapi_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/orders20260101"
)

func Example_readme() {
	ctx := context.Background()
	client, err := spapi.Load(ctx)
	if err != nil {
		log.Fatal(err)
	}
	yesterday := time.Now().AddDate(0, 0, -1)
	orders := orders20260101.New(client)
	for order, err := range orders.SearchOrdersAll(ctx, &orders20260101.SearchOrdersInput{CreatedAfter: yesterday}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(order.OrderID, order.CreatedTime)
	}
}
