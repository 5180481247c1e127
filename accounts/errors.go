package accounts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What an [Error] can wrap.
var (
	ErrNotFound    = errors.New("not found")
	ErrNoDefault   = errors.New("no account is named and none is the default")
	ErrInUse       = errors.New("still in use")
	ErrReadOnly    = errors.New("the store is read only")
	ErrWrongKey    = errors.New("the passphrase or key does not open it")
	ErrNoKey       = errors.New("no key")
	ErrKeyring     = errors.New("the keyring is unavailable")
	ErrCorrupted   = errors.New("the stored data is damaged")
	ErrPermissions = errors.New("others have access")
)

// Error is what a store could not do. Its text has no secrets, whatever the cause's text has.
type Error struct {
	Op    string // what was tried, such as "get account"
	Name  string // the account's name or the application's client id, if it is about one
	Store string // which store, as its String says
	Err   error  // one of the errors above, the context's error, or the cause
	Hint  string // what would help, if that is known
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("accounts: ")
	b.WriteString(e.Op)
	if e.Name != "" {
		b.WriteByte(' ')
		b.WriteString(strconv.Quote(e.Name))
	}
	if e.Store != "" {
		b.WriteString(" in ")
		b.WriteString(e.Store)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString(": ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Explain says what to do.
func (e *Error) Explain() string {
	what := e.Error()
	switch {
	case errors.Is(e, ErrWrongKey):
		what += ". Use the key or passphrase that it was sealed with; nobody can recover a lost one, so then move the file away and authorize anew."
	case errors.Is(e, ErrCorrupted):
		what += ". Restore it from a backup, or move it away and authorize anew."
	case errors.Is(e, ErrNotFound) && e.Name != "":
		what += ". List what is stored and check the spelling; names have regard to case."
	}
	return what
}

// NoApplication is the cause of an error of Put when the account's application is not stored; it is an [ErrNotFound].
// It is for implementations of [Store].
func NoApplication(clientID string) error {
	return fmt.Errorf("its application %q is %w: put that first", clientID, ErrNotFound)
}

// InUse returns an [ErrInUse] that names one of those accounts that refer to the application, or nil if none does.
// It is for implementations of [Store].
func InUse(clientID string, list []Account) error {
	count, one := 0, ""
	for _, a := range list {
		if a.ClientID == clientID {
			if count++; count == 1 {
				one = a.Name
			}
		}
	}
	if count == 0 {
		return nil
	}
	if count == 1 {
		return fmt.Errorf("%w: account %q refers to it: delete that first", ErrInUse, one)
	}
	return fmt.Errorf("%w: %d accounts refer to it, such as %q: delete those first", ErrInUse, count, one)
}
