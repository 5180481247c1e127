package gateway

import (
	"container/list"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	headerCache = "X-Spapi-Cache" // hit, shared, or, of what is kept, miss

	// DefaultCacheBytes is how much of reference data is kept, over all accounts.
	DefaultCacheBytes = 64 << 20

	// entryCost is what an entry takes beside its text, in bytes, roughly: header, map, list.
	entryCost = 2 << 10
)

// cacheTTL names the operations whose answers are kept, and for how long. All are the same for anybody with the account, and change seldom; none has personal
// data, and nothing that a call changes shows in them.
var cacheTTL = map[string]struct {
	ttl time.Duration
	why string
}{
	"catalogitems20201201.getCatalogItem":                           {time.Hour, "what a product is; ranks change by the hour"},
	"catalogitems20220401.getCatalogItem":                           {time.Hour, "what a product is; ranks change by the hour"},
	"catalogitems20201201.searchCatalogItems":                       {15 * time.Minute, "new products come, and page tokens run out"},
	"catalogitems20220401.searchCatalogItems":                       {15 * time.Minute, "new products come, and page tokens run out"},
	"catalogitemsv0.listCatalogCategories":                          {6 * time.Hour, "categories change with Amazon's releases"},
	"definitionsproducttypes20200901.getDefinitionsProductType":     {6 * time.Hour, "versions come by the week; the links in it hold for seven days"},
	"definitionsproducttypes20200901.searchDefinitionsProductTypes": {6 * time.Hour, "versions come by the week"},
	"sellersv1.getMarketplaceParticipations":                        {15 * time.Minute, "a seller joins or is suspended once in a while"},
}

// cache keeps answers, the latest used ones, up to a size.
type cache struct {
	max int64 // bytes; 0 or less: nothing is kept

	mu      sync.Mutex
	size    int64
	entries map[string]*list.Element
	order   list.List // of *entry, the latest used first
}

type entry struct {
	key     string
	answer  *answer
	request string // Amazon's request id
	at, end time.Time
}

func (e *entry) cost() int64 { return int64(len(e.key)+len(e.answer.body)) + entryCost }

func (c *cache) get(key string, now time.Time) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.entries[key]
	if at == nil {
		return nil
	}
	e := at.Value.(*entry)
	if !now.Before(e.end) || now.Before(e.at) { // the clock may go back
		c.drop(at)
		return nil
	}
	c.order.MoveToFront(at)
	return e
}

func (c *cache) put(key string, a *answer, request string, now time.Time, ttl time.Duration) {
	e := &entry{key, a, request, now, now.Add(ttl)}
	if e.cost() > c.max/8 { // one must not drive all others out
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.entries[key]; at != nil {
		c.drop(at)
	}
	if c.entries == nil {
		c.entries = map[string]*list.Element{}
	}
	c.entries[key] = c.order.PushFront(e)
	for c.size += e.cost(); c.size > c.max; {
		c.drop(c.order.Back())
	}
}

func (c *cache) drop(at *list.Element) {
	e := c.order.Remove(at).(*entry)
	delete(c.entries, e.key)
	c.size -= e.cost()
}

// cacheable tells whether the answer may be kept, or come from what is kept.
func (x *exchange) cacheable() bool {
	if x.g.cache.max <= 0 || cacheTTL[x.op.ID].ttl == 0 {
		return false
	}
	for _, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		if x.r.Header[name] != nil {
			return false
		}
	}
	return !x.directive("no-store")
}

// directive tells whether the caller's Cache-Control has a directive (RFC 9111 5.2.1).
func (x *exchange) directive(name string) bool {
	for _, line := range x.r.Header["Cache-Control"] {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), name) {
				return true
			}
		}
	}
	return false
}

// serveCached answers from what is kept. What the caller wants fresh is asked for, and kept anew.
func (x *exchange) serveCached(key string) bool {
	if x.directive("no-cache") || x.directive("max-age=0") || x.r.Header.Get("Pragma") == "no-cache" && x.r.Header["Cache-Control"] == nil {
		return false
	}
	now := x.g.config.Now()
	e := x.g.cache.get(key, now)
	if e == nil {
		return false
	}
	h := x.w.Header()
	h.Set(headerCache, "hit")
	h.Set("Age", strconv.FormatInt(int64(now.Sub(e.at)/time.Second), 10))
	x.response.RequestID = e.request
	x.response.StatusCode = http.StatusOK
	x.answer(e.answer.response(), nil) //nolint:bodyclose // answer does
	return true
}
