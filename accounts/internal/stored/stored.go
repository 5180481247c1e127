// Package stored is the form in which the stores keep accounts and applications: the only one that has the secrets in clear.
package stored

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/marketplace"
)

// Account has the fields of accounts.Account, so that one converts into the other.
type Account struct {
	Name             string             `json:"name"`
	SellingPartnerID string             `json:"selling_partner_id,omitempty"`
	Region           marketplace.Region `json:"region"`
	Marketplaces     []string           `json:"marketplaces,omitempty"`
	ClientID         string             `json:"client_id"`
	RefreshToken     spapi.Secret       `json:"refresh_token"`
	Sandbox          bool               `json:"sandbox,omitempty"`
	Endpoint         string             `json:"endpoint,omitempty"`
	TokenURL         string             `json:"token_url,omitempty"`
	Created          time.Time          `json:"created,omitzero"`
	Updated          time.Time          `json:"updated,omitzero"`
}

// Application has the fields of accounts.Application.
type Application struct {
	ClientID        string       `json:"client_id"`
	ClientSecret    spapi.Secret `json:"client_secret"`
	ApplicationID   string       `json:"application_id,omitempty"`
	RoleARN         string       `json:"role_arn,omitempty"`
	SecretExpires   time.Time    `json:"secret_expires,omitzero"`
	PreviousSecret  spapi.Secret `json:"previous_secret,omitzero"`
	PreviousExpires time.Time    `json:"previous_expires,omitzero"`
	Created         time.Time    `json:"created,omitzero"`
	Updated         time.Time    `json:"updated,omitzero"`
}

// MarshalJSON writes the refresh token in clear.
func (a Account) MarshalJSON() ([]byte, error) {
	type redacted Account
	return json.Marshal(struct {
		redacted
		RefreshToken string `json:"refresh_token"`
	}{redacted(a), a.RefreshToken.Reveal()})
}

// MarshalJSON writes the client secrets in clear.
func (a Application) MarshalJSON() ([]byte, error) {
	type redacted Application
	return json.Marshal(struct {
		redacted
		ClientSecret   string `json:"client_secret"`
		PreviousSecret string `json:"previous_secret,omitempty"`
	}{redacted(a), a.ClientSecret.Reveal(), a.PreviousSecret.Reveal()})
}

// Stamp sets the times of what is put: old is when what it replaces was created, zero if it is new.
func Stamp(created, updated *time.Time, old, now time.Time) {
	*updated = now.UTC().Truncate(time.Second)
	switch {
	case !old.IsZero():
		*created = old
	case created.IsZero():
		*created = *updated
	}
}

// Cause returns the error of a service in a form that may be shown: the context's error if that ended the call, and without the secrets
// if the service repeated what it was sent. Then the chain ends there, so that nobody unwraps it to the text that has them.
func Cause(ctx context.Context, err error, secrets ...string) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	text := err.Error()
	clean := text
	for _, s := range secrets {
		if s != "" {
			clean = strings.ReplaceAll(clean, s, "REDACTED")
		}
	}
	if clean == text {
		return err
	}
	return errors.New(clean)
}
