// Package feeds answers for feeds.
package feeds

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/jobs"
)

type object = format.Object

// Flow is the API of feeds.
var Flow = desk.Flow{Handlers: map[string]desk.Handler{
	"feeds20210630.createFeedDocument": createFeedDocument,
	"feeds20210630.createFeed":         createFeed,
	"feeds20210630.getFeed":            getFeed,
	"feeds20210630.getFeeds":           getFeeds,
	"feeds20210630.cancelFeed":         cancelFeed,
	"feeds20210630.getFeedDocument":    getFeedDocument,
}}

func createFeedDocument(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	contentType, _ := body["contentType"].(string)
	if kind, _, err := mime.ParseMediaType(contentType); err != nil || !strings.Contains(kind, "/") {
		// jlevers/selling-partner-api#624. The same was said of types without a charset (jlevers/selling-partner-api pull request 35, taken back), but those
		// are taken: application/pdf has none.
		return answer.Reply{}, answer.Plain(http.StatusBadRequest, "400", "Invalid input").Detailed("Invalid input")
	}
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	d := k.AddDocument("feed", &jobs.Document{ContentType: contentType, Created: c.Now, Expires: c.Now.Add(jobs.Retention("feed document", c.Now))})
	return answer.Reply{Status: http.StatusCreated, Body: object{"feedDocumentId": d.ID, "url": jobs.DocumentURL(c, http.MethodPut, d, nil)}}, nil
}

func createFeed(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	name, _ := body["feedType"].(string)
	kind := jobs.FeedTypes()[name]
	if kind == nil {
		return answer.Reply{}, answer.Invalid("Invalid Input", `feedType: "`+name+`" is not a feed type`) // as createReport: selling-partner-api-models#1810
	}
	f := &jobs.Feed{Kind: kind, Options: map[string]string{}}
	for _, v := range format.List(body["marketplaceIds"]) {
		id, _ := v.(string)
		if _, err := c.MarketplaceOf("marketplaceIds", id); err != nil {
			return answer.Reply{}, err
		}
		f.Marketplaces = append(f.Marketplaces, id)
	}
	options, _ := body["feedOptions"].(map[string]any)
	for option := range format.SortedKeys(options) {
		f.Options[option], _ = options[option].(string)
	}
	id, _ := body["inputFeedDocumentId"].(string)
	k := jobs.Queues.Of(c.Seller)
	if f.Input = k.Document(id, c.Now); f.Input == nil || f.Input.Open != nil {
		return answer.Reply{}, answer.InvalidParameter("inputFeedDocumentId", `"`+id+`" is not a document that createFeedDocument has returned`)
	}
	k.Mu.Lock()
	defer k.Mu.Unlock()
	f.Job = k.NewJob("feed", c.Now)
	k.Feeds.Add(f)
	k.PlanFeed(f)
	return answer.Reply{Status: http.StatusAccepted, Body: object{"feedId": f.ID}}, nil
}

// describe shows a feed with its members in Amazon's order (lineofflight/peddler, test/vcr_cassettes/Peddler/APIs/Feeds20210630Test, September 2024).
func describe(f *jobs.Feed, t time.Time) format.Record {
	created, started, ended := f.Times(t, jobs.OffsetTimestamp)
	return format.Record{
		{"processingEndTime", ended}, {"processingStatus", f.Status(t)}, {"marketplaceIds", f.Marketplaces}, {"feedId", f.ID}, {"feedType", f.Kind.Name},
		{"createdTime", created}, {"processingStartTime", started}, {"resultFeedDocumentId", jobs.IDOf(f.Result)},
	}
}

func getFeed(c *desk.Call) (answer.Reply, *answer.Error) {
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	f := k.Feeds.Find(c.Path["feedId"])
	if f == nil {
		return answer.Reply{}, answer.Absent("NotFound", "Feed "+c.Path["feedId"]+" was not found.") // wording assumed
	}
	return answer.OK(describe(f, c.Now)), nil
}

func getFeeds(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, err := jobs.TokenAlone(c, "feedTypes")
	if err != nil {
		return answer.Reply{}, err
	}
	filter, err := jobs.ParseFilter(pg, "feedTypes")
	if err != nil {
		return answer.Reply{}, err
	}
	for _, name := range filter.Types {
		if jobs.FeedTypes()[name] == nil {
			return answer.Reply{}, answer.Invalid("Invalid Input", `feedTypes: "`+name+`" is not a feed type`)
		}
	}
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	page, token := k.Feeds.Shown(c, pg, &filter, describe)
	return answer.OK(format.Record{{"feeds", page}, {"nextToken", token}}), nil
}

func cancelFeed(c *desk.Call) (answer.Reply, *answer.Error) {
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	f := k.Feeds.Find(c.Path["feedId"])
	if f == nil {
		return answer.Reply{}, answer.Absent("NotFound", "Feed "+c.Path["feedId"]+" was not found.")
	}
	if status := f.Status(c.Now); status != jobs.InQueue {
		return answer.Reply{}, answer.Invalid("The feed can't be cancelled.", "feedId: the feed is "+status+", want IN_QUEUE") // wording assumed
	}
	f.Cancel(c.Now)
	return answer.Reply{Status: http.StatusOK}, nil
}

func getFeedDocument(c *desk.Call) (answer.Reply, *answer.Error) {
	id := c.Path["feedDocumentId"]
	d := jobs.Queues.Of(c.Seller).Document(id, c.Now)
	if d == nil || !strings.HasPrefix(id, "amzn1.tortuga.") {
		return answer.Reply{}, answer.Invalid("Invalid feedDocumentId", `feedDocumentId: there is no feed document "`+id+`"`) // as for reports
	}
	if _, received := d.Received(); d.Open == nil && !received {
		return answer.Reply{}, answer.Absent("NotFound", "Feed document "+id+" has no contents.") // wording assumed
	}
	body := object{"feedDocumentId": id}
	extra := url.Values{}
	if d.Compressed() {
		body["compressionAlgorithm"] = "GZIP"
		// Else there is no such header, where reports have one (lineofflight/peddler, test/vcr_cassettes/Peddler/API/Feeds20210630Test, September 2024).
		if c.Query.Get("enableContentEncodingUrlHeader") == "true" {
			extra.Set("response-content-encoding", "gzip")
		}
	}
	body["url"] = jobs.DocumentURL(c, http.MethodGet, d, extra)
	return answer.OK(body), nil
}
