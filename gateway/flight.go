package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/openspapi/spapi"
)

// maxShared is the longest answer that is kept for others: that of a longer one goes to the caller that asked first, and each of the others calls by itself.
const maxShared = 4 << 20

// flights are calls under way that others may join: equal GETs are one call.
type flights struct {
	mu  sync.Mutex
	all map[string]*flight
}

// flight is one call for several callers. The first of them makes it, on a context that ends when all have gone.
type flight struct {
	key     string
	callers int // who still wants it; under flights.mu, as the next
	joined  int // who came after the first
	cancel  context.CancelFunc
	done    chan struct{} // closed when what follows is settled

	answer *answer // nil: each has to call by itself
	err    error
	met    spapi.Response
}

// answer is a whole answer, for any number of callers. It never changes.
type answer struct {
	status int
	header http.Header // as Amazon sent it
	body   []byte
}

// response makes an answer that one caller may change and read.
func (a *answer) response() *http.Response {
	return &http.Response{StatusCode: a.status, Header: maps.Clone(a.header), ContentLength: int64(len(a.body)), Body: io.NopCloser(bytes.NewReader(a.body))}
}

// shareable tells whether the answer may be another caller's, too: GETs without personal data.
func (x *exchange) shareable() bool {
	return x.r.Method == http.MethodGet && x.body == nil && x.caller.token == "" && !x.record.PersonalData && x.r.Header.Get("Range") == ""
}

// sharedKey is equal for calls that have the same answer: for the same account, of the same path and query, with the same headers that Amazon gets but for
// the program's name.
func (x *exchange) sharedKey(out *http.Request) string {
	var b strings.Builder
	app, seller := x.client.Principal()
	for _, part := range [...]string{app, seller, x.client.Endpoint(), x.record.Account, out.URL.EscapedPath(), out.URL.RawQuery, strconv.FormatBool(x.problems)} {
		b.WriteString(part)
		b.WriteByte(0)
	}
	for _, name := range slices.Sorted(maps.Keys(out.Header)) {
		if name != "User-Agent" {
			b.WriteString(name)
			for _, value := range out.Header[name] {
				b.WriteByte(0)
				b.WriteString(value)
			}
			b.WriteByte(0)
		}
	}
	return b.String()
}

// share answers from the cache, or from an equal call under way, or calls for itself and all that come meanwhile.
func (x *exchange) share(out *http.Request) {
	key, kept := x.sharedKey(out), x.cacheable()
	if kept {
		if x.serveCached(key) {
			return
		}
		x.w.Header().Set(headerCache, "miss")
	}
	// Calls that wait in different ways are different calls: none fails for another's impatience.
	waits := "\x00" + strconv.Itoa(x.paced.priority)
	if x.paced.failFast {
		waits += " " + x.paced.maxWait.String()
	}
	f, leads := x.g.flights.join(key + waits)
	switch {
	case leads && kept:
		x.lead(f, out, key)
	case leads:
		x.lead(f, out, "")
	case !x.follow(f):
		res, err := x.client.Do(out.WithContext(x.r.Context()), x.call...) //nolint:bodyclose // answer does
		x.answer(res, err)
	}
}

// join takes part in a call, or begins it.
func (fs *flights) join(key string) (f *flight, leads bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.all[key]; f != nil {
		f.callers++
		f.joined++
		return f, false
	}
	f = &flight{key: key, callers: 1, done: make(chan struct{})}
	if fs.all == nil {
		fs.all = map[string]*flight{}
	}
	fs.all[key] = f
	return f, true
}

// leave ends the call if nobody wants it any more.
func (fs *flights) leave(f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.callers--; f.callers == 0 {
		fs.forget(f)
		f.cancel()
	}
}

// close lets nobody join any more, and tells whether somebody has.
func (fs *flights) close(f *flight) (shared bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.forget(f)
	return f.joined > 0
}

func (fs *flights) forget(f *flight) {
	if fs.all[f.key] == f {
		delete(fs.all, f.key)
	}
}

// lead makes the call. A whole answer is kept under keep; "" keeps none.
func (x *exchange) lead(f *flight, out *http.Request, keep string) {
	fs := &x.g.flights
	var cancel context.CancelFunc
	ctx := context.WithoutCancel(x.r.Context())
	if deadline, ok := x.r.Context().Deadline(); ok {
		ctx, cancel = context.WithDeadline(ctx, deadline)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	defer cancel()
	fs.mu.Lock()
	f.cancel = cancel
	fs.mu.Unlock()
	stop := context.AfterFunc(x.r.Context(), func() { fs.leave(f) })
	defer stop()
	settled := false
	settle := func() {
		if !settled {
			settled = true
			close(f.done)
		}
	}
	defer settle()
	defer fs.close(f) // should a panic lead out
	res, err := x.client.Do(out.WithContext(ctx), x.call...)
	shared := fs.close(f)
	f.met = x.response
	if err != nil {
		f.err = err
		settle()
		x.answer(nil, err)
		return
	}
	if !shared && (keep == "" || res.StatusCode != http.StatusOK) || len(res.Trailer) > 0 {
		settle() // nobody waits, or each for itself
		defer context.AfterFunc(x.r.Context(), cancel)()
		x.answer(res, nil)
		return
	}
	var body bytes.Buffer
	if n := res.ContentLength; n > 0 && n <= maxShared {
		body.Grow(int(n) + bytes.MinRead)
	}
	_, err = io.Copy(&body, io.LimitReader(res.Body, maxShared+1))
	switch {
	case err == nil && res.ContentLength > int64(body.Len()) && body.Len() <= maxShared:
		err = io.ErrUnexpectedEOF
		fallthrough
	case err != nil:
		settle()
		_ = res.Body.Close()
		x.fail(err)
		return
	case body.Len() > maxShared:
		settle()
		defer context.AfterFunc(x.r.Context(), cancel)() // the rest is this caller's alone
		rest := res.Body
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(&body, rest), rest}
		x.answer(res, nil)
		return
	}
	_ = res.Body.Close()
	f.answer = &answer{res.StatusCode, res.Header, body.Bytes()}
	settle()
	if keep != "" && res.StatusCode == http.StatusOK {
		x.g.cache.put(keep, f.answer, x.response.RequestID, x.g.config.Now(), cacheTTL[x.op.ID].ttl)
	}
	x.answer(f.answer.response(), nil) //nolint:bodyclose // answer does
}

// follow waits for the call of another. It is false if the caller has to call by itself: the answer is too long to be kept, it broke off, or the other
// had less patience, or was stopped.
func (x *exchange) follow(f *flight) bool {
	ctx := x.r.Context()
	select {
	case <-f.done:
	case <-ctx.Done():
		x.g.flights.leave(f)
		x.fail(context.Cause(ctx))
		return true
	}
	if f.err != nil {
		limit, isLimit := errors.AsType[*spapi.LimitError](f.err)
		_, isStopped := errors.AsType[stopped](f.err) // the other's key or account
		if isStopped || isLimit && limit.Deadline || errors.Is(f.err, context.DeadlineExceeded) || errors.Is(f.err, context.Canceled) {
			return false
		}
	} else if f.answer == nil {
		return false
	}
	x.response = f.met
	x.w.Header().Set(headerCache, "shared")
	if f.err != nil {
		x.fail(f.err)
		return true
	}
	x.answer(f.answer.response(), nil) //nolint:bodyclose // answer does
	return true
}
