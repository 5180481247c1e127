package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/marketplace"
)

// consent is one authorization under way, by the website workflow
// (developer-docs.amazon.com/sp-api/docs/website-authorization-workflow).
type consent struct {
	site          string // Seller or Vendor Central, without a slash at the end
	applicationID string
	redirectURI   string // "": the application's first one
	draft         bool
	state         string // what tells our callback from a forged one
}

// newState is what nobody can guess.
func newState() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, says its documentation
	return base64.RawURLEncoding.EncodeToString(b)
}

// central is the site on which sellers, or vendors, of a marketplace authorize applications.
func central(m marketplace.Marketplace, vendor bool) string {
	if vendor {
		return m.VendorCentral
	}
	return m.SellerCentral
}

// url is the address of the consent page.
func (c *consent) url() string {
	q := url.Values{"application_id": {c.applicationID}, "state": {c.state}}
	if c.redirectURI != "" {
		q.Set("redirect_uri", c.redirectURI)
	}
	if c.draft {
		q.Set("version", "beta") // MD1000 without it
	}
	return c.site + "/apps/authorize/consent?" + q.Encode()
}

// granted is what a consent brings.
type granted struct {
	code             string
	sellingPartnerID string
}

// errForged is a callback that belongs to no authorization of ours. It is refused, and ours goes on.
var errForged = errors.New("the state is not that of this authorization")

// read takes the callback's query.
func (c *consent) read(q url.Values) (granted, error) {
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(c.state)) != 1 {
		return granted{}, errForged
	}
	if problem := q.Get("error"); problem != "" {
		if problem == "access_denied" {
			return granted{}, errors.New("the seller did not give the consent")
		}
		return granted{}, fmt.Errorf("the consent page leads back with the error %.100q", strings.TrimSpace(problem+" "+q.Get("error_description")))
	}
	g := granted{code: q.Get("spapi_oauth_code"), sellingPartnerID: q.Get("selling_partner_id")}
	if g.code == "" {
		return granted{}, errors.New("the callback has no spapi_oauth_code")
	}
	return g, nil
}

// readPasted takes the address that the browser shows after the consent, as the seller pastes it.
func (c *consent) readPasted(text string) (granted, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.RawQuery == "" {
		return granted{}, exit.Usagef("that is not the address to which Amazon leads back: want one with state, selling_partner_id and spapi_oauth_code")
	}
	g, err := c.read(u.Query())
	if err != nil {
		return granted{}, exit.Usagef("%s", err)
	}
	return g, nil
}
