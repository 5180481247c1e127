package factory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// progress tells on stderr what takes its time: on a terminal, how long a wait for the rate limit still is; with --verbose, also every
// attempt. What nobody else tells is told by [waits].
type progress struct {
	f *Factory

	mu      sync.Mutex // guards stderr and what follows
	buckets map[string]*quota
}

// patience is how long a wait may be before anything is told about it.
const patience = time.Second

func (p *progress) notef(format string, args ...any) {
	if p.f.Flags.Quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.f.Streams.Err, format+"\n", args...)
}

// live reports whether somebody looks on, who is told of each wait as soon as it begins; others are told of long ones, once.
func (p *progress) live() bool {
	return !p.f.Flags.Quiet && (p.f.Flags.Verbose || p.f.Streams.ErrIsTerminal)
}

// quota is a guess at what Amazon's bucket still holds: Amazon tells its rate only.
type quota struct {
	rate  float64
	burst int
	left  float64
	at    time.Time
}

func (q *quota) fill(now time.Time) {
	q.left = min(float64(q.burst), q.left+now.Sub(q.at).Seconds()*q.rate)
	q.at = now
}

// limiter lets a limiter's longer waits be seen, and counts.
func (p *progress) limiter(next spapi.Limiter) spapi.Limiter { return &watchedLimiter{next, p} }

type watchedLimiter struct {
	next spapi.Limiter
	p    *progress
}

// Wait waits; where it would be for long, it says so first. For that it asks the limiter with a short bound, which takes nothing when
// the bound is too short.
func (l *watchedLimiter) Wait(ctx context.Context, r spapi.LimitRequest) (grant spapi.LimitGrant, err error) {
	if r.MaxWait >= 0 || l.p.f.Flags.Quiet {
		b := planned(r.Buckets)
		w := l.p.f.Await("the rate limit of %s (%s requests per second, burst %d)", b.Operation, number(b.Rate), b.Burst)
		grant, err = l.next.Wait(ctx, r)
		w.End()
	} else {
		first := r
		first.MaxWait = patience
		grant, err = l.next.Wait(ctx, first)
		if limit, ok := errors.AsType[*spapi.LimitError](err); ok && !limit.Deadline {
			why := l.p.reason(limit)
			stop := func() {}
			var w *Wait
			if l.p.live() || limit.Scope == spapi.LimitPerType { // which may take hours: everybody is told at once
				w = l.p.f.AwaitShown("the rate limit of %s", limit.Operation)
				stop = l.p.countdown(limit.Wait, why)
			} else {
				w = l.p.f.AwaitFor(fmt.Sprintf("waiting %s %s", short(limit.Wait), why), "the rate limit of %s", limit.Operation)
			}
			grant, err = l.next.Wait(ctx, r)
			stop()
			w.End()
		}
	}
	if err == nil {
		b := planned(r.Buckets)
		l.p.take(b, cmp.Or(grant.Rate, b.Rate))
	}
	return grant, err
}

// reason says for which limit a call waits, as it is in force, and until when.
func (p *progress) reason(limit *spapi.LimitError) string {
	what := limit.Limit()
	if limit.Scope != spapi.LimitPerType {
		what = fmt.Sprintf("the rate limit of %s (%s requests per second, burst %d)", limit.Operation, number(limit.Rate), limit.Burst)
	}
	return "for " + what + ", until " + time.Now().Add(limit.Wait).Format("15:04:05")
}

// planned is the bucket of the usage plan: the first that isn't one of a type alone.
func planned(buckets []spapi.LimitBucket) spapi.LimitBucket {
	if buckets[0].Scope == spapi.LimitPerType && len(buckets) > 1 {
		return buckets[1]
	}
	return buckets[0]
}

// Observe passes on what came back.
func (l *watchedLimiter) Observe(ctx context.Context, g spapi.LimitGrant, r spapi.LimitReply) error {
	err := l.next.Observe(ctx, g, r)
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	if q := l.p.buckets[g.Buckets[0].Operation]; q != nil {
		q.rate = cmp.Or(r.Rate, q.rate)
		if r.Throttled {
			q.left, q.at = 0, time.Now()
		}
	}
	return err
}

func (p *progress) take(b spapi.LimitBucket, rate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.buckets[b.Operation]
	if q == nil {
		q = &quota{burst: b.Burst, left: float64(b.Burst), at: time.Now()}
		p.buckets[b.Operation] = q
	}
	q.rate = rate
	q.fill(time.Now())
	q.left--
}

// observe tells about pauses before repeats, and with --verbose about every attempt; see [spapi.WithObserver].
func (p *progress) observe(ctx context.Context, a spapi.Activity) (context.Context, func(spapi.Outcome)) {
	switch {
	case a.Kind == spapi.ActivityRetryPause:
		return ctx, p.retry(a)
	case a.Kind == spapi.ActivityAttempt && p.f.Flags.Verbose:
		return ctx, func(o spapi.Outcome) { p.attempt(a, o) }
	}
	return ctx, nil
}

// retry tells about a pause that takes its time.
func (p *progress) retry(a spapi.Activity) func(spapi.Outcome) {
	who, why := a.Operation, "no answer"
	if a.Grant != "" {
		who = "Login with Amazon"
	}
	if a.StatusCode != 0 {
		why = "status " + strconv.Itoa(a.StatusCode)
	}
	var w *Wait
	if p.live() {
		if a.Pause >= patience || p.f.Flags.Verbose {
			p.notef("%s: %s; asks again in %s", who, why, short(a.Pause))
		}
		w = p.f.AwaitShown("the pause before %s is asked again", who)
	} else {
		w = p.f.AwaitFor(fmt.Sprintf("waiting %s before %s is asked again (%s)", short(a.Pause), who, why), "the pause before %s is asked again (%s)", who, why)
	}
	return func(spapi.Outcome) { w.End() }
}

func (p *progress) attempt(a spapi.Activity, o spapi.Outcome) {
	var b strings.Builder
	fmt.Fprintf(&b, "* %s %s", a.Method, a.Path)
	if len(a.Query) > 0 {
		b.WriteString("?" + strings.Join(a.Query, "&"))
	}
	fmt.Fprintf(&b, ": %s attempt %d, ", a.Operation, a.Attempt)
	if o.Err != nil {
		b.WriteString("no answer")
	} else {
		fmt.Fprintf(&b, "status %d", o.StatusCode)
	}
	fmt.Fprintf(&b, " in %s, waited %s", short(o.Duration), short(o.Waited))
	if o.RequestID != "" {
		b.WriteString(", request " + o.RequestID)
	}
	p.mu.Lock()
	if q := p.buckets[a.Operation]; q != nil {
		q.fill(time.Now())
		fmt.Fprintf(&b, ", about %d of %d calls left at %s per second", int(max(math.Floor(q.left), 0)), q.burst, number(q.rate))
	}
	p.mu.Unlock()
	p.notef("%s", b.String())
}

// logger tells what the SDK warns of.
func (p *progress) logger() *slog.Logger { return slog.New(&warningHandler{p: p}) }

type warningHandler struct{ p *progress }

func (h *warningHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn
}

func (h *warningHandler) Handle(_ context.Context, r slog.Record) error {
	var who, why string
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "operation":
			who = a.Value.String()
		case "grant":
			who = "Login with Amazon"
		case "error":
			why = a.Value.String()
		}
		return true
	})
	parts := []string{who, strings.TrimPrefix(r.Message, "spapi: "), strings.TrimPrefix(why, "spapi: ")}
	h.p.f.once(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": "))
	return nil
}

func (h *warningHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h *warningHandler) WithGroup(string) slog.Handler      { return h }

// countdown tells about a wait until stop is called: on a terminal in a line that counts down and then goes away.
func (p *progress) countdown(wait time.Duration, why string) (stop func()) {
	if !p.f.Streams.ErrIsTerminal {
		p.notef("waiting %s %s", short(wait), why)
		return func() {}
	}
	end := time.Now().Add(wait)
	show := func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		line := fmt.Sprintf("waiting %s %s", short(max(time.Until(end), 0).Round(time.Second)), why)
		if width := p.f.Streams.Width; width > 0 && len(line) >= width {
			line = line[:width-1]
		}
		fmt.Fprintf(p.f.Streams.Redraw(), "\r\x1b[K%s", terminal.Clean(line))
	}
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			show()
			select {
			case <-done:
				return
			case <-time.After(time.Second):
			}
		}
	}()
	return func() {
		close(done)
		<-gone
		p.mu.Lock()
		defer p.mu.Unlock()
		fmt.Fprint(p.f.Streams.Redraw(), "\r\x1b[K")
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// short rounds a duration for people: 12ms, 3.1s, 1m3s.
func short(d time.Duration) string {
	switch {
	case d <= 0:
		return "0s"
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
