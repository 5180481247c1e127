package awsauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const (
	role       = "arn:aws:iam::123456789012:role/SellingPartner"
	baseID     = "AKIACANARYBASE"
	baseSecret = "canary-base-secret"
)

// fakeSTS is the Security Token Service as a round tripper: no sockets, so that it works on synctest's clock.
type fakeSTS struct {
	mu    sync.Mutex
	calls []url.Values
	hosts []string
	delay time.Duration
	skew  time.Duration // how far its clock is ahead of ours
	// answer replaces the usual session: status and body for the nth call, from 1. Status 0 stands for the session.
	answer func(n int) (status int, body string, err error)
}

func (f *fakeSTS) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.calls, f.hosts = append(f.calls, form), append(f.hosts, req.URL.String())
	n := len(f.calls)
	f.mu.Unlock()
	if f.delay > 0 {
		select {
		case <-time.After(f.delay):
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
	status, text := 0, ""
	if f.answer != nil {
		if status, text, err = f.answer(n); err != nil {
			return nil, err
		}
	}
	now := time.Now().Add(f.skew)
	if status == 0 {
		var seconds int
		fmt.Sscan(form.Get("DurationSeconds"), &seconds)
		status, text = 200, fmt.Sprintf(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
			<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/SellingPartner/sp-api</Arn><AssumedRoleId>AROA:sp-api</AssumedRoleId></AssumedRoleUser>
			<Credentials><AccessKeyId>ASIACANARY%d</AccessKeyId><SecretAccessKey>canary-session-secret</SecretAccessKey>
			<SessionToken>canary-session-token-%d</SessionToken><Expiration>%s</Expiration></Credentials>
			</AssumeRoleResult></AssumeRoleResponse>`, n, n, now.Add(time.Duration(seconds)*time.Second).UTC().Format(time.RFC3339))
	}
	return &http.Response{
		StatusCode: status, Request: req, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)),
		Header: http.Header{"Content-Type": {"text/xml"}, "Date": {now.UTC().Format(http.TimeFormat)}, "X-Amzn-Requestid": {"request-1"}},
	}, nil
}

func (f *fakeSTS) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

func denied(code, message string) string {
	return fmt.Sprintf(`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>request-1</RequestId></ErrorResponse>`, code, message)
}

// config returns a configuration that talks to f and to nothing else.
func (f *fakeSTS) config() Config {
	return Config{
		RoleARN: role, STSEndpoint: "https://sts.example", HTTPClient: &http.Client{Transport: f},
		BaseCredentials: credentials.NewStaticCredentialsProvider(baseID, baseSecret, ""),
	}
}

func newTestSigner(t *testing.T, c Config) *Signer {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newRequest(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, target, r)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// brokenProvider finds no base credentials.
type brokenProvider struct{ err error }

func (p brokenProvider) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, p.err
}

// TestSilentSTS: a service that never answers ends a renewal, with an error that isn't the caller's deadline.
func TestSilentSTS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestSigner(t, (&fakeSTS{delay: 1000 * time.Hour}).config())
		began := time.Now()
		_, err := s.Retrieve(t.Context())
		var ours *Error
		if took := time.Since(began); !errors.As(err, &ours) || ours.Reason != Unavailable || !errors.Is(err, os.ErrDeadlineExceeded) ||
			errors.Is(err, context.DeadlineExceeded) || took != renewTimeout {
			t.Errorf("after %s: %v", took, err)
		}
	})
}
