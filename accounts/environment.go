package accounts

import (
	"context"
	"os"
	"strconv"
	"strings"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/marketplace"
)

// EnvironmentName is the name of the account in the environment.
const EnvironmentName = "environment"

// Env is the store of [Environment].
type Env struct{}

// Environment is a store of at most one account, named "environment", which is read from the environment at each call. It cannot be written
// to ([ErrReadOnly]). The variables are those of [spapi.Load], with the names of Amazon's tutorials too:
//
//	SPAPI_CLIENT_ID       or LWA_CLIENT_IDENTIFIER
//	SPAPI_CLIENT_SECRET   or LWA_CLIENT_SECRET
//	SPAPI_REFRESH_TOKEN   or AMAZON_REFRESH_TOKEN
//	SPAPI_REGION          na, eu or fe
//	SPAPI_MARKETPLACE     in place of the region, or with it
//	SPAPI_SANDBOX         true or false
//	SPAPI_SELLER_ID       optional
//	SPAPI_APPLICATION_ID  optional
//	SPAPI_ROLE_ARN        or SP_ROLE_ARN; optional
//
// [Open] and [Clients] also follow SPAPI_ENDPOINT and SPAPI_TOKEN_URL for this account. Where none of the first three is set,
// the store is empty; where some are, the missing ones are an error.
func Environment() *Env { return &Env{} }

// variables are the settings in the environment, by the names that errors use.
var variables = map[string][]string{
	"client id":          {"SPAPI_CLIENT_ID", "LWA_CLIENT_IDENTIFIER"},
	"client secret":      {"SPAPI_CLIENT_SECRET", "LWA_CLIENT_SECRET"},
	"refresh token":      {"SPAPI_REFRESH_TOKEN", "AMAZON_REFRESH_TOKEN"},
	"region":             {"SPAPI_REGION"},
	"marketplace":        {"SPAPI_MARKETPLACE"},
	"selling partner id": {"SPAPI_SELLER_ID"},
	"application id":     {"SPAPI_APPLICATION_ID"},
	"role ARN":           {"SPAPI_ROLE_ARN", "SP_ROLE_ARN"},
}

// lookup reads a setting that several variables can hold.
func lookup(field string) (value, source string, err error) {
	for _, name := range variables[field] {
		found := os.Getenv(name)
		switch {
		case found == "" || found == value:
		case value == "":
			value, source = found, name
		default:
			return "", "", &spapi.ConfigError{Field: field, Want: source + " and " + name + " are both set and differ: set one of the two"}
		}
	}
	return value, source, nil
}

// read returns what the environment holds; found is false if that is nothing.
func (e *Env) read() (account Account, application Application, found bool, err error) {
	values, sources := map[string]string{}, map[string]string{}
	for field := range variables {
		if values[field], sources[field], err = lookup(field); err != nil {
			return account, application, false, err
		}
	}
	if values["client id"] == "" && values["client secret"] == "" && values["refresh token"] == "" {
		return account, application, false, nil
	}
	application = Application{ClientID: values["client id"], ClientSecret: values["client secret"],
		ApplicationID: values["application id"], RoleARN: values["role ARN"]}
	account = Account{Name: EnvironmentName, SellingPartnerID: values["selling partner id"], Region: marketplace.Region(values["region"]),
		ClientID: values["client id"], RefreshToken: values["refresh token"]}
	if m := values["marketplace"]; m != "" {
		account.Marketplaces = []string{m}
	}
	if text := os.Getenv("SPAPI_SANDBOX"); text != "" {
		if account.Sandbox, err = strconv.ParseBool(text); err != nil {
			return account, application, false, &spapi.ConfigError{Field: "SPAPI_SANDBOX", Value: text, Want: "want true or false"}
		}
	}
	if application, err = application.Clean(); err == nil {
		account, err = account.Clean()
	}
	return account, application, true, named(err, sources)
}

// named adds to an error which variable it is about.
func named(err error, sources map[string]string) error {
	bad, ok := err.(*spapi.ConfigError)
	if !ok {
		return err
	}
	with := *bad
	switch source, names := sources[bad.Field], variables[bad.Field]; {
	case source != "":
		with.Field += " (" + source + ")"
	case bad.Field == "region":
		with.Field += " (SPAPI_REGION and SPAPI_MARKETPLACE are not set)"
	case len(names) > 0:
		with.Field += " (" + strings.Join(names, " or ") + " is not set)"
	}
	return &with
}

func (e *Env) options() (options []spapi.Option) {
	if url := os.Getenv("SPAPI_ENDPOINT"); url != "" {
		options = append(options, spapi.WithEndpoint(url))
	}
	if url := os.Getenv("SPAPI_TOKEN_URL"); url != "" {
		options = append(options, spapi.WithTokenURL(url))
	}
	return options
}

// String names the store.
func (e *Env) String() string { return "the environment" }

func (e *Env) fail(op, name string, err error, hint string) error {
	return &Error{Op: op, Name: name, Store: e.String(), Err: err, Hint: hint}
}

const noVariables = "SPAPI_CLIENT_ID, SPAPI_CLIENT_SECRET and SPAPI_REFRESH_TOKEN are not set"

// Get implements [Store].
func (e *Env) Get(ctx context.Context, name string) (Account, error) {
	if err := ctx.Err(); err != nil {
		return Account{}, e.fail("get account", "", err, "")
	}
	name, err := CleanName(name)
	if err != nil {
		return Account{}, err
	}
	if name != EnvironmentName {
		return Account{}, e.fail("get account", name, ErrNotFound, "its only account is "+strconv.Quote(EnvironmentName))
	}
	account, _, found, err := e.read()
	if err == nil && !found {
		err = e.fail("get account", name, ErrNotFound, noVariables)
	}
	if err != nil {
		return Account{}, err
	}
	return account, nil
}

// List implements [Store].
func (e *Env) List(ctx context.Context) ([]Account, error) {
	account, err := e.Get(ctx, EnvironmentName)
	switch {
	case isNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []Account{account}, nil
}

// Default implements [Store]: it is the only account.
func (e *Env) Default(ctx context.Context) (string, error) {
	account, err := e.Get(ctx, EnvironmentName)
	return account.Name, err
}

// Application implements [Store].
func (e *Env) Application(ctx context.Context, clientID string) (Application, error) {
	if err := ctx.Err(); err != nil {
		return Application{}, e.fail("get application", "", err, "")
	}
	clientID, err := CleanClientID(clientID)
	if err != nil {
		return Application{}, err
	}
	_, application, found, err := e.read()
	if err == nil && (!found || application.ClientID != clientID) {
		err = e.fail("get application", clientID, ErrNotFound, "")
	}
	if err != nil {
		return Application{}, err
	}
	return application, nil
}

// Applications implements [Store].
func (e *Env) Applications(ctx context.Context) ([]Application, error) {
	if err := ctx.Err(); err != nil {
		return nil, e.fail("list applications", "", err, "")
	}
	_, application, found, err := e.read()
	if err != nil || !found {
		return nil, err
	}
	return []Application{application}, nil
}

const setVariables = "set or unset the variables themselves"

// Put fails with [ErrReadOnly].
func (e *Env) Put(ctx context.Context, account Account) error {
	return e.fail("put account", "", ErrReadOnly, setVariables)
}

// Delete fails with [ErrReadOnly].
func (e *Env) Delete(ctx context.Context, name string) error {
	return e.fail("delete account", "", ErrReadOnly, setVariables)
}

// Use fails with [ErrReadOnly].
func (e *Env) Use(ctx context.Context, name string) error {
	return e.fail("use account", "", ErrReadOnly, setVariables)
}

// PutApplication fails with [ErrReadOnly].
func (e *Env) PutApplication(ctx context.Context, application Application) error {
	return e.fail("put application", "", ErrReadOnly, setVariables)
}

// DeleteApplication fails with [ErrReadOnly].
func (e *Env) DeleteApplication(ctx context.Context, clientID string) error {
	return e.fail("delete application", "", ErrReadOnly, setVariables)
}
