// Package exit is the one place that gives spapi's exit statuses their meaning.
package exit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/awsauth"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/job"
)

// The statuses. Scripts depend on them: a number keeps its meaning.
const (
	OK          = 0
	Failure     = 1
	Usage       = 2
	Auth        = 3
	Throttled   = 4
	API         = 5
	Network     = 6
	Changes     = 7
	Unknown     = 8
	TimedOut    = 124 // as timeout of GNU coreutils has it
	Interrupted = 130
	Closed      = 141

	// Of "spapi emulator run", as shells have them.
	NotExecutable = 126
	NotFound      = 127
)

// statuses are shown by "spapi help exit-statuses".
var statuses = []struct {
	status  int
	meaning string
}{
	{OK, "it worked"},
	{Failure, "it failed for a reason that no other status names"},
	{Usage, "the command line or the configuration is wrong; nothing was sent that changes anything"},
	{Auth, "Login with Amazon, AWS or SP-API refused the credentials or the access"},
	{Throttled, "the rate limit was used up, and waiting longer was not allowed"},
	{API, "SP-API answered with an error"},
	{Network, "no answer came"},
	{Changes, "with --detailed-exit-code: it worked, and there is something to do"},
	{Unknown, "something was sent that may have been carried out, and whether it was is unknown: look before sending it again"},
	{TimedOut, "the time that --timeout allows was over, or would not be enough"},
	{Interrupted, "interrupted by Ctrl-C or SIGTERM"},
	{Closed, "whoever read the output has stopped, as head does (SIGPIPE, where the shell tells a signal by 128 more)"},
}

// UsageError is a mistake on the command line.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef makes a [UsageError].
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}

// HintError is an error with what to do about it, in one or a few lines.
type HintError struct {
	Err  error
	Hint string
}

func (e *HintError) Error() string { return e.Err.Error() }

// Unwrap returns the error.
func (e *HintError) Unwrap() error { return e.Err }

// Explain returns the hint.
func (e *HintError) Explain() string { return e.Hint }

// Late is an error after something was sent, which is no mistake on the command line any more, whatever it says.
func Late(err error) error {
	if Status(err) == Usage {
		return errors.New(err.Error())
	}
	return err
}

// IsUsage reports whether err is a mistake on the command line.
func IsUsage(err error) bool { return is[*UsageError](err) }

// NoArgs is the check of commands that take flags only.
func NoArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("takes no arguments, got %q", args[0])
	}
	return nil
}

// ErrReported is a failure that the command has already told about: nothing more is printed.
var ErrReported = errors.New("failed")

// Status returns the exit status for what a command returned.
func Status(err error) int {
	if run, ok := errors.AsType[*StatusError](err); ok && !is[*TimeoutError](err) {
		return run.Status
	}
	switch {
	case err == nil:
		return OK
	case errors.Is(err, terminal.ErrClosed):
		return Closed
	case is[*TimeoutError](err) && unknown(err): // which says more
		return Unknown
	case is[*TimeoutError](err):
		return TimedOut
	case errors.Is(err, context.Canceled):
		return Interrupted
	case unknown(err):
		return Unknown
	case is[*UsageError](err), is[*spapi.ConfigError](err), is[*accounts.Error](err):
		return Usage
	case unreachable(err):
		return Network
	case is[*spapi.AuthError](err), is[*awsauth.Error](err):
		return Auth
	case is[*spapi.LimitError](err):
		return Throttled
	}
	if api, ok := errors.AsType[*spapi.APIError](err); ok {
		return OfAnswer(api.StatusCode)
	}
	if network(err) {
		return Network
	}
	return Failure
}

// OfAnswer is the exit status for an HTTP status with which SP-API refused.
func OfAnswer(status int) int {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return Auth
	case http.StatusTooManyRequests:
		return Throttled
	}
	return API
}

// unknown reports whether something may have been carried out that must not be sent again unseen.
func unknown(err error) bool { return is[*job.OutcomeUnknownError](err) || spapi.IsOutcomeUnknown(err) }

func network(err error) bool {
	_, marked := errors.AsType[interface {
		error
		NoAnswer()
	}](err)
	// Not net.Error, which every syscall.Errno is; what took too long without being the caller's deadline is an os.ErrDeadlineExceeded.
	return marked || is[*url.Error](err) || is[*net.OpError](err) || errors.Is(err, os.ErrDeadlineExceeded)
}

// unreachable tells that Login with Amazon or AWS didn't refuse but never answered.
func unreachable(err error) bool {
	if e, ok := errors.AsType[*spapi.AuthError](err); ok {
		return e.StatusCode == 0
	}
	if e, ok := errors.AsType[*awsauth.Error](err); ok {
		return e.Status == 0 && network(err)
	}
	return false
}

// StatusError is the end of a command that was run for the user, whose exit status becomes spapi's own.
type StatusError struct {
	Status int
	Err    error // why it could not be run; nil for one that has run, and has told itself what there is to tell
}

func (e *StatusError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return e.Err.Error()
}

// Unwrap returns the cause, or [ErrReported].
func (e *StatusError) Unwrap() error {
	if e.Err == nil {
		return ErrReported
	}
	return e.Err
}

// Line is an error in one line, without the package's name, and without what was pasted in the wrong place: errors of flags and arguments
// repeat what they were given.
func Line(err error) string {
	if Status(err) == Interrupted {
		if unknown(err) {
			return "interrupted; what was sent may have been carried out all the same"
		}
		return "interrupted"
	}
	line := settings.Scrub(strings.Join(strings.Fields(err.Error()), " "))
	return strings.ReplaceAll(strings.TrimPrefix(line, "spapi: "), ": spapi: ", ": ")
}

// Explain says what to do about an error, in one or a few lines; "" where nothing is known beyond the error itself. Of what was interrupted it says
// only how to go on.
func Explain(err error) string {
	if Status(err) == Interrupted && !is[*HintError](err) && !unknown(err) {
		return ""
	}
	return settings.Scrub(settings.Advice(err)) // the error itself is shown already
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// NewCmdHelp returns the help topic "exit-statuses".
func NewCmdHelp() *cobra.Command {
	var b strings.Builder
	b.WriteString("spapi ends with one of these statuses:\n\n")
	for _, s := range statuses {
		fmt.Fprintf(&b, "  %3d  %s\n", s.status, s.meaning)
	}
	fmt.Fprintf(&b, "\n\"spapi emulator run\" ends with the status of the command that it runs: 128 and the signal's number if a signal ended it,\n"+
		"%d if it can't be executed, %d if it isn't found.\n", NotExecutable, NotFound)
	return &cobra.Command{Use: "exit-statuses", Short: "What the exit statuses mean", Long: strings.TrimRight(b.String(), "\n")}
}
