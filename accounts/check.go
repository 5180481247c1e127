package accounts

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/marketplace"
)

const maxName = 128 // bytes; percent-encoded and prefixed it still fits into what every store takes

// CleanName returns the form in which a name is stored and compared (NFC), or a [*spapi.ConfigError].
// Stores call it on every name that they are given.
func CleanName(name string) (string, error) {
	bad := func(value, want string) (string, error) {
		return "", &spapi.ConfigError{Field: "account name", Value: value, Want: want}
	}
	if !utf8.ValidString(name) {
		return bad("", "is not valid UTF-8")
	}
	name = norm.NFC.String(name)
	switch {
	case name == "":
		return bad("", "is missing")
	case secretShape(name):
		return bad("", "looks like a secret: want a name of your choice") // and so it is not repeated
	case len(name) > maxName:
		return bad("", fmt.Sprintf("has %d bytes: want at most %d", len(name), maxName))
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return bad(name, "has a control character or a space of an unusual kind")
	case strings.TrimSpace(name) != name || strings.Contains(name, "  "):
		return bad(name, "has spaces around it or two in a row")
	case strings.HasPrefix(name, "-"):
		return bad(name, "begins with a dash, which commands take for a flag")
	}
	return name, nil
}

var secretShapes = regexp.MustCompile(`(?i)Atz\.sprdt\||Atz[ar](\||%7c)|Atc\||amzn1\.oa2-cs\.|AGE-SECRET-KEY-`)

// secretShape reports whether the text is or holds a secret: such text in a field that prints would be a leak.
func secretShape(s string) bool { return secretShapes.MatchString(s) }

// CleanClientID checks the key of an application. Stores call it on every client id that they are given.
func CleanClientID(id string) (string, error) {
	return id, client(spapi.Credentials{ClientID: id, ClientSecret: "any"}, anyAuthorization).Check()
}

var anyAuthorization = spapi.Authorization{Region: marketplace.NorthAmerica}

// client is one that only checks: the SDK knows best what cannot work. It has no transport that could send anything.
func client(credentials spapi.Credentials, authorization spapi.Authorization) *spapi.Client {
	return spapi.NewApp(credentials, spapi.WithTransport(http.NewFileTransport(nil))).Client(authorization)
}

// plain checks a field that prints.
func plain(field, value, want string) error {
	if secretShape(value) {
		return &spapi.ConfigError{Field: field, Want: "looks like a secret: want " + want}
	}
	if len(value) > 256 || !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return &spapi.ConfigError{Field: field, Want: "has spaces or odd characters in it, or more than 256 bytes: want " + want}
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
	if err = plain("selling partner id", a.SellingPartnerID, "the id that the consent's redirect brought, such as A1EXAMPLE2ABC"); err != nil {
		return a, err
	}
	if a.RefreshToken == "" {
		return a, &spapi.ConfigError{Field: "refresh token", Want: "is missing: want the refresh token, Atzr|…"}
	}
	if a.Region != "" {
		if a.Region, err = marketplace.ParseRegion(string(a.Region)); err != nil {
			return a, &spapi.ConfigError{Field: "region", Err: err}
		}
	}
	ids := make([]string, 0, len(a.Marketplaces))
	for _, text := range a.Marketplaces {
		if err := plain("marketplace", strings.ReplaceAll(text, " ", ""), "an id, country code, name or storefront"); err != nil {
			return a, err
		}
		m, err := marketplace.Lookup(text)
		if err != nil {
			return a, &spapi.ConfigError{Field: "marketplace", Err: err}
		}
		if a.Region == "" {
			a.Region = m.Region
		}
		if m.Known() && a.Region != m.Region {
			return a, &spapi.ConfigError{Field: "marketplace", Value: text,
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
	authorization := a.Authorization()
	if a.Region == "" && len(ids) > 0 {
		authorization.Marketplace = ids[0] // so that the error tells that it was not enough
	}
	return a, client(spapi.Credentials{ClientID: a.ClientID, ClientSecret: "any"}, authorization).Check()
}

var roleARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$`)

// Clean returns the application in the form in which it is stored. What is known not to work is a [*spapi.ConfigError].
// Stores call it in PutApplication.
func (a Application) Clean() (Application, error) {
	if err := client(a.Credentials(), anyAuthorization).Check(); err != nil {
		return a, err
	}
	if err := plain("application id", a.ApplicationID, "the id of the application, amzn1.sp.solution.…"); err != nil {
		return a, err
	}
	if a.RoleARN != "" && !roleARN.MatchString(a.RoleARN) {
		return a, &spapi.ConfigError{Field: "role ARN", Want: fmt.Sprintf("of %d characters is none of a role: want arn:aws:iam::<account of 12 digits>:role/<name>", len(a.RoleARN))}
	}
	a.SecretExpires, a.Created, a.Updated = a.SecretExpires.UTC().Truncate(1e9), a.Created.UTC().Truncate(1e9), a.Updated.UTC().Truncate(1e9)
	return a, nil
}

// isNotFound is errors.Is(err, ErrNotFound), which is asked often.
func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
