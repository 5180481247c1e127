package accounts

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

// Target is an account as a client of it is made.
type Target struct {
	Account     Account
	Application Application

	// Stored is the account before the environment and a profile had their say.
	Stored Account

	// Differences are what the environment or a profile says otherwise than the stored account does.
	Differences []Difference
}

// Difference is something on which a stored account and the environment, a profile or a flag of the command disagree.
type Difference struct {
	Setting string // "endpoint", "token URL", "region", "marketplace", "seller id" or "sandbox"
	Stored  string // with the account; "Amazon's" for an endpoint or token URL that it doesn't have
	Value   string // in the environment or the profile, or of the flag; marketplaces here and in Stored as "ATVPDKIKX0DER (US)"
	Source  string // the variable, the profile and its file, or the flag

	// Moves is the other region to which Value moves the account's calls, where Amazon refuses them; "" if they stay.
	Moves marketplace.Region

	// Used tells that Value counts. Otherwise Stored does: the value belongs to credentials that stand beside it and are not the account's.
	Used bool
}

// Note says it in a line.
func (d Difference) Note() string {
	switch {
	case d.Used && d.Moves != "":
		return fmt.Sprintf("%s is %s, as %s says; stored is %s: calls go to region %s, but an authorization is valid in one region only",
			d.Setting, d.Value, d.Source, d.Stored, d.Moves)
	case d.Used:
		return fmt.Sprintf("%s is %s, as %s says; stored is %s", d.Setting, d.Value, d.Source, d.Stored)
	}
	return fmt.Sprintf("%s is %s, as stored; %s says %s, but beside other credentials", d.Setting, d.Stored, d.Source, d.Value)
}

// Resolve returns the account and its application, with what the environment, and below it the profile that SPAPI_PROFILE names,
// say about where calls go: SPAPI_ENDPOINT, SPAPI_TOKEN_URL and SPAPI_SANDBOX, and SPAPI_REGION, SPAPI_MARKETPLACE and SPAPI_SELLER_ID
// unless they stand beside credentials, to which they then belong. So whoever points a shell at an emulator reaches nobody's shop.
// See [Pick] about an empty name.
func (c *Clients) Resolve(ctx context.Context, name string) (Target, error) {
	account, err := Pick(ctx, c.store, name)
	if err != nil {
		return Target{}, err
	}
	application, err := c.store.Application(ctx, account.ClientID)
	if err != nil {
		return Target{}, err
	}
	return c.Settle(account, application)
}

// Settle is [Clients.Resolve] for an account and its application that have been read already.
func (c *Clients) Settle(account Account, application Application) (Target, error) {
	t := Target{Account: account, Application: application, Stored: account}
	if _, ok := c.store.(*Env); ok {
		return t, nil // it is what is set
	}
	used, left, err := settings.Beside()
	if err != nil {
		return Target{}, err
	}
	t.Differences = append(account.differences(used, true), account.differences(left, false)...)
	t.Account.Marketplaces = slices.Clone(account.Marketplaces)
	t.Account.apply(used)
	t.Account, err = t.Account.Clean()
	return t, err
}

// differences are the settings on which the account and what is set disagree.
func (a Account) differences(s settings.Set, used bool) []Difference {
	var found []Difference
	for _, x := range settings.Beyond {
		value, ok := s[x]
		if !ok {
			continue
		}
		if stored, differs := a.differs(x, value.Text); differs {
			d := Difference{Setting: x.Name, Stored: stored, Value: value.Text, Source: value.Source, Used: used}
			if x == settings.Marketplace {
				d.Value = settings.WithCountries(value.Text)
			}
			if used {
				d.Moves = a.moves(x, value.Text)
			}
			found = append(found, d)
		}
	}
	return found
}

// moves is the other region to which a setting moves the account, "" if it doesn't.
func (a Account) moves(x *settings.Setting, text string) (region marketplace.Region) {
	switch x {
	case settings.Region:
		region, _ = marketplace.ParseRegion(text)
	case settings.Marketplace:
		m, _ := marketplace.Lookup(text)
		region = m.Region
	}
	if region == a.Region {
		return ""
	}
	return region
}

const amazons = "Amazon's"

// differs reports whether the account has another value, and which.
func (a Account) differs(x *settings.Setting, text string) (stored string, differs bool) {
	or := func(s, none string) string {
		if s == "" {
			return none
		}
		return s
	}
	switch x {
	case settings.Region:
		region, err := marketplace.ParseRegion(text)
		return string(a.Region), err != nil || region != a.Region
	case settings.Marketplace:
		m, err := marketplace.Lookup(text)
		if len(a.Marketplaces) == 0 {
			return "region " + string(a.Region), err != nil || m.Region != "" && m.Region != a.Region
		}
		return settings.WithCountries(a.Marketplaces...), err != nil || !slices.Contains(a.Marketplaces, m.ID)
	case settings.SellerID:
		return a.SellingPartnerID, a.SellingPartnerID != "" && a.SellingPartnerID != text
	case settings.Endpoint:
		own := a.Region.Endpoint()
		if a.Sandbox {
			own = a.Region.SandboxEndpoint()
		}
		own = or(a.Endpoint, own)
		return or(a.Endpoint, amazons), strings.TrimSuffix(text, "/") != own
	case settings.TokenURL:
		return or(a.TokenURL, amazons), strings.TrimSuffix(text, "/") != or(a.TokenURL, settings.AmazonTokenURL)
	case settings.Sandbox:
		on, err := strconv.ParseBool(text)
		return strconv.FormatBool(a.Sandbox), err != nil || on != a.Sandbox
	}
	return "", false
}
