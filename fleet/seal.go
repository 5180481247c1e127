package fleet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/openspapi/spapi"
)

// A box is what lies on the server of a token or of an error: version, id of the key, nonce, and what AES-256-GCM makes of it. It opens only in its
// place: that is additional data.
const (
	boxVersion = 1
	keyIDLen   = 4
)

// sealer seals with its first key, and opens with all.
type sealer struct{ keys []sealKey }

type sealKey struct {
	id   string
	aead cipher.AEAD // puts a random nonce before what it seals
}

func newSealer(settings []spapi.Secret) (*sealer, error) {
	if len(settings) == 0 {
		return nil, keyError("is missing: want base64 or hex of at least 32 random bytes")
	}
	s := new(sealer)
	for i, setting := range settings {
		secret := decodeKey(setting.Reveal())
		if len(secret) < sha256.Size {
			return nil, keyError(fmt.Sprintf("%d of %d: want base64 or hex of at least 32 random bytes, as \"openssl rand -base64 32\" prints", i+1, len(settings)))
		}
		derived, err := hkdf.Key(sha256.New, secret, nil, "spapi fleet token v1", 32+keyIDLen)
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
		s.keys = append(s.keys, sealKey{id: string(derived[32:]), aead: aead})
	}
	return s, nil
}

// keyError never has the value: it is a secret.
func keyError(want string) error {
	return &spapi.ConfigError{Code: spapi.CodeFleetKeyInvalid, Field: "fleet key", Want: want}
}

// decodeKey returns the bytes of a key, or nil. Hex goes first: read as base64, too short a key would count as long enough.
func decodeKey(text string) []byte {
	text = strings.TrimSpace(text)
	if b, err := hex.DecodeString(text); err == nil {
		return b
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	if b, err := base64.RawStdEncoding.DecodeString(text); err == nil {
		return b
	}
	return nil
}

// seal makes the box of a text, for a place.
func (s *sealer) seal(text, place string) string {
	k := s.keys[0]
	return string(k.aead.Seal(append([]byte{boxVersion}, k.id...), nil, []byte(text), []byte(place)))
}

// open returns the text of a box that lies in a place.
func (s *sealer) open(box, place string) (string, error) {
	if len(box) < 1+keyIDLen || box[0] != boxVersion {
		return "", errors.New("it is no box of this version")
	}
	id, sealed := box[1:1+keyIDLen], box[1+keyIDLen:]
	err := errors.New("it was sealed with a key that is not in SPAPI_FLEET_KEY here")
	for _, k := range s.keys {
		if k.id != id {
			continue
		}
		var text []byte
		if text, err = k.aead.Open(nil, nil, []byte(sealed), []byte(place)); err == nil {
			return string(text), nil
		}
		err = errors.New("it was changed, or lay elsewhere")
	}
	return "", err
}
