package document

import (
	"bytes"
	stdgzip "compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
)

// quick has pauses of nothing: tests with real connections must not sleep.
var quick = Options{BaseDelay: 1, MaxDelay: 1}

func pack(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// noise is text that does not pack well, so that cuts fall everywhere.
func noise(size int) []byte {
	r := rand.New(rand.NewPCG(7, 9))
	out := make([]byte, 0, size)
	for len(out) < size {
		out = fmt.Appendf(out, "%d\t%x\n", r.IntN(1000), r.Uint32())
	}
	return out[:size]
}

func at(url, algorithm string) func(context.Context) (Location, error) {
	return func(context.Context) (Location, error) { return Location{url, algorithm}, nil }
}

// fetch reads a whole document.
func fetch(t testing.TB, resolve func(context.Context) (Location, error), options Options) ([]byte, Progress, error) {
	t.Helper()
	r, err := Open(t.Context(), resolve, options)
	if err != nil {
		return nil, Progress{}, err
	}
	defer func() { _ = r.Close() }()
	out, err := io.ReadAll(r)
	if p := r.Progress(); p.Out != int64(len(out)) {
		t.Errorf("progress says %d bytes out, there are %d", p.Out, len(out))
	}
	return out, r.Progress(), err
}

// store is S3 with faults.
type store struct {
	body        []byte
	cut         func(connection int) int // bytes after which the connection breaks; negative: never
	ignoreRange bool
	noETag      bool
	chunked     bool // no Content-Length
	contentType string
	encoding    string
	requests    atomic.Int64
	check       func(*http.Request) bool // false: expired
}

const expiredBody = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Request has expired</Message><X-Amz-Expires>300</X-Amz-Expires><Expires>2026-01-31T10:05:00Z</Expires></Error>`

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	connection := int(s.requests.Add(1)) - 1
	for _, name := range []string{"Authorization", "X-Amz-Access-Token", "Cookie", "Referer"} {
		if r.Header.Get(name) != "" {
			http.Error(w, "credentials sent: "+name, http.StatusTeapot)
			return
		}
	}
	if s.check != nil && !s.check(r) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, expiredBody)
		return
	}
	header := w.Header()
	if !s.noETag {
		header.Set("Etag", `"etag-1"`)
	}
	header.Set("Content-Type", s.contentType)
	if s.encoding != "" {
		header.Set("Content-Encoding", s.encoding)
	}
	body := s.body
	status := http.StatusOK
	if v := r.Header.Get("Range"); v != "" && !s.ignoreRange {
		from, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(v, "bytes="), "-"))
		if err != nil {
			http.Error(w, "odd Range", http.StatusTeapot)
			return
		}
		if from >= len(body) {
			header.Set("Content-Range", fmt.Sprintf("bytes */%d", len(body)))
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(body)-1, len(body)))
		body = body[from:]
		status = http.StatusPartialContent
	}
	if !s.chunked {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	if s.cut != nil {
		if n := s.cut(connection); n >= 0 && n < len(body) {
			_, _ = w.Write(body[:n])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}
	_, _ = w.Write(body)
}

// serve starts a loopback server and gives the transport to reach it by.
func serve(t testing.TB, handler http.Handler) (string, *http.Transport) {
	t.Helper()
	server := httptest.NewServer(handler)
	transport := &http.Transport{}
	t.Cleanup(server.Close)
	t.Cleanup(transport.CloseIdleConnections)
	return server.URL + "/doc?X-Amz-Signature=SECRET", transport
}

func TestCutAtEveryByte(t *testing.T) {
	text := noise(400)
	for _, variant := range []struct {
		name   string
		body   []byte
		adjust func(*store)
	}{
		{"gzip", pack(text), func(*store) {}},
		{"plain", text, func(*store) {}},
		{"no ETag", pack(text), func(s *store) { s.noETag = true }},
		{"no length", pack(text), func(s *store) { s.chunked = true }},
		{"no length, plain", text, func(s *store) { s.chunked = true }},
		{"ignores Range", pack(text), func(s *store) { s.ignoreRange = true }},
		{"ignores Range, no length, no ETag", text, func(s *store) { s.ignoreRange, s.chunked, s.noETag = true, true, true }},
	} {
		t.Run(variant.name, func(t *testing.T) {
			s := &store{body: variant.body}
			variant.adjust(s)
			url, transport := serve(t, s)
			options := quick
			options.Transport = transport
			step := 1
			switch {
			case testing.Short():
				step = 17
			case s.ignoreRange || s.noETag: // each connection begins at the start
				step = 5
			}
			for k := 1; k <= len(s.body); k += step {
				s.requests.Store(0)
				// A server that starts over each time must get further each time.
				s.cut = func(connection int) int { return k * (connection + 1) }
				if !s.ignoreRange && !s.noETag {
					s.cut = func(int) int { return k }
				}
				algorithm := ""
				if s.body[0] == 0x1f {
					algorithm = "GZIP"
				}
				out, progress, err := fetch(t, at(url, algorithm), options)
				if err != nil || !bytes.Equal(out, text) {
					t.Fatalf("cut at every %d bytes: %v, %d bytes of %d, %+v", k, err, len(out), len(text), progress)
				}
				if progress.Wire != int64(len(s.body)) || progress.Connections != s.requests.Load() {
					t.Fatalf("cut at every %d bytes: %+v, want %d bytes over %d connections", k, progress, len(s.body), s.requests.Load())
				}
			}
		})
	}
}

// Every byte arrives, then the connection breaks instead of ending, or a byte before; with nothing more to say the store answers 416.
func TestCutAfterTheLastByte(t *testing.T) {
	text := noise(300)
	s := &store{body: text, chunked: true}
	aborted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "" {
			s.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Etag", `"etag-1"`)
		_, _ = w.Write(text)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	url, transport := serve(t, aborted)
	options := quick
	options.Transport = transport
	out, progress, err := fetch(t, at(url, ""), options)
	if err != nil || !bytes.Equal(out, text) || progress.Connections != 2 || progress.Total != int64(len(text)) {
		t.Errorf("%v, %d bytes, %+v", err, len(out), progress)
	}
}

func TestExpiredURL(t *testing.T) {
	text := noise(4000)
	packed := pack(text)
	s := &store{body: packed, cut: func(int) int { return 100 }}
	// Every URL is good for three requests.
	s.check = func(r *http.Request) bool {
		return r.URL.Query().Get("n") == strconv.FormatInt((s.requests.Load()-1)/3, 10)
	}
	url, transport := serve(t, s)
	options := quick
	options.Transport = transport
	resolved := 0
	out, progress, err := fetch(t, func(context.Context) (Location, error) {
		resolved++
		return Location{fmt.Sprintf("%s&n=%d", url, s.requests.Load()/3), "GZIP"}, nil
	}, options)
	if err != nil || !bytes.Equal(out, text) {
		t.Errorf("%v, %d bytes of %d", err, len(out), len(text))
	}
	if want := len(packed) / 300; resolved < want || progress.Connections <= int64(resolved) {
		t.Errorf("%d URLs were asked for in %+v, want at least %d", resolved, progress, want)
	}
}

func TestExpiredFormsAndRefusals(t *testing.T) {
	for _, test := range []struct {
		name     string
		status   int
		body     string
		resolves int // 1: the refusal is final
	}{
		{"URL expired", 403, expiredBody, 4},
		{"session expired", 400, "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message><Token-0>SECRET</Token-0></Error>", 4},
		{"session expired, as 403", 403, "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>", 4},
		{"signature", 403, "<Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match.</Message><StringToSign>SECRET</StringToSign></Error>", 1},
		{"denied", 403, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", 1},
		{"gone", 404, "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>", 1},
		{"a page", 403, "<html>SECRET</html>", 1},
		{"empty", 410, "", 1},
		{"range out of nowhere", 416, "", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			url, transport := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Amz-Request-Id", "REQ1")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			resolves := 0
			options := quick
			options.Transport = transport
			_, _, err := fetch(t, func(context.Context) (Location, error) { resolves++; return Location{url, "GZIP"}, nil }, options)
			var refused *FetchError
			if !errors.As(err, &refused) || refused.StatusCode != test.status || refused.RequestID != "REQ1" {
				t.Fatalf("%v", err)
			}
			if resolves != test.resolves {
				t.Errorf("%d URLs asked for, want %d", resolves, test.resolves)
			}
			if strings.Contains(err.Error(), "SECRET") {
				t.Errorf("shows a secret: %v", err)
			}
		})
	}
}

func TestErrorsHideTheURL(t *testing.T) {
	refuse := errors.New("connection refused")
	options := quick
	options.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return nil, refuse })
	for _, url := range []string{"https://bucket.example/doc?X-Amz-Signature=SECRET", "https://bucket.example/SECRET\x7f", "SECRET", "ftp://SECRET/"} {
		_, _, err := fetch(t, at(url, ""), options)
		if err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: %v", url, err)
		}
	}
	_, _, err := fetch(t, at("https://bucket.example/doc?SECRET", ""), options)
	if !errors.Is(err, refuse) || !strings.Contains(err.Error(), "bucket.example") || !strings.Contains(err.Error(), "8 attempts") {
		t.Errorf("%v", err)
	}
	if s := fmt.Sprintf("%v %+v %#v", Location{"https://h/?SECRET", "GZIP"}, Location{"https://h/?SECRET", ""}, Location{"https://h/?SECRET", ""}); strings.Contains(s, "SECRET") {
		t.Error(s)
	}
}

func TestRedirect(t *testing.T) {
	text := noise(100)
	plain := &store{body: text}
	target, transport := serve(t, plain)
	hop, _ := serve(t, http.RedirectHandler(target, http.StatusTemporaryRedirect))
	options := quick
	options.Transport = transport
	if out, _, err := fetch(t, at(hop, ""), options); err != nil || !bytes.Equal(out, text) {
		t.Errorf("%v, %q", err, out)
	}
	asked := 0
	options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		asked++
		return &http.Response{StatusCode: 307, Header: http.Header{"Location": {"http://elsewhere/SECRET"}}, Body: http.NoBody, Request: r}, nil
	})
	_, _, err := fetch(t, at("https://bucket/doc?SECRET", ""), options)
	if !errors.Is(err, errRedirect) || asked != 1 || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%v after %d requests", err, asked)
	}
}

func TestResolveError(t *testing.T) {
	quota := errors.New("quota")
	_, _, err := fetch(t, func(context.Context) (Location, error) { return Location{}, quota }, quick)
	if !errors.Is(err, quota) {
		t.Error(err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is a response as a transport gives it; a length below 0 is unknown.
func answer(body io.Reader, length int64, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: 200, Header: h, ContentLength: length, Body: io.NopCloser(body)}
}

func TestGzipExactlyOnce(t *testing.T) {
	text := []byte("order-id\tsku\n1\tA\n")
	for _, test := range []struct {
		name       string
		body       []byte
		algorithm  string
		encoding   string
		unzipped   bool // by the transport
		want       []byte
		wantErr    bool
		noResponse bool
	}{
		{name: "declared by SP-API", body: pack(text), algorithm: "GZIP", want: text},
		{name: "declared in lower case", body: pack(text), algorithm: "gzip", want: text},
		{name: "declared by S3, not unzipped", body: pack(text), encoding: "gzip", want: text},
		{name: "declared by S3, unzipped by the transport", body: text, unzipped: true, want: text},
		{name: "declared by both, packed once", body: pack(text), algorithm: "GZIP", encoding: "gzip", want: text},
		{name: "declared by both, unzipped by the transport", body: text, algorithm: "GZIP", unzipped: true, want: text},
		{name: "declared by both, packed twice", body: pack(pack(text)), algorithm: "GZIP", encoding: "gzip", want: text},
		{name: "packed twice, one unzipped by the transport", body: pack(text), algorithm: "GZIP", unzipped: true, want: text},
		{name: "packed twice, declared once", body: pack(pack(text)), algorithm: "GZIP", want: pack(text)},
		{name: "declared, but plain", body: text, algorithm: "GZIP", encoding: "gzip", want: text},
		{name: "declared by nobody", body: pack(text), want: text},
		{name: "plain", body: text, want: text},
		{name: "two members", body: append(pack(text), pack(text)...), algorithm: "GZIP", want: append(append([]byte{}, text...), text...)},
		{name: "empty, declared", algorithm: "GZIP", want: []byte{}},
		{name: "empty inside", body: pack(nil), algorithm: "GZIP", want: []byte{}},
		{name: "empty", want: []byte{}},
		{name: "one byte", body: []byte("x"), algorithm: "GZIP", want: []byte("x")},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := quick
			options.Binary = true
			options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				if got := r.Header.Get("Accept-Encoding"); got != "identity" {
					t.Errorf("Accept-Encoding %q", got)
				}
				length := int64(len(test.body))
				if test.unzipped {
					length = -1
				}
				resp := answer(iotest.OneByteReader(bytes.NewReader(test.body)), length, "Content-Encoding", test.encoding)
				resp.Uncompressed = test.unzipped
				return resp, nil
			})
			out, _, err := fetch(t, at("https://bucket/doc", test.algorithm), options)
			if err != nil || !bytes.Equal(out, test.want) {
				t.Errorf("%v, %q, want %q", err, out, test.want)
			}
		})
	}
}

// A transport that unzips by itself counts other bytes than the store: there is no resuming by Range.
func TestUnzippingTransportIsCut(t *testing.T) {
	text := noise(3000)
	requests := 0
	options := quick
	options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		requests++
		if r.Header.Get("Range") != "" {
			t.Error("Range asked for in the wrong bytes")
		}
		body := io.Reader(bytes.NewReader(text))
		if requests < 4 {
			body = io.MultiReader(bytes.NewReader(text[:700*requests]), iotest.ErrReader(io.ErrUnexpectedEOF))
		}
		resp := answer(body, -1, "Etag", `"a"`)
		resp.Uncompressed = true
		return resp, nil
	})
	out, _, err := fetch(t, at("https://bucket/doc", "GZIP"), options)
	if err != nil || !bytes.Equal(out, text) || requests != 4 {
		t.Errorf("%v, %d bytes, %d requests", err, len(out), requests)
	}
}

func TestDamage(t *testing.T) {
	text := noise(2000)
	packed := pack(text)
	damaged := bytes.Clone(packed)
	damaged[len(damaged)-6] ^= 1 // in the checksum
	flipped := bytes.Clone(packed)
	flipped[len(flipped)/2] ^= 0x55
	for _, test := range []struct {
		name   string
		body   []byte
		length int64
		want   any
	}{
		{"cut, no length", packed[:len(packed)-9], -1, new(*TruncatedError)},
		{"cut in the trailer", packed[:len(packed)-3], -1, new(*TruncatedError)},
		{"cut in the header", packed[:2], -1, new(*TruncatedError)},
		{"cut after one byte", packed[:1], -1, new(*TruncatedError)},
		{"length too small", packed[:len(packed)-9], int64(len(packed) - 9), new(*TruncatedError)},
		{"wrong checksum", damaged, int64(len(packed)), new(*CorruptError)},
		{"damaged data", flipped, int64(len(packed)), new(*CorruptError)},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := quick
			options.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
				return answer(bytes.NewReader(test.body), test.length), nil
			})
			out, _, err := fetch(t, at("https://bucket/doc", "GZIP"), options)
			if !errors.As(err, test.want) {
				t.Errorf("%T %v", err, err)
			}
			if errors.Is(err, io.EOF) {
				t.Error("looks like the end")
			}
			if test.name == "cut, no length" && !bytes.HasPrefix(text, out) {
				t.Error("what came before is not a prefix")
			}
		})
	}
}

// A length that is larger than the document: the store itself says where it ends.
func TestLengthTooLarge(t *testing.T) {
	for _, text := range [][]byte{noise(500), pack(noise(500))} {
		s := &store{body: text}
		requests := 0
		options := quick
		options.Binary = true
		options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if requests++; requests == 1 {
				return answer(bytes.NewReader(text), int64(len(text)+10), "Etag", `"etag-1"`), nil
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w.Result(), nil
		})
		out, progress, err := fetch(t, at("https://bucket/doc", ""), options)
		if err != nil || !bytes.Equal(out, noise(500)) || progress.Total != int64(len(text)) {
			t.Errorf("%v, %d bytes, %+v", err, len(out), progress)
		}
	}
}

func TestNeverWhole(t *testing.T) {
	options := quick
	requests := 0
	options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		requests++
		return answer(strings.NewReader("half"), 8, "Etag", `"a"`), nil // ignores Range, ends early each time
	})
	out, _, err := fetch(t, at("https://bucket/doc", ""), options)
	var cut *TruncatedError
	if !errors.As(err, &cut) || cut.Have != 4 || cut.Want != 8 || string(out) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, %q", err, out)
	}
	if requests != 8 {
		t.Errorf("%d requests", requests)
	}
}

// After a cut only the rest of the very same document is taken, or one that begins with what was read; half of one and half of another never come together.
func TestChanged(t *testing.T) {
	text := noise(1000)
	other := bytes.ToUpper(text)
	longer := append(bytes.Clone(text), "more\n"...)
	whole := func(body []byte, headers ...string) func() *http.Response {
		return func() *http.Response { return answer(bytes.NewReader(body), int64(len(body)), headers...) }
	}
	part := func(body []byte, contentRange string, headers ...string) func() *http.Response {
		return func() *http.Response {
			resp := answer(bytes.NewReader(body), int64(len(body)), append(headers, "Content-Range", contentRange)...)
			resp.StatusCode = http.StatusPartialContent
			return resp
		}
	}
	const old, date, later = "Mon, 02 Mar 2026 10:00:00 GMT", "Mon, 02 Mar 2026 10:01:00 GMT", "Mon, 02 Mar 2026 10:00:59 GMT"
	for name, c := range map[string]struct {
		first   []string // headers of the first answer, 600 bytes of 1000
		ifRange string   // of the second request; "": it asks for all
		second  func() *http.Response
		third   func() *http.Response // asks for all, if there is one
		want    []byte                // nil: ErrChanged
	}{
		"the rest":                           {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: part(text[600:], "bytes 600-999/1000", "Etag", `"a"`), want: text},
		"the rest, its size unsaid":          {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: part(text[600:], "bytes 600-999/*", "Etag", `"a"`), want: text},
		"the rest of another":                {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: part(other[600:], "bytes 600-999/1000", "Etag", `"b"`), third: whole(other)},
		"the rest of who knows what":         {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: part(other[600:], "bytes 600-999/1000"), third: whole(other)},
		"the same after a rest without ETag": {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: part(text[600:], "bytes 600-999/1000"), third: whole(text), want: text},
		"the rest from elsewhere":            {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: part(text[500:], "bytes 500-999/1000", "Etag", `"a"`), third: whole(text), want: text},
		"the rest without Content-Range":     {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: part(text[600:], "", "Etag", `"a"`), third: whole(text), want: text},
		"the rest of another size":           {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: part(text[600:999], "bytes 600-998/999", "Etag", `"a"`), third: whole(text), want: text},
		"the rest in another coding":         {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: part(other[600:], "bytes 600-999/1000", "Etag", `"a"`, "Content-Encoding", "gzip"), third: whole(text), want: text},
		"nothing from there on":              {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: notThere, third: whole(text), want: text},
		"all of it in answer to Range":       {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: whole(text, "Etag", `"a"`), want: text},
		"another in answer to Range":         {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: whole(other, "Etag", `"b"`)},
		"another with the same ETag":         {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: whole(other, "Etag", `"a"`)},
		"the same with another ETag":         {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: whole(text, "Etag", `"b"`), want: text},
		"one that goes on longer":            {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: whole(longer, "Etag", `"b"`), want: longer},
		"one that is shorter":                {first: []string{"Etag", `"a"`}, ifRange: `"a"`, second: whole(text[:500], "Etag", `"b"`)},
		"a weak ETag":                        {first: []string{"Etag", `W/"a"`}, second: whole(text), want: text},
		"a weak ETag, another document":      {first: []string{"Etag", `W/"a"`}, second: whole(other, "Etag", `W/"a"`)},
		"no validator":                       {second: whole(text), want: text},
		"no validator, another document":     {second: whole(other)},
		"a time long ago":                    {first: []string{"Last-Modified", old, "Date", date}, ifRange: old, second: part(text[600:], "bytes 600-999/1000", "Last-Modified", old), want: text},
		"another time":                       {first: []string{"Last-Modified", old, "Date", date}, ifRange: old, second: part(text[600:], "bytes 600-999/1000", "Last-Modified", date), third: whole(other)},
		"a time just before":                 {first: []string{"Last-Modified", old, "Date", later}, second: whole(text), want: text},
		"a time, but who knows when":         {first: []string{"Last-Modified", old}, second: whole(text), want: text},
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			options := quick
			options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				ifRange, ranged := "", ""
				if requests++; requests == 2 && c.ifRange != "" {
					ifRange, ranged = c.ifRange, "bytes=600-"
				}
				if r.Header.Get("If-Range") != ifRange || r.Header.Get("Range") != ranged {
					t.Errorf("request %d has If-Range %q, Range %q", requests, r.Header.Get("If-Range"), r.Header.Get("Range"))
				}
				switch {
				case requests == 1:
					return answer(bytes.NewReader(text[:600]), int64(len(text)), c.first...), nil
				case requests == 2:
					return c.second(), nil
				case c.third == nil:
					t.Fatalf("%d requests", requests)
				}
				return c.third(), nil
			})
			out, _, err := fetch(t, at("https://bucket/doc", ""), options)
			if c.want == nil && !errors.Is(err, ErrChanged) || c.want != nil && (err != nil || !bytes.Equal(out, c.want)) {
				t.Errorf("%d bytes, %v", len(out), err)
			}
		})
	}
}

func notThere() *http.Response {
	resp := answer(strings.NewReader(""), 0, "Content-Range", "bytes */600")
	resp.StatusCode = http.StatusRequestedRangeNotSatisfiable
	return resp
}

// A fresh URL may lead to another object: what was read of the first doesn't go on with it.
func TestFreshURLOfAnotherObject(t *testing.T) {
	text := noise(1000)
	resolved := 0
	options := quick
	options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		switch {
		case r.URL.Path == "/1" && r.Header.Get("Range") == "":
			return answer(bytes.NewReader(text[:600]), 1000, "Etag", `"a"`), nil
		case r.URL.Path == "/1":
			resp := answer(strings.NewReader(expiredBody), -1)
			resp.StatusCode = http.StatusForbidden
			return resp, nil
		}
		return answer(bytes.NewReader(pack(text)), -1, "Etag", `"b"`), nil
	})
	out, _, err := fetch(t, func(context.Context) (Location, error) {
		resolved++
		return Location{URL: fmt.Sprintf("https://bucket/%d", resolved)}, nil
	}, options)
	if !errors.Is(err, ErrChanged) || resolved != 2 || !bytes.Equal(out, text[:600]) {
		t.Errorf("%d URLs, %d bytes, %v", resolved, len(out), err)
	}
}

// silence is the error of a transport that bounds how long an answer or its body may take, as one of another package has it.
type silence struct{}

func (silence) Error() string { return "nothing came for a minute" }
func (silence) Timeout() bool { return true }
func (silence) Unwrap() error { return context.DeadlineExceeded }

// A bound that the transport keeps is a cut as any other.
func TestTransportTimesOut(t *testing.T) {
	text := noise(1000)
	requests := 0
	options := quick
	options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		switch requests++; requests {
		case 1, 3:
			return nil, silence{}
		case 2:
			return answer(io.MultiReader(bytes.NewReader(text[:600]), iotest.ErrReader(silence{})), 1000, "Etag", `"a"`), nil
		}
		resp := answer(bytes.NewReader(text[600:]), 400, "Etag", `"a"`, "Content-Range", "bytes 600-999/1000")
		resp.StatusCode = http.StatusPartialContent
		return resp, nil
	})
	if out, _, err := fetch(t, at("https://bucket/doc", ""), options); err != nil || !bytes.Equal(out, text) || requests != 4 {
		t.Errorf("%d bytes after %d requests, %v", len(out), requests, err)
	}
}

// What is declared to be packed, and neither is gzip nor looks like a document, is damaged or packed in a way that is unknown; it is never text.
func TestPackingThatIsNone(t *testing.T) {
	text, zstd := "order-id\tsku\n1\tA\n", "\x28\xb5\x2f\xfd\x04\x00\x91\x00\x00order-id"
	for name, c := range map[string]struct {
		body, algorithm, encoding string
		want                      string
		err                       any
	}{
		"damage at the start":            {"\x00\x00" + string(pack([]byte(text)))[2:], "GZIP", "", "", new(*CorruptError)},
		"declared by the store alone":    {"\x1f\x8b\x07" + string(pack([]byte(text)))[3:], "", "gzip", "", new(*CorruptError)},
		"an unknown algorithm":           {zstd, "ZSTD", "", "", new(*CompressionError)},
		"an unknown coding":              {zstd, "", "zstd", "", new(*CompressionError)},
		"an unknown algorithm of text":   {text, "NONE", "", text, nil},
		"an unknown algorithm of gzip":   {string(pack([]byte(text))), "DEFLATE", "", text, nil},
		"a coding that is no packing":    {text, "", "aws-chunked, utf-8", text, nil},
		"declared, but UTF-16":           {"a\x00\t\x00b\x00\n\x00", "GZIP", "", "a\tb\n", nil},
		"declared, but marked as UTF-16": {"\xff\xfea\x00\n\x00", "GZIP", "", "a\n", nil},
		"declared, but a sheet":          {"PK\x03\x04\x00\x00", "GZIP", "", "PK\x03\x04\x00\x00", nil},
	} {
		options := quick
		options.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
			return answer(strings.NewReader(c.body), int64(len(c.body)), "Content-Encoding", c.encoding), nil
		})
		out, _, err := fetch(t, at("https://bucket/doc", c.algorithm), options)
		if c.err == nil && (err != nil || string(out) != c.want) || c.err != nil && !errors.As(err, c.err) {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := noise(100)
		var times []time.Time
		options := Options{MaxAttempts: 6}
		options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			times = append(times, time.Now())
			switch len(times) {
			case 1:
				return nil, errors.New("connection refused")
			case 2, 3, 4:
				resp := answer(strings.NewReader("<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"), -1)
				resp.StatusCode = 503
				return resp, nil
			}
			return answer(bytes.NewReader(text), int64(len(text))), nil
		})
		start := time.Now()
		if out, _, err := fetch(t, at("https://bucket/doc", ""), options); err != nil || !bytes.Equal(out, text) {
			t.Fatal(err)
		}
		if len(times) != 5 {
			t.Fatalf("%d attempts", len(times))
		}
		bound := 250 * time.Millisecond
		for i := 1; i < len(times); i++ {
			if pause := times[i].Sub(times[i-1]); pause > bound {
				t.Errorf("pause %d is %v, more than %v", i, pause, bound)
			}
			bound *= 2
		}
		if time.Since(start) == 0 {
			t.Error("no pause at all")
		}
	})
}

func TestTemporaryForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		options := Options{}
		options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			requests++
			resp := answer(strings.NewReader(""), 0)
			resp.StatusCode = 500
			return resp, nil
		})
		_, _, err := fetch(t, at("https://bucket/doc", ""), options)
		var refused *FetchError
		if !errors.As(err, &refused) || refused.StatusCode != 500 || requests != 8 {
			t.Errorf("%v after %d requests", err, requests)
		}
	})
}

// silent is a body from which nothing more comes until the request is given up.
type silent struct {
	io.Reader
	ctx context.Context
}

func (s silent) Read(p []byte) (int, error) {
	if n, err := s.Reader.Read(p); n > 0 || err != io.EOF {
		return n, err
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := noise(1000)
		requests := 0
		options := Options{}
		options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			switch requests++; requests {
			case 1: // never answers
				<-r.Context().Done()
				return nil, r.Context().Err()
			case 2:
				return answer(silent{bytes.NewReader(text[:400]), r.Context()}, 1000, "Etag", `"a"`), nil
			}
			resp := answer(bytes.NewReader(text[400:]), 600, "Etag", `"a"`, "Content-Range", "bytes 400-999/1000")
			resp.StatusCode = 206
			return resp, nil
		})
		start := time.Now()
		r, err := Open(t.Context(), at("https://bucket/doc", ""), options)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		head := make([]byte, 100)
		if _, err := io.ReadFull(r, head); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(append(head, rest...), text) {
			t.Errorf("%v, %d bytes", err, len(rest))
		}
		if d := time.Since(start); d < 2*time.Minute || d > 2*time.Minute+time.Second {
			t.Errorf("two stalls took %v", d)
		}
	})
}

func TestSlowReaderIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := noise(4 << 20)
		options := Options{}
		options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			return answer(&alive{bytes.NewReader(text), r.Context()}, int64(len(text))), nil
		})
		r, err := Open(t.Context(), at("https://bucket/doc", ""), options)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		time.Sleep(time.Hour)
		out, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(out, text) || r.Progress().Connections != 1 {
			t.Errorf("%v, %d bytes, %+v", err, len(out), r.Progress())
		}
	})
}

// alive is a body that ends with its request.
type alive struct {
	io.Reader
	ctx context.Context
}

func (a *alive) Read(p []byte) (int, error) {
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	return a.Reader.Read(p)
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		options := Options{}
		options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			return answer(silent{strings.NewReader("begun"), r.Context()}, 1000), nil
		})
		r, err := Open(ctx, at("https://bucket/doc", ""), options)
		if err != nil {
			t.Fatal(err)
		}
		enough := errors.New("enough")
		time.AfterFunc(time.Second, func() { cancel(enough) })
		if _, err = io.ReadAll(r); !errors.Is(err, enough) {
			t.Errorf("%v", err)
		}
		_ = r.Close()
		_ = r.Close()
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, enough) {
			t.Errorf("after close: %v", err)
		}
	})
	// Also while waiting for the next attempt.
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		options := Options{BaseDelay: time.Hour, MaxDelay: time.Hour, MaxAttempts: 100}
		options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) { return nil, errors.New("refused") })
		if _, err := Open(ctx, at("https://bucket/doc", ""), options); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestCloseEarly(t *testing.T) {
	s := &store{body: noise(5 << 20)}
	url, transport := serve(t, s)
	r, err := Open(t.Context(), at(url, ""), Options{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	_ = r.Close() // goleak sees what stays behind
	if _, err := r.Read(make([]byte, 10)); !errors.Is(err, errClosed) {
		t.Error(err)
	}
}

func TestReaderCharset(t *testing.T) {
	for _, test := range []struct{ contentType, fallback, body, want, charset string }{
		{"text/plain;charset=Cp1252", "", "Z\xfcrich", "Zürich", "windows-1252"},
		{"text/plain; charset=Shift_JIS", "", "\x93\xfa\x96\x7b", "日本", "Shift_JIS"},
		{"text/plain; charset=Cp1252", "", "Z\xc3\xbcrich", "Zürich", "UTF-8"},
		{`text/tab-separated-values; charset="windows-31j"`, "", "\x87\x40", "①", "Shift_JIS"},
		{"text/plain; charset=", "cp932", "\x93\xfa\x96\x7b", "日本", "Shift_JIS"},
		{"text/plain; charset=UTF-8", "windows-1252", "Caf\xe9 Se\xf1or", "Café Señor", "windows-1252"},
		{"text/plain; boundary; charset=UTF-8; x", "", "\xc3\xbc", "ü", "UTF-8"},
		{"", "windows-1252", "Z\xfcrich", "Zürich", "windows-1252"},
		{"", "", "Z\xfcrich", "Zürich", "windows-1252"},
	} {
		options := quick
		options.Charset = test.fallback
		options.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
			return answer(strings.NewReader(test.body), int64(len(test.body)), "Content-Type", test.contentType), nil
		})
		r, err := Open(t.Context(), at("https://bucket/doc", ""), options)
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(r)
		if err != nil || string(out) != test.want || r.Charset() != test.charset || r.Replaced() != 0 || r.ContentType() != test.contentType {
			t.Errorf("%q: %v, %q as %s, want %q as %s", test.contentType, err, out, r.Charset(), test.want, test.charset)
		}
		_ = r.Close()
	}
}

func FuzzGzip(f *testing.F) {
	text := noise(300)
	f.Add(pack(text), true)
	f.Add(pack(pack(text)), true)
	f.Add(text, true)
	f.Add(text, false)
	f.Add(pack(text)[:40], false)
	f.Add(append(pack(nil), "rest"...), true)
	f.Fuzz(func(t *testing.T, body []byte, declared bool) {
		algorithm := ""
		if declared {
			algorithm = "GZIP"
		}
		options := quick
		options.Binary = true
		options.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
			return answer(bytes.NewReader(body), int64(len(body))), nil
		})
		out, _, err := fetch(t, at("https://bucket/doc", algorithm), options)
		packed := len(body) >= 3 && body[0] == 0x1f && body[1] == 0x8b && body[2] == 8
		if _, damaged := errors.AsType[*CorruptError](err); damaged && declared && !packed && !looksUnpacked(body[:min(len(body), 64)]) {
			return
		}
		if !packed {
			if short := declared && len(body) > 0 && len(body) < 3 && body[0] == 0x1f; !short && (err != nil || !bytes.Equal(out, body)) {
				t.Fatalf("%v, %q became %q", err, body, out)
			}
			return
		}
		var want []byte
		zr, wantErr := stdgzip.NewReader(bytes.NewReader(body))
		if wantErr == nil {
			want, wantErr = io.ReadAll(zr)
		}
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(out, want) {
			t.Fatalf("%v, %d bytes; compress/gzip has %v, %d bytes", err, len(out), wantErr, len(want))
		}
	})
}

// trickle gives a few bytes at a time, with a pause before each, and is silent from some byte on.
type trickle struct {
	ctx   context.Context
	data  []byte
	pause time.Duration
	until int // bytes; then nothing comes any more
	done  int
}

func (s *trickle) Read(p []byte) (int, error) {
	wait := s.pause
	if s.done >= s.until {
		wait = 24 * time.Hour
	}
	if err := sleep(s.ctx, wait); err != nil {
		return 0, err
	}
	if s.done == len(s.data) {
		return 0, io.EOF
	}
	n := copy(p, s.data[s.done:min(s.done+100, s.until, len(s.data))])
	s.done += n
	return n, nil
}

// A store that ignores Range sends again what is there already. While that is passed over, a connection that brings something is no stall, however long
// it takes, and one that brings nothing is.
func TestStallWhileSkipping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := noise(1000)
		var log []time.Time
		options := Options{}
		options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			log = append(log, time.Now())
			switch len(log) {
			case 1: // breaks off after 600 bytes
				return answer(io.MultiReader(bytes.NewReader(text[:600]), iotest.ErrReader(io.ErrUnexpectedEOF)), 1000, "Etag", `"a"`), nil
			case 2: // falls silent while it sends those again
				return answer(&trickle{r.Context(), text, time.Second, 300, 0}, 1000, "Etag", `"a"`), nil
			}
			return answer(&trickle{r.Context(), text, 40 * time.Second, 1000, 0}, 1000, "Etag", `"a"`), nil
		})
		got, _, err := fetch(t, at("https://bucket/doc", ""), options)
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if len(log) != 3 {
			t.Fatalf("%d connections, want 3", len(log))
		}
		if silent := log[2].Sub(log[1]); silent < time.Minute || silent > 70*time.Second {
			t.Errorf("the silent connection was given up after %s, want a minute after its last byte", silent)
		}
	})
}

// Redirects end, and never lead from https to http.
func TestRedirectLimits(t *testing.T) {
	for name, c := range map[string]struct {
		to   string
		want int // requests
	}{
		"in a circle":  {"https://bucket/again", 5},
		"in the clear": {"http://bucket/again", 1},
	} {
		requests := 0
		options := quick
		options.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
			requests++
			resp := answer(strings.NewReader(""), 0, "Location", c.to)
			resp.StatusCode = http.StatusTemporaryRedirect
			return resp, nil
		})
		_, _, err := fetch(t, at("https://bucket/doc", ""), options)
		if !errors.Is(err, errRedirect) || requests != c.want {
			t.Errorf("%s: %d requests, %v", name, requests, err)
		}
	}
}

// What expires again and again is not asked for without end: three fresh URLs in a row, and reading begins the count anew.
func TestExpiredForEver(t *testing.T) {
	resolved := 0
	resolve := func(context.Context) (Location, error) {
		resolved++
		return Location{URL: "https://bucket/doc"}, nil
	}
	options := quick
	options.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
		resp := answer(strings.NewReader(expiredBody), -1)
		resp.StatusCode = http.StatusForbidden
		return resp, nil
	})
	_, _, err := fetch(t, resolve, options)
	if e, ok := errors.AsType[*FetchError](err); !ok || e.StatusCode != http.StatusForbidden || resolved != 1+maxExpired {
		t.Errorf("%d URLs, %v", resolved, err)
	}
}

func TestParseContentRange(t *testing.T) {
	for in, want := range map[string][3]int64{
		"bytes 7-99/100": {7, 100, 1}, "bytes 0-0/1": {0, 1, 1}, "bytes 7-99/*": {7, -1, 1}, "bytes */100": {-1, 100, 0}, "": {-1, -1, 0}, "bytes 7-99": {-1, -1, 0}, "bytes x-9/10": {-1, 10, 0},
	} {
		from, total, ok := parseContentRange(in)
		if from != want[0] || total != want[1] || ok != (want[2] == 1) {
			t.Errorf("%q: %d, %d, %v", in, from, total, ok)
		}
	}
}

// More bytes than were announced is no connection that broke: the next one would bring them too.
func TestLengthTooSmall(t *testing.T) {
	requests := 0
	options := quick
	options.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
		requests++
		return answer(strings.NewReader("twelve bytes"), 10), nil
	})
	_, _, err := fetch(t, at("https://bucket/doc", ""), options)
	if err == nil || !strings.Contains(err.Error(), "12 bytes came where 10 were announced") || requests != 1 {
		t.Errorf("%d requests, %v", requests, err)
	}
}

// TestAbandonedReaderEnds: what was opened and never closed ends with its context, and says so to who still reads.
func TestAbandonedReaderEnds(t *testing.T) {
	data := pack(make([]byte, 16<<20))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		sent := roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(data)), ContentLength: int64(len(data)), Request: r}, nil
		})
		r, err := Open(ctx, at("https://store.example/x", "GZIP"), Options{Transport: sent})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // its buffers are full
		gone := errors.New("gone")
		cancel(gone)
		synctest.Wait()
		if _, err := io.Copy(io.Discard, r); err != gone {
			t.Errorf("reading on: %v", err)
		}
	}) // which fails if a goroutine is left
}

// TestWhatFollowsGzip: more members are more text; anything else is no truncation, for all came.
func TestWhatFollowsGzip(t *testing.T) {
	data := pack([]byte("a\tb\n"))
	for name, c := range map[string]struct {
		behind    string
		want      string
		corrupt   bool
		truncated bool
	}{
		"nothing":          {"", "a\tb\n", false, false},
		"another member":   {string(data), "a\tb\na\tb\n", false, false},
		"little text":      {"end", "a\tb\n", true, false},
		"text":             {"this is the end of the file", "a\tb\n", true, false},
		"zeros":            {strings.Repeat("\x00", 512), "a\tb\n", true, false},
		"half a header":    {string(data[:5]), "a\tb\n", false, true},
		"a byte of one":    {string(data[:1]), "a\tb\n", false, true},
		"half of a member": {string(data[:len(data)-4]), "a\tb\na\tb\n", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			body := append(bytes.Clone(data), c.behind...)
			sent := roundTripper(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
			})
			got, _, err := fetch(t, at("https://store.example/x", "GZIP"), Options{Transport: sent})
			_, corrupt := errors.AsType[*CorruptError](err)
			_, truncated := errors.AsType[*TruncatedError](err)
			if string(got) != c.want || corrupt != c.corrupt || truncated != c.truncated || (err != nil) != (corrupt || truncated) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
