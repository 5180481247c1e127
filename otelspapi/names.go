package otelspapi

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/openspapi/spapi"
)

// other is how the semantic conventions spell what isn't in a list: what programs send, and no model knows, must not make new series.
const other = "_OTHER"

// named is an operation as spans and metrics name it.
type named struct {
	id       string
	template string // of the path; "" where no model has it
	span     string // name of the span of an attempt
}

var operations = sync.OnceValue(func() map[string]named {
	known := map[string]named{}
	for _, op := range spapi.Operations() {
		known[op.ID] = named{op.ID, op.Path, op.Method + " " + op.Path}
	}
	return known
})

// operationNamed is that of an id. What no model has is called by its method and path, where ids may stand: that is left out.
func operationNamed(id string) named {
	if op, ok := operations()[id]; ok {
		return op
	}
	return named{id: other}
}

func operationOf(a *spapi.Activity) named { return operationNamed(a.Operation) }

// region is spelled as in [spapi.LimitBucket].
func region(a *spapi.Activity) string {
	if a.Sandbox {
		return a.Region + "-sandbox"
	}
	return a.Region
}

func method(verb string) string {
	switch verb {
	case "":
		return http.MethodGet
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace,
		http.MethodConnect:
		return verb
	}
	return other
}

// server parts a host of a URL. Plain HTTP goes to this machine alone, to a port that is named as good as always.
func server(host string) (address string, port int) {
	if name, text, err := net.SplitHostPort(host); err == nil {
		if port, err = strconv.Atoi(text); err == nil {
			return name, port
		}
	}
	return host, 443
}

// failure is what error.type says: the status of an answer that is no success, else the kind of an error; "" where nothing failed. There are as many as
// there are statuses and lines below.
func failure(status int, err error) string {
	if status >= http.StatusBadRequest {
		return strconv.Itoa(status)
	}
	if err == nil {
		return ""
	}
	var (
		limit   *spapi.LimitError
		auth    *spapi.AuthError
		config  *spapi.ConfigError
		decode  *spapi.DecodeError
		api     *spapi.APIError
		timeout *spapi.TimeoutError
		name    *net.DNSError
		cert    *tls.CertificateVerificationError
		network net.Error
	)
	switch {
	case errors.As(err, &limit): // first: it may be a deadline too
		return "limit"
	case errors.As(err, &auth):
		return "auth"
	case errors.As(err, &config):
		return "config"
	case errors.As(err, &decode):
		return "decode"
	case errors.As(err, &api):
		return "api"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &name):
		return "dns"
	case errors.As(err, &cert):
		return "tls"
	case errors.As(err, &network):
		if network.Timeout() {
			return "timeout"
		}
		return "network"
	}
	return other
}
