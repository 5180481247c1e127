package spapi

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"unique"

	"github.com/openspapi/spapi/internal/settings"
)

// Secret is a text that doesn't print: not by fmt with any verb, not in logs, not as JSON, XML, gob or YAML, and not from within other structs, whose
// unexported fields fmt prints without asking their methods. Secrets of the same text are equal with ==; the zero Secret is the empty text. It
// reads itself from the text in JSON and the like, so that a program can keep its own settings with the types of this package.
type Secret struct {
	text unique.Handle[string] // prints as an address and still compares by the text; the zero handle stands for ""
}

// NewSecret makes a secret of its text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// Reveal returns the text. Whoever prints it shows the secret.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.text.Value()
}

// IsZero reports whether the text is empty.
func (s Secret) IsZero() bool { return s == Secret{} }

// String never shows the secret: it is "REDACTED", or "" for the empty one.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return settings.Redacted
}

// Format never shows the secret, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue never shows the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText never shows the secret; it is what JSON, XML, YAML and others write.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalBinary never shows the secret; it is what gob writes.
func (s Secret) MarshalBinary() ([]byte, error) { return s.MarshalText() }

// UnmarshalText takes the text as the secret. What a secret has been written as is an error, since it would be taken for one.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == settings.Redacted {
		return errors.New("spapi: a secret that was written as " + settings.Redacted + " can't be read back: want the secret itself")
	}
	*s = NewSecret(string(text))
	return nil
}

// UnmarshalBinary is UnmarshalText, for gob.
func (s *Secret) UnmarshalBinary(text []byte) error { return s.UnmarshalText(text) }
