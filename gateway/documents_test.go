package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// documentURL asks for the address of a report's document.
func (h *handed) documentURL(key, id string, headers ...string) string {
	h.t.Helper()
	w := h.as(key, "GET", reportDocument+id, "", headers...)
	if w.Code != 200 {
		h.t.Fatalf("getReportDocument: %d %s", w.Code, w.Body)
	}
	return field[string](h.t, w.Body.Bytes(), "url")
}

// The address is the gateway's: it needs no key, shows nothing, and gives what lies at S3, byte for byte.
func TestDocument(t *testing.T) {
	h := newHanded(t)
	_, id := h.makeReport(plainReport)
	direct := h.documentURL("reader", id, headerDocuments, "direct")
	u, _ := url.Parse(direct)
	if !strings.HasSuffix(u.Host, ".amazonaws.com") {
		t.Fatalf("direct: %s", u.Host)
	}
	req, _ := http.NewRequest("GET", direct, nil)
	res, err := h.emu.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	address := h.documentURL("reader", id)
	if !strings.HasPrefix(address, "http://127.0.0.1:8484"+documentPath) || strings.Contains(address, "amazonaws") || len(address) > 4096 {
		t.Fatal(address)
	}
	w := h.do("GET", address, "")
	if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), want) || w.Header().Get("Content-Type") != res.Header.Get("Content-Type") ||
		w.Header().Get("Content-Length") != strconv.Itoa(len(want)) || w.Header().Get("Etag") != res.Header.Get("Etag") {
		t.Errorf("%d %v, %d bytes of %d", w.Code, w.Header(), w.Body.Len(), len(want))
	}
	w = h.do("HEAD", address, "")
	if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != strconv.Itoa(len(want)) {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
	w = h.do("GET", address, "", "Range", "bytes=10-19")
	if w.Code != 206 || !bytes.Equal(w.Body.Bytes(), want[10:20]) || w.Header().Get("Content-Range") != fmt.Sprintf("bytes 10-19/%d", len(want)) {
		t.Errorf("Range: %d %q %v", w.Code, w.Body, w.Header())
	}
	w = h.do("GET", address, "", "If-None-Match", res.Header.Get("Etag"))
	if w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("If-None-Match: %d %q", w.Code, w.Body)
	}
	wants(t, h.do("GET", address, "", "Range", "bytes=99999999-"), 416, "InvalidRange")
	wants(t, h.do("PUT", address, "x"), 405, "MethodNotAllowed")
	for _, name := range []string{"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "Set-Cookie"} {
		if v := w.Header().Get(name); v != "" {
			t.Errorf("%s: %s", name, v)
		}
	}
	signature := u.Query().Get("X-Amz-Signature")
	_ = h.g.Close()
	records := h.audit.of(reportDocumentOperation + "/document")
	if len(records) == 0 || records[0].Caller != "reader" || records[0].Account != "shop" || records[0].PersonalData || records[0].Status != 200 {
		t.Errorf("the audit has %+v", records)
	}
	if told := h.tells(); signature == "" || strings.Contains(told, signature) || strings.Contains(told, "X-Amz") || strings.Contains(told, address[len(address)-40:]) {
		t.Error("an address is in the log, the audit or the metrics")
	}
}

// An address ends with Amazon's, with its key, with the key's scope, and while caller or account are blocked.
func TestDocumentAddressEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(h *handed)
		says string
	}{
		"when Amazon's ends": {func(h *handed) { h.emu.Advance(5 * time.Minute) }, "Request has expired"},
		"with its key":       {func(h *handed) { h.revoke("reader") }, "AccessDenied"},
		"with the scope": {func(h *handed) {
			_ = h.state.Update(h.t.Context(), func(r *Records) error {
				for i := range r.Keys {
					r.Keys[i].Scope.Operations = []string{"ordersv0.getOrders"}
				}
				return nil
			})
			h.reload()
		}, "does not open"},
		"while the caller is blocked": {func(h *handed) {
			_ = h.state.Update(h.t.Context(), func(r *Records) error { r.Blocks = []Block{{Caller: "reader"}}; return nil })
			h.reload()
		}, "AccessDenied"},
		"while the account is blocked": {func(h *handed) {
			_ = h.state.Update(h.t.Context(), func(r *Records) error { r.Blocks = []Block{{Account: "shop"}}; return nil })
			h.reload()
		}, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHanded(t)
			_, id := h.makeReport(plainReport)
			address := h.documentURL("reader", id)
			wants(t, h.do("GET", address, ""), 200, "")
			c.end(h)
			w := h.do("GET", address, "")
			wants(t, w, 403, c.says)
			if w.Header().Get("Content-Type") != "application/xml" || !strings.Contains(w.Body.String(), "<Code>AccessDenied</Code>") {
				t.Errorf("not as S3 says it: %s", w.Body)
			}
			wants(t, h.do("GET", address, "", "Range", "bytes=0-1"), 403, c.says)
			wants(t, h.do("GET", address+"?decode=csv", ""), 403, c.says)
		})
	}
}

// The kill switch ends what is under way, too.
func TestDocumentUnderWayEnds(t *testing.T) {
	reading := make(chan struct{})
	h := newHanded(t, through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if !strings.HasSuffix(r.URL.Host, ".amazonaws.com") {
			return next.RoundTrip(r)
		}
		res := answers(r, 200, "")
		res.ContentLength = 1 << 20
		res.Body = io.NopCloser(io.MultiReader(strings.NewReader("begun"), &waitingReader{r.Context(), reading}))
		return res, nil
	}))
	_, id := h.makeReport(plainReport)
	address := h.documentURL("reader", id)
	got := make(chan int, 1)
	go func() { got <- h.do("GET", address, "").Code }()
	<-reading
	h.revoke("reader")
	if code := <-got; code != -1 {
		t.Errorf("%d", code)
	}
}

// waitingReader tells that it is read, and gives nothing until its request ends.
type waitingReader struct {
	ctx     context.Context
	reading chan<- struct{}
}

func (r *waitingReader) Read([]byte) (int, error) {
	close(r.reading)
	<-r.ctx.Done()
	return 0, context.Cause(r.ctx)
}

// A header can't make another account's of an address, nor of a token.
func TestAccountHeaderChangesNothing(t *testing.T) {
	h := newHanded(t)
	_, id := h.makeReport(plainReport)
	address := h.documentURL("clerk", id)
	wants(t, h.do("GET", address, "", headerAccount, "other"), 403, "another account")
	wants(t, h.do("GET", address, "", headerAccount, "shop"), 200, "")
	form := url.Values{"grant_type": {"refresh_token"}, "client_secret": {h.keys["clerk"]}, "refresh_token": {"shop"}}
	wants(t, h.do("POST", tokenEndpoint, form.Encode(), "Content-Type", "application/x-www-form-urlencoded", headerAccount, "other"), 400, "invalid_request")
}

// Addresses can't be guessed, made or bent.
func TestDocumentAddressIsSealed(t *testing.T) {
	h := newHanded(t)
	_, id := h.makeReport(plainReport)
	address := h.documentURL("reader", id)
	box := address[strings.LastIndex(address, "/")+1:]
	foreign, _ := sealerOf(t, 9).seal(forDocument, address_(h))
	token := strings.TrimPrefix(h.login("reader", "shop"), accessPrefix)
	for name, path := range map[string]string{
		"none":             documentPath,
		"a word":           documentPath + "report",
		"Amazon's own id":  documentPath + id,
		"cut":              documentPath + box[:len(box)-4],
		"changed":          documentPath + box[:30] + "AAAA" + box[34:],
		"something behind": documentPath + box + "/x",
		"dots":             documentPath + box + "/..",
		"another secret":   documentPath + foreign,
		"a token":          documentPath + token,
		"an address":       documentPath + url.PathEscape("http://169.254.169.254/"),
		"huge":             documentPath + strings.Repeat("A", 100_000),
		"escaped":          documentPath + "%" + fmt.Sprintf("%02x", box[0]) + box[1:] + "%0a",
	} {
		if w := h.do("GET", path, ""); w.Code == 200 || w.Code/100 == 5 {
			t.Errorf("%s: %d %.200s", name, w.Code, w.Body)
		}
	}
}

func address_(h *handed) address {
	return address{Account: "shop", Operation: reportDocumentOperation, Method: "GET", URL: "http://127.0.0.1:1/", Expires: h.emu.Now().Add(time.Hour)}
}

// Even who could seal an address gets no further than S3.
func TestDocumentHosts(t *testing.T) {
	hits := 0
	h := newHanded(t, through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		switch {
		case r.URL.Host == "redirects.s3.amazonaws.com":
			return answers(r, 307, "", "Location", r.URL.Query().Get("to")), nil
		case strings.HasPrefix(r.URL.Path, "/inside"):
			hits++
			return answers(r, 200, "secret"), nil
		}
		return next.RoundTrip(r)
	}))
	key, _ := h.state.Load(t.Context())
	seal := func(amazon string) string {
		a := address_(h)
		a.Key, a.URL = key.Keys[0].ID, amazon
		box, err := h.g.sealer.seal(forDocument, a)
		if err != nil {
			t.Fatal(err)
		}
		return documentPath + box
	}
	for _, target := range []string{
		"http://127.0.0.1/inside", "https://127.0.0.1/inside", "http://169.254.169.254/inside", "http://bucket.s3.amazonaws.com/inside", "https://amazonaws.com/inside",
		"https://s3.amazonaws.com.evil.example/inside", "https://evil.example/inside?x=.s3.amazonaws.com", "https://bucket.s3.amazonaws.com:8443/inside",
		"https://sts.amazonaws.com/inside", "https://x.s3evil.amazonaws.com/inside", "https://u:p@bucket.s3.amazonaws.com/inside", "file:///inside", "//bucket.s3.amazonaws.com/inside",
		"https://sellingpartnerapi-na.amazon.com/inside",
		"https://redirects.s3.amazonaws.com/?to=" + url.QueryEscape("https://169.254.169.254/inside"), "https://redirects.s3.amazonaws.com/?to=" + url.QueryEscape("http://bucket.s3.amazonaws.com/inside"),
	} {
		for _, headers := range [][]string{{"Range", "bytes=0-1"}, nil}[:2-strings.Count(target, "169.254.169.254%2F")] {
			if w := h.do("GET", seal(target), "", headers...); w.Code < 300 || hits != 0 || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%s %v: %d %s", target, headers, w.Code, w.Body)
			}
		}
	}
	for _, target := range []string{"https://bucket.s3.amazonaws.com/inside", "https://bucket.s3-eu-west-1.amazonaws.com/inside", "https://a.b.s3.us-west-2.amazonaws.com:443/inside"} {
		if w := h.do("GET", seal(target), ""); w.Code != 200 {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

// What Amazon gives out at other hosts stays Amazon's.
func TestForeignDocumentAddressStays(t *testing.T) {
	var c reached
	h := newHanded(t, c.option(`{"reportDocumentId":"x","url":"https://elsewhere.example/x"}`))
	h.g.reports.put("shop", "x", report{Type: plainReport})
	if got := h.documentURL("reader", "x"); got != "https://elsewhere.example/x" {
		t.Error(got)
	}
}

// S3's errors go on, without what they echo of the signature.
func TestDocumentErrorsOfTheStore(t *testing.T) {
	h := newHanded(t, through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Host, ".amazonaws.com") {
			return answers(r, 403, `<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match</Message>`+
				`<AWSAccessKeyId>AKIACANARY</AWSAccessKeyId><StringToSign>canary</StringToSign><CanonicalRequest>canary</CanonicalRequest><RequestId>R1</RequestId></Error>`, "Content-Type", "application/xml"), nil
		}
		return next.RoundTrip(r)
	}))
	_, id := h.makeReport(plainReport)
	for _, headers := range [][]string{nil, {"Range", "bytes=0-1"}} {
		w := h.do("GET", h.documentURL("reader", id), "", headers...)
		wants(t, w, 403, "<Code>SignatureDoesNotMatch</Code>")
		if strings.Contains(strings.ToLower(w.Body.String()), "canary") {
			t.Error(w.Body)
		}
	}
}

// A feed goes up as it would go to S3: with the content type that was signed, and a length.
func TestUpload(t *testing.T) {
	h := newHanded(t)
	made := h.as("writer", "POST", "/feeds/2021-06-30/documents", `{"contentType":"text/xml; charset=UTF-8"}`, "Content-Type", "application/json")
	wants(t, made, 201, "feedDocumentId")
	address := field[string](t, made.Body.Bytes(), "url")
	if !strings.Contains(address, documentPath) {
		t.Fatal(address)
	}
	wants(t, h.do("PUT", address, "<x/>", "Content-Type", "text/plain"), 403, "SignatureDoesNotMatch")
	wants(t, h.do("GET", address, ""), 405, "MethodNotAllowed")
	r := httptest.NewRequest("PUT", address, struct{ io.Reader }{strings.NewReader("<x/>")})
	r.RequestURI, r.ContentLength, r.RemoteAddr = "", -1, "127.0.0.1:1"
	w := httptest.NewRecorder()
	h.g.ServeHTTP(w, r)
	wants(t, w, 411, "MissingContentLength")
	// What a client adds for SP-API must not go to S3, which would refuse it.
	wants(t, h.do("PUT", address, "<x/>", "Content-Type", "text/xml; charset=UTF-8", "x-amz-access-token", h.keys["writer"], "Authorization", "Bearer "+h.keys["writer"], "X-Amz-Meta-X", "y"), 200, "")
	records := h.audit.of("feeds20210630.createFeedDocument/document")
	if len(records) == 0 || !records[len(records)-1].Write || records[len(records)-1].Status != 200 {
		t.Errorf("the audit has %+v", records)
	}
	if told := h.tells(); strings.Contains(told, h.keys["writer"]) || strings.Contains(told, "X-Amz-Sig") {
		t.Error("a secret is in the log or the audit")
	}
}

func TestUploadTooLarge(t *testing.T) {
	h := newHanded(t)
	made := h.as("writer", "POST", "/feeds/2021-06-30/documents", `{"contentType":"text/plain"}`, "Content-Type", "application/json")
	r := httptest.NewRequest("PUT", field[string](t, made.Body.Bytes(), "url"), http.NoBody)
	r.RequestURI, r.ContentLength, r.RemoteAddr = "", maxUpload+1, "127.0.0.1:1"
	w := httptest.NewRecorder()
	h.g.ServeHTTP(w, r)
	wants(t, w, 400, "EntityTooLarge")
}

// pattern is a document of any size, of which nothing is in memory.
type pattern struct{ at, size int64 }

const patternLine = "sku-00001\tB000000001\t1234.50\tsome words of a product's name\r\n"

func (p *pattern) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) && p.at < p.size {
		m := copy(b[n:], patternLine[p.at%int64(len(patternLine)):])
		m = int(min(int64(m), p.size-p.at))
		n, p.at = n+m, p.at+int64(m)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// bigStore answers for S3 with a document of that size, and takes uploads.
func bigStore(size int64, packed []byte) handedOption {
	return through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if !strings.HasSuffix(r.URL.Host, ".amazonaws.com") {
			return next.RoundTrip(r)
		}
		if r.Method == "PUT" {
			n, err := io.Copy(io.Discard, r.Body)
			if err != nil || n != size {
				return nil, fmt.Errorf("%d bytes: %w", n, err)
			}
			return answers(r, 200, ""), nil
		}
		res := answers(r, 200, "", "Content-Type", "text/plain; charset=UTF-8", "Etag", `"x"`)
		res.Body, res.ContentLength = io.NopCloser(&pattern{size: size}), size
		if packed != nil {
			res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(packed)), int64(len(packed))
		}
		return res, nil
	})
}

// heapSampler finds the most that lies in memory while f runs, beyond what lay there before: looked at after each piece, not by time.
type heapSampler struct {
	base, most uint64
	pieces     int
}

func newHeapSampler() *heapSampler {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return &heapSampler{base: m.HeapAlloc}
}

func (s *heapSampler) Write(p []byte) (int, error) {
	if s.pieces++; s.pieces%128 == 0 {
		s.look()
	}
	return len(p), nil
}

func (s *heapSampler) look() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > s.base {
		s.most = max(s.most, m.HeapAlloc-s.base)
	}
}

// maxDocumentHeap is the most that a document of any size may take, in bytes.
const maxDocumentHeap = 64 << 20

// A document of any size takes the same memory: through the gateway as it is, decoded, and up. Here it has some MiB; SPAPI_PROVE_DOCUMENT says how many.
func TestBigDocument(t *testing.T) {
	size := int64(24 << 20)
	if raceEnabled {
		size = 8 << 20
	}
	if mib, err := strconv.Atoi(os.Getenv("SPAPI_PROVE_DOCUMENT")); err == nil {
		size = int64(mib) << 20
	}
	for name, c := range map[string]struct {
		query string
		put   bool
	}{"as it is": {}, "utf-8": {query: "?decode=utf-8"}, "jsonl": {query: "?decode=jsonl"}, "csv": {query: "?decode=csv"}, "upload": {put: true}} {
		t.Run(name, func(t *testing.T) {
			h := newHanded(t, bigStore(size, nil))
			server := httptest.NewUnstartedServer(nil)
			server.Config = h.g.Server()
			server.Start()
			defer server.Close()
			var address string
			method, body := "GET", io.Reader(nil)
			if c.put {
				made := h.as("writer", "POST", "/feeds/2021-06-30/documents", `{"contentType":"text/plain"}`, "Content-Type", "application/json")
				address, method, body = field[string](t, made.Body.Bytes(), "url"), "PUT", &pattern{size: size}
			} else {
				_, id := h.makeReport(plainReport)
				address = h.documentURL("reader", id)
			}
			heap := newHeapSampler()
			if c.put {
				body = io.TeeReader(body, heap)
			}
			req, err := http.NewRequest(method, strings.Replace(address, "http://127.0.0.1:8484", server.URL, 1)+c.query, body)
			if err != nil {
				t.Fatal(err)
			}
			if c.put {
				req.ContentLength = size
				req.Header.Set("Content-Type", "text/plain")
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(heap, struct{ io.Reader }{res.Body})
			_ = res.Body.Close()
			heap.look()
			if err != nil || res.StatusCode != 200 || !c.put && c.query == "" && n != size || !c.put && n < size/2 {
				t.Fatalf("%d, %d bytes: %v", res.StatusCode, n, err)
			}
			t.Logf("%d MiB, at most %.1f MiB of heap", size>>20, float64(heap.most)/(1<<20))
			if bound := uint64(min(size, maxDocumentHeap)); heap.most > bound {
				t.Errorf("%d MiB take %d MiB of memory, want at most %d", size>>20, heap.most>>20, bound>>20)
			}
		})
	}
}

// A document that breaks off at S3 is fetched on from there, and one that can't be ends the caller's connection: it must not look whole.
func TestDocumentBreaksOff(t *testing.T) {
	const size = 1 << 20
	whole, _ := io.ReadAll(&pattern{size: size})
	for name, mends := range map[string]bool{"and goes on": true, "for good": false} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			h := newHanded(t, through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if !strings.HasSuffix(r.URL.Host, ".amazonaws.com") {
					return next.RoundTrip(r)
				}
				n := asked.Add(1)
				from := 0
				if spec := r.Header.Get("Range"); spec != "" {
					_, _ = fmt.Sscanf(spec, "bytes=%d-", &from)
				}
				res := answers(r, 200, "", "Etag", `"x"`)
				if from > 0 {
					res.StatusCode = 206
					res.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, size-1, size))
				}
				rest := whole[from:]
				res.ContentLength = int64(len(rest))
				switch {
				case n == 1:
					res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(rest[:size/2]), brokenReader{}))
				case !mends:
					return nil, errors.New("reset")
				default:
					res.Body = io.NopCloser(bytes.NewReader(rest))
				}
				return res, nil
			}))
			_, id := h.makeReport(plainReport)
			w := h.do("GET", h.documentURL("reader", id), "")
			if mends && (w.Code != 200 || !bytes.Equal(w.Body.Bytes(), whole)) || !mends && w.Code != -1 {
				t.Errorf("%d, %d bytes, asked %d times", w.Code, w.Body.Len(), asked.Load())
			}
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// When Amazon's URL has expired while a document is fetched, the gateway asks for another one.
func TestDocumentURLExpiresUnderWay(t *testing.T) {
	const size = 1 << 20
	whole, _ := io.ReadAll(&pattern{size: size})
	var asked atomic.Int32
	h := newHanded(t, through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if !strings.HasSuffix(r.URL.Host, ".amazonaws.com") {
			return next.RoundTrip(r)
		}
		switch asked.Add(1) {
		case 1:
			res := answers(r, 200, "", "Etag", `"x"`)
			res.ContentLength = size
			res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(whole[:size/2]), brokenReader{}))
			return res, nil
		case 2:
			return answers(r, 403, `<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>`), nil
		}
		res := answers(r, 206, "", "Etag", `"x"`, "Content-Range", fmt.Sprintf("bytes %d-%d/%d", size/2, size-1, size))
		res.ContentLength, res.Body = size/2, io.NopCloser(bytes.NewReader(whole[size/2:]))
		return res, nil
	}))
	_, id := h.makeReport(plainReport)
	w := h.do("GET", h.documentURL("reader", id), "")
	if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), whole) || asked.Load() != 3 {
		t.Errorf("%d, %d bytes, asked %d times", w.Code, w.Body.Len(), asked.Load())
	}
}

func packedBytes(t *testing.T, text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// store answers for S3, and for getReportDocument with its compression.
func store(body []byte, compression string, headers ...string) handedOption {
	return through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		switch {
		case strings.HasSuffix(r.URL.Host, ".amazonaws.com"):
			return answers(r, 200, string(body), headers...), nil
		case strings.HasPrefix(r.URL.Path, reportDocument):
			packed := ""
			if compression != "" {
				packed = `,"compressionAlgorithm":"` + compression + `"`
			}
			return answers(r, 200, `{"reportDocumentId":"x","url":"https://tortuga-prod-na.s3-external-1.amazonaws.com/x?X-Amz-Expires=300&X-Amz-Signature=canary"`+packed+`}`), nil
		}
		return next.RoundTrip(r)
	})
}

func TestDecode(t *testing.T) {
	const table = "sku\tprice\nä\t1,50\n\"x\t2\n"
	latin := strings.ReplaceAll(table, "ä", "\xe4")
	for _, c := range []struct {
		name, query, text, want, kind string
		packed                        bool
		status                        int
		headers                       []string
	}{
		{name: "text", query: "utf-8", text: table, want: table, kind: "text/plain; charset=utf-8", headers: []string{"Content-Type", "text/plain; charset=UTF-8"}},
		{name: "text in Cp1252", query: "utf-8", text: latin, want: table, kind: "text/plain; charset=utf-8", headers: []string{"Content-Type", "text/plain; charset=Cp1252"}},
		{name: "packed", query: "utf-8", text: latin, want: table, packed: true, headers: []string{"Content-Type", "text/plain; charset=Cp1252"}},
		{name: "rows as JSON", query: "jsonl", text: table, want: `{"sku":"ä","price":"1,50"}` + "\n" + `{"sku":"\"x","price":"2"}` + "\n", kind: "application/jsonl; charset=utf-8"},
		{name: "rows as JSON, packed", query: "jsonl", text: latin, want: `{"sku":"ä","price":"1,50"}` + "\n" + `{"sku":"\"x","price":"2"}` + "\n", packed: true},
		{name: "rows as CSV", query: "csv", text: table, want: "sku,price\r\nä,\"1,50\"\r\n\"\"\"x\",2\r\n", kind: "text/csv; charset=utf-8; header=present"},
		{name: "in upper case", query: "CSV", text: "a\tb\n1\t2\n", want: "a,b\r\n1,2\r\n"},
		{name: "empty", query: "jsonl", text: "", want: ""},
		{name: "another word", query: "xml", text: table, want: "want utf-8, jsonl or csv", status: 400},
		{name: "no table", query: "csv", text: `{"a":1}`, want: "not as a table", status: 422},
		{name: "JSON as text", query: "utf-8", text: `{"a":1}`, want: `{"a":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, compression := []byte(c.text), ""
			if c.packed {
				body, compression = packedBytes(t, c.text), "GZIP"
			}
			h := newHanded(t, store(body, compression, c.headers...))
			h.g.reports.put("shop", "x", report{Type: plainReport, Marketplace: "A1PA6795UKMFR9"})
			w := h.as("reader", "GET", reportDocument+"x", "")
			if got := field[string](t, w.Body.Bytes(), "compressionAlgorithm"); got != compression {
				t.Errorf("compressionAlgorithm %q", got)
			}
			address := field[string](t, w.Body.Bytes(), "url")
			w = h.do("GET", address+"?decode="+c.query, "")
			if c.status == 0 {
				c.status = 200
				if w.Body.String() != c.want {
					t.Errorf("%q, want %q", w.Body, c.want)
				}
			}
			wants(t, w, c.status, c.want)
			if c.kind != "" && w.Header().Get("Content-Type") != c.kind {
				t.Errorf("Content-Type %s, want %s", w.Header().Get("Content-Type"), c.kind)
			}
			if w = h.do("GET", address, ""); !bytes.Equal(w.Body.Bytes(), body) {
				t.Error("as it is it isn't as it lies there")
			}
			if w = h.do("HEAD", address+"?decode="+c.query, ""); w.Code != c.status || w.Body.Len() != 0 {
				t.Errorf("HEAD: %d %q", w.Code, w.Body)
			}
		})
	}
}

// Damage in the middle ends the connection, and at the beginning is told.
func TestDecodeOfDamaged(t *testing.T) {
	packed := packedBytes(t, strings.Repeat("Canary-"+patternLine, 20_000))
	packed[len(packed)-6] ^= 1 // its checksum
	h := newHanded(t, store(packed, "GZIP"))
	h.g.reports.put("shop", "x", report{Type: plainReport})
	address := h.documentURL("reader", "x")
	for _, as := range []string{"utf-8", "jsonl", "csv"} {
		if w := h.do("GET", address+"?decode="+as, ""); w.Code != -1 {
			t.Errorf("%s: %d, %d bytes", as, w.Code, w.Body.Len())
		}
	}
	h2 := newHanded(t, store([]byte("\x1f\x8b\x08 this is damaged from the start"), "GZIP"))
	h2.g.reports.put("shop", "x", report{Type: plainReport})
	if w := h2.do("GET", h2.documentURL("reader", "x")+"?decode=csv", ""); w.Code/100 == 2 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if told := h.tells() + h2.tells(); strings.Contains(told, "Canary") || strings.Contains(told, "canary") {
		t.Error("what a document holds, or its address, is in the log")
	}
}

// A restricted report's document is personal data all the way.
func TestRestrictedDocumentIsAudited(t *testing.T) {
	h := newHanded(t)
	_, id := h.makeReport(restrictedReport)
	address := h.documentURL("clerk", id)
	wants(t, h.do("GET", address+"?decode=jsonl", ""), 200, "{")
	_ = h.state.Update(t.Context(), func(r *Records) error {
		for i := range r.Keys {
			r.Keys[i].Scope.PersonalData = false
		}
		return nil
	})
	h.reload()
	wants(t, h.do("GET", address, ""), 403, "--personal-data")
	records := h.audit.of(reportDocumentOperation + "/document")
	if len(records) != 2 || !records[0].PersonalData || !records[1].PersonalData || records[1].Refused == "" {
		t.Errorf("the audit has %+v", records)
	}
}

// The audit can't be kept: personal data doesn't go out.
func TestDocumentWithoutAudit(t *testing.T) {
	broken := &brokenAudit{}
	h := newHanded(t, func(c *Config, _ *emulator.Emulator) { c.Audit = broken })
	_, id := h.makeReport(restrictedReport)
	address := h.documentURL("clerk", id)
	broken.failing.Store(true)
	wants(t, h.do("GET", address, ""), 503, "ServiceUnavailable")
}

type brokenAudit struct{ failing atomic.Bool }

func (a *brokenAudit) Append(context.Context, ...Record) error {
	if a.failing.Load() {
		return errors.New("disk full")
	}
	return nil
}
