package feeds

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/openspapi/spapi/job"
)

// Content is what a feed consists of. It is opened anew for each attempt to upload it, and must have the same bytes each time.
type Content struct {
	Size int64 // bytes; the document store wants to know it beforehand
	Open func() (io.ReadCloser, error)
}

// BytesContent makes content of bytes in memory.
func BytesContent(b []byte) Content {
	return Content{Size: int64(len(b)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

// FileContent makes content of a file.
func FileContent(path string) (Content, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Content{}, fmt.Errorf("feeds: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Content{}, fmt.Errorf("feeds: %s is not a regular file", path)
	}
	return Content{Size: info.Size(), Open: func() (io.ReadCloser, error) { return os.Open(path) }}, nil
}

// check looks for what would make the whole feed fail, in constant memory, and returns a hash of the content.
func (c Content) check(s *Submission, t Type) (hash string, err error) {
	problem := func(reason string) error {
		return &job.RequestError{Kind: job.Feed, Type: s.Type, Field: "Content", Reason: reason}
	}
	if c.Open == nil || c.Size == 0 {
		return "", problem("is empty")
	}
	body, err := c.Open()
	if err != nil {
		return "", fmt.Errorf("feeds: %w", err)
	}
	defer body.Close()
	sum := sha256.New()
	text := utf8Check{}
	r := bufio.NewReader(io.TeeReader(body, io.MultiWriter(sum, &text)))
	head, _ := r.Peek(512)
	switch t.ContentType {
	case "application/pdf":
		if !bytes.HasPrefix(head, []byte("%PDF-")) {
			return "", problem("is not a PDF document")
		}
	case "text/xml":
		if err := wellFormed(r); err != nil {
			return "", problem("is not well-formed XML: " + err.Error())
		}
	case "text/tab-separated-values":
		if line, _, _ := bytes.Cut(bytes.TrimPrefix(head, []byte("\ufeff")), []byte("\n")); len(bytes.TrimSpace(line)) == 0 {
			return "", problem("has no header line")
		}
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return "", fmt.Errorf("feeds: %w", err)
	}
	if text.total != c.Size {
		return "", problem(fmt.Sprintf("has %d bytes, not %d", text.total, c.Size))
	}
	if strings.HasSuffix(strings.ToUpper(s.ContentType), "CHARSET=UTF-8") && !text.valid() && !bytes.HasPrefix(head, []byte("<?xml")) {
		return "", problem("is not UTF-8: convert it, or name its charset in the content type, such as \"" + t.ContentType + "; charset=iso-8859-1\"")
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func wellFormed(r io.Reader) error {
	dec := xml.NewDecoder(r)
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return latin{bufio.NewReader(r)}, nil }
	root := false
	for {
		token, err := dec.Token()
		if err == io.EOF {
			if !root {
				return errors.New("there is no element")
			}
			return nil
		}
		if err != nil {
			return err
		}
		if _, ok := token.(xml.StartElement); ok {
			root = true
		}
	}
}

// latin makes every byte a character: for looking at the structure of XML in any charset that has ASCII below 0x80.
type latin struct{ r *bufio.Reader }

func (l latin) Read(p []byte) (int, error) {
	n := 0
	for n+2 <= len(p) {
		b, err := l.r.ReadByte()
		if err != nil {
			return n, err
		}
		n += copy(p[n:], string(rune(b)))
	}
	return n, nil
}

// utf8Check tells whether what is written to it is UTF-8.
type utf8Check struct {
	rest    []byte
	invalid bool
	total   int64
}

func (u *utf8Check) Write(p []byte) (int, error) {
	u.total += int64(len(p))
	if u.invalid {
		return len(p), nil
	}
	b := p
	if len(u.rest) > 0 {
		b = append(u.rest, p...)
	}
	// What may be the beginning of a character waits for more.
	end := len(b)
	for i := 1; i <= utf8.UTFMax && i <= len(b); i++ {
		if utf8.RuneStart(b[len(b)-i]) {
			if !utf8.FullRune(b[len(b)-i:]) {
				end = len(b) - i
			}
			break
		}
	}
	u.invalid = !utf8.Valid(b[:end])
	u.rest = append([]byte(nil), b[end:]...)
	return len(p), nil
}

func (u *utf8Check) valid() bool { return !u.invalid && len(u.rest) == 0 }
