package gateway

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/openspapi/spapi"
)

// purpose is what something is sealed for. Each has keys of its own, so that what was sealed for one opens for no other.
type purpose string

const (
	forAccess     purpose = "access token"
	forRestricted purpose = "restricted data token"
	forDocument   purpose = "document address"
)

// A box is version, id of the key, nonce, and what AES-256-GCM makes of the content, in base64url. Nonces are random: one secret is good for 2^32 boxes
// of a purpose (NIST SP 800-38D 8.3), a thousand a second for fifty days; whoever hands out more changes the secret sooner.
const (
	boxVersion = 1
	boxKeyLen  = 4
	maxBox     = 64 << 10 // characters; more is not even decoded
)

// sealer seals with its first secret, and opens with all.
type sealer map[purpose][]sealKey

type sealKey struct {
	id   string
	aead cipher.AEAD // puts a random nonce before what it seals
}

func newSealer(secret []byte, old [][]byte) (sealer, error) {
	if len(secret) == 0 {
		secret = make([]byte, sha256.Size)
		_, _ = rand.Read(secret) // never fails
	}
	s := sealer{}
	for i, secret := range append([][]byte{secret}, old...) {
		if len(secret) < sha256.Size {
			field := "Config.Secret"
			if i > 0 {
				field = fmt.Sprintf("Config.OldSecrets[%d]", i-1)
			}
			return nil, &spapi.ConfigError{Code: CodeSecretInvalid, Field: field, Want: fmt.Sprintf("has %d bytes: want at least 32, random", len(secret))}
		}
		for _, p := range []purpose{forAccess, forRestricted, forDocument} {
			derived, err := hkdf.Key(sha256.New, secret, nil, "spapi gateway "+string(p)+" v1", 32+boxKeyLen)
			if err != nil {
				return nil, err
			}
			block, err := aes.NewCipher(derived[:32])
			if err != nil {
				return nil, err
			}
			aead, err := cipher.NewGCMWithRandomNonce(block)
			if err != nil {
				return nil, err
			}
			s[p] = append(s[p], sealKey{id: string(derived[32:]), aead: aead})
		}
	}
	return s, nil
}

// CodeSecretInvalid is the code of the *[spapi.ConfigError] about a secret that is too short.
const CodeSecretInvalid spapi.ConfigCode = "gateway-secret-invalid"

// seal makes a box of a value.
func (s sealer) seal(p purpose, v any) (string, error) {
	content, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	k := s[p][0]
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(append([]byte{boxVersion}, k.id...), nil, content, []byte{boxVersion})), nil
}

// errSealed tells nothing of why: whoever made the box has no right to know.
var errSealed = errors.New("it was not sealed here for this purpose, or was changed")

// open reads the value of a box.
func (s sealer) open(p purpose, box string, v any) error {
	if len(box) > maxBox || strings.ContainsAny(box, "\r\n") { // which the decoder passes over
		return errSealed
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(box)
	if err != nil || len(raw) < 1+boxKeyLen || raw[0] != boxVersion {
		return errSealed
	}
	for _, k := range s[p] {
		if k.id != string(raw[1:1+boxKeyLen]) {
			continue
		}
		if content, err := k.aead.Open(nil, nil, raw[1+boxKeyLen:], []byte{boxVersion}); err == nil {
			return json.Unmarshal(content, v)
		}
	}
	return errSealed
}
