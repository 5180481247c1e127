package fleet

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
)

func TestKeys(t *testing.T) {
	raw := bytes.Repeat([]byte{0xFB, 0xEF, 0xBE, 0x01}, 8) // "++++" or "----" in base64
	var boxes []string
	for _, key := range []string{
		base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
		hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)), hex.EncodeToString(raw) + "\n",
	} {
		s, err := newSealer([]spapi.Secret{spapi.NewSecret(key)})
		if err != nil {
			t.Fatalf("%q: %v", key, err)
		}
		boxes = append(boxes, s.seal("text", "here"))
		for _, box := range boxes { // all of them are spellings of one key
			if text, err := s.open(box, "here"); err != nil || text != "text" {
				t.Errorf("%q: got %q, %v", key, text, err)
			}
		}
	}
	if boxes[0] == boxes[1] {
		t.Error("two boxes are the same: the nonce is not random")
	}
	if s, err := newSealer([]spapi.Secret{spapi.NewSecret(base64.StdEncoding.EncodeToString(append(raw, 1)))}); err != nil {
		t.Error(err)
	} else if _, err := s.open(boxes[0], "here"); err == nil {
		t.Error("a longer key opens what the shorter sealed")
	}

	for _, bad := range []string{"", "canary", "correct horse battery staple, and thirty more characters of canary",
		base64.StdEncoding.EncodeToString(raw[:31]) + "canary!", base64.RawURLEncoding.EncodeToString(raw[:31]),
		hex.EncodeToString(raw[:31]), hex.EncodeToString(raw[:24])} { // as base64, 48 digits would be 36 bytes
		_, err := newSealer([]spapi.Secret{spapi.NewSecret(hex.EncodeToString(raw)), spapi.NewSecret(bad)})
		var config *spapi.ConfigError
		if !errors.As(err, &config) || config.Code != spapi.CodeFleetKeyInvalid || config.Field != "fleet key" {
			t.Errorf("%q: got %v", bad, err)
			continue
		}
		if text := config.Explain(); bad != "" && strings.Contains(text, bad) || strings.Contains(text, "canary") || !strings.Contains(text, "2 of 2") ||
			!strings.Contains(text, "32 random bytes") {
			t.Errorf("%q: %s", bad, text)
		}
	}
	if _, err := newSealer(nil); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("no key: got %v", err)
	}
}

// TestWrittenErrors: what another process reads decides as what was written does.
func TestWrittenErrors(t *testing.T) {
	for _, err := range []error{
		&spapi.AuthError{Grant: "refresh_token", StatusCode: 400, Code: "invalid_grant", Description: "it was revoked", RequestID: "r"},
		&spapi.AuthError{Grant: "client_credentials", StatusCode: 429, RetryAfter: 5e9},
		&spapi.APIError{Operation: "o", StatusCode: 403, Code: "c", Message: "m", Details: "d", RequestID: "r",
			Errors: []spapi.ErrorItem{{Code: "c", Message: "m", Details: "d"}, {Code: "e"}}},
		fmt.Errorf("wrapped: %w", &spapi.APIError{Operation: "o", StatusCode: 500}),
	} {
		told := readError(writeError(err))
		if told == nil || !strings.HasSuffix(err.Error(), told.Error()) || spapi.IsTokenRefused(told) != spapi.IsTokenRefused(err) ||
			spapi.IsThrottled(told) != spapi.IsThrottled(err) {
			t.Errorf("%v became %v", err, told)
		}
	}
	unread := &spapi.AuthError{StatusCode: 200, Err: errors.New("x")}
	for _, err := range []error{errors.New("x"), &spapi.AuthError{Err: errors.New("x")}, unread, &spapi.LimitError{}} {
		if text := writeError(err); text != "" {
			t.Errorf("%v is told to others: %s", err, text)
		}
	}
	for _, text := range []string{"", "{}", "[]", "{"} {
		if err := readError(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whatever lies on the server, opening it brings what was sealed there or an error.
func FuzzOpen(f *testing.F) {
	sealers := make([]*sealer, 2)
	for i := range sealers {
		var err error
		first := spapi.NewSecret(strings.Repeat(fmt.Sprint("0", i), 32))
		if sealers[i], err = newSealer([]spapi.Secret{first, spapi.NewSecret(strings.Repeat("ab", 32))}); err != nil {
			f.Fatal(err)
		}
	}
	// "text", sealed once: what lies on servers must open with later versions too.
	box, err := hex.DecodeString("01abe8865909c34cfe31db752169d413f2549d38f773b68833960c4508aad4a44d5de00bf2")
	if err != nil {
		f.Fatal(err)
	}
	sealed := string(box)
	f.Add([]byte(sealed), "here")
	f.Add([]byte(sealed), "there")
	f.Add([]byte(sealed[:1+keyIDLen]), "here")
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, box []byte, place string) {
		text, err := sealers[0].open(string(box), place)
		if genuine := string(box) == sealed && place == "here"; genuine != (err == nil) || genuine && text != "text" || !genuine && text != "" {
			t.Errorf("got %q, %v", text, err)
		}
		if _, err := sealers[1].open(string(box), place); err == nil {
			t.Error("another key opens it")
		}
	})
}

// FuzzReply: whatever the server replies, reading it brings a lookup or an error.
func FuzzReply(f *testing.F) {
	f.Add("token", int64(1), int64(2), "box", uint8(6))
	f.Add("error", int64(1), int64(2), "box", uint8(3))
	f.Fuzz(func(t *testing.T, kind string, one, two int64, text string, n uint8) {
		fields := []any{kind, one, two, int64(3), nil, text}
		var a lookup
		if err := a.read(fields[:min(int(n), len(fields))]); err == nil && a.kind != kind {
			t.Errorf("read %+v", a)
		}
		if err := a.read(text); err == nil {
			t.Error("a text is no reply")
		}
	})
}
