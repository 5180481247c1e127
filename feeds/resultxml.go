package feeds

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/openspapi/spapi/internal/runner"
)

// reportTags are the elements of a ProcessingReport that are read (ProcessingReport.xsd of Amazon's envelope).
var reportTags = map[string]bool{
	"AmazonEnvelope": true, "ProcessingReport": true, "ProcessingSummary": true, "Result": true, "AdditionalInfo": true,
	"MessagesProcessed": true, "MessagesSuccessful": true, "MessagesWithError": true, "MessagesWithWarning": true,
	"MessageID": true, "ResultCode": true, "ResultMessageCode": true, "ResultDescription": true, "SKU": true, "AmazonOrderID": true, "AmazonOrderItemCode": true,
}

// groups are those that hold other elements and no text.
var groups = map[string]bool{"AmazonEnvelope": true, "ProcessingReport": true, "ProcessingSummary": true, "Result": true, "AdditionalInfo": true}

// parseXML reads a ProcessingReport. Descriptions quote the seller's XML without escaping it, so that the report is often not well formed: whatever isn't a
// tag of the report's own is text.
func (r *Result) parseXML(feedID string, src io.Reader) error {
	var kept bytes.Buffer
	s := tagScanner{r: bufio.NewReader(io.TeeReader(src, &headWriter{&kept}))}
	var (
		group, leaf string // Result or ProcessingSummary, and the element of it that is open
		text        strings.Builder
		values      map[string]string
		known       bool
		closed      bool
	)
	endLeaf := func() {
		if leaf != "" && values != nil && values[leaf] == "" {
			values[leaf] = strings.TrimSpace(unescape(text.String()))
		}
		leaf = ""
		text.Reset()
	}
	endGroup := func() {
		endLeaf()
		switch group {
		case "ProcessingSummary":
			number := func(name string) *int {
				if n, ok := integer(values[name]); ok {
					return &n
				}
				return nil
			}
			r.counts(number("MessagesProcessed"), number("MessagesSuccessful"), number("MessagesWithError"))
		case "Result":
			if strings.Join(slices.Collect(maps.Values(values)), "") == "" {
				break // cut off before it says anything
			}
			r.add(Issue{FeedID: feedID, MessageID: atoi(values["MessageID"]), SKU: values["SKU"],
				OrderID: values["AmazonOrderID"], OrderItemID: values["AmazonOrderItemCode"], Code: values["ResultMessageCode"], Severity: Severity(values["ResultCode"]), Text: values["ResultDescription"]})
		}
		group, values = "", nil
	}
	for {
		tag, err := s.next(&text)
		if err == io.EOF {
			break
		}
		if err != nil {
			endGroup()
			r.countIssues()
			return err
		}
		switch {
		case leaf != "" && !(tag.end && (tag.name == leaf || tag.name == group)):
			text.WriteString(tag.raw) // it is quoted
		case tag.name == "Result" || tag.name == "ProcessingSummary":
			endGroup()
			if !tag.end {
				known = true
				group, values = tag.name, map[string]string{}
			}
		case tag.name == "AmazonEnvelope" && tag.end:
			closed = true
		case groups[tag.name] || tag.end:
			endLeaf()
		default:
			endLeaf()
			leaf = tag.name
		}
	}
	cut := group != "" || known && !closed
	endGroup()
	r.countIssues()
	if !known {
		r.text = kept.String()
	}
	if cut {
		return io.ErrUnexpectedEOF
	}
	return nil
}

var references = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`&(#[0-9]+|#x[0-9a-fA-F]+|amp|lt|gt|quot|apos);`) })

// unescape resolves what XML has in place of characters.
func unescape(s string) string {
	named := map[string]string{"amp": "&", "lt": "<", "gt": ">", "quot": `"`, "apos": "'"}
	var b strings.Builder
	for {
		before, rest, cdata := strings.Cut(s, "<![CDATA[")
		b.WriteString(references().ReplaceAllStringFunc(before, func(ref string) string {
			name := strings.Trim(ref, "&;")
			if c, ok := named[name]; ok {
				return c
			}
			digits, base := strings.TrimPrefix(name, "#"), 10
			if hex, ok := strings.CutPrefix(digits, "x"); ok {
				digits, base = hex, 16
			}
			n, err := strconv.ParseInt(digits, base, 32)
			if err != nil {
				return ref
			}
			return string(rune(n))
		}))
		if !cdata {
			return b.String()
		}
		var verbatim string
		verbatim, s, _ = strings.Cut(rest, "]]>")
		b.WriteString(verbatim)
	}
}

type reportTag struct {
	name string
	end  bool
	raw  string
}

// tagScanner finds the tags of reportTags.
type tagScanner struct{ r *bufio.Reader }

// next returns the next tag, and appends what stands before it to text, as far as there is room for it.
func (s *tagScanner) next(text *strings.Builder) (reportTag, error) {
	keep := func(b []byte) {
		if room := runner.MaxReason - text.Len(); room > 0 {
			text.Write(b[:min(room, len(b))])
		}
	}
	for {
		chunk, err := s.r.ReadSlice('<')
		if err == nil {
			chunk = chunk[:len(chunk)-1]
		}
		keep(chunk)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return reportTag{}, err
		}
		if tag, ok := s.tag(); ok {
			return tag, nil
		}
		keep([]byte{'<'})
	}
}

// tag reads what follows a "<" if it is a tag of the report's own.
func (s *tagScanner) tag() (reportTag, bool) {
	const longest = 512 // AmazonEnvelope has attributes
	ahead, _ := s.r.Peek(longest)
	end := bytes.IndexByte(ahead, '>')
	if end < 0 {
		return reportTag{}, false
	}
	body := string(ahead[:end])
	name, isEnd := strings.CutPrefix(body, "/")
	if i := strings.IndexAny(name, " \t\r\n/"); i >= 0 {
		name = name[:i]
	}
	if !reportTags[name] || strings.Contains(body, "<") {
		return reportTag{}, false
	}
	tag := reportTag{name: name, end: isEnd || strings.HasSuffix(body, "/"), raw: "<" + body + ">"}
	_, _ = s.r.Discard(end + 1) // it was peeked at
	return tag, true
}
