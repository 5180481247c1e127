// Package awssecrets stores accounts in AWS Secrets Manager, for programs that run in AWS and want each authorization under its own
// permissions, encryption key and audit trail.
//
//	config, err := config.LoadDefaultConfig(ctx)
//	store := awssecrets.New(secretsmanager.NewFromConfig(config), awssecrets.Config{})
//
// # Names
//
// Each account and each application is a secret of its own, with a JSON object in it:
//
//	spapi/account/NAME           name, region, client_id, refresh_token, selling_partner_id, marketplaces, sandbox, endpoint, token_url, created,
//	                             updated
//	spapi/application/CLIENT-ID  client_id, client_secret, application_id, role_arn, secret_expires, previous_secret,
//	                             previous_expires, created, updated
//	spapi/default                account (a name)
//
// In NAME every byte other than A-Z a-z 0-9 . _ - stands as = and two hexadecimal digits: "büro" is "b=C3=BCro". Fields without a value are
// left out; times are RFC 3339 in UTC.
//
// Permissions, on secret:spapi/*: secretsmanager:GetSecretValue, PutSecretValue, CreateSecret, DeleteSecret and RestoreSecret; and on * for
// lists BatchGetSecretValue and ListSecrets. A program that only opens accounts needs GetSecretValue alone.
//
// Amazon bills per secret and month. Its lists may lag minutes behind the last writes; Get does not.
package awssecrets

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/accounts/internal/stored"
)

// Config says where in Secrets Manager the accounts are. The zero value is usable.
type Config struct {
	// Prefix begins the names of all secrets. Default: "spapi/".
	Prefix string

	// KMSKeyID is the key that encrypts new secrets: its id, ARN or alias. Default: the AWS managed key aws/secretsmanager.
	KMSKeyID string

	// RecoveryDays is how long a deleted secret can be recovered in the console, from 7 to 30 days. Default: 7. Secrets Manager can also
	// delete at once, but then a name can be used again only after some time that it doesn't tell.
	RecoveryDays int
}

// Store is an [accounts.Store] in AWS Secrets Manager. Three rules span secrets and are checked or done beside the write, not with it: that an
// account's application is stored, that a deleted application has no accounts, and that the default ends with its account.
type Store struct {
	client *secretsmanager.Client
	config Config
	now    func() time.Time
}

var _ accounts.Store = (*Store)(nil)

// New makes a store. It sends nothing.
func New(client *secretsmanager.Client, config Config) *Store {
	config.Prefix = cmp.Or(config.Prefix, "spapi/")
	config.RecoveryDays = cmp.Or(config.RecoveryDays, 7)
	return &Store{client: client, config: config, now: time.Now}
}

// bounded is for every request: AWS's SDK waits for ever for a server that stays silent.
func bounded(o *secretsmanager.Options) { o.HTTPClient = stored.Bounded(o.HTTPClient) }

// String names the store.
func (s *Store) String() string { return "Secrets Manager below " + s.config.Prefix }

// Format prints [Store.String] for every verb.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is [Store.String].
func (s *Store) LogValue() slog.Value { return slog.StringValue(s.String()) }

func (s *Store) accountID(name string) string   { return s.config.Prefix + "account/" + encode(name) }
func (s *Store) applicationID(id string) string { return s.config.Prefix + "application/" + encode(id) }
func (s *Store) defaultID() string              { return s.config.Prefix + "default" }

// encode writes a name in the letters that Secrets Manager allows.
func encode(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// fail dresses an error; secrets are those that the request held.
func (s *Store) fail(ctx context.Context, op, name string, err error, secrets ...string) error {
	return &accounts.Error{Op: op, Name: name, Store: s.String(), Err: stored.Cause(ctx, err, secrets...)}
}

// missing reports whether there is no such secret. One that waits for its deletion counts as gone.
func missing(err error) bool {
	var none *types.ResourceNotFoundException
	return errors.As(err, &none) || deleted(err)
}

// deleted reports whether the secret waits for its deletion. Secrets Manager says so only in words, of which it has several:
// "marked for deletion", "scheduled for deletion", "marked deleted".
func deleted(err error) bool {
	var invalid *types.InvalidRequestException
	return errors.As(err, &invalid) && strings.Contains(invalid.ErrorMessage(), "delet")
}

// get reads a secret into record; found is false if there is none.
func (s *Store) get(ctx context.Context, id string, record any) (found bool, err error) {
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id}, bounded)
	switch {
	case err == nil:
		return true, parse(id, aws.ToString(out.SecretString), record)
	case missing(err):
		return false, nil
	}
	return false, err
}

// parse keeps the text of JSON errors back: it may quote the secret.
func parse(id, text string, record any) error {
	if json.Unmarshal([]byte(text), record) != nil {
		return fmt.Errorf("%w: secret %s holds something else", accounts.ErrCorrupted, id)
	}
	return nil
}

// put writes a secret, whether it is there, not there or waits for its deletion. Each of these may change under way, so it tries in turn.
func (s *Store) put(ctx context.Context, id string, record any) error {
	text, err := json.Marshal(record)
	if err != nil {
		return errors.New("malformed record") // the text might quote a value
	}
	value := string(text)
	for range 3 {
		_, err = s.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &value}, bounded)
		var none *types.ResourceNotFoundException
		switch {
		case errors.As(err, &none):
			in := &secretsmanager.CreateSecretInput{Name: &id, SecretString: &value, Description: aws.String("Selling Partner API, kept by spapi")}
			if s.config.KMSKeyID != "" {
				in.KmsKeyId = &s.config.KMSKeyID
			}
			_, err = s.client.CreateSecret(ctx, in, bounded)
			var exists *types.ResourceExistsException
			if !errors.As(err, &exists) && !deleted(err) {
				return err
			}
		case deleted(err):
			// What it held is readable again until the next turn has replaced it: the service has no way to do both at once.
			if _, err = s.client.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: &id}, bounded); err != nil && !missing(err) {
				return err
			}
		default:
			return err
		}
	}
	return fmt.Errorf("others delete and create it all the time: %w", err)
}

func (s *Store) remove(ctx context.Context, id string) error {
	_, err := s.client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &id, RecoveryWindowInDays: aws.Int64(int64(s.config.RecoveryDays))}, bounded)
	if missing(err) {
		return accounts.ErrNotFound
	}
	return err
}

// list reads all secrets below a name.
func list[T any](ctx context.Context, s *Store, prefix string) ([]T, error) {
	var all []T
	pages := secretsmanager.NewBatchGetSecretValuePaginator(s.client, &secretsmanager.BatchGetSecretValueInput{
		Filters: []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{prefix}}}, MaxResults: aws.Int32(20)}) // its most
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, bounded)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Errors {
			code, message := aws.ToString(e.ErrorCode), aws.ToString(e.Message)
			if code == "ResourceNotFoundException" || code == "InvalidRequestException" && strings.Contains(message, "delet") {
				continue // gone since it was listed
			}
			return nil, fmt.Errorf("secret %s: %s: %s", aws.ToString(e.SecretId), code, message)
		}
		for _, v := range page.SecretValues {
			// A filter finds the beginnings of words too, and "!" or spaces mean something in it.
			if id := aws.ToString(v.Name); strings.HasPrefix(id, prefix) {
				var record T
				if err := parse(id, aws.ToString(v.SecretString), &record); err != nil {
					return nil, err
				}
				all = append(all, record)
			}
		}
	}
	return all, nil
}

// Get implements [accounts.Store].
func (s *Store) Get(ctx context.Context, name string) (accounts.Account, error) {
	name, err := accounts.CleanName(name)
	if err != nil {
		return accounts.Account{}, err
	}
	var record stored.Account
	found, err := s.get(ctx, s.accountID(name), &record)
	if err == nil && !found {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.Account{}, s.fail(ctx, "get account", name, err)
	}
	return accounts.Account(record), nil
}

// Put implements [accounts.Store].
func (s *Store) Put(ctx context.Context, account accounts.Account) error {
	account, err := account.Clean()
	if err != nil {
		return err
	}
	var application stored.Application
	var old stored.Account
	found, err := s.get(ctx, s.applicationID(account.ClientID), &application)
	if err == nil && !found {
		err = accounts.NoApplication(account.ClientID)
	}
	if err == nil {
		_, err = s.get(ctx, s.accountID(account.Name), &old)
	}
	if err == nil {
		stored.Stamp(&account.Created, &account.Updated, old.Created, s.now())
		err = s.put(ctx, s.accountID(account.Name), stored.Account(account))
	}
	if err != nil {
		return s.fail(ctx, "put account", account.Name, err, account.RefreshToken.Reveal())
	}
	return nil
}

type choice struct {
	Account string `json:"account"`
}

// Delete implements [accounts.Store]. The secret can be recovered in the console for some days, see [Config].
func (s *Store) Delete(ctx context.Context, name string) error {
	name, err := accounts.CleanName(name)
	if err != nil {
		return err
	}
	var chosen choice
	err = s.remove(ctx, s.accountID(name))
	if err == nil {
		_, err = s.get(ctx, s.defaultID(), &chosen)
	}
	if err == nil && chosen.Account == name {
		err = s.put(ctx, s.defaultID(), choice{})
	}
	if err != nil {
		return s.fail(ctx, "delete account", name, err)
	}
	return nil
}

// List implements [accounts.Store].
func (s *Store) List(ctx context.Context) ([]accounts.Account, error) {
	records, err := list[stored.Account](ctx, s, s.config.Prefix+"account/")
	if err != nil {
		return nil, s.fail(ctx, "list accounts", "", err)
	}
	var all []accounts.Account
	for _, r := range records {
		all = append(all, accounts.Account(r))
	}
	slices.SortFunc(all, func(x, y accounts.Account) int { return strings.Compare(x.Name, y.Name) })
	return all, nil
}

// Default implements [accounts.Store]. The default is that of the prefix, for all who use it.
func (s *Store) Default(ctx context.Context) (string, error) {
	var chosen choice
	_, err := s.get(ctx, s.defaultID(), &chosen)
	if err == nil && chosen.Account == "" {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return "", s.fail(ctx, "find the default account", "", err)
	}
	return chosen.Account, nil
}

// Use implements [accounts.Store].
func (s *Store) Use(ctx context.Context, name string) error {
	name, err := accounts.CleanName(name)
	if err != nil {
		return err
	}
	var record stored.Account
	found, err := s.get(ctx, s.accountID(name), &record)
	if err == nil && !found {
		err = accounts.ErrNotFound
	}
	if err == nil {
		err = s.put(ctx, s.defaultID(), choice{name})
	}
	if err != nil {
		return s.fail(ctx, "use account", name, err)
	}
	return nil
}

// Application implements [accounts.Store].
func (s *Store) Application(ctx context.Context, clientID string) (accounts.Application, error) {
	clientID, err := accounts.CleanClientID(clientID)
	if err != nil {
		return accounts.Application{}, err
	}
	var record stored.Application
	found, err := s.get(ctx, s.applicationID(clientID), &record)
	if err == nil && !found {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.Application{}, s.fail(ctx, "get application", clientID, err)
	}
	return accounts.Application(record), nil
}

// PutApplication implements [accounts.Store].
func (s *Store) PutApplication(ctx context.Context, application accounts.Application) error {
	application, err := application.Clean()
	if err != nil {
		return err
	}
	var old stored.Application
	if _, err = s.get(ctx, s.applicationID(application.ClientID), &old); err == nil {
		stored.Stamp(&application.Created, &application.Updated, old.Created, s.now())
		err = s.put(ctx, s.applicationID(application.ClientID), stored.Application(application))
	}
	if err != nil {
		return s.fail(ctx, "put application", application.ClientID, err, application.ClientSecret.Reveal(), application.PreviousSecret.Reveal())
	}
	return nil
}

// DeleteApplication implements [accounts.Store].
func (s *Store) DeleteApplication(ctx context.Context, clientID string) error {
	clientID, err := accounts.CleanClientID(clientID)
	if err != nil {
		return err
	}
	all, err := s.List(ctx)
	if err != nil {
		return err
	}
	if err = accounts.InUse(clientID, all); err == nil {
		err = s.remove(ctx, s.applicationID(clientID))
	}
	if err != nil {
		return s.fail(ctx, "delete application", clientID, err)
	}
	return nil
}

// Applications implements [accounts.Store].
func (s *Store) Applications(ctx context.Context) ([]accounts.Application, error) {
	records, err := list[stored.Application](ctx, s, s.config.Prefix+"application/")
	if err != nil {
		return nil, s.fail(ctx, "list applications", "", err)
	}
	var all []accounts.Application
	for _, r := range records {
		all = append(all, accounts.Application(r))
	}
	slices.SortFunc(all, func(x, y accounts.Application) int { return strings.Compare(x.ClientID, y.ClientID) })
	return all, nil
}
