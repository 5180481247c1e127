package gateway

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
)

func sealerOf(t testing.TB, secret byte, old ...byte) sealer {
	t.Helper()
	var olds [][]byte
	for _, b := range old {
		olds = append(olds, bytes.Repeat([]byte{b}, 32))
	}
	s, err := newSealer(bytes.Repeat([]byte{secret}, 32), olds)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealOpens(t *testing.T) {
	s, v := sealerOf(t, 1), ""
	for _, p := range []purpose{forAccess, forRestricted, forDocument} {
		box, err := s.seal(p, "canary")
		if err != nil || strings.Contains(box, "canary") || s.open(p, box, &v) != nil || v != "canary" {
			t.Errorf("%s: %q %v", p, box, err)
		}
		if again, _ := s.seal(p, "canary"); again == box {
			t.Errorf("%s: two boxes of the same are alike", p)
		}
		for _, other := range []purpose{forAccess, forRestricted, forDocument} {
			if other != p && s.open(other, box, &v) == nil {
				t.Errorf("sealed as %s, opened as %s", p, other)
			}
		}
	}
}

// A secret changes by becoming an old one: what it sealed opens until it is taken away.
func TestSealRotation(t *testing.T) {
	var v string
	before, _ := sealerOf(t, 1).seal(forAccess, "x")
	if err := sealerOf(t, 2, 1).open(forAccess, before, &v); err != nil {
		t.Error("the old secret doesn't open:", err)
	}
	after, _ := sealerOf(t, 2, 1).seal(forAccess, "x")
	if sealerOf(t, 1).open(forAccess, after, &v) == nil {
		t.Error("the old secret seals")
	}
	if sealerOf(t, 2).open(forAccess, before, &v) == nil {
		t.Error("another gateway's secret opens")
	}
}

func TestSealRefusesWhatWasChanged(t *testing.T) {
	s := sealerOf(t, 1)
	box, _ := s.seal(forAccess, "canary")
	raw, _ := base64.RawURLEncoding.DecodeString(box)
	var v string
	for i := range raw {
		for bit := range 8 {
			changed := bytes.Clone(raw)
			changed[i] ^= 1 << bit
			if s.open(forAccess, base64.RawURLEncoding.EncodeToString(changed), &v) == nil {
				t.Fatalf("byte %d, bit %d changed, and it opens", i, bit)
			}
		}
	}
	for n := range len(box) {
		if s.open(forAccess, box[:n], &v) == nil {
			t.Fatalf("it opens cut to %d", n)
		}
	}
	for _, bad := range []string{"", "A", box + "A", box + "=", box + "\n", " " + box, strings.Repeat("A", 1<<20), "é"} {
		if err := s.open(forAccess, bad, &v); err == nil {
			t.Errorf("%.20q opens", bad)
		}
	}
	if err := s.open(forAccess, box[:8], &v); err != errSealed || v != "" {
		t.Errorf("%v %q", err, v)
	}
}

func TestSecretTooShort(t *testing.T) {
	_, err := newSealer(make([]byte, 31), nil)
	var config *spapi.ConfigError
	if !errors.As(err, &config) || config.Code != CodeSecretInvalid || config.Field != "Config.Secret" {
		t.Error(err)
	}
	if _, err = newSealer(nil, [][]byte{{1}}); !errors.As(err, &config) || config.Field != "Config.OldSecrets[0]" {
		t.Error(err)
	}
	a, _ := newSealer(nil, nil)
	b, _ := newSealer(nil, nil)
	box, _ := a.seal(forAccess, 1)
	if b.open(forAccess, box, new(int)) == nil {
		t.Error("two gateways without a secret have the same")
	}
}

func FuzzSealOpen(f *testing.F) {
	s := sealerOf(f, 1)
	box, _ := s.seal(forDocument, address{URL: "https://x"})
	f.Add(box)
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		var a address
		if err := s.open(forDocument, text, &a); err != nil {
			return
		}
		// What opens was sealed, by this process or by the one that hands out the texts, and there is one way to write it.
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || a.URL != "https://x" || base64.RawURLEncoding.EncodeToString(raw) != text {
			t.Fatalf("%q opens", text)
		}
	})
}
