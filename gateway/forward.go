package gateway

import (
	"io"
	"net/http"

	"github.com/openspapi/spapi"
)

// identify finds the operation of the request.
func (x *exchange) identify() *refusal {
	x.op, _ = spapi.FindOperation(x.r.Method, x.r.URL.EscapedPath())
	return nil
}

// pace reads what the caller says about priority and patience.
func (x *exchange) pace() *refusal { return nil }

// forward calls Amazon and passes the answer on as it comes.
func (x *exchange) forward() {
	out, err := http.NewRequestWithContext(x.r.Context(), x.r.Method, x.r.URL.RequestURI(), x.r.Body)
	if err != nil {
		x.refuse(&refusal{Status: 400, Code: "InvalidInput", Message: err.Error(), why: "request"})
		return
	}
	res, err := x.client.Do(out, x.call...)
	if err != nil {
		x.refuse(&refusal{Status: 502, Code: "InternalFailure", Message: err.Error(), why: "call"})
		return
	}
	defer func() { _ = res.Body.Close() }()
	if err := x.rewrite(res); err != nil {
		x.refuse(&refusal{Status: 502, Code: "InternalFailure", Message: err.Error(), why: "rewrite"})
		return
	}
	for name, values := range res.Header {
		x.w.Header()[name] = values
	}
	x.w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(x.w, res.Body)
}
