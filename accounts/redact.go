package accounts

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"
)

const redacted = "REDACTED"

// masked is what a secret prints as: whether it is there.
func masked(s string) string {
	if s == "" {
		return ""
	}
	return redacted
}

// String never shows the refresh token.
func (a Account) String() string {
	return fmt.Sprintf("Account{Name:%q SellingPartnerID:%s Region:%s Marketplaces:%s ClientID:%s RefreshToken:%s Sandbox:%t "+
		"Endpoint:%s TokenURL:%s Created:%s Updated:%s}",
		a.Name, a.SellingPartnerID, a.Region, a.Marketplaces, a.ClientID, masked(a.RefreshToken), a.Sandbox, a.Endpoint, a.TokenURL,
		date(a.Created), date(a.Updated))
}

// Format never shows the refresh token, whatever the verb.
func (a Account) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue never shows the refresh token.
func (a Account) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", a.Name), slog.String("selling_partner_id", a.SellingPartnerID), slog.String("region", string(a.Region)),
		slog.Any("marketplaces", a.Marketplaces), slog.String("client_id", a.ClientID), slog.String("refresh_token", masked(a.RefreshToken)),
		slog.Bool("sandbox", a.Sandbox), slog.String("endpoint", a.Endpoint), slog.String("token_url", a.TokenURL))
}

// MarshalJSON never shows the refresh token: JSON is for people and programs that look, stores keep their own form.
func (a Account) MarshalJSON() ([]byte, error) {
	type plain Account // without the methods
	a.RefreshToken = masked(a.RefreshToken)
	return json.Marshal(plain(a))
}

// MarshalText never shows the refresh token; it is what YAML, XML and others print.
func (a Account) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// String never shows the client secret.
func (a Application) String() string {
	return fmt.Sprintf("Application{ClientID:%s ClientSecret:%s ApplicationID:%s RoleARN:%s SecretExpires:%s Created:%s Updated:%s}",
		a.ClientID, masked(a.ClientSecret), a.ApplicationID, a.RoleARN, date(a.SecretExpires), date(a.Created), date(a.Updated))
}

// Format never shows the client secret, whatever the verb.
func (a Application) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue never shows the client secret.
func (a Application) LogValue() slog.Value {
	return slog.GroupValue(slog.String("client_id", a.ClientID), slog.String("client_secret", masked(a.ClientSecret)),
		slog.String("application_id", a.ApplicationID), slog.String("role_arn", a.RoleARN), slog.Time("secret_expires", a.SecretExpires))
}

// MarshalJSON never shows the client secret.
func (a Application) MarshalJSON() ([]byte, error) {
	type plain Application
	a.ClientSecret = masked(a.ClientSecret)
	return json.Marshal(plain(a))
}

// MarshalText never shows the client secret.
func (a Application) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
