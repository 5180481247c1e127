package emulator_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"

	"github.com/openspapi/spapi/emulator"
)

// The emulator as a transport: requests for Amazon's own hosts are answered without a network.
func ExampleNew() {
	emu, err := emulator.New(emulator.WithSeed(1))
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: emu}
	cred := emu.Credentials()

	resp, err := client.PostForm("https://api.amazon.com/auth/o2/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {cred.RefreshToken},
		"client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil {
		log.Fatal(err)
	}

	req, err := http.NewRequest("GET", "https://sellingpartnerapi-na.amazon.com/sellers/v1/marketplaceParticipations", nil)
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("x-amz-access-token", token.AccessToken)
	resp, err = client.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(token.TokenType, resp.StatusCode, resp.Header.Get("X-Spapi-Emulator-Operation"))
	// Output: bearer 200 sellersv1.getMarketplaceParticipations
}

// A limit of one's own makes throttling easy to reach.
func ExampleWithRateLimit() {
	emu, err := emulator.New(emulator.WithRateLimit("ordersv0.*", 0.5, 2))
	if err != nil {
		log.Fatal(err)
	}
	_, err = emulator.New(emulator.WithRateLimit("ordersv9.*", 1, 1))
	fmt.Println(emu != nil, err)
	// Output: true emulator: limit for "ordersv9.*": no such operation; want an ID such as ordersv0.getOrders, or a pattern with asterisks
}
