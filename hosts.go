package spapi

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/openspapi/spapi/marketplace"
)

// hosts are those that access tokens may be sent to, with port where it isn't the scheme's own.
type hosts struct {
	amazon []string
	named  *url.URL // by the caller; nil if none
}

func newHosts(named *url.URL) hosts {
	return hosts{amazon: marketplace.Hosts(), named: named}
}

// check refuses a URL before any token is fetched for it.
func (h hosts) check(u *url.URL) error {
	host := strings.ToLower(u.Host)
	if h.named != nil && host == strings.ToLower(h.named.Host) && u.Scheme == h.named.Scheme {
		return nil
	}
	if slices.Contains(h.amazon, strings.TrimSuffix(host, ":443")) {
		if u.Scheme == "https" {
			return nil
		}
		return &ConfigError{Field: "request scheme", Value: u.Scheme, Want: "tokens are sent only over https"}
	}
	return &ConfigError{Field: "request host", Value: u.Host,
		Want: "tokens are sent only to Amazon's SP-API hosts and to the one that WithEndpoint names"}
}

// parseBase reads a URL that the caller named.
func parseBase(field, s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(s, "/"))
	if err != nil {
		return nil, &ConfigError{Field: field, Want: "is not a URL"} // the URL error repeats the text, which may hold a password
	}
	switch {
	case u.User != nil:
		return nil, &ConfigError{Field: field, Value: u.Redacted(), Want: "must not hold a user or password"}
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, &ConfigError{Field: field, Value: s, Want: "want an absolute URL such as https://host/"}
	case u.RawQuery != "" || u.Fragment != "":
		return nil, &ConfigError{Field: field, Want: "must not hold a query or fragment"}
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, &ConfigError{Field: field, Value: s, Want: "must be https: plain http is for this machine only (localhost, 127.0.0.1, ::1)"}
	}
	return u, nil
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
