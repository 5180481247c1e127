package spapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestScrub(t *testing.T) {
	const bare = "0a1b2c3d4e5fCANARY" // client secrets from before 2023 have no shape
	for _, text := range []string{
		testAccessToken, testRefreshToken, testRestricted, "Atc|CANARY", testClientSecret, url.QueryEscape(testRefreshToken),
		strings.ToLower(url.QueryEscape("|")) + "x Atza%7ccanaryCANARY",
		"Atc%7CCANARY", "Atz.sprdt%7CCANARY", "Atza%257CCANARY", "Atza&#124;CANARY", "Atzr&#x7c;CANARY", "Atza&vert;CANARY", `Atza\u007cCANARY`,
		`{"refresh_token":"` + testRefreshToken + `"}`, "x-amz-access-token:secretCANARY\nx-amz-date:20260101T000000Z", `X-Amz-Security-Token: sessionCANARY`,
		"Authorization: AWS4-HMAC-SHA256 Credential=AKIACANARY/x, Signature=CANARY", "authorization: Bearer CANARY",
		"Authorization: AWS4-HMAC-SHA256 Credential=AKIACANARY/x, SignedHeaders=host;x-amz-date, Signature=CANARY", "the secret is " + bare, bare + bare,
		`x-amz-access-token: Atza\u007cCANARY`, `X-Amz-Access-Token:Atza&#124;CANARY`, `x-amz-security-token:IQoJ\/b3Jp\u002bCANARY`,
		`"x-amz-security-token":"IQoJ\/CANARY"`, `{"X-Amz-Security-Token": ["IQoJ/CANARY"]}`, `{\"authorization\":\"Bearer CANARY\"}`,
		`authorization: AWS4-HMAC-SHA256 Credential=AKIACANARY\/x, SignedHeaders=host, Signature=CANARY`, `Atza\\u007cCANARY`, `Atzr|IwEB\/CANARY\u002bCANARY`,
	} {
		got := scrub("before "+text+" after", bare)
		noSecrets(t, got)
		if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") || !strings.Contains(got, redacted) {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{"", "Atza and Atzr are prefixes", "the access token has expired", "amzn1.application-oa2-client.0123",
		`{"authorization":{"status":"missing"}}`, `x-amz-access-token: \n`} {
		if got := scrub(text, "", "t", "the"); got != text {
			t.Errorf("innocent %q became %q", text, got)
		}
	}
}

// WithResponse hands over the body of an error: what a proxy echoes of the request must not be in it, whatever the status.
func TestResponseOfAnErrorIsScrubbed(t *testing.T) {
	for _, status := range []int{307, 400, 403, 404, 422} {
		f := &fake{api: func(req *http.Request) *http.Response { return reply(status, `{"you_sent":"`+token(req)+`"}`) }}
		var r Response
		_, err := invokeRaw(t.Context(), f.client(), catalogItem, asin, WithResponse(&r))
		if err == nil || !strings.Contains(string(r.Body), "you_sent") {
			t.Errorf("%d: body %s, %v", status, r.Body, err)
		}
		noSecrets(t, string(r.Body), fmt.Sprint(err))
	}
}
