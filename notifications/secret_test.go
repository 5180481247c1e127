package notifications

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestSecretsOfSpoiledMessages spoils messages with a new secret in all ways, and looks for the secret in whatever is printed of them, or of the error.
func TestSecretsOfSpoiledMessages(t *testing.T) {
	const canary = "CANARY7c1dSECRET"
	whole := `{"notificationVersion":"2023-11-30","notificationType":"APPLICATION_OAUTH_CLIENT_NEW_SECRET","payloadVersion":"2023-11-30","eventTime":"2023-11-30T12:00:00.000Z",
		"payload":{"applicationOAuthClientNewSecret":{"clientId":"amzn1.application-oa2-client.x","newClientSecret":"` + canary + `",
		"newClientSecretExpiryTime":"2024-05-28T12:00:00.000Z","oldClientSecretExpiryTime":"2023-12-07T12:00:00.000Z"}},
		"notificationMetadata":{"applicationId":"a","subscriptionId":"s","publishTime":"2023-11-30T12:00:01.000Z","notificationId":"n"}}`
	if n, err := Parse([]byte(whole)); err != nil || n.Payload.(*ApplicationOAuthClientNewSecret).NewClientSecret.Reveal() != canary {
		t.Fatal(n, err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	spoilers := []string{"{", "}", "[", "]", ",", ":", `"`, "\\", "null", "0", "\xff", "\x00", `"more":"` + canary + `",`, `"newClientSecret":{"x":"` + canary + `"},`,
		`"payload":{"y":"` + canary + `"},`, `"NewClientSecret":["` + canary + `"],`, `"` + canary + `":1,`}
	read := 0
	for range 20_000 {
		text := whole
		for range 1 + rng.IntN(3) {
			at := rng.IntN(len(text))
			switch to := min(len(text), at+rng.IntN(40)); rng.IntN(4) {
			case 0:
				text = text[:at] + text[to:]
			case 1:
				text = text[:to] + text[at:]
			case 2:
				text = text[:at]
			default:
				text = text[:at] + spoilers[rng.IntN(len(spoilers))] + text[at:]
			}
			if text == "" {
				break
			}
		}
		if rng.IntN(4) == 0 { // a member more, where JSON takes one
			if places := strings.Count(text, "{"); places > 0 {
				skip := rng.IntN(places)
				at := 0
				for range skip + 1 {
					at += strings.IndexByte(text[at:], '{') + 1
				}
				text = text[:at] + spoilers[12+rng.IntN(5)] + text[at:]
			}
		}
		n, err := Parse([]byte(text))
		if err != nil {
			if shown := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(shown, canary) && !strings.Contains(text, `"`+canary+`":`) {
				t.Fatalf("the error tells it: %s\n%s", shown, text)
			}
			continue
		}
		if n.Type != "APPLICATION_OAUTH_CLIENT_NEW_SECRET" { // another name, another type
			continue
		}
		read++
		own, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := json.Marshal(n.Payload)
		if err != nil {
			t.Fatal(err)
		}
		shown := fmt.Sprintf("%v %+v %#v %s %v %+v %#v", n, n, n, n, n.Payload, n.Payload, n.Payload)
		for _, m := range n.Rest {
			shown += string(m.Value)
		}
		for _, text := range []string{shown, string(own), string(payload), string(n.Raw()), n.Key(), n.NaturalKey(), n.LogValue().String()} {
			if strings.Contains(text, canary) {
				t.Fatalf("it is told: %s\nof %s", text, text)
			}
		}
	}
	if read < 1000 {
		t.Errorf("only %d could be read", read)
	}
}
