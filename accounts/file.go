package accounts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts/internal/stored"
	"github.com/openspapi/spapi/internal/settings"
)

// File is a store in one file, sealed with age; see [NewFile].
type File struct {
	path string
	key  Key
	now  func() time.Time
	step func(string) // tests end the process here, in the midst of a write

	turn   chan struct{} // holds one token: whoever has it may use what follows
	keys   *keys         // what opened the file last
	sum    [sha256.Size]byte
	opened *book // what the file with that sum holds; it is never changed, only replaced
}

// book is what the file holds. Its version is raised when an older program would lose something of it.
type book struct {
	Version      int                           `json:"version"`
	Default      string                        `json:"default,omitempty"`
	Accounts     map[string]stored.Account     `json:"accounts"`     // by name
	Applications map[string]stored.Application `json:"applications"` // by client id
}

// bookVersion 2 has endpoints and token URLs, without which an account of an emulator would call Amazon. Version 1 is read still.
const (
	bookVersion    = 2
	oldBookVersion = 1
)

// NewFile makes a store of the file at path, which need not exist yet: the first write makes it, and the folders above it, for
// their owner alone (modes 0600 and 0700). A file that others have access to is refused ([ErrPermissions]).
// Nothing is read or asked before the first use of the store.
//
// A file beside it that ends in .lock orders the writers of several processes, and one that ends in .tmp is a write under way;
// both may be deleted when no process runs. The lock is advisory, so the file must not lie on a network file system without locks.
func NewFile(path string, key Key) *File {
	f := &File{path: path, key: key, now: time.Now, step: func(string) {}, turn: make(chan struct{}, 1)}
	if absolute, err := filepath.Abs(path); err == nil {
		f.path = absolute
	}
	return f
}

// DefaultFile is the file that the spapi command uses: the one that SPAPI_ACCOUNTS names, or spapi/accounts.age in
// [os.UserConfigDir], with [AutoKey]. ask may be nil, see there.
func DefaultFile(ask func(ctx context.Context, create bool) (string, error)) (*File, error) {
	path, err := settings.AccountsFile()
	if err != nil {
		return nil, err
	}
	return NewFile(path, AutoKey(ask)), nil
}

// Path returns where the file is.
func (f *File) Path() string { return f.path }

// String names the store.
func (f *File) String() string { return "file " + f.path }

// Format never shows what the file holds, whatever the verb.
func (f *File) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, f.String()) }

// LogValue names the store.
func (f *File) LogValue() slog.Value { return slog.StringValue(f.String()) }

// fail dresses an error of the layers below, unless those have done it.
func (f *File) fail(op, name string, err error) error {
	var bad *spapi.ConfigError
	if errors.As(err, &bad) {
		return err
	}
	e := &Error{Op: op, Name: name, Store: f.String(), Err: err}
	var hinted *hintError
	if errors.As(err, &hinted) {
		e.Err, e.Hint = hinted.error, hinted.hint
	}
	return e
}

// hintError adds to an error what would help.
type hintError struct {
	error
	hint string
}

func (e *hintError) Unwrap() error { return e.error }

func hinted(err error, format string, args ...any) error {
	return &hintError{err, fmt.Sprintf(format, args...)}
}

// take waits for the turn. Unlike a mutex it ends with the context: someone may be typing a passphrase meanwhile.
func (f *File) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case f.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *File) release() { <-f.turn }

// read returns what the file holds; without a file, an empty book.
func (f *File) read(ctx context.Context) (*book, error) {
	if err := f.take(ctx); err != nil {
		return nil, err
	}
	defer f.release()
	if runtime.GOOS == "windows" { // there an open file cannot be replaced, so readers must keep writers waiting
		if _, err := os.Stat(f.path); err == nil {
			unlock, err := lock(ctx, f.path)
			if err != nil {
				return nil, err
			}
			defer unlock()
		}
	}
	b, _, err := f.load(ctx)
	return b, err
}

// update changes what the file holds. change gets a copy that it may alter.
func (f *File) update(ctx context.Context, change func(*book) error) error {
	if err := f.take(ctx); err != nil {
		return err
	}
	defer f.release()
	if err := makeDir(filepath.Dir(f.path)); err != nil {
		return err
	}
	unlock, err := lock(ctx, f.path)
	if err != nil {
		return err
	}
	defer unlock()
	old, sealed, err := f.load(ctx)
	if err != nil {
		return err
	}
	b := &book{Version: bookVersion, Default: old.Default, Accounts: maps.Clone(old.Accounts), Applications: maps.Clone(old.Applications)}
	if err := change(b); err != nil {
		return err
	}
	if f.keys == nil {
		if f.keys, err = f.key.open(ctx, f.path, sealed); err != nil {
			return err
		}
	}
	if sealed, err = seal(b, f.keys.recipient); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // the last moment at which nothing has happened
		return err
	}
	if err := replace(f.path, sealed, f.step); err != nil {
		return err
	}
	f.sum, f.opened = sha256.Sum256(sealed), b
	return nil
}

// load reads and opens the file. What was opened last time is not opened again: with a passphrase that takes a second.
func (f *File) load(ctx context.Context) (*book, []byte, error) {
	sealed, err := readPrivate(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		// Also if there was a file before: who deletes it may want another key for the next one.
		f.opened, f.keys = nil, nil
		return &book{Accounts: map[string]stored.Account{}, Applications: map[string]stored.Application{}}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(sealed)
	if f.opened != nil && f.sum == sum {
		return f.opened, sealed, nil
	}
	if !bytes.HasPrefix(sealed, []byte(ageMagic)) {
		what := "it does not begin as a file of age does"
		if len(sealed) == 0 {
			what = "it is empty"
		}
		return nil, nil, hinted(ErrCorrupted, "%s", what)
	}
	if _, err := age.ExtractHeader(bytes.NewReader(sealed)); err != nil {
		return nil, nil, hinted(ErrCorrupted, badHeader)
	}
	var b *book
	if f.keys != nil {
		b, err = unseal(sealed, f.keys)
	}
	if f.keys == nil || errors.Is(err, ErrWrongKey) { // another process may have made the file anew, with another key
		if f.keys, err = f.key.open(ctx, f.path, sealed); err != nil {
			f.keys = nil
			return nil, nil, err
		}
		b, err = unseal(sealed, f.keys)
	}
	if err != nil {
		f.keys = nil // so that a mistyped passphrase is asked for again
		return nil, nil, err
	}
	f.sum, f.opened = sum, b
	return b, sealed, nil
}

const (
	ageMagic  = "age-encryption.org/v1\n"
	badHeader = "its header is cut off or was altered"
)

func seal(b *book, to age.Recipient) ([]byte, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("write accounts as JSON: %T", err) // the text might quote a value
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed.Bytes(), nil
}

// unseal keeps the texts of age and JSON errors back: they may quote what they read.
func unseal(sealed []byte, k *keys) (*book, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), k.identities...)
	switch {
	case errors.Is(err, age.ErrIncorrectIdentity):
		return nil, ErrWrongKey
	case err != nil:
		return nil, hinted(ErrCorrupted, badHeader)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, hinted(ErrCorrupted, "it is cut off or was altered")
	}
	var version struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(text, &version) == nil && version.Version > bookVersion {
		return nil, hinted(ErrCorrupted, "its version is %d and this program knows %d: use a newer spapi", version.Version, bookVersion)
	}
	var b book
	if json.Unmarshal(text, &b) != nil || b.Version < oldBookVersion || b.Version > bookVersion {
		return nil, hinted(ErrCorrupted, "what is sealed in it is no list of accounts")
	}
	if b.Accounts == nil {
		b.Accounts = map[string]stored.Account{}
	}
	if b.Applications == nil {
		b.Applications = map[string]stored.Application{}
	}
	return &b, nil
}

// Get implements [Store].
func (f *File) Get(ctx context.Context, name string) (Account, error) {
	name, err := CleanName(name)
	if err != nil {
		return Account{}, err
	}
	b, err := f.read(ctx)
	if err == nil {
		if account, ok := b.Accounts[name]; ok {
			return shown(account), nil
		}
		err = ErrNotFound
	}
	return Account{}, f.fail("get account", name, err)
}

// shown is a copy that its reader may alter.
func shown(account stored.Account) Account {
	account.Marketplaces = slices.Clone(account.Marketplaces)
	return Account(account)
}

// Put implements [Store].
func (f *File) Put(ctx context.Context, account Account) error {
	account, err := account.Clean()
	if err != nil {
		return err
	}
	err = f.update(ctx, func(b *book) error {
		if _, ok := b.Applications[account.ClientID]; !ok {
			return NoApplication(account.ClientID)
		}
		stored.Stamp(&account.Created, &account.Updated, b.Accounts[account.Name].Created, f.now())
		b.Accounts[account.Name] = stored.Account(account)
		return nil
	})
	if err != nil {
		return f.fail("put account", account.Name, err)
	}
	return nil
}

// Delete implements [Store].
func (f *File) Delete(ctx context.Context, name string) error {
	name, err := CleanName(name)
	if err != nil {
		return err
	}
	err = f.update(ctx, func(b *book) error {
		if _, ok := b.Accounts[name]; !ok {
			return ErrNotFound
		}
		delete(b.Accounts, name)
		if b.Default == name {
			b.Default = ""
		}
		return nil
	})
	if err != nil {
		return f.fail("delete account", name, err)
	}
	return nil
}

// List implements [Store].
func (f *File) List(ctx context.Context) ([]Account, error) {
	b, err := f.read(ctx)
	if err != nil {
		return nil, f.fail("list accounts", "", err)
	}
	return b.list(), nil
}

func (b *book) list() []Account {
	var list []Account
	for _, account := range b.Accounts {
		list = append(list, shown(account))
	}
	slices.SortFunc(list, func(x, y Account) int { return strings.Compare(x.Name, y.Name) })
	return list
}

// Default implements [Store].
func (f *File) Default(ctx context.Context) (string, error) {
	b, err := f.read(ctx)
	if err == nil && b.Default == "" {
		err = ErrNotFound
	}
	if err != nil {
		return "", f.fail("find the default account", "", err)
	}
	return b.Default, nil
}

// Use implements [Store].
func (f *File) Use(ctx context.Context, name string) error {
	name, err := CleanName(name)
	if err != nil {
		return err
	}
	err = f.update(ctx, func(b *book) error {
		if _, ok := b.Accounts[name]; !ok {
			return ErrNotFound
		}
		b.Default = name
		return nil
	})
	if err != nil {
		return f.fail("use account", name, err)
	}
	return nil
}

// Application implements [Store].
func (f *File) Application(ctx context.Context, clientID string) (Application, error) {
	clientID, err := CleanClientID(clientID)
	if err != nil {
		return Application{}, err
	}
	b, err := f.read(ctx)
	if err == nil {
		if application, ok := b.Applications[clientID]; ok {
			return Application(application), nil
		}
		err = ErrNotFound
	}
	return Application{}, f.fail("get application", clientID, err)
}

// PutApplication implements [Store].
func (f *File) PutApplication(ctx context.Context, application Application) error {
	application, err := application.Clean()
	if err != nil {
		return err
	}
	err = f.update(ctx, func(b *book) error {
		stored.Stamp(&application.Created, &application.Updated, b.Applications[application.ClientID].Created, f.now())
		b.Applications[application.ClientID] = stored.Application(application)
		return nil
	})
	if err != nil {
		return f.fail("put application", application.ClientID, err)
	}
	return nil
}

// DeleteApplication implements [Store].
func (f *File) DeleteApplication(ctx context.Context, clientID string) error {
	clientID, err := CleanClientID(clientID)
	if err != nil {
		return err
	}
	err = f.update(ctx, func(b *book) error {
		if _, ok := b.Applications[clientID]; !ok {
			return ErrNotFound
		}
		if err := InUse(clientID, b.list()); err != nil {
			return err
		}
		delete(b.Applications, clientID)
		return nil
	})
	if err != nil {
		return f.fail("delete application", clientID, err)
	}
	return nil
}

// Applications implements [Store].
func (f *File) Applications(ctx context.Context) ([]Application, error) {
	b, err := f.read(ctx)
	if err != nil {
		return nil, f.fail("list applications", "", err)
	}
	var list []Application
	for _, application := range b.Applications {
		list = append(list, Application(application))
	}
	slices.SortFunc(list, func(x, y Application) int { return strings.Compare(x.ClientID, y.ClientID) })
	return list, nil
}
