package emulator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
)

// newCmdRun returns "spapi emulator run". runF replaces the work in tests.
func newCmdRun(f *factory.Factory, runF func(context.Context, *Options, []string) error) *cobra.Command {
	opts := &Options{Streams: f.Streams}
	cmd := &cobra.Command{
		Use:   "run [flags] -- command [argument…]",
		Short: "Run a command whose calls to Amazon end in an emulator",
		Long: "Starts an emulator on a free port, runs a command with an environment that leads every client of SP-API in it to the emulator, and stops.\n" +
			"The clients need no change, and nothing needs root. stdin, stdout and stderr are the command's own.\n\n" +
			"The environment has credentials and addresses under the names that clients read (SPAPI_…, LWA_…, SP_API_…, SELLING_PARTNER_…, AWS_…), the\n" +
			"emulator as proxy for http and https, and its certificate authority for OpenSSL, curl, Python, Perl, Deno, AWS's SDKs, PHP and Java. Connections\n" +
			"of Node.js, Python and Ruby to Amazon's hosts are led to it below every library. Variables, profiles and keys of a\n" +
			"real shop or AWS account are not passed on. This machine is called directly, and so are the hosts of NO_PROXY.\n\n" +
			"Programs that heed the proxy reach nothing else: download what they need before. What a client has written into its own code or files, such as\n" +
			"~/.amzspapi/credentials, it sends to the emulator, which refuses it. spapi help emulator-clients tells which runtimes need more than this.\n\n" +
			"Signals are passed on. The exit status is the command's own, 128 and the number of the signal that ended it, 127 if it isn't found, and 126\n" +
			"if it can't be executed. On Windows signals can't be passed on, but Ctrl-C reaches the command; Go, .NET and what else trusts the\n" +
			"system's authorities only doesn't trust the emulator's there, nor on macOS, until it is added to them.",
		Example: "  spapi emulator run -- npm test\n" +
			"  spapi emulator run --seed 7 --no-limits -- pytest -x\n" +
			"  spapi emulator run --request-log requests.jsonl -- mvn --offline test",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "" {
				return exit.Usagef("which command? Name it behind --, such as: spapi emulator run -- npm test")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.Flags.Output.Refuse("what the command prints"); err != nil {
				return err
			}
			if err := opts.check(); err != nil {
				return err
			}
			if opts.place.Unix() {
				return exit.Usagef("--listen %q: a command is led to an address, no client's proxy is a socket: want host:port", opts.Listen)
			}
			if runF != nil {
				return runF(cmd.Context(), opts, args)
			}
			return runCommand(cmd.Context(), opts, args)
		},
	}
	addFlags(cmd.Flags(), opts)
	cmd.Flags().SetInterspersed(false) // what stands behind the command is its own
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return cmd
}

// killAfter is how long a command may take to end when --timeout is over: less than what is left to this process.
const killAfter = 3 * time.Second

// runCommand serves an emulator for as long as a command runs.
func runCommand(ctx context.Context, opts *Options, args []string) error {
	s, err := opts.open(ctx, true)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.kit.write(s.emu.Hosts()); err != nil {
		return caError(opts.CADir, err)
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx)) // it may still be called when the command is told to end
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.emu.Serve(serving, s.listener) }()

	inherited := os.Environ()
	out, errs := opts.Streams.Bare()
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // it is told to end by signals
	s.line.PID = os.Getpid()
	cmd.Env = newEnvironment(s.line, s.kit, s.address, s.emu.Hosts(), inherited).apply(inherited)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = opts.Streams.In, out, errs
	err = supervise(ctx, cmd)

	stop()
	if failed := errors.Join(<-ended, s.finish(opts)); failed != nil {
		if err != nil { // the command's status is the more telling one
			fmt.Fprintf(opts.Streams.Err, "spapi emulator run: %s\n", exit.Line(failed))
			return err
		}
		return failed
	}
	return err
}

// supervise runs a command to its end and returns its status as an [exit.StatusError].
func supervise(ctx context.Context, cmd *exec.Cmd) error {
	signals := make(chan os.Signal, 8)
	if len(forwarded) > 0 {
		signal.Notify(signals, forwarded...)
		defer signal.Stop(signals)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return startError(cmd.Args[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	timedOut := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			close(timedOut)
		}
	})()
	var kill <-chan time.Time
	for {
		select {
		case s := <-signals:
			if !fromTerminal(s) {
				_ = cmd.Process.Signal(s) // it may have ended by itself
			}
		case <-timedOut:
			timedOut, kill = nil, time.After(killAfter)
			if cmd.Process.Signal(syscall.SIGTERM) != nil {
				_ = cmd.Process.Kill() // as on Windows
			}
		case <-kill:
			_ = cmd.Process.Kill()
		case err := <-ended:
			if timedOut == nil { // the status is that of what it was told
				return ctx.Err()
			}
			if status := statusOf(cmd.ProcessState); status != 0 {
				return &exit.StatusError{Status: status}
			}
			return err
		}
	}
}

// startError is why a command could not be started, with the status that shells give (POSIX, Shell & Utilities 2.8.2).
func startError(name string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return &exit.StatusError{Status: exit.NotFound, Err: fmt.Errorf("%s: command not found", name)}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, exec.ErrDot), errors.Is(err, syscall.ENOEXEC), errors.Is(err, syscall.EISDIR):
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return &exit.StatusError{Status: exit.NotExecutable, Err: fmt.Errorf("%s: can't be executed: %w", name, err)}
	}
	return fmt.Errorf("%s: %w", name, err)
}
