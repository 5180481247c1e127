package datakiosk_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/openspapi/spapi/datakiosk"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/job"
)

func ExampleRows() {
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithSpeed(200)) // yours is Amazon
	if err != nil {
		log.Fatal(err)
	}
	ctx, client := context.Background(), newClient(emu, emu)

	day := func(ago int) string { return time.Now().AddDate(0, 0, -ago).Format(time.DateOnly) }
	query := fmt.Sprintf(`{
  analytics_salesAndTraffic_2024_04_24 {
    salesAndTrafficByDate(aggregateBy: DAY, startDate: %q, endDate: %q, marketplaceIds: ["ATVPDKIKX0DER"]) {
      startDate
      sales { unitsOrdered }
    }
  }
}`, day(16), day(10))
	type row struct {
		StartDate string
		Sales     struct{ UnitsOrdered int }
	}
	days := 0
	for r, err := range datakiosk.Rows[row](ctx, client, query, job.WithPoll(5*time.Millisecond, 0)) {
		if err != nil {
			log.Fatal(err)
		}
		if r.StartDate != "" {
			days++
		}
	}
	fmt.Println(days, "days")
	// Output: 7 days
}
