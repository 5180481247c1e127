// Package limits is "spapi limits": how much of the rate limits is left, and who waits for them.
package limits

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/marketplace"
)

// Options are the flags of "spapi limits" and what it works with.
type Options struct {
	Factory *factory.Factory

	// Shared is what shows the limits of all processes; nil where none are shared.
	Shared func() (Shared, error)

	Operation  string // a part of its id; "" for all
	Waiting    bool
	Watch      bool
	AllRegions bool
}

// Shared is a limiter of many processes. That of package fleet is one.
type Shared interface {
	spapi.LimitInspector
	Processes(ctx context.Context, app string) (int, error)
}

// NewCmdLimits returns the command. runF replaces the work in tests.
func NewCmdLimits(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f, Shared: func() (Shared, error) { return shared(f) }}
	cmd := &cobra.Command{
		Use:   "limits",
		Args:  exit.NoArgs,
		Short: "Show what is left of the rate limits, and who waits",
		Long: "Shows the rate limits of the application, in the region of its account. Where SPAPI_FLEET names the server over which processes share limits,\n" +
			"these are the buckets of all of them, as the server knows them: how many calls could go at once (left), when the next one may (next), when the\n" +
			"bucket is full again, and which processes wait for it, by host and process id, with the one that has waited longest. What nobody has called\n" +
			"for an hour is full, and isn't listed. Sellers are shown as digests; the account's own is marked.\n\n" +
			"With --watch a look that fails is told on stderr, and the next one follows all the same; only where the first one fails the command does. As CSV all\n" +
			"looks are one table with their time, as JSON each is a line.\n\n" +
			"Without SPAPI_FLEET each process knows its own calls alone; then the usage plans that hold for the account's calls are listed. A program\n" +
			"shows its limits with App.LimitStates.",
		Example: "  spapi limits\n" +
			"  spapi limits --operation orders -o table\n" +
			"  spapi limits -o json | jq '.[] | select(.rate < 0.1) | .operation'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Operation, "operation", "", "limits of operations that have this `text` in their id, such as getOrder")
	flags.BoolVar(&opts.Waiting, "waiting", false, "only limits that calls wait for")
	flags.BoolVar(&opts.Watch, "watch", false, "show them again every second, until interrupted")
	flags.BoolVar(&opts.AllRegions, "all-regions", false, "the application's limits in all regions")
	_ = cmd.RegisterFlagCompletionFunc("operation", operation.Complete)
	return cmd
}

// row is a limit as JSON. Times are seconds. What isn't known, because no limits are shared, is null.
type row struct {
	Operation string   `json:"operation"`
	Region    string   `json:"region"`
	Scope     string   `json:"scope"`  // "type", "seller", "application"
	Type      *string  `json:"type"`   // of the report or feed
	Seller    *string  `json:"seller"` // its id where it is the account's own, else a digest
	Own       bool     `json:"own"`    // the account's seller
	Rate      float64  `json:"rate"`   // requests per second
	Burst     int      `json:"burst"`
	Window    *float64 `json:"window"` // burst calls in any span of this length, whatever the rate
	Left      *float64 `json:"left"`
	Next      *float64 `json:"next"`
	Full      *float64 `json:"full"`
	Lag       *float64 `json:"lag"`
	Takes     *int64   `json:"takes"`
	Waiting   *int     `json:"waiting"` // calls
	Queue     []queue  `json:"queue"`
	Processes *int     `json:"processes"` // that share the application's limits now
}

type queue struct {
	Process string  `json:"process"` // "host/pid"
	Calls   int     `json:"calls"`
	Longest float64 `json:"longest"`
}

var columns = []output.Column{
	{Name: "operation", Path: "operation"},
	{Name: "region", Path: "region", Wide: true},
	{Name: "per", Path: "scope"},
	{Name: "type", Path: "type", Spare: 3, Long: true},
	{Name: "seller", Path: "seller", Spare: 2, Text: short},
	{Name: "rate", Path: "rate", Right: true, Text: number},
	{Name: "burst", Path: "burst", Right: true, Spare: 1},
	{Name: "window", Path: "window", Right: true, Spare: 5, Text: seconds},
	{Name: "left", Path: "left", Right: true, Text: number},
	{Name: "next", Path: "next", Right: true, Text: seconds},
	{Name: "full", Path: "full", Right: true, Spare: 4, Text: seconds},
	{Name: "lag", Path: "lag", Right: true, Wide: true, Text: seconds},
	{Name: "takes", Path: "takes", Right: true, Wide: true},
	{Name: "waiting", Path: "waiting", Right: true},
	{Name: "who", Path: "queue", Long: true, Spare: 1, Text: who},
}

// plan are the columns of usage plans.
var plan = []output.Column{columns[0], columns[1], columns[2], columns[3], columns[5], columns[6], columns[7]}

func run(ctx context.Context, opts *Options) error {
	f := opts.Factory
	p := f.Printer()
	t, err := f.Target(ctx)
	if err != nil {
		return err
	}
	if opts.Operation != "" && !slices.ContainsFunc(spapi.Operations(), func(op spapi.Operation) bool { return opts.wants(op.ID) }) {
		return exit.Usagef("--operation %q: no operation has it in its id; \"spapi ops\" lists them", opts.Operation)
	}
	s, err := opts.Shared()
	if err != nil {
		return err
	}
	if s == nil {
		return opts.plans(ctx, p, t)
	}
	f.Tell(t)
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	regions := []string{string(client.Region())}
	if opts.AllRegions {
		regions = nil
		for _, r := range marketplace.Regions() {
			regions = append(regions, string(r))
		}
	}
	if client.Sandbox() {
		for i := range regions {
			regions[i] += "-sandbox"
		}
	}
	app, seller := client.Principal()
	l := &look{opts: opts, shared: s, app: app, seller: seller, regions: regions}
	if !opts.Watch {
		return l.show(ctx, p)
	}
	return l.watch(ctx, p)
}

func (opts *Options) wants(operation string) bool {
	return strings.Contains(strings.ToLower(operation), strings.ToLower(opts.Operation))
}

// plans shows what is known without other processes.
func (opts *Options) plans(ctx context.Context, p *output.Printer, t factory.Target) error {
	const why = "limits of this process alone are known, which has sent nothing: SPAPI_FLEET=redis://… shares them between processes, and shows all"
	switch {
	case opts.Watch:
		return exit.Usagef("--watch: %s", why)
	case opts.Waiting:
		return exit.Usagef("--waiting: %s", why)
	case opts.AllRegions:
		return exit.Usagef("--all-regions: usage plans are the same in all of them; %s", why)
	}
	opts.Factory.Tell(t)
	region := string(t.Account.Region)
	if t.Account.Sandbox {
		region += "-sandbox"
	}
	rows := []row{}
	for _, op := range spapi.Operations() {
		if !opts.wants(op.ID) {
			continue
		}
		for _, b := range op.Limits(t.Account.Sandbox) {
			rows = append(rows, newRow(&b, region))
		}
	}
	if err := p.Print(ctx, rows, plan...); err != nil || p.Structured() {
		return err
	}
	opts.Factory.Notef("%s of usage plans; %s", output.Plural(len(rows), "limit"), why)
	return nil
}

// look is a round, or many.
type look struct {
	opts        *Options
	shared      Shared
	app, seller string
	regions     []string
	csv         *output.List // of rounds that are one CSV; nil: none was begun
}

// round is what one round has seen.
type round struct {
	Time      time.Time `json:"time"`
	Processes int       `json:"processes"`
	Limits    []row     `json:"limits"`
}

// awayError is why a look failed, with what would be right where the server's answer says so.
type awayError struct {
	text string
	err  error
}

func away(ctx context.Context, err error) error {
	text := err.Error()
	if ctx.Err() == nil { // else it is --timeout, or Ctrl-C, that ended it
		text = fleet.Explain(err)
	}
	failed := &awayError{"the server that SPAPI_FLEET names: " + text, err}
	if netErr := net.Error(nil); errors.As(err, &netErr) {
		return noAnswerError{failed}
	}
	return failed
}

func (e *awayError) Error() string { return e.text }
func (e *awayError) Unwrap() error { return e.err }

// noAnswerError is of a server that can't be reached.
type noAnswerError struct{ *awayError }

func (noAnswerError) NoAnswer() {}

func (l *look) round(ctx context.Context) (round, error) {
	w := l.opts.Factory.Await("the server that SPAPI_FLEET names")
	defer w.End()
	r := round{Time: time.Now().UTC().Truncate(time.Millisecond), Limits: []row{}}
	var err error
	if r.Processes, err = l.shared.Processes(ctx, l.app); err != nil {
		return r, away(ctx, err)
	}
	own := ""
	if l.seller != "" {
		own = fleet.SellerDigest(l.seller)
	}
	for _, region := range l.regions {
		states, err := l.shared.LimitStates(ctx, l.app, region)
		if err != nil {
			return r, away(ctx, err)
		}
		for i := range states {
			s := &states[i]
			if !l.opts.wants(s.Bucket.Operation) || l.opts.Waiting && len(s.Queue) == 0 {
				continue
			}
			one := newRow(&s.Bucket, region)
			if own != "" && s.Bucket.Seller == own {
				one.Seller, one.Own = &l.seller, true
			}
			one.add(s)
			one.Processes = &r.Processes
			r.Limits = append(r.Limits, one)
		}
	}
	return r, nil
}

func newRow(b *spapi.LimitBucket, region string) row {
	r := row{Operation: b.Operation, Region: region, Scope: b.Scope.String(), Rate: b.Rate, Burst: b.Burst, Queue: []queue{}}
	if b.Type != "" {
		r.Type = &b.Type
	}
	if b.Seller != "" {
		r.Seller = &b.Seller
	}
	if b.Window > 0 {
		r.Window = in(b.Window)
	}
	return r
}

func (r *row) add(s *spapi.LimitState) {
	waiting := 0
	for _, q := range s.Queue {
		waiting += q.Calls
		r.Queue = append(r.Queue, queue{q.Process, q.Calls, *in(q.Longest)})
	}
	left := float64(int64(s.Left*100)) / 100 // never more than there is
	r.Left, r.Next, r.Full, r.Lag, r.Takes, r.Waiting = &left, in(s.Next), in(s.Full), in(s.Lag), &s.Takes, &waiting
}

// in is a time in seconds, to the millisecond.
func in(d time.Duration) *float64 {
	s := d.Round(time.Millisecond).Seconds()
	return &s
}

func (l *look) show(ctx context.Context, p *output.Printer) error {
	r, err := l.round(ctx)
	if err != nil {
		return err
	}
	if err := p.Print(ctx, r.Limits, columns...); err != nil || p.Structured() {
		return err
	}
	l.opts.Factory.Notef("%s", l.summary(r))
	return nil
}

func (l *look) summary(r round) string {
	what := output.Plural(len(r.Limits), "limit")
	switch {
	case len(r.Limits) > 0:
	case l.opts.Waiting:
		what = "no call waits"
	default:
		what = "no calls in the last hour"
	}
	if r.Processes == 1 {
		return what + "; 1 process shares limits now"
	}
	return fmt.Sprintf("%s; %d processes share limits now", what, r.Processes)
}

// watch shows rounds until it is interrupted. On a terminal each takes the place of the one before, elsewhere it is a block, a line of JSON, or rows of one
// CSV. Once a look has succeeded, those that fail are told, each reason once in a row, and don't end it.
func (l *look) watch(ctx context.Context, p *output.Printer) error {
	seen, told := false, ""
	for {
		r, lookErr := l.round(ctx)
		var err error
		if lookErr == nil {
			seen, told = true, ""
			err = l.draw(ctx, p, r)
		}
		switch {
		case ctx.Err() != nil:
			return l.end(ctx)
		case err != nil:
			return err
		case lookErr == nil:
		case !seen:
			return lookErr
		case lookErr.Error() != told:
			told = lookErr.Error()
			fmt.Fprintf(l.opts.Factory.Streams.Err, "spapi limits: %s; looking again every second\n", exit.Line(lookErr))
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return l.end(ctx)
		}
	}
}

// end ends what rounds have written. It is no failure where whoever watched has seen enough.
func (l *look) end(ctx context.Context) error {
	if l.csv != nil {
		if err := l.csv.Close(ctx, nil); err != nil {
			return err
		}
	}
	return interrupted(ctx)
}

// interrupted is nil where whoever watched has seen enough.
func interrupted(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (l *look) draw(ctx context.Context, p *output.Printer, r round) error {
	streams := l.opts.Factory.Streams
	lines := p.Format() == output.JSON || p.Format() == output.JSONL
	switch {
	case lines && !p.Flags.JQ.Given() && !streams.OutIsTerminal:
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = streams.Out.Write(append(line, '\n'))
		return err
	case p.Format() == output.CSV && !p.Flags.JQ.Given() && !streams.OutIsTerminal:
		return l.addRows(ctx, p, r)
	case streams.OutIsTerminal:
		out, _ := streams.Bare()
		if _, err := io.WriteString(out, "\x1b[H\x1b[2J"); err != nil { // to the first place of an empty screen
			return err
		}
	}
	if err := p.Print(ctx, r.Limits, columns...); err != nil || p.Structured() {
		return err
	}
	_, err := fmt.Fprintf(streams.Out, "%s  %s\n\n", r.Time.Local().Format(time.TimeOnly), l.summary(r))
	return err
}

// timed is a limit as a row of a CSV of many rounds, whose columns are the same whoever waits.
type timed struct {
	Time time.Time `json:"time"`
	row
	Who string `json:"who"`
}

// addRows adds a round to the one CSV of all.
func (l *look) addRows(ctx context.Context, p *output.Printer, r round) error {
	if l.csv == nil {
		all := append([]output.Column{{Name: "time", Path: "time"}}, columns...)
		all[len(all)-1] = output.Column{Name: "who", Path: "who"}
		l.csv = p.List(all...)
	}
	for _, one := range r.Limits {
		if err := l.csv.Add(ctx, timed{r.Time, one, inWords(one.Queue)}); err != nil {
			return err
		}
	}
	return l.csv.Flush()
}

func seconds(v output.Value) string {
	s, err := strconv.ParseFloat(v.Text(), 64)
	switch {
	case err != nil:
		return ""
	case s == 0:
		return "now"
	case s < 10:
		return strconv.FormatFloat(s, 'g', 2, 64) + "s"
	}
	text := time.Duration(s * float64(time.Second)).Round(time.Second).String()
	for _, none := range []string{"m0s", "h0m"} { // 35m0s, 4h0m
		if strings.HasSuffix(text, none) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func number(v output.Value) string {
	n, err := strconv.ParseFloat(v.Text(), 64)
	if err != nil {
		return ""
	}
	return strconv.FormatFloat(n, 'g', 4, 64)
}

// short is a digest as far as people compare it.
func short(v output.Value) string {
	text := v.Text()
	return text[:min(len(text), 14)]
}

// who are the processes that wait, in words.
func who(v output.Value) string {
	var all []queue
	if err := json.Unmarshal(v.JSON(), &all); err != nil {
		return ""
	}
	return inWords(all)
}

func inWords(all []queue) string {
	var parts []string
	for _, q := range all {
		parts = append(parts, fmt.Sprintf("%s %d (%.3gs)", cmp.Or(q.Process, "here"), q.Calls, q.Longest))
	}
	return strings.Join(parts, ", ")
}
