package spapi

import (
	"fmt"
	"strings"
)

// ConfigError is a setting or an argument that cannot work. Nothing was sent.
type ConfigError struct {
	Field string // what is wrong, such as "client secret"
	Value string // the value as far as it may be shown: secrets are cut down to their public prefix and length
	Want  string // what would be right
	Err   error  // the cause, if another error is
}

func (e *ConfigError) Error() string {
	var b strings.Builder
	b.WriteString("spapi: ")
	b.WriteString(e.Field)
	if e.Value != "" {
		fmt.Fprintf(&b, " %q", e.Value)
	}
	if e.Want != "" {
		b.WriteString(": ")
		b.WriteString(e.Want)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// Explain says what to do.
func (e *ConfigError) Explain() string {
	return e.Error() + ". Nothing was sent to Amazon: correct the setting and try again."
}
