package fleet

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi"
)

//go:embed limit.lua
var limitText string

var limitScript = newScript(limitText)

// step is one run of limit.lua: what a process has to say of the calls that wait for a path of buckets, and of replies. The script does all of it at
// one moment of the server's clock. All times are durations, of this process's monotonic clock or, in an answer, from the moment of the run. Microseconds
// count.
type step struct {
	party string // this process and path, a random name without spaces or colons
	host  string // "host/pid", shown to people who ask who waits

	// heads are the calls that wait, in their order (priority, then arrival), at most maxHeads; calls counts all that wait. None: the process leaves
	// all queues of this path.
	heads []head
	calls int

	// levels has the oldest call of each priority that heads doesn't show, the highest first, so that a lower priority gets its turn.
	levels []head

	// bound is the longest wait of the one call in heads, which joins and takes nothing if it would wait longer; negative: none, it joins. before is
	// how many calls of this process with its priority or a higher one go before it, peers how many of those have its priority. Where calls is more than 1
	// others of this process wait already, told of by other steps: then nothing is joined or taken in any case, and wait is all that is told.
	bound         time.Duration
	before, peers int

	ahead   time.Duration // how long before it is due a take may be granted: the grant tells how long to sleep
	keep    time.Duration // the longest time until this process comes back; 0: a second
	replies []replied     // of grants, in the order in which they came
	returns []granted     // takes that nobody used, to be given back if the bucket wasn't full since

	// seen is, per bucket of path, the ordinal of the last take that this process knows of while the bucket isn't full; a smaller one there means that
	// writes were lost.
	seen []int64
	debt []int64 // per bucket of path: calls sent in local mode, which nobody there knows of
}

// margin is a token's time over 1/rate on the server: MARGIN of limit.lua.
const margin = 1.005

// maxHeads bounds how many calls a step shows, and so may be granted at once.
const maxHeads = 8

// head is a call that waits. No two of a process have waited equally long: which of them came first decides who goes first.
type head struct {
	priority int
	waited   time.Duration // below 0 where many came at one moment
	calls    int           // in levels: how many of this process wait with this priority
}

// replied is what came back for a take. See [spapi.LimitReply].
type replied struct {
	takes [3]int64 // per bucket of the path; 0: not known
	reply spapi.LimitReply
	ago   time.Duration // since it came
}

// granted is a call that may be sent.
type granted struct {
	head  int // index in heads, or len(heads) + index in levels
	takes [3]int64
	delay time.Duration // until it is due; no shorter than that of the grant before
	rate  float64       // of the first bucket that isn't of a type
}

// answer is what the script found.
type answer struct {
	grants  []granted
	back    time.Duration // by when the process must come back, if calls still wait: it promised to
	refused bool          // of a step with a bound
	wait    time.Duration // of a step with a bound: how long the call would wait, or (before it joined) will
	longest int           // index in path of the bucket that makes it wait longest
	buckets []standing    // per bucket of path
}

// standing is how a bucket stands after the step.
type standing struct {
	rate  float64
	burst int
	full  time.Duration // until it is full again; 0: it is
	next  time.Duration // until a call may be sent if nobody else comes; 0: now
	lag   time.Duration
	takes int64
	calls int // that wait for it, of all processes
}

const (
	defaultRate     = 1.0  // requests per second, as in the root
	leastRate       = 1e-9 // per second; beyond these nothing changes
	mostRate        = 1e9
	mostInWindow    = 1000 // calls
	highestPriority = 1000
	longestSaid     = 10 * 365 * 24 * time.Hour // bounds what is told: sums of it stay exact on the server
	longestWord     = 100                       // characters
	mostEarly       = time.Second               // by which the stamp of a call may be ahead of the clock
)

// run carries out a step for the path of a keyring.
func (s *step) run(ctx context.Context, server Server, k *keyring) (answer, error) {
	reply, err := server.Run(ctx, limitScript, k.keys, s.request(k))
	if err != nil {
		return answer{}, err
	}
	return readAnswer(reply, k.path)
}

// request writes the argument of limit.lua, a list in JSON, whose values that reads in this order.
func (s *step) request(k *keyring) string {
	keep := s.keep
	if keep <= 0 {
		keep = time.Second
	}
	bound := int64(-1)
	if s.bound >= 0 {
		bound = micros(s.bound)
	}
	list := make([]byte, 0, 128+128*len(k.path)+32*(len(s.heads)+len(s.levels)+len(s.replies)))
	add := func(v int64) { list = strconv.AppendInt(append(list, ','), v, 10) }
	text := func(word string) { list = append(append(append(list, ',', '"'), word...), '"') }
	add(int64(len(k.path)))
	add(micros(s.ahead))
	add(micros(min(keep, time.Minute)))
	add(bound)
	add(int64(s.before))
	add(int64(s.peers))
	text(oneWord(s.party))
	text(oneWord(s.host))
	add(int64(s.calls))
	for i := range k.path {
		b := &k.path[i]
		text(k.labels[i])
		add(int64(b.Scope))
		text(decimal(published(b)))
		add(int64(burst(b)))
		add(micros(b.Window))
		add(at(s.seen, i))
		add(at(s.debt, i))
	}
	add(int64(len(s.heads)))
	add(int64(len(s.levels)))
	for _, heads := range [][]head{s.heads, s.levels} {
		for _, h := range heads {
			add(int64(min(max(h.priority, -highestPriority), highestPriority)))
			add(min(max(h.waited, -mostEarly), longestSaid).Microseconds())
			add(int64(max(h.calls, 1)))
		}
	}
	add(int64(len(s.replies)))
	for _, r := range s.replies {
		for i := range k.path {
			add(r.takes[i])
		}
		add(micros(r.reply.Latency))
		add(micros(r.ago))
		flags := int64(0)
		if r.reply.Throttled {
			flags |= 1
		}
		if r.reply.Refused {
			flags |= 2
		}
		if r.reply.Latency < 0 {
			flags |= 4
		}
		add(flags)
		text(decimal(r.reply.Rate))
	}
	add(int64(len(s.returns)))
	for _, g := range s.returns {
		for i := range k.path {
			add(g.takes[i])
		}
	}
	list[0] = '['
	return string(append(list, ']'))
}

// micros is a duration on the wire.
func micros(d time.Duration) int64 { return min(max(d, 0), longestSaid).Microseconds() }

func at(list []int64, i int) int64 {
	if i < len(list) {
		return max(list[i], 0)
	}
	return 0
}

// published is the rate to start from, in requests per second. Of a window it only says how large the steps of estimates are.
func published(b *spapi.LimitBucket) float64 {
	rate := b.Rate
	if b.Window > 0 {
		rate = float64(burst(b)) / b.Window.Seconds()
	}
	if !(rate > 0 && rate <= math.MaxFloat64) {
		return defaultRate
	}
	return rate
}

// burst is that of a bucket; a window keeps each of its calls.
func burst(b *spapi.LimitBucket) int {
	if b.Window > 0 {
		return min(max(b.Burst, 1), mostInWindow)
	}
	return min(max(b.Burst, 1), math.MaxInt32)
}

// decimal is a rate as every Lua reads it: without an exponent. 0 is none.
func decimal(rate float64) string {
	if !(rate > 0 && rate <= math.MaxFloat64) {
		return "0"
	}
	return strconv.FormatFloat(min(max(rate, leastRate), mostRate), 'f', -1, 64)
}

// oneWord is a text that can stand among words, and in a string in JSON as it is.
func oneWord(text string) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), longestWord)]
}

// readAnswer reads the reply of limit.lua.
func readAnswer(reply any, path []spapi.LimitBucket) (answer, error) {
	list, ok := reply.([]any)
	if !ok {
		return answer{}, fmt.Errorf("fleet: limit.lua replied %T, want a list", reply)
	}
	r := reader{list: list}
	var a answer
	a.back = r.duration()
	a.refused = r.integer() != 0
	a.wait = r.duration()
	a.longest = int(r.integer())
	grants := r.integer()
	for range grants {
		var g granted
		g.head = int(r.integer())
		g.delay = r.duration()
		for i := range path {
			g.takes[i] = r.integer()
		}
		if r.err != nil {
			break
		}
		a.grants = append(a.grants, g)
	}
	for range path {
		a.buckets = append(a.buckets, standing{
			rate: r.rate(), burst: int(r.integer()), full: r.duration(), next: r.duration(), lag: r.duration(), takes: r.integer(), calls: int(r.integer()),
		})
	}
	if r.err == nil && (r.at != len(list) || a.longest < 0 || a.longest >= len(path)) {
		r.err = fmt.Errorf("fleet: limit.lua replied %d values for %d buckets and %d grants, want %d", len(list), len(path), grants, r.at)
	}
	if r.err != nil {
		return answer{}, r.err
	}
	for i := range a.grants {
		a.grants[i].rate = a.buckets[paced(path)].rate
	}
	return a, nil
}

// paced is the index of the bucket whose rate grants tell: the first that isn't of a type.
func paced(path []spapi.LimitBucket) int {
	if len(path) > 1 && path[0].Scope == spapi.LimitPerType {
		return 1
	}
	return 0
}

// reader reads a list of values and keeps the first error.
type reader struct {
	list []any
	at   int
	err  error
}

func (r *reader) next() any {
	if r.at >= len(r.list) {
		r.fail("has %d values, which are too few", len(r.list))
		return nil
	}
	r.at++
	return r.list[r.at-1]
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("fleet: the reply of limit.lua "+format, args...)
	}
}

// mostWhole is the largest number up to which Lua counts exactly.
const mostWhole = 1 << 53

func (r *reader) integer() int64 {
	v := r.next()
	i, ok := v.(int64)
	if r.err == nil && (!ok || i < 0 || i > mostWhole) {
		r.fail("has %v at %d, want a whole number from 0 to 2^53", v, r.at-1)
	}
	return i
}

func (r *reader) duration() time.Duration {
	return time.Duration(min(r.integer(), math.MaxInt64/1000)) * time.Microsecond
}

func (r *reader) rate() float64 {
	v := r.next()
	text, _ := v.(string)
	rate, err := strconv.ParseFloat(text, 64)
	if r.err == nil && (err != nil || !(rate > 0)) {
		r.fail("has %q at %d, want a rate above 0", text, r.at-1)
	}
	return rate
}
