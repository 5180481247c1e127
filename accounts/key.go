package accounts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"filippo.io/age"
	"github.com/zalando/go-keyring"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/settings"
)

// Key says where the key of a [File] comes from.
type Key struct {
	// open returns the keys of the file at path; sealed is its content, nil when it is about to be made.
	open func(ctx context.Context, path string, sealed []byte) (*keys, error)
}

// keys open and seal a file.
type keys struct {
	identities []age.Identity
	recipient  age.Recipient
}

// Environment variables of [AutoKey].
var (
	keyFileVariable    = settings.KeyFile.Variable()
	passphraseVariable = settings.Passphrase.Variable()
)

// KeyringService is the service under which [KeyringKey] keeps keys in the operating system's keyring; the user is the
// file's absolute path.
const KeyringService = "spapi accounts"

// scryptWork is the logarithm of the work that a passphrase costs: 18 is age's default and takes about a second.
var scryptWork = 18

// PassphraseKey seals the file with a passphrase. ask is called when the file is first opened, with create false, or made, with
// create true: then it should ask twice. Opening and each write cost about a second, on purpose; the passphrase is
// remembered for as long as the File lives.
func PassphraseKey(ask func(ctx context.Context, create bool) (string, error)) Key {
	return Key{func(ctx context.Context, _ string, sealed []byte) (*keys, error) {
		if sealed != nil && !withPassphrase(sealed) {
			return nil, hinted(ErrWrongKey, "it is sealed with a key, not with a passphrase")
		}
		passphrase, err := ask(ctx, sealed == nil)
		switch {
		case err != nil:
			return nil, fmt.Errorf("ask for the passphrase: %w", err)
		case passphrase == "":
			return nil, hinted(ErrNoKey, "the passphrase is empty")
		}
		identity, err := age.NewScryptIdentity(passphrase)
		if err != nil {
			return nil, errors.New("the passphrase cannot be used")
		}
		recipient, err := age.NewScryptRecipient(passphrase)
		if err != nil {
			return nil, errors.New("the passphrase cannot be used")
		}
		recipient.SetWorkFactor(scryptWork)
		return &keys{[]age.Identity{identity}, recipient}, nil
	}}
}

// FileKey seals the file with the key in another file, in the form of age-keygen, for machines without keyring and
// keyboard. The key file is made when neither it nor the sealed file exists. Like the sealed file it must be its owner's alone; keep it where the
// sealed file's backups are not.
func FileKey(keyPath string) Key {
	return Key{func(_ context.Context, _ string, sealed []byte) (*keys, error) {
		if withPassphrase(sealed) {
			return nil, hinted(ErrWrongKey, "it is sealed with a passphrase, not with a key")
		}
		text, err := readPrivate(keyPath)
		if errors.Is(err, fs.ErrNotExist) {
			if sealed != nil {
				return nil, hinted(ErrNoKey, "the key file %q does not exist", keyPath)
			}
			if err = makeKeyFile(keyPath); err == nil {
				text, err = readPrivate(keyPath)
			}
		}
		var hint *hintError
		switch {
		case errors.As(err, &hint):
			return nil, hinted(hint.error, "the key file %q: %s", keyPath, hint.hint)
		case err != nil:
			return nil, fmt.Errorf("key file: %w", err)
		}
		k, err := parseKeys(text)
		if err != nil {
			return nil, hinted(ErrNoKey, "the key file %q holds none: want a line AGE-SECRET-KEY-1…, as age-keygen writes it", keyPath)
		}
		return k, nil
	}}
}

// makeKeyFile makes a whole key file or none, and leaves one that another process made first.
func makeKeyFile(path string) error {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return errors.New("generate a key: no randomness")
	}
	if err := makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	text := fmt.Sprintf("# key of spapi's accounts; public key: %s\n%s\n", identity.Recipient(), identity)
	if err := fill(f, []byte(text), func(string) {}); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) { // a rename would replace the other's
		return err
	}
	return syncDir(filepath.Dir(path))
}

// parseKeys drops the texts of age's errors, which may quote the key.
func parseKeys(text []byte) (*keys, error) {
	identities, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return nil, errors.New("malformed key")
	}
	switch first := identities[0].(type) {
	case *age.X25519Identity:
		return &keys{identities, first.Recipient()}, nil
	case *age.HybridIdentity:
		return &keys{identities, first.Recipient()}, nil
	}
	return nil, errors.New("unknown kind of key")
}

// KeyringKey seals the file with a key that is kept in the operating system's keyring: Keychain, Credential
// Manager or a Secret Service such as GNOME Keyring or KWallet. The key is made with the file and belongs to its path,
// so a file that is moved needs its key moved too. Where there is no keyring, the error is [ErrKeyring].
func KeyringKey() Key {
	return Key{func(ctx context.Context, path string, sealed []byte) (*keys, error) {
		if withPassphrase(sealed) {
			return nil, hinted(ErrWrongKey, "it is sealed with a passphrase, not with a key")
		}
		text, err := keyringGet(ctx, path)
		switch {
		case errors.Is(err, keyring.ErrNotFound) && sealed != nil:
			return nil, hinted(ErrNoKey, "the keyring has none for this file, under service %q and user %q", KeyringService, path)
		case errors.Is(err, keyring.ErrNotFound):
			identity, err := age.GenerateX25519Identity()
			if err != nil {
				return nil, errors.New("generate a key: no randomness")
			}
			// The file's lock is held, so nobody else makes a key for it.
			if err := keyringSet(ctx, path, identity.String()); err != nil {
				return nil, err
			}
			return &keys{[]age.Identity{identity}, identity.Recipient()}, nil
		case err != nil:
			return nil, err
		}
		k, err := parseKeys([]byte(strings.TrimSpace(text)))
		if err != nil {
			return nil, hinted(ErrNoKey, "what the keyring has under service %q and user %q is no key", KeyringService, path)
		}
		return k, nil
	}}
}

func keyringGet(ctx context.Context, user string) (string, error) {
	return withKeyring(ctx, func() (string, error) { return keyring.Get(KeyringService, user) })
}

func keyringSet(ctx context.Context, user, key string) error {
	_, err := withKeyring(ctx, func() (string, error) { return "", keyring.Set(KeyringService, user, key) })
	return err
}

// noSessionBus is replaced in tests, which have a keyring in memory.
var noSessionBus = func() bool {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" || os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return false
	}
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(fmt.Sprintf("/run/user/%d/%s", os.Getuid(), name)); err == nil {
			return false
		}
	}
	return true
}

// withKeyring asks the keyring, which may ask the user and knows no context: when that ends, the question is left behind.
func withKeyring(ctx context.Context, ask func() (string, error)) (string, error) {
	if noSessionBus() { // the library below would start a bus daemon and leave it running
		return "", hinted(ErrKeyring, "there is no session bus; name a key file in %s or give a passphrase in %s", keyFileVariable, passphraseVariable)
	}
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := ask()
		answered <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-answered:
		if a.err != nil && !errors.Is(a.err, keyring.ErrNotFound) {
			return "", hinted(ErrKeyring, "%v; name a key file in %s or give a passphrase in %s", a.err, keyFileVariable, passphraseVariable)
		}
		return a.text, a.err
	}
}

// AutoKey finds the key as the spapi command does. A file that exists is opened with what sealed it: the key file that SPAPI_KEY_FILE
// names or the key in the keyring; for a passphrase, SPAPI_PASSPHRASE or ask. A new file is sealed with the first
// of these that there is: SPAPI_KEY_FILE, SPAPI_PASSPHRASE, the keyring, ask. ask is as for [PassphraseKey]; nil means that there is
// nobody to ask.
func AutoKey(ask func(ctx context.Context, create bool) (string, error)) Key {
	return Key{func(ctx context.Context, path string, sealed []byte) (*keys, error) {
		keyFile, passphrase := settings.KeyFile.Getenv(), settings.Passphrase.Getenv()
		var key Key
		switch {
		case keyFile != "" && passphrase != "" && sealed == nil:
			return nil, &spapi.ConfigError{Code: spapi.CodeKeyAmbiguous, Field: "key of the accounts",
				Want: keyFileVariable + " and " + passphraseVariable + " are both set: set one of the two"}
		case keyFile != "" && !withPassphrase(sealed):
			key = FileKey(keyFile)
		case passphrase != "" && (sealed == nil || withPassphrase(sealed)):
			key = PassphraseKey(func(context.Context, bool) (string, error) { return passphrase, nil })
		case withPassphrase(sealed) && ask == nil:
			return nil, hinted(ErrNoKey, "it is sealed with a passphrase: give it in %s", passphraseVariable)
		case withPassphrase(sealed):
			key = PassphraseKey(ask)
		default:
			k, err := KeyringKey().open(ctx, path, sealed)
			if sealed == nil && ask != nil && errors.Is(err, ErrKeyring) {
				return PassphraseKey(ask).open(ctx, path, sealed)
			}
			return k, err
		}
		return key.open(ctx, path, sealed)
	}}
}

// withPassphrase reports whether a file is sealed with a passphrase; age allows no second key beside one.
func withPassphrase(sealed []byte) bool {
	return bytes.HasPrefix(sealed, []byte(ageMagic+"-> scrypt "))
}
