package auth

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

type ApplicationState struct {
	Secret       string               `json:"secret"`
	SecretExpiry time.Time            `json:"secret_expiry,omitzero"`
	OldSecrets   map[string]time.Time `json:"old_secrets,omitempty"`
	Roles        []string             `json:"roles"` // null: all
}

// State is what was given out: tokens, codes, temporary AWS credentials.
type State struct {
	Grants   []grantState   `json:"grants,omitempty"`
	Codes    []codeState    `json:"codes,omitempty"`
	Sessions []sessionState `json:"sessions,omitempty"`
}

type grantState struct {
	Token     string          `json:"token"`
	Kind      GrantKind       `json:"kind"`
	Account   *int            `json:"account"`
	Scopes    []string        `json:"scopes,omitempty"`
	Resources []resourceState `json:"resources,omitempty"`
	Expires   time.Time       `json:"expires"`
	Revoked   bool            `json:"revoked,omitempty"`
}

type resourceState struct {
	Method   string   `json:"method"`
	Path     string   `json:"path"`
	Elements []string `json:"elements,omitempty"`
}

type codeState struct {
	Code        string    `json:"code"`
	Account     int       `json:"account"`
	RedirectURI string    `json:"redirect_uri"`
	Expires     time.Time `json:"expires"`
}

type sessionState struct {
	KeyID     string    `json:"key_id"`
	SecretKey string    `json:"secret_key"`
	Token     string    `json:"token"`
	Expires   time.Time `json:"expires"`
}

// Save returns what can't be made of the seed.
func (u *Authority) Save() (ApplicationState, State) {
	u.mu.Lock()
	defer u.mu.Unlock()
	app := ApplicationState{u.app.Secret, u.app.SecretExpiry, maps.Clone(u.app.oldSecrets), slices.Clone(u.app.Roles)}
	var s State
	for token, g := range u.grants.All() {
		gs := grantState{Token: token, Kind: g.Kind, Account: numberOf(g.Account), Scopes: g.Scopes, Expires: g.Expires.UTC(), Revoked: g.revoked}
		for _, r := range g.Resources {
			gs.Resources = append(gs.Resources, resourceState(r))
		}
		s.Grants = append(s.Grants, gs)
	}
	for code, c := range u.codes.All() {
		s.Codes = append(s.Codes, codeState{code, c.account.Number, c.redirectURI, c.expires.UTC()})
	}
	for id, t := range u.sessions.All() {
		s.Sessions = append(s.Sessions, sessionState{id, t.secretKey, t.token, t.expires.UTC()})
	}
	return app, s
}

func numberOf(a *Account) *int {
	if a == nil {
		return nil
	}
	return &a.Number
}

// SetRevoked takes a seller's authorization back without more ado.
func (u *Authority) SetRevoked(a *Account) {
	u.mu.Lock()
	defer u.mu.Unlock()
	a.revoked = true
}

// Load brings an authority that was just cleared, and has its sellers, to what save returned.
func (u *Authority) Load(app ApplicationState, s State) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.app.Secret, u.app.SecretExpiry, u.app.Roles = app.Secret, app.SecretExpiry, app.Roles
	maps.Copy(u.app.oldSecrets, app.OldSecrets)
	find := func(number *int) (*Account, error) {
		if number == nil {
			return nil, nil
		}
		if *number < 0 || *number >= len(u.accounts) {
			return nil, fmt.Errorf("no account %d", *number)
		}
		return u.accounts[*number], nil
	}
	for _, gs := range s.Grants {
		a, err := find(gs.Account)
		if err != nil {
			return fmt.Errorf("grant: %w", err)
		}
		if a == nil && gs.Kind != GrantlessGrant {
			return errors.New("grant: no account")
		}
		g := &Grant{Kind: gs.Kind, Account: a, Scopes: gs.Scopes, Expires: gs.Expires, revoked: gs.Revoked}
		for _, r := range gs.Resources {
			g.Resources = append(g.Resources, Resource(r))
		}
		u.grants.Put(gs.Token, g, g.Expires.Add(rememberedFor))
	}
	for _, cs := range s.Codes {
		a, err := find(&cs.Account)
		if err != nil {
			return fmt.Errorf("authorization code: %w", err)
		}
		u.codes.Put(cs.Code, &authorizationCode{a, cs.RedirectURI, cs.Expires}, cs.Expires)
	}
	for _, t := range s.Sessions {
		u.sessions.Put(t.KeyID, &session{t.SecretKey, t.Token, t.Expires}, t.Expires.Add(rememberedFor))
	}
	return nil
}
