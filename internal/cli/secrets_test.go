package cli_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// The canaries: a secret of each kind, by what it is.
var canaries = map[string]string{
	"client secret":     "amzn1.oa2-cs.v1.0c1e7CANARYsecret0123456789abcdef0123456789abcdef",
	"refresh token":     "Atzr|CANARYrefresh0123456789abcdef",
	"access token":      "Atza|CANARYaccess0123456789abcdef",
	"restricted token":  "Atz.sprdt|CANARYrestricted0123456789",
	"grantless token":   "Atc|CANARYgrantless0123456789",
	"AWS secret key":    "CANARYawssecret0123456789abcdefghijklmnop",
	"AWS session token": "CANARYawssession0123456789",
	"webhook secret":    "whsec_CANARYwebhook0123456789abcdefghijklmnopq=",
}

// shown are the commands that are there to print a secret.
var shown = []string{"spapi auth token"}

// echo is a service that repeats the secrets that it was sent, as badly as Amazon does and worse.
type echo struct{ mode string }

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	token := r.Header.Get("X-Amz-Access-Token")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasPrefix(r.URL.Path, "/sts"):
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIACANARY</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
			canaries["AWS secret key"], canaries["AWS session token"])
	case token == "" && e.mode == "login":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":"invalid_grant","error_description":"The request %s has an invalid grant parameter %s"}`, strings.ReplaceAll(string(body), `"`, ""), canaries["refresh token"])
	case token == "" && e.mode == "page":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "<html><body>Blocked: %s</body></html>", body)
	case token == "" && strings.Contains(string(body), "client_credentials"):
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":3600}`, canaries["grantless token"])
	case token == "":
		fmt.Fprintf(w, `{"access_token":%q,"refresh_token":%q,"token_type":"bearer","expires_in":3600}`, canaries["access token"], canaries["refresh token"])
	case e.mode == "forbidden":
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"errors":[{"code":"InvalidSignature","message":"The Canonical String for this request should have been\n'GET\n/\nhost:x\nx-amz-access-token:%s\nx-amz-security-token:%s\nauthorization:%s\n'"}]}`,
			token, r.Header.Get("X-Amz-Security-Token"), strings.ReplaceAll(r.Header.Get("Authorization"), `"`, ""))
	case e.mode == "refused":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"errors":[{"code":"InvalidInput","message":"token %s","details":"%s"}]}`, token, url.QueryEscape(token))
	case e.mode == "page":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, "<html><body>No such page for %s</body></html>", token)
	case e.mode == "garbled":
		fmt.Fprintf(w, `<!-- %s -->`, token)
	case strings.HasSuffix(r.URL.Path, "/restrictedDataToken"):
		fmt.Fprintf(w, `{"restrictedDataToken":%q,"expiresIn":3600}`, canaries["restricted token"])
	default:
		fmt.Fprint(w, `{"payload":[]}`)
	}
}

// TestSecretsNeverShow runs all commands, as they are in their examples, bare and with --help, against a service that repeats secrets, with
// secrets from the environment, from a profile and from stored accounts. No secret may show on stdout, on stderr with --verbose, or in
// a file.
func TestSecretsNeverShow(t *testing.T) {
	bare(t)
	service := &echo{}
	server := httptest.NewServer(service)
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", canaries["AWS secret key"])
	t.Setenv("AWS_ENDPOINT_URL_STS", server.URL+"/sts")
	t.Setenv("AWS_ENDPOINT_URL_SQS", server.URL+"/sqs")
	t.Setenv("SPAPI_WEBHOOK_SECRET", canaries["webhook secret"])
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("SP_ROLE_ARN", "arn:aws:iam::123456789012:role/x")

	lines := commandLines(t)
	if len(lines) < 50 {
		t.Fatalf("%d command lines: the walk does not find the commands", len(lines))
	}
	runs := 0
	for _, source := range []struct {
		name    string
		prepare func(t *testing.T, home string)
	}{
		{"environment", plantEnvironment}, {"profile", plantProfile}, {"accounts", plantAccount},
	} {
		t.Run(source.name, func(t *testing.T) {
			home := t.TempDir()
			t.Setenv("HOME", home)
			t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
			t.Chdir(home)
			for name, content := range exampleFiles {
				if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			source.prepare(t, home)
			planted := files(t, home)
			ended := map[int]int{}
			for _, mode := range []string{"works", "login", "forbidden", "refused", "page", "garbled"} {
				service.mode = mode
				for _, args := range lines {
					calls := !slices.Contains(args, "--help") && !isNotRun(args)
					if !calls && (mode != "works" || source.name != "environment" && args[0] != "auth") {
						continue // what calls nothing, or waits, is run once
					}
					runs++
					args = append(slices.Clone(args), "--verbose", "--endpoint", server.URL, "--token-url", server.URL+"/auth/o2/token")
					status, out, messages := runQuickly(t, args)
					ended[status]++
					for kind, secret := range canaries {
						if where := find(secret, out, messages); where != "" {
							t.Errorf("%s: spapi %s\nshows the %s: …%s…", mode, strings.Join(args, " "), kind, where)
						}
					}
				}
			}
			// The service was reached, and it refused in its ways.
			if ended[exit.OK] < 10 || ended[exit.Auth] < 10 || ended[exit.API] < 10 {
				t.Errorf("runs by exit status: %v, want ten and more of %d, %d and %d", ended, exit.OK, exit.Auth, exit.API)
			}
			for name, content := range files(t, home) {
				if planted[name] == content && strings.HasSuffix(name, "config.json") {
					continue // the test's own
				}
				for kind, secret := range canaries {
					if where := find(secret, content); where != "" {
						t.Errorf("the file %s has the %s: …%s…", name, kind, where)
					}
				}
			}
		})
	}
	t.Logf("%d runs of %d command lines", runs, len(lines))
}

// commandLines are those of all commands: bare, --help, their examples, and calls of every kind.
func commandLines(t *testing.T) [][]string {
	t.Helper()
	streams, _, _ := terminal.Buffers()
	var lines [][]string
	walk(cli.NewCmdRoot(factory.With(streams, "test", nil)), func(cmd *cobra.Command) {
		if !cmd.HasParent() || slices.Contains(shown, cmd.CommandPath()) {
			return
		}
		path := strings.Fields(cmd.CommandPath())[1:]
		lines = append(lines, path, append(slices.Clone(path), "--help"))
		for line := range strings.Lines(cmd.Example) {
			args := slices.DeleteFunc(words(line)[1:], func(a string) bool { return a == "--emulator" || a == "--show-secrets" })
			lines = append(lines, args)
		}
	})
	for _, line := range []string{
		"call ordersv0.getOrder --order-id 1", "call ordersv0.getOrder --order-id 1 --restricted-data", "call ordersv0.getOrder --order-id 1 --restricted-data=buyerInfo --curl",
		"call ordersv0.getOrderAddress --order-id 1", "call notificationsv1.getDestinations", "call notificationsv1.getDestinations --dry-run -o json",
		"call ordersv0.getOrder --order-id 1 -o yaml", "call ordersv0.getOrders --marketplace-ids x --all -o table", "call ordersv0.getOrder --order-id 1 --jq .nothing",
		"request /x", "request POST /x --input document.json", "request /x -i", "sign /x", "sign /x --curl", "sign /x -o json", "--account nobody call ordersv0.getOrder --order-id 1",
		"--profile nobody call ordersv0.getOrder --order-id 1", "--account shop call ordersv0.getOrder --order-id 1", "--region fe call ordersv0.getOrder --order-id 1",
		"notifications listen --queue arn:aws:sqs:us-east-1:123456789012:orders --forward-to http://localhost:1 --count 1",
		"notifications trigger ORDER_CHANGE --yes --to arn:aws:sqs:us-east-1:123456789012:orders",
		"__complete call ordersv0.getOrder --account ", "__complete ops --profile ",
	} {
		args := strings.Fields(line)
		if strings.HasPrefix(line, "__complete") {
			args = append(args, "")
		}
		lines = append(lines, args)
	}
	return lines
}

// runQuickly runs a command line that may serve or wait for ever.
func runQuickly(t *testing.T, args []string) (status int, out, messages string) {
	t.Helper()
	patience := 5 * time.Second // none of them retries what the service answers
	if isNotRun(args) {
		patience = 250 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	streams, o, m := terminal.Buffers()
	f := factory.With(streams, "test", nil)
	f.UseLimiter(noLimit{}) // what is refused is refused at once
	status = cli.Run(ctx, f, args)
	return status, o.String(), m.String()
}

// isNotRun reports whether a command line is of a command that would wait.
func isNotRun(args []string) bool {
	line := "spapi " + strings.Join(args, " ")
	return slices.ContainsFunc(notRun, func(p string) bool { return strings.HasPrefix(line, p) })
}

// find looks for a secret in texts, also in the spellings that programs give to bytes, and returns what is around it.
func find(secret string, texts ...string) string {
	bare := secret[strings.LastIndexByte(secret, '|')+1:]
	for _, text := range texts {
		for _, spelling := range []string{bare, hex.EncodeToString([]byte(bare)), base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(bare))} {
			if i := strings.Index(text, spelling); i >= 0 {
				return text[max(0, i-80):min(len(text), i+len(spelling)+20)]
			}
		}
	}
	return ""
}

const canaryClient = "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef"

func plantEnvironment(t *testing.T, _ string) {
	t.Setenv("SPAPI_CLIENT_ID", canaryClient)
	t.Setenv("SPAPI_CLIENT_SECRET", canaries["client secret"])
	t.Setenv("SPAPI_REFRESH_TOKEN", canaries["refresh token"])
	t.Setenv("SPAPI_REGION", "eu")
}

func plantProfile(t *testing.T, home string) {
	path := filepath.Join(home, "config.json")
	text := fmt.Sprintf(`{"profiles":{"default":{"client_id":%q,"client_secret":%q,"refresh_token":%q,"region":"eu"}}}`,
		canaryClient, canaries["client secret"], canaries["refresh token"])
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SPAPI_CONFIG", path)
}

func plantAccount(t *testing.T, home string) {
	t.Setenv("SPAPI_ACCOUNTS", filepath.Join(home, "accounts.age"))
	t.Setenv("SPAPI_KEY_FILE", filepath.Join(home, "key"))
	store, err := accounts.DefaultFile(nil)
	if err != nil {
		t.Fatal(err)
	}
	application := accounts.Application{ClientID: canaryClient, ClientSecret: spapi.NewSecret(canaries["client secret"]),
		RoleARN: "arn:aws:iam::123456789012:role/x"}
	if err := store.PutApplication(t.Context(), application); err != nil {
		t.Fatal(err)
	}
	account := accounts.Account{Name: "shop", Region: "eu", ClientID: canaryClient, RefreshToken: spapi.NewSecret(canaries["refresh token"])}
	if err := store.Put(t.Context(), account); err != nil {
		t.Fatal(err)
	}
}

// files reads all below a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		found[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestNoSecretsOnCommandLines: no flag takes a secret, which the history of the shell and the list of processes would show.
func TestNoSecretsOnCommandLines(t *testing.T) {
	streams, _, _ := terminal.Buffers()
	walk(cli.NewCmdRoot(factory.With(streams, "test", nil)), func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			name := strings.ToLower(f.Name)
			if strings.HasSuffix(name, "-file") || strings.HasSuffix(name, "-expires") {
				return // where a secret is, and until when it is good
			}
			secret := strings.Contains(name, "secret") || strings.Contains(name, "passphrase") || strings.Contains(name, "password") || strings.HasSuffix(name, "token")
			if secret && f.Value.Type() != "bool" {
				t.Errorf("%s takes --%s: secrets come from files, prompts and the environment", cmd.CommandPath(), f.Name)
			}
		})
	})
}
