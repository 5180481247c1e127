package spapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

// Option changes how an [App] works. [Load] takes it too. A nil one changes nothing, as with all options of this module.
type Option func(*config)

type config struct {
	endpoint  string
	tokenURL  string
	transport http.RoundTripper
	userAgent string
	logger    *slog.Logger
	observer  Observer
	limiter   Limiter
	tokens    TokenStore
	appLimits map[string]appLimit
	retry     RetryPolicy
	maxBody   int64
	maxLogins int
	signer    Signer

	credentials func(context.Context) (Credentials, error)

	attemptTimeout time.Duration
	stallTimeout   time.Duration
}

type appLimit struct {
	rate  float64
	burst int
}

// Defaults of the options.
const (
	defaultTokenURL = settings.AmazonTokenURL
	defaultMaxBody  = 256 << 20
	// defaultMaxLogins is a guess: Amazon publishes no limit of Login with Amazon's. At 200 ms for a request 16 at once make 80 a second. The tokens of
	// 10,000 sellers that were fetched together, whose renewals are spread over 10 minutes, take 17 a second; from a cold start they are there in
	// about two minutes.
	defaultMaxLogins = 16
)

// WithEndpoint sends all calls to this base URL in place of the region's endpoint, for an emulator, a gateway or a recording
// proxy. The host becomes one of those that tokens are sent to. It must be https unless it is on this machine. A host of Amazon's that
// contradicts the region or the sandbox of an authorization is a [*ConfigError] of its clients.
func WithEndpoint(url string) Option { return func(c *config) { c.endpoint = url } }

// WithTokenURL asks this URL for tokens in place of https://api.amazon.com/auth/o2/token. Client secret and refresh tokens are
// sent to it. It must be https unless it is on this machine.
func WithTokenURL(url string) Option { return func(c *config) { c.tokenURL = url } }

// WithTransport sends requests, those for tokens too, through rt. Default: that of [NewTransport]. It must not follow redirects, and
// must end a request whose context ends.
func WithTransport(rt http.RoundTripper) Option { return func(c *config) { c.transport = rt } }

// WithUserAgent names the program as "Name/Version", such as "Repricer/1.2". Amazon asks for it; language and platform are added
// (developer-docs.amazon.com/sp-api/docs/include-a-user-agent-header-in-all-requests). Default: this package's own name.
func WithUserAgent(product string) Option { return func(c *config) { c.userAgent = product } }

// WithLogger logs every attempt at level debug and retries at level info, without secrets and without query values.
// Default: no log, but what fails beside a call that goes on without it, such as a limiter's note of a reply, is a warning of [slog.Default].
func WithLogger(logger *slog.Logger) Option { return func(c *config) { c.logger = logger } }

// WithObserver tells o of every call, wait, attempt and token request. Default: nil, nobody.
func WithObserver(o Observer) Option { return func(c *config) { c.observer = o } }

// WithLimiter replaces the limiter in this process, for example by one that many processes share.
func WithLimiter(l Limiter) Option { return func(c *config) { c.limiter = l } }

// WithTokenStore replaces the memory of this process in which tokens are kept, for example by a store that many processes share.
func WithTokenStore(s TokenStore) Option { return func(c *config) { c.tokens = s } }

// WithMaxTokenRequests bounds how many requests to Login with Amazon are under way at once, over all sellers of the application; those that a call
// waits for go first. Default, also below 1: 16. Amazon publishes no limit of its own.
func WithMaxTokenRequests(n int) Option { return func(c *config) { c.maxLogins = n } }

// WithApplicationLimit adds a limit over all sellers of the application to an operation, such as
// "listingsitems20210801.patchListingsItem". Amazon documents some and shows them in no header. rate is in requests per second, above 0;
// a burst below 1 counts as 1. An operation that there isn't is a [*ConfigError].
func WithApplicationLimit(operation string, rate float64, burst int) Option {
	return func(c *config) {
		if c.appLimits == nil {
			c.appLimits = map[string]appLimit{}
		}
		c.appLimits[operation] = appLimit{rate, max(burst, 1)}
	}
}

// WithCredentialsSource sets what is asked for the application's credentials when Login with Amazon refuses the client secrets that the App has: they may
// have been rotated since. What it brings is tried, and told as a warning in the log. In vain it is asked at most every 10 seconds; its ctx has at most 30. Its
// client id isn't looked at. Default: nil, nothing is asked.
func WithCredentialsSource(read func(ctx context.Context) (Credentials, error)) Option {
	return func(c *config) { c.credentials = read }
}

// WithRetry replaces the retry policy; fields that are zero keep their defaults.
func WithRetry(p RetryPolicy) Option { return func(c *config) { c.retry = p } }

// WithAttemptTimeout bounds how long an attempt waits for the first byte of an answer once the request has been sent, connecting included; the
// time in which the body of a request is sent doesn't count, see [WithStallTimeout]. Then the attempt has failed with a [*TimeoutError], and
// is repeated as after a broken connection. Default, also for 0: 1 minute; below 0: no bound. No operation of SP-API is known to take
// longer: what takes long is a job (reports, feeds, Data Kiosk) or asked for again, and Amazon's gateway gives up after 29 seconds. Gateways that
// queue requests may need more. A request for a token has at most 30 seconds in all, whatever is set here.
func WithAttemptTimeout(d time.Duration) Option { return func(c *config) { c.attemptTimeout = d } }

// WithStallTimeout bounds how long no byte of a body may move, while the body of a request is sent or that of an answer is read. What moves
// is never cut, however slow; nor does the time count in which the caller doesn't read, or has nothing to send. Then sending or reading fails
// with a [*TimeoutError]. It holds for the bodies of [Client.Do] and for documents, too. Default, also for 0: 1 minute; below 0: no bound.
func WithStallTimeout(d time.Duration) Option { return func(c *config) { c.stallTimeout = d } }

// WithMaxBody bounds the response bodies that typed calls read into memory, in bytes. Default, also below 1: 256 MiB. [Client.Do] has no bound.
func WithMaxBody(bytes int64) Option { return func(c *config) { c.maxBody = bytes } }

// WithSigner signs each request after its token is in place, as Amazon demanded until 2023-10-02; see package awsauth.
func WithSigner(s Signer) Option { return func(c *config) { c.signer = s } }

// Signer signs a request in place. The body must be taken from req.GetBody, or from req.Body and put back.
type Signer interface {
	Sign(ctx context.Context, req *http.Request, region marketplace.Region) error
}
