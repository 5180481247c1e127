package emulator

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator/internal/fault"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/internal/catalog"
)

var update = flag.Bool("update", false, "write the tables of docs/emulator.md")

const docsPage = "../docs/emulator.md"

// TestDocs holds the tables of docs/emulator.md against the code: go test ./emulator -run TestDocs -update writes them.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile(docsPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	all := assumptions(t)
	for name, table := range map[string]string{"operations": operationsTable(assumptionsOf(all)), "control plane": controlTable(), "faults": faultsTable()} {
		begin, end := "<!-- "+name+": written by go test ./emulator -run TestDocs -update -->\n", "<!-- end of "+name+" -->\n"
		before, rest, found := strings.Cut(page, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("%s has no place for %s: want %q and %q", docsPage, name, begin, end)
		}
		page = before + begin + "\n" + table + "\n" + end + after
	}
	for name, text := range map[string]string{docsPage: page, assumptionsPage: assumptionsText(all)} {
		if *update {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if b, err := os.ReadFile(name); err != nil || string(b) != text {
			t.Errorf("%s is not what the code is: go test ./emulator -run TestDocs -update", name)
		}
	}
}

// operationsTable tells for each API version how many of its operations have state, how much of that is assumed, and which of one that has some have none.
func operationsTable(assumed map[string]int) string {
	handled := map[string]bool{}
	for _, f := range flows {
		for id := range f.Handlers {
			handled[id] = true
		}
	}
	type row struct{ all, with int }
	rows, without := map[string]*row{}, map[string][]string{}
	var total row
	ops := catalog.Operations()
	for i := range ops {
		op := &ops[i]
		r := rows[op.API]
		if r == nil {
			r = &row{}
			rows[op.API] = r
		}
		r.all++
		total.all++
		if handled[op.ID] {
			r.with++
			total.with++
		} else {
			without[op.API] = append(without[op.API], "`"+operations.Key(op)+"`")
		}
	}
	var b strings.Builder
	b.WriteString("| API | operations | with state | assumed | from schema only |\n|---|---:|---:|---:|---|\n")
	for api := range format.SortedKeys(rows) {
		r := rows[api]
		rest := "all"
		if r.with > 0 {
			rest = strings.Join(without[api], ", ")
		}
		number := ""
		if r.with > 0 {
			number = strconv.Itoa(assumed[api])
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %s |\n", api, r.all, r.with, number, rest)
	}
	fmt.Fprintf(&b, "| %d API versions | %d | %d | | %d |\n", len(rows), total.all, total.with, total.all-total.with)
	return b.String()
}

func controlTable() string {
	var b strings.Builder
	b.WriteString("| request | what |\n|---|---|\n")
	for _, rt := range controlRoutes {
		fmt.Fprintf(&b, "| `%s %s` | %s |\n", rt.method, controlPath+rt.path, strings.NewReplacer(": {", ": `{", "}", "}`").Replace(escapeJSON(rt.about)))
	}
	return b.String()
}

// escapeJSON sets JSON in a text as code.
func escapeJSON(s string) string {
	return strings.NewReplacer("; {", "; `{", " or {", " or `{").Replace(s)
}

func faultsTable() string {
	about := map[fault.Kind]string{
		fault.Throttle:     "429: SP-API's, the token endpoint's, or STS's",
		fault.Internal:     "500 `InternalFailure`",
		fault.Unavailable:  "503",
		fault.HTML:         "503 with a gateway's HTML page in place of JSON",
		fault.EmptyBody:    "200 without a body",
		fault.ForeignJSON:  "200 with JSON that isn't the operation's: `{\"message\":\"Endpoint request timed out\"}`",
		fault.ForeignIDs:   "the ids of the request are others of the same form in the answer, those of sellers and marketplaces excepted: for clients that must not take them for their own",
		fault.Latency:      "the answer comes late, by `latency`",
		fault.Silent:       "the request is taken and never answered; the connection stays open",
		fault.Reset:        "the connection is reset before any of the answer",
		fault.ResetInBody:  "… after the headers and half of the body",
		fault.Truncate:     "the connection is closed in order after half of the body",
		fault.TruncateGzip: "HTTP is in order, but the gzip stream ends half-way",
		fault.SlowBody:     "the body arrives in ten pieces over the time of `latency`",
		fault.ExpiredToken: "the next token of a list has expired",
		fault.ExpiredURL:   "S3's XML error of a presigned URL that has expired; for `s3.GetObject` and `s3.PutObject`",
		fault.Duplicate:    "the first item of a list is in it twice",
		fault.Late:         "the last item of a list is missing; it turns up in later answers",
		fault.ClockSkew:    "the service's own clock is wrong by `skew`: in `Date`, and for signatures",
		fault.Lag: "items come late to lists, each by a time of its own up to `within` after it was created, or updated where the list goes by updates; by its id it is found at " +
			"once, and within a walk nothing turns up. `within=48h,operation=*.listTransactions`: the last two days of transactions are incomplete",
		fault.Missing:         "items are in no list; by their ids they are found",
		fault.Moved:           "of a search for orders by last update, some that would be on later pages are updated before those are asked for: they are on no page, and in the next window",
		fault.Repeated:        "the last item of a page is the first of the next one, too: the list has moved back by one",
		fault.Skipped:         "the first item of the next page falls between the two: the list has moved up by one",
		fault.ShortPage:       "a page has only some of its items, the rest is on the next one",
		fault.EmptyPage:       "a page without items but with a next token comes before the page itself",
		fault.ShortToken:      "next tokens expire after `within`, where they live longer: 30 seconds, 3 or 25 minutes",
		fault.BrokenMessage:   "400 with `$errorResponse.Message` for a message, to a request with a next token",
		fault.BeyondRetention: "400 `Request was not valid or data requested exceeds data retention period.`, to a request for a list with which nothing is wrong",
		fault.Restated:        "figures of sales and traffic, in the report and in Data Kiosk, are too low at first and grow for `within` after their day; settlements never change",
		fault.Unpublished:     "reports end FATAL whose range ends less than `within` before they were asked for; the document says that the data aren't available yet",
		fault.NoData:          "reports end CANCELLED, as without data",
		fault.Fatal:           "reports end FATAL, without a document",

		fault.MessageDuplicate: "a message is sent twice, as Amazon does at times: with one `notificationId`, but two ids of SQS's",
		fault.MessageLate:      "a message is sent `within` later, by the emulator's clock",
		fault.MessageShuffled:  "a message changes places with another one that waits in its queue, chosen by chance",
		fault.MessageLost:      "a message is never sent",
		fault.MessagePoison:    "a message is cut in half, or is no notification",
		fault.MessageDenied:    "the queue's policy refuses a message",
	}
	var b strings.Builder
	b.WriteString("| kind | what happens |\n|---|---|\n")
	for _, k := range fault.Kinds {
		fmt.Fprintf(&b, "| `%s` | %s |\n", k, about[k])
	}
	return b.String()
}
