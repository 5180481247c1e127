package paging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/internal/wire"
)

// Run is a walk through the pages of one operation. It belongs to one goroutine.
type Run struct {
	rule *Rule
	req  *http.Request // for the current page; its body, if there is one, in GetBody
	page int           // the current page, from 1
	seen seen
}

// Start begins with the request for the first page, which is not changed.
func Start(operation string, req *http.Request) (*Run, error) {
	rule := Find(operation)
	if rule == nil {
		return nil, fmt.Errorf("%s doesn't page", operation)
	}
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return nil, fmt.Errorf("%s: the body of the request can be sent only once: set GetBody, as http.NewRequest does for readers in memory", operation)
	}
	r := &Run{rule: rule, req: req, page: 1}
	switch {
	case rule.Size != "":
		if _, _, err := r.window(); err != nil {
			return nil, err
		}
	case rule.Query != "":
		if token := req.URL.Query().Get(rule.Query); token != "" {
			r.seen.add(token)
		}
	}
	return r, nil
}

// Operation is the one that the current request goes to: a few are taken over by another on their second page.
func (r *Run) Operation() string { return r.rule.Operation }

// Page is the number of the current page, from 1.
func (r *Run) Page() int { return r.page }

// Next takes the body of the current page, with the lists in it that have been passed over, and returns the request for the page after it, nil when there
// is none. The context and the header are those of the first request.
func (r *Run) Next(body []byte, lists []wire.Span) (*http.Request, error) {
	if r.page > 1 {
		if nothing, err := wire.Nothing(body); err != nil || nothing {
			return nil, r.errorf(err, "the answer holds nothing, though the page before it promised a page")
		}
	}
	next, token, err := r.next(body, lists)
	if err != nil || next == nil {
		return nil, err
	}
	if !r.seen.add(token) {
		return nil, r.errorf(nil, "the answer names a next page that the run has had before: it would never end")
	}
	r.req = next
	r.page++
	return next, nil
}

// next is the request for the next page with what tells it from others, a token or an offset.
func (r *Run) next(body []byte, lists []wire.Span) (*http.Request, string, error) {
	if r.rule.Size != "" {
		return r.nextOffset(body, lists)
	}
	token, err := text(body, r.rule.Next, lists)
	if err != nil {
		return nil, "", r.errorf(err, "the token for the next page")
	}
	if token == "" {
		return nil, "", nil
	}
	next := r.req.Clone(r.req.Context())
	if rule := r.rule; rule.Then != "" {
		r.rule = Find(rule.Then)
		next.URL = move(next.URL, rule.Path, r.rule.Path)
		next.URL.RawQuery = query(next.URL.RawQuery, rule, r.rule, token)
	} else if rule.Query != "" {
		next.URL.RawQuery = query(next.URL.RawQuery, rule, rule, token)
	} else if next, err = r.withMember(rule.Body, json.RawMessage(quote(token))); err != nil {
		return nil, "", err
	}
	return rewound(next), token, nil
}

// nextOffset moves the window by its size, until a page is not full or the total is reached.
func (r *Run) nextOffset(body []byte, lists []wire.Span) (*http.Request, string, error) {
	size, offset, err := r.window()
	if err != nil {
		return nil, "", err
	}
	items, err := list(body, r.rule.Items)
	if err != nil {
		return nil, "", r.errorf(err, "the items")
	}
	if int64(len(items)) < size {
		return nil, "", nil
	}
	offset += size
	total, err := text(body, r.rule.Total, lists)
	if err != nil {
		return nil, "", r.errorf(err, "the total")
	}
	if n, err := strconv.ParseInt(total, 10, 64); err == nil && offset >= n {
		return nil, "", nil
	}
	token := strconv.FormatInt(offset, 10)
	next, err := r.withMember(r.rule.Body, json.RawMessage(token))
	if err != nil {
		return nil, "", err
	}
	return rewound(next), token, nil
}

// window is the size and the offset that the current request asks for.
func (r *Run) window() (size, offset int64, err error) {
	body, err := r.body()
	if err != nil {
		return 0, 0, err
	}
	sizeText, err := text(body, r.rule.Size, nil)
	if err != nil {
		return 0, 0, r.errorf(err, "the request")
	}
	if size, err = strconv.ParseInt(sizeText, 10, 64); err != nil || size <= 0 {
		return 0, 0, r.errorf(nil, "the request has no %s: want the size of a page, a whole number from 1", r.rule.Size)
	}
	offsetText, err := text(body, r.rule.Body, nil)
	if err != nil {
		return 0, 0, r.errorf(err, "the request")
	}
	if offsetText != "" {
		if offset, err = strconv.ParseInt(offsetText, 10, 64); err != nil || offset < 0 {
			return 0, 0, r.errorf(nil, "the request's %s is %q: want a whole number from 0", r.rule.Body, offsetText)
		}
	}
	return size, offset, nil
}

// body reads the body of the current request.
func (r *Run) body() ([]byte, error) {
	if r.req.GetBody == nil {
		return nil, nil
	}
	b, err := r.req.GetBody()
	if err != nil {
		return nil, r.errorf(err, "the body of the request")
	}
	defer b.Close()
	body, err := io.ReadAll(b)
	if err != nil {
		return nil, r.errorf(err, "the body of the request")
	}
	return body, nil
}

// withMember is the current request with another value at a path of its body.
func (r *Run) withMember(path string, value json.RawMessage) (*http.Request, error) {
	body, err := r.body()
	if err == nil {
		body, err = setMember(body, path, value)
	}
	if err != nil {
		return nil, r.errorf(err, "the body of the request")
	}
	next := r.req.Clone(r.req.Context())
	next.ContentLength = int64(len(body))
	next.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return next, nil
}

// rewound gives a request its body from the beginning. A body in memory never fails; any other fails when it is sent.
func rewound(req *http.Request) *http.Request {
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			body = io.NopCloser(failed{err})
		}
		req.Body = body
	}
	return req
}

type failed struct{ error }

func (f failed) Read([]byte) (int, error) { return 0, f.error }

// errorf names operation and page.
func (r *Run) errorf(cause error, format string, args ...any) error {
	err := fmt.Errorf("%s: page %d: "+format, append([]any{r.rule.Operation, r.page}, args...)...)
	if cause != nil {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// query is the query for a page: that of the page before as it was written, as far as from lets it go along, with the token where to has it.
func query(before string, from, to *Rule, token string) string {
	set, value, _ := strings.Cut(to.Set, "=")
	var parts []string
	for part := range strings.SplitSeq(before, "&") {
		escaped, _, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(escaped)
		if err != nil {
			name = escaped
		}
		if part == "" || name == to.Query || name == set && set != "" || from.Alone && !contains(from.Keep, name) {
			continue
		}
		parts = append(parts, part)
	}
	if set != "" {
		parts = append(parts, escape(set)+"="+escape(value))
	}
	return strings.Join(append(parts, escape(to.Query)+"="+escape(token)), "&")
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// escape encodes as RFC 3986 has it: not every part of the API reads "+" as a space.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// move puts the path to in the place of one that follows the template from, below whatever stands before it.
func move(u *url.URL, from, to string) *url.URL {
	moved := *u
	before := u.EscapedPath()
	for range strings.Count(from, "/") {
		before = before[:max(strings.LastIndexByte(before, '/'), 0)]
	}
	moved.RawPath = before + to
	moved.Path = moved.RawPath
	if plain, err := url.PathUnescape(moved.RawPath); err == nil {
		moved.Path = plain
	}
	return &moved
}

// Items are the items of a page of an operation, as they came; they share the memory of body. Where a page has no single list of items
// the page itself is the one item.
func Items(operation string, body []byte) ([]json.RawMessage, error) {
	rule := Find(operation)
	if rule == nil {
		return nil, fmt.Errorf("%s doesn't page", operation)
	}
	if rule.Items == "" {
		return []json.RawMessage{bytes.TrimPrefix(body, []byte("\ufeff"))}, nil // JSON has no byte order mark
	}
	items, err := list(body, rule.Items)
	if err != nil {
		return nil, fmt.Errorf("%s: the items: %w", operation, err)
	}
	return items, nil
}
