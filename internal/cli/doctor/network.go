package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience bounds each request of doctor's own.
const patience = 15 * time.Second

// recorder is the transport under everything that doctor sends. It keeps what tells about the way: the clock of whoever answered, who signed its
// certificate, and whether a page came.
type recorder struct {
	base http.RoundTripper
	now  func() time.Time

	mu    sync.Mutex
	skew  time.Duration // this machine's clock minus Amazon's
	asked bool          // skew is known
	html  string        // the host that sent a page
	stray string        // "host, certificate by issuer" of an issuer that Amazon doesn't use
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		r.skew, r.asked = now.Truncate(time.Second).Sub(at), true
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		r.html = req.URL.Host
	}
	if s := resp.TLS; s != nil && len(s.PeerCertificates) > 0 && !known(s.PeerCertificates[0]) && strings.HasSuffix(req.URL.Hostname(), ".amazon.com") {
		r.stray = req.URL.Host + ", certificate by " + s.PeerCertificates[0].Issuer.String()
	}
	return resp, nil
}

// issuers are the authorities that sign for Amazon's hosts (amazontrust.com; DigiCert for api.amazon.com).
var issuers = []string{"Amazon", "DigiCert", "Starfield"}

func known(c *x509.Certificate) bool {
	name := c.Issuer.String()
	for _, i := range issuers {
		if strings.Contains(name, i) {
			return true
		}
	}
	return false
}

// nameNetwork names why no answer came; "" if err is none of the network's.
func nameNetwork(err error) string {
	text := err.Error()
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		op        *net.OpError
		timeout   net.Error
	)
	switch {
	case strings.Contains(text, "Proxy Authentication Required"):
		return "proxy-authentication"
	case errors.As(err, &op) && op.Op == "proxyconnect", strings.Contains(text, "proxyconnect"):
		return "proxy-unreachable"
	case errors.As(err, &dns):
		return "dns-failure"
	case errors.As(err, &authority):
		return "tls-interception"
	case errors.As(err, &host):
		return "tls-wrong-host"
	case errors.As(err, &invalid):
		if invalid.Reason == x509.Expired {
			return "tls-expired"
		}
		return "tls-interception"
	case errors.As(err, &record):
		return "html-in-between" // plain HTTP where TLS was expected
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no-answer"
	case errors.As(err, &op), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection-refused"
	}
	return ""
}

// answer is what a plain request met.
type answer struct {
	status  int
	details string // what tells one 403 from another
	body    []byte
	page    bool
	listed  bool // an error that has a code
	id      string
}

// refused tells whether this is the 403 that SP-API gives for a wrong role, region, authorization or path alike.
func (a *answer) refused() bool { return a.status == http.StatusForbidden }

// abroad tells whether this is the 403 for a marketplace of another region than that of the endpoint, which some APIs tell apart (selling-partner-api-models#5126).
func (a *answer) abroad() bool {
	return a.refused() && strings.Contains(a.details, "marketplaces you provided are not valid for region")
}

// allowed tells whether the request got past the check of roles: what comes after it complains about arguments, in the API's own words. A page, or a bare "Not
// Found", comes from something that isn't the API.
func (a *answer) allowed() bool {
	switch a.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity:
		return !a.page && a.listed
	}
	return a.status/100 == 2 && !a.page && a.holds()
}

// holds tells whether a success has anything in it: nothing, or a gateway's message alone, is no answer of the operations that are asked here.
func (a *answer) holds() bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(a.body, &members) != nil {
		return false
	}
	delete(members, "message")
	return len(members) > 0
}

// get sends a request past the SDK, with an access token if there is one: the SDK would keep to its own region, and repeat.
func (r *recorder) get(ctx context.Context, address, token string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "spapi-doctor (Language=Go)")
	if token != "" {
		req.Header.Set("X-Amz-Access-Token", token)
	}
	resp, err := r.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return read(resp)
}

func read(resp *http.Response) (*answer, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	return &answer{
		status: resp.StatusCode, body: body, id: resp.Header.Get("x-amzn-RequestId"),
		page:    strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")),
		details: details(body), listed: listed(body),
	}, nil
}

// short is an error without the URL, which the reader knows.
func short(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}
