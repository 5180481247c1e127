package notifications

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSignature is the vector that Standard Webhooks publishes with its libraries.
func TestSignature(t *testing.T) {
	s, err := newSigner("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	s.sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	for name, want := range map[string]string{"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
		"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if text := fmt.Sprintf("%v %s", s, s); text != "signer signer" {
		t.Errorf("it shows as %q", text)
	}
}

func TestSecrets(t *testing.T) {
	key := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for secret, ok := range map[string]bool{
		"whsec_" + key(24): true, "whsec_" + key(64) + "\n": true, "whsec_" + key(23): false, "whsec_" + key(65): false,
		key(32): false, "whsec_CANARY!": false, "": false,
	} {
		_, err := newSigner(secret)
		if (err == nil) != ok {
			t.Errorf("%q: %v, want right: %t", secret, err, ok)
		}
		if err != nil && strings.Contains(err.Error(), "CANARY") {
			t.Errorf("the error repeats it: %v", err)
		}
	}
	file := filepath.Join(t.TempDir(), "secret")
	first, made, err := readSigner(file)
	if err != nil || !made {
		t.Fatalf("made %t, %v", made, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: want only its owner to read it", info, err)
	}
	again, made, err := readSigner(file)
	if err != nil || made || string(again.key) != string(first.key) || len(first.key) != 32 {
		t.Errorf("the second time: made %t, %v, another key: %t", made, err, string(again.key) != string(first.key))
	}
	t.Setenv("SPAPI_WEBHOOK_SECRET", "whsec_"+key(32))
	if _, _, err := readSigner(""); err != nil {
		t.Error(err)
	}
	t.Setenv("SPAPI_WEBHOOK_SECRET", "")
	if _, _, err := readSigner(""); err == nil || !strings.Contains(err.Error(), "--secret-file") {
		t.Errorf("without a secret: %v", err)
	}
}
