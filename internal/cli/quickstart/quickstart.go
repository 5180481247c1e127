// Package quickstart is "spapi quickstart": a walk through the Selling Partner API against an emulator that lives inside the command.
package quickstart

import (
	"context"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// Options are the flags of "spapi quickstart" and what it works with.
type Options struct {
	Streams *terminal.Streams
	Version string

	Output output.Format

	tamper func(*walk) // tests make a step fail
}

// NewCmdQuickstart returns the command. runF replaces the work in tests.
func NewCmdQuickstart(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Streams: f.Streams, Version: f.Version}
	cmd := &cobra.Command{
		Use:   "quickstart",
		Short: "See the API work, offline, in a few seconds",
		Long: "Starts an emulated Selling Partner API inside itself and walks through it over real HTTP: from a marketplace to its\n" +
			"region, from a refresh token to an access token, an assumed AWS role, a catalog search signed as Amazon wanted it until 2023,\n" +
			"the same search as it is done today, and orders over several pages under a rate limit.\n\n" +
			"It needs no account and no network. Each step checks what came back; the exit status is 0 only if every step held.",
		Example: "  spapi quickstart\n" +
			"  spapi quickstart -o json | jq '.steps[] | {name, ok, ms}'",
		Args: exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.Flags.Output.RefuseColumns("the walk"); err != nil {
				return err
			}
			if q := &f.Flags.Output.JQ; q.Given() {
				return exit.Usagef("--jq %q: quickstart has no filter; pipe its -o json into jq", q)
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	output.AddFlag(cmd, &opts.Output, "output format (default: text)", output.JSON, output.Text)
	return cmd
}

// The usage plan of the order search is made small, so that the walk meets it, and quick, so that the walk stays short. Amazon's own
// is one request in three minutes with a burst of 20.
const (
	orders      = 400
	pageSize    = 100
	searchRate  = 0.5
	searchBurst = 2
)

func run(ctx context.Context, opts *Options) error {
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithOrders(orders),
		emulator.WithRateLimit("orders20260101.searchOrders", searchRate, searchBurst))
	if err != nil {
		return err
	}
	base, stop, err := serve(ctx, emu)
	if err != nil {
		return err
	}
	defer stop()

	w := newWalk(emu, base, opts.Version)
	defer w.close()
	if opts.tamper != nil {
		opts.tamper(w)
	}
	r := newReporter(opts, base)
	report := Report{OK: true}
	for _, s := range steps {
		done := Step{Name: s.name, Skipped: !report.OK}
		if report.OK {
			w.take(ctx, s, &done)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		report.OK = report.OK && done.OK
		report.Steps = append(report.Steps, done)
		r.step(s, &done)
	}
	if err := r.end(&report); err != nil {
		return err
	}
	if !report.OK {
		return exit.ErrReported
	}
	return nil
}

// take does one step and writes down what happened.
func (w *walk) take(ctx context.Context, s step, done *Step) {
	w.recorder.reset()
	start := time.Now()
	err := s.walk(w, ctx, done)
	done.MS = milliseconds(time.Since(start))
	done.Request, done.Calls = w.recorder.first(), w.recorder.count()
	done.OK = err == nil
	if err != nil {
		done.Error, done.Fix = err.Error(), fix(err)
	}
}

// serve puts the emulator on a free loopback port. stop ends it and waits until it has ended.
func serve(ctx context.Context, emu *emulator.Emulator) (base string, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("the emulator needs a loopback port: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- emu.Serve(ctx, listener) }()
	return "http://" + listener.Addr().String(), func() { cancel(); <-done }, nil //nolint:errcheck // a listener that breaks off shows in the steps
}

// Report is what -o json prints.
type Report struct {
	Steps []Step `json:"steps"`
	OK    bool   `json:"ok"` // every step held
}

// Step is one step of the walk.
type Step struct {
	Name    string   `json:"name"`
	OK      bool     `json:"ok"`
	Skipped bool     `json:"skipped,omitempty"` // a step before it failed
	MS      float64  `json:"ms"`
	Request string   `json:"request,omitempty"` // the first one, as a curl command with its secrets redacted
	Calls   int      `json:"calls,omitempty"`   // requests in all
	Result  []string `json:"result,omitempty"`  // what came back, in words
	Error   string   `json:"error,omitempty"`
	Fix     string   `json:"fix,omitempty"` // what to do about the error
}

func (s *Step) found(format string, args ...any) {
	s.Result = append(s.Result, fmt.Sprintf(format, args...))
}

// milliseconds keeps two decimals.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*100) / 100
}
