package jobs

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"io"
	"sync"
	"time"

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
)

// Document is something that can be downloaded, or uploaded first.
type Document struct {
	ID          string
	ContentType string // of the upload, or with the charset of the content
	Created     time.Time
	Expires     time.Time // when it is gone for good
	Restricted  bool      // holds personal data: a plain token won't do
	packing     packing

	// Open starts the content. It gives the same bytes each time.
	Open func() Source

	mu       sync.Mutex
	Uploaded bool
	Data     []byte // the bytes to be sent, once they are known
	Size     int64  // -1: not known yet
	etag     string
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
	done bool
}

func newGzipReader(next Source) *gzipReader {
	r := &gzipReader{next: next}
	r.zip = gzip.NewWriter(&r.buf) // no time and no name in its header: the same content gives the same bytes
	return r
}

func (r *gzipReader) Read(p []byte) (int, error) {
	for r.buf.Len() == 0 && !r.done {
		if piece := r.next(); piece != nil {
			_, _ = r.zip.Write(piece) // a buffer takes everything
		} else {
			_ = r.zip.Close()
			r.done = true
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
	if !d.looked && !d.Uploaded {
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
// between two downloads, or two ranges of one, they give the same bytes.
func (d *Document) Measure() (size int64, etag string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Size >= 0 {
		return d.Size, d.etag
	}
	d.compress()
	var sent bytes.Buffer
	_, _ = sent.ReadFrom(d.generate()) // neither fails
	d.Data, d.Size = bytes.Clone(sent.Bytes()), int64(sent.Len())
	sum := md5.Sum(d.Data) // S3's ETag of an object that was put in one piece
	d.etag = `"` + hex.EncodeToString(sum[:]) + `"`
	return d.Size, d.etag
}

// generate reads the bytes as they are sent.
func (d *Document) generate() io.Reader {
	switch {
	case d.Data != nil:
		return bytes.NewReader(d.Data)
	case d.gzipped:
		return newGzipReader(d.Open())
	default:
		return &sourceReader{next: d.Open()}
	}
}

// Changed returns the content of a document as it was sent, when it would not be generated so any more; nil otherwise.
func (d *Document) Changed() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Data == nil || d.Uploaded {
		return nil
	}
	content := d.Data
	if d.gzipped {
		z, err := gzip.NewReader(bytes.NewReader(d.Data))
		if err == nil {
			content, err = io.ReadAll(z)
		}
		if err != nil {
			panic("emulator: document " + d.ID + ": " + err.Error()) // we have compressed it
		}
	}
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
	return d.Data, d.Uploaded
}

// AddDocument stores a document under a new id; it wants k.Mu held.
func (k *Queue) AddDocument(kind string, d *Document) *Document {
	r := k.Random("document", k.Next())
	// Ids as in the models' examples and issues: amzn1.spdoc.1.4.na.<uuid>.<T…>.<n> for reports, amzn1.tortuga.4.na.<uuid>.<T…> else.
	d.ID = "amzn1.tortuga.4." + string(k.account.Region) + "." + r.UUID() + ".T" + r.Text(random.Base36, 13)
	if kind == "report" {
		d.ID = "amzn1.spdoc.1.4." + string(k.account.Region) + "." + r.UUID() + ".T" + r.Text(random.Base36, 13) + "." + r.Text(random.Digits, 4)
	}
	d.Size = -1
	k.documents[d.ID] = d
	return d
}

// put sets the content.
func (d *Document) put(b []byte) {
	sum := md5.Sum(b)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Data, d.Uploaded, d.Size = append([]byte{}, b...), true, int64(len(b))
	d.etag = `"` + hex.EncodeToString(sum[:]) + `"`
}
