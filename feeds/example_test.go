package feeds_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/feeds"
	"github.com/openspapi/spapi/job"
)

// exampleClient is a client of an emulator whose clock runs fast; yours comes from spapi.Load or spapi.NewApp.
func exampleClient() (client *spapi.Client, sellerID string) {
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithSpeed(200))
	if err != nil {
		log.Fatal(err)
	}
	return newClient(emu, emu), emu.Credentials().SellerID
}

func ExampleSubmitListings() {
	ctx := context.Background()
	client, sellerID := exampleClient()

	quantity := map[string]any{"fulfillment_channel_code": "DEFAULT", "quantity": 12}
	result, err := feeds.SubmitListings(ctx, client, feeds.ListingsSubmission{SellerID: sellerID, Marketplaces: []string{"US"}}, feeds.ListingMessages(
		feeds.PatchListing("SKU-1", "PRODUCT", feeds.ReplaceAttribute("fulfillment_availability", quantity)),
		feeds.DeleteListing("SKU-2"),
	), job.WithPoll(5*time.Millisecond, 0)) // leave that out with Amazon
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Processed, "messages,", result.Errors, "errors")
	for _, issue := range result.Issues {
		fmt.Println(issue.SKU, issue.Severity)
	}
	// Output:
	// 2 messages, 2 errors
	// SKU-1 ERROR
	// SKU-2 ERROR
}

func ExampleSubmit() {
	ctx := context.Background()
	client, _ := exampleClient()

	result, err := feeds.Submit(ctx, client, feeds.Submission{
		Type:         "POST_FLAT_FILE_FULFILLMENT_DATA",
		Marketplaces: []string{"US"},
		Content:      feeds.BytesContent([]byte("order-id\tship-date\tcarrier-code\ttracking-number\n000-0000000-0000000\t2026-01-05\tUPS\t1Z\n")),
	}, job.WithPoll(5*time.Millisecond, 0)) // leave that out with Amazon
	if err != nil {
		log.Fatal(err)
	}
	for _, issue := range result.Issues {
		fmt.Println("record", issue.MessageID, issue.Text)
	}
	// Output: record 2 The order 000-0000000-0000000 was not found.
}
