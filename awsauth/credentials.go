package awsauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	// expiryWindow is how long before its end a session is renewed. It has to outlast a request that was
	// signed and then waited for its connection, and is also the time that STS may be away unnoticed.
	expiryWindow = 5 * time.Minute
	// retryAfter is for how long a failure is answered from memory, so that a thousand callers with wrong
	// credentials, or an STS that is away, cost one request and not a thousand.
	retryAfter = 30 * time.Second
	// renewTimeout bounds one renewal: it runs detached from the caller that began it.
	renewTimeout = 30 * time.Second
	// maxSkew is how far apart AWS lets a signature's time and its own be.
	maxSkew = 5 * time.Minute
)

// errLate is a renewal that took too long.
var errLate = fmt.Errorf("no answer within %s: %w", renewTimeout, os.ErrDeadlineExceeded)

// provider fetches credentials for a cache that holds them. aws.CredentialsCache runs its methods one at a
// time, so its fields need no lock.
type provider struct {
	retrieve func(context.Context) (aws.Credentials, error)
	expires  time.Time // true end of the credentials fetched last
	failure  error
	failedAt time.Time
}

// newCache puts the cache of AWS's SDK before p: one fetch in flight, which goes on when the caller
// that began it is cancelled.
func newCache(retrieve func(context.Context) (aws.Credentials, error), window time.Duration) *aws.CredentialsCache {
	return aws.NewCredentialsCache(&provider{retrieve: retrieve}, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = window
	})
}

func cached(p aws.CredentialsProvider) *aws.CredentialsCache {
	if cache, ok := p.(*aws.CredentialsCache); ok {
		return cache
	}
	return aws.NewCredentialsCache(p)
}

// Retrieve fetches new credentials, or repeats a failure that is not older than retryAfter.
func (p *provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if p.failure != nil && time.Since(p.failedAt) < retryAfter {
		return aws.Credentials{}, p.failure
	}
	ctx, cancel := context.WithTimeoutCause(ctx, renewTimeout, errLate)
	defer cancel()
	credentials, err := p.retrieve(ctx)
	if ours, ok := errors.AsType[*Error](err); ok && errors.Is(context.Cause(ctx), errLate) && ours.Status == 0 {
		ours.Err = errLate // not the caller's deadline, which the context's own error would be taken for
	}
	p.failure, p.failedAt = err, time.Now()
	if err == nil {
		p.expires = credentials.Expires
	}
	return credentials, err
}

// HandleFailToRefresh keeps the session in hand while it is still good: a renewal begins so early that STS may fail for
// a while without a request failing. The cache asks again at once; Retrieve lets STS be asked when the failure is forgotten.
func (p *provider) HandleFailToRefresh(_ context.Context, old aws.Credentials, err error) (aws.Credentials, error) {
	if !old.HasKeys() || !time.Now().Before(p.expires) {
		return aws.Credentials{}, err
	}
	old.Expires = p.expires
	return old, nil
}

func baseProvider(base aws.CredentialsProvider) func(context.Context) (aws.Credentials, error) {
	return func(ctx context.Context) (aws.Credentials, error) {
		credentials, err := base.Retrieve(ctx)
		if err == nil && !credentials.HasKeys() {
			err = errors.New("access key id or secret access key is empty")
		}
		if err != nil {
			return aws.Credentials{}, &Error{Reason: NoCredentials, Op: "find AWS credentials", Err: err}
		}
		return credentials, nil
	}
}

func roleProvider(base aws.CredentialsProvider, client *sts.Client, c Config) func(context.Context) (aws.Credentials, error) {
	assume := stscreds.NewAssumeRoleProvider(clockChecked{client}, c.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = cmp.Or(c.SessionName, DefaultSessionName)
		o.Duration = cmp.Or(c.Duration, defaultDuration)
		if c.ExternalID != "" {
			o.ExternalID = aws.String(c.ExternalID)
		}
	})
	findBase := baseProvider(base)
	return func(ctx context.Context) (aws.Credentials, error) {
		// Asked for first and by themselves: inside AssumeRole a lack of them looks like any other failure.
		if _, err := findBase(ctx); err != nil {
			return aws.Credentials{}, err
		}
		credentials, err := assume.Retrieve(ctx)
		if err != nil {
			return aws.Credentials{}, assumeRoleError(c.RoleARN, err)
		}
		return credentials, nil
	}
}

// clockChecked refuses a session when STS's clock and ours are too far apart. AWS's SDK corrects the skew for its
// own requests silently; but the ones that are signed here would all be refused, and the session's end be misjudged.
type clockChecked struct{ client *sts.Client }

func (c clockChecked) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, opts ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	out, err := c.client.AssumeRole(ctx, in, opts...)
	if err != nil {
		return nil, err
	}
	if skew, ok := awsmiddleware.GetAttemptSkew(out.ResultMetadata); ok && skew.Abs() > maxSkew {
		return nil, skewError(skew)
	}
	return out, nil
}
