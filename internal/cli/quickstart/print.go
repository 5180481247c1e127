package quickstart

import (
	"fmt"
	"strings"

	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// reporter tells about the walk: as text step by step, or as one JSON value at the end.
type reporter struct {
	streams *terminal.Streams
	json    bool
	number  int
}

func newReporter(opts *Options, base string) *reporter {
	r := &reporter{streams: opts.Streams, json: opts.Output == output.JSON}
	r.line("%s\n", r.streams.Bold("The Selling Partner API in six steps, against an emulator on "+base))
	return r
}

// line writes text; a reader that has gone away is noticed at the end.
func (r *reporter) line(format string, args ...any) {
	if !r.json {
		fmt.Fprintf(r.streams.Out, format, args...)
	}
}

func (r *reporter) step(s step, done *Step) {
	st := r.streams
	r.number++
	r.line("\n%s\n", st.Bold(fmt.Sprintf("%d. %s", r.number, s.title)))
	if done.Request != "" {
		r.line("%s\n", indent(st, "$ "+done.Request))
		if done.Calls > 1 {
			r.line("     %s\n", st.Faint(fmt.Sprintf("… and %d more like it", done.Calls-1)))
		}
	}
	for _, found := range done.Result {
		r.line("   %s\n", found)
	}
	switch {
	case done.Skipped:
		r.line("   %s\n", st.Yellow("- skipped"))
	case done.OK:
		r.line("   %s %s\n", st.Green("✓"), st.Faint(fmt.Sprintf("%g ms", done.MS)))
	default:
		r.line("   %s %s\n", st.Red("✗"), done.Error)
		r.line("     %s\n", strings.ReplaceAll(done.Fix, "\n", "\n     "))
	}
}

// indent dresses a command of several lines.
func indent(st *terminal.Streams, command string) string {
	lines := strings.Split(command, "\n")
	for i, l := range lines {
		lines[i] = "   " + st.Faint(l)
	}
	return strings.Join(lines, "\n")
}

// program is the heart of a Go program; the example in the README has the same lines.
const program = `client, err := spapi.Load(ctx)
orders := orders20260101.New(client)
for order, err := range orders.SearchOrdersAll(ctx, &orders20260101.SearchOrdersInput{CreatedAfter: yesterday}) { … }`

const credentialsHelp = `export SPAPI_CLIENT_ID=amzn1.application-oa2-client.…  # Developer Central: your app's LWA credentials
export SPAPI_CLIENT_SECRET=amzn1.oa2-cs.v1.…
export SPAPI_REFRESH_TOKEN='Atzr|…'                    # Seller Central: authorize the app
export SPAPI_REGION=na                                 # or eu, fe`

func (r *reporter) end(report *Report) error {
	if r.json {
		return output.WriteJSON(r.streams.Out, report)
	}
	var b strings.Builder
	if !report.OK {
		fmt.Fprintf(&b, "\n%s\n", r.streams.Red("A step failed: see above what to do."))
	} else {
		total := 0.0
		for _, s := range report.Steps {
			total += s.MS
		}
		fmt.Fprintf(&b, "\n%s\n", r.streams.Green(fmt.Sprintf("All %d steps held, in %.1f s.", len(report.Steps), total/1000)))
		fmt.Fprintf(&b, "\n%s\n\n%s\n", r.streams.Bold("Three lines of a Go program"), block(program))
		fmt.Fprintf(&b, "\n%s\n\n%s\n", r.streams.Bold("With real credentials, Load finds them in the environment"), block(credentialsHelp))
		b.WriteString("\nWithout any yet: \"spapi emulator\" serves this API to programs in every language; README.md has the whole example.\n")
	}
	_, err := fmt.Fprint(r.streams.Out, b.String())
	return err
}

func block(text string) string { return "   " + strings.ReplaceAll(text, "\n", "\n   ") }
