package ops

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/curl"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// ShowOptions are the flags of "spapi ops show" and what it works with.
type ShowOptions struct {
	Streams *terminal.Streams
	Printer func() *output.Printer

	Name string
}

func newCmdShow(f *factory.Factory, runF func(context.Context, *ShowOptions) error) *cobra.Command {
	opts := &ShowOptions{Streams: f.Streams, Printer: f.Printer}
	return &cobra.Command{
		Use:   "show <api.operation>",
		Short: "Tell all about an operation",
		Long: "Tells what is known about an operation: what it takes, its limits, the roles of which an application needs one, whether a restricted\n" +
			"data token is needed, how it pages, whether Amazon has deprecated it and what replaces it, and an example of a call.",
		Example: "  spapi ops show ordersv0.getOrders\n" +
			"  spapi ops show getDestinations -o yaml",
		ValidArgsFunction: operation.Complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exit.Usagef("takes one operation, got %d", len(args))
			}
			opts.Name = args[0]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return show(cmd.Context(), opts)
		},
	}
}

// details is an operation as JSON, with all that is known.
type details struct {
	row
	Roles           []string        `json:"roles"` // one of them is needed; empty where Amazon names none
	DataElements    []string        `json:"data_elements"`
	AppRate         *float64        `json:"application_rate"` // requests per second over all sellers
	LimitNote       *string         `json:"limit_note"`
	TypeLimits      []typeLimit     `json:"type_limits,omitempty"`
	DeprecatedSince *string         `json:"deprecated_since"`
	Repeatable      bool            `json:"repeatable"` // may be sent again when it is unknown whether it was carried out
	RepeatHeader    *string         `json:"repeatable_with_header"`
	Sandbox         *string         `json:"sandbox"`
	SandboxOnly     bool            `json:"sandbox_only"`
	Pages           *pages          `json:"pages"`
	Wrapper         *string         `json:"wrapper"` // member of the answer in which the result stands
	Arguments       []argument      `json:"arguments"`
	Example         string          `json:"example"`
	ExampleBody     json.RawMessage `json:"example_body,omitempty"`
	Docs            *string         `json:"documentation"`
}

// typeLimit is how often reports or feeds of a type may be asked for.
type typeLimit struct {
	Type           string `json:"type"`
	Calls          int    `json:"calls"`
	Seconds        int    `json:"seconds"`
	Application    bool   `json:"application,omitempty"` // over all sellers
	PerMarketplace bool   `json:"per_marketplace,omitempty"`
	FromMade       bool   `json:"from_made,omitempty"` // the seconds begin when the report has been made
}

// String is the limit without the type.
func (l *typeLimit) String() string {
	text := fmt.Sprintf("%d in %d minutes", l.Calls, l.Seconds/60)
	if l.FromMade {
		text += " after one was made"
	}
	switch {
	case l.Application:
		return text + ", over all sellers of an application"
	case l.PerMarketplace:
		return text + ", for each seller and marketplace"
	}
	return text + ", for each seller"
}

type pages struct {
	Rule     string  `json:"rule"`
	TokenIn  *string `json:"token_in"`
	TokenOut *string `json:"token_out"`
	Size     *string `json:"size"`
	SizeMax  int     `json:"size_max,omitempty"`
	Items    *string `json:"items"`
}

type argument struct {
	Name     string   `json:"name"`
	Flag     string   `json:"flag"`
	In       string   `json:"in"`
	Type     string   `json:"type"`
	Required bool     `json:"required"`
	Allowed  []string `json:"allowed,omitempty"`
}

func newDetails(op *operation.Operation) *details {
	d := &details{
		row: newRow(op.Operation), Roles: op.Roles, LimitNote: orNull(op.LimitNote), DeprecatedSince: orNull(op.DeprecatedSince),
		Repeatable: op.Idempotent, RepeatHeader: orNull(op.IdempotencyHeader), Sandbox: orNull(op.Sandbox), SandboxOnly: op.SandboxOnly,
		Docs: orNull(op.Docs), Arguments: []argument{}, ExampleBody: op.ExampleBody(),
	}
	if d.Roles == nil {
		d.Roles = []string{}
	}
	if op.Operation.Restricted != nil {
		d.DataElements = op.Operation.Restricted.DataElements
	}
	if op.AppRate > 0 {
		d.AppRate = &op.AppRate
	}
	for _, l := range op.TypeLimits {
		d.TypeLimits = append(d.TypeLimits, typeLimit{l.Type, l.Calls, l.Seconds, l.Application, l.PerMarketplace, l.FromMade})
	}
	if op.Shape == "payload" {
		d.Wrapper = &op.Shape
	}
	if p := op.Paging; p != nil {
		d.Pages = &pages{p.Rule, orNull(p.TokenIn), orNull(p.TokenOut), orNull(p.Size), p.SizeMax, orNull(p.Items)}
	}
	for _, a := range op.Arguments() {
		d.Arguments = append(d.Arguments, argument{a.Name, "--" + a.Flag, a.In, string(a.Kind), a.Required, a.Enum})
	}
	words := []string{"spapi", "call", op.ID}
	for _, word := range op.Example() {
		words = append(words, curl.Quote(word))
	}
	d.Example = strings.Join(words, " ")
	if d.ExampleBody != nil {
		d.Example = "echo " + curl.Quote(string(d.ExampleBody)) + " | " + d.Example + " --input -"
	}
	return d
}

func show(ctx context.Context, opts *ShowOptions) error {
	op, err := operation.Lookup(opts.Name)
	if err != nil {
		return err
	}
	d := newDetails(op)
	p := opts.Printer()
	if p.Whole() {
		return p.Print(ctx, d)
	}
	return d.write(opts.Streams)
}

// write tells about an operation in words.
func (d *details) write(s *terminal.Streams) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s %s\n\n", s.Bold(d.ID), d.Method, d.Path)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-13s  %s\n", name, fmt.Sprintf(format, args...))
	}
	if d.Deprecated {
		text := "yes"
		if d.DeprecatedSince != nil {
			text = "since " + *d.DeprecatedSince
		}
		if d.Removal != nil {
			text += ", " + catalog.Removal(*d.Removal, time.Now())
		}
		if d.ReplacedBy != nil {
			text += "; " + *d.ReplacedBy + " replaces it"
		}
		line("deprecated", "%s", s.Yellow(text))
	}
	rate := strconv.FormatFloat(d.Rate, 'f', -1, 64) + " requests per second"
	if d.Rate < 1 {
		rate += fmt.Sprintf(" (one in %s seconds)", strconv.FormatFloat(1/d.Rate, 'f', 0, 64))
	}
	line("limit", "%s, burst %d, for each application and seller", rate, d.Burst)
	if d.AppRate != nil {
		line("", "%s requests per second over all sellers of an application", strconv.FormatFloat(*d.AppRate, 'f', -1, 64))
	}
	for i := range d.TypeLimits {
		l := &d.TypeLimits[i]
		line("", "%s: %s", l.Type, l)
	}
	if d.LimitNote != nil {
		line("", "%s", *d.LimitNote)
	}
	switch {
	case d.Grantless != nil:
		line("token", "the application's own (grantless), scope %s", *d.Grantless)
	case d.Restricted != nil && *d.Restricted == "always":
		line("token", "restricted data token, always")
	case d.Restricted != nil && *d.Restricted == "on-request":
		line("token", "the seller's; restricted data token on request, else personal data is left out")
	case d.Restricted != nil:
		line("token", "the seller's; restricted data token for %s", strings.ReplaceAll(strings.TrimPrefix(*d.Restricted, "restricted-"), "-", " "))
	default:
		line("token", "the seller's")
	}
	if len(d.DataElements) > 0 {
		line("", "data elements: %s", strings.Join(d.DataElements, ", "))
	}
	if len(d.Roles) > 0 {
		line("roles", "%s", output.OneOf(d.Roles))
	}
	if p := d.Pages; p != nil {
		text := "rule " + p.Rule
		if p.TokenOut != nil {
			text += ", token from " + *p.TokenOut
		}
		if p.TokenIn != nil {
			text += " to " + *p.TokenIn
		}
		if p.Items != nil {
			text += ", items in " + *p.Items
		}
		line("pages", "%s", text)
	}
	switch {
	case d.RepeatHeader != nil:
		line("repeatable", "with header %s", *d.RepeatHeader)
	case d.Repeatable:
		line("repeatable", "yes")
	default:
		line("repeatable", "no: after a failure look first whether it was carried out")
	}
	if d.Sandbox != nil {
		text := *d.Sandbox
		if d.SandboxOnly {
			text += "; it exists nowhere else"
		}
		line("sandbox", "%s", text)
	}
	if d.Docs != nil {
		line("documentation", "%s", *d.Docs)
	}
	b.WriteString("\n")
	if _, err := fmt.Fprint(s.Out, b.String()); err != nil {
		return err
	}
	table := &output.Printer{Streams: s, Flags: output.Flags{Format: output.Table}}
	if err := table.Print(context.Background(), d.Arguments, argumentColumns...); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.Out, "\n%s\n", d.Example)
	return err
}

var argumentColumns = []output.Column{
	{Name: "flag", Path: "flag"},
	{Name: "API's name", Path: "name"},
	{Name: "in", Path: "in"},
	{Name: "type", Path: "type"},
	{Name: "required", Path: "required", Text: func(v output.Value) string {
		if v.Text() == "true" {
			return "yes"
		}
		return ""
	}},
	{Name: "allowed", Path: "allowed", Long: true, Spare: 1},
}
