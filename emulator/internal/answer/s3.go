package answer

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
)

// s3IDs are the ids of S3's own that its answers have, in headers and in errors.
func s3IDs(x *exchange.Exchange) (requestID, hostID string) {
	sum := sha512.Sum512([]byte(x.RequestID))
	return x.Rid[:16], base64.StdEncoding.EncodeToString(sum[:56])
}

// escaped is text as S3 writes it, which leaves ends of lines alone.
var escaped = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\"", "&quot;")

// S3Error is an error of S3 (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
type S3Error struct {
	status  int
	members [][2]string // Code and Message first
}

// NewS3Error makes an error; more are names and values of further members.
func NewS3Error(status int, code, message string, more ...string) *S3Error {
	e := &S3Error{status: status, members: [][2]string{{"Code", code}, {"Message", message}}}
	for i := 0; i+1 < len(more); i += 2 {
		e.members = append(e.members, [2]string{more[i], more[i+1]})
	}
	return e
}

// S3Expired is about a presigned URL that was good for some seconds, until a time that is over.
func S3Expired(seconds int, end, now time.Time) *S3Error {
	return NewS3Error(http.StatusForbidden, "AccessDenied", "Request has expired", "X-Amz-Expires", strconv.Itoa(seconds),
		"Expires", format.Timestamp(end), "ServerTime", format.Timestamp(now))
}

// S3NoKey is about an object that there isn't.
func S3NoKey(key string) *S3Error {
	return NewS3Error(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.", "Key", key)
}

// Reply is the error as it is sent: XML with its members, and the ids of the request.
func (e *S3Error) Reply(x *exchange.Exchange) Reply {
	requestID, hostID := s3IDs(x)
	var b bytes.Buffer
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>")
	for _, m := range append(slices.Clip(e.members), [2]string{"RequestId", requestID}, [2]string{"HostId", hostID}) {
		b.WriteString("<" + m[0] + ">")
		b.WriteString(escaped.Replace(m[1]))
		b.WriteString("</" + m[0] + ">")
	}
	b.WriteString("</Error>")
	return Reply{Status: e.status, ContentType: "application/xml", Body: b.Bytes(), Reason: "s3: " + e.members[0][1] + ": " + e.members[1][1]}
}
