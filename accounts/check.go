package accounts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/settings"
)

const maxName = 128 // bytes; percent-encoded and prefixed it still fits into what every store takes

// CleanName returns the form in which a name is stored and compared (NFC), or a [*spapi.ConfigError].
// Stores call it on every name that they are given.
func CleanName(name string) (string, error) {
	bad := func(value, want string) (string, error) {
		return "", &spapi.ConfigError{Code: spapi.CodeAccountNameInvalid, Field: "account name", Value: value, Want: want}
	}
	if !utf8.ValidString(name) {
		return bad("", "is not valid UTF-8: want a name of your choice")
	}
	name = norm.NFC.String(name)
	switch {
	case name == "":
		return bad("", "is missing: want a name of your choice")
	case settings.SecretShape(name):
		return bad("", "looks like a secret: want a name of your choice") // and so it is not repeated
	case len(name) > maxName:
		return bad("", fmt.Sprintf("has %d bytes: want at most %d", len(name), maxName))
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return bad(name, "has a control character or a space of an unusual kind: want it without")
	case strings.TrimSpace(name) != name || strings.Contains(name, "  "):
		return bad(name, "has spaces around it or two in a row: want it without")
	case strings.HasPrefix(name, "-"):
		return bad(name, "begins with a dash, which commands take for a flag: want it without")
	}
	return name, nil
}

// CleanClientID checks the key of an application. Stores call it on every client id that they are given.
func CleanClientID(id string) (string, error) {
	if bad := settings.CheckClientID(id); bad != nil {
		return id, bad
	}
	return id, nil
}

// first returns the first error of checks, nil if there is none.
func first(found ...*spapi.ConfigError) error {
	for _, bad := range found {
		if bad != nil {
			return bad
		}
	}
	return nil
}

// Clean returns the account in the form in which it is stored: name in NFC, region settled, marketplaces as ids. What is known
// not to work is a [*spapi.ConfigError]. Stores call it in Put.
func (a Account) Clean() (Account, error) {
	var err error
	if a.Name, err = CleanName(a.Name); err != nil {
		return a, err
	}
	if err = first(settings.CheckClientID(a.ClientID), settings.CheckSellerID(a.SellingPartnerID),
		settings.CheckRefreshToken(a.RefreshToken.Reveal())); err != nil {
		return a, err
	}
	for _, u := range []struct {
		x     *settings.Setting
		value *string
	}{{settings.Endpoint, &a.Endpoint}, {settings.TokenURL, &a.TokenURL}} {
		if *u.value == "" {
			continue
		}
		parsed, err := settings.ParseURL(u.x.Name, *u.value)
		if err != nil {
			return a, err
		}
		*u.value = parsed.String()
	}
	if a.Region != "" {
		if a.Region, err = settings.Place(a.Region, ""); err != nil {
			return a, err
		}
	}
	ids := make([]string, 0, len(a.Marketplaces))
	for _, text := range a.Marketplaces {
		m, bad := settings.LookupMarketplace(text)
		if bad != nil {
			return a, bad
		}
		if a.Region == "" {
			a.Region = m.Region
		}
		if m.Known() && a.Region != m.Region {
			return a, &spapi.ConfigError{Code: spapi.CodeMarketplaceInOtherRegion, Field: "marketplace", Value: text,
				Want: fmt.Sprintf("lies in region %q, but the account is in %q: store an account for each region", m.Region, a.Region)}
		}
		if !slices.Contains(ids, m.ID) {
			ids = append(ids, m.ID)
		}
	}
	if a.Marketplaces = nil; len(ids) > 0 {
		a.Marketplaces = ids
	}
	a.Created, a.Updated = a.Created.UTC().Truncate(1e9), a.Updated.UTC().Truncate(1e9)
	first := ""
	if a.Region == "" && len(ids) > 0 {
		first = ids[0] // so that the error tells that it was not enough
	}
	_, err = settings.Place(a.Region, first)
	return a, err
}

// Clean returns the application in the form in which it is stored. What is known not to work is a [*spapi.ConfigError].
// Stores call it in PutApplication.
func (a Application) Clean() (Application, error) {
	err := first(settings.CheckClientID(a.ClientID), settings.CheckClientSecret(a.ClientSecret.Reveal()), settings.CheckApplicationID(a.ApplicationID))
	if err == nil && a.RoleARN != "" {
		err = first(settings.CheckRoleARN(a.RoleARN))
	}
	if err != nil {
		return a, err
	}
	if a.PreviousSecret.IsZero() {
		a.PreviousExpires = time.Time{}
	} else if bad := settings.CheckClientSecret(a.PreviousSecret.Reveal()); bad != nil {
		bad.Field = "previous client secret"
		return a, bad
	}
	for _, at := range []*time.Time{&a.SecretExpires, &a.PreviousExpires, &a.Created, &a.Updated} {
		*at = at.UTC().Truncate(1e9)
	}
	return a, nil
}

// isNotFound is errors.Is(err, ErrNotFound), which is asked often.
func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
