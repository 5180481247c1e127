package notifications

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/notifications"
)

func newCmdTypes(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "types [word...]",
		Short: "List the types of notifications",
		Long: "Lists the types of notifications that Amazon has published, with their payload versions, where they go, which token and which processing directive\n" +
			"(filter) a subscription takes, and the roles of which one is needed. With words, those in which all of them occur: in the name, the status, the\n" +
			"destination, the roles or what triggers them. The whole name of a type shows all that is known of it.\n\n" +
			"Of removed types no message comes any more; of documented ones Amazon publishes no schema. REPORT_, FEED_ and DATA_KIOSK_… tell that a job is done.",
		Example: "  spapi notifications types\n" +
			"  spapi notifications types ORDER_CHANGE\n" +
			"  spapi notifications types pricing\n" +
			"  spapi notifications types -o json | jq '.[] | select(.token == \"seller\" and .destination == \"sqs\") | .type'",
		RunE: func(cmd *cobra.Command, args []string) error {
			return listTypes(cmd.Context(), f, args)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return typeNames(func(*notifications.Type) bool { return true }), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// typeRow is a type in one payload version as JSON. What doesn't apply, or isn't known, is null or an empty list.
type typeRow struct {
	Type           string        `json:"type"`
	PayloadVersion *string       `json:"payloadVersion"` // what a subscription names
	Versions       []string      `json:"versions"`       // all payload versions of this payload
	Status         string        `json:"status"`         // "current", "deprecated", "removed", "documented"
	Since          *string       `json:"since"`          // of the deprecation
	Removal        *string       `json:"removal"`
	ReplacedBy     *string       `json:"replacedBy"`
	Destination    *string       `json:"destination"` // "sqs", "eventbridge", "console"
	Token          *string       `json:"token"`       // "seller", "grantless", "none"
	Directive      typeDirective `json:"directive"`
	Roles          []string      `json:"roles"` // any one is enough
	Parties        []string      `json:"parties"`
	Trigger        *string       `json:"trigger"`
	Timing         *string       `json:"timing"`
	Key            []string      `json:"key"`
	NaturalKey     []string      `json:"naturalKey"`
	Time           *string       `json:"time"`
	Personal       *string       `json:"personal"`
	Secret         bool          `json:"secret"`
	Alias          *string       `json:"alias"`

	NotificationVersion *string `json:"notificationVersion"`
	Casing              *string `json:"casing"`
	Wrapper             *string `json:"wrapper"`
	Schema              *string `json:"schema"`
	Go                  string  `json:"go"`
	Confidence          string  `json:"confidence"`
	Source              string  `json:"source"`
	Note                *string `json:"note"`
}

// typeDirective is what a subscription's processing directive may and must have.
type typeDirective struct {
	EventFilter      string   `json:"eventFilter"` // "required", "optional", "none", "unknown"
	Requires         []string `json:"requires"`
	Members          []string `json:"members"`
	FilterExpression string   `json:"filterExpression"` // "yes", "no", "unknown"
}

func newTypeRow(t *notifications.Type) typeRow {
	versions := slices.Clone(t.AlsoVersions)
	if t.PayloadVersion != "" {
		versions = append(versions, t.PayloadVersion)
	}
	return typeRow{
		Type: t.Name, PayloadVersion: orNull(t.PayloadVersion), Versions: list(versions), Status: t.Status, Since: orNull(t.Since), Removal: orNull(t.Removal),
		ReplacedBy: orNull(t.ReplacedBy), Destination: orNull(t.Destination), Token: orNull(t.Token), Roles: list(t.Roles), Parties: list(t.Parties),
		Directive: typeDirective{t.EventFilter, list(t.FilterRequires), list(t.FilterMembers), t.FilterExpression},
		Trigger:   orNull(t.Trigger), Timing: orNull(t.Timing), Key: list(t.Key), NaturalKey: list(t.NaturalKey), Time: orNull(t.Time),
		Personal: orNull(t.Personal), Secret: t.Secret, Alias: orNull(t.Alias), NotificationVersion: orNull(t.NotificationVersion), Casing: orNull(t.Casing),
		Wrapper: orNull(t.Wrapper), Schema: orNull(t.Schema), Go: t.Go, Confidence: t.Confidence, Source: t.Source, Note: orNull(t.Note),
	}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// list is never null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

var typeColumns = []output.Column{
	{Name: "type", Path: "type"},
	{Name: "version", Path: "versions", Text: joined},
	{Name: "status", Path: "status"},
	{Name: "goes to", Path: "destination"},
	{Name: "token", Path: "token", Spare: 2},
	{Name: "filter", Path: "directive", Text: filterText, Spare: 1},
	{Name: "roles", Path: "roles", Text: joined, Long: true, Spare: 3},
	{Name: "when", Path: "trigger", Long: true, Spare: 4},
}

func joined(v output.Value) string {
	var all []string
	for e := range v.Elements() {
		all = append(all, e.Text())
	}
	return strings.Join(all, ", ")
}

// filterText says which processing directive a subscription must and may have.
func filterText(v output.Value) string {
	var texts []string
	switch filter := v.Member("eventFilter").Text(); filter {
	case "required":
		texts = append(texts, "eventFilter required")
	case "optional":
		texts = append(texts, "eventFilter")
	case "unknown":
		texts = append(texts, "unknown")
	}
	if v.Member("filterExpression").Text() == "yes" {
		texts = append(texts, "expression")
	}
	return strings.Join(texts, ", ")
}

// near names the types that somebody may have meant.
func near(name, otherwise string) string {
	all := typeNames(func(*notifications.Type) bool { return true })
	upper := strings.ToUpper(name)
	if slices.Contains(all, upper) {
		return ": did you mean " + upper + "?"
	}
	if near := operation.Near(upper, all); len(near) > 0 {
		return ": did you mean " + output.OneOf(near) + "?"
	}
	return otherwise
}

// unknownType is the mistake of a type that there isn't; field is where the command line has it.
func unknownType(field, name string) error {
	return exit.Usagef("%s %q is unknown%s", field, name, near(name, ": \"spapi notifications types\" lists them"))
}

func listTypes(ctx context.Context, f *factory.Factory, words []string) error {
	all := notifications.Types()
	rows, whole := []typeRow{}, false
	for i := range all {
		if len(words) == 1 && strings.EqualFold(words[0], all[i].Name) {
			rows, whole = append(rows, newTypeRow(&all[i])), true
		}
	}
	for i := range all {
		if !whole && !slices.ContainsFunc(words, func(w string) bool { return !says(&all[i], w) }) {
			rows = append(rows, newTypeRow(&all[i]))
		}
	}
	if len(rows) == 0 {
		for _, w := range words {
			if !slices.ContainsFunc(all, func(t notifications.Type) bool { return says(&t, w) }) {
				return exit.Usagef("no type has %q in its name, status, destination, roles or trigger%s", w, near(w, ""))
			}
		}
		return exit.Usagef("no type has all of %q in its name, status, destination, roles and trigger", strings.Join(words, " "))
	}
	p := f.Printer()
	if !whole || p.Whole() {
		if err := p.Print(ctx, rows, typeColumns...); err != nil || p.Structured() {
			return err
		}
		f.Notef("%s", output.Plural(len(rows), "row"))
		return nil
	}
	var b strings.Builder
	for i, r := range rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		r.tell(&b, f.Streams)
	}
	_, err := io.WriteString(f.Streams.Out, b.String())
	return err
}

// tell writes all that is known of a type for people.
func (r *typeRow) tell(b *strings.Builder, s *terminal.Streams) {
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "%-14s %s\n", name, text)
		}
	}
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	all := func(names []string) string { return strings.Join(names, ", ") }
	line("type", s.Bold(r.Type))
	line("alias", text(r.Alias))
	line("versions", all(r.Versions))
	status := r.Status
	for _, more := range []struct{ before, text string }{{"since ", text(r.Since)}, {"removal ", text(r.Removal)}, {"in its place ", text(r.ReplacedBy)}} {
		if more.text != "" {
			status += "; " + more.before + more.text
		}
	}
	line("status", status)
	line("when", text(r.Trigger))
	line("timing", text(r.Timing))
	line("goes to", text(r.Destination))
	line("token", text(r.Token))
	line("roles", all(r.Roles))
	line("parties", all(r.Parties))
	filter := r.Directive.EventFilter
	if len(r.Directive.Requires) > 0 {
		filter += "; must have " + all(r.Directive.Requires)
	}
	if len(r.Directive.Members) > 0 {
		filter += "; may have " + all(r.Directive.Members)
	}
	line("eventFilter", filter)
	line("expression", r.Directive.FilterExpression)
	line("about", all(r.Key))
	line("same if same", all(r.NaturalKey))
	line("time", text(r.Time))
	line("personal", text(r.Personal))
	if r.Secret {
		line("secret", "yes")
	}
	line("envelope", strings.TrimSpace(text(r.NotificationVersion)+" "+text(r.Casing)))
	line("wrapper", text(r.Wrapper))
	line("schema", text(r.Schema))
	line("Go", "notifications."+r.Go)
	line("known from", r.Confidence)
	line("source", r.Source)
	line("note", text(r.Note))
}

// says tells whether a type has a word.
func says(t *notifications.Type, word string) bool {
	text := strings.Join([]string{t.Name, t.Alias, t.Status, cmp.Or(t.Destination, "-"), strings.Join(t.Roles, ", "), t.Trigger}, "\n")
	return strings.Contains(strings.ToLower(text), strings.ToLower(word))
}
