package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/openspapi/spapi"
)

// Key is a caller's key as it is kept: its secret only as a hash.
type Key struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"` // who calls, for audit and metrics; several keys may have one name while one takes over from the other
	Hash    Hash      `json:"hash"` // of the secret, which has 256 random bits
	Scope   Scope     `json:"scope"`
	Account string    `json:"account,omitzero"` // the account of calls that name none
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Revoked time.Time `json:"revoked,omitzero"`
}

// Hash is the SHA-256 of a secret. It is written in hex.
type Hash [sha256.Size]byte

// MarshalText writes the hash in hex.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads it.
func (h *Hash) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(h) {
		return errors.New("want the SHA-256 of a key in hex")
	}
	copy(h[:], b)
	return nil
}

// The secret of a key: what it is, which key, and 32 random bytes in base64url.
const (
	keyPrefix = "spapi_gw_"
	idLen     = 10
	keyLen    = len(keyPrefix) + idLen + 1 + 43
)

// NewKey makes a key of what is given of it (Name, Scope, Account, Created, Expires), with an ID and a secret of its own. The secret is nowhere but in
// what NewKey returns: the key has its hash. What cannot work is a *[spapi.ConfigError].
func NewKey(k Key) (Key, spapi.Secret, error) {
	if want := badText(k.Name, 64); want != "" {
		return Key{}, spapi.Secret{}, invalid("name", k.Name, want)
	}
	if k.Name == localName {
		return Key{}, spapi.Secret{}, invalid("name", k.Name, "is that of requests without a key: want another")
	}
	if err := k.Scope.Check(); err != nil {
		return Key{}, spapi.Secret{}, err
	}
	if k.Account != "" && !k.Scope.account(k.Account) {
		return Key{}, spapi.Secret{}, invalid("default account", k.Account, "is the account of calls that name none, and the scope doesn't have it: want one of "+strings.Join(k.Scope.Accounts, ", "))
	}
	if !k.Expires.IsZero() && !k.Expires.After(k.Created) {
		return Key{}, spapi.Secret{}, invalid("expiry", k.Expires.Format(time.RFC3339), "is past: want a time to come")
	}
	var random [sha256.Size]byte
	_, _ = rand.Read(random[:]) // never fails
	k.ID = strings.ToLower(rand.Text())[:idLen]
	secret := keyPrefix + k.ID + "_" + base64.RawURLEncoding.EncodeToString(random[:])
	k.Hash = sha256.Sum256([]byte(secret))
	return k, spapi.NewSecret(secret), nil
}

func (k *Key) expired(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

// keyID is the ID in the text of a key; "" if it isn't one.
func keyID(text string) string {
	if len(text) != keyLen || !strings.HasPrefix(text, keyPrefix) || text[len(keyPrefix)+idLen] != '_' {
		return ""
	}
	return text[len(keyPrefix) : len(keyPrefix)+idLen]
}

// decoy is what is compared where there is no such key. No text has its hash.
var decoy = func() *Key {
	k := new(Key)
	_, _ = rand.Read(k.Hash[:])
	return k
}()

// find returns the key that a text is the secret of, whether or not it has ended; nil if there is none. What it costs tells nothing: of a text of any
// kind one hash is made and one compared.
func (i *index) find(text string) *Key {
	var room [keyLen]byte // no allocation: this runs for everybody who can reach the port
	sum := sha256.Sum256(room[:copy(room[:], text)])
	k := i.keys[keyID(text)]
	if k == nil {
		k = decoy
	}
	if subtle.ConstantTimeCompare(sum[:], k.Hash[:]) != 1 {
		return nil
	}
	return k
}

// caller is who has sent a request.
type caller struct {
	key     *Key   // nil: local, without keys
	account string // the token's; then the one that chooseAccount has settled
	scope   Scope
	token   string // a restricted data token of Amazon's that the gateway's own stands for; "" without one
}

// localName is the name of who calls without a key.
const localName = "local"

func (c *caller) name() string {
	if c.key == nil {
		return localName
	}
	return c.key.Name
}

// credentialHeaders are where a key may stand. They are in their canonical form, so that they are found without making it.
var credentialHeaders = [...]string{"Authorization", "X-Api-Key", "X-Amz-Access-Token"}

// credential finds the key or token of a request: "" if it brings none. Two that differ are refused, since nobody could tell for which of them the
// answer is; AWS signatures are no credential here.
func credential(h http.Header) (string, *refusal) {
	var found string
	for _, name := range credentialHeaders {
		for _, value := range h[name] {
			if name == "Authorization" {
				scheme, rest, _ := strings.Cut(value, " ")
				switch {
				case strings.EqualFold(scheme, "Bearer"):
					value = rest
				case strings.HasPrefix(scheme, "AWS4-"):
					continue
				default:
					return "", unauthorized(`the header Authorization has another scheme: want "Bearer" and a key of this gateway.`)
				}
			}
			value = strings.TrimSpace(value)
			if value == "" {
				continue
			}
			if found != "" && subtle.ConstantTimeCompare([]byte(found), []byte(value)) != 1 {
				return "", &refusal{Status: http.StatusBadRequest, Code: "InvalidInput", Message: "The request has two credentials that differ.",
					Details: "they stand in " + strings.Join(credentialHeaders[:], ", ") + ": send one key or token, in one of them.", why: "credential"}
			}
			found = value
		}
	}
	return found, nil
}

// unauthorized is the answer to who hasn't shown who they are.
func unauthorized(details string) *refusal {
	return &refusal{Status: http.StatusUnauthorized, Code: "Unauthorized", Message: "Access to requested resource is denied.", Details: details, why: "credential"}
}

// wrongCredential is the one answer to keys that are unknown, wrong or revoked, and to tokens that aren't this gateway's.
func wrongCredential() *refusal {
	return unauthorized("the key or token is not one that this gateway takes: it may be mistyped, revoked, or Amazon's own, which no caller needs here. " +
		`Whoever runs the gateway makes keys: "spapi gateway key create".`)
}

// lookupKey finds the key of a secret; there is none, and no refusal, where requests need no key. r is the request that it came with: who guesses is
// slowed down by address.
func (g *Gateway) lookupKey(r *http.Request, secret string) (*Key, *refusal) {
	i, no := g.keys.current()
	if no != nil {
		return nil, no
	}
	if i.open() {
		return nil, nil
	}
	k := i.find(secret)
	if k == nil || !k.Revoked.IsZero() {
		return nil, g.guessed(r, wrongCredential())
	}
	if k.expired(g.config.Now()) {
		return nil, expiredKey(k)
	}
	return k, nil
}

func expiredKey(k *Key) *refusal {
	return unauthorized("the key has expired at " + k.Expires.UTC().Format(time.RFC3339) + `. Whoever runs the gateway makes another: "spapi gateway key rotate ` + k.ID + `".`)
}

// keyByID finds the key of what was sealed for it, a token or the address of a document: it is void with the key. id "" is of who calls without keys,
// and gives no key.
func (g *Gateway) keyByID(id string) (*Key, *refusal) {
	i, no := g.keys.current()
	if no != nil {
		return nil, no
	}
	if id == "" && i.open() {
		return nil, nil
	}
	k := i.keys[id]
	if k == nil || !k.Revoked.IsZero() {
		return nil, wrongCredential()
	}
	if k.expired(g.config.Now()) {
		return nil, expiredKey(k)
	}
	return k, nil
}

// authenticate finds out who calls.
func (x *exchange) authenticate() *refusal {
	text, no := credential(x.r.Header)
	if no != nil {
		return no
	}
	i, no := x.g.keys.current()
	if no != nil {
		return no
	}
	if text == "" {
		if !i.open() {
			return unauthorized("the request has no key: send one of this gateway in the header Authorization (Bearer), X-Api-Key or x-amz-access-token. " +
				`Whoever runs the gateway makes keys: "spapi gateway key create".`)
		}
		x.caller.scope = x.g.config.Local
		return nil
	}
	switch {
	case looksIssued(text):
		t, no := x.g.openToken(text)
		if no != nil {
			if no.why == "token" { // it doesn't open
				no = x.g.guessed(x.r, no)
			}
			return no
		}
		if x.caller.key, no = x.g.keyByID(t.Key); no != nil {
			return no
		}
		x.caller.account, x.caller.token = t.Account, t.Restricted.Reveal()
	case i.open():
		return x.g.guessed(x.r, wrongCredential()) // who sends a key believes that there are some
	default:
		if x.caller.key, no = x.g.lookupKey(x.r, text); no != nil {
			return no
		}
	}
	x.caller.scope = x.g.config.Local
	if x.caller.key != nil {
		x.caller.scope = x.caller.key.Scope
	}
	return nil
}
