package accounts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"
	"github.com/zalando/go-keyring"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts/internal/stored"
)

const canary = "cAnArY4711"

var keyShape = regexp.MustCompile(`AGE-SECRET-KEY-1\w`)

// filled is a file with an account in it, and the folder it is in.
func filled(t *testing.T, key func(dir string) Key) (dir string, f *File) {
	t.Helper()
	dir = t.TempDir()
	f = NewFile(filepath.Join(dir, "spapi", "accounts.age"), key(dir))
	if err := f.PutApplication(t.Context(), testApplication()); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(t.Context(), testAccount("shop")); err != nil {
		t.Fatal(err)
	}
	return dir, f
}

func keyFile(dir string) Key { return FileKey(filepath.Join(dir, "spapi", "key.txt")) }

func passphrase(text string) func(string) Key {
	return func(string) Key {
		return PassphraseKey(func(context.Context, bool) (string, error) { return text, nil })
	}
}

// fails checks that reading and writing end with the error, that it names the file, and that it shows nothing of what it holds.
func fails(t *testing.T, f *File, kind error, parts ...string) {
	t.Helper()
	before, _ := os.ReadFile(f.path)
	_, reading := f.Get(t.Context(), "shop")
	for op, err := range map[string]error{"Get": reading, "Put": f.Put(t.Context(), testAccount("shop")), "Delete": f.Delete(t.Context(), "shop"),
		"PutApplication": f.PutApplication(t.Context(), testApplication())} {
		var typed *Error
		if !errors.Is(err, kind) || !errors.As(err, &typed) {
			t.Errorf("%s: %T %v, want an *Error: %v", op, err, err, kind)
			continue
		}
		text := err.Error() + typed.Explain()
		for _, part := range append(parts, f.path) {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q does not say %s", op, text, part)
			}
		}
		if strings.Contains(text, canary) || keyShape.MatchString(text) {
			t.Errorf("%s: %q shows a secret", op, text)
		}
	}
	if after, _ := os.ReadFile(f.path); !bytes.Equal(before, after) {
		t.Error("a write that failed changed the file")
	}
}

func TestWrongKey(t *testing.T) {
	_, f := filled(t, passphrase(canary))
	fails(t, NewFile(f.path, passphrase(canary+"x")("")), ErrWrongKey)
	fails(t, NewFile(f.path, keyFile(t.TempDir())), ErrWrongKey, "sealed with a passphrase")
	fails(t, NewFile(f.path, KeyringKey()), ErrWrongKey, "sealed with a passphrase")
	fails(t, NewFile(f.path, passphrase("")("")), ErrNoKey, "empty")

	dir, f := filled(t, keyFile)
	fails(t, NewFile(f.path, passphrase(canary)("")), ErrWrongKey, "sealed with a key")
	fails(t, NewFile(f.path, FileKey(filepath.Join(dir, "missing.txt"))), ErrNoKey, "missing.txt")
	_, other := filled(t, keyFile)
	fails(t, NewFile(f.path, FileKey(filepath.Join(filepath.Dir(other.path), "key.txt"))), ErrWrongKey)
	bad := filepath.Join(dir, "bad.txt")
	for _, text := range []string{"", "# nothing\n", "AGE-SECRET-KEY-1" + canary + "\n", canary, "\xff\xfe"} {
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		fails(t, NewFile(f.path, FileKey(bad)), ErrNoKey, "bad.txt", "age-keygen")
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(bad, 0o640); err != nil {
			t.Fatal(err)
		}
		fails(t, NewFile(f.path, FileKey(bad)), ErrPermissions, "bad.txt", "chmod 600")
	}
}

// A mistyped passphrase is asked for again, a right one not.
func TestPassphraseIsRemembered(t *testing.T) {
	_, f := filled(t, passphrase("right"))
	answers, asked := []string{"wrong", "right"}, 0
	again := NewFile(f.path, PassphraseKey(func(_ context.Context, create bool) (string, error) {
		if create {
			t.Error("asked for a new passphrase")
		}
		asked++
		return answers[asked-1], nil
	}))
	if _, err := again.List(t.Context()); !errors.Is(err, ErrWrongKey) {
		t.Errorf("wrong passphrase: %v", err)
	}
	for range 3 {
		if _, err := again.Get(t.Context(), "shop"); err != nil {
			t.Error(err)
		}
		if err := again.Put(t.Context(), testAccount("other")); err != nil {
			t.Error(err)
		}
		if err := f.Put(t.Context(), testAccount("elsewhere")); err != nil {
			t.Error(err)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
	refused := NewFile(f.path, PassphraseKey(func(context.Context, bool) (string, error) { return "", context.Canceled }))
	if _, err := refused.List(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("refused passphrase: %v", err)
	}
}

// While one caller types, another one's context ends its wait.
func TestWaitingEndsWithContext(t *testing.T) {
	typing, typed := make(chan bool), make(chan bool)
	f := NewFile(filepath.Join(t.TempDir(), "spapi", "accounts.age"), PassphraseKey(func(_ context.Context, create bool) (string, error) {
		if !create {
			t.Error("not asked for a new passphrase")
		}
		close(typing)
		<-typed
		return "right", nil
	}))
	done := make(chan error)
	go func() { done <- f.PutApplication(t.Context(), testApplication()) }()
	<-typing
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	for _, store := range []*File{f, NewFile(f.path, keyFile(t.TempDir()))} { // in this process by turns, otherwise by the lock
		go func() { waiting <- store.PutApplication(ctx, testApplication()) }()
	}
	cancel()
	for range 2 {
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Errorf("waiting: %v", err)
		}
	}
	close(typed)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCorrupted(t *testing.T) {
	for kind, key := range map[string]func(string) Key{"key": keyFile, "passphrase": passphrase(canary)} {
		t.Run(kind, func(t *testing.T) {
			dir, f := filled(t, key)
			whole, err := os.ReadFile(f.path)
			if err != nil {
				t.Fatal(err)
			}
			damage := map[string][]byte{"empty": {}, "JSON": []byte(`{"refresh_token":"Atzr|` + canary + `"}`), "zeros": make([]byte, len(whole)), "longer": append(bytes.Clone(whole), 'x')}
			for n := 1; n < len(whole); n += 1 + n/8 {
				damage[fmt.Sprintf("cut to %d bytes", n)] = whole[:n]
			}
			for n := bytes.Index(whole, []byte("\n---")) + 1; n < len(whole); n += 7 { // before that, the key is what doesn't fit
				flipped := bytes.Clone(whole)
				flipped[n] ^= 1
				damage[fmt.Sprintf("bit of byte %d flipped", n)] = flipped
			}
			for what, content := range damage {
				if err := os.WriteFile(f.path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				fresh := NewFile(f.path, key(dir))
				for _, store := range []*File{f, fresh} { // f had opened it when it was whole
					if _, err := store.Get(t.Context(), "shop"); !errors.Is(err, ErrCorrupted) || !strings.Contains(err.Error(), f.path) || strings.Contains(err.Error(), canary) {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
			fails(t, f, ErrCorrupted, "backup")
		})
	}
}

// What is sealed right but is no book.
func TestSealedOther(t *testing.T) {
	dir, f := filled(t, keyFile)
	k, err := keyFile(dir).open(t.Context(), f.path, []byte(ageMagic))
	if err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{
		"":                                   "no list of accounts",
		"Atzr|" + canary:                     "no list of accounts",
		`{}`:                                 "no list of accounts",
		`{"version":1,"accounts":"` + canary: "no list of accounts",
		`{"version":3,"accounts":["` + canary + `"]}`: "newer spapi",
	} {
		var sealed bytes.Buffer
		w, err := age.Encrypt(&sealed, k.recipient)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte(text))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.path, sealed.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		fails(t, NewFile(f.path, keyFile(dir)), ErrCorrupted, says)
	}
}

// A file of an earlier version is read, and keeps what it holds when it is written in the present one.
func TestOldVersion(t *testing.T) {
	dir, f := filled(t, keyFile)
	k, err := keyFile(dir).open(t.Context(), f.path, []byte(ageMagic))
	if err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, k.recipient)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(`{"version":1,"default":"old","accounts":{"old":{"name":"old","region":"eu","client_id":"amzn1.application-oa2-client.0",` +
		`"refresh_token":"Atzr|cAnArY4711","created":"2026-01-02T03:04:05Z"}},"applications":{"amzn1.application-oa2-client.0":` +
		`{"client_id":"amzn1.application-oa2-client.0","client_secret":"amzn1.oa2-cs.v1.cAnArY4711"}}}`))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.path, sealed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"as it was", "after a write"} {
		old, err := Pick(t.Context(), NewFile(f.path, keyFile(dir)), "")
		if err != nil || old.Name != "old" || old.RefreshToken.Reveal() != "Atzr|cAnArY4711" || old.Endpoint != "" || old.Created.Year() != 2026 {
			t.Errorf("%s: %v, %v", when, old, err)
		}
		emulated := testAccount("new")
		emulated.Endpoint = "http://127.0.0.1:8080"
		if err := NewFile(f.path, keyFile(dir)).Put(t.Context(), emulated); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	// A program that doesn't know endpoints must refuse the file: it would call Amazon with the account of an emulator.
	if b, err := unseal(text, k); err != nil || b.Version < 2 {
		t.Errorf("written as version %d, %v", b.Version, err)
	}
}

// A process that makes a key file when another one has just made it leaves that one's: what it sealed could not be opened otherwise.
func TestKeyFileOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.txt")
	if err := makeKeyFile(path); err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := makeKeyFile(path); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, theirs) {
		t.Errorf("the key file was replaced, %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps permissions elsewhere")
	}
	dir, f := filled(t, keyFile)
	for _, mode := range []os.FileMode{0o604, 0o640, 0o620, 0o666} {
		if err := os.Chmod(f.path, mode); err != nil {
			t.Fatal(err)
		}
		fails(t, NewFile(f.path, keyFile(dir)), ErrPermissions, "chmod 600", fmt.Sprintf("%04o", mode))
		fails(t, f, ErrPermissions, "chmod 600") // also one that had opened it
	}
	if err := os.Chmod(f.path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Get(t.Context(), "shop"); err != nil {
		t.Errorf("mode 0400: %v", err)
	}
	folder := filepath.Dir(f.path)
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(t.Context(), testAccount("shop")); !errors.Is(err, ErrPermissions) || !strings.Contains(err.Error(), folder) {
		t.Errorf("folder that everybody writes to: %v", err)
	}
	if err := os.Chmod(folder, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(t.Context(), testAccount("shop")); err != nil {
		t.Errorf("folder like /tmp, in which everybody writes only their own: %v", err)
	}
	if err := os.Chmod(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(f.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Get(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	blocked := NewFile(filepath.Join(dir, "spapi", "key.txt", "accounts.age"), keyFile(dir))
	if err := blocked.PutApplication(t.Context(), testApplication()); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file where the folder should be: %v", err)
	}
}

// A link that someone keeps to the file stays one.
func TestSymbolicLink(t *testing.T) {
	dir, f := filled(t, keyFile)
	link := filepath.Join(dir, "link.age")
	if err := os.Symlink(f.path, link); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	linked := NewFile(link, keyFile(dir))
	if err := linked.Put(t.Context(), testAccount("through the link")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is now %v, %v", info.Mode(), err)
	}
	if _, err := f.Get(t.Context(), "through the link"); err != nil {
		t.Error(err)
	}
}

// Reading makes nothing: no folder, no key, no question.
func TestReadingMakesNothing(t *testing.T) {
	dir := t.TempDir()
	f := NewFile(filepath.Join(dir, "spapi", "accounts.age"), PassphraseKey(func(context.Context, bool) (string, error) {
		t.Error("asked")
		return "", nil
	}))
	if list, err := f.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := f.Get(t.Context(), "shop"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// The age command opens the file with the key: nobody is tied to this program.
func TestPlainAge(t *testing.T) {
	dir, f := filled(t, keyFile)
	keys, err := os.Open(filepath.Join(dir, "spapi", "key.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	identities, err := age.ParseIdentities(keys)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := os.Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer sealed.Close()
	r, err := age.Decrypt(sealed, identities...)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := text.ReadFrom(r); err != nil || !strings.Contains(text.String(), `"refresh_token":"Atzr|`+canary) {
		t.Errorf("%s, %v", &text, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "spapi", "key.txt")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info.Mode(), err)
	}
}

func TestKeyring(t *testing.T) {
	keyring.MockInit()
	_, f := filled(t, func(string) Key { return KeyringKey() })
	key, err := keyring.Get(KeyringService, f.path)
	if err != nil || !strings.HasPrefix(key, "AGE-SECRET-KEY-1") {
		t.Fatalf("the keyring has no key: %v", err)
	}
	if err := keyring.Set(KeyringService, f.path, canary); err != nil {
		t.Fatal(err)
	}
	fails(t, NewFile(f.path, KeyringKey()), ErrNoKey, "is no key")
	if err := keyring.Delete(KeyringService, f.path); err != nil {
		t.Fatal(err)
	}
	fails(t, NewFile(f.path, KeyringKey()), ErrNoKey, KeyringService)
	if _, err := f.Get(t.Context(), "shop"); err != nil { // it has its key still
		t.Error(err)
	}
	keyring.MockInitWithError(errors.New("the name org.freedesktop.secrets was not provided"))
	fails(t, NewFile(f.path, KeyringKey()), ErrKeyring, "org.freedesktop.secrets", "SPAPI_KEY_FILE", "SPAPI_PASSPHRASE")
	keyring.MockInit()
	old := noSessionBus
	defer func() { noSessionBus = old }()
	noSessionBus = func() bool { return true }
	fails(t, NewFile(f.path, KeyringKey()), ErrKeyring, "session bus", "SPAPI_KEY_FILE")
}

func TestAutoKey(t *testing.T) {
	ask := func(text string) func(context.Context, bool) (string, error) {
		return func(context.Context, bool) (string, error) { return text, nil }
	}
	noKeyring := func() { keyring.MockInitWithError(errors.New("none here")) }
	open := func(t *testing.T, f *File, ask func(context.Context, bool) (string, error)) error {
		_, err := NewFile(f.path, AutoKey(ask)).Get(t.Context(), "shop")
		return err
	}
	t.Run("Keyring", func(t *testing.T) {
		keyring.MockInit()
		_, f := filled(t, func(string) Key { return AutoKey(ask("not asked")) })
		if _, err := keyring.Get(KeyringService, f.path); err != nil {
			t.Error(err)
		}
		t.Setenv(passphraseVariable, "of another file")
		if err := open(t, f, nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("KeyFile", func(t *testing.T) {
		noKeyring()
		t.Setenv(keyFileVariable, filepath.Join(t.TempDir(), "key.txt"))
		_, f := filled(t, func(string) Key { return AutoKey(nil) })
		if err := open(t, f, nil); err != nil {
			t.Error(err)
		}
		t.Setenv(keyFileVariable, "")
		if err := open(t, f, ask("x")); !errors.Is(err, ErrKeyring) {
			t.Errorf("without its key file: %v", err)
		}
	})
	t.Run("Passphrase", func(t *testing.T) {
		keyring.MockInit() // there is one, but the variable goes first
		t.Setenv(passphraseVariable, canary)
		_, f := filled(t, func(string) Key { return AutoKey(nil) })
		t.Setenv(keyFileVariable, "of another file")
		if err := open(t, f, nil); err != nil {
			t.Error(err)
		}
		t.Setenv(passphraseVariable, "")
		if err := open(t, f, ask(canary)); err != nil {
			t.Error(err)
		}
		if err := open(t, f, nil); !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), passphraseVariable) {
			t.Errorf("nobody to ask: %v", err)
		}
	})
	t.Run("Ask", func(t *testing.T) {
		noKeyring()
		_, f := filled(t, func(string) Key { return AutoKey(ask(canary)) })
		if err := open(t, f, ask(canary)); err != nil {
			t.Error(err)
		}
	})
	t.Run("Nothing", func(t *testing.T) {
		noKeyring()
		f := NewFile(filepath.Join(t.TempDir(), "spapi", "accounts.age"), AutoKey(nil))
		if err := f.PutApplication(t.Context(), testApplication()); !errors.Is(err, ErrKeyring) {
			t.Error(err)
		}
		t.Setenv(keyFileVariable, "x")
		t.Setenv(passphraseVariable, "y")
		var bad *spapi.ConfigError
		if err := f.PutApplication(t.Context(), testApplication()); !errors.As(err, &bad) {
			t.Error(err)
		}
	})
	keyring.MockInit()
}

func TestDefaultFile(t *testing.T) {
	want := filepath.Join(t.TempDir(), "x.age")
	t.Setenv("SPAPI_ACCOUNTS", want)
	if f, err := DefaultFile(nil); err != nil || f.Path() != want {
		t.Errorf("%v, %v", f, err)
	}
	t.Setenv("SPAPI_ACCOUNTS", "")
	dir, err := os.UserConfigDir()
	if err != nil {
		t.Skip(err)
	}
	if f, err := DefaultFile(nil); err != nil || f.Path() != filepath.Join(dir, "spapi", "accounts.age") {
		t.Errorf("%v, %v", f, err)
	}
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "AppData"} {
		t.Setenv(name, "")
	}
	var bad *spapi.ConfigError
	if _, err := DefaultFile(nil); !errors.As(err, &bad) || !strings.Contains(err.Error(), "SPAPI_ACCOUNTS") {
		t.Errorf("without a home: %v", err)
	}
}

// Opening one account out of many, with the file's key: what a command pays.
func BenchmarkGet(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			f := testFile(dir)
			err := f.update(b.Context(), func(book *book) error {
				for i := range n {
					a := testAccount(fmt.Sprint("shop ", i))
					a.RefreshToken = spapi.NewSecret(a.RefreshToken.Reveal() + strings.Repeat("x", 500))
					book.Accounts[a.Name] = stored.Account(a)
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := testFile(dir).Get(b.Context(), "shop 0"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPut(b *testing.B) {
	f := testFile(b.TempDir())
	if err := f.PutApplication(b.Context(), testApplication()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := f.Put(b.Context(), testAccount("shop")); err != nil {
			b.Fatal(err)
		}
	}
}

// A process that keeps the lock, or has died in an odd way, isn't waited for for ever.
func TestLockHasABound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts")
	synctest.Test(t, func(t *testing.T) {
		unlock, err := lock(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = lock(t.Context(), path)
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "accounts.lock") ||
			took < lockPatience || took > lockPatience+time.Second {
			t.Errorf("after %s: %v", took, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err = lock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("at the caller's deadline: %v", err)
		}
		unlock()
		if unlock, err = lock(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		unlock()
	})
}
