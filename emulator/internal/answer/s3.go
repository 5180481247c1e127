package answer

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/exchange"
)

// S3IDs are the ids of S3's own that its answers have, in headers and in errors.
func S3IDs(x *exchange.Exchange) (requestID, hostID string) {
	sum := sha512.Sum512([]byte(x.RequestID))
	return x.Rid[:16], base64.StdEncoding.EncodeToString(sum[:56])
}

// escaped is text as S3 writes it, which leaves ends of lines alone.
var escaped = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\"", "&quot;")

// S3Error is an error of S3: XML with a member for each pair of name and value, of which the first are Code and Message, and the ids of the request
// (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
func S3Error(x *exchange.Exchange, status int, members ...[2]string) Reply {
	requestID, hostID := S3IDs(x)
	var b bytes.Buffer
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>")
	for _, m := range append(members[:len(members):len(members)], [2]string{"RequestId", requestID}, [2]string{"HostId", hostID}) {
		b.WriteString("<" + m[0] + ">")
		b.WriteString(escaped.Replace(m[1]))
		b.WriteString("</" + m[0] + ">")
	}
	b.WriteString("</Error>")
	return Reply{Status: status, ContentType: "application/xml", Body: b.Bytes()}
}
