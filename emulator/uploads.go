package emulator

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"regexp"
	"time"
)

var uploadsFlow = flow{"uploads20201101.createUploadDestinationForResource": createUploadDestination}

// upload is a place for one file that is to go with a message or A+ content.
type upload struct {
	Resource    string    `json:"resource"` // the path of the operation that will use the file, without a leading slash
	MD5         string    `json:"md5"`
	ContentType string    `json:"content_type,omitempty"`
	Created     time.Time `json:"created"`
}

// uploadResources are the operations that take files, as the model's note on resource names them.
var uploadResources = regexp.MustCompile(`^(?:messaging/v1/orders/\d{3}-\d{7}-\d{7}/messages/(?:legalDisclosure|invoice|warranty|confirmCustomizationDetails|digitalAccessKey)|(aplus/2020-11-01/contentDocuments))$`)

// createUploadDestination gives out an id and an address for a file.
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
	if !isMD5(up.MD5) {
		return reply{}, invalidParameter("contentMD5", "is not the MD5 hash of a file, in hexadecimal or base64")
	}
	if match[1] != "" && up.ContentType == "" {
		return reply{}, invalidParameter("contentType", "required for A+ content") // the model's note
	}
	e := c.emu
	e.mu.Lock()
	defer e.mu.Unlock()
	e.minted++
	id := e.random("upload", e.minted).uuid()
	if c.account.contacts.uploads == nil {
		c.account.contacts.uploads = map[string]*upload{}
	}
	c.account.contacts.uploads[id] = up
	headers := object{"Content-MD5": up.MD5}
	if up.ContentType != "" {
		headers["Content-Type"] = up.ContentType
	}
	return reply{status: http.StatusCreated, body: object{"payload": object{
		"uploadDestinationId": id, "url": "https://spapi-emulator-uploads.s3.amazonaws.com/" + id, "headers": headers,
	}}}, nil
}

func isMD5(s string) bool {
	raw, err := hex.DecodeString(s)
	if err != nil {
		raw, err = base64.StdEncoding.DecodeString(s)
	}
	return err == nil && len(raw) == 16
}
