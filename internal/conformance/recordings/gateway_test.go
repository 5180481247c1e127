package recordings

import (
	"net/url"
	"slices"
	"testing"
)

// gatewayChecks are about what stands before all operations: tokens, the front's own answers, documents at S3, the consent page.
func gatewayChecks() []check {
	return []check{
		{rows: []int{2}, run: checkRefreshToken},
	}
}

func checkRefreshToken(t *testing.T) {
	s := open(t)
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.creds.RefreshToken}, "client_id": {s.creds.ClientID}, "client_secret": {s.creds.ClientSecret}}
	r := s.do("POST", "https://api.amazon.com/auth/o2/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "x-amz-access-token", "")
	r.want(200).wantHeader("Content-Type", "application/json;charset=UTF-8")
	if got := r.names(""); !slices.Equal(got, []string{"access_token", "refresh_token", "token_type", "expires_in"}) {
		t.Errorf("members %q", got)
	}
}
