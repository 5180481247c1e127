package notifications

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/settings"
)

// signer signs requests by Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md): HMAC-SHA256 over id, time and body.
type signer struct{ key []byte }

// secretPrefix stands before a secret's base64.
const secretPrefix = "whsec_"

// newSigner reads a secret. The specification wants 24 to 64 bytes.
func newSigner(secret string) (*signer, error) {
	text, ok := strings.CutPrefix(strings.TrimSpace(secret), secretPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, fmt.Errorf("want %s and 24 to 64 bytes in base64, as \"openssl rand -base64 32\" prints them", secretPrefix)
	}
	return &signer{key}, nil
}

// String doesn't show the key.
func (s *signer) String() string { return "signer" }

// sign sets the three headers.
func (s *signer) sign(h http.Header, id string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", stamp)
	h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// readSigner takes the secret from a file, which is made if it isn't there, or without one from the environment.
func readSigner(file string) (s *signer, made bool, err error) {
	if file == "" {
		secret := settings.WebhookSecret.Getenv()
		if secret == "" {
			return nil, false, exit.Usagef("--forward-to signs what it posts: want --secret-file with the secret, which is made if the file isn't there, or %s",
				settings.WebhookSecret.Variable())
		}
		if s, err = newSigner(secret); err != nil {
			return nil, false, exit.Usagef("%s: %w", settings.WebhookSecret.Variable(), err)
		}
		return s, false, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = makeSecret(file); err != nil {
			return nil, false, exit.Usagef("--secret-file: %w", err)
		}
		made = true
	} else if err != nil {
		return nil, false, exit.Usagef("--secret-file: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	if s, err = newSigner(first); err != nil {
		return nil, false, exit.Usagef("--secret-file %s: the first line: %w", file, err)
	}
	return s, made, nil
}

func makeSecret(file string) ([]byte, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	text := []byte(secretPrefix + base64.StdEncoding.EncodeToString(key) + "\n")
	f, err := os.OpenFile(filepath.Clean(file), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	return text, errors.Join(err, f.Close())
}
