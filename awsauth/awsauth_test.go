package awsauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/openspapi/spapi/marketplace"
)

const endpoint = "https://sellingpartnerapi-na.amazon.com"

func TestSignWithRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sts := &fakeSTS{}
		c := sts.config()
		c.ExternalID = "partner-7"
		s := newTestSigner(t, c)
		req := newRequest(t, "GET", endpoint+"/catalog/v0/items?Query=a+pen&MarketplaceId=ATVPDKIKX0DER", "")
		req.Header.Set("x-amz-access-token", "Atza|canary")
		if err := s.Sign(t.Context(), req, marketplace.NorthAmerica); err != nil {
			t.Fatal(err)
		}
		date := time.Now().UTC()
		prefix := "AWS4-HMAC-SHA256 Credential=ASIACANARY1/" + date.Format("20060102") + "/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-access-token;x-amz-date;x-amz-security-token, Signature="
		if got := req.Header.Get("Authorization"); !strings.HasPrefix(got, prefix) {
			t.Errorf("Authorization\n got %s\nwant %s…", got, prefix)
		}
		if got, want := req.Header.Get("X-Amz-Date"), date.Format("20060102T150405Z"); got != want {
			t.Errorf("X-Amz-Date %s, want %s", got, want)
		}
		if got := req.Header.Get("X-Amz-Security-Token"); got != "canary-session-token-1" {
			t.Errorf("X-Amz-Security-Token %q", got)
		}
		if got, want := req.URL.String(), endpoint+"/catalog/v0/items?MarketplaceId=ATVPDKIKX0DER&Query=a%20pen"; got != want {
			t.Errorf("URL %s, want %s", got, want)
		}
		for key, want := range map[string]string{"Action": "AssumeRole", "RoleArn": role, "RoleSessionName": "sp-api", "DurationSeconds": "3600", "ExternalId": "partner-7"} {
			if got := sts.calls[0].Get(key); got != want {
				t.Errorf("AssumeRole had %s=%q, want %q", key, got, want)
			}
		}
		if sts.hosts[0] != "https://sts.example/" {
			t.Errorf("AssumeRole went to %s", sts.hosts[0])
		}
	})
}

func TestSignRegions(t *testing.T) {
	s := newTestSigner(t, Config{BaseCredentials: credentials.NewStaticCredentialsProvider(baseID, baseSecret, "")})
	for region, want := range map[marketplace.Region]string{marketplace.NorthAmerica: "us-east-1", marketplace.Europe: "eu-west-1", marketplace.FarEast: "us-west-2"} {
		req := newRequest(t, "GET", region.SandboxEndpoint()+"/sellers/v1/account", "")
		req.Header.Set("X-Amz-Security-Token", "stale")
		if err := s.Sign(t.Context(), req, region); err != nil {
			t.Fatal(err)
		}
		if got := req.Header.Get("Authorization"); !strings.Contains(got, "/"+want+"/execute-api/") || !strings.Contains(got, "Credential="+baseID) {
			t.Errorf("%s: Authorization %s, want region %s and the base key", region, got, want)
		}
		if got := req.Header.Get("X-Amz-Security-Token"); got != "" {
			t.Errorf("%s: session token %q of an earlier attempt is still there", region, got)
		}
	}
	err := s.Sign(t.Context(), newRequest(t, "GET", endpoint+"/", ""), "xx")
	if err == nil || !strings.Contains(err.Error(), `region "xx": want na, eu or fe`) {
		t.Errorf("unknown region: %v", err)
	}
}

// A thousand goroutines on a cold signer, the first of them cancelled, cause one AssumeRole.
func TestSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sts := &fakeSTS{delay: 3 * time.Second}
		s := newTestSigner(t, sts.config())
		first, cancel := context.WithCancel(t.Context())
		errs := make([]error, 1000)
		var wg sync.WaitGroup
		start := func(i int, ctx context.Context) {
			wg.Go(func() {
				req := httptest.NewRequest("GET", endpoint+"/sellers/v1/account", nil)
				errs[i] = s.Sign(ctx, req, marketplace.NorthAmerica)
			})
		}
		start(0, first)
		synctest.Wait()
		for i := 1; i < len(errs); i++ {
			start(i, t.Context())
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if !errors.Is(errs[0], context.Canceled) {
			t.Errorf("the cancelled caller got %v", errs[0])
		}
		for i, err := range errs[1:] {
			if err != nil {
				t.Fatalf("caller %d: %v", i+1, err)
			}
		}
		if n := sts.count(); n != 1 {
			t.Errorf("%d AssumeRole requests, want 1", n)
		}
	})
}

func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sts := &fakeSTS{}
		s := newTestSigner(t, sts.config())
		retrieve := func(want string) {
			t.Helper()
			got, err := s.Retrieve(t.Context())
			if err != nil || got.AccessKeyID != want {
				t.Fatalf("after %d calls: %s, %v; want %s", sts.count(), got.AccessKeyID, err, want)
			}
		}
		retrieve("ASIACANARY1")
		time.Sleep(54 * time.Minute)
		retrieve("ASIACANARY1")
		time.Sleep(time.Minute + time.Second) // 5 minutes before the end
		sts.delay = 20 * time.Second
		start := time.Now()
		for range 100 {
			retrieve("ASIACANARY1") // nobody waits for the new one
		}
		if waited := time.Since(start); waited > 0 {
			t.Errorf("waited %s while the session in hand was good", waited)
		}
		time.Sleep(21 * time.Second)
		retrieve("ASIACANARY2")
		if n := sts.count(); n != 2 {
			t.Errorf("%d AssumeRole requests, want 2", n)
		}
	})
}

// STS may be away around the time of a renewal: the session in hand goes on, STS is asked every 30 s, not on each request.
func TestRenewalWhileSTSIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := false
		sts := &fakeSTS{answer: func(int) (int, string, error) {
			if away {
				return 403, denied("AccessDenied", "not now"), nil
			}
			return 0, "", nil
		}}
		s := newTestSigner(t, sts.config())
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		away = true
		time.Sleep(55*time.Minute + time.Second)
		for range 100 {
			if got, err := s.Retrieve(t.Context()); err != nil || got.AccessKeyID != "ASIACANARY1" {
				t.Fatalf("the session that is good for 5 minutes is gone: %s, %v", got.AccessKeyID, err)
			}
			synctest.Wait() // what goes on in the background
		}
		if n := sts.count(); n != 2 {
			t.Errorf("%d AssumeRole requests, want 2", n)
		}
		time.Sleep(31 * time.Second)
		_, err := s.Retrieve(t.Context())
		synctest.Wait()
		if err != nil || sts.count() != 3 {
			t.Errorf("after 31 s: %v and %d requests, want another attempt", err, sts.count())
		}
		time.Sleep(5 * time.Minute) // past the end
		_, err = s.Retrieve(t.Context())
		if e, ok := errors.AsType[*Error](err); !ok || e.Reason != AccessDenied {
			t.Errorf("past the session's end: %v", err)
		}
		away = false
		time.Sleep(31 * time.Second)
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Errorf("STS is back, still: %v", err)
		}
	})
}

// Wrong credentials are asked about once in 30 s, whoever asks.
func TestFailureIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sts := &fakeSTS{answer: func(int) (int, string, error) {
			return 403, denied("InvalidClientTokenId", "The security token included in the request is invalid."), nil
		}}
		s := newTestSigner(t, sts.config())
		for range 1000 {
			_, err := s.Retrieve(t.Context())
			if e, ok := errors.AsType[*Error](err); !ok || e.Reason != InvalidCredentials {
				t.Fatal(err)
			}
		}
		if n := sts.count(); n != 1 {
			t.Errorf("%d AssumeRole requests, want 1", n)
		}
		time.Sleep(31 * time.Second)
		s.Retrieve(t.Context())
		if n := sts.count(); n != 2 {
			t.Errorf("%d AssumeRole requests after 31 s, want 2", n)
		}
	})
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct {
		name    string
		sts     *fakeSTS
		base    aws.CredentialsProvider
		reason  Reason
		code    string
		status  int
		message []string // all stand in the error
	}{
		{
			name: "denied", sts: &fakeSTS{answer: func(int) (int, string, error) {
				return 403, denied("AccessDenied", "User: arn:aws:iam::123456789012:user/a is not authorized to perform: sts:AssumeRole"), nil
			}},
			reason: AccessDenied, code: "AccessDenied", status: 403,
			message: []string{"assume role " + role, "is not authorized to perform", "request id request-1", "trust policy"},
		},
		{
			name: "unknown key", sts: &fakeSTS{answer: func(int) (int, string, error) {
				return 403, denied("InvalidClientTokenId", "The security token included in the request is invalid."), nil
			}},
			reason: InvalidCredentials, code: "InvalidClientTokenId", status: 403, message: []string{"belong together"},
		},
		{
			name: "wrong secret, echo", sts: &fakeSTS{answer: func(int) (int, string, error) {
				return 403, denied("SignatureDoesNotMatch", "The request signature we calculated does not match. The Canonical String for this request should have been 'x-amz-security-token:canary-echo'"), nil
			}},
			reason: InvalidCredentials, code: "SignatureDoesNotMatch", status: 403, message: []string{"we calculated does not match"},
		},
		{
			name: "expired base credentials", sts: &fakeSTS{answer: func(int) (int, string, error) {
				return 403, denied("ExpiredToken", "The security token included in the request is expired"), nil
			}},
			reason: ExpiredCredentials, code: "ExpiredToken", status: 403, message: []string{"fetch new ones"},
		},
		{
			name: "duration too long", sts: &fakeSTS{answer: func(int) (int, string, error) {
				return 400, denied("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."), nil
			}},
			reason: InvalidRequest, code: "ValidationError", status: 400, message: []string{"MaxSessionDuration", "one hour when a role assumes another"},
		},
		{name: "clock behind", sts: &fakeSTS{skew: 2 * time.Hour}, reason: ClockSkew, message: []string{"2h0m0s behind AWS's", "NTP"}},
		{name: "clock ahead", sts: &fakeSTS{skew: -6 * time.Minute}, reason: ClockSkew, message: []string{"6m0s ahead of AWS's"}},
		{
			name: "signature expired", sts: &fakeSTS{skew: time.Hour, answer: func(int) (int, string, error) {
				return 403, denied("SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than 20260101T005500Z"), nil
			}},
			reason: ClockSkew, code: "SignatureDoesNotMatch", status: 403, message: []string{"Signature expired", "NTP"},
		},
		{
			name: "signature does not match, clock off", sts: &fakeSTS{skew: time.Hour, answer: func(int) (int, string, error) {
				return 403, denied("InvalidSignatureException", "no"), nil
			}},
			reason: ClockSkew, code: "InvalidSignatureException", status: 403,
		},
		{
			name: "HTML", sts: &fakeSTS{answer: func(int) (int, string, error) { return 503, "<html><body>Sorry</body></html>", nil }},
			reason: Unavailable, message: []string{"STS endpoint"},
		},
		{
			name: "empty answer", sts: &fakeSTS{answer: func(int) (int, string, error) { return 200, "", nil }},
			reason: Unavailable,
		},
		{
			name: "answer without credentials", sts: &fakeSTS{answer: func(int) (int, string, error) {
				return 200, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult></AssumeRoleResult></AssumeRoleResponse>`, nil
			}},
			reason: Unavailable,
		},
		{
			name: "truncated answer", sts: &fakeSTS{answer: func(int) (int, string, error) {
				return 200, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><Acc`, nil
			}},
			reason: Unavailable,
		},
		{
			name: "no connection", sts: &fakeSTS{answer: func(int) (int, string, error) { return 0, "", errors.New("dial tcp: connection refused") }},
			reason: Unavailable, message: []string{"connection refused", "check network"},
		},
		{name: "hanging", sts: &fakeSTS{delay: time.Hour}, reason: Unavailable, message: []string{"no answer within 30s"}},
		{name: "throttled", sts: &fakeSTS{answer: func(int) (int, string, error) { return 400, denied("Throttling", "Rate exceeded"), nil }}, reason: Unavailable, code: "Throttling", status: 400},
		{name: "no base credentials", base: brokenProvider{errors.New("no EC2 IMDS role found")}, reason: NoCredentials, message: []string{"no EC2 IMDS role found", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"}},
		{name: "empty base credentials", base: credentials.NewStaticCredentialsProvider("", "", ""), reason: NoCredentials, message: []string{"empty"}},
		{name: "half of the base credentials", base: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA"}, nil
		}), reason: NoCredentials, message: []string{"is empty"}},
		{name: "anonymous", base: aws.AnonymousCredentials{}, reason: NoCredentials, message: []string{"AnonymousCredentials is not a valid"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sts := cmp.Or(tc.sts, &fakeSTS{})
				c := sts.config()
				if tc.base != nil {
					c.BaseCredentials = tc.base
				}
				s := newTestSigner(t, c)
				began := time.Now()
				err := s.Sign(t.Context(), newRequest(t, "GET", endpoint+"/", ""), marketplace.NorthAmerica)
				e, ok := errors.AsType[*Error](err)
				if !ok {
					t.Fatalf("error is %T: %v", err, err)
				}
				if e.Reason != tc.reason || tc.code != "" && (e.Code != tc.code || e.Status != tc.status) {
					t.Errorf("reason %q, code %q, status %d; want %q, %q, %d\n%v", e.Reason, e.Code, e.Status, tc.reason, tc.code, tc.status, err)
				}
				for _, want := range append(tc.message, string(tc.reason), e.Explain()) {
					if want == "" || !strings.Contains(err.Error(), want) {
						t.Errorf("error lacks %q: %v", want, err)
					}
				}
				for cause := error(e); cause != nil; cause = errors.Unwrap(cause) {
					for _, print := range []string{cause.Error(), fmt.Sprintf("%+v", cause), fmt.Sprintf("%#v", cause)} {
						if strings.Contains(print, "canary") || strings.Contains(print, "\n") && cause == e {
							t.Errorf("error prints a secret or a second line: %s", print)
						}
					}
				}
				if waited := time.Since(began); waited > time.Minute {
					t.Errorf("took %s", waited)
				}
			})
		})
	}
}

func TestConfigErrors(t *testing.T) {
	base := credentials.NewStaticCredentialsProvider(baseID, baseSecret, "")
	for _, tc := range []struct {
		name string
		c    Config
		want string
	}{
		{"user", Config{RoleARN: "arn:aws:iam::123456789012:user/me"}, "is a user's"},
		{"malformed", Config{RoleARN: "arn:aws:iam::12345:role/me"}, `"arn:aws:iam::12345:role/me": want arn:aws:iam::<account of 12 digits>:role/<name>`},
		{"quoted", Config{RoleARN: `"` + role + `"`}, "does not begin with arn:"},
		{"a secret in its place", Config{RoleARN: "canary/secret+key"}, "role ARN of 17 characters"},
		{"session name", Config{SessionName: "my session"}, `session name "my session": want 2 to 64`},
		{"short", Config{Duration: time.Minute}, "duration 1m0s: want whole seconds from 15m0s"},
		{"long", Config{Duration: 13 * time.Hour}, "to 12h0m0s"},
		{"fraction", Config{Duration: time.Hour + time.Millisecond}, "whole seconds"},
		{"plain http", Config{STSEndpoint: "http://sts.example.com"}, "want https"},
		{"plain http to another machine", Config{STSEndpoint: "http://10.0.0.1:9000/"}, "want https"},
		{"no URL", Config{STSEndpoint: "sts.example.com"}, "want a URL"},
		{"password", Config{STSEndpoint: "https://u:canary@sts.example.com"}, "want a URL"},
		{"other scheme", Config{STSEndpoint: "ftp://sts.example.com"}, "want https"},
	} {
		tc.c.BaseCredentials = base
		s, err := New(tc.c)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, %v; want an error with %q and without secrets", tc.name, s, err, tc.want)
		}
	}
	for _, endpoint := range []string{"", "https://sts.example.com", "https://sts.example.com/sts/", "http://127.0.0.1:9000/sts/", "http://localhost/", "http://[::1]:8080"} {
		if _, err := New(Config{STSEndpoint: endpoint, BaseCredentials: base}); err != nil {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

// clearAWS hides the AWS configuration of the computer that runs the test.
func clearAWS(t *testing.T) (home string) {
	home = t.TempDir()
	for _, line := range os.Environ() {
		if key, _, _ := strings.Cut(line, "="); strings.HasPrefix(key, "AWS_") || key == "SP_ROLE_ARN" || key == "SPAPI_ROLE_ARN" {
			t.Setenv(key, "") // so that it is restored
			os.Unsetenv(key)
		}
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "config"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return home
}

func TestFromEnvironment(t *testing.T) {
	t.Run("nothing", func(t *testing.T) {
		clearAWS(t)
		s, err := FromEnvironment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Retrieve(t.Context())
		if e, ok := errors.AsType[*Error](err); !ok || e.Reason != NoCredentials {
			t.Errorf("without any credentials: %v", err)
		}
	})
	t.Run("user keys", func(t *testing.T) {
		clearAWS(t)
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIAUSER")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "canary")
		s, err := FromEnvironment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Retrieve(t.Context()); err != nil || got.AccessKeyID != "AKIAUSER" {
			t.Errorf("%s, %v; want the user's own key", got.AccessKeyID, err)
		}
	})
	t.Run("profile", func(t *testing.T) {
		home := clearAWS(t)
		if err := os.WriteFile(filepath.Join(home, "credentials"), []byte("[seller]\naws_access_key_id=AKIAPROFILE\naws_secret_access_key=canary\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_PROFILE", "seller")
		s, err := FromEnvironment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Retrieve(t.Context()); err != nil || got.AccessKeyID != "AKIAPROFILE" {
			t.Errorf("%s, %v; want the profile's key", got.AccessKeyID, err)
		}
		t.Setenv("AWS_PROFILE", "missing")
		_, err = FromEnvironment(t.Context())
		if e, ok := errors.AsType[*Error](err); !ok || e.Reason != NoCredentials || !strings.Contains(err.Error(), "missing") {
			t.Errorf("missing profile: %v", err)
		}
	})
	for _, name := range []string{"SP_ROLE_ARN", "SPAPI_ROLE_ARN"} {
		t.Run(name, func(t *testing.T) {
			clearAWS(t)
			sts := &fakeSTS{}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/sts/" || !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/sts/aws4_request") {
					http.Error(w, "wrong path or signature", http.StatusTeapot)
					return
				}
				res, err := sts.RoundTrip(r)
				if err != nil {
					http.Error(w, err.Error(), http.StatusTeapot)
					return
				}
				io.Copy(w, res.Body)
			}))
			defer server.Close()
			defer http.DefaultClient.CloseIdleConnections()
			t.Setenv(name, role)
			t.Setenv("AWS_ACCESS_KEY_ID", baseID)
			t.Setenv("AWS_SECRET_ACCESS_KEY", baseSecret)
			t.Setenv("AWS_REGION", "eu-west-1")
			t.Setenv("AWS_ENDPOINT_URL_STS", server.URL+"/sts/")
			s, err := FromEnvironment(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.Retrieve(t.Context()); err != nil || got.AccessKeyID != "ASIACANARY1" {
				t.Errorf("%s, %v; want the role's key", got.AccessKeyID, err)
			}
		})
	}
	t.Run("both", func(t *testing.T) {
		clearAWS(t)
		t.Setenv("SP_ROLE_ARN", role)
		t.Setenv("SPAPI_ROLE_ARN", role)
		if _, err := FromEnvironment(t.Context()); err != nil {
			t.Errorf("both alike: %v", err)
		}
		t.Setenv("SPAPI_ROLE_ARN", role+"2")
		if _, err := FromEnvironment(t.Context()); err == nil || !strings.Contains(err.Error(), "SPAPI_ROLE_ARN and SP_ROLE_ARN") {
			t.Errorf("both, different: %v", err)
		}
	})
}

func TestNoSecretPrints(t *testing.T) {
	sts := &fakeSTS{}
	c := sts.config()
	c.ExternalID = "canary-external"
	s := newTestSigner(t, c)
	if _, err := s.Retrieve(t.Context()); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	for _, v := range []any{c, &c, s, struct{ C Config }{c}, struct{ S *Signer }{s}} {
		logger.Info("x", "v", v)
		text, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%T: %v", v, err)
		}
		for _, print := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%s %q %x", v, v, v), string(text)} {
			if strings.Contains(print, "canary") || strings.Contains(print, "CANARY") {
				t.Errorf("%T prints a secret: %s", v, print)
			}
		}
	}
	if strings.Contains(log.String(), "canary") || strings.Contains(log.String(), "CANARY") {
		t.Errorf("slog prints a secret: %s", log.String())
	}
	if got := fmt.Sprint(s); got != "awsauth.Signer("+role+")" {
		t.Errorf("signer prints %s", got)
	}
}

// signNow signs with fixed credentials.
func signNow(req *http.Request) error {
	return sign(context.Background(), v4.NewSigner(), aws.Credentials{AccessKeyID: baseID, SecretAccessKey: baseSecret, SessionToken: "t"}, req, scope{service: "execute-api", region: "us-east-1"}, time.Unix(1e9, 0))
}

func TestBody(t *testing.T) {
	reader := func(s string) io.Reader { return io.MultiReader(strings.NewReader(s)) } // a type for which net/http sets no GetBody
	const text = `{"a":1}`
	signature := func(body io.Reader, change func(*http.Request)) (string, *http.Request, error) {
		req, err := http.NewRequest("POST", endpoint+"/feeds/2021-06-30/feeds", body)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(req)
		}
		err = signNow(req)
		return req.Header.Get("Authorization"), req, err
	}
	want, _, err := signature(strings.NewReader(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, req, err := signature(reader(text), nil)
	if err != nil || got != want || req.ContentLength != int64(len(text)) {
		t.Errorf("a body without GetBody: %v, length %d\n got %s\nwant %s", err, req.ContentLength, got, want)
	}
	for range 2 { // it is sent, then signed and sent again
		sent, _ := io.ReadAll(req.Body)
		if string(sent) != text {
			t.Errorf("body sent is %q", sent)
		}
		if req.Body, err = req.GetBody(); err != nil {
			t.Fatal(err)
		}
		if err := signNow(req); err != nil || req.Header.Get("Authorization") != want {
			t.Errorf("signed again: %v", err)
		}
	}
	once := false
	if _, _, err := signature(closer{reader(text), &once}, nil); err != nil || !once {
		t.Errorf("a body that was read into memory: %v, closed: %t", err, once)
	}
	if got, req, err = signature(reader(""), nil); err != nil || req.Body != http.NoBody {
		t.Errorf("empty stream: %v, body %v, %s", err, req.Body, got)
	}
	closed := false
	for _, tc := range []struct {
		name   string
		body   io.Reader
		change func(*http.Request)
		want   string
	}{
		{"too long", io.LimitReader(zeros{}, maxBuffered+1), nil, "set the request's GetBody"},
		{"broken", iotest.ErrReader(errors.New("disk gone")), nil, "disk gone"},
		{"shorter than said", reader(text), func(r *http.Request) { r.ContentLength = 100 }, "content length is 100"},
		{"GetBody shorter than said", strings.NewReader(text), func(r *http.Request) { r.ContentLength = 100 }, "content length is 100"},
		{"GetBody fails", strings.NewReader(text), func(r *http.Request) {
			r.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("file gone") }
		}, "file gone"},
		{"GetBody breaks", strings.NewReader(text), func(r *http.Request) {
			r.GetBody = func() (io.ReadCloser, error) {
				return closer{iotest.ErrReader(errors.New("disk gone")), &closed}, nil
			}
		}, "disk gone"},
	} {
		if _, _, err := signature(tc.body, tc.change); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want an error with %q", tc.name, err, tc.want)
		}
	}
	if !closed {
		t.Error("what GetBody opened stays open")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type closer struct {
	io.Reader
	closed *bool
}

func (c closer) Close() error { *c.closed = true; return nil }

// A request cloned shallowly, as a round tripper may, shares URL and header values with its original.
func TestSignLeavesTheOriginalAlone(t *testing.T) {
	original := newRequest(t, "GET", endpoint+"/a?b=2&a=1", "")
	original.Header["Authorization"] = []string{"mine"}
	original.Header["X-Amz-Date"] = []string{"yesterday"}
	clone := new(http.Request)
	*clone = *original
	clone.Header = http.Header{"Authorization": original.Header["Authorization"], "X-Amz-Date": original.Header["X-Amz-Date"]}
	if err := signNow(clone); err != nil {
		t.Fatal(err)
	}
	if original.URL.RawQuery != "b=2&a=1" || original.Header.Get("Authorization") != "mine" || original.Header.Get("X-Amz-Date") != "yesterday" {
		t.Errorf("the original changed: %s %v", original.URL, original.Header)
	}
	if clone.URL.RawQuery != "a=1&b=2" || clone.Header.Get("Authorization") == "mine" {
		t.Errorf("the clone is not signed: %s", clone.URL)
	}
}

func TestQuery(t *testing.T) {
	for raw, want := range map[string]string{
		"a=1;b=2": "%3B",
		"a=%":     `query has "%"`,
		"a=%2":    `query has "%2"`,
		"a=%zz&b": `query has "%zz"`,
	} {
		req := newRequest(t, "GET", endpoint+"/a", "")
		req.URL.RawQuery = raw
		if err := signNow(req); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want an error with %q", raw, err, want)
		}
	}
	for raw, want := range map[string]string{
		"NextToken=a%2Bb%2F%3D": "NextToken=a%2Bb%2F%3D",
		"mskus=a%252Bb":         "mskus=a%252Bb",
		"b=2&a=x+y&a=*":         "a=%2A&a=x%20y&b=2",
		"flag":                  "flag=",
	} {
		req := newRequest(t, "GET", endpoint+"/a", "")
		req.URL.RawQuery = raw
		if err := signNow(req); err != nil || req.URL.RawQuery != want {
			t.Errorf("%q became %q, %v; want %q", raw, req.URL.RawQuery, err, want)
		}
	}
}

func TestNormalizePath(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "": "/", "//": "/", "/a//b": "/a/b", "/a/": "/a/", "/a/./": "/a/", "/a/..": "/", "/a/../": "/", "/a/b/..": "/a",
		"/../../a": "/a", "/a/.hidden": "/a/.hidden", "/a/..b/": "/a/..b/", "/a/%2E%2E/b": "/a/%2E%2E/b", "/a%2F%2Fb": "/a%2F%2Fb",
	} {
		if got := normalizePath(path); got != want {
			t.Errorf("%q became %q, want %q", path, got, want)
		}
		if changed := want != path && path != ""; changed && !needsNormalizing(path) {
			t.Errorf("%q is not seen to need it", path)
		}
	}
}

// The signed host is the one that is sent: the signer drops a default port.
func TestHost(t *testing.T) {
	plain := newRequest(t, "GET", "https://example.com/", "")
	port := newRequest(t, "GET", "https://example.com:443/", "")
	other := newRequest(t, "GET", "https://example.com:8443/", "")
	for _, req := range []*http.Request{plain, port, other} {
		if err := signNow(req); err != nil {
			t.Fatal(err)
		}
	}
	if port.Host != "example.com" || port.Header.Get("Authorization") != plain.Header.Get("Authorization") {
		t.Errorf("host sent is %q, and signed is something else", port.Host)
	}
	if other.Host != "example.com:8443" || other.Header.Get("Authorization") == plain.Header.Get("Authorization") {
		t.Errorf("port is lost: %q", other.Host)
	}
}

// Signing from many goroutines, for several regions at once, is what -race is for.
func TestConcurrentSigning(t *testing.T) {
	s := newTestSigner(t, (&fakeSTS{}).config())
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			req := httptest.NewRequest("POST", endpoint+"/a", nil)
			if err := s.Sign(context.Background(), req, marketplace.Regions()[i%3]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
