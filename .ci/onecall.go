// Command onecall makes one call. .ci/run measures how fast it builds and how large it is.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/ordersv0"
)

func main() {
	ctx := context.Background()
	client, err := spapi.Load(ctx)
	if err != nil {
		log.Fatal(err)
	}
	order, err := ordersv0.New(client).GetOrder(ctx, &ordersv0.GetOrderInput{OrderID: "902-3159896-1390916"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(order.OrderStatus)
}
