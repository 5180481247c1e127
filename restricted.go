package spapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openspapi/spapi/internal/wire"
)

// IsRestrictedReportType reports whether the documents of a report type need a restricted data token
// (developer-docs.amazon.com/sp-api/docs/tokens-api-use-case-guide).
func IsRestrictedReportType(reportType string) bool {
	return restrictedReportTypes[reportType]
}

// RestrictedReportTypes returns the types of [IsRestrictedReportType] in ascending order.
func RestrictedReportTypes() []string {
	return slices.Sorted(maps.Keys(restrictedReportTypes))
}

// needsRestricted decides whether a call goes with a restricted data token. In the sandbox only one that asks for it does: the sandbox takes an access
// token on restricted operations too (getShipment of Shipping v1, getOrderAddress, getOrderBuyerInfo; recorded in lineofflight/peddler,
// test/vcr_cassettes/Peddler/APIs, September 2025), and a restricted one would have to be of production.
func (c *Client) needsRestricted(call *call) (bool, error) {
	op := call.op
	if call.restricted && op.known() && op.Restricted == RestrictedNever {
		return false, &ConfigError{Code: CodeRestrictedDataNone, Field: "WithRestrictedData", Value: op.ID,
			Want: "the operation takes no restricted data token: leave the option out"}
	}
	for _, e := range call.elements {
		if op.known() && !slices.Contains(strings.Split(op.DataElements, ","), e) {
			want := "the operation takes no data elements: leave them out"
			if op.DataElements != "" {
				want = "want " + strings.ReplaceAll(op.DataElements, ",", ", ") + " for " + op.ID
			}
			return false, &ConfigError{Code: CodeRestrictedDataUnknown, Field: "data element", Value: e, Want: want}
		}
	}
	if call.restricted || c.auth.Sandbox {
		return call.restricted, nil
	}
	return op.Restricted == RestrictedAlways || op.Restricted == RestrictedReport && IsRestrictedReportType(call.reportType), nil
}

type restrictedResource struct {
	Method       string   `json:"method"`
	Path         string   `json:"path"`
	DataElements []string `json:"dataElements,omitempty"`
}

// restrictedRequest is for a restricted data token that serves the call, shared by all calls of the seller that it serves: where Amazon
// takes the path template, one token serves all paths of the operation.
func (c *Client) restrictedRequest(call *call, req *http.Request) TokenRequest {
	resource := restrictedResource{Method: req.Method, Path: call.op.Path, DataElements: call.elements}
	if !call.op.GenericPath {
		resource.Path = strings.TrimPrefix(req.URL.EscapedPath(), c.base.EscapedPath())
	}
	if len(resource.DataElements) == 0 && call.op.DataElements != "" {
		resource.DataElements = strings.Split(call.op.DataElements, ",")
	}
	resource.DataElements = slices.Compact(slices.Sorted(slices.Values(resource.DataElements)))
	issuer := c
	if c.auth.Sandbox && c.app.endpoint == nil {
		// The sandbox issues none that hold; it takes those of production (developer-docs.amazon.com/sp-api/docs/selling-partner-api-sandbox).
		production := c.auth
		production.Sandbox = false
		issuer = c.app.Client(production)
	}
	pace := []CallOption{WithPriority(call.priority)}
	fast := pace
	if call.failFast {
		fast = append(fast, WithFailFast(call.maxWait))
	}
	return TokenRequest{
		Key: fingerprint("restricted", issuer.access.Key, issuer.base.String(), // the first holds application and seller
			resource.Method, resource.Path, strings.Join(resource.DataElements, ",")),
		Secret: c.app.secret,
		Fetch: c.tells("restricted data token for "+call.op.ID, func(ctx context.Context, urgent <-chan struct{}) (Token, error) {
			if isClosed(urgent) {
				return issuer.mint(ctx, resource, fast)
			}
			return issuer.mint(ctx, resource, pace) // no call's patience ends while nobody waits
		}),
	}
}

// restrictedToken is the token of r, a [Client.restrictedRequest] of the call. Calls share a fetch, which goes at the pace of the call that began it:
// what is throttled for one that fails fast is asked for again by those that have more time.
func (c *Client) restrictedToken(ctx context.Context, call *call, r TokenRequest) (token Token, err error) {
	var own atomic.Bool
	fetch := r.Fetch
	r.Fetch = func(ctx context.Context, urgent <-chan struct{}) (Token, error) {
		own.Store(true)
		return fetch(ctx, urgent)
	}
	for range 3 { // the second time the fetch may be that of another fast one again, and a store of others may keep what it was told
		token, err = c.app.config.tokens.Get(ctx, r)
		if own.Load() || !IsThrottled(err) {
			break
		}
		if limit, ok := errors.AsType[*LimitError](err); ok && call.failFast && limit.Max >= call.maxWait {
			break
		}
	}
	return token, err
}

const mintOperation = "tokens20210301.createRestrictedDataToken"

// mint asks for a restricted data token through the whole chain.
func (c *Client) mint(ctx context.Context, resource restrictedResource, pace []CallOption) (Token, error) {
	call := newCall(pace)
	call.op = operationByID(mintOperation)
	call.take, call.wantBody = wire.Raw, true
	ctx, whole := c.beginCall(ctx, call)
	result := errAbandoned
	defer func() {
		whole.endCall(call, result)
		call.release()
	}()
	token, err := c.exchangeToken(ctx, call, resource)
	result = err
	return token, err
}

func (c *Client) exchangeToken(ctx context.Context, call *call, resource restrictedResource) (Token, error) {
	body, err := json.Marshal(map[string]any{"restrictedResources": []restrictedResource{resource}})
	if err != nil {
		return Token{}, err
	}
	req, err := http.NewRequestWithContext(withCall(ctx, call), call.op.Method, call.op.Path, bytes.NewReader(body))
	if err != nil {
		return Token{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.send(call, req)
	if err == nil && resp.StatusCode/100 != 2 {
		err = c.refusal(call, resp)
	}
	if err != nil {
		return Token{}, err
	}
	type minted struct {
		RestrictedDataToken string  `json:"restrictedDataToken"`
		ExpiresIn           float64 `json:"expiresIn"` // seconds
	}
	var m minted
	if err := json.Unmarshal(call.taken.Body, &m); err != nil || m.RestrictedDataToken == "" {
		return Token{}, call.decodeError(resp, call.body, "the answer holds no restricted data token", err)
	}
	token := Token{Value: NewSecret(m.RestrictedDataToken)}
	if m.ExpiresIn > 0 && m.ExpiresIn < 1e6 {
		token.Expires = time.Now().Add(time.Duration(m.ExpiresIn * float64(time.Second)))
	}
	return token, nil
}
