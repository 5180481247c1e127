// Package awsauth signs SP-API requests with AWS credentials, the way that Amazon demanded until 2023-10-02:
// an IAM role is assumed through AWS's Security Token Service (STS), and every request carries a
// Signature Version 4 for the service execute-api.
//
// Amazon ignores the signatures today, so a new program needs nothing of this package. It is for programs whose
// surroundings still sign, or check signatures. AssumeRole and the signature itself are AWS's own code
// (aws-sdk-go-v2); what this package adds is the use that SP-API makes of them: one renewal in flight,
// paths in the canonical form of execute-api, bodies that can still be sent afterwards, and errors that
// say what to do.
//
//	signer, err := awsauth.New(awsauth.Config{RoleARN: "arn:aws:iam::123456789012:role/SellingPartner"})
//	app := spapi.NewApp(credentials, spapi.WithSigner(signer))
//
// A signature proves who sent a request to one host at one time. The secret key itself is sent nowhere; the session
// token of an assumed role travels with each signed request, so only sign what goes to a host you trust.
package awsauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

// DefaultSessionName names the role sessions of a [Config] that sets none; it shows in AWS's audit logs.
const DefaultSessionName = "sp-api"

// Config says which AWS identity signs. The zero value signs with the credentials that AWS's default chain
// finds, without assuming a role.
type Config struct {
	// RoleARN is the IAM role to assume, such as "arn:aws:iam::123456789012:role/SellingPartner". Default:
	// none; the base credentials themselves sign, as they may where an IAM user was registered with the application.
	RoleARN string

	// SessionName names the role's session: 2 to 64 letters, digits or any of +=,.@-_. Default: "sp-api".
	SessionName string

	// ExternalID is passed to AssumeRole where the role's trust policy asks for one. Default: none.
	ExternalID string

	// Duration is how long one session lasts, in whole seconds from 15 minutes to 12 hours. The role may
	// allow less than that, and a role assumed from another role's session at most one hour. Default: 1 hour.
	// Sessions are renewed 5 minutes before they end.
	Duration time.Duration

	// BaseCredentials assume the role, or sign when there is none. Default: AWS's default chain, that is
	// environment, shared configuration and profile, web identity, ECS and EC2 or Lambda roles. When set, neither
	// AWS's environment variables nor its configuration files are read.
	BaseCredentials aws.CredentialsProvider

	// STSEndpoint is the URL of the Security Token Service; https, except on a loopback host. Default: AWS's
	// endpoint for STSRegion, or what AWS_ENDPOINT_URL_STS and the profile say.
	STSEndpoint string

	// STSRegion is the AWS region whose Security Token Service is asked; its sessions are good in every region.
	// Default: the region of AWS's default configuration, else us-east-1.
	STSRegion string

	// HTTPClient carries the requests to STS. Default: the one of AWS's SDK.
	HTTPClient *http.Client
}

var (
	roleARN     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$`) })
	userARN     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:user/`) })
	sessionName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\w+=,.@-]{2,64}$`) })
)

const (
	defaultDuration = time.Hour
	minDuration     = 15 * time.Minute
	maxDuration     = 12 * time.Hour
)

func (c Config) validate() error {
	switch arn := c.RoleARN; {
	case arn == "" || roleARN().MatchString(arn):
	case userARN().MatchString(arn):
		return fmt.Errorf("awsauth: role ARN %q is a user's: want arn:aws:iam::<account>:role/<name>, or none to sign with that user's own keys", arn)
	case strings.HasPrefix(arn, "arn:"):
		return fmt.Errorf("awsauth: role ARN %q: want arn:aws:iam::<account of 12 digits>:role/<name>", arn)
	default:
		// What does not even begin like an ARN may be a secret put into the wrong place.
		return fmt.Errorf("awsauth: role ARN of %d characters does not begin with arn: want arn:aws:iam::<account>:role/<name>", len(arn))
	}
	if c.SessionName != "" && !sessionName().MatchString(c.SessionName) {
		return fmt.Errorf("awsauth: session name %q: want 2 to 64 letters, digits or +=,.@-_", c.SessionName)
	}
	if c.Duration != 0 && (c.Duration < minDuration || c.Duration > maxDuration || c.Duration%time.Second != 0) {
		return fmt.Errorf("awsauth: duration %s: want whole seconds from %s to %s, or 0 for %s", c.Duration, minDuration, maxDuration, defaultDuration)
	}
	return validateEndpoint(c.STSEndpoint)
}

func validateEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("awsauth: STS endpoint: want a URL of scheme, host and at most a path, such as https://sts.us-east-1.amazonaws.com")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("awsauth: STS endpoint %q: want https, for session keys come back from it; http only on a loopback host", endpoint)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Signer signs requests. It is safe for concurrent use; make one and share it, for it holds the session.
type Signer struct {
	credentials *aws.CredentialsCache
	window      time.Duration // how long before their end the cache wants new ones
	signer      *v4.Signer
	identity    string
	held        atomic.Pointer[aws.Credentials] // the last ones of the cache; they end a window after they say
	renewing    atomic.Bool
}

// New makes a signer. It reads AWS's configuration unless [Config.BaseCredentials] is set, and sends
// nothing yet: the first request that is signed assumes the role.
func New(c Config) (*Signer, error) {
	return newSigner(context.Background(), c)
}

// FromEnvironment makes a signer from the environment: the role's ARN from SPAPI_ROLE_ARN or SP_ROLE_ARN, and all else
// as AWS's own tools read it (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL_STS and the others). Without a
// role the base credentials sign. It is an error when both variables are set and differ.
func FromEnvironment(ctx context.Context) (*Signer, error) {
	role, err := settings.RoleARN.Read()
	if err != nil {
		return nil, fmt.Errorf("awsauth: %w", err)
	}
	return newSigner(ctx, Config{RoleARN: role.Text})
}

func newSigner(ctx context.Context, c Config) (*Signer, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	awsConfig := aws.Config{Credentials: c.BaseCredentials}
	if c.BaseCredentials == nil {
		var err error
		if awsConfig, err = config.LoadDefaultConfig(ctx); err != nil {
			return nil, &Error{Reason: NoCredentials, Op: "read AWS's configuration", Err: err}
		}
	}
	awsConfig.Region = cmp.Or(c.STSRegion, awsConfig.Region, "us-east-1")
	base := cached(awsConfig.Credentials)
	awsConfig.Credentials = base

	s := &Signer{signer: v4.NewSigner(), identity: c.RoleARN}
	if c.RoleARN == "" {
		s.identity = "base credentials"
		s.credentials = newCache(baseProvider(base), 0)
		return s, nil
	}
	client := sts.NewFromConfig(awsConfig, func(o *sts.Options) {
		if c.STSEndpoint != "" {
			o.BaseEndpoint = aws.String(c.STSEndpoint)
		}
		if c.HTTPClient != nil {
			o.HTTPClient = c.HTTPClient
		}
	})
	s.window = expiryWindow
	s.credentials = newCache(roleProvider(base, client, c), s.window)
	return s, nil
}

// Sign signs req for the region's endpoint, production or sandbox, in place: it sets the headers Authorization,
// X-Amz-Date and, with a session, X-Amz-Security-Token, and rewrites the query in the canonical form
// that it signed (same parameters, sorted, percent-encoded). Headers set later are not covered by the signature; User-Agent
// never is. Sign again before each attempt: a signature holds for 5 minutes.
//
// The body is hashed from req.GetBody. Without GetBody up to 16 MiB of req.Body are read into memory, and Body,
// GetBody and ContentLength are set anew; a longer body is an error.
//
// When AWS grants no credentials the error is an [*Error]; one whose ctx ended wraps ctx's error.
func (s *Signer) Sign(ctx context.Context, req *http.Request, region marketplace.Region) error {
	if !region.Valid() {
		return fmt.Errorf("awsauth: region %q: want na, eu or fe", string(region))
	}
	credentials, err := s.Retrieve(ctx)
	if err != nil {
		return err
	}
	return sign(ctx, s.signer, credentials, req, scope{service: "execute-api", region: region.AWSRegion()}, time.Now())
}

// Retrieve returns the credentials that sign now, fetching them first where needed: it assumes the
// role. A session is renewed in the background: nobody waits while the one in hand is good. With it a Signer is an
// [aws.CredentialsProvider]. Unlike everything else here, what it returns prints its secrets.
func (s *Signer) Retrieve(ctx context.Context) (aws.Credentials, error) {
	held, now := s.held.Load(), time.Now()
	if held == nil || !held.CanExpire || !now.Before(held.Expires.Add(s.window)) {
		return s.fetch(ctx)
	}
	if !now.Before(held.Expires) && s.renewing.CompareAndSwap(false, true) {
		go func() {
			defer s.renewing.Store(false)
			_, _ = s.fetch(context.WithoutCancel(ctx)) // what fails is tried again, and told when the session has ended
		}()
	}
	return *held, nil
}

func (s *Signer) fetch(ctx context.Context) (aws.Credentials, error) {
	credentials, err := s.credentials.Retrieve(ctx)
	if err == nil {
		s.held.Store(&credentials)
		return credentials, nil
	}
	var ours *Error
	if errors.As(err, &ours) {
		return aws.Credentials{}, ours
	}
	return aws.Credentials{}, fmt.Errorf("awsauth: wait for AWS credentials: %w", err)
}

// String names the identity that signs, without secrets.
func (s *Signer) String() string { return "awsauth.Signer(" + s.identity + ")" }

// Format prints [Signer.String] for every verb.
func (s *Signer) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue is [Signer.String].
func (s *Signer) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String shows the configuration without credentials and external id.
func (c Config) String() string {
	parts := []string{"role " + cmp.Or(c.RoleARN, "none"), "session " + cmp.Or(c.SessionName, DefaultSessionName)}
	if c.RoleARN != "" && !strings.HasPrefix(c.RoleARN, "arn:") {
		parts[0] = "role [redacted]"
	}
	if c.STSEndpoint != "" {
		parts = append(parts, "STS at "+redactURL(c.STSEndpoint))
	}
	if c.ExternalID != "" {
		parts = append(parts, "external id [redacted]")
	}
	if c.BaseCredentials != nil {
		parts = append(parts, "base credentials [redacted]")
	}
	return "awsauth.Config(" + strings.Join(parts, ", ") + ")"
}

func redactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "[malformed]"
	}
	return u.Redacted()
}

// Format prints [Config.String] for every verb.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue is [Config.String].
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText is [Config.String]; a configuration is not meant to be stored.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
