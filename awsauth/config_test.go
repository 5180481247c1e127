package awsauth

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// What the configuration says of the session is what STS is asked for.
func TestSessionAsConfigured(t *testing.T) {
	for _, hours := range []time.Duration{1, 12} {
		synctest.Test(t, func(t *testing.T) {
			sts := &fakeSTS{}
			c := sts.config()
			c.SessionName, c.Duration = "repricer@7", hours*time.Hour
			s := newTestSigner(t, c)
			if err := s.Sign(t.Context(), newRequest(t, "GET", endpoint+"/", ""), marketplace.Europe); err != nil {
				t.Fatal(err)
			}
			if got := sts.calls[0]; got.Get("RoleSessionName") != "repricer@7" || got.Get("DurationSeconds") != fmt.Sprint(int(hours)*3600) || got.Has("ExternalId") {
				t.Errorf("AssumeRole had %v", got)
			}
			time.Sleep(hours*time.Hour - 6*time.Minute)
			if _, err := s.Retrieve(t.Context()); err != nil || sts.count() != 1 {
				t.Errorf("%d AssumeRole requests before the session ends, %v", sts.count(), err)
			}
		})
	}
}

// A secret in a wrong field is refused, but somebody may print the configuration to see why.
func TestMisplacedSecretsDoNotPrint(t *testing.T) {
	c := Config{RoleARN: "canary/secret+key", STSEndpoint: "https://user:canary@sts.example.com/"}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, print := range []string{c.String(), fmt.Sprintf("%v %+v %#v", c, c, &c), string(text), Config{STSEndpoint: "https://canary:\x7f@x"}.String()} {
		if strings.Contains(print, "canary:") || strings.Contains(print, "canary/") || strings.Contains(print, ":canary") {
			t.Errorf("prints a secret: %s", print)
		}
	}
}

// Which answers of STS are the caller's fault, and which pass by themselves.
func TestClassify(t *testing.T) {
	for _, tc := range []struct {
		code   string
		status int
		want   Reason
	}{
		{"MalformedPolicyDocument", 400, InvalidRequest}, {"PackedPolicyTooLarge", 400, InvalidRequest}, {"TooManyRequests", 429, Unavailable},
		{"ThrottlingException", 400, Unavailable},
		{"UnknownError", 404, Unavailable}, {"InternalFailure", 500, Unavailable}, {"ServiceUnavailable", 503, Unavailable}, {"Odd", 302, Unavailable},
		{"RequestExpired", 400, ClockSkew}, {"RegionDisabledException", 403, AccessDenied}, {"OptInRequired", 403, InvalidCredentials},
	} {
		if got := classify(tc.code, "", tc.status); got != tc.want {
			t.Errorf("%s with status %d is %q, want %q", tc.code, tc.status, got, tc.want)
		}
	}
}
