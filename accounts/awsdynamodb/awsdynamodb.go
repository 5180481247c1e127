// Package awsdynamodb stores accounts in a DynamoDB table, for programs that run in AWS and share their sellers.
//
//	config, err := config.LoadDefaultConfig(ctx)
//	store := awsdynamodb.New(dynamodb.NewFromConfig(config), "spapi-accounts")
//
// # The table
//
// The partition key is kind, the sort key name; both are strings. One item is one of:
//
//	kind         name        attributes
//	account      its name    region, client_id, refresh_token, selling_partner_id, marketplaces (list), sandbox, endpoint, token_url, created, updated
//	application  client id   client_id, client_secret, application_id, role_arn, secret_expires, previous_secret, previous_expires, created,
//	                         updated
//	default      "default"   account (a name)
//
// Attributes without a value are left out; times are RFC 3339 in UTC. A write replaces the item: attributes that others added are lost.
// Reads are strongly consistent.
//
// DynamoDB encrypts the table at rest; whoever may read the table reads the secrets. Permissions: dynamodb:GetItem, PutItem,
// DeleteItem and Query on the table, and CreateTable and DescribeTable for [Store.CreateTable].
package awsdynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/accounts/internal/stored"
)

// Store is an [accounts.Store] in a DynamoDB table. Two rules span items and are checked before the write, not with it: that an account's application
// is stored, and that a deleted application has no accounts.
type Store struct {
	client *dynamodb.Client
	table  string
	now    func() time.Time
}

var _ accounts.Store = (*Store)(nil)

// New makes a store of the table, which must exist; see [Store.CreateTable]. It sends nothing.
func New(client *dynamodb.Client, table string) *Store {
	return &Store{client: client, table: table, now: time.Now}
}

// bounded is for every request: AWS's SDK waits for ever for a server that stays silent.
func bounded(o *dynamodb.Options) { o.HTTPClient = stored.Bounded(o.HTTPClient) }

// String names the store.
func (s *Store) String() string { return "DynamoDB table " + s.table }

// Format prints [Store.String] for every verb.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is [Store.String].
func (s *Store) LogValue() slog.Value { return slog.StringValue(s.String()) }

const (
	kindAccount     = "account"
	kindApplication = "application"
	kindDefault     = "default"
)

// CreateTable makes the table, billed per request, and waits until it is there, for at most 5 minutes. A table of that name that
// exists is left as it is.
func (s *Store) CreateTable(ctx context.Context) error {
	_, err := s.client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:   &s.table,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("kind"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("name"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("kind"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("name"), KeyType: types.KeyTypeRange},
		},
	}, bounded)
	var exists *types.ResourceInUseException
	if err == nil || errors.As(err, &exists) {
		err = dynamodb.NewTableExistsWaiter(s.client, func(o *dynamodb.TableExistsWaiterOptions) {
			o.MinDelay, o.ClientOptions = time.Second, append(o.ClientOptions, bounded)
		}).
			Wait(ctx, &dynamodb.DescribeTableInput{TableName: &s.table}, 5*time.Minute)
	}
	if err != nil {
		return s.fail(ctx, "create the table", "", err)
	}
	return nil
}

// fail dresses an error; secrets are those that the request held.
func (s *Store) fail(ctx context.Context, op, name string, err error, secrets ...string) error {
	e := &accounts.Error{Op: op, Name: name, Store: s.String(), Err: stored.Cause(ctx, err, secrets...)}
	var noTable *types.ResourceNotFoundException
	if errors.As(err, &noTable) {
		e.Hint = "the table does not exist in this account and region: create it with partition key kind and sort key name, both strings"
	}
	return e
}

func key(kind, name string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"kind": &types.AttributeValueMemberS{Value: kind}, "name": &types.AttributeValueMemberS{Value: name}}
}

// get reads an item into record; found is false if there is none.
func (s *Store) get(ctx context.Context, kind, name string, record any) (found bool, err error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(kind, name), ConsistentRead: aws.Bool(true)}, bounded)
	if err != nil || out.Item == nil {
		return false, err
	}
	return true, fromItem(out.Item, record)
}

func (s *Store) put(ctx context.Context, kind, name string, record any) error {
	item, err := toItem(record)
	if err != nil {
		return err
	}
	for k, v := range key(kind, name) {
		item[k] = v
	}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: item}, bounded)
	return err
}

// remove deletes an item that must exist, and if field is not empty, have that value in it.
func (s *Store) remove(ctx context.Context, kind, name, field, value string) error {
	in := &dynamodb.DeleteItemInput{TableName: &s.table, Key: key(kind, name), ConditionExpression: aws.String("attribute_exists(#f)"),
		ExpressionAttributeNames: map[string]string{"#f": "kind"}}
	if field != "" {
		in.ConditionExpression = aws.String("#f = :v")
		in.ExpressionAttributeNames["#f"] = field
		in.ExpressionAttributeValues = map[string]types.AttributeValue{":v": &types.AttributeValueMemberS{Value: value}}
	}
	_, err := s.client.DeleteItem(ctx, in, bounded)
	var other *types.ConditionalCheckFailedException
	if errors.As(err, &other) {
		return accounts.ErrNotFound
	}
	return err
}

// list reads all items of a kind, sorted by name.
func list[T any](ctx context.Context, s *Store, kind string) ([]T, error) {
	var all []T
	pages := dynamodb.NewQueryPaginator(s.client, &dynamodb.QueryInput{TableName: &s.table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#k = :k"),
		ExpressionAttributeNames:  map[string]string{"#k": "kind"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":k": &types.AttributeValueMemberS{Value: kind}}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, bounded)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			var record T
			if err := fromItem(item, &record); err != nil {
				return nil, err
			}
			all = append(all, record)
		}
	}
	return all, nil
}

// toItem turns a record into attributes by way of its JSON, so that both have the same names. The text of JSON errors is kept back: it
// may quote a value.
func toItem(record any) (map[string]types.AttributeValue, error) {
	text, err := json.Marshal(record)
	if err != nil {
		return nil, errors.New("malformed record")
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, errors.New("malformed record")
	}
	item := map[string]types.AttributeValue{}
	for name, v := range fields {
		switch v := v.(type) {
		case string:
			item[name] = &types.AttributeValueMemberS{Value: v}
		case bool:
			item[name] = &types.AttributeValueMemberBOOL{Value: v}
		case []any:
			var members []types.AttributeValue
			for _, m := range v {
				members = append(members, &types.AttributeValueMemberS{Value: m.(string)})
			}
			item[name] = &types.AttributeValueMemberL{Value: members}
		default:
			return nil, fmt.Errorf("attribute %s: %T is not for the table", name, v)
		}
	}
	return item, nil
}

// fromItem is the reverse. Attributes of kinds that are never written belong to others.
func fromItem(item map[string]types.AttributeValue, record any) error {
	fields := map[string]any{}
	for name, v := range item {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			fields[name] = v.Value
		case *types.AttributeValueMemberBOOL:
			fields[name] = v.Value
		case *types.AttributeValueMemberSS:
			fields[name] = v.Value
		case *types.AttributeValueMemberL:
			var members []string
			for _, m := range v.Value {
				if s, ok := m.(*types.AttributeValueMemberS); ok {
					members = append(members, s.Value)
				}
			}
			fields[name] = members
		}
	}
	text, err := json.Marshal(fields)
	if err == nil {
		err = json.Unmarshal(text, record)
	}
	if err != nil {
		return fmt.Errorf("%w: an attribute has another type than it should", accounts.ErrCorrupted)
	}
	return nil
}

// Get implements [accounts.Store].
func (s *Store) Get(ctx context.Context, name string) (accounts.Account, error) {
	name, err := accounts.CleanName(name)
	if err != nil {
		return accounts.Account{}, err
	}
	var record stored.Account
	found, err := s.get(ctx, kindAccount, name, &record)
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
	found, err := s.get(ctx, kindApplication, account.ClientID, &application)
	if err == nil && !found {
		err = accounts.NoApplication(account.ClientID)
	}
	if err == nil {
		_, err = s.get(ctx, kindAccount, account.Name, &old)
	}
	if err == nil {
		stored.Stamp(&account.Created, &account.Updated, old.Created, s.now())
		err = s.put(ctx, kindAccount, account.Name, stored.Account(account))
	}
	if err != nil {
		return s.fail(ctx, "put account", account.Name, err, account.RefreshToken.Reveal())
	}
	return nil
}

// Delete implements [accounts.Store].
func (s *Store) Delete(ctx context.Context, name string) error {
	name, err := accounts.CleanName(name)
	if err != nil {
		return err
	}
	err = s.remove(ctx, kindAccount, name, "", "")
	if err == nil {
		if err = s.remove(ctx, kindDefault, kindDefault, "account", name); errors.Is(err, accounts.ErrNotFound) {
			err = nil // another one is the default, or none
		}
	}
	if err != nil {
		return s.fail(ctx, "delete account", name, err)
	}
	return nil
}

// List implements [accounts.Store].
func (s *Store) List(ctx context.Context) ([]accounts.Account, error) {
	records, err := list[stored.Account](ctx, s, kindAccount)
	if err != nil {
		return nil, s.fail(ctx, "list accounts", "", err)
	}
	var all []accounts.Account
	for _, r := range records {
		all = append(all, accounts.Account(r))
	}
	return all, nil
}

type choice struct {
	Account string `json:"account"`
}

// Default implements [accounts.Store]. The default is that of the table, for all who use it.
func (s *Store) Default(ctx context.Context) (string, error) {
	var chosen choice
	found, err := s.get(ctx, kindDefault, kindDefault, &chosen)
	if err == nil && !found {
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
	found, err := s.get(ctx, kindAccount, name, &record)
	if err == nil && !found {
		err = accounts.ErrNotFound
	}
	if err == nil {
		err = s.put(ctx, kindDefault, kindDefault, choice{name})
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
	found, err := s.get(ctx, kindApplication, clientID, &record)
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
	if _, err = s.get(ctx, kindApplication, application.ClientID, &old); err == nil {
		stored.Stamp(&application.Created, &application.Updated, old.Created, s.now())
		err = s.put(ctx, kindApplication, application.ClientID, stored.Application(application))
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
		err = s.remove(ctx, kindApplication, clientID, "", "")
	}
	if err != nil {
		return s.fail(ctx, "delete application", clientID, err)
	}
	return nil
}

// Applications implements [accounts.Store].
func (s *Store) Applications(ctx context.Context) ([]accounts.Application, error) {
	records, err := list[stored.Application](ctx, s, kindApplication)
	if err != nil {
		return nil, s.fail(ctx, "list applications", "", err)
	}
	var all []accounts.Application
	for _, r := range records {
		all = append(all, accounts.Application(r))
	}
	return all, nil
}
