package spapi

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Token is an access token or a restricted data token. It prints as redacted in every format, also as JSON.
type Token struct {
	Value   string
	Expires time.Time
}

// String never shows the token.
func (t Token) String() string {
	return fmt.Sprintf("Token{%s expires %s}", masked(t.Value), t.Expires.Format(time.RFC3339))
}

// Format never shows the token, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue never shows the token.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText never shows the token.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
