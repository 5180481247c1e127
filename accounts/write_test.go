package accounts

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"filippo.io/age"
)

// A write that fails or is given up changes neither the file nor what the same File reads afterwards.
func TestFailedWriteChangesNothing(t *testing.T) {
	_, f := filled(t, keyFile)
	inTheWay := filepath.Join(f.path+".tmp", "x") // a folder that isn't empty cannot be removed
	if err := os.MkdirAll(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"Put": f.Put(t.Context(), testAccount("new")), "Use": f.Use(t.Context(), "shop"), "Delete": f.Delete(t.Context(), "shop"),
		"PutApplication": f.PutApplication(t.Context(), Application{ClientID: testApplication().ClientID + "1", ClientSecret: testApplication().ClientSecret}),
	} {
		var typed *Error
		if !errors.As(err, &typed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	list, err := f.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "shop" {
		t.Errorf("accounts: %v, %v", list, err)
	}
	if list, err := f.Applications(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("applications: %v, %v", list, err)
	}
	if name, err := f.Default(t.Context()); !errors.Is(err, ErrNotFound) {
		t.Errorf("default: %q, %v", name, err)
	}

	// Whoever gives up while the passphrase is asked for has stored nothing.
	ctx, cancel := context.WithCancel(t.Context())
	givenUp := NewFile(filepath.Join(t.TempDir(), "spapi", "accounts.age"), PassphraseKey(func(context.Context, bool) (string, error) {
		cancel()
		return "typed too late", nil
	}))
	if err := givenUp.PutApplication(ctx, testApplication()); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if _, err := os.Stat(givenUp.path); !os.IsNotExist(err) {
		t.Errorf("the file was made all the same: %v", err)
	}
}

// Who deletes file and key begins anew, with a new key, also in programs that had opened the old ones.
func TestFileMadeAnew(t *testing.T) {
	dir, f := filled(t, keyFile)
	other := NewFile(f.path, keyFile(dir))
	if _, err := other.Get(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{f.path, filepath.Join(dir, "spapi", "key.txt")} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	// The one sees that the file is gone, the other only that there is a new one.
	if err := f.PutApplication(t.Context(), testApplication()); err != nil {
		t.Fatal(err)
	}
	for what, file := range map[string]*File{"another process": NewFile(f.path, keyFile(dir)), "the one that had it open": other} {
		if list, err := file.Applications(t.Context()); err != nil || len(list) != 1 {
			t.Errorf("%s: %v, %v", what, list, err)
		}
		if _, err := file.Get(t.Context(), "shop"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Of two that make the key file at once, the second takes the first one's key: files may be sealed with it already.
func TestKeyFileOfAnotherStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.txt")
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	first := identity.String() + "\n"
	if err := os.WriteFile(path, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := makeKeyFile(path); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != first {
		t.Errorf("the key file was replaced, %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("something is left beside it: %v, %v", entries, err)
	}
}

// A keyring may ask its user; the one who waits for it may leave.
func TestKeyringThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan bool)
		defer close(answer)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := withKeyring(ctx, func() (string, error) {
				<-answer
				return "", errors.New("answered in vain")
			})
			done <- err
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		default:
			t.Error("the call outlives its context")
		}
	})
}

// failing is a store whose default cannot be read.
type failing struct{ Store }

func (failing) Default(context.Context) (string, error) { return "", ErrCorrupted }

func TestPickTellsFailures(t *testing.T) {
	_, f := filled(t, keyFile)
	if account, err := Pick(t.Context(), f, ""); err != nil || account.Name != "shop" {
		t.Errorf("the only account: %v, %v", account, err)
	}
	if account, err := Pick(t.Context(), failing{f}, ""); !errors.Is(err, ErrCorrupted) {
		t.Errorf("picked %v, %v, though the default cannot be read", account, err)
	}
}
