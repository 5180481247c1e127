package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/marketplace"
)

// A store on a machine without keyring and keyboard: the key is in a file that the machine's secret management puts there.
func Example() {
	dir, err := os.MkdirTemp("", "spapi")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	store := accounts.NewFile(filepath.Join(dir, "accounts.age"), accounts.FileKey(filepath.Join(dir, "key.txt")))

	err = store.PutApplication(ctx, accounts.Application{ClientID: "amzn1.application-oa2-client.1", ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.1")})
	if err != nil {
		log.Fatal(err)
	}
	err = store.Put(ctx, accounts.Account{Name: "shop-de", Marketplaces: []string{"DE"}, ClientID: "amzn1.application-oa2-client.1",
		RefreshToken: spapi.NewSecret("Atzr|1")})
	if err != nil {
		log.Fatal(err)
	}

	client, err := accounts.Open(ctx, store, "shop-de", spapi.WithUserAgent("Repricer/1.2"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Endpoint())
	// Output: https://sellingpartnerapi-eu.amazon.com
}

// Accounts print without their secrets.
func ExampleAccount() {
	a := accounts.Account{Name: "shop-de", Region: marketplace.Europe, ClientID: "amzn1.application-oa2-client.1", RefreshToken: spapi.NewSecret("Atzr|1")}
	fmt.Println(a.Name, a.RefreshToken)
	fmt.Println(len(a.RefreshToken.Reveal()))
	// Output:
	// shop-de REDACTED
	// 6
}

// A program with many sellers: the clients of one application share connections, tokens and limits.
func ExampleClients() {
	ctx := context.Background()
	store, err := accounts.DefaultFile(nil)
	if err != nil {
		log.Fatal(err)
	}
	clients := accounts.NewClients(store, spapi.WithUserAgent("Repricer/1.2"))
	list, err := store.List(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, account := range list {
		client, err := clients.Client(ctx, account.Name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(account.Name, client.Endpoint())
	}
}

// Errors say what happened by their kind.
func ExampleError() {
	store := accounts.NewFile("/nowhere/accounts.age", accounts.KeyringKey())
	_, err := store.Get(context.Background(), "shop-de")
	if errors.Is(err, accounts.ErrNotFound) {
		fmt.Println(err)
	}
	// Output: accounts: get account "shop-de" in file /nowhere/accounts.age: not found
}

// A rotated secret is stored once and counts for all accounts of the application. The old one is kept beside it, as it works for seven days more.
func ExampleRotate() {
	ctx := context.Background()
	store, err := accounts.DefaultFile(nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = accounts.Rotate(ctx, store, accounts.Rotation{ClientID: "amzn1.application-oa2-client.1", Secret: spapi.NewSecret(os.Getenv("NEW_SECRET"))})
	if err != nil {
		log.Fatal(err)
	}
}
