package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/gofrs/flock"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/accounts/awsdynamodb"
	"github.com/openspapi/spapi/accounts/awssecrets"
	"github.com/openspapi/spapi/fleet/goredis"
	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/gateway/audit"
	"github.com/openspapi/spapi/gateway/audit/auditsqlite"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/settings"
)

// openAccounts opens the store that is configured. It sends nothing but what finding AWS's credentials takes.
func openAccounts(ctx context.Context, f *factory.Factory, a *accountStore) (accounts.Store, error) {
	load := func(region string) (aws.Config, error) {
		var options []func(*awsconfig.LoadOptions) error
		if region != "" {
			options = append(options, awsconfig.WithRegion(region))
		}
		c, err := awsconfig.LoadDefaultConfig(ctx, options...)
		if err != nil {
			return c, fmt.Errorf("accounts: AWS's settings: %w", err)
		}
		if c.Region == "" {
			return c, errors.New("accounts: no region of AWS is known: set AWS_REGION, or region beside the table or prefix")
		}
		return c, nil
	}
	switch {
	case a.DynamoDB != nil:
		c, err := load(a.DynamoDB.Region)
		if err != nil {
			return nil, err
		}
		client := dynamodb.NewFromConfig(c, func(o *dynamodb.Options) { o.BaseEndpoint = orNil(a.DynamoDB.Endpoint, o.BaseEndpoint) })
		return awsdynamodb.New(client, a.DynamoDB.Table), nil
	case a.SecretsManager != nil:
		c, err := load(a.SecretsManager.Region)
		if err != nil {
			return nil, err
		}
		client := secretsmanager.NewFromConfig(c, func(o *secretsmanager.Options) { o.BaseEndpoint = orNil(a.SecretsManager.Endpoint, o.BaseEndpoint) })
		return awssecrets.New(client, awssecrets.Config{Prefix: a.SecretsManager.Prefix}), nil
	case a.Environment, a.File == "" && settings.CredentialVariables():
		return accounts.Environment(), nil
	case a.File == "" && a.KeyFile == "":
		return f.Store()
	}
	file := string(a.File)
	if file == "" {
		var err error
		if file, err = settings.AccountsFile(); err != nil {
			return nil, err
		}
	}
	key := accounts.AutoKey(nil)
	if a.KeyFile != "" {
		key = accounts.FileKey(string(a.KeyFile))
	}
	return accounts.NewFile(file, key), nil
}

func orNil(text string, otherwise *string) *string {
	if text == "" {
		return otherwise
	}
	return &text
}

// openFleet opens what is shared with other processes; nil for nothing.
func openFleet(f *factory.Factory, c *config, log *slog.Logger) (*spapi.Fleet, error) {
	s := &c.Fleet
	if s.Address == "" && s.AddressFile == "" {
		return f.Fleet()
	}
	address, err := fleetAddress(f, c)
	if err != nil {
		return nil, err
	}
	of := spapi.FleetConfig{Address: spapi.NewSecret(address), Processes: s.Processes, Logger: log}
	keys := settings.FleetKey.Getenv()
	if s.KeyFile != "" {
		if keys, err = readSecret(s.KeyFile, log); err != nil {
			return nil, fmt.Errorf("fleet.key_file: %w", err)
		}
	}
	for _, key := range strings.FieldsFunc(keys, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' }) {
		of.Keys = append(of.Keys, spapi.NewSecret(key))
	}
	return spapi.OpenFleet(of)
}

// fleetAddress is where the fleet's server is; "" without one.
func fleetAddress(f *factory.Factory, c *config) (string, error) {
	switch s := &c.Fleet; {
	case s.Address != "":
		return string(s.Address), nil
	case s.AddressFile != "":
		text, err := readSecret(s.AddressFile, nil)
		if err != nil {
			return "", fmt.Errorf("fleet.address_file: %w", err)
		}
		return strings.TrimSpace(text), nil
	}
	set, err := settings.ReadFleet(f.Flags.Profile)
	if err != nil {
		return "", err
	}
	return set.Text(settings.Fleet), nil
}

// openState opens what keeps keys and blocks. Its Close ends what it holds.
func openState(f *factory.Factory, c *config, s secret, log *slog.Logger) (gateway.State, func() error, error) {
	nothing := func() error { return nil }
	switch {
	case c.State != "fleet" && c.Folder != "":
		return gateway.NewFolder(string(c.Folder)), nothing, nil
	case c.State != "fleet":
		return &memoryState{}, nothing, nil
	}
	address, err := fleetAddress(f, c)
	if err != nil {
		return nil, nil, err
	}
	server, err := goredis.Open(address)
	if err != nil {
		return nil, nil, err
	}
	shared, err := gateway.NewShared(server, gateway.SharedConfig{Secret: s.current, OldSecrets: s.old, Name: c.Fleet.Name, Folder: string(c.Folder), Logger: log})
	if err != nil {
		return nil, nil, errors.Join(err, server.Close())
	}
	return shared, server.Close, nil
}

// openKeys opens the state of the gateway that the flags name, for commands beside it.
func (o *Options) openKeys() (gateway.State, func() error, error) {
	c, err := load(o.overrides())
	if err != nil {
		return nil, nil, o.told(err)
	}
	if c.Folder == "" {
		return nil, nil, exit.Usagef("the keys of a gateway with --emulator end with it: name the folder of one that keeps them, with --folder there and here")
	}
	var s secret
	if c.State == "fleet" { // what is in the folder isn't sealed
		if s, err = openSecret(c, quietly()); err != nil {
			return nil, nil, err
		}
	}
	return openState(o.Factory, c, s, quietly())
}

// quietly is the log of commands that end at once: what they have to say is their error.
func quietly() *slog.Logger { return slog.New(slog.DiscardHandler) }

// openAudit opens where it is kept what is done; nil for nowhere.
func openAudit(c *config, s secret, log *slog.Logger) (*audit.Log, error) {
	a := &c.Audit
	o := audit.Options{Chain: a.Chain, Secret: s.current, Keep: time.Duration(a.Keep), Sync: time.Duration(a.Sync), Logger: log}
	var l *audit.Log
	var err error
	switch {
	case a.None:
		return nil, nil //nolint:nilnil // nil stands for none
	case a.SQLite != "":
		l, err = auditsqlite.Open(string(a.SQLite), o)
	default:
		l, err = audit.Open(string(a.JSONL), o)
	}
	if errors.Is(err, audit.ErrLocked) {
		return nil, &exit.HintError{Err: err, Hint: "where several gateways keep their audit in one folder, each needs a name: audit.chain"}
	}
	return l, err
}

// secret is what seals tokens and shared state.
type secret struct {
	current []byte
	old     [][]byte // open what was sealed before
	from    string   // for people
}

// secretFile is the secret's name in the folder.
const secretFile = "secret"

// openSecret finds the secret, or makes it in the folder.
func openSecret(c *config, log *slog.Logger) (secret, error) {
	if c.SecretFile != "" {
		text, err := readSecret(c.SecretFile, log)
		if err != nil {
			return secret{}, fmt.Errorf("secret_file: %w", err)
		}
		return decodeSecret(text, string(c.SecretFile))
	}
	if text := settings.GatewaySecret.Getenv(); text != "" {
		return decodeSecret(text, settings.GatewaySecret.Variable())
	}
	switch {
	case c.State == "fleet":
		return secret{}, fmt.Errorf("no secret is known, and gateways with one state need the same: name a file of 32 random bytes in base64 as secret_file, or set %s "+
			"(openssl rand -base64 32)", settings.GatewaySecret.Variable())
	case c.Folder == "":
		s := secret{current: make([]byte, secretBytes), from: "memory"}
		_, _ = rand.Read(s.current) // it never fails
		return s, nil
	}
	name := path(filepath.Join(string(c.Folder), secretFile))
	text, err := readSecret(name, log)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeSecret(string(name)); err == nil {
			text, err = readSecret(name, log)
		}
	}
	if err != nil {
		return secret{}, fmt.Errorf("the gateway's secret: %w", err)
	}
	return decodeSecret(text, string(name))
}

// decodeSecret reads base64 or hex: the current secret, and behind it older ones.
func decodeSecret(text, from string) (secret, error) {
	s := secret{from: from}
	for i, word := range strings.Fields(text) {
		b, err := hex.DecodeString(word)
		if err != nil {
			b, err = base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(word, "=")))
		}
		switch {
		case err != nil || len(b) < secretBytes:
			return secret{}, fmt.Errorf("the secret in %s, number %d: want base64 or hex of at least %d random bytes, as \"openssl rand -base64 32\" prints", from, i+1, secretBytes)
		case i == 0:
			s.current = b
		default:
			s.old = append(s.old, b)
		}
	}
	if s.current == nil {
		return secret{}, fmt.Errorf("%s is empty: want base64 or hex of at least %d random bytes, as \"openssl rand -base64 32\" prints", from, secretBytes)
	}
	return s, nil
}

// makeSecret writes a new secret, whole or not at all, and leaves one alone that another process has just made.
func makeSecret(name string) (err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	lock := flock.New(name+".lock", flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	f, err := os.OpenFile(name+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	random := make([]byte, secretBytes)
	_, _ = rand.Read(random) // it never fails
	_, err = io.WriteString(f, base64.StdEncoding.EncodeToString(random)+"\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// readSecret reads a file that holds a secret. Whoever may write to it could put another in its place; that others may read it is told to log, for
// orchestrators mount files so.
func readSecret(name path, log *slog.Logger) (string, error) {
	const most = 64 << 10
	f, err := os.Open(string(name))
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is no file", name)
	case info.Size() > most:
		return "", fmt.Errorf("%s has %d bytes: want a secret, not more than %d", name, info.Size(), most)
	}
	if runtime.GOOS != "windows" {
		switch mode := info.Mode().Perm(); {
		case mode&0o022 != 0:
			return "", fmt.Errorf("others may write to %s: chmod 600 %s", name, name)
		case mode&0o044 != 0 && log != nil:
			log.Warn("others may read a file that holds a secret", "file", string(name), "mode", fmt.Sprintf("%#o", mode))
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, most))
	return string(text), err
}

// applicationOptions are those of every application.
func applicationOptions(f *factory.Factory, shared *spapi.Fleet, log *slog.Logger, transport http.RoundTripper) []spapi.Option {
	options := []spapi.Option{spapi.WithUserAgent("spapi-gateway/" + f.Version), spapi.WithLogger(log), spapi.WithTokenStore(spapi.NewTokenStore())}
	if transport != nil {
		options = append(options, spapi.WithTransport(transport))
	}
	if g := &f.Flags; g.Endpoint != "" {
		options = append(options, spapi.WithEndpoint(g.Endpoint))
	}
	if g := &f.Flags; g.TokenURL != "" {
		options = append(options, spapi.WithTokenURL(g.TokenURL))
	}
	if shared == nil {
		return append(options, spapi.WithLimiter(spapi.NewLimiter()))
	}
	return append(options, shared.Options()...)
}
