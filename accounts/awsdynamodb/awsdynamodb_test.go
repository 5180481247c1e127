package awsdynamodb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/accounts/accountstest"
	"github.com/openspapi/spapi/accounts/internal/stored"
	"github.com/openspapi/spapi/internal/npmtest"
)

// retryer tries again at once. There must be a second try: the SDK closes the request's body when the first bytes of the answer are there, and where
// net/http still looks at it then, that cuts the connection (aws-sdk-go-v2#2737). On a busy machine that happens.
func retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	})
}

func client(url string, transport *http.Transport) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{Region: "eu-west-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
		HTTPClient: &http.Client{Transport: transport}, Retryer: retryer()})
}

func newTransport(t *testing.T) *http.Transport {
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func TestDynalite(t *testing.T) {
	url, transport := npmtest.Start(t, "../../interop/dynalite"), newTransport(t)
	var tables atomic.Int32
	open := func(t *testing.T) func() accounts.Store {
		table := "accounts-" + strconv.Itoa(int(tables.Add(1)))
		if err := New(client(url, transport), table).CreateTable(t.Context()); err != nil {
			t.Fatal(err)
		}
		return func() accounts.Store { return New(client(url, transport), table) }
	}
	accountstest.Run(t, accountstest.Config{Open: open, Many: 1200}) // more than a page of 1 MB

	t.Run("CreateTableTwice", func(t *testing.T) {
		if err := open(t)().(*Store).CreateTable(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := New(client(url, transport), "accounts-1").CreateTable(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("NoTable", func(t *testing.T) {
		_, err := New(client(url, transport), "missing").Get(t.Context(), "a")
		if err == nil || errors.Is(err, accounts.ErrNotFound) || !strings.Contains(err.Error(), "table does not exist") {
			t.Errorf("%v", err)
		}
	})
	t.Run("Layout", func(t *testing.T) {
		s := open(t)().(*Store)
		s.now = func() time.Time { return time.Date(2026, 11, 23, 7, 0, 0, 5, time.UTC) }
		for _, err := range []error{s.PutApplication(t.Context(), accountstest.Application(0)), s.Put(t.Context(), accountstest.Account("a")), s.Use(t.Context(), "a")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]string{
			"account a": "client_id:amzn1.application-oa2-client.0000 created:2026-11-23T07:00:00Z kind:account marketplaces:[A1PA6795UKMFR9 A13V1IB3VIYZZH] name:a " +
				"refresh_token:Atzr|cAnArY4711-61 region:eu selling_partner_id:A1EXAMPLE2ABC updated:2026-11-23T07:00:00Z",
			"application amzn1.application-oa2-client.0000": "application_id:amzn1.sp.solution.0000 client_id:amzn1.application-oa2-client.0000 " +
				"client_secret:amzn1.oa2-cs.v1.cAnArY47110000 created:2026-11-23T07:00:00Z kind:application name:amzn1.application-oa2-client.0000 " +
				"previous_expires:2026-09-09T12:00:00Z previous_secret:amzn1.oa2-cs.v1.cAnArY4711previous0000 " +
				"role_arn:arn:aws:iam::123456789012:role/SellingPartner secret_expires:2027-03-01T12:00:00Z updated:2026-11-23T07:00:00Z",
			"default default": "account:a kind:default name:default",
		}
		out, err := s.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &s.table})
		if err != nil || len(out.Items) != len(want) {
			t.Fatalf("%d items, %v", len(out.Items), err)
		}
		for _, item := range out.Items {
			kind, name := item["kind"].(*types.AttributeValueMemberS).Value, item["name"].(*types.AttributeValueMemberS).Value
			if got := printed(item); got != want[kind+" "+name] {
				t.Errorf("%s %s:\n got %s\nwant %s", kind, name, got, want[kind+" "+name])
			}
		}
	})
	t.Run("OthersAttributes", func(t *testing.T) {
		s := open(t)().(*Store)
		if err := s.PutApplication(t.Context(), accountstest.Application(0)); err != nil {
			t.Fatal(err)
		}
		// As a person or another program would write it: a set in place of a list, a number and a note of their own.
		item := key(kindAccount, "by hand")
		item["region"] = &types.AttributeValueMemberS{Value: "na"}
		item["client_id"] = &types.AttributeValueMemberS{Value: accountstest.Application(0).ClientID}
		item["refresh_token"] = &types.AttributeValueMemberS{Value: "Atzr|" + accountstest.Canary}
		item["marketplaces"] = &types.AttributeValueMemberSS{Value: []string{"ATVPDKIKX0DER"}}
		item["ttl"] = &types.AttributeValueMemberN{Value: "1"}
		item["note"] = &types.AttributeValueMemberM{}
		put := func() {
			if _, err := s.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &s.table, Item: item}); err != nil {
				t.Fatal(err)
			}
		}
		put()
		if got, err := s.Get(t.Context(), "by hand"); err != nil || len(got.Marketplaces) != 1 || got.Region != "na" {
			t.Errorf("%v, %v", got, err)
		}
		item["sandbox"] = &types.AttributeValueMemberS{Value: accountstest.Canary}
		put()
		_, getting := s.Get(t.Context(), "by hand")
		_, listing := s.List(t.Context())
		for _, err := range []error{getting, listing} {
			if !errors.Is(err, accounts.ErrCorrupted) {
				t.Errorf("%v, want %v", err, accounts.ErrCorrupted)
			}
			accountstest.NoSecret(t, err)
		}
	})
}

// printed is an item with its attributes in order.
func printed(item map[string]types.AttributeValue) string {
	plain := map[string]any{}
	for k, v := range item {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			plain[k] = v.Value
		case *types.AttributeValueMemberBOOL:
			plain[k] = v.Value
		case *types.AttributeValueMemberL:
			var members []any
			for _, m := range v.Value {
				members = append(members, m.(*types.AttributeValueMemberS).Value)
			}
			plain[k] = members
		}
	}
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(plain), "map["), "]")
}

// A service that repeats what it was sent gets no secret into an error, and one that hangs is left when the context ends.
func TestHostileService(t *testing.T) {
	var writes atomic.Bool // reads succeed then
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if writes.Load() && strings.HasSuffix(req.Header.Get("X-Amz-Target"), ".GetItem") {
			_, _ = io.WriteString(w, `{"Item":{"kind":{"S":"application"},"name":{"S":"x"},"client_id":{"S":"x"}}}`)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":"com.amazon.coral.validate#ValidationException","message":%q}`, body)
	}))
	defer server.Close()
	s := New(client(server.URL, newTransport(t)), "t")
	for _, w := range []bool{false, true} {
		writes.Store(w)
		for _, err := range []error{s.PutApplication(t.Context(), accountstest.Application(0)), s.Put(t.Context(), accountstest.Account("a"))} {
			var typed *accounts.Error
			if !errors.As(err, &typed) || !strings.Contains(err.Error(), "ValidationException") {
				t.Errorf("%v", err)
			}
			accountstest.NoSecret(t, err)
		}
	}

	arrived, leave := make(chan bool), make(chan bool)
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		arrived <- true
		<-leave
	}))
	defer hanging.Close()
	defer close(leave)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := New(client(hanging.URL, newTransport(t)), "t").Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestSilentTable: a service that never answers, or breaks off in its answer, ends each try after a while, which is not the caller's deadline.
func TestSilentTable(t *testing.T) {
	for name, service := range map[string]tripper{
		"silent": func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		},
		"silent in its answer": func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(waitReader{req.Context()})}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(dynamodb.New(dynamodb.Options{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
					HTTPClient: &http.Client{Transport: service}}), "accounts")
				for what, ask := range map[string]func(context.Context) error{
					"get":  func(ctx context.Context) error { _, err := s.Get(ctx, "a"); return err },
					"list": func(ctx context.Context) error { _, err := s.List(ctx); return err },
				} {
					began := time.Now()
					err := ask(t.Context())
					if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
						took > 3*stored.AttemptTimeout+time.Minute {
						t.Errorf("%s: after %s: %v", what, took, err)
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					if err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: at the caller's deadline: %v", what, err)
					}
					cancel()
				}
			})
		})
	}
}

// waitReader brings nothing until its context ends.
type waitReader struct{ ctx context.Context }

func (r waitReader) Read([]byte) (int, error) {
	<-r.ctx.Done()
	return 0, r.ctx.Err()
}
