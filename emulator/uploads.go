package emulator

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"regexp"
	"time"
)

var uploadsFlow = flow{handlers: map[string]handler{"uploads20201101.createUploadDestinationForResource": createUploadDestination}}

// upload is a place for one file that is to go with a message or A+ content.
type upload struct {
	Resource    string    `json:"resource"` // the path of the operation that will use the file, without a leading slash
	MD5         string    `json:"md5"`
	ContentType string    `json:"content_type,omitempty"`
	Document    string    `json:"document"` // where the bytes lie
	Created     time.Time `json:"created"`
}

// uploadResources are the operations that take files, as the model's note on resource names them.
var uploadResources = regexp.MustCompile(`^(?:messaging/v1/orders/\d{3}-\d{7}-\d{7}/messages/(?:legalDisclosure|invoice|warranty|confirmCustomizationDetails|digitalAccessKey)|(aplus/2020-11-01/contentDocuments))$`)

// createUploadDestination gives out an id and a presigned URL to which the file is to be put with the headers that stand beside it.
func createUploadDestination(c *call) (reply, *apiError) {
	if _, err := c.marketplaceOf("marketplaceIds", c.query.Get("marketplaceIds")); err != nil {
		return reply{}, err
	}
	resource := c.path["resource"]
	match := uploadResources.FindStringSubmatch(resource)
	if match == nil {
		return reply{}, denied(detailsNone) // selling-partner-api-models#39
	}
	up := &upload{Resource: resource, MD5: c.query.Get("contentMD5"), ContentType: c.query.Get("contentType"), Created: c.now.UTC()}
	sum := decodeMD5(up.MD5)
	if sum == nil {
		return reply{}, invalidParameter("contentMD5", "is not the MD5 hash of a file, in hexadecimal or base64")
	}
	if match[1] != "" && up.ContentType == "" {
		return reply{}, invalidParameter("contentType", "required for A+ content") // the model's note
	}
	k := queues.of(c.account)
	k.mu.Lock()
	d := k.addDocument("upload", &document{contentType: up.ContentType, created: c.now.UTC(), expires: c.now.UTC().Add(uploadLifetime)})
	k.mu.Unlock()
	up.Document = d.id
	id := c.desk.seed.Next("upload").UUID()
	sent := contactStore.of(c.account)
	sent.mu.Lock()
	sent.uploads[id] = up
	sent.mu.Unlock()
	headers := object{"Content-MD5": base64.StdEncoding.EncodeToString(sum)} // as S3 takes it, whatever the spelling was
	if up.ContentType != "" {
		headers["Content-Type"] = up.ContentType
	}
	return reply{status: http.StatusCreated, body: object{"payload": object{
		"uploadDestinationId": id, "url": c.documentURL(http.MethodPut, d, nil), "headers": headers,
	}}}, nil
}

// uploadLifetime is how long a file waits for its message. Amazon publishes no figure.
const uploadLifetime = 24 * time.Hour

// received tells whether the file has come, whole.
func (c *call) received(up *upload) bool {
	d := queues.of(c.account).document(up.Document, c.now)
	if d == nil {
		return false
	}
	data, uploaded := d.content()
	sum := md5.Sum(data)
	return uploaded && bytes.Equal(sum[:], decodeMD5(up.MD5))
}

// decodeMD5 reads a hash in hexadecimal or base64; nil when it is none.
func decodeMD5(s string) []byte {
	raw, err := hex.DecodeString(s)
	if err != nil {
		raw, err = base64.StdEncoding.DecodeString(s)
	}
	if err != nil || len(raw) != md5.Size {
		return nil
	}
	return raw
}
