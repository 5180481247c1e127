package spapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/openspapi/spapi/internal/wire"
)

// tracked counts the bodies that are open.
type tracked struct {
	io.Reader
	open *int
	done bool
}

func (b *tracked) Close() error {
	if !b.done {
		b.done = true
		*b.open--
	}
	return nil
}

// Whatever comes of a typed call, none of its attempts keeps a connection.
func TestBodiesOfTypedCallsAreClosed(t *testing.T) {
	for name, answers := range map[string][]*http.Response{
		"success":            {reply(200, `{"a":1}`)},
		"error":              {reply(404, `{}`)},
		"failed attempts":    {reply(503, `{}`), reply(429, quotaBody), reply(200, `{}`)},
		"expired token":      {reply(403, expiredBody), reply(200, `{}`)},
		"all attempts fail":  {reply(500, `{}`), reply(500, `{}`), reply(500, `{}`), reply(500, `{}`), reply(500, `{}`)},
		"announced large":    {reply(200, strings.Repeat(" ", 2000))},
		"errors in a 200":    {reply(200, errorBody("a", "b", "c"))},
		"page":               {reply(200, "<html>")},
		"no body was wanted": {reply(204, "")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, open := 0, 0
				f := &fake{api: func(*http.Request) *http.Response {
					resp := *answers[n]
					n++
					open++
					resp.Body = &tracked{Reader: resp.Body, open: &open}
					return &resp
				}}
				_, _ = invokeRaw(t.Context(), f.client(WithMaxBody(1000)), catalogItem, asin)
				if n != len(answers) || open != 0 {
					t.Errorf("%d of %d answers came, %d bodies are open", n, len(answers), open)
				}
			})
		})
	}
}

// The start of a result is somebody's data; the start of a notice that came in its place says who sent it.
func TestDecodeErrorShowsNoResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for body, shown := range map[string]bool{
			`{"payload":{"BuyerName":"Jane Doe"`: false, ` [{"BuyerName":"Jane Doe"`: false, "Proxy of Jane Doe Ltd": true, `"Jane Doe" x`: true,
		} {
			f := &fake{api: func(*http.Request) *http.Response { return reply(200, body) }}
			_, err := invokeRaw(t.Context(), f.client(), catalogItem, asin)
			var decode *DecodeError
			if !errors.As(err, &decode) || strings.Contains(err.Error()+decode.Explain()+decode.Snippet, "Jane Doe") != shown {
				t.Errorf("%s: %v", body, err)
			}
		}
	})
}

// Who has the body may do with it what they like: nothing else that the call brought is in its memory.
func TestBodyIsTheCallersOwn(t *testing.T) {
	type order struct {
		ID    string          `json:"AmazonOrderId"`
		Buyer json.RawMessage `json:"BuyerInfo"`
		Paid  []string        `json:"PaymentMethodDetails"`
		Items *int64          `json:"NumberOfItemsShipped"`
	}
	const body = `{"payload":{"AmazonOrderId":"1","BuyerInfo":{"a":1},"PaymentMethodDetails":["x"],"NumberOfItemsShipped":"soon"},"errors":[{"code":"c","message":"m"}]}`
	for _, length := range []int64{int64(len(body)), -1} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{api: func(*http.Request) *http.Response {
				resp := reply(200, body)
				resp.ContentLength = length
				return resp
			}}
			var r Response
			out, err := wire.Invoke[*order](t.Context(), f.client(), getOrder, orderID("1"), []CallOption{WithResponse(&r)})
			check(t, err)
			if string(r.Body) != body {
				t.Errorf("the body is %s", r.Body)
			}
			for i := range r.Body {
				r.Body[i] = '#'
			}
			got := fmt.Sprintf("%s %s %s %v %v", out.ID, out.Buyer, out.Paid, r.Warnings, r.Errors)
			if want := `1 {"a":1} [x] [payload.NumberOfItemsShipped: not an integer: "soon"] [{c m }]`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// Some operations answer 204 where there is nothing to tell. An empty 200 is a broken answer of theirs too.
func TestMaybeEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const topics = "customerfeedback20240601.getBrowseNodeReturnTopics"
		for status, empty := range map[int]bool{204: true, 200: false} {
			f := &fake{api: func(*http.Request) *http.Response { return reply(status, "") }}
			out, err := invokeRaw(t.Context(), f.client(), topics, func(r *wire.Request) { r.Path("browseNodeId", "1") })
			if empty != (err == nil) || empty && out != "{}" || !empty && !errors.As(err, new(*DecodeError)) {
				t.Errorf("%d: %q, %v", status, out, err)
			}
		}
	})
}

func TestLooksLikeHTML(t *testing.T) {
	for body, want := range map[string]bool{
		"<html>": true, "\xef\xbb\xbf\r\n <!DOCTYPE html>": true, "<?xml?>": true, `{"a":"<"}`: false, "": false, " ": false, `"<html>"`: false,
	} {
		if got := looksLikeHTML([]byte(body)); got != want {
			t.Errorf("%q: %t", body, got)
		}
	}
}

// A body shorter than announced has lost something, also where what came is JSON.
func TestCutBodyIsNotWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, size := range []int{10, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3 << 20} { // memory is reserved up to 1 MiB
			for _, missing := range []int{0, 1, size / 2} {
				f := &fake{api: func(*http.Request) *http.Response {
					resp := reply(200, "[]"+strings.Repeat(" ", size-2-missing))
					resp.ContentLength = int64(size)
					return resp
				}}
				out, err := invokeRaw(t.Context(), f.client(), catalogItem, asin)
				var decode *DecodeError
				switch {
				case missing == 0:
					if err != nil || len(out) != size {
						t.Errorf("%d bytes: %d came, %v", size, len(out), err)
					}
				case !errors.As(err, &decode) || !errors.Is(err, io.ErrUnexpectedEOF) || !decode.brokeOff:
					t.Errorf("%d of %d bytes are missing: %v", missing, size, err)
				}
			}
		}
	})
}
