package gateway

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/openspapi/spapi"
)

// Scope is what a key opens. Its zero value opens reads of the accounts and operations that it names: none.
type Scope struct {
	Accounts     []string `json:"accounts"`               // names of accounts; "*" ends a prefix, or stands for all
	Operations   []string `json:"operations"`             // "ordersv0.getOrders", "orders*", "*"
	Write        bool     `json:"write,omitzero"`         // operations that change something, too
	PersonalData bool     `json:"personal_data,omitzero"` // restricted data tokens, too
}

// Key is a caller's key as it is kept: its secret only as a hash.
type Key struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"` // who calls, for audit and metrics; several keys may have one name while one takes over from the other
	Hash    [sha256.Size]byte `json:"hash"` // of the secret, which has 256 random bits
	Scope   Scope             `json:"scope"`
	Account string            `json:"account,omitzero"` // the account of calls that name none
	Created time.Time         `json:"created"`
	Expires time.Time         `json:"expires,omitzero"` // zero: never
	Revoked time.Time         `json:"revoked,omitzero"`
}

// Block is a kill switch: while it stands, calls of the caller or for the account are refused.
type Block struct {
	Caller  string    `json:"caller,omitzero"`
	Account string    `json:"account,omitzero"`
	Reason  string    `json:"reason,omitzero"`
	Since   time.Time `json:"since"`
}

// Records of keys and blocks, as a [State] has them.
type Records struct {
	Keys   []Key   `json:"keys"`
	Blocks []Block `json:"blocks"`
}

// State is where keys and blocks are kept, for one gateway or for several: a folder, or the server of a fleet.
type State interface {
	// Load returns what there is. Gateways call it every other second, so that what is changed holds everywhere within five.
	Load(ctx context.Context) (*Records, error)
	// Update changes it: of changes at the same time none is lost. change may be called again.
	Update(ctx context.Context, change func(*Records) error) error
}

// caller is who has sent a request.
type caller struct {
	key     *Key   // nil: local, without keys
	account string // the key's, the token's, or that of the header
	scope   Scope
	token   string // a restricted data token of Amazon's that the gateway's own stands for; "" without one
}

func (c *caller) name() string {
	if c.key == nil {
		return "local"
	}
	return c.key.Name
}

// authenticate finds the key of the request.
func (x *exchange) authenticate() *refusal {
	text := x.r.Header.Get("X-Amz-Access-Token")
	if text == "" {
		text = x.r.Header.Get("X-Api-Key")
	}
	if text == "" {
		x.caller.scope = x.g.config.Local
		if x.g.config.State != nil {
			return denied("credential", "no key")
		}
		return nil
	}
	var key *Key
	var no *refusal
	var t issued
	if looksIssued(text) {
		if t, no = x.g.openToken(text); no == nil {
			key, no = x.g.keyByID(t.Key)
		}
	} else {
		key, no = x.g.lookupKey(x.r, text)
	}
	if no != nil {
		return no
	}
	x.caller = x.g.callerOf(key)
	if t.Account != "" {
		x.caller.account = t.Account
	}
	x.caller.token = t.Restricted.Reveal()
	return nil
}

// allows tells whether the scope opens the operation for the account; nil if it does.
func (s *Scope) allows(account string, op *spapi.Operation, method string, personal bool) *refusal {
	if !s.account(account) {
		return denied("account", "no such account")
	}
	if !slices.ContainsFunc(s.Operations, func(o string) bool { return o == "*" || o == op.ID }) {
		return lacks(op.ID, "", "--operation")
	}
	if personal && !s.PersonalData {
		return lacks(op.ID, "", "--personal-data")
	}
	return nil
}

// authorize refuses what the caller's scope doesn't open, and what is blocked.
func (x *exchange) authorize() *refusal {
	return x.caller.scope.allows(x.caller.account, &x.op, x.r.Method, x.caller.token != "")
}
