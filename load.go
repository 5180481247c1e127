package spapi

import (
	"context"

	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

// LoadOption changes what [Load] reads. Every [Option] is one too, for the [App] that Load makes.
type LoadOption interface {
	applyToLoad(*loading)
}

// loading is what the options of Load say.
type loading struct {
	profile string
	above   settings.Set // what goes before the environment
	app     []Option
}

func loadingOf(options []LoadOption) loading {
	l := loading{above: settings.Set{}}
	for _, o := range options {
		if o != nil {
			o.applyToLoad(&l)
		}
	}
	return l
}

func (o Option) applyToLoad(l *loading) { l.app = append(l.app, o) }

type loadOption func(*loading)

func (o loadOption) applyToLoad(l *loading) { o(l) }

// WithProfile reads this profile in place of the one that SPAPI_PROFILE names or "default". One that has credentials is a chosen
// identity, which goes before that of the environment; see [Load].
func WithProfile(name string) LoadOption { return loadOption(func(l *loading) { l.profile = name }) }

// WithRegion calls this region in place of the one that the environment or the profile names.
func WithRegion(r marketplace.Region) LoadOption {
	return loadOption(func(l *loading) { l.above.Put(settings.Region, string(r), "WithRegion") })
}

// WithSandbox calls the sandbox whatever the environment or the profile says.
func WithSandbox() LoadOption {
	return loadOption(func(l *loading) { l.above.Put(settings.Sandbox, "true", "WithSandbox") })
}

// Load makes a client from the environment and a profile. A variable goes before the profile, an option before both.
//
//	SPAPI_CLIENT_ID      or LWA_CLIENT_IDENTIFIER
//	SPAPI_CLIENT_SECRET  or LWA_CLIENT_SECRET
//	SPAPI_REFRESH_TOKEN  or AMAZON_REFRESH_TOKEN
//	SPAPI_REGION         na, eu or fe
//	SPAPI_MARKETPLACE    in place of the region, or with it: id, country code, name or storefront
//	SPAPI_SANDBOX        true or false
//	SPAPI_SELLER_ID      optional, see Authorization.SellerID
//	SPAPI_ENDPOINT       see WithEndpoint
//	SPAPI_TOKEN_URL      see WithTokenURL
//	SPAPI_FLEET          see OpenFleet: address of the Redis or Valkey over which processes share limits, such as redis://host:6379
//	SPAPI_FLEET_KEY      keys, separated by commas, with which they share tokens too
//	SPAPI_FLEET_PROCESSES  how many processes there are while nobody knows, by default 8
//	SPAPI_PROFILE        name of the profile, by default "default"
//	SPAPI_CONFIG         file of the profiles, by default spapi/config.json in os.UserConfigDir
//
// The file holds profiles by name; keys are the variables' names in lower case without prefix:
//
//	{"profiles": {"default": {"client_id": "…", "client_secret": "…", "refresh_token": "…", "region": "eu"}}}
//
// Where [WithProfile] names a profile that has credentials, client id, client secret and refresh token, and with them region, marketplace and
// seller id, come from it before the environment. Of credentials the environment then gives nothing, but client id and secret to a profile
// that has neither; where it has others, its region, marketplace and seller id are left out with them. SPAPI_SANDBOX, SPAPI_ENDPOINT and
// SPAPI_TOKEN_URL still go before the profile, as what is named SPAPI_FLEET does.
//
// The file must be readable by its owner alone (mode 0600). A region in the environment also replaces a profile's marketplace, and the reverse.
// With SPAPI_FLEET the program imports the adapter of a client library, such as
//
//	import _ "github.com/openspapi/spapi/fleet/goredis"
//
// Limits, and with a key tokens, are then those of the fleet, unless [WithLimiter] or [WithTokenStore] says otherwise. A server that cannot be reached is no
// error: calls go on under this process's share.
//
// Errors are a [*ConfigError] that names file, variable or key.
func Load(ctx context.Context, options ...LoadOption) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := loadingOf(options)
	s, _, err := settings.Read(l.profile)
	if err != nil {
		return nil, err
	}
	s = l.above.Over(s)
	if err := s.Check(); err != nil {
		return nil, err
	}
	if err := s.Complete(); err != nil {
		return nil, err
	}
	if err := s.CheckFleet(); err != nil {
		return nil, err
	}
	var found []Option // before those of the caller, which win
	if url := s.Text(settings.Endpoint); url != "" {
		found = append(found, WithEndpoint(url))
	}
	if url := s.Text(settings.TokenURL); url != "" {
		found = append(found, WithTokenURL(url))
	}
	shared, err := fleetOf(s, l.app)
	if err != nil {
		return nil, err
	}
	found = append(found, shared.Options()...)
	credentials := Credentials{ClientID: s.Text(settings.ClientID), ClientSecret: NewSecret(s.Text(settings.ClientSecret))}
	client := NewApp(credentials, append(found, l.app...)...).Client(Authorization{
		RefreshToken: NewSecret(s.Text(settings.RefreshToken)), Region: marketplace.Region(s.Text(settings.Region)), Marketplace: s.Text(settings.Marketplace),
		SellerID: s.Text(settings.SellerID), Sandbox: s.True(settings.Sandbox),
	})
	if err := client.Check(); err != nil {
		return nil, err
	}
	return client, nil
}
