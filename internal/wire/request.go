package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Need tells whether the model requires a parameter.
type Need bool

const (
	Optional Need = false
	Required Need = true
)

// Request is what a generated Input writes itself into.
type Request struct {
	PathParams map[string]string // unescaped, by the name in the path template
	Headers    http.Header

	query   strings.Builder
	body    any
	hasBody bool
	err     error
}

// InputError is an argument that cannot be sent.
type InputError struct {
	Field  string // the parameter as the API names it
	Value  string
	Reason string // what would be right
}

func (e *InputError) Error() string {
	if e.Value == "" {
		return e.Field + " " + e.Reason
	}
	return fmt.Sprintf("%s: %q %s", e.Field, e.Value, e.Reason)
}

// Err is the first argument that cannot be sent, an *InputError.
func (r *Request) Err() error { return r.err }

func (r *Request) missing(name string, need Need) {
	if need == Required && r.err == nil {
		r.err = &InputError{Field: name, Reason: "is required"}
	}
}

// Path sets a path parameter. All are required: an empty one would call another operation.
func (r *Request) Path(name, value string) {
	switch value {
	case "":
		r.missing(name, Required)
	case ".", "..": // servers and proxies drop such segments
		if r.err == nil {
			r.err = &InputError{Field: name, Value: value, Reason: "cannot stand in a path: want an id"}
		}
	}
	if r.PathParams == nil {
		r.PathParams = make(map[string]string, 4)
	}
	r.PathParams[name] = value
}

// escape escapes all but the unreserved characters of RFC 3986, for queries and for segments of paths. A space becomes %20, because not
// every part of SP-API reads "+" as a space and Signature Version 4 never does. url.PathEscape leaves "+", "&", "=", ":", "@" and "$" as
// they are, which is right but read differently by servers that treat paths like queries; escaped they mean the same to all.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func (r *Request) add(name, escaped string) {
	if r.query.Len() > 0 {
		r.query.WriteByte('&')
	} else {
		r.query.Grow(128) // at once what most queries take
	}
	r.query.WriteString(escape(name))
	r.query.WriteByte('=')
	r.query.WriteString(escaped)
}

// QueryString is the encoded query without the question mark.
func (r *Request) QueryString() string { return r.query.String() }

// QueryInt sets an integer query parameter.
func (r *Request) QueryInt(name string, v *int64, need Need) {
	if v == nil {
		r.missing(name, need)
		return
	}
	r.add(name, strconv.FormatInt(*v, 10))
}

// QueryBool sets a boolean query parameter.
func (r *Request) QueryBool(name string, v *bool, need Need) {
	if v == nil {
		r.missing(name, need)
		return
	}
	r.add(name, strconv.FormatBool(*v))
}

// QueryTime sets a date-time query parameter; see [FormatTime].
func (r *Request) QueryTime(name string, v time.Time, need Need) {
	if v.IsZero() {
		r.missing(name, need)
		return
	}
	r.add(name, escape(FormatTime(v)))
}

// QueryDate sets a date query parameter, YYYY-MM-DD.
func (r *Request) QueryDate(name string, v Date, need Need) {
	if v.IsZero() {
		r.missing(name, need)
		return
	}
	r.add(name, v.String())
}

// QueryString sets a string, enum or decimal query parameter.
func QueryString[T ~string](r *Request, name string, v T, need Need) {
	if v == "" {
		r.missing(name, need)
		return
	}
	r.add(name, escape(string(v)))
}

// QueryCSV sets an array as one parameter with commas between the elements. SP-API splits at every comma, also at one inside
// an element, whether it is escaped or not (amz-tools/amazon-sp-api#143): such an element would ask for others, and is refused.
func QueryCSV[T ~string](r *Request, name string, vs []T, need Need) {
	if len(vs) == 0 {
		r.missing(name, need)
		return
	}
	parts := make([]string, len(vs))
	for i, v := range vs {
		if strings.Contains(string(v), ",") && r.err == nil {
			r.err = &InputError{Field: name, Value: string(v),
				Reason: "holds a comma, at which SP-API would cut it into several: want values without, or a parameter or an operation for a single one"}
		}
		parts[i] = escape(string(v))
	}
	r.add(name, strings.Join(parts, "%2C"))
}

// QueryMulti sets an array as a repeated parameter.
func QueryMulti[T ~string](r *Request, name string, vs []T, need Need) {
	if len(vs) == 0 {
		r.missing(name, need)
	}
	for _, v := range vs {
		r.add(name, escape(string(v)))
	}
}

// doubleEscaper escapes the characters that the FBA inbound API wants escaped twice in a SKU: it unescapes a value once more
// after the HTTP server did.
var doubleEscaper = strings.NewReplacer("%", "%25", "+", "%2B", ",", "%2C")

// QueryMultiTwice is [QueryMulti] for SKUs of the FBA inbound API 2024-03-20, in which %, + and the comma are escaped twice.
func QueryMultiTwice(r *Request, name string, vs []string, need Need) {
	if len(vs) == 0 {
		r.missing(name, need)
	}
	for _, v := range vs {
		r.add(name, escape(doubleEscaper.Replace(v)))
	}
}

// Header sets a header parameter.
func (r *Request) Header(name, value string, need Need) {
	if value == "" {
		r.missing(name, need)
		return
	}
	if i := strings.IndexFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }); i >= 0 {
		if r.err == nil {
			r.err = &InputError{Field: name, Value: value, Reason: "holds a control character: want it without, for a header cannot hold any"}
		}
		return
	}
	if r.Headers == nil {
		r.Headers = http.Header{}
	}
	r.Headers.Set(name, value)
}

// JSON sets the body.
func (r *Request) JSON(v any) {
	r.body = v
	r.hasBody = true
}

// OptionalJSON sets the body unless it would be an empty object.
func (r *Request) OptionalJSON(v any) {
	if b, err := encodeJSON(v); err == nil && bytes.Equal(b, []byte("{}")) {
		return
	}
	r.JSON(v)
}

// Body encodes the body; nil when there is none.
func (r *Request) Body() ([]byte, error) {
	if !r.hasBody {
		return nil, nil
	}
	return encodeJSON(r.body)
}

// Build makes the HTTP request: below base, with the path template filled. Its header is nil where it
// has none. Its errors, *InputError mostly, don't name the operation.
func (r *Request) Build(ctx context.Context, base *url.URL, method, path string, greedy bool) (*http.Request, error) {
	if r.err != nil {
		return nil, r.err
	}
	body, err := r.Body()
	if err != nil {
		return nil, fmt.Errorf("cannot be written as JSON: %w", err)
	}
	u, err := r.url(base, path, greedy)
	if err != nil {
		return nil, err
	}
	req := (&http.Request{Method: method, URL: u, Host: u.Host, Header: r.Headers, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	if body != nil {
		if req.Header == nil {
			req.Header = make(http.Header, 1)
		}
		if req.Header.Get("Content-Type") == "" {
			req.Header.Set("Content-Type", "application/json")
		}
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		req.Body, _ = req.GetBody()
	}
	return req, nil
}

// url fills the path template. Every parameter stays one segment, whatever it holds: "/" becomes %2F, a space %20
// (developer-docs.amazon.com/sp-api/docs/url-encoding); only a last one that is greedy keeps its slashes, and none at its beginning: it is a path, which
// people give with the slash that the template has already.
func (r *Request) url(base *url.URL, path string, greedy bool) (*url.URL, error) {
	u := *base
	u.RawQuery = r.QueryString()
	if !strings.Contains(path, "{") {
		u.Path, u.RawPath = base.Path+path, ""
		if base.RawPath != "" {
			u.RawPath = base.RawPath + path
		}
		return &u, nil
	}
	var plain, escaped strings.Builder
	plain.Grow(len(base.Path) + len(path) + 32) // ids are mostly shorter
	escaped.Grow(len(base.Path) + len(path) + 32)
	plain.WriteString(base.Path)
	escaped.WriteString(base.EscapedPath())
	for {
		literal, after, found := strings.Cut(path, "{")
		plain.WriteString(literal)
		escaped.WriteString(literal)
		if !found {
			break
		}
		name, tail, _ := strings.Cut(after, "}")
		value := r.PathParams[name]
		rest := greedy && tail == ""
		if rest {
			value = strings.TrimLeft(value, "/")
		}
		if value == "" {
			return nil, &InputError{Field: name, Value: r.PathParams[name], Reason: "is required"}
		}
		plain.WriteString(value)
		if rest {
			for i, part := range strings.Split(value, "/") {
				if part == "." || part == ".." {
					return nil, &InputError{Field: name, Value: value, Reason: "holds " + part + ", which cannot stand in a path"}
				}
				if i > 0 {
					escaped.WriteByte('/')
				}
				escaped.WriteString(escape(part))
			}
		} else {
			escaped.WriteString(escape(value))
		}
		path = tail
	}
	u.Path, u.RawPath = plain.String(), escaped.String()
	return &u, nil
}
