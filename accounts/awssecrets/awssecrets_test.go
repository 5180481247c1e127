package awssecrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/accounts/accountstest"
	"github.com/openspapi/spapi/accounts/internal/stored"
)

// fake is the few actions of Secrets Manager, after its API reference: names, sizes, pages of at most 20, and secrets that wait for
// their deletion under their names.
type fake struct {
	mu      sync.Mutex
	secrets map[string]*secret
	calls   map[string]int
	trouble func(action, body string) (status int, response string) // in place of an answer, if status is not 0
}

type secret struct {
	value   string
	kms     string
	deleted bool
}

type failure struct{ kind, message string }

func (f *fake) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	action, ok := strings.CutPrefix(req.Header.Get("X-Amz-Target"), "secretsmanager.")
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if !ok || req.Header.Get("Content-Type") != "application/x-amz-json-1.1" || !strings.HasPrefix(req.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[action]++
	if f.trouble != nil {
		if status, response := f.trouble(action, string(body)); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, response)
			return
		}
	}
	var in struct {
		SecretID, Name, SecretString, ClientRequestToken, NextToken, KMSKeyID string // encoding/json takes Id for ID
		MaxResults, RecoveryWindowInDays                                      int
		Filters                                                               []struct {
			Key    string
			Values []string
		}
	}
	var out any
	err := &failure{"SerializationException", "malformed"}
	if json.Unmarshal(body, &in) == nil {
		id := in.SecretID + in.Name
		if action != "BatchGetSecretValue" && !regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`).MatchString(id) {
			err = &failure{"ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"}
		} else {
			out, err = f.do(action, id, in.SecretString, in.ClientRequestToken, in.KMSKeyID, in.NextToken, in.MaxResults, in.RecoveryWindowInDays, func() (prefix string) {
				if len(in.Filters) == 1 && in.Filters[0].Key == "name" && len(in.Filters[0].Values) == 1 {
					return in.Filters[0].Values[0]
				}
				return "\xff" // nothing
			}())
		}
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]string{"__type": err.kind, "Message": err.message}
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (f *fake) do(action, id, value, token, kms, next string, most, days int, prefix string) (any, *failure) {
	s := f.secrets[id]
	if slices.Contains([]string{"PutSecretValue", "CreateSecret"}, action) && (len(token) < 32 || len(value) > 65536 || value == "") {
		return nil, &failure{"InvalidParameterException", "ClientRequestToken or SecretString"}
	}
	if s == nil && action != "CreateSecret" && action != "BatchGetSecretValue" {
		return nil, &failure{"ResourceNotFoundException", "Secrets Manager can't find the specified secret."}
	}
	if s != nil && s.deleted && action != "CreateSecret" && action != "RestoreSecret" {
		return nil, &failure{"InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion."}
	}
	switch action {
	case "GetSecretValue":
		return map[string]string{"Name": id, "SecretString": s.value}, nil
	case "PutSecretValue":
		s.value = value
	case "CreateSecret":
		switch {
		case s != nil && s.deleted:
			return nil, &failure{"InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion."}
		case s != nil:
			return nil, &failure{"ResourceExistsException", "The operation failed because the secret " + id + " already exists."}
		}
		f.secrets[id] = &secret{value: value, kms: kms}
	case "DeleteSecret":
		if days < 7 || days > 30 {
			return nil, &failure{"InvalidParameterException", "RecoveryWindowInDays"}
		}
		s.deleted = true
	case "RestoreSecret":
		s.deleted = false
	case "BatchGetSecretValue":
		if most < 1 || most > 20 {
			return nil, &failure{"InvalidParameterException", "MaxResults"}
		}
		var page []map[string]string
		for _, name := range slices.Sorted(maps.Keys(f.secrets)) {
			if s := f.secrets[name]; name > next && strings.HasPrefix(name, prefix) && !s.deleted {
				if len(page) == most {
					return map[string]any{"SecretValues": page, "NextToken": page[most-1]["Name"]}, nil
				}
				page = append(page, map[string]string{"Name": name, "SecretString": s.value})
			}
		}
		return map[string]any{"SecretValues": page}, nil
	default:
		return nil, &failure{"UnknownOperationException", action}
	}
	return map[string]string{"Name": id}, nil
}

// retryer tries again at once. There must be a second try: the SDK closes the request's body when the first bytes of the answer are there, and where
// net/http still looks at it then, that cuts the connection (aws-sdk-go-v2#2737). On a busy machine that happens.
func retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	})
}

func start(t *testing.T) (*fake, func() *Store) {
	f := &fake{secrets: map[string]*secret{}, calls: map[string]int{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	return f, func() *Store {
		return New(secretsmanager.New(secretsmanager.Options{Region: "eu-west-1", BaseEndpoint: &server.URL, HTTPClient: &http.Client{Transport: transport},
			Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""), Retryer: retryer()}), Config{})
	}
}

func TestSecretsManager(t *testing.T) {
	accountstest.Run(t, accountstest.Config{Open: func(t *testing.T) func() accounts.Store {
		f, open := start(t)
		// Other secrets of the same AWS account don't disturb.
		for _, name := range []string{"spapi", "spapi/accounts", "prod/db", "spapi/applicationx"} {
			f.secrets[name] = &secret{value: "not JSON"}
		}
		return func() accounts.Store { return open() }
	}})
}

func TestLayout(t *testing.T) {
	f, open := start(t)
	s := open()
	s.config.KMSKeyID = "alias/spapi"
	s.now = func() time.Time { return time.Date(2026, 11, 23, 7, 0, 0, 5, time.UTC) }
	account := accountstest.Account("büro / 1")
	for _, err := range []error{s.PutApplication(t.Context(), accountstest.Application(0)), s.Put(t.Context(), account), s.Use(t.Context(), account.Name)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"spapi/account/b=C3=BCro=20=2F=201": `{"name":"büro / 1","selling_partner_id":"A1EXAMPLE2ABC","region":"eu","marketplaces":["A1PA6795UKMFR9","A13V1IB3VIYZZH"],` +
			`"client_id":"amzn1.application-oa2-client.0000","created":"2026-11-23T07:00:00Z",` +
			`"updated":"2026-11-23T07:00:00Z","refresh_token":"` + account.RefreshToken.Reveal() + `"}`,
		"spapi/application/amzn1.application-oa2-client.0000": `{"client_id":"amzn1.application-oa2-client.0000",` +
			`"application_id":"amzn1.sp.solution.0000","role_arn":"arn:aws:iam::123456789012:role/SellingPartner","secret_expires":"2027-03-01T12:00:00Z",` +
			`"previous_expires":"2026-09-09T12:00:00Z","created":"2026-11-23T07:00:00Z","updated":"2026-11-23T07:00:00Z","client_secret":"amzn1.oa2-cs.v1.cAnArY47110000",` +
			`"previous_secret":"amzn1.oa2-cs.v1.cAnArY4711previous0000"}`,
		"spapi/default": `{"account":"büro / 1"}`,
	}
	for name, s := range f.secrets {
		if s.value != want[name] || s.kms != "alias/spapi" {
			t.Errorf("%s (key %s):\n got %s\nwant %s", name, s.kms, s.value, want[name])
		}
	}
	if len(f.secrets) != len(want) {
		t.Errorf("%d secrets, want %d", len(f.secrets), len(want))
	}
}

// To open an account takes reads alone, so that a program may be allowed nothing else.
func TestOpenOnlyReads(t *testing.T) {
	f, open := start(t)
	s := open()
	for _, err := range []error{s.PutApplication(t.Context(), accountstest.Application(0)), s.Put(t.Context(), accountstest.Account("a"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	clear(f.calls)
	if _, err := accounts.Open(t.Context(), s, "a"); err != nil {
		t.Error(err)
	}
	if len(f.calls) != 1 || f.calls["GetSecretValue"] != 2 {
		t.Errorf("calls: %v, want GetSecretValue twice", f.calls)
	}
}

// A secret that someone else creates, deletes or restores between two steps of a write is written all the same.
func TestPutRaces(t *testing.T) {
	id := "spapi/application/" + accountstest.Application(0).ClientID
	for what, race := range map[string]func(f *fake, action string){
		"created meanwhile": func(f *fake, action string) {
			if action == "CreateSecret" && f.secrets[id] == nil {
				f.secrets[id] = &secret{value: "{}"}
			}
		},
		"created and deleted meanwhile": func(f *fake, action string) {
			if action == "CreateSecret" && f.secrets[id] == nil {
				f.secrets[id] = &secret{value: "{}", deleted: true}
			}
		},
		"ended meanwhile": func(f *fake, action string) {
			if action == "GetSecretValue" {
				f.secrets[id] = &secret{value: "{}", deleted: true}
			}
			if action == "RestoreSecret" {
				delete(f.secrets, id)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			f, open := start(t)
			f.trouble = func(action, _ string) (int, string) {
				race(f, action)
				return 0, ""
			}
			if err := open().PutApplication(t.Context(), accountstest.Application(0)); err != nil {
				t.Fatal(err)
			}
			if s := f.secrets[id]; s == nil || s.deleted || !strings.Contains(s.value, accountstest.Canary) {
				t.Errorf("the secret is %+v", s)
			}
		})
	}
}

// No two names share a secret, whatever they are.
func TestNamesStayApart(t *testing.T) {
	names := map[string]string{}
	for _, name := range []string{"A", "=41", "%41", "\x41=", "é", "=C3=A9", "=C3=a9", "a/b", "a=2Fb", "a.b", "a b", "a=20b", "a_b", "-", "=2D"} {
		id := encode(name)
		if other, ok := names[id]; ok {
			t.Errorf("%q and %q are both %s", name, other, id)
		}
		names[id] = name
		if !regexp.MustCompile(`^[A-Za-z0-9_.=-]+$`).MatchString(id) {
			t.Errorf("%q is %s", name, id)
		}
	}
}

// The service's filter goes by words: what it finds beside ours belongs to others and is not even looked at.
func TestListOfOthers(t *testing.T) {
	f, open := start(t)
	f.trouble = func(action, _ string) (int, string) {
		return http.StatusOK, `{"SecretValues":[{"Name":"old/spapi/account/b","SecretString":"not ours"},{"Name":"spapi/account/a","SecretString":"{\"name\":\"a\"}"}]}`
	}
	if list, err := open().List(t.Context()); err != nil || len(list) != 1 || list[0].Name != "a" {
		t.Errorf("%v, %v", list, err)
	}
}

func TestForeignContent(t *testing.T) {
	f, open := start(t)
	f.secrets["spapi/account/a"] = &secret{value: "Atzr|" + accountstest.Canary}
	_, getting := open().Get(t.Context(), "a")
	_, listing := open().List(t.Context())
	for _, err := range []error{getting, listing} {
		if !errors.Is(err, accounts.ErrCorrupted) || !strings.Contains(err.Error(), "spapi/account/a") {
			t.Errorf("%v", err)
		}
		accountstest.NoSecret(t, err)
	}
}

// A service that repeats what it was sent gets no secret into an error; one secret of a list that cannot be read is an error, one that is gone none.
func TestHostileService(t *testing.T) {
	f, open := start(t)
	s := open()
	if err := s.PutApplication(t.Context(), accountstest.Application(0)); err != nil {
		t.Fatal(err)
	}
	f.trouble = func(action, body string) (int, string) {
		if strings.HasPrefix(action, "Get") {
			return 0, ""
		}
		return http.StatusBadRequest, fmt.Sprintf(`{"__type":"InvalidRequestException","Message":%q}`, body)
	}
	for _, err := range []error{s.PutApplication(t.Context(), accountstest.Application(0)), s.Put(t.Context(), accountstest.Account("a"))} {
		var typed *accounts.Error
		if !errors.As(err, &typed) || !strings.Contains(err.Error(), "InvalidRequestException") {
			t.Errorf("%v", err)
		}
		accountstest.NoSecret(t, err)
	}
	one := func(code, message string) {
		f.trouble = func(string, string) (int, string) {
			return http.StatusOK, fmt.Sprintf(`{"Errors":[{"SecretId":"spapi/account/b","ErrorCode":%q,"Message":%q}],"SecretValues":[{"Name":"spapi/account/a","SecretString":"{\"name\":\"a\"}"}]}`, code, message)
		}
	}
	one("ResourceNotFoundException", "")
	if list, err := s.List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	one("InvalidRequestException", "it was marked for deletion")
	if list, err := s.List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	one("AccessDeniedException", "not authorized")
	if _, err := s.List(t.Context()); err == nil || !strings.Contains(err.Error(), "spapi/account/b: AccessDeniedException: not authorized") {
		t.Errorf("%v", err)
	}
	f.trouble = func(string, string) (int, string) {
		return http.StatusForbidden, `{"__type":"AccessDeniedException","Message":"not authorized to perform: secretsmanager:GetSecretValue"}`
	}
	if _, err := s.Get(t.Context(), "a"); err == nil || errors.Is(err, accounts.ErrNotFound) || !strings.Contains(err.Error(), "secretsmanager:GetSecretValue") {
		t.Errorf("%v", err)
	}
}

func TestHangingService(t *testing.T) {
	arrived, leave := make(chan bool), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- true
		<-leave
	}))
	defer server.Close()
	defer close(leave)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	s := New(secretsmanager.New(secretsmanager.Options{Region: "eu-west-1", BaseEndpoint: &server.URL, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "")}), Config{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := s.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestSilentService: a service that never answers ends each try after a while, which is not the caller's deadline.
func TestSilentService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := tripper(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		})
		s := New(secretsmanager.New(secretsmanager.Options{Region: "eu-west-1", HTTPClient: &http.Client{Transport: silent},
			Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "")}), Config{})
		began := time.Now()
		_, err := s.Get(t.Context(), "a")
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
			took > 3*stored.AttemptTimeout+time.Minute {
			t.Errorf("after %s: %v", took, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err = s.List(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("at the caller's deadline: %v", err)
		}
	})
}
