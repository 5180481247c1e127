package settings

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// bare takes all that is set on this machine out of a test.
func bare(t *testing.T) (dir string) {
	t.Helper()
	for _, x := range append(append([]*Setting{}, all...), Profile, Config, Account, Accounts, KeyFile, Passphrase) {
		for _, name := range x.Variables {
			t.Setenv(name, "")
		}
	}
	dir = t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "AppData"} {
		t.Setenv(name, dir)
	}
	return dir
}

func texts(s Set) map[string]string {
	found := map[string]string{}
	for x, v := range s {
		found[x.Name] = v.Text
	}
	return found
}

func same(x, y map[string]string) bool {
	if len(x) != len(y) {
		return false
	}
	for k, v := range x {
		if y[k] != v {
			return false
		}
	}
	return true
}

func set(pairs ...any) Set {
	s := Set{}
	for i := 0; i < len(pairs); i += 2 {
		s.Put(pairs[i].(*Setting), pairs[i+1].(string), "test")
	}
	return s
}

func TestOver(t *testing.T) {
	for _, c := range []struct {
		name               string
		above, below, want Set
	}{
		{"other settings", set(Endpoint, "a"), set(TokenURL, "b"), set(Endpoint, "a", TokenURL, "b")},
		{"the same", set(Endpoint, "a"), set(Endpoint, "b"), set(Endpoint, "a")},
		{"a region replaces a marketplace", set(Region, "na"), set(Marketplace, "DE", SellerID, "A1"), set(Region, "na", SellerID, "A1")},
		{"a marketplace replaces a region", set(Marketplace, "DE"), set(Region, "na"), set(Marketplace, "DE")},
		{"nothing", Set{}, set(Region, "na", Marketplace, "US"), set(Region, "na", Marketplace, "US")},
	} {
		if got := c.above.Over(c.below); !same(texts(got), texts(c.want)) {
			t.Errorf("%s: %v, want %v", c.name, texts(got), texts(c.want))
		}
	}
}

func TestBeside(t *testing.T) {
	dir := bare(t)
	path := filepath.Join(dir, "profiles.json")
	text := `{"profiles":{"place":{"endpoint":"http://127.0.0.1:1","token_url":"http://127.0.0.1:1/t","region":"fe"},
		"shop":{"client_id":"amzn1.application-oa2-client.1","region":"fe","seller_id":"A1","sandbox":true}, "default":{"endpoint":"http://127.0.0.1:9"}}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SPAPI_CONFIG", path)
	for _, c := range []struct {
		name       string
		env        map[string]string
		used, left Set
	}{
		{"a profile that nobody names", nil, Set{}, Set{}},
		{"a profile", map[string]string{"SPAPI_PROFILE": "place"}, set(Endpoint, "http://127.0.0.1:1", TokenURL, "http://127.0.0.1:1/t", Region, "fe"), Set{}},
		{"the environment before it", map[string]string{"SPAPI_PROFILE": "place", "SPAPI_ENDPOINT": "http://127.0.0.1:2", "SPAPI_MARKETPLACE": "DE"},
			set(Endpoint, "http://127.0.0.1:2", TokenURL, "http://127.0.0.1:1/t", Marketplace, "DE"), Set{}},
		{"a profile with credentials", map[string]string{"SPAPI_PROFILE": "shop"}, set(Sandbox, "true"), set(Region, "fe", SellerID, "A1")},
		{"an environment with credentials", map[string]string{"AMAZON_REFRESH_TOKEN": "Atzr|1", "SPAPI_REGION": "na", "SPAPI_SANDBOX": "true"},
			set(Sandbox, "true"), set(Region, "na")},
		{"what is no account's", map[string]string{"SPAPI_ROLE_ARN": "arn:aws:iam::123456789012:role/x"}, Set{}, Set{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			used, left, err := Beside()
			if err != nil || !same(texts(used), texts(c.used)) || !same(texts(left), texts(c.left)) {
				t.Errorf("used %v, left %v, %v; want %v and %v", texts(used), texts(left), err, texts(c.used), texts(c.left))
			}
			for _, v := range used {
				if v.Source == "" {
					t.Errorf("%v has no source", v)
				}
			}
		})
	}
	t.Setenv("SPAPI_TOKEN_URL", "nothing")
	_, _, err := Beside()
	if bad, ok := errors.AsType[*ConfigError](err); !ok || bad.Code != CodeEndpointMalformed || bad.Source != "SPAPI_TOKEN_URL" {
		t.Errorf("a bad variable: %v", err)
	}
	t.Setenv("SPAPI_TOKEN_URL", "")
	t.Setenv("SPAPI_REGION", "na")
	t.Setenv("SPAPI_MARKETPLACE", "DE")
	_, _, err = Beside()
	if bad, ok := errors.AsType[*ConfigError](err); !ok || bad.Code != CodeMarketplaceInOtherRegion || bad.Source != "SPAPI_MARKETPLACE" {
		t.Errorf("a marketplace of another region: %v", err)
	}
	t.Setenv("SPAPI_PROFILE", "nobody")
	if _, _, err = Beside(); err == nil || !strings.Contains(err.Error(), "place") {
		t.Errorf("an unknown profile: %v", err)
	}
}

// A file of profiles that nobody asks for may be missing, as may the default profile in it.
func TestProfileMayBeMissing(t *testing.T) {
	dir := bare(t)
	if s, err := ReadProfile(""); err != nil || len(s) != 0 {
		t.Errorf("without a file: %v, %v", texts(s), err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	path := filepath.Join(dir, "spapi", "config.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`{"profiles":{"shop":{"region":"eu"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := ReadProfile(""); err != nil || len(s) != 0 {
		t.Errorf("without a default profile: %v, %v", texts(s), err)
	}
	for name, value := range map[string]string{"SPAPI_PROFILE": "default", "SPAPI_CONFIG": path} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			_, err := ReadProfile("")
			if bad, ok := errors.AsType[*ConfigError](err); !ok || bad.Code != CodeProfileUnknown {
				t.Errorf("asked for: %v", err)
			}
		})
	}
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "AppData"} {
		t.Setenv(name, "")
	}
	if s, err := ReadProfile(""); err != nil || len(s) != 0 {
		t.Errorf("without a folder: %v, %v", texts(s), err)
	}
}

func TestAmazonsAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"": true, "https://sellingpartnerapi-eu.amazon.com": true, "https://sandbox.sellingpartnerapi-fe.amazon.com:443/x": true,
		"https://SellingPartnerAPI-NA.amazon.com": true,
		"http://sellingpartnerapi-eu.amazon.com":  false, "https://sellingpartnerapi-eu.amazon.com.example.com": false,
		"https://sellingpartnerapi-eu.amazon.com:8443": false,
		"http://127.0.0.1:8080":                        false, "https://api.amazon.com": false,
	} {
		if got := IsAmazonEndpoint(address); got != want {
			t.Errorf("%q is an endpoint of Amazon's: %t, want %t", address, got, want)
		}
	}
	for address, want := range map[string]bool{"": true, AmazonTokenURL: true, "https://api.amazon.co.jp/auth/o2/token": true,
		"http://127.0.0.1:8080/auth/o2/token": false, "http://api.amazon.com": false} {
		if got := IsAmazonTokenURL(address); got != want {
			t.Errorf("%q is a token URL of Amazon's: %t, want %t", address, got, want)
		}
	}
}

// TestNobodyElseReads: what is named SPAPI_ and the like is read here and nowhere else in the module.
func TestNobodyElseReads(t *testing.T) {
	files, calls := token.NewFileSet(), 0
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if _, err := os.Stat(filepath.Join(name, "go.mod")); name != root && err == nil || entry.Name() == "settings" || entry.Name() == "runtimes" { // runtimes are programs of others, as it were
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".gen.go") {
			return nil
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing"` }) {
			return nil // it is there for tests
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || selector.Sel.Name != "Getenv" && selector.Sel.Name != "LookupEnv" {
				return true
			}
			calls++
			literal, ok := call.Args[0].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s: reads a variable whose name is not in sight", files.Position(n.Pos()))
				return true
			}
			variable, _ := strconv.Unquote(literal.Value)
			for _, prefix := range []string{"SPAPI_", "LWA_", "AMAZON_", "SP_"} {
				if strings.HasPrefix(variable, prefix) {
					t.Errorf("%s: reads %s, which is for package settings", files.Position(n.Pos()), variable)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || calls < 3 {
		t.Errorf("%d reads of the environment, %v", calls, err)
	}
}

// Two settings never share a variable or a key.
func TestTable(t *testing.T) {
	seen := map[string]string{}
	for _, x := range append(append([]*Setting{}, all...), Profile, Config, Account, Accounts, KeyFile, Passphrase) {
		for _, name := range append(append([]string{}, x.Variables...), "key "+x.Key, "flag "+x.Flag) {
			if other := seen[name]; other != "" && name != "key " && name != "flag " {
				t.Errorf("%s and %s both have %s", x.Name, other, name)
			}
			seen[name] = x.Name
		}
		if x.Secret && x.Flag != "" {
			t.Errorf("%s is a secret and has a flag", x.Name)
		}
	}
}

// A profile that is named is a chosen identity: its credentials and what is bound to them go before the environment's, as a set.
func TestNamedProfileIsAnIdentity(t *testing.T) {
	path := filepath.Join(bare(t), "profiles.json")
	t.Setenv("SPAPI_CONFIG", path)
	text := `{"profiles":{"b":{"client_id":"idB","client_secret":"secretB","refresh_token":"tokenB","region":"fe","endpoint":"http://127.0.0.1:1"},
		"token":{"refresh_token":"tokenB"}, "application":{"client_id":"idB","client_secret":"secretB","region":"fe"}, "place":{"region":"fe"}}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	own := set(ClientID, "idB", ClientSecret, "secretB", RefreshToken, "tokenB", Region, "fe", Endpoint, "http://127.0.0.1:1")
	whole := map[string]string{"SPAPI_CLIENT_ID": "idA", "SPAPI_CLIENT_SECRET": "secretA", "SPAPI_REFRESH_TOKEN": "tokenA",
		"SPAPI_REGION": "eu", "SPAPI_SELLER_ID": "A"}
	for _, c := range []struct {
		name, profile string
		env           map[string]string
		want          Set
		notes         []string // a part of each
	}{
		{"nothing beside it", "b", nil, own, nil},
		{"a whole other shop", "b", whole, own,
			[]string{"SPAPI_CLIENT_ID", "SPAPI_CLIENT_SECRET", "SPAPI_REFRESH_TOKEN", "region is fe, as", "seller id of SPAPI_SELLER_ID is left out"}},
		{"another's refresh token", "b", map[string]string{"AMAZON_REFRESH_TOKEN": "tokenA"}, own, []string{"AMAZON_REFRESH_TOKEN"}},
		{"what no credentials stand beside", "b", map[string]string{"SPAPI_SELLER_ID": "A", "SPAPI_REGION": "eu"}, set(ClientID, "idB", ClientSecret, "secretB",
			RefreshToken, "tokenB", Region, "fe", Endpoint, "http://127.0.0.1:1", SellerID, "A"), []string{"SPAPI_REGION says eu"}},
		{"where calls go", "b", map[string]string{"SPAPI_ENDPOINT": "http://127.0.0.1:2", "SPAPI_SANDBOX": "true"},
			set(ClientID, "idB", ClientSecret, "secretB", RefreshToken, "tokenB", Region, "fe", Endpoint, "http://127.0.0.1:2", Sandbox, "true"),
			[]string{"endpoint is http://127.0.0.1:2, as SPAPI_ENDPOINT says"}},
		{"a shared application", "token", map[string]string{"SPAPI_CLIENT_ID": "idA", "SPAPI_CLIENT_SECRET": "secretA", "SPAPI_REGION": "eu"},
			set(ClientID, "idA", ClientSecret, "secretA", RefreshToken, "tokenB", Region, "eu"), []string{"but the client id that of SPAPI_CLIENT_ID"}},
		{"a shared application, another's token", "token", whole, set(ClientID, "idA", ClientSecret, "secretA", RefreshToken, "tokenB"),
			[]string{"but the client id that of SPAPI_CLIENT_ID", "SPAPI_REFRESH_TOKEN says otherwise", "region of SPAPI_REGION", "SPAPI_SELLER_ID"}},
		{"never another's token", "application", whole, set(ClientID, "idB", ClientSecret, "secretB", Region, "fe"),
			[]string{"SPAPI_CLIENT_ID", "SPAPI_CLIENT_SECRET", "refresh token of SPAPI_REFRESH_TOKEN is left out", "SPAPI_REGION", "SPAPI_SELLER_ID"}},
		{"a profile that is nobody", "place", whole, set(ClientID, "idA", ClientSecret, "secretA", RefreshToken, "tokenA", Region, "eu", SellerID, "A"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			got, notes, err := Read(c.profile)
			if err != nil || !same(texts(got), texts(c.want)) {
				t.Errorf("got %v, %v; want %v", texts(got), err, texts(c.want))
			}
			if len(notes) != len(c.notes) {
				t.Fatalf("notes %q, want %q", notes, c.notes)
			}
			for i, note := range notes {
				if !strings.Contains(note, c.notes[i]) || strings.Contains(note, "secretA") || strings.Contains(note, "tokenA") || strings.Contains(note, "tokenB") {
					t.Errorf("note %q, want %q and no secret", note, c.notes[i])
				}
			}
		})
	}
	for name, value := range whole {
		t.Setenv(name, value)
	}
	s, _, err := Read("application")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Sourced(CheckRefreshToken("")); !strings.Contains(err.Error(), "SPAPI_REFRESH_TOKEN belongs to other credentials") {
		t.Errorf("a token that is left out: %v", err)
	}
	// SPAPI_PROFILE is of the environment, which goes first; only a mixture is told.
	t.Setenv("SPAPI_PROFILE", "b")
	if s, notes, err := Read(""); err != nil || s.Text(RefreshToken) != "tokenA" || len(notes) != 0 {
		t.Errorf("SPAPI_PROFILE: %v, %q, %v", texts(s), notes, err)
	}
	t.Setenv("SPAPI_CLIENT_ID", "")
	if _, notes, err := Read(""); err != nil || len(notes) != 1 || !strings.Contains(notes[0], "SPAPI_REFRESH_TOKEN") {
		t.Errorf("a mixture: %q, %v", notes, err)
	}
}
