package accounts_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"

	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/accounts/accountstest"
)

// Each kind of key passes the suite.
func TestFile(t *testing.T) {
	kinds := map[string]func(*testing.T) accounts.Key{
		"KeyFile": func(t *testing.T) accounts.Key {
			return accounts.FileKey(filepath.Join(t.TempDir(), "keys", "key.txt"))
		},
		"Passphrase": func(t *testing.T) accounts.Key {
			return accounts.PassphraseKey(func(context.Context, bool) (string, error) { return accountstest.Canary, nil })
		},
		"Keyring": func(t *testing.T) accounts.Key { return accounts.KeyringKey() },
	}
	keyring.MockInit()
	for kind, key := range kinds {
		t.Run(kind, func(t *testing.T) {
			many := 200 // each write seals all of them
			if kind != "KeyFile" || testing.Short() {
				many = 50
			}
			accountstest.Run(t, accountstest.Config{Many: many, Open: func(t *testing.T) func() accounts.Store {
				dir, k := filepath.Join(t.TempDir(), "deep", "spapi"), key(t)
				t.Cleanup(func() { checkFiles(t, dir) })
				return func() accounts.Store { return accounts.NewFile(filepath.Join(dir, "accounts.age"), k) }
			}})
		})
	}
}

// checkFiles looks at what a test leaves: modes, no secret in clear, nothing temporary.
func checkFiles(t *testing.T, dir string) {
	info, err := os.Stat(dir)
	if err != nil {
		t.Error(err)
		return
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("folder has mode %v", info.Mode())
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || strings.Contains(string(text), accountstest.Canary) {
			t.Errorf("%s holds a secret in clear, %v", e.Name(), err)
		}
		if n := e.Name(); n != "accounts.age" && n != "accounts.age.lock" {
			t.Errorf("%s was left behind", n)
		}
	}
}
