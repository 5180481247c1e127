package emulator_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"

	"github.com/openspapi/spapi/emulator"
)

// A seller authorizes the application on the consent page, without a browser.
func ExampleEmulator_Authorize() {
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithRedirectURIs("https://app.example.com/callback"))
	if err != nil {
		log.Fatal(err)
	}
	cred := emu.Credentials()
	consent := "https://sellercentral.amazon.com/apps/authorize/consent?" + url.Values{"application_id": {cred.ApplicationID}, "state": {"abc"}}.Encode()

	callback, err := emu.Authorize(consent, cred.SellerID)
	if err != nil {
		log.Fatal(err)
	}
	u, err := url.Parse(callback)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(u.Host, u.Query().Get("state"), u.Query().Get("selling_partner_id") == cred.SellerID, u.Query().Get("spapi_oauth_code")[:4])

	emu.SetApplicationStatus(emulator.ApplicationDraft)
	_, err = emu.Authorize(consent, cred.SellerID)
	fmt.Println(err)
	// Output:
	// app.example.com abc true ANDX
	// emulator: consent: MD1000: The application is a draft. Add version=beta to the authorization URI.
}

// New client secrets go to a queue: here to a function.
func ExampleWithNotificationSink() {
	emu, err := emulator.New(
		emulator.WithCredentialQueue("arn:aws:sqs:us-east-1:123456789012:secrets"),
		emulator.WithNotificationSink(func(queue string, _ []byte) { fmt.Println("message for", queue) }),
	)
	if err != nil {
		log.Fatal(err)
	}
	httpClient, cred := &http.Client{Transport: emu}, emu.Credentials()
	resp, err := httpClient.PostForm("https://api.amazon.com/auth/o2/token", url.Values{
		"grant_type": {"client_credentials"}, "scope": {"sellingpartnerapi::client_credential:rotation"}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret},
	})
	if err != nil {
		log.Fatal(err)
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil {
		log.Fatal(err)
	}
	req, err := http.NewRequest("POST", "https://sellingpartnerapi-na.amazon.com/applications/2023-11-30/clientSecret", nil)
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("x-amz-access-token", token.AccessToken)
	if resp, err = httpClient.Do(req); err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode, len(emu.Deliveries()))
	// Output:
	// message for arn:aws:sqs:us-east-1:123456789012:secrets
	// 204 1
}
