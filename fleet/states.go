package fleet

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/openspapi/spapi"
)

//go:embed look.lua
var lookText string

var lookScript = newScript(lookText)

const (
	lookers    = 16    // scripts under way at once
	mostLabels = 10000 // buckets of an operation that are told
	lookedAt   = 100   // buckets in one run
	lookTime   = 2 * time.Second
)

// SellerDigest is what [Limiter.LimitStates] has for a seller, as [spapi.Client.Principal] names it: programs find their own by it.
func SellerDigest(seller string) string { return sellerName(seller) }

var _ spapi.LimitInspector = (*Limiter)(nil)

// LimitStates is that of [spapi.LimitInspector]: of all processes, of the operations that the models have. Sellers are digests, see [SellerDigest]. It asks
// the server at least once per operation, and changes nothing there. What it tells of two operations isn't of one moment. Where the server doesn't answer
// for one, that is the error, and there are no states.
func (l *Limiter) LimitStates(ctx context.Context, app, region string) ([]spapi.LimitState, error) {
	return states(ctx, l.server, app, region)
}

var _ spapi.LimitLooker = (*Limiter)(nil)

// LimitState is that of [spapi.LimitLooker], by what the server told this process last: what others took since is not in it. Of limits over a span of time it
// knows nothing.
func (l *Limiter) LimitState(b spapi.LimitBucket) (spapi.LimitState, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b.Seller, b.Alias = l.sellerOf(&b), ""
	known := l.buckets[keyOf(&b)]
	if known == nil || known.rate <= 0 || b.Window > 0 {
		return spapi.LimitState{}, false
	}
	now := time.Now()
	s := spapi.LimitState{Bucket: known.limit, Full: max(known.full.Sub(now), 0), Next: max(known.next.Sub(now), 0), Lag: known.lag, Takes: known.seen}
	s.Bucket.Rate = known.rate
	s.Left = max(float64(known.limit.Burst)-s.Full.Seconds()*known.rate, 0)
	return s, true
}

// Processes is how many processes of the application have said on the server that they are there, in the last 10 seconds.
func (l *Limiter) Processes(ctx context.Context, app string) (int, error) {
	ctx, stop := context.WithTimeout(ctx, lookTime)
	defer stop()
	reply, err := l.server.Run(ctx, presentScript, helloKeys(app)[:1], helloKept)
	if err != nil {
		return 0, fmt.Errorf("fleet: count processes: %w", err)
	}
	n, ok := reply.(int64)
	if !ok {
		return 0, fmt.Errorf("fleet: count processes: the server replied %T, want a number", reply)
	}
	return int(n), nil
}

var presentScript = newScript(`local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
return redis.call('ZCOUNT', KEYS[1], string.format('%.0f', now - ARGV[1]), string.format('%.0f', now + ARGV[1]))`)

func states(ctx context.Context, server Server, app, region string) ([]spapi.LimitState, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	operations := make(chan string)
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		found []spapi.LimitState
	)
	for range lookers {
		wg.Go(func() {
			for operation := range operations {
				l := look{server: server, app: app, region: region, operation: operation, tag: tagOf(app, region, operation)}
				some, err := l.states(ctx)
				if err != nil {
					stop(fmt.Errorf("fleet: look at the limits of %s: %w", operation, err))
					continue
				}
				mu.Lock()
				found = append(found, some...)
				mu.Unlock()
			}
		})
	}
	for _, op := range spapi.Operations() {
		if ctx.Err() != nil {
			break
		}
		operations <- op.ID
	}
	close(operations)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b spapi.LimitState) int {
		x, y := &a.Bucket, &b.Bucket
		return cmp.Or(cmp.Compare(x.Operation, y.Operation), cmp.Compare(x.Scope, y.Scope), cmp.Compare(x.Type, y.Type), cmp.Compare(x.Seller, y.Seller))
	})
	return found, nil
}

// look looks at the buckets of one operation.
type look struct {
	server                      Server
	app, region, operation, tag string
	queues                      map[string][]spapi.LimitQueue // by bucket name: of those where processes wait
	now                         int64                         // of the server
	wide                        map[string]map[string]party   // by bucket name: who waits there, of those where narrower buckets do
}

func (l *look) run(ctx context.Context, labels int, keys []string) ([]any, error) {
	ctx, stop := context.WithTimeout(ctx, lookTime)
	defer stop()
	reply, err := l.server.Run(ctx, lookScript, append([]string{indexKey(l.tag)}, keys...), strconv.Itoa(labels))
	if err != nil {
		return nil, err
	}
	list, ok := reply.([]any)
	if !ok || len(list) != 2+len(keys) {
		return nil, fmt.Errorf("fleet: look.lua replied %T of %d values, want a list of %d", reply, len(list), 2+len(keys))
	}
	if l.now, ok = list[0].(int64); !ok {
		return nil, fmt.Errorf("fleet: look.lua replied %T as the time, want a number", list[0])
	}
	return list[1:], nil
}

func (l *look) states(ctx context.Context) ([]spapi.LimitState, error) {
	list, err := l.run(ctx, mostLabels, nil)
	if err != nil {
		return nil, err
	}
	l.queues, l.wide = map[string][]spapi.LimitQueue{}, map[string]map[string]party{}
	var found []spapi.LimitState
	var names []string // of found
	for labels := range slices.Chunk(texts(list[0]), lookedAt) {
		var chunk []spapi.LimitBucket
		var keys []string
		for _, label := range labels {
			if b, ok := readLabel(label); ok {
				b.App, b.Region, b.Operation = l.app, l.region, l.operation
				chunk = append(chunk, b)
				keys = append(keys, bucketKey(l.tag, bucketName(&b), "b"), bucketKey(l.tag, bucketName(&b), "c"))
			}
		}
		if list, err = l.run(ctx, 0, keys); err != nil {
			return nil, err
		}
		for i := range chunk {
			text, _ := list[1+2*i].(string)
			if state, ok := l.state(chunk[i], text); ok {
				name := bucketName(&chunk[i])
				l.wait(name, fields(list[2+2*i]))
				found, names = append(found, state), append(names, name)
			}
		}
	}
	for i, name := range names {
		found[i].Queue = l.queue(name)
	}
	return found, nil
}

// state reads a bucket as limit.lua keeps it, which says what its list has. ok is false for one that has ended meanwhile.
func (l *look) state(b spapi.LimitBucket, text string) (state spapi.LimitState, ok bool) {
	var list []any
	if json.Unmarshal([]byte(text), &list) != nil || len(list) < 16 {
		return state, false
	}
	told, _ := list[15].(string)
	rate, err := strconv.ParseFloat(told, 64)
	if err != nil || !(rate > 0) {
		return state, false
	}
	number := func(i int) int64 {
		v, _ := list[i].(float64)
		if !(math.Abs(v) <= mostWhole) {
			return 0
		}
		return int64(v)
	}
	at := min(number(0), l.now) // what lies ahead moves with the server's clock, where that was put back
	full, own, lag := at+number(1), float64(number(2)), number(5)
	b.Rate, b.Burst = rate, int(max(number(13), 1))
	state.Bucket, state.Lag, state.Takes = b, duration(lag), number(4)
	if b.Window > 0 {
		var calls []int64
		for i := 22; i+1 < len(list); i += 2 {
			calls = append(calls, at+number(i))
		}
		l.window(&state, calls, micros(b.Window)+lag, full)
		return state, true
	}
	step := min(max(math.Ceil(1e6/rate*margin), 1), 365*86400*1e6)
	missing := float64(max(full-l.now, 0))
	missing = min(missing, float64(b.Burst+1)*step+float64(lag)+1e6)
	state.Full = duration(int64(missing))
	state.Left = max(float64(b.Burst)-missing/step, own, 0)
	if missing == 0 {
		state.Left = float64(b.Burst)
	}
	if own == 0 {
		state.Next = duration(int64(max(missing-float64(b.Burst-1)*step, 0)))
	}
	return state, true
}

// window is how a window stands that counts each call for this long, and lets none go before from. The last of its calls is the last
// one sent.
func (l *look) window(state *spapi.LimitState, calls []int64, each, from int64) {
	counting, burst := 0, state.Bucket.Burst
	next, full := from-l.now, from-l.now
	for _, sent := range calls {
		ends := sent + each - l.now
		if ends <= 0 {
			continue
		}
		if counting++; counting == 1 {
			state.Next = duration(ends) // if they are as many as may be
		}
		full = max(full, ends)
	}
	if counting < burst {
		state.Next = 0
	}
	state.Next, state.Full = max(state.Next, duration(next)), duration(full)
	if next <= 0 {
		state.Left = float64(max(burst-counting, 0))
	}
}

// party is who waits for a bucket: a process, or a narrower bucket.
type party struct {
	process string // of a narrower bucket: one of those that wait for it
	calls   int
	longest time.Duration
}

// wait reads who waits for a bucket; limit.lua says how it is written.
func (l *look) wait(name string, hash map[string]string) {
	byProcess := map[string]party{}
	for id, value := range hash {
		var list []any
		if id == "#" || json.Unmarshal([]byte(value), &list) != nil || len(list) < 6 {
			continue
		}
		number := func(i int) (int64, bool) {
			v, ok := list[i].(float64)
			return int64(v), ok && math.Abs(v) <= mostWhole
		}
		var n [5]int64 // promise, calls, full, room, step
		process, ok := list[5].(string)
		for i := range n {
			v, whole := number(i)
			n[i], ok = v, ok && whole
		}
		const grace, future = 300_000, 120_000_000 // of promises, as in limit.lua
		if !ok || n[0]+grace < l.now || n[0] > l.now+future || n[1] <= 0 {
			continue
		}
		oldest := l.now
		for i := 7; i < len(list); i += 3 {
			if key, ok := number(i); ok {
				oldest = min(oldest, key)
			}
		}
		p := party{process: process, calls: int(min(n[1], math.MaxInt32)), longest: duration(l.now - oldest)}
		if n[4] > 0 {
			if l.wide[name] == nil {
				l.wide[name] = map[string]party{}
			}
			l.wide[name][id] = p
			continue
		}
		sum := byProcess[p.process] // a process is a party for each path of buckets
		byProcess[p.process] = party{p.process, sum.calls + p.calls, max(sum.longest, p.longest)}
	}
	for _, p := range byProcess {
		l.queues[name] = append(l.queues[name], spapi.LimitQueue{Process: p.process, Calls: p.calls, Longest: p.longest})
	}
}

// queue is who waits for a bucket, by process: of a narrower one that has a place there, all who wait for that.
func (l *look) queue(name string) []spapi.LimitQueue {
	byProcess := map[string]spapi.LimitQueue{}
	add := func(queues ...spapi.LimitQueue) {
		for _, q := range queues {
			sum := byProcess[q.Process]
			byProcess[q.Process] = spapi.LimitQueue{Process: q.Process, Calls: sum.Calls + q.Calls, Longest: max(sum.Longest, q.Longest)}
		}
	}
	add(l.queues[name]...)
	for narrow, p := range l.wide[name] {
		if behind := l.queue(narrow); len(behind) > 0 {
			add(behind...)
		} else {
			add(spapi.LimitQueue{Process: p.process, Calls: p.calls})
		}
	}
	var all []spapi.LimitQueue
	for _, q := range byProcess {
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b spapi.LimitQueue) int {
		return cmp.Or(-cmp.Compare(a.Longest, b.Longest), cmp.Compare(a.Process, b.Process))
	})
	return all
}

func duration(micros int64) time.Duration {
	return time.Duration(min(max(micros, 0), math.MaxInt64/1000)) * time.Microsecond
}

// texts are the strings of a list.
func texts(v any) []string {
	list, _ := v.([]any)
	var found []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			found = append(found, s)
		}
	}
	return found
}

// fields are those of a hash.
func fields(v any) map[string]string {
	found := map[string]string{}
	for pair := range slices.Chunk(texts(v), 2) {
		if len(pair) == 2 {
			found[pair[0]] = pair[1]
		}
	}
	return found
}
