package spapi

import (
	"net/url"
	"slices"
	"strings"

	"github.com/openspapi/spapi/internal/settings"
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

// contradiction refuses an endpoint of Amazon's that is another than that of the region and sandbox: calls would reach another shop than is
// meant, under limits that hold elsewhere. Other hosts are gateways and emulators, whose way is their owner's affair.
func contradiction(endpoint *url.URL, region marketplace.Region, sandbox bool) error {
	host := strings.TrimSuffix(strings.ToLower(endpoint.Hostname()), ".")
	own, where := regionURL(region, sandbox), "region "+string(region)
	if sandbox {
		where = "the sandbox of " + where
	}
	if host == own.Hostname() || !slices.Contains(marketplace.Hosts(), host) {
		return nil
	}
	return &ConfigError{Code: CodeEndpointContradicts, Field: settings.Endpoint.Name, Value: endpoint.String(),
		Want: "is not that of " + where + ": want " + own.String() + ", or leave it out"}
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
		return &ConfigError{Code: CodeRequestNotHTTPS, Field: "request scheme", Value: u.Scheme, Want: "want https: tokens are sent over nothing else"}
	}
	return &ConfigError{Code: CodeRequestHostForeign, Field: "request host", Value: u.Host,
		Want: "want one of Amazon's SP-API hosts or the one that WithEndpoint names: tokens are sent to no other"}
}
