package spapi

import "testing"

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
