package sqs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/fleet/goredis"
	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
	"github.com/openspapi/spapi/otelspapi/otelsqs"
)

// TestPageShowsThis: the Go code of docs/notifications.md stands in this file, line for line, where it is compiled and run.
func TestPageShowsThis(t *testing.T) {
	page, err := os.ReadFile("../../docs/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("page_test.go")
	if err != nil {
		t.Fatal(err)
	}
	flat := func(text string) string { return regexp.MustCompile(`(?m)^\t+`).ReplaceAllString(text, "") }
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 6 {
		t.Errorf("the page has %d blocks of Go", len(blocks))
	}
	for _, m := range blocks {
		if !strings.Contains(flat(string(own)), flat(m[1])) {
			t.Errorf("page_test.go hasn't\n%s", m[1])
		}
	}
}

func pageProgram(ctx context.Context) error {
	mux, err := notifications.NewMux(
		notifications.On(func(ctx context.Context, change *notifications.OrderChange) error {
			fmt.Println(change.AmazonOrderID, change.Summary.OrderStatus)
			return nil
		}),
	)
	if err != nil {
		return err
	}
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	consumer, err := sqs.New(awssqs.NewFromConfig(settings), os.Getenv("QUEUE_URL"), mux.Handle)
	if err != nil {
		return err
	}
	return consumer.Run(ctx) // until ctx ends, and what was begun is done
}

func pageRead(message types.Message) error {
	n, err := notifications.Parse([]byte(*message.Body))
	if err != nil {
		return err // no notification: n is nil, and err says what the body is, without its values
	}
	switch p := n.Payload.(type) {
	case *notifications.OrderChange:
		fmt.Println(p.AmazonOrderID, p.Summary.OrderStatus)
	case json.RawMessage:
		log.Print("unknown: ", n) // prints type, version and id
	}
	return nil
}

// pageShop is what the page's handlers do their work with.
type pageShop struct{ did []string }

func (s *pageShop) note(what string) error {
	s.did = append(s.did, what)
	return nil
}

func (s *pageShop) read(_ context.Context, order string) error   { return s.note("read " + order) }
func (s *pageShop) fetch(_ context.Context, report string) error { return s.note("fetch " + report) }
func (s *pageShop) keep(secret spapi.Secret) error               { return s.note("keep " + secret.String()) }
func (s *pageShop) tell(kind string) error                       { return s.note("tell " + kind) }

func pageHandle(ctx context.Context, shop *pageShop, n *notifications.Notification) error {
	mux, err := notifications.NewMux(
		notifications.On(func(ctx context.Context, change *notifications.OrderChange) error {
			return shop.read(ctx, change.AmazonOrderID)
		}),
		notifications.On(func(ctx context.Context, done *notifications.ReportProcessingFinished) error {
			return shop.fetch(ctx, done.ReportID)
		}),
		notifications.OnNewSecret(func(ctx context.Context, clientID string, secret spapi.Secret, oldUntil time.Time) error {
			return shop.keep(secret)
		}),
		notifications.OnUnknown(func(ctx context.Context, n *notifications.Notification) error { return shop.tell(n.Type) }),
		notifications.OnAny(func(ctx context.Context, n *notifications.Notification) error { return nil }), // leave out the rest
	)
	if err != nil {
		return err
	}
	return mux.Handle(ctx, n)
}

func pageConsume(ctx context.Context, client sqs.Client, queueURL, deadLettersURL string, mux *notifications.Mux) error {
	consumer, err := sqs.New(client, queueURL, mux.Handle, sqs.WithDeadLetters(deadLettersURL))
	if err != nil {
		return err
	}
	return consumer.Run(ctx)
}

func pageShared(client sqs.Client, queueURL string, mux *notifications.Mux) error {
	server, err := goredis.Open("rediss://cache.example.com:6380/0")
	if err != nil {
		return err
	}
	consumer, err := sqs.New(client, queueURL, mux.Handle, sqs.WithWindow(sqs.NewShared(server, 24*time.Hour)))
	if consumer == nil || err != nil {
		return fmt.Errorf("no consumer: %w", err)
	}
	return server.Close()
}

func pageObserved(client sqs.Client, queueURL string, mux *notifications.Mux) error {
	consumer, err := sqs.New(client, queueURL, mux.Handle, sqs.WithObserver(otelsqs.New(queueURL)))
	if consumer == nil {
		return fmt.Errorf("no consumer: %w", err)
	}
	return err
}

func pageSetup(ctx context.Context, file io.Reader, us, de *spapi.Client) error {
	setup, err := notifications.ReadSetup(file)
	if err != nil {
		return err
	}
	manager := &notifications.Manager{Sellers: []notifications.Seller{{Name: "shop-us", Client: us}, {Name: "shop-de", Client: de}}}
	plan, err := manager.Plan(ctx, setup, notifications.PlanOptions{})
	if err != nil {
		return err
	}
	fmt.Print(plan) // what will be done, why, and what is lost by it
	result, err := manager.Apply(ctx, plan)
	if err != nil {
		return err
	}
	fmt.Println(result.Count(notifications.StatusDone), "done")
	return nil
}

// TestPageRuns goes the page's way in Go: set-up by its larger file, messages about an emulator's orders, and a program that takes them by AWS's SDK.
func TestPageRuns(t *testing.T) {
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	other, err := emu.AddAccount(emulator.AccountConfig{Region: "eu"})
	if err != nil {
		t.Fatal(err)
	}
	own := emu.Credentials()
	app := spapi.NewApp(spapi.Credentials{ClientID: own.ClientID, ClientSecret: spapi.NewSecret(own.ClientSecret)}, spapi.WithTransport(emu))
	us := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(own.RefreshToken), Region: own.Region})
	de := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(other.RefreshToken), Region: other.Region})
	page, err := os.ReadFile("../../docs/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	files := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(files) != 2 {
		t.Fatalf("the page has %d files", len(files))
	}
	if err := pageSetup(t.Context(), strings.NewReader(files[1][1]), us, de); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	deleted := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		emu.ServeHTTP(w, r)
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DeleteMessageBatch") {
			if deleted++; deleted%2 == 0 {
				cancel()
			} else {
				trigger(t, emu)
			}
		}
	}))
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL_SQS", emu.URLs(server.URL).SQS)
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("QUEUE_URL", emu.URLs(server.URL).SQS+"/123456789012/orders")
	trigger(t, emu)
	if err := pageProgram(ctx); err != nil {
		t.Error(err)
	}
	if deleted != 2 {
		t.Errorf("%d messages were handled", deleted)
	}

	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	trigger(t, emu)
	mux, err := notifications.NewMux(notifications.OnAny(func(ctx context.Context, n *notifications.Notification) error {
		defer cancel()
		shop := &pageShop{}
		if err := pageHandle(ctx, shop, n); err != nil || len(shop.did) != 1 || !strings.HasPrefix(shop.did[0], "read ") {
			t.Errorf("%v, %v", shop.did, err)
		}
		return pageRead(types.Message{Body: aws.String(string(n.Raw()))})
	}))
	if err != nil {
		t.Fatal(err)
	}
	client := dialled(emu.URLs(server.URL).SQS)
	queue := os.Getenv("QUEUE_URL")
	if err := pageConsume(ctx, client, queue, queue+"-dead", mux); err != nil {
		t.Error(err)
	}
	if err := pageShared(client, queue, mux); err != nil {
		t.Error(err)
	}
	if err := pageObserved(client, queue, mux); err != nil {
		t.Error(err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func trigger(t *testing.T, emu *emulator.Emulator) {
	t.Helper()
	if _, err := emu.Trigger(emulator.Trigger{Type: "ORDER_CHANGE"}); err != nil {
		t.Error(err)
	}
}
