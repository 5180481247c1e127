package spapi_test

import (
	"reflect"
	"testing"

	"github.com/openspapi/spapi"
)

// TestOptionsOfLoadAreNotOfApps: what only Load reads cannot be given to NewApp, where it would do nothing; what an App takes, Load takes
// too. Whether a call compiles is whether the result's type is assignable to the parameter's.
func TestOptionsOfLoadAreNotOfApps(t *testing.T) {
	app := reflect.TypeOf(spapi.NewApp).In(1).Elem()
	load := reflect.TypeOf(spapi.Load).In(1).Elem()
	for _, c := range []struct {
		name   string
		option any
		app    bool
	}{
		{"WithProfile", spapi.WithProfile, false},
		{"WithRegion", spapi.WithRegion, false},
		{"WithSandbox", spapi.WithSandbox, false},
		{"WithUserAgent", spapi.WithUserAgent, true},
		{"WithEndpoint", spapi.WithEndpoint, true},
		{"WithTransport", spapi.WithTransport, true},
	} {
		made := reflect.TypeOf(c.option).Out(0)
		if got := made.AssignableTo(app); got != c.app {
			t.Errorf("NewApp(…, %s(…)) compiles: %t, want %t", c.name, got, c.app)
		}
		if !made.AssignableTo(load) {
			t.Errorf("Load(…, %s(…)) does not compile", c.name)
		}
	}
}

// Both kinds together, with options before variables.
func TestLoadTakesBothKindsOfOptions(t *testing.T) {
	for name, value := range map[string]string{"SPAPI_CLIENT_ID": "amzn1.application-oa2-client.1", "SPAPI_CLIENT_SECRET": "amzn1.oa2-cs.v1.1",
		"SPAPI_REFRESH_TOKEN": "Atzr|1",
		"SPAPI_MARKETPLACE":   "DE", "SPAPI_REGION": "", "SPAPI_SANDBOX": "false",
		"SPAPI_PROFILE": "", "SPAPI_CONFIG": "", "SPAPI_ENDPOINT": "", "SPAPI_TOKEN_URL": "", "SPAPI_SELLER_ID": ""} {
		t.Setenv(name, value)
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	client, err := spapi.Load(t.Context(), spapi.WithSandbox(), spapi.WithRegion("fe"), spapi.WithUserAgent("Repricer/1.2"))
	if err != nil {
		t.Fatal(err)
	}
	if client.Region() != "fe" || !client.Sandbox() || client.Marketplace() != "" {
		t.Errorf("got %v", client)
	}
	client, err = spapi.Load(t.Context(), spapi.WithEndpoint("http://127.0.0.1:1"))
	if err != nil || client.Endpoint() != "http://127.0.0.1:1" || client.Region() != "eu" {
		t.Errorf("got %v, %v", client, err)
	}
}
