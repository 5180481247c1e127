package awsauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/awsauth"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

var _ spapi.Signer = (*awsauth.Signer)(nil)

// The way of before October 2023, against the emulator: a role is assumed, and each call of the client is signed.
// For Amazon leave out HTTPClient, WithTransport and BaseCredentials.
func Example() {
	amazon, err := emulator.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	keys := amazon.Credentials()

	signer, err := awsauth.New(awsauth.Config{
		RoleARN:         keys.RoleARN,
		BaseCredentials: credentials.NewStaticCredentialsProvider(keys.AWSAccessKeyID, keys.AWSSecretAccessKey, ""),
		HTTPClient:      &http.Client{Transport: amazon},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	app := spapi.NewApp(spapi.Credentials{ClientID: keys.ClientID, ClientSecret: spapi.NewSecret(keys.ClientSecret)},
		spapi.WithSigner(signer), spapi.WithTransport(amazon))
	client := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(keys.RefreshToken), Region: marketplace.NorthAmerica})

	req, err := http.NewRequest("GET", "/catalog/v0/items?MarketplaceId=ATVPDKIKX0DER&Query=pen", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	var found struct {
		Payload struct{ Items []json.RawMessage }
	}
	if err := json.NewDecoder(res.Body).Decode(&found); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.StatusCode, len(found.Payload.Items) > 0)
	// Output: 200 true
}

func ExampleFromEnvironment() {
	os.Setenv("SP_ROLE_ARN", "arn:aws:iam::123456789012:role/SellingPartner")
	defer os.Unsetenv("SP_ROLE_ARN")

	signer, err := awsauth.FromEnvironment(context.Background())
	fmt.Println(signer, err)
	// Output: awsauth.Signer(arn:aws:iam::123456789012:role/SellingPartner) <nil>
}

// Any request can be signed, also one that no client of this module sends.
func ExampleSigner_Sign() {
	signer, err := awsauth.New(awsauth.Config{
		BaseCredentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	req, err := http.NewRequest("GET", marketplace.Europe.Endpoint()+"/sellers/v1/account", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = signer.Sign(context.Background(), req, marketplace.Europe)
	fmt.Println(req.Header.Get("Authorization")[:48], err)
	// Output: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE <nil>
}
