package feeds_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/feeds"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/marketplace"
)

// answering serves one processing report.
func answering(t testing.TB, report []byte, contentType string) *spapi.Client {
	t.Helper()
	rt := roundTripper(func(req *http.Request) (*http.Response, error) {
		body, header := string(report), http.Header{"Content-Type": {contentType}}
		switch {
		case strings.HasPrefix(req.URL.Path, "/auth/"):
			body, header = `{"access_token":"t","expires_in":3600}`, http.Header{"Content-Type": {"application/json"}}
		case strings.HasPrefix(req.URL.Path, "/feeds/2021-06-30/documents/"):
			body, header = `{"feedDocumentId":"d","url":"https://documents.example/report"}`, http.Header{"Content-Type": {"application/json"}}
		}
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req}, nil
	})
	return spapi.NewApp(spapi.Credentials{ClientID: "amzn1.application-oa2-client.a", ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.s")}, spapi.WithTransport(rt)).
		Client(spapi.Authorization{RefreshToken: spapi.NewSecret("Atzr|r"), Region: marketplace.NorthAmerica})
}

// Processing reports as they come: what they say is told whatever the language, and as far as they can be read.
func TestProcessingReports(t *testing.T) {
	type issue struct {
		message                int
		sku, order, item, code string
		severity               feeds.Severity
		text                   string
	}
	cases := map[string]struct {
		contentType                  string
		processed, accepted, invalid int
		issues                       []issue
		damaged                      bool
	}{
		"text-counts-only.txt": {"", 2, 0, 2, nil, false},
		"text-german.txt": {"text/plain;charset=Cp1252", 3, 1, 2, []issue{
			{1, "", "302-0000000-0000009", "44", "18028", "ERROR", "Die angegebene Sendungsnummer für Größe ist ungültig"},
			{2, "", "302-0000000-0000010", "45", "18029", "WARNING", "x"},
		}, false},
		"text-japanese-header.txt": {"text/plain;charset=Shift_JIS", 3, 1, 2, []issue{{1, "S-1", "", "", "8541", "ERROR", "説明"}}, false},
		"text-order-ids.txt":       {"", 2, 1, 1, []issue{{1, "", "902-0000000-0000001", "44", "18028", "ERROR", "The tracking number is not valid"}}, false},
		"text-line-end-in-message.txt": {"", 0, 0, 0, []issue{
			{0, "", "", "", "90012", "ERROR", "The required order-id field is missing from the file."},
			{0, "", "", "", "90061", "WARNING", "The <?xml version=\"1.0\"?>\n<AmazonEnvelope> heading is invalid."},
		}, false},
		"text-crlf-and-lf-in-message.txt": {"", 1045, 1043, 2, []issue{
			{7, "S-7", "", "", "8541", "ERROR", "first\nsecond\n\nthird\twith a tab"}, {8, "S-8", "", "", "5000", "WARNING", ""},
		}, false},
		"text-cr-only.txt":          {"", 2, 1, 1, []issue{{2, "S-2", "", "", "8541", "ERROR", "bad"}}, false},
		"text-unknown-language.txt": {"", 2, 1, 1, []issue{{1, "", "902-0000000-0000001", "44", "18028", "ERROR", "No valido"}}, false},
		"text-errors-counted.txt":   {"", 9, 5, 4, nil, false},
		"text-no-summary.txt":       {"", 0, 0, 0, []issue{{1, "S-1", "", "", "8541", "ERROR", "no summary"}}, false},
		"xml-stray-ampersand.xml": {"text/xml", 0, 0, 1, []issue{
			{0, "", "", "", "5001", "ERROR", `XML Parsing Fatal Error at Line 27, Column 1: Brand "A & B" <b> differs`}, {2, "S-9", "", "", "8008", "ERROR", "x"},
		}, false},
		"xml-control-character.xml": {"text/xml", 0, 0, 1, []issue{
			{0, "", "", "", "5001", "ERROR", "XML Parsing Fatal Error at Line 27, Column 1: bad \v char"}, {2, "S-9", "", "", "8008", "ERROR", "x"},
		}, false},
		"xml-quoted-tags.xml": {"text/xml", 3, 1, 2, []issue{
			{1, "S-1", "", "", "5001", "ERROR", `The <AmazonEnvelope> heading: "SKU" must end with "</SKU>", price < 5 & A` + "\v" + ` ]]> a & <SKU>b</SKU>`},
			{2, "", "902-0000000-0000001", "44", "8", "WARNING", "<b> R&D"},
		}, false},
		"xml-cut.xml":           {"text/xml", 2, 0, 2, []issue{{1, "", "", "", "5", "ERROR", "x"}, {2, "", "", "", "", "ERROR", ""}}, true},
		"json-counts-only.json": {"application/json", 5, 2, 3, nil, false},
		"json-odd-types.json": {"application/json", 5, 4, 1, []issue{
			{3, "12", "", "", "8541", "ERROR", "a \v b\nc"}, {0, "", "", "", "1", "ERROR", ""}, {0, "", "", "", "", "WARNING", "odd"},
		}, false},
		"json-cut.json": {"application/json", 0, 0, 0, []issue{{1, "S", "", "", "1", "ERROR", "m"}}, true},
	}
	files, err := filepath.Glob("testdata/results/*")
	if err != nil || len(files) != len(cases) {
		t.Fatalf("%d reports for %d cases, %v", len(files), len(cases), err)
	}
	for name, want := range cases {
		report, err := os.ReadFile("testdata/results/" + name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := feeds.Read(t.Context(), answering(t, report, want.contentType), &feeds.Feed{FeedID: "7", ResultFeedDocumentID: "d"})
		if want.damaged && (!errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasSuffix(err.Error(), "its end is missing: unexpected EOF")) {
			t.Errorf("%s: %v", name, err)
		}
		if damaged, ok := errors.AsType[*job.DocumentError](err); ok != want.damaged || ok && damaged.ID != "7" || !ok && err != nil || r == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []issue
		for _, i := range r.Issues {
			if i.FeedID != "7" {
				t.Errorf("%s: of feed %q", name, i.FeedID)
			}
			got = append(got, issue{i.MessageID, i.SKU, i.OrderID, i.OrderItemID, i.Code, i.Severity, i.Text})
		}
		if r.Processed != want.processed || r.Accepted != want.accepted || r.Invalid != want.invalid {
			t.Errorf("%s: processed %d, accepted %d, invalid %d", name, r.Processed, r.Accepted, r.Invalid)
		}
		if !slices.Equal(got, want.issues) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want.issues)
		}
		if r.OK() {
			t.Errorf("%s passes for done", name)
		}
	}
	good := "Feed Processing Summary:\n\tNumber of records processed\t\t2\n\tNumber of records successful\t\t2\n\noriginal-record-number\tsku\terror-code\terror-type\terror-message\n1\tS\t5000\tWarning\tx\n"
	if r, err := feeds.Read(t.Context(), answering(t, []byte(good), "text/plain"), &feeds.Feed{FeedID: "7", ResultFeedDocumentID: "d"}); err != nil || !r.OK() || r.Warnings != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A report that doesn't tell whether the messages were carried out is no success, whatever it is; what can't be true is told.
func TestReportsThatTellNothing(t *testing.T) {
	summary := "Summary:\n\tNumber of records processed\t\t%s\n\tNumber of records %s\t\t%s\n"
	text := func(processed, label, n string) string {
		return strings.NewReplacer("processed\t\t%s", "processed\t\t"+processed, "records %s\t\t%s", "records "+label+"\t\t"+n).Replace(summary)
	}
	envelope := `<?xml version="1.0"?><AmazonEnvelope><Message><ProcessingReport>%</ProcessingReport></Message></AmazonEnvelope>`
	for report, wrong := range map[string]string{
		"":               "no processing report",
		"nothing of use": "no processing report",
		"Summary:\n\tNumber of records processed\t\t4\n": "no processing report",
		"{}": "no processing report", `{"issues":[]}`: "no processing report", `[{"messageId":1}]`: "no processing report", `{"summary":[]}`: "no processing report",
		"<html><body>Access denied</body></html>":                                "no processing report",
		strings.Replace(envelope, "%", "<StatusCode>Processing</StatusCode>", 1): "no processing report",
		text("99999999999999999999999", "successful", "1"):                       "no processing report",
		text("2", "successful", "5"):                                             "contradict each other: 2 processed, 5 carried out",
		text("-2", "successful", "-2"):                                           "contradict each other",
		`{"issues":[],"summary":{"messagesProcessed":1,"messagesAccepted":2}}`:   "contradict each other",
		text("2", "successful", "2"):                                             "",
		text("2", "ohne Fehler", "2"):                                            "",
		text("2", "senza errori", "2"):                                           "",
		`{"issues":{"messageId":1,"code":"9","severity":"ERROR","message":"m"}}`: "not carried out",
		`{"issues":[],"summary":[{"messagesProcessed":2,"messagesAccepted":1}]}`: "not carried out",
		text("2", "mit Fehlern", "2"):                                            "not carried out",
		text("2", "en erreur", "1"):                                              "not carried out",
		text("2", "con errores", "1"):                                            "not carried out",
		"要約\n\t処理済み\t\t2\n\tエラー\t\t1\n":                                          "not carried out",
	} {
		r, err := feeds.Read(t.Context(), answering(t, []byte(report), "text/plain; charset=utf-8"), &feeds.Feed{FeedID: "7", ResultFeedDocumentID: "d"})
		switch wrong {
		case "", "not carried out":
			if err != nil || r.OK() != (wrong == "") {
				t.Errorf("%q: %+v, %v", report, r, err)
			}
		default:
			if _, ok := errors.AsType[*job.DocumentError](err); !ok || !strings.Contains(err.Error(), wrong) || r == nil {
				t.Errorf("%q: %v, want %q", report, err, wrong)
			}
		}
	}
}

// Whatever stands in a processing report, reading it ends, and its messages are counted no better than they are.
func FuzzProcessingReport(f *testing.F) {
	files, _ := filepath.Glob("testdata/results/*")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, report []byte) {
		r, err := feeds.Read(t.Context(), answering(t, report, "text/plain; charset=utf-8"), &feeds.Feed{FeedID: "7", ResultFeedDocumentID: "d"})
		if err != nil {
			return
		}
		if r.Accepted < r.Processed && r.OK() {
			t.Errorf("%d of %d were accepted, and yet all is well", r.Accepted, r.Processed)
		}
		for _, i := range r.Issues {
			if i.Severity != feeds.SeverityError && i.Severity != feeds.SeverityWarning && i.Severity != feeds.SeverityInfo {
				t.Errorf("severity %q", i.Severity)
			}
		}
	})
}
