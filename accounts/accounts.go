// Package accounts stores authorizations: who granted which application access to what, with the secrets that prove it.
//
// An [Account] is one seller's or vendor's authorization in one region, under a name of your choice. An [Application] holds the
// credentials of the application that it was granted to. Many accounts can refer to one application, so a rotated
// client secret changes in one place.
//
//	store, err := accounts.DefaultFile(nil)
//	client, err := accounts.Open(ctx, store, "shop-de")
//
// A [Store] keeps them: [File], a file sealed with age (the default); [Environment], read only; and in packages of
// their own, so that nobody else links the AWS SDK, awsdynamodb and awssecrets. All pass the same suite of tests, accountstest.Run.
//
// [Clients] makes clients of them, one [spapi.App] for each application. What the environment and a profile that is named say about where
// calls go counts for stored accounts too: see [Clients.Resolve].
//
// Secrets never reach an error text, a log line or a printed value: see [spapi.Secret].
//
// # The sealed file
//
// The file is a plain age file (age-encryption.org/v1) with JSON inside; with its key, the age command opens it too.
// The key is in the operating system's keyring, in a key file or a passphrase: see [Key]. Every write replaces the file as a whole
// under a lock, so that a crash leaves the old or the new one, and two processes lose nothing of each other.
package accounts

import (
	"context"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/marketplace"
)

// Account is what one seller or vendor granted one application in one region.
type Account struct {
	// Name is how you call the account: 1 to 128 bytes of letters, digits and signs, with single spaces inside if you like.
	// Names are compared as Unicode means them (NFC), with regard to case.
	Name string

	// SellingPartnerID is the seller's or vendor's id, as the consent's redirect brings it. Optional; accounts with the same id
	// share their limits in one [spapi.App], as Amazon counts by seller.
	SellingPartnerID string

	// Region is where the account is. It may be left to the marketplaces; Put settles it.
	Region marketplace.Region

	// Marketplaces are the ids of those that the account sells in, the usual one first. Optional. Put turns country codes
	// and names into ids, as [marketplace.Lookup] reads them.
	Marketplaces []string

	// ClientID names the [Application], which must be stored before the account.
	ClientID string

	// RefreshToken is the Login with Amazon refresh token, "Atzr|…".
	RefreshToken spapi.Secret

	// Sandbox sends calls to the region's sandbox.
	Sandbox bool

	// Endpoint and TokenURL are where calls and requests for tokens go in place of Amazon, such as to the emulator that the authorization
	// is from; see [spapi.WithEndpoint] and [spapi.WithTokenURL]. Optional.
	Endpoint, TokenURL string

	// Created and Updated are set by Put, in whole seconds UTC. A Created that is given is kept when the account is new to the store.
	Created, Updated time.Time
}

// Authorization is the account as the SDK takes it.
func (a Account) Authorization() spapi.Authorization {
	return spapi.Authorization{RefreshToken: a.RefreshToken, Region: a.Region, Sandbox: a.Sandbox, SellerID: a.SellingPartnerID}
}

// Application is an application that is registered with Amazon.
type Application struct {
	// ClientID is the LWA client identifier, "amzn1.application-oa2-client.…".
	ClientID string

	// ClientSecret is the LWA client secret. Amazon wants a new one every 180 days.
	ClientSecret spapi.Secret

	// ApplicationID is what consent URLs need, "amzn1.sp.solution.…". Optional.
	ApplicationID string

	// RoleARN is the IAM role that was registered with the application, "arn:aws:iam::…:role/…", for programs that still sign
	// (package awsauth). [Open] does not sign by itself. Optional.
	RoleARN string

	// SecretExpires is when the client secret ends. Optional.
	SecretExpires time.Time

	// PreviousSecret is the client secret before the last rotation, which works until PreviousExpires, seven days after it. It is shown where Login
	// with Amazon refuses ClientSecret. It stays here until the next rotation. Optional, both; see [Rotate].
	PreviousSecret  spapi.Secret
	PreviousExpires time.Time

	// Created and Updated are set by PutApplication, as those of [Account].
	Created, Updated time.Time
}

// Credentials are the application's, as the SDK takes them.
func (a Application) Credentials() spapi.Credentials {
	return spapi.Credentials{ClientID: a.ClientID, ClientSecret: a.ClientSecret, PreviousSecret: a.PreviousSecret}
}

// Store keeps accounts and applications. Implementations are safe for concurrent use, also by several processes; a write that
// has returned is seen by every later Get. Of two writes to one name the later one counts, whole.
//
// Errors are an [*Error], which wraps [ErrNotFound] and the like, or, for what cannot be stored, a [*spapi.ConfigError].
// An ended context ends each method with the context's error.
type Store interface {
	// Get returns the account. Error: ErrNotFound.
	Get(ctx context.Context, name string) (Account, error)
	// Put stores an account, new or in place of the one with that name. Error: ErrNotFound if its application is not stored.
	Put(ctx context.Context, account Account) error
	// Delete removes an account, and the default if it was that. Error: ErrNotFound.
	Delete(ctx context.Context, name string) error
	// List returns all accounts, sorted by name.
	List(ctx context.Context) ([]Account, error)

	// Default returns the name of the account that Use chose last. Error: ErrNotFound if there is none.
	Default(ctx context.Context) (string, error)
	// Use makes an account the default. Error: ErrNotFound.
	Use(ctx context.Context, name string) error

	// Application returns an application. Error: ErrNotFound.
	Application(ctx context.Context, clientID string) (Application, error)
	// PutApplication stores an application, new or in place of the one with that client id: also how a secret is rotated.
	PutApplication(ctx context.Context, application Application) error
	// DeleteApplication removes an application. Errors: ErrNotFound, and ErrInUse while accounts refer to it.
	DeleteApplication(ctx context.Context, clientID string) error
	// Applications returns all applications, sorted by client id.
	Applications(ctx context.Context) ([]Application, error)

	// String names the store for people, such as "file /home/ann/.config/spapi/accounts.age".
	String() string
}
