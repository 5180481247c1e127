package emulator_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/openspapi/spapi/emulator"
)

// doer lets AWS's SDK use the emulator as its HTTP client.
type doer struct{ c *client }

func (d doer) Do(r *http.Request) (*http.Response, error) { return d.c.RoundTrip(r) }

func stsClient(c *client, id, secret, region string) *sts.Client {
	return sts.New(sts.Options{
		Region: region, HTTPClient: doer{c}, Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
		RetryMaxAttempts: 1,
	})
}

// TestAssumeRole uses AWS's own SDK, whose signatures go by the real clock.
func TestAssumeRole(t *testing.T) {
	c := newClient(t)
	c.clock.advance(time.Since(start))
	cred := c.Credentials()
	good := func() *sts.AssumeRoleInput {
		return &sts.AssumeRoleInput{RoleArn: &cred.RoleARN, RoleSessionName: aws.String("sp-api")}
	}
	for _, region := range []string{"us-east-1", "eu-west-1", "ap-northeast-1"} {
		out, err := stsClient(c, cred.AWSAccessKeyID, cred.AWSSecretAccessKey, region).AssumeRole(context.Background(), good())
		if err != nil {
			t.Fatal(err)
		}
		if k := *out.Credentials.AccessKeyId; !strings.HasPrefix(k, "ASIA") || len(*out.Credentials.SessionToken) < 100 {
			t.Errorf("credentials %+v", out.Credentials)
		}
		if d := out.Credentials.Expiration.Sub(c.clock.Now()); d < 59*time.Minute || d > time.Hour {
			t.Errorf("expires in %v", d)
		}
		if !strings.HasSuffix(*out.AssumedRoleUser.Arn, ":assumed-role/sp-api-role/sp-api") {
			t.Errorf("user %s", *out.AssumedRoleUser.Arn)
		}
	}
	for _, test := range []struct {
		name, id, secret string
		change           func(*sts.AssumeRoleInput)
		code             string
	}{
		{"unknown key", "AKIAXXXXXXXXXXXXXXXX", cred.AWSSecretAccessKey, nil, "InvalidClientTokenId"},
		{"wrong secret", cred.AWSAccessKeyID, "x", nil, "SignatureDoesNotMatch"},
		{"another role", "", "", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::123456789012:role/other") }, "AccessDenied"},
		{"no role", "", "", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("sp-api-role") }, "ValidationError"},
		{"blank in the session name", "", "", func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("sp api") }, "ValidationError"},
		{"too short", "", "", func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(899) }, "ValidationError"},
		{"longer than the role allows", "", "", func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7200) }, "ValidationError"},
		{"far too long", "", "", func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(50000) }, "ValidationError"},
	} {
		in := good()
		if test.change != nil {
			test.change(in)
		}
		if test.id == "" {
			test.id, test.secret = cred.AWSAccessKeyID, cred.AWSSecretAccessKey
		}
		_, err := stsClient(c, test.id, test.secret, "us-east-1").AssumeRole(context.Background(), in)
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != test.code {
			t.Errorf("%s: %v, want %s", test.name, err, test.code)
		}
	}
	id, err := stsClient(c, cred.AWSAccessKeyID, cred.AWSSecretAccessKey, "us-east-1").GetCallerIdentity(context.Background(), nil)
	if err != nil || *id.Arn != "arn:aws:iam::123456789012:user/sp-api-user" {
		t.Errorf("caller %v %v", id, err)
	}
	c.clock.advance(time.Hour)
	_, err = stsClient(c, cred.AWSAccessKeyID, cred.AWSSecretAccessKey, "us-east-1").AssumeRole(context.Background(), good())
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "SignatureDoesNotMatch" || !strings.HasPrefix(api.ErrorMessage(), "Signature expired: ") {
		t.Errorf("an hour off: %v", err)
	}
}

func TestSTSAnswersAsXML(t *testing.T) {
	c := newClient(t)
	r := c.do("POST", "http://127.0.0.1:8080/sts/", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "Action=AssumeRole&Version=2011-06-15")
	const want = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>MissingAuthenticationToken</Code>
    <Message>Request is missing Authentication Token</Message>
  </Error>
  <RequestId>`
	if r.status != 403 || !strings.HasPrefix(r.body, want) || r.header.Get("Content-Type") != "text/xml" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := c.do("GET", "https://sts.amazonaws.com/?Action=Dance&Version=2011-06-15", nil, ""); r.status != 400 || !strings.Contains(r.body, "<Code>InvalidAction</Code>") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := c.do("GET", "https://sts.amazonaws.com/", nil, ""); r.status != 400 || !strings.Contains(r.body, "<Code>MissingAction</Code>") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// signed makes a request that AWS's signer has signed.
func signed(t *testing.T, cred aws.Credentials, token, rawURL, service, region string, at time.Time) *http.Request {
	t.Helper()
	r, err := http.NewRequest("GET", rawURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-amz-access-token", token)
	r.Header.Set("User-Agent", "test/1 (Language=Go)")
	empty := sha256.Sum256(nil)
	if err := v4.NewSigner().SignHTTP(context.Background(), cred, r, hex.EncodeToString(empty[:]), service, region, at); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestArticleFlow is the way that tutorials of 2020 go: token, AssumeRole, signed search of catalog v0.
func TestArticleFlow(t *testing.T) {
	c := newClient(t)
	c.clock.advance(time.Since(start))
	c.refresh()
	cred := c.Credentials()
	out, err := stsClient(c, cred.AWSAccessKeyID, cred.AWSSecretAccessKey, "us-east-1").AssumeRole(context.Background(),
		&sts.AssumeRoleInput{RoleArn: &cred.RoleARN, RoleSessionName: aws.String("sp-api")})
	if err != nil {
		t.Fatal(err)
	}
	session := aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
	user := aws.Credentials{AccessKeyID: cred.AWSAccessKeyID, SecretAccessKey: cred.AWSSecretAccessKey}
	search := na + "/catalog/v0/items?MarketplaceId=" + us + "&Query=pen"
	now := c.clock.Now()
	with := func(c aws.Credentials, f func(*aws.Credentials)) aws.Credentials { f(&c); return c }
	for _, test := range []struct {
		name          string
		cred          aws.Credentials
		url           string
		service       string
		region        string
		at            time.Time
		status        int
		code, message string
	}{
		{"session", session, search, "execute-api", "us-east-1", now, 200, "", ""},
		{"user", user, search, "execute-api", "us-east-1", now, 200, "", ""},
		{"own host", session, "http://127.0.0.1:8080/catalog/v0/items?Query=gel%20pen&MarketplaceId=" + us, "execute-api", "us-east-1", now, 200, "", ""},
		{"region", session, search, "execute-api", "eu-west-1", now, 403, "InvalidSignature", "Credential should be scoped to a valid region"},
		{"service", session, search, "sts", "us-east-1", now, 403, "InvalidSignature", "correct service"},
		{"old", session, search, "execute-api", "us-east-1", now.Add(-5*time.Minute - 2*time.Second), 403, "InvalidSignature", "Signature expired: "},
		{"ahead", session, search, "execute-api", "us-east-1", now.Add(5*time.Minute + 2*time.Second), 403, "InvalidSignature", "Signature not yet current: "},
		{"secret", with(session, func(c *aws.Credentials) { c.SecretAccessKey = "x" }), search, "execute-api", "us-east-1", now, 403, "InvalidSignature", "The request signature we calculated does not match the signature you provided."},
		{"session token", with(session, func(c *aws.Credentials) { c.SessionToken = "x" }), search, "execute-api", "us-east-1", now, 403, "InvalidInput", "The security token included in the request is invalid."},
		{"key", with(user, func(c *aws.Credentials) { c.AccessKeyID = "AKIAX" }), search, "execute-api", "us-east-1", now, 403, "InvalidInput", "The security token included in the request is invalid."},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := c.send(signed(t, test.cred, c.token, test.url, test.service, test.region, test.at))
			if r.status != test.status || r.text("errors", 0, "code") != test.code || !strings.Contains(r.text("errors", 0, "message"), test.message) {
				t.Fatalf("%d %s, want %d %s %s", r.status, r.body, test.status, test.code, test.message)
			}
			if r.status == 200 {
				item, _ := r.path("payload", "Items", 0).(map[string]any)
				if item["AttributeSets"] == nil || r.text("payload", "Items", 0, "Identifiers", "MarketplaceASIN", "ASIN") == "" {
					t.Errorf("item %v", item)
				}
				if r.header.Get("X-Spapi-Emulator-Operation") != "catalogitemsv0.listCatalogItems" {
					t.Errorf("operation %q", r.header.Get("X-Spapi-Emulator-Operation"))
				}
			}
			if test.name == "secret" && !strings.Contains(r.text("errors", 0, "message"), "The Canonical String for this request should have been\n'GET\n/catalog/v0/items\n") {
				t.Errorf("no canonical string in %s", r.body)
			}
		})
	}
	if r := c.do("GET", search, http.Header{"X-Amz-Access-Token": {c.token}}, ""); r.status != 403 || r.body != `{"errors":[{"message":"Access to requested resource is denied.","code":"MissingAuthenticationToken"}]}`+"\nsignature: Access to requested resource is denied." {
		t.Errorf("unsigned: %d %s", r.status, r.body)
	}
	c.clock.advance(time.Hour)
	c.refresh()
	if r := c.send(signed(t, session, c.token, search, "execute-api", "us-east-1", c.clock.Now())); r.text("errors", 0, "message") != "The security token included in the request is expired" {
		t.Errorf("expired session: %s", r.body)
	}
}

func TestSignaturesAreOptional(t *testing.T) {
	c := newClient(t)
	account := na + "/sellers/v1/account"
	wrong := aws.Credentials{AccessKeyID: "AKIAX", SecretAccessKey: "x"}
	if r := c.send(signed(t, wrong, c.token, account, "execute-api", "us-east-1", start)); r.status != 200 {
		t.Errorf("a wrong signature is not ignored: %d", r.status)
	}
	c = newClient(t, emulator.WithRequireSigV4())
	if r := c.send(signed(t, wrong, c.token, account, "execute-api", "us-east-1", start)); r.status != 403 {
		t.Errorf("a wrong signature is ignored: %d", r.status)
	}
	cred := c.Credentials()
	good := aws.Credentials{AccessKeyID: cred.AWSAccessKeyID, SecretAccessKey: cred.AWSSecretAccessKey}
	// Paths and queries whose escaping is easily got wrong.
	for _, path := range []string{
		"/sellers/v1/account",
		"/listings/2021-08-01/items/" + cred.SellerID + "/A%2F1%20%C3%84?marketplaceIds=" + us + "&includedData=summaries%2Coffers",
		"/catalog/2022-04-01/items?keywords=caf%C3%A9%20%2B%20cr%C3%A8me&marketplaceIds=" + us,
		"/catalog/2022-04-01/items?marketplaceIds=" + us + "&keywords=" + url.QueryEscape("a+b c*~"),
	} {
		if r := c.send(signed(t, good, c.token, na+path, "execute-api", "us-east-1", start)); r.status != 200 && r.status != 404 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}
