package feeds

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/job"
)

// ListingsFeed is the type of feeds that create and change listings.
const ListingsFeed = "JSON_LISTINGS_FEED"

const (
	// MaxListingMessages is how many messages a listings feed may have (schemas/feeds/listings-feed-schema-v2.json).
	MaxListingMessages = 25000
	// DefaultListingsBytes is where a listings feed is cut by its size. Amazon publishes no bound; feeds of this size were taken.
	DefaultListingsBytes = 50 << 20
)

// ListingOperation is what a message does with a listing.
type ListingOperation string

// The operations.
const (
	OpUpdate        ListingOperation = "UPDATE"
	OpPartialUpdate ListingOperation = "PARTIAL_UPDATE"
	OpPatch         ListingOperation = "PATCH"
	OpDelete        ListingOperation = "DELETE"
)

// ListingMessage is a change of one listing; best made by [UpdateListing], [PartiallyUpdateListing], [PatchListing] or [DeleteListing].
type ListingMessage struct {
	ID           int               `json:"messageId"` // 0: numbered by SubmitListings
	SKU          string            `json:"sku"`
	Operation    ListingOperation  `json:"operationType"`
	ProductType  string            `json:"productType,omitzero"`
	Requirements string            `json:"requirements,omitzero"` // of Update: LISTING (the default), LISTING_PRODUCT_ONLY, LISTING_OFFER_ONLY
	Attributes   json.RawMessage   `json:"attributes,omitzero"`   // an object
	Patches      []AttributeChange `json:"patches,omitzero"`

	err    error  // of making it
	seller string // whom the feed that it was read from is for, by its header
}

// AttributeChange is an operation of [PatchListing].
type AttributeChange struct {
	Op    string `json:"op"`             // add, replace, merge or delete
	Path  string `json:"path"`           // such as "/attributes/fulfillment_availability"
	Value any    `json:"value,omitzero"` // an array of objects
}

// ReplaceAttribute is a change that puts values in the place of an attribute's.
func ReplaceAttribute(attribute string, values ...any) AttributeChange {
	return AttributeChange{Op: "replace", Path: "/attributes/" + attribute, Value: values}
}

// MergeAttribute is a change that merges values into an attribute's.
func MergeAttribute(attribute string, values ...any) AttributeChange {
	return AttributeChange{Op: "merge", Path: "/attributes/" + attribute, Value: values}
}

// DeleteAttribute is a change that deletes an attribute's values, all of them if none are given.
func DeleteAttribute(attribute string, values ...any) AttributeChange {
	c := AttributeChange{Op: "delete", Path: "/attributes/" + attribute}
	if len(values) > 0 {
		c.Value = values
	}
	return c
}

func message(op ListingOperation, sku, productType string, attributes any) ListingMessage {
	m := ListingMessage{SKU: sku, Operation: op, ProductType: productType}
	m.Attributes, m.err = json.Marshal(attributes)
	return m
}

// UpdateListing creates a listing, or replaces all its attributes. Attributes are anything that encoding/json makes an object of.
func UpdateListing(sku, productType string, attributes any) ListingMessage {
	return message(OpUpdate, sku, productType, attributes)
}

// PartiallyUpdateListing replaces the attributes that are given, and no others.
func PartiallyUpdateListing(sku, productType string, attributes any) ListingMessage {
	return message(OpPartialUpdate, sku, productType, attributes)
}

// PatchListing changes attributes one by one.
func PatchListing(sku, productType string, changes ...AttributeChange) ListingMessage {
	return ListingMessage{SKU: sku, Operation: OpPatch, ProductType: productType, Patches: changes}
}

// DeleteListing deletes a listing.
func DeleteListing(sku string) ListingMessage { return ListingMessage{SKU: sku, Operation: OpDelete} }

// Check tells what Amazon would refuse, by the published schema (schemas/feeds/listings-feed-message-schema-v2.json); "" if nothing.
func (m *ListingMessage) Check() string {
	not := func(name string) string { return name + " doesn't go with " + string(m.Operation) }
	if m.err != nil {
		return "attributes can't be written as JSON: " + m.err.Error()
	}
	switch {
	case m.ID < 0:
		return fmt.Sprintf("messageId %d is negative", m.ID)
	case strings.TrimSpace(m.SKU) == "":
		return "sku is required"
	case utf8.RuneCountInString(m.SKU) > 40:
		return "sku has more than 40 characters"
	case !utf8.ValidString(m.SKU):
		return "sku is not UTF-8"
	}
	attributes, patches := len(m.Attributes) > 0, len(m.Patches) > 0
	switch m.Operation {
	case OpUpdate, OpPartialUpdate:
		if patches {
			return not("patches")
		}
		if m.Operation == OpPartialUpdate && m.Requirements != "" {
			return not("requirements")
		}
		var object map[string]json.RawMessage
		if !attributes || json.Unmarshal(m.Attributes, &object) != nil || len(object) == 0 {
			return "attributes must be an object that is not empty"
		}
	case OpPatch:
		if attributes {
			return not("attributes")
		}
		if m.Requirements != "" {
			return not("requirements")
		}
		if !patches {
			return "patches are required"
		}
		for i, p := range m.Patches {
			if reason := p.check(); reason != "" {
				return fmt.Sprintf("patches[%d]: %s", i, reason)
			}
		}
	case OpDelete:
		for name, given := range map[string]bool{"attributes": attributes, "patches": patches, "productType": m.ProductType != "", "requirements": m.Requirements != ""} {
			if given {
				return not(name)
			}
		}
		return ""
	default:
		return fmt.Sprintf("operationType %q is not one of UPDATE, PARTIAL_UPDATE, PATCH, DELETE", m.Operation)
	}
	if m.ProductType == "" {
		return "productType is required"
	}
	if m.Requirements != "" && !slices.Contains([]string{"LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY"}, m.Requirements) {
		return fmt.Sprintf("requirements %q is not one of LISTING, LISTING_PRODUCT_ONLY, LISTING_OFFER_ONLY", m.Requirements)
	}
	return ""
}

func (c AttributeChange) check() string {
	switch {
	case !slices.Contains([]string{"add", "replace", "merge", "delete"}, c.Op):
		return fmt.Sprintf("op %q is not one of add, replace, merge, delete", c.Op)
	case !strings.HasPrefix(c.Path, "/attributes/") || len(c.Path) == len("/attributes/"):
		return fmt.Sprintf("path %q does not begin with /attributes/ and a name", c.Path)
	case c.Value == nil && c.Op != "delete":
		return "value is required: an array of objects"
	case c.Value != nil:
		b, err := json.Marshal(c.Value)
		var list []map[string]json.RawMessage
		if err != nil || json.Unmarshal(b, &list) != nil || slices.ContainsFunc(list, func(o map[string]json.RawMessage) bool { return o == nil }) {
			return "value must be an array of objects"
		}
	}
	return ""
}

// ListingsSubmission says for whom messages are.
type ListingsSubmission struct {
	SellerID     string   // the merchant token; required
	Marketplaces []string // ids, country codes or names; at least one
	Locale       string   // of the issues' texts, such as "en_US"; default: that of the first marketplace
	MaxMessages  int      // per feed; default and most: 25,000
	MaxBytes     int64    // per feed; default 50 MiB
}

// SubmitListings sends messages as listings feeds, as many as are needed, and returns what came of all of them together. All messages are checked before
// anything is sent; they are kept in temporary files, not in memory. The feeds are sent one after the other and awaited together.
//
// Errors: [*ValidationError], and as Submit has them; with the result of the feeds that went well, and of those that ended FATAL what their processing
// reports have.
func SubmitListings(ctx context.Context, client *spapi.Client, l ListingsSubmission, messages iter.Seq2[ListingMessage, error], opts ...job.Option) (*Result, error) {
	parts, err := l.parts(messages)
	defer func() {
		for _, p := range parts {
			p.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	c := job.NewConfig(client, opts...)
	results := make([]*Result, len(parts))
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i, p := range parts {
		w, err := newWork(client, c, Submission{Type: ListingsFeed, Marketplaces: l.Marketplaces, Content: p.content()}, fmt.Sprintf("%d/%d", i+1, len(parts)))
		if err == nil {
			w.Part, w.Parts = i+1, len(parts)
			err = w.Begin(ctx)
		}
		if err != nil {
			errs[i] = err
			break // the rest would fail too, or make the order wrong
		}
		wg.Go(func() { results[i], errs[i] = w.result(ctx) })
	}
	wg.Wait()
	all := &Result{Issues: []Issue{}}
	for i, r := range results {
		if r == nil {
			continue
		}
		for j := range r.Issues {
			if issue := &r.Issues[j]; issue.SKU == "" {
				issue.SKU = parts[i].sku(issue.MessageID)
			}
		}
		all.merge(r)
	}
	return all, errors.Join(errs...)
}

// part is one feed in a temporary file.
type part struct {
	file *os.File
	size int64
	n    int
	ids  map[int]bool   // given by the caller
	skus map[int]string // by message id
}

func (p *part) close() {
	_ = p.file.Close()
	_ = os.Remove(p.file.Name())
}

func (p *part) sku(id int) string { return p.skus[id] }

func (p *part) content() Content {
	return Content{Size: p.size, Open: func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(p.file, 0, p.size)), nil }}
}

const tail = "]}\n"

func (p *part) write(b []byte) error {
	n, err := p.file.Write(b)
	p.size += int64(n)
	return err
}

// parts checks the messages and writes them into files.
func (l ListingsSubmission) parts(messages iter.Seq2[ListingMessage, error]) (parts []*part, err error) {
	if l.SellerID == "" {
		return nil, &job.RequestError{Kind: job.Feed, Type: ListingsFeed, Field: "SellerID", Reason: "is required: the merchant token of the seller"}
	}
	if l.MaxMessages <= 0 || l.MaxMessages > MaxListingMessages {
		l.MaxMessages = MaxListingMessages
	}
	if l.MaxBytes <= 0 {
		l.MaxBytes = DefaultListingsBytes
	}
	header := map[string]any{"sellerId": l.SellerID, "version": "2.0"}
	if l.Locale != "" {
		header["issueLocale"] = l.Locale
	}
	head, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("feeds: %w", err)
	}
	head = slices.Concat([]byte(`{"header":`), head, []byte(`,"messages":[`))

	var buf bytes.Buffer // files are written in larger pieces
	flush := func() error {
		if len(parts) == 0 {
			return nil
		}
		err := parts[len(parts)-1].write(buf.Bytes())
		buf.Reset()
		return err
	}
	finish := func() error {
		if len(parts) == 0 {
			return nil
		}
		buf.WriteString(tail)
		return flush()
	}
	var wrong ValidationError
	index := -1
	for m, err := range messages {
		if err != nil {
			return parts, err
		}
		index++
		if m.seller != "" && m.seller != l.SellerID {
			return parts, &job.RequestError{Kind: job.Feed, Type: ListingsFeed, Field: "SellerID", Value: l.SellerID,
				Reason: fmt.Sprintf("is not the seller whom the header of the feed names: %q", m.seller)}
		}
		refuse := func(reason string) {
			if wrong.Count++; len(wrong.Problems) < 1000 {
				wrong.Problems = append(wrong.Problems, MessageProblem{Index: index, SKU: m.SKU, Reason: reason})
			}
		}
		if reason := m.Check(); reason != "" {
			refuse(reason)
			continue
		}
		if wrong.Count > 0 {
			continue // nothing will be sent
		}
		var p *part
		if len(parts) > 0 {
			p = parts[len(parts)-1]
		}
		given := m.ID
		number := func() {
			if given == 0 {
				for m.ID = p.n + 1; p.ids[m.ID]; m.ID++ {
				}
			}
		}
		encode := func() ([]byte, error) {
			b, err := json.Marshal(m)
			if err != nil {
				return nil, fmt.Errorf("feeds: %s (sku %q): %w", numbered(index), m.SKU, err)
			}
			return b, nil
		}
		if p != nil {
			number()
		}
		b, err := encode()
		if err != nil {
			return parts, err
		}
		if p == nil || p.n == l.MaxMessages || p.n > 0 && p.size+int64(buf.Len()+len(b)+1+len(tail)) > l.MaxBytes {
			if err := finish(); err != nil {
				return parts, fmt.Errorf("feeds: %w", err)
			}
			file, err := os.CreateTemp("", "spapi-feed-*.json")
			if err != nil {
				return parts, fmt.Errorf("feeds: %w", err)
			}
			_ = os.Remove(file.Name()) // a process that is killed leaves nothing; Windows, which removes no open file, waits for close
			p = &part{file: file, ids: map[int]bool{}, skus: map[int]string{}}
			parts = append(parts, p)
			buf.Write(head)
			number()
			if b, err = encode(); err != nil {
				return parts, err
			}
		}
		if int64(len(head)+len(b)+len(tail)) > l.MaxBytes {
			refuse(fmt.Sprintf("is too large: %d bytes of at most %d", len(b), l.MaxBytes))
			continue
		}
		if p.ids[m.ID] {
			refuse(fmt.Sprintf("messageId %d is used by another message", m.ID))
			continue
		}
		p.ids[m.ID], p.skus[m.ID] = true, m.SKU
		if p.n > 0 {
			buf.WriteByte(',')
		}
		buf.Write(b)
		p.n++
		if buf.Len() > 256<<10 {
			if err := flush(); err != nil {
				return parts, fmt.Errorf("feeds: %w", err)
			}
		}
	}
	if wrong.Count > 0 {
		return parts, &wrong
	}
	if index < 0 {
		return parts, &job.RequestError{Kind: job.Feed, Type: ListingsFeed, Field: "messages", Reason: "are required: at least one"}
	}
	if err := finish(); err != nil {
		return parts, fmt.Errorf("feeds: %w", err)
	}
	return parts, nil
}

// ListingMessages makes a list of messages what SubmitListings takes.
func ListingMessages(list ...ListingMessage) iter.Seq2[ListingMessage, error] {
	return func(yield func(ListingMessage, error) bool) {
		for _, m := range list {
			if !yield(m, nil) {
				return
			}
		}
	}
}

// ReadListingMessages reads messages as JSON, in constant memory: a listings feed as Amazon defines it, an array of messages, or one message a line. The
// numbers of messages are left out: SubmitListings numbers them anew, and makes the header. Messages of a feed whose header stands first, as in Amazon's
// examples, and names another seller than the submission does are refused by SubmitListings.
func ReadListingMessages(src io.Reader) iter.Seq2[ListingMessage, error] {
	return func(yield func(ListingMessage, error) bool) {
		head := make([]byte, 4<<10)
		n, err := io.ReadFull(src, head)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			yield(ListingMessage{}, fmt.Errorf("feeds: %w", err))
			return
		}
		head = bytes.TrimPrefix(head[:n], []byte("\ufeff"))
		src = io.MultiReader(bytes.NewReader(head), src)
		var raw iter.Seq2[[]byte, error]
		seller := ""
		switch start := bytes.TrimSpace(head); {
		case bytes.HasPrefix(start, []byte("[")):
			raw = document.Elements(src, "", 0)
		case isMessage(start):
			raw = document.Lines(src, 0)
		default:
			raw = document.Elements(src, "messages", 0)
			seller = headerSeller(start)
		}
		index := 0
		for b, err := range raw {
			index++
			var m ListingMessage
			if err == nil {
				dec := json.NewDecoder(bytes.NewReader(b))
				dec.DisallowUnknownFields()
				dec.UseNumber()
				err = dec.Decode(&m)
			}
			if err != nil {
				yield(ListingMessage{}, fmt.Errorf("feeds: %s: %w", numbered(index-1), err))
				return
			}
			m.ID, m.seller = 0, seller
			m.Attributes = bytes.Clone(m.Attributes)
			if !yield(m, nil) {
				return
			}
		}
	}
}

// headerSeller is the seller whom the header of a feed names; "" if the feed doesn't begin with one.
func headerSeller(start []byte) string {
	dec := json.NewDecoder(bytes.NewReader(start))
	_, _ = dec.Token() // the brace; what is no JSON is for who reads the messages
	if name, err := dec.Token(); err != nil || name != "header" {
		return ""
	}
	var header struct{ SellerID string }
	if err := dec.Decode(&header); err != nil {
		return ""
	}
	return header.SellerID
}

// isMessage tells a line with a message from a whole feed: by the first member of the object.
func isMessage(start []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(start))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return false
	}
	name, err := dec.Token()
	return err == nil && name != "header" && name != "messages"
}
