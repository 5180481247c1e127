// Command gohttp asks Amazon's hosts with Go's default client, as any Go program does that sets no transport of its own.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
)

const api = "https://sellingpartnerapi-na.amazon.com"

func main() {
	log.SetFlags(0)
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {os.Getenv("SPAPI_REFRESH_TOKEN")}, "client_id": {os.Getenv("SPAPI_CLIENT_ID")},
		"client_secret": {os.Getenv("SPAPI_CLIENT_SECRET")}}
	resp, err := http.PostForm("https://api.amazon.com/auth/o2/token", form)
	var login struct {
		AccessToken string `json:"access_token"`
	}
	decode(read(resp, err), &login)
	call := func(path string, query url.Values, v any) {
		req, err := http.NewRequest(http.MethodGet, api+path+"?"+query.Encode(), nil)
		if err != nil {
			log.Fatal(err)
		}
		req.Header.Set("x-amz-access-token", login.AccessToken)
		resp, err := http.DefaultClient.Do(req)
		decode(read(resp, err), v)
	}
	var orders struct {
		Payload struct {
			Orders []struct{ AmazonOrderID string }
		}
	}
	call("/orders/v0/orders", url.Values{"MarketplaceIds": {os.Getenv("SPAPI_MARKETPLACE")}, "CreatedAfter": {"2025-11-01T00:00:00Z"}}, &orders)
	var reports struct {
		Reports []struct{ ReportDocumentID string }
	}
	call("/reports/2021-06-30/reports", url.Values{"reportTypes": {"GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"}, "processingStatuses": {"DONE"}, "pageSize": {"1"}}, &reports)
	if len(orders.Payload.Orders) == 0 || len(reports.Reports) == 0 {
		log.Fatal("no orders, or no reports")
	}
	var document struct{ URL string }
	call("/reports/2021-06-30/documents/"+reports.Reports[0].ReportDocumentID, nil, &document)
	target, err := url.Parse(document.URL)
	if err != nil {
		log.Fatal(err)
	}
	resp, err = http.Get(document.URL)
	fmt.Printf("{\"orders\":%d,\"first\":%q,\"host\":%q,\"sha256\":\"%x\"}\n", len(orders.Payload.Orders), orders.Payload.Orders[0].AmazonOrderID, target.Host,
		sha256.Sum256(read(resp, err)))
}

// read returns the body of a good answer, and ends the program on any other.
func read(resp *http.Response, err error) []byte {
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		log.Fatalf("%s: %s %s %v", resp.Request.URL, resp.Status, body, err)
	}
	return body
}

func decode(body []byte, v any) {
	if err := json.Unmarshal(body, v); err != nil {
		log.Fatal(err)
	}
}
