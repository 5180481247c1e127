package jobs

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"io"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/contents"
	"github.com/openspapi/spapi/emulator/internal/random"
)

// Reports, feeds and Data Kiosk exchange their contents by presigned URLs of S3. The emulator makes and serves such URLs itself: on
// S3's hosts when it stands in for Amazon's, and below documentPath of its own address when it is served on a port.

const (
	// compressedFrom is from which size on documents are compressed. Amazon publishes no rule: "If the report document contents have
	// been compressed, …" (selling-partner-api-models, reports_2021-06-30).
	compressedFrom = 4 << 10
)

// packing tells whether a document is compressed.
type packing int

const (
	bySize packing = iota // from compressedFrom on
	packed
	plain // sent as it is
)

// Document is something that can be downloaded, or uploaded first.
type Document struct {
	ID          string
	ContentType string // of the upload, or with the charset of the content
	Created     time.Time
	Expires     time.Time // when it is gone for good
	Restricted  bool      // holds personal data: a plain token won't do
	packing     packing

	// Open starts the content, the same bytes each time; nil for an upload. Unless Derived, it is asked once, by [Queue.AddDocument].
	Open    func() Source
	Derived bool // Open can make the content again at any time, so that it is kept from when it is first sent on

	query    bool // a query's
	store    *contents.Store
	mu       sync.Mutex
	uploaded bool
	kept     *contents.Content // as it is sent; nil while it isn't known, and after the end
	gone     bool              // it has expired: whoever still holds it finds nothing
	gzipped  bool
	looked   bool // gzipped has been decided
}

// Source yields the content of a document piece by piece; nil at the end. The pieces are good until the next call. It is pulled and not
// pushed, so that a large document needs neither a goroutine nor a buffer of its size.
type Source func() []byte

// onePiece is a source of bytes that are there.
func onePiece(b []byte) func() Source {
	return func() Source {
		rest := b
		return func() []byte {
			piece := rest
			rest = nil
			return piece
		}
	}
}

// sourceReader makes a source an [io.Reader].
type sourceReader struct {
	next Source
	rest []byte
}

func (r *sourceReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.rest = r.next(); r.rest == nil {
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// gzipReader compresses what it reads from a source.
type gzipReader struct {
	next Source
	buf  bytes.Buffer
	zip  *gzip.Writer
}

// zippers are used again: a compressor is much larger than most documents.
var zippers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func newGzipReader(next Source) *gzipReader {
	r := &gzipReader{next: next, zip: zippers.Get().(*gzip.Writer)}
	r.zip.Reset(&r.buf) // no time and no name in its header: the same content gives the same bytes
	return r
}

func (r *gzipReader) Read(p []byte) (int, error) {
	for r.buf.Len() == 0 && r.zip != nil {
		if piece := r.next(); piece != nil {
			_, _ = r.zip.Write(piece) // a buffer takes everything
		} else {
			_ = r.zip.Close()
			zippers.Put(r.zip)
			r.zip = nil
		}
	}
	return r.buf.Read(p)
}

// Compressed tells whether the document is sent as GZIP: if its packing doesn't say, when its content is larger than a few kilobytes. Uploads stay as
// they are.
func (d *Document) Compressed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.compress()
}

func (d *Document) compress() bool {
	if !d.looked && !d.uploaded && d.packing != plain {
		d.looked = true
		if d.gzipped = d.packing == packed; d.gzipped {
			return true
		}
		n := 0
		for next := d.Open(); n < compressedFrom; {
			piece := next()
			if piece == nil {
				break
			}
			n += len(piece)
		}
		d.gzipped = n >= compressedFrom
	}
	return d.gzipped
}

// Measure generates the document once and keeps it as it is sent, which is compressed unless it is small: whatever happens to the world
// between two downloads, or two ranges of one, they give the same bytes. A document that has expired in the meantime has no etag.
func (d *Document) Measure() (size int64, etag string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.gone || d.kept == nil && d.Open == nil:
		return 0, ""
	case d.kept == nil:
		d.keep()
	}
	sum := d.kept.MD5() // S3's ETag of an object that was put in one piece
	return d.kept.Size(), `"` + hex.EncodeToString(sum[:]) + `"`
}

// keep generates the bytes as they are sent and keeps them. It wants d.mu held.
func (d *Document) keep() {
	d.compress()
	var sent bytes.Buffer
	_, _ = sent.ReadFrom(d.generate()) // neither fails
	d.kept = d.store.Put(bytes.Clone(sent.Bytes()))
}

// generate reads the bytes as they are sent.
func (d *Document) generate() io.Reader {
	switch {
	case d.kept != nil:
		return d.kept.Reader(0)
	case d.gone || d.Open == nil:
		return bytes.NewReader(nil)
	case d.gzipped:
		return newGzipReader(d.Open())
	default:
		return &sourceReader{next: d.Open()}
	}
}

// written is the content of what is kept, as it was before it was compressed. It wants d.mu held.
func (d *Document) written() []byte {
	b, err := d.kept.Bytes()
	if err == nil && d.gzipped {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(b)); err == nil {
			b, err = io.ReadAll(z)
		}
	}
	if err != nil {
		panic("emulator: document " + d.ID + ": " + err.Error()) // we have compressed it, and hold it
	}
	return b
}

// Changed returns the content of a document as it was sent, when it would not be generated so any more; nil otherwise.
func (d *Document) Changed() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil || !d.Derived {
		return nil
	}
	content := d.written()
	if bytes.Equal(content, ReadAll(d.Open())) {
		return nil
	}
	return content
}

// Body reads the bytes of a document that has been measured.
func (d *Document) Body() io.Reader {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.generate()
}

// Content reads what was uploaded.
func (d *Document) Content() ([]byte, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.uploaded || d.kept == nil {
		return nil, false
	}
	b, err := d.kept.Bytes()
	return b, err == nil
}

// Received is the hash of what was uploaded; false when nothing was.
func (d *Document) Received() (sum [md5.Size]byte, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.uploaded || d.kept == nil {
		return sum, false
	}
	return d.kept.MD5(), true
}

// AddDocument stores a document under a new id; it wants k.Mu held.
func (k *Queue) AddDocument(kind string, d *Document) *Document {
	r := k.random("document", k.Next())
	// Ids as in the models' examples and issues: amzn1.spdoc.1.4.na.<uuid>.<T…>.<n> for reports, amzn1.tortuga.4.na.<uuid>.<T…> else.
	d.ID = "amzn1.tortuga.4." + string(k.account.Region) + "." + r.UUID() + ".T" + r.Text(random.Base36, 13)
	if kind == "report" {
		d.ID = "amzn1.spdoc.1.4." + string(k.account.Region) + "." + r.UUID() + ".T" + r.Text(random.Base36, 13) + "." + r.Text(random.Digits, 4)
	}
	d.query = kind == "query"
	return k.add(d)
}

// AddInvoices stores a document of invoices, which is sent as it is, under a new id: a UUID (selling-partner-api-models, InvoicesApiModel_2024-06-19,
// static cases).
func (k *Queue) AddInvoices(contentType string, content []byte, at time.Time) *Document {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	return k.add(&Document{ID: k.random("document", k.Next()).UUID(), ContentType: contentType, Created: at, Expires: at.Add(Retention("invoices", at)),
		packing: plain, Open: onePiece(content)})
}

// add stores a document that has an id. What can't be made again is written down, once.
func (k *Queue) add(d *Document) *Document {
	d.store = k.account.Desk.Contents()
	if d.Open != nil && !d.Derived {
		d.keep()
		d.Open = d.again
	}
	k.documents.Put(d.ID, d, d.Expires)
	return d
}

// again starts the content of a document that has been written down.
func (d *Document) again() Source {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil {
		return onePiece(nil)() // it has expired
	}
	return onePiece(d.written())()
}

// Put sets the content of an upload.
func (d *Document) Put(c *contents.Content) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept != nil {
		d.kept.Release()
	}
	if d.kept, d.uploaded = c, true; d.gone {
		d.kept = nil
		c.Release()
	}
}

// release gives the content up: the document has expired.
func (d *Document) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone = true; d.kept != nil {
		d.kept.Release()
		d.kept = nil
	}
}

// OfQuery tells whether the document is a query's.
func (d *Document) OfQuery() bool { return d.query }
