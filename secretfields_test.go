package spapi_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/tokens20210301"
)

// secretNames are names of fields that hold secrets.
var secretNames = regexp.MustCompile(`(?i)(secret|passphrase|password|token|private|credentials?)$`)

// A field that is named as a secret is of a type that doesn't print, in all types of the module that ships.
func TestSecretFieldsAreSecrets(t *testing.T) {
	harmless := map[string]string{ // file and field -> why a string will do
		"app.go App.secret":                                                                  "a digest",
		"tokenstore.go TokenRequest.Secret":                                                  "a digest",
		"tokenstore.go tokenEntry.secret":                                                    "a digest",
		"restricted.go minted.RestrictedDataToken":                                           "an answer as it comes, before it is a Token",
		"internal/cli/emulator/emulator.go ready.ClientSecret":                               "the emulator's, good for nothing else, shown on purpose",
		"internal/cli/emulator/emulator.go ready.RefreshToken":                               "the emulator's, good for nothing else, shown on purpose",
		"internal/cli/auth/accounts.go printToken.Token":                                     "what auth token prints on purpose",
		"accounts/internal/stored/stored.go redacted.RefreshToken":                           "the form in which a store writes it",
		"accounts/internal/stored/stored.go redacted.ClientSecret":                           "the form in which a store writes it",
		"accounts/internal/stored/stored.go redacted.PreviousSecret":                         "the form in which a store writes it",
		"gateway/gateway.go Config.Secret":                                                   "32 bytes that seal; New takes a copy, and no Config is printed",
		"gateway/shared.go SharedConfig.Secret":                                              "32 bytes that seal, as Config.Secret",
		"gateway/audit/audit.go Options.Secret":                                              "32 bytes that seal, as Config.Secret",
		"gateway/key.go caller.token":                                                        "of one request, which nobody prints; a call option takes it as text",
		"gateway/token.go granted.AccessToken":                                               "an answer as it goes to who asked for it",
		"gateway/token.go granted.RefreshToken":                                              "the name of an account, which the caller has sent",
		"internal/cli/gateway/process.go ready.ClientSecret":                                 "a key for the emulator alone, shown on purpose",
		"internal/cli/gateway/process.go ready.RefreshToken":                                 "the name of an account",
		"internal/notificationtypes/types.go Type.Token":                                     "which kind of token, not one",
		"notifications/types.go Type.Token":                                                  "which kind of token, not one",
		"internal/notificationtypes/types.go Type.DeleteToken":                               "which kind of token, not one",
		"notifications/types.go Type.DeleteToken":                                            "which kind of token, not one",
		"internal/cli/notifications/types.go typeRow.Token":                                  "which kind of token, not one",
		"notifications/payloads.gen.go DataKioskQueryProcessingFinishedPagination.NextToken": "leads to a page, as it comes",
	}
	found := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			// api: what Amazon sends, as it comes, but for what internal/gen/overlay/formats.csv calls a password. emulator: its secrets
			// are good for nothing else, and it shares no code with the client.
			// internal/gen, internal/mutate: hold none and don't ship. Others: not the module's.
			if slices.Contains([]string{"api", "emulator", "internal/gen", "internal/mutate", "interop", "tools", ".git", "testdata", "node_modules"}, path) {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		var owner string
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				owner = n.Name.Name
			case *ast.TypeSpec:
				owner = n.Name.Name
			case *ast.StructType:
				for _, f := range n.Fields.List {
					text := types.ExprString(f.Type)
					if text != "string" && text != "*string" && text != "[]byte" && text != "[]string" {
						continue
					}
					for _, name := range f.Names {
						if !secretNames.MatchString(name.Name) {
							continue
						}
						found++
						place := filepath.ToSlash(path) + " " + owner + "." + name.Name
						if harmless[place] == "" {
							t.Errorf("%s is a %s: want spapi.Secret, or a reason here", place, text)
						}
						delete(harmless, place)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for place := range harmless {
		t.Errorf("%s is excused and isn't there", place)
	}
	if found == 0 {
		t.Error("no field was looked at")
	}
}

// answers is a transport that always answers the same.
type answers string

func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(string(a)))}, nil
}

// The answer that holds a restricted data token doesn't show it when it is printed.
func TestRestrictedDataTokensDoNotPrint(t *testing.T) {
	const canary = "Atz.sprdt|CANARY"
	amazon := answers(`{"access_token":"Atza|example","expires_in":3600,"restrictedDataToken":"` + canary + `"}`)
	client := spapi.NewApp(credentials, spapi.WithTransport(amazon)).Client(seller)
	got, err := tokens20210301.New(client).CreateRestrictedDataToken(t.Context(), &tokens20210301.CreateRestrictedDataTokenInput{
		RestrictedResources: []tokens20210301.RestrictedResource{{Method: "GET", Path: "/orders/v0/orders"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got.RestrictedDataToken.Reveal() != canary {
		t.Errorf("got %q, want the token", got.RestrictedDataToken.Reveal())
	}
	written, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", *got, *got, *got, written); strings.Contains(text, "CANARY") {
		t.Error(text)
	}
}

// Warnings show values, and a token may come in one that doesn't fit.
func TestWarningsShowNoTokens(t *testing.T) {
	for _, value := range []string{`["Atz.sprdt|CANARY"]`, `["Atz.sprdt|CANARY",""]`, `{"token":"Atz.sprdt|CANARY` + strings.Repeat("A", 100) + `"}`} {
		amazon := answers(`{"access_token":"Atza|example","expires_in":3600,"restrictedDataToken":` + value + `}`)
		client := spapi.NewApp(credentials, spapi.WithTransport(amazon)).Client(seller)
		var met spapi.Response
		_, err := tokens20210301.New(client).CreateRestrictedDataToken(t.Context(), &tokens20210301.CreateRestrictedDataTokenInput{
			RestrictedResources: []tokens20210301.RestrictedResource{{Method: "GET", Path: "/orders/v0/orders"}}}, spapi.WithResponse(&met))
		if text := fmt.Sprint(met.Warnings, err); len(met.Warnings) != 1 || !strings.Contains(text, "restrictedDataToken: ") || strings.Contains(text, "CANARY") {
			t.Errorf("%s: %s", value, text)
		}
	}
}
