package emulator

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// plainLinks are the addresses in answers that nobody answers for, by their beginnings, with why they may be there: a program that goes by an answer
// doesn't fetch them.
var plainLinks = map[string]string{
	"https://m.media-amazon.com/images/":    "pictures of products: data, shown by browsers",
	"https://m.media-amazon.com/documents/": "proofs of age that buyers have sent: data, shown by browsers",
	"https://www.amazon.":                   "pages of the store, for people",
	"https://www.swiship.com/track?id=":     "pages on which a shipment is followed, for people",
	"https://sellercentral.amazon.com/hz/":  "pages on which a seller asks for approval, for people",
	"http://json-schema.org/":               "names of JSON Schema's vocabularies, by which nothing is fetched",
	"https://json-schema.org/":              "names of JSON Schema's vocabularies, by which nothing is fetched",
	"https://schemas.amazon.com/":           "names of Amazon's vocabularies, by which nothing is fetched",
}

var linkPattern = regexp.MustCompile(`https?://[^\s"'<>\\]+`)

// TestNoAnswerLeadsAway asks every operation, at Amazon's hosts and at an address of the emulator's own, and follows each link of each answer, and of
// what is found there: the emulator answers for it, and nobody else.
func TestNoAnswerLeadsAway(t *testing.T) {
	for _, here := range []string{"", "http://127.0.0.1:8080"} {
		e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithoutLimits())
		if err != nil {
			t.Fatal(err)
		}
		followed, used := map[string]bool{}, map[string]bool{}
		var follow func(from string, body []byte)
		follow = func(from string, body []byte) {
			for _, link := range linkPattern.FindAllString(string(body), -1) {
				link = strings.ReplaceAll(link, "&amp;", "&")
				if followed[link] {
					continue
				}
				followed[link] = true
				plain := ""
				for beginning := range plainLinks {
					if strings.HasPrefix(link, beginning) {
						plain = beginning
					}
				}
				if plain != "" {
					used[plain] = true
					continue
				}
				u, err := url.Parse(link)
				if err != nil {
					t.Errorf("%s: %s: %v", from, link, err)
					continue
				}
				if here != "" && u.Scheme+"://"+u.Host != here {
					t.Errorf("%s, asked at %s: names %s", from, here, link)
					continue
				}
				resp, err := e.RoundTrip(&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}})
				if err != nil {
					t.Errorf("%s: %s: %v", from, link, err)
					continue
				}
				content, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				// A link for an upload takes no GET, and S3 says so.
				upload := resp.StatusCode == http.StatusForbidden && bytes.Contains(content, []byte("SignatureDoesNotMatch"))
				if resp.StatusCode != http.StatusOK && !upload {
					t.Errorf("%s: %s: %d %.200s", from, link, resp.StatusCode, content)
					continue
				}
				if strings.Contains(resp.Header.Get("Content-Type"), "json") {
					follow(from+", and its "+link, content)
				}
			}
		}
		ops := slices.Clone(catalog.Operations())
		slices.SortStableFunc(ops, func(a, b catalog.Operation) int { return rankOfRequest(&a) - rankOfRequest(&b) })
		handled := handledRequests(t, e)
		for i := range ops {
			op := &ops[i]
			list := handled[op.ID]
			if list == nil {
				list = []*http.Request{requestFor(t, e, op)}
			}
			for _, r := range list {
				if r.Header.Get("x-amz-access-token") == "" {
					r.Header.Set("x-amz-access-token", tokenFor(e, op))
				}
				if here != "" {
					r.URL.Scheme, r.URL.Host = "http", "127.0.0.1:8080"
					r.Host = r.URL.Host
				}
				rec := exchange.NewRecorder()
				e.ServeHTTP(rec, r)
				follow(op.ID, rec.Body.Bytes())
			}
		}
		if len(followed) < 100 {
			t.Errorf("%d links found", len(followed))
		}
		for beginning, why := range plainLinks {
			if !used[beginning] {
				t.Errorf("no answer names %s any more: %s", beginning, why)
			}
		}
		if here == "" {
			continue
		}
		for _, host := range []string{marketplace.NorthAmerica.Endpoint(), marketplace.NorthAmerica.SandboxEndpoint()} {
			for link := range followed {
				if strings.HasPrefix(link, host) {
					t.Errorf("asked at %s, an answer names %s", here, link)
				}
			}
		}
	}
}
