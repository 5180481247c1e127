package sqs_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

var keys = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
})

// dialled is AWS's client of a server on loopback.
func dialled(url string) *awssqs.Client {
	return awssqs.New(awssqs.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: keys})
}

// consumeUntilKilled is the process that TestKilled kills. Its handler tells the test what it has handled, and succeeds when that has taken it.
func consumeUntilKilled(url string) {
	handle := func(ctx context.Context, n *notifications.Notification) error {
		resp, err := http.Post(url+"/handled/"+n.ID(), "text/plain", nil)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	}
	c, err := sqs.New(dialled(url), url+"/123456789012/orders", handle, sqs.WithVisibility(3*time.Second), sqs.WithDeadLetters(url+"/123456789012/dead"))
	if err == nil {
		err = c.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
}

// killable is a server of queues in whose process the test is.
type killable struct {
	handler http.Handler
	base    string                            // of the queues, below the server's URL
	put     func(url string, bodies []string) // url is that of the queue
	emptied func() bool                       // waits for it, and tells whether it has come in time
	dead    func() int                        // how many dead letters there are
}

func TestKilled(t *testing.T) {
	for name, serve := range map[string]func(t *testing.T) killable{"fake": fakeKillable, "emulator": emulatedKillable} {
		t.Run(name, func(t *testing.T) { killAgainAndAgain(t, serve(t)) })
	}
}

func fakeKillable(t *testing.T) killable {
	q := newQueue("")
	return killable{handler: q, put: func(url string, bodies []string) {
		q.url = url
		q.put(bodies...)
	}, emptied: func() bool {
		select {
		case <-q.emptied:
			return true
		case <-time.After(time.Minute): // long after the visibility of what the last one that was killed had in hand
			all, hidden := q.left()
			t.Errorf("%d messages are left after a minute, %d of them hidden", all, hidden)
			return false
		}
	}, dead: func() int { return len(q.sent) }}
}

func emulatedKillable(t *testing.T) killable {
	emu, err := emulator.New(emulator.WithOrders(0))
	if err != nil {
		t.Fatal(err)
	}
	client := awssqs.New(awssqs.Options{Region: "us-east-1", Credentials: keys, HTTPClient: &http.Client{Transport: emu}})
	urls := map[string]string{}
	for _, name := range []string{"orders", "dead"} {
		made, err := client.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: &name})
		if err != nil {
			t.Fatal(err)
		}
		urls[name] = *made.QueueUrl
	}
	left := func(queue string) (n int) {
		out, err := client.GetQueueAttributes(t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: aws.String(urls[queue]), AttributeNames: []types.QueueAttributeName{"All"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
			more, err := strconv.Atoi(out.Attributes[name])
			if err != nil {
				t.Fatal(err)
			}
			n += more
		}
		return n
	}
	return killable{handler: emu, base: "/sqs", put: func(_ string, bodies []string) {
		for _, body := range bodies {
			if _, err := client.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: aws.String(urls["orders"]), MessageBody: &body}); err != nil {
				t.Fatal(err)
			}
		}
	}, emptied: func() bool {
		for end := time.Now().Add(time.Minute); left("orders") > 0; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("%d messages are left after a minute", left("orders"))
				return false
			}
		}
		return true
	}, dead: func() int { return left("dead") }}
}

func killAgainAndAgain(t *testing.T, queues killable) {
	kills := 2
	if text := os.Getenv("SPAPI_PROVE_NOTIFICATIONS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatalf("SPAPI_PROVE_NOTIFICATIONS is %q, want how many kills", text)
		}
	}
	const perLife = 500
	var mu sync.Mutex
	handled := map[string]int{}
	progress := make(chan struct{}, 1<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		id, ok := strings.CutPrefix(req.URL.Path, queues.base+"/handled/")
		if !ok {
			queues.handler.ServeHTTP(w, req)
			return
		}
		mu.Lock()
		handled[id]++
		mu.Unlock()
		progress <- struct{}{}
	}))
	defer server.Close()
	url := server.URL + queues.base
	total := perLife * (kills + 1)
	var bodies []string
	for i := range total {
		bodies = append(bodies, change(i%200, i/200))
	}
	queues.put(url+"/123456789012/orders", bodies)
	for life := range kills + 1 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "SPAPI_TEST_CONSUMER="+url)
		stderr, err := child.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		if life < kills {
			for range 1 + rand.N(perLife) {
				<-progress
			}
		} else {
			queues.emptied()
		}
		if err := child.Process.Kill(); err != nil {
			t.Error(err)
		}
		text, _ := io.ReadAll(stderr)
		_ = child.Wait()
		if strings.Contains(string(text), "notifications/sqs:") || strings.Contains(string(text), "panic") {
			t.Errorf("life %d: %s", life, text)
		}
	}
	repeated := 0
	mu.Lock()
	defer mu.Unlock()
	for _, n := range handled {
		repeated += n - 1
	}
	t.Logf("%d kills: %d messages, %d handled, %d calls repeated", kills, total, len(handled), repeated)
	if len(handled) != total {
		t.Errorf("%d of %d messages were handled", len(handled), total)
	}
	if n := queues.dead(); n != 0 {
		t.Errorf("%d dead letters, want none", n)
	}
	// What was in hand at a kill may be handled again, no more.
	if most := kills * 100; repeated > most {
		t.Errorf("%d calls repeated, want at most %d, what was in hand", repeated, most)
	}
}
