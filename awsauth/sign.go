package awsauth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// maxBuffered is how much of a body without GetBody is read into memory. SP-API's largest bodies are a few MB;
// feeds are uploaded to a URL of their own, unsigned.
const maxBuffered = 16 << 20

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// scope is what a signature holds for.
type scope struct {
	service, region string
	// asIs leaves "." and ".." and double slashes of the path as they are. Only S3 signs so; the
	// published test cases have both ways.
	asIs bool
}

// sign signs req in place with AWS's signer, which is given a request of its own: it writes the canonical
// path to be signed and the host into it, and takes from it what was changed.
func sign(ctx context.Context, signer *v4.Signer, credentials aws.Credentials, req *http.Request, scope scope, at time.Time) error {
	if err := checkQuery(req.URL.RawQuery); err != nil {
		return err
	}
	hash, err := bodyHash(req)
	if err != nil {
		return err
	}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	// The signer writes over the values that it finds; their memory may belong to a request cloned from this one,
	// and a session token of the attempt before must not stay when the credentials now have none.
	for _, key := range [...]string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		delete(req.Header, key)
	}

	u := *req.URL
	shadow := &http.Request{Method: req.Method, URL: &u, Host: req.Host, Header: req.Header, ContentLength: req.ContentLength}
	if shadow.Method == "" {
		shadow.Method = http.MethodGet
	}
	if !scope.asIs && u.Opaque == "" {
		if sent := u.EscapedPath(); needsNormalizing(sent) {
			u.Opaque = "//" + u.Host + normalizePath(sent)
		}
	}
	if err := signer.SignHTTP(ctx, credentials, shadow, hash, scope.service, scope.region, at); err != nil {
		return fmt.Errorf("awsauth: sign: %w", err)
	}
	// The caller's URL value may be shared with the request that this one was cloned from.
	signed := *req.URL
	signed.RawQuery = u.RawQuery
	req.URL, req.Host = &signed, shadow.Host
	return nil
}

// checkQuery refuses what net/url drops without a word: the parameter would be neither signed nor sent.
func checkQuery(raw string) error {
	for i := range len(raw) {
		switch raw[i] {
		case ';':
			return errors.New("awsauth: query has a bare semicolon: want it written as %3B")
		case '%':
			if i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2]) {
				return fmt.Errorf("awsauth: query has %q: want two hexadecimal digits after %%, or %%25 for the sign itself", raw[i:min(i+3, len(raw))])
			}
		}
	}
	return nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func needsNormalizing(path string) bool {
	return strings.Contains(path, "//") || strings.Contains(path, "/.")
}

// normalizePath removes empty segments and dot segments, as every AWS service but S3 wants it before signing. A slash
// at the end stays unless a dot segment stood after it (botocore and npm aws4 agree on that; RFC 3986 would keep it).
func normalizePath(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	clean := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(path, "/") {
		clean += "/"
	}
	return clean
}

// bodyHash returns the SHA-256 of the body, which can still be sent afterwards.
func bodyHash(req *http.Request) (string, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return emptyHash, nil
	}
	if req.GetBody == nil {
		if err := buffer(req); err != nil {
			return "", err
		}
	}
	body, err := req.GetBody()
	if err != nil {
		return "", fmt.Errorf("awsauth: get the body to sign: %w", err)
	}
	hash := sha256.New()
	n, err := io.Copy(hash, body)
	if err = errors.Join(err, body.Close()); err != nil {
		return "", fmt.Errorf("awsauth: read the body to sign: %w", err)
	}
	if req.ContentLength > 0 && n != req.ContentLength {
		return "", fmt.Errorf("awsauth: content length is %d, but GetBody gives %d bytes", req.ContentLength, n)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// buffer makes a body that can be read only once into one that can be read again.
func buffer(req *http.Request) error {
	data, err := io.ReadAll(io.LimitReader(req.Body, maxBuffered+1))
	if err = errors.Join(err, req.Body.Close()); err != nil {
		return fmt.Errorf("awsauth: read the body to sign: %w", err)
	}
	if len(data) > maxBuffered {
		return fmt.Errorf("awsauth: body is longer than %d bytes and can be read only once: set the request's GetBody", maxBuffered)
	}
	if req.ContentLength > 0 && int64(len(data)) != req.ContentLength {
		return fmt.Errorf("awsauth: content length is %d, but the body has %d bytes", req.ContentLength, len(data))
	}
	req.ContentLength = int64(len(data))
	if len(data) == 0 {
		req.Body, req.GetBody = http.NoBody, func() (io.ReadCloser, error) { return http.NoBody, nil }
		return nil
	}
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	req.Body, err = req.GetBody()
	return err
}
