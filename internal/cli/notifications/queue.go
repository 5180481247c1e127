package notifications

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/settings"
)

// queue is one of SQS, as it is named on the command line.
type queue struct {
	given   string // a URL; "" where an ARN was given
	region  string // of AWS; "" where the URL doesn't tell
	account string
	name    string
}

var (
	arnForm = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^arn:aws[a-z-]*:sqs:([a-z0-9-]+):(\d{12}):([A-Za-z0-9_.-]{1,80})$`)
	})
	urlForm     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`/(\d{12})/([A-Za-z0-9_.-]{1,80})$`) })
	awsHostForm = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.(?:amazonaws\.com|amazonaws\.com\.cn|[a-z0-9.-]*localstack\.cloud)$`)
	})
)

// parseQueue reads an ARN or a URL.
func parseQueue(text string) (queue, error) {
	if m := arnForm().FindStringSubmatch(text); m != nil {
		return queue{region: m[1], account: m[2], name: m[3]}, nil
	}
	u, err := url.Parse(text)
	m := urlForm().FindStringSubmatch(strings.TrimSuffix(text, "/"))
	if err != nil || m == nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" {
		return queue{}, exit.Usagef("queue %q: want its ARN or URL, such as arn:aws:sqs:us-east-1:123456789012:orders or "+
			"https://sqs.us-east-1.amazonaws.com/123456789012/orders", text)
	}
	q := queue{given: strings.TrimSuffix(text, "/"), account: m[1], name: m[2]}
	if m := awsHostForm().FindStringSubmatch(u.Hostname()); m != nil {
		q.region = m[1] + m[2]
	}
	return q, nil
}

// arn is the queue's, with "" where the region isn't known.
func (q *queue) arn() string { return "arn:aws:sqs:" + q.region + ":" + q.account + ":" + q.name }

// server is where a URL that isn't AWS's leads to; "" for AWS.
func (q *queue) server() string {
	u, err := url.Parse(q.given)
	if err != nil || q.given == "" || strings.HasSuffix(u.Hostname(), ".amazonaws.com") || strings.HasSuffix(u.Hostname(), ".amazonaws.com.cn") {
		return ""
	}
	return strings.TrimSuffix(q.given, "/"+q.account+"/"+q.name)
}

// opened is a queue with a client that reaches it.
type opened struct {
	queue

	client *awssqs.Client
	url    string
}

// openQueue makes the client of a queue. It sends nothing but what finding AWS's credentials takes.
func openQueue(ctx context.Context, e *emulated, q queue) (*opened, error) {
	if e != nil && (q.given == "" || strings.HasPrefix(q.given, e.base+"/")) {
		q.region = cmp.Or(q.region, "us-east-1")
		client := awssqs.New(awssqs.Options{Region: q.region, BaseEndpoint: aws.String(e.base + "/sqs"), HTTPClient: e.http,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIAEMULATOR", SecretAccessKey: "emulator"}, nil
			})})
		return &opened{q, client, e.base + "/sqs/" + q.account + "/" + q.name}, nil
	}
	var options []func(*config.LoadOptions) error
	if q.region != "" {
		options = append(options, config.WithRegion(q.region))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, exit.Usagef("AWS's configuration: %w", err)
	}
	c.Region = cmp.Or(c.Region, "us-east-1")
	client := awssqs.NewFromConfig(c, func(o *awssqs.Options) {
		if server := q.server(); server != "" && o.BaseEndpoint == nil {
			o.BaseEndpoint = aws.String(server)
		}
	})
	o := &opened{q, client, q.given}
	if o.url == "" {
		o.url = cmp.Or(strings.TrimSuffix(aws.ToString(client.Options().BaseEndpoint), "/"),
			"https://sqs."+q.region+".amazonaws.com") + "/" + q.account + "/" + q.name
	}
	return o, nil
}

// ofAWS gives an error of AWS its exit status and its hint.
func ofAWS(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		if strings.Contains(err.Error(), "failed to refresh cached credentials") || strings.Contains(err.Error(), "get credentials") {
			return &exit.StatusError{Status: exit.Auth, Err: &exit.HintError{Err: errors.New("AWS gives no credentials"),
				Hint: "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as for AWS's own tools."}}
		}
		return &exit.StatusError{Status: exit.Network, Err: err}
	}
	status, hint := exit.Failure, ""
	switch code := api.ErrorCode(); {
	case strings.Contains(code, "AccessDenied"):
		status, hint = exit.Auth, "The AWS identity needs sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility and sqs:GetQueueAttributes "+
			"on the queue; "+
			"to send, sqs:SendMessage."
	case strings.Contains(code, "Token") || strings.Contains(code, "Signature") || code == "UnrecognizedClientException":
		status, hint = exit.Auth, "AWS refuses the keys: see AWS_PROFILE, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN."
	case strings.HasSuffix(code, "QueueDoesNotExist") || strings.HasSuffix(code, "NonExistentQueue"):
		hint = "There is no such queue in this AWS region and account: check the ARN or URL."
	}
	return &exit.StatusError{Status: status, Err: &exit.HintError{Err: errors.New(strings.TrimPrefix(err.Error(), "notifications/sqs: ")), Hint: hint}}
}

// emulated is the emulator that SP-API's calls go to.
type emulated struct {
	base   string // URL
	http   *http.Client
	inside bool // of this process: nobody else reaches it
}

// findEmulator finds out whether calls go to an emulator; nil: they don't, or nothing is said about where they go.
func findEmulator(ctx context.Context, f *factory.Factory) (*emulated, error) {
	if f.Flags.Emulator {
		transport, err := f.Transport()
		if err != nil {
			return nil, err
		}
		return &emulated{base: "http://emulator.invalid", http: &http.Client{Transport: transport}, inside: true}, nil
	}
	if f.Source() == factory.FromNowhere {
		return nil, nil //nolint:nilnil // nil stands for none
	}
	t, err := f.Target(ctx)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(t.Account.Endpoint, "/")
	if settings.IsAmazonEndpoint(base) {
		return nil, nil //nolint:nilnil // nil stands for none
	}
	e := &emulated{base: base, http: &http.Client{}}
	look, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var overview struct {
		Control []any `json:"control"`
	}
	if err := e.control(look, http.MethodGet, "", nil, &overview); err != nil || len(overview.Control) == 0 {
		return nil, nil //nolint:nilnil,nilerr // something else answers there, or nothing: who calls it will see
	}
	return e, nil
}

// control asks the emulator's control plane.
func (e *emulated) control(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, e.base+"/_emulator/"+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostControl))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var refused struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(text, &refused) == nil && refused.Error != "" {
			return &refusal{refused.Error}
		}
		return fmt.Errorf("the emulator answered %s %s with status %d", method, path, resp.StatusCode)
	}
	return json.Unmarshal(text, out)
}

// mostControl is how much of an answer is read, in bytes.
const mostControl = 64 << 20

// refusal is why the emulator's control plane doesn't do something.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }
