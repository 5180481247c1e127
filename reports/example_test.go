package reports_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/reports"
)

// exampleClient is a client of an emulator whose clock runs fast; yours comes from spapi.Load or spapi.NewApp.
func exampleClient() *spapi.Client {
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithSpeed(200))
	if err != nil {
		log.Fatal(err)
	}
	return newClient(emu, emu)
}

var fast = job.WithPoll(5*time.Millisecond, 0) // leave it out with Amazon

func ExampleRun() {
	ctx, client := context.Background(), exampleClient()

	doc, err := reports.Run(ctx, client, reports.Request{
		Type:         "GET_MERCHANT_LISTINGS_ALL_DATA",
		Marketplaces: []string{"US"},
		Reuse:        time.Hour,
	}, fast)
	if err != nil {
		log.Fatal(err)
	}
	defer doc.Close()

	type listing struct {
		SKU      string      `report:"seller-sku"`
		Price    json.Number `report:"price"`
		Quantity *int        `report:"quantity"`
	}
	n := 0
	for l, err := range reports.Rows[listing](doc) {
		if err != nil {
			log.Fatal(err)
		}
		if l.SKU != "" {
			n++
		}
	}
	fmt.Println(n, "listings")
	// Output: 60 listings
}

func ExampleRun_outcomes() {
	ctx, client := context.Background(), exampleClient()

	_, err := reports.Run(ctx, client, reports.Request{
		Type:         "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL",
		Marketplaces: []string{"US"},
		Start:        time.Now().AddDate(-2, 0, 0),
		End:          time.Now().AddDate(-2, 0, 7),
	}, fast)
	var fatal *job.EndedError
	var soon *reports.TooFrequentError
	switch {
	case errors.Is(err, job.ErrCancelled):
		fmt.Println("no data")
	case errors.As(err, &fatal):
		fmt.Println("failed:", fatal.Reason)
	case errors.As(err, &soon):
		fmt.Println("wait", soon.Wait, "or take", soon.Last.ReportID)
	case err != nil:
		log.Fatal(err)
	}
	// Output: no data
}

func ExampleRunAll() {
	ctx, client := context.Background(), exampleClient()

	year := reports.Request{
		Type:         "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL", // at most 30 days each
		Marketplaces: []string{"US"},
		Start:        time.Now().AddDate(0, 0, -180),
	}
	rows := 0
	for result := range reports.RunAll(ctx, client, []reports.Request{year}, fast) {
		if errors.Is(result.Err, job.ErrCancelled) {
			continue // no orders in this part
		}
		if result.Err != nil {
			log.Fatal(result.Err)
		}
		for row, err := range result.Document.Table().All() {
			if err != nil {
				log.Fatal(err)
			}
			if row.Get("amazon-order-id") != "" {
				rows++
			}
		}
	}
	fmt.Println(rows > 100)
	// Output: true
}

func ExampleList() {
	ctx, client := context.Background(), exampleClient()

	for report, err := range reports.List(ctx, client, reports.ListRequest{Types: []string{"GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"}, Statuses: []job.Status{job.Done}}) {
		if err != nil {
			log.Fatal(err)
		}
		doc, err := reports.Open(ctx, client, report)
		if err != nil {
			log.Fatal(err)
		}
		header, err := doc.Table().Header()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(header.Names()[0])
		doc.Close()
		break
	}
	// Output: settlement-id
}

func ExampleRequest_Split() {
	parts, err := reports.Request{
		Type:         "GET_BRAND_ANALYTICS_SEARCH_TERMS_REPORT",
		Marketplaces: []string{"US"},
		Start:        time.Date(2025, 11, 5, 0, 0, 0, 0, time.UTC),
		End:          time.Date(2025, 11, 20, 0, 0, 0, 0, time.UTC),
		Options:      map[string]string{"reportPeriod": "WEEK"},
	}.Split()
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range parts {
		fmt.Println(p.Start.Format("Mon 2 Jan"), "to", p.End.Format("Mon 2 Jan"))
	}
	// Output:
	// Sun 2 Nov to Sat 8 Nov
	// Sun 9 Nov to Sat 15 Nov
	// Sun 16 Nov to Sat 22 Nov
}
