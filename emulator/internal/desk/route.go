package desk

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
)

// Handler answers one operation. It is called after tokens, limits and parameters have been checked.
type Handler func(*Call) (answer.Reply, *answer.Error)

// Flow is one API, or one version of it, with a world behind it: what it answers and what it remembers.
type Flow struct {
	Handlers map[string]Handler // by operation ID
	// Early does what an API does before a request is held against the model, by operation ID: it may refuse the request in the API's own way, or write
	// the body in Exchange anew where the API reads it with more leniency than the model has. Query has the parameters as they came.
	Early map[string]func(*Call) *answer.Error
	// Update lets an item be updated now that lists of an operation have, by operation ID: for the faults of lists that go by last updates.
	Update   map[string]func(c *Call, id string)
	Stores   []Keeper
	Services []Service
	// Settle does what has become due of a seller, before one of the seller's requests is answered.
	Settle func(a *Seller, now time.Time)
	// Checks tell what is not as it should be, whatever has been asked for, by name of the invariant.
	Checks map[string]Check
	// Notices puts into the application's queues what time has made due.
	Notices func(d *Desk, now time.Time)
	// Watch is called when a seller's world has been made, by those who want to know what requests change in it.
	Watch func(a *Seller, w *world.World)
	// News are where notifications come from, by type.
	News map[string]NewsSource
	// Changes is told of each change of a listing while one of News is wanted. The world's lock is held for writing.
	Changes func(a *Seller, w *world.World, c world.Change)
	// Wanted tells whether somebody is subscribed to news of a type of a seller's, by number. It is called with any locks held but its own.
	Wanted func(d *Desk, seller int, kind string) bool
}

// Check looks at what a seller has at a time: how much it has looked at, and a text for each thing that contradicts another, with its ids. Nothing changes
// meanwhile.
type Check func(a *Seller, now time.Time) (counted int, violations []string)

// Service answers requests that are not for an operation of SP-API, by host or path.
type Service struct {
	// Find tells whether a request is for the service, and names what is asked for as [catalog.Operation.ID] would; "" where it has no name.
	Find      func(method, host, path string) (operation string, found bool)
	Answer    func(d *Desk, x *exchange.Exchange) answer.Reply
	MaxUpload int64 // how large a file may be that a request's body is; 0: it is none
	Front     exchange.Front
}

// route is an operation with the way to answer it.
type route struct {
	Op      *catalog.Operation
	handler Handler // nil: sandbox case or schema
	early   func(*Call) *answer.Error
	update  func(c *Call, id string)
	removed bool // no longer at Amazon, and signed as it was then
}

// router finds the route of a request: a trie over path segments, static segments before parameters.
type router struct {
	root   node
	Routes []*route
	words  map[string]bool // that stand in paths: the static segments of all routes and services
}

type node struct {
	static  map[string]*node
	param   *node
	methods map[string]*match // routes that end here
	greedy  map[string]*match // routes whose last parameter takes the rest of the path
}

type match struct {
	route *route
	names []string // of the path parameters, in order
}

func NewRouter(flows []Flow) *router {
	rt := &router{words: map[string]bool{"auth": true, "o2": true, "token": true, "sts": true, "sqs": true, "apps": true, "authorize": true, "consent": true,
		"confirm": true, "store": true, "dp": true, "definitions": true}}
	handlers, early, update := map[string]Handler{}, map[string]func(*Call) *answer.Error{}, map[string]func(*Call, string){}
	for _, f := range flows {
		for id, h := range f.Handlers {
			handlers[id] = h
		}
		for id, do := range f.Early {
			early[id] = do
		}
		for id, do := range f.Update {
			update[id] = do
		}
	}
	ops := catalog.Operations()
	for i := range ops {
		rt.add(&route{Op: &ops[i], handler: handlers[ops[i].ID], early: early[ops[i].ID], update: update[ops[i].ID]})
	}
	for i := range operations.Removed {
		op := &operations.Removed[i]
		rt.add(&route{Op: op, handler: handlers[op.ID], removed: true})
	}
	slices.SortFunc(rt.Routes, func(a, b *route) int { return strings.Compare(a.Op.ID, b.Op.ID) })
	return rt
}

func (rt *router) add(r *route) {
	rt.Routes = append(rt.Routes, r)
	n := &rt.root
	m := &match{route: r}
	segments := strings.Split(strings.TrimPrefix(r.Op.Path, "/"), "/")
	for i, s := range segments {
		if !strings.HasPrefix(s, "{") {
			if n.static == nil {
				n.static = map[string]*node{}
			}
			if n.static[s] == nil {
				n.static[s] = &node{}
			}
			n = n.static[s]
			rt.words[s] = true
			continue
		}
		m.names = append(m.names, strings.Trim(s, "{}"))
		if r.Op.GreedyPath && i == len(segments)-1 {
			if n.greedy == nil {
				n.greedy = map[string]*match{}
			}
			n.greedy[r.Op.Method] = m
			return
		}
		if n.param == nil {
			n.param = &node{}
		}
		n = n.param
	}
	if n.methods == nil {
		n.methods = map[string]*match{}
	}
	n.methods[r.Op.Method] = m
}

// Find returns the route of a request and its path parameters, decoded. escapedPath is the path as it came: an escaped slash is
// part of its segment. It returns nil when there is none, for whatever reason.
func (rt *router) Find(method, escapedPath string) (*route, map[string]string) {
	if !strings.HasPrefix(escapedPath, "/") {
		return nil, nil
	}
	segments := strings.Split(escapedPath[1:], "/")
	for i, s := range segments {
		var err error
		if segments[i], err = url.PathUnescape(s); err != nil {
			return nil, nil
		}
	}
	m, values := rt.root.find(method, segments, nil)
	if m == nil {
		return nil, nil
	}
	params := make(map[string]string, len(values))
	for i, name := range m.names {
		params[name] = values[i]
	}
	return m.route, params
}

func (n *node) find(method string, segments, values []string) (*match, []string) {
	if len(segments) == 0 {
		return n.methods[method], values
	}
	if next := n.static[segments[0]]; next != nil {
		if m, v := next.find(method, segments[1:], values); m != nil {
			return m, v
		}
	}
	// An empty segment routes too: /products/fees/v0/items//feesEstimate (lineofflight/peddler, test/vcr_cassettes/Peddler/APIs, September 2025). Of one at the
	// end nothing is known.
	if n.param != nil && (segments[0] != "" || len(segments) > 1) {
		// Clipped, so that a try that fails leaves nothing behind for the next.
		if m, v := n.param.find(method, segments[1:], append(slices.Clip(values), segments[0])); m != nil {
			return m, v
		}
	}
	if m := n.greedy[method]; m != nil {
		// The slashes of an upload's resource are the path's own: with escaped ones, which clients made from the model send, it was refused as any
		// unknown path (selling-partner-api-models#254; renabled/amzn-sp-api-go#4 of 2024-09).
		escaped := slices.ContainsFunc(segments, func(s string) bool { return strings.Contains(s, "/") })
		if rest := strings.Join(segments, "/"); rest != "" && !escaped {
			return m, append(slices.Clip(values), rest)
		}
	}
	return nil, nil
}

// Template finds the operation of a path template; nil when there is none.
func (rt *router) Template(method, path string) *catalog.Operation {
	for _, r := range rt.Routes {
		if r.Op.Path == path && r.Op.Method == method {
			return r.Op
		}
	}
	return nil
}

func (rt *router) IDs() []string {
	ids := make([]string, len(rt.Routes))
	for i, r := range rt.Routes {
		ids[i] = r.Op.ID
	}
	return ids
}
