package settings

import (
	"fmt"
	"strings"
	"testing"
)

// Plain http is for this machine only.
func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "shop.localhost": true, "127.0.0.1": true, "127.255.0.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"evillocalhost": false, "localhost.example.com": false, "10.0.0.1": false, "0.0.0.0": false, "::": false, "fe80::1": false,
		"127.0.0.1.example.com": false, "": false,
	} {
		if got := loopback(host); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}

// A hint tells secrets apart by kind and length, and gives away nothing of them.
func TestHintShowsNoSecret(t *testing.T) {
	for secret, prefix := range map[string]string{"amzn1.oa2-cs.v1.CANARY": prefixClientSecret, "Atzr|CANARY": prefixRefresh, "Atza|CANARY": prefixAccess,
		"Atz.sprdt|CANARY": prefixRestricted, "Atc|CANARY": prefixGrantless, "anythingCANARY": ""} {
		got := hint(secret)
		if strings.Contains(got, "CANARY") {
			t.Errorf("shows the secret: %s", got)
		}
		if want := fmt.Sprintf("%s… (%d characters)", prefix, len(secret)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := hint(""); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestSecretShape(t *testing.T) {
	for text, want := range map[string]bool{"Atza|x": true, "Atzr%7Cx": true, "Atc%7cx": true, "host/Atz.sprdt%7Cx": true, "Atc|x": true, "shop": false, "Atza": false} {
		if SecretShape(text) != want {
			t.Errorf("%q: %t, want %t", text, !want, want)
		}
	}
}
