package spapi

import "time"

// Token is an access token or a restricted data token.
type Token struct {
	Value   Secret
	Expires time.Time
}
