// Package uploads answers for uploads.
package uploads

import (
	"net/http"
	"regexp"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/contacts"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/jobs"
)

type object = format.Object

// Flow is the API of uploads.
var Flow = desk.Flow{Handlers: map[string]desk.Handler{"uploads20201101.createUploadDestinationForResource": createUploadDestination}}

// uploadResources are the operations that take files, as the model's note on resource names them.
var uploadResources = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:messaging/v1/orders/\d{3}-\d{7}-\d{7}/messages/` +
		`(?:legalDisclosure|invoice|warranty|confirmCustomizationDetails|digitalAccessKey)|(aplus/2020-11-01/contentDocuments))$`)
})

// createUploadDestination gives out an id and a presigned URL to which the file is to be put with the headers that stand beside it.
func createUploadDestination(c *desk.Call) (answer.Reply, *answer.Error) {
	if _, err := c.MarketplaceOf("marketplaceIds", c.Query.Get("marketplaceIds")); err != nil {
		return answer.Reply{}, err
	}
	resource := c.Path["resource"]
	match := uploadResources().FindStringSubmatch(resource)
	if match == nil {
		return answer.Reply{}, answer.Denied("").Because("resource: nothing can be uploaded for it") // selling-partner-api-models#39
	}
	up := &contacts.Upload{Resource: resource, MD5: c.Query.Get("contentMD5"), ContentType: c.Query.Get("contentType"), Created: c.Now.UTC()}
	if match[1] != "" && up.ContentType == "" {
		return answer.Reply{}, answer.InvalidParameter("contentType", "required for A+ content") // the model's note
	}
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	d := k.AddDocument("upload", &jobs.Document{ContentType: up.ContentType, Created: up.Created, Expires: up.Expires()})
	k.Mu.Unlock()
	up.Document = d.ID
	id := c.Desk.Seed.Next("upload").UUID()
	contacts.Books.Of(c.Seller).AddUpload(id, up)
	url, headers := jobs.UploadURL(c, d, up.MD5)
	return answer.Reply{Status: http.StatusCreated, Body: object{"payload": format.Record{
		{"uploadDestinationId", id}, {"url", url}, {"headers", headers},
	}}}, nil
}
