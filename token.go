package spapi

import "time"

// Token is an access token or a restricted data token. To keep one elsewhere, write Value.Reveal() there: Value itself is written as REDACTED.
type Token struct {
	Value   Secret
	Expires time.Time
}
