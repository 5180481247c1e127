package accounts_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/accounts/accountstest"
)

// setenv replaces all that is read from the environment.
func setenv(t *testing.T, pairs map[string]string) {
	t.Helper()
	for _, name := range []string{"SPAPI_CLIENT_ID", "LWA_CLIENT_IDENTIFIER", "SPAPI_CLIENT_SECRET", "LWA_CLIENT_SECRET", "SPAPI_REFRESH_TOKEN", "AMAZON_REFRESH_TOKEN",
		"SPAPI_REGION", "SPAPI_MARKETPLACE", "SPAPI_SANDBOX", "SPAPI_SELLER_ID", "SPAPI_APPLICATION_ID", "SPAPI_ROLE_ARN", "SP_ROLE_ARN",
		"SPAPI_ENDPOINT", "SPAPI_TOKEN_URL", "SPAPI_PROFILE", "SPAPI_CONFIG"} {
		t.Setenv(name, pairs[name])
	}
	home := t.TempDir() // without profiles
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("HOME", home)
}

var article = map[string]string{
	"LWA_CLIENT_IDENTIFIER": "amzn1.application-oa2-client.1", "LWA_CLIENT_SECRET": "amzn1.oa2-cs.v1." + accountstest.Canary,
	"AMAZON_REFRESH_TOKEN": "Atzr|" + accountstest.Canary, "SP_ROLE_ARN": "arn:aws:iam::123456789012:role/SellingPartner", "SPAPI_REGION": "na",
}

func with(changes ...string) map[string]string {
	env := map[string]string{}
	for k, v := range article {
		env[k] = v
	}
	for i := 0; i < len(changes); i += 2 {
		env[changes[i]] = changes[i+1]
	}
	return env
}

func TestEnvironment(t *testing.T) {
	setenv(t, with("SPAPI_MARKETPLACE", "US", "SPAPI_SELLER_ID", "A1EXAMPLE2ABC", "SPAPI_APPLICATION_ID", "amzn1.sp.solution.1"))
	ctx, s := t.Context(), accounts.Environment()
	account, err := accounts.Pick(ctx, s, "")
	if err != nil || account.Name != accounts.EnvironmentName || account.SellingPartnerID != "A1EXAMPLE2ABC" || account.Region != "na" ||
		len(account.Marketplaces) != 1 || account.RefreshToken.Reveal() != article["AMAZON_REFRESH_TOKEN"] {
		t.Errorf("account %v, %v", account, err)
	}
	application, err := s.Application(ctx, account.ClientID)
	if err != nil || application.ClientSecret.Reveal() != article["LWA_CLIENT_SECRET"] || application.RoleARN != article["SP_ROLE_ARN"] ||
		application.ApplicationID != "amzn1.sp.solution.1" {
		t.Errorf("application %v, %v", application, err)
	}
	if list, err := s.List(ctx); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if list, err := s.Applications(ctx); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	_, err = s.Get(ctx, "other")
	if !errors.Is(err, accounts.ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.Application(ctx, "amzn1.application-oa2-client.2"); !errors.Is(err, accounts.ErrNotFound) {
		t.Error(err)
	}
	for _, err := range []error{s.Put(ctx, account), s.Delete(ctx, account.Name), s.Use(ctx, account.Name), s.PutApplication(ctx, application), s.DeleteApplication(ctx, application.ClientID)} {
		if !errors.Is(err, accounts.ErrReadOnly) {
			t.Error(err)
		}
		accountstest.NoSecret(t, err)
	}
	for _, v := range []any{account, application, s} {
		accountstest.NoSecret(t, v)
	}

	setenv(t, nil)
	if list, err := s.List(ctx); err != nil || len(list) != 0 {
		t.Errorf("without variables: %v, %v", list, err)
	}
	if list, err := s.Applications(ctx); err != nil || len(list) != 0 {
		t.Errorf("without variables: %v, %v", list, err)
	}
	if _, err := s.Default(ctx); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("without variables: %v", err)
	}
	if _, err := accounts.Open(ctx, s, ""); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("without variables: %v", err)
	}
}

// The environment means to this store what it means to spapi.Load.
func TestEnvironmentIsThatOfLoad(t *testing.T) {
	for what, env := range map[string]map[string]string{
		"the tutorials' names":       article,
		"marketplace":                with("SPAPI_REGION", "", "SPAPI_MARKETPLACE", "uk"),
		"both":                       with("SPAPI_REGION", "eu", "SPAPI_MARKETPLACE", "UK"),
		"sandbox":                    with("SPAPI_SANDBOX", "true"),
		"endpoint":                   with("SPAPI_ENDPOINT", "http://127.0.0.1:1/x", "SPAPI_TOKEN_URL", "http://127.0.0.1:1/token"),
		"the same twice":             with("SPAPI_CLIENT_ID", article["LWA_CLIENT_IDENTIFIER"]),
		"region by name":             with("SPAPI_REGION", "Europe"),
		"no region":                  with("SPAPI_REGION", ""),
		"unknown region":             with("SPAPI_REGION", "moon"),
		"unknown marketplace":        with("SPAPI_MARKETPLACE", "Germny"),
		"marketplace of later":       with("SPAPI_MARKETPLACE", "A1ZZZZZZZZZZZZ"),
		"no region told":             with("SPAPI_REGION", "", "SPAPI_MARKETPLACE", "A1ZZZZZZZZZZZZ"),
		"id with a slip":             with("SPAPI_MARKETPLACE", "ATVPDKIKXODER"),
		"marketplace with a space":   with("SPAPI_MARKETPLACE", "UK "),
		"region against marketplace": with("SPAPI_MARKETPLACE", "DE"),
		"no client id":               with("LWA_CLIENT_IDENTIFIER", ""),
		"no client secret":           with("LWA_CLIENT_SECRET", ""),
		"no refresh token":           with("AMAZON_REFRESH_TOKEN", ""),
		"two client ids":             with("SPAPI_CLIENT_ID", "amzn1.application-oa2-client.2"),
		"two secrets":                with("SPAPI_CLIENT_SECRET", "amzn1.oa2-cs.v1."+accountstest.Canary+"2"),
		"token with spaces":          with("AMAZON_REFRESH_TOKEN", " Atzr|"+accountstest.Canary),
		"access token":               with("AMAZON_REFRESH_TOKEN", "Atza|"+accountstest.Canary),
		"swapped":                    with("LWA_CLIENT_IDENTIFIER", article["LWA_CLIENT_SECRET"]),
		"bad sandbox":                with("SPAPI_SANDBOX", "perhaps"),
		"bad endpoint":               with("SPAPI_ENDPOINT", "ftp://x"),
	} {
		t.Run(what, func(t *testing.T) {
			setenv(t, env)
			want, wantErr := spapi.Load(t.Context())
			got, err := accounts.Open(t.Context(), accounts.Environment(), "")
			accountstest.NoSecret(t, err)
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("%v, but Load says %v", err, wantErr)
			}
			if err == nil {
				if got.String() != want.String() || got.Region() != want.Region() || got.Sandbox() != want.Sandbox() {
					t.Errorf("%v, but Load gives %v", got, want)
				}
				return
			}
			var bad, wantBad *spapi.ConfigError
			if !errors.As(err, &bad) || !errors.As(wantErr, &wantBad) {
				t.Fatalf("%T %v, but Load says %T %v", err, err, wantErr, wantErr)
			}
			field, wantField := strings.Fields(bad.Field)[0], strings.Fields(wantBad.Field)[0]
			if field != wantField {
				t.Errorf("%v, but Load says %v", err, wantErr)
			}
		})
	}
}
