// Package report is "spapi report": reports from request to file.
package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/deliver"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/pages"
	"github.com/openspapi/spapi/internal/cli/when"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/marketplace"
	"github.com/openspapi/spapi/reports"
)

// NewCmdReport returns "spapi report" with what is below it.
func NewCmdReport(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report <command>",
		Short: "Get reports: ask for them, list, download, schedule",
		Long: "Gets reports. \"spapi report types\" finds the type that has what you want and tells what it needs; \"spapi report run\" asks for a\n" +
			"report, waits and writes it.",
		Example: "  spapi report types orders\n" +
			"  spapi --emulator report run GET_MERCHANT_LISTINGS_ALL_DATA --marketplace US --out listings.csv",
		Args: exit.Group,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewCmdRun(f, nil), newCmdTypes(f), newCmdList(f), newCmdGet(f), newCmdDownload(f), newCmdSchedule(f))
	return cmd
}

// RunOptions are the flags of "spapi report run".
type RunOptions struct {
	Factory *factory.Factory

	Type         string
	Marketplaces []string
	Start, End   when.Time
	Options      []string
	Reuse        when.Time
	Poll         time.Duration
	SendAgain    bool
	NoTypeLimit  bool
	Target       deliver.Target
}

// NewCmdRun returns "spapi report run". runF replaces the work in tests.
func NewCmdRun(f *factory.Factory, runF func(context.Context, *RunOptions) error) *cobra.Command {
	opts := &RunOptions{Factory: f}
	cmd := &cobra.Command{
		Use:   "run TYPE",
		Short: "Ask for a report, wait for it and write it",
		Long: `Asks for a report, waits until Amazon has made it and writes it, to --out or to stdout. The format follows the ending of --out: csv, tsv,
jsonl and parquet are made from the rows; anything else gets the document as it is, unpacked and in UTF-8. The file appears when it is whole.
Rows keep all their fields, amounts get a decimal point, and whatever isn't as it was declared is told on stderr, by number of line.

A window that is too long for one report is split, and the rows of all parts are put into one file. Parts without data are left out. Where a type goes by
calendar periods, the window is widened to whole ones, and a period that is not over yet is left out. A --start or --end of so many days or
weeks ago is the beginning of that day. What they were taken for is told on stderr.

A run with --out that is interrupted can be started again in the same words on the same day: it goes on with the reports that it had asked for. It
notes them in a hidden file beside --out until that is whole. Where no answer came, it looks for the report for a minute and asks again only if there is
none. --reuse also takes reports that were asked for by others.

Some types may be asked for once in a while only: the run waits until that is over, and says so unless -q is given. --timeout bounds the wait, --no-type-limit
asks all the same, such as when the report that was asked for last came to nothing.`,
		Example: "  spapi --emulator report run GET_MERCHANT_LISTINGS_ALL_DATA --out listings.parquet\n" +
			"  spapi --emulator report run GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL --start 45d --out orders.csv\n" +
			"  spapi report run GET_SALES_AND_TRAFFIC_REPORT --marketplace DE --start 2026-01-01 --end 2026-01-31 --option dateGranularity=DAY -o jsonl --array salesAndTrafficByDate",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exit.Usagef("takes one report type; \"spapi report types\" lists them")
			}
			return nil
		},
		ValidArgsFunction: completeTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Type = args[0]
			if err := opts.Target.Resolve(f); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&opts.Marketplaces, "marketplaces", nil, "several `marketplaces` in one report, in place of --marketplace")
	when.Flag(flags, &opts.Start, "start", "", "`time` at which the data begins", "")
	when.Flag(flags, &opts.End, "end", "", "`time` before which the data ends", "now")
	factory.Repeatable(flags, &opts.Options, "option", "", "`name=value` of an option of the report type; repeatable")
	when.Flag(flags, &opts.Reuse, "reuse", "", "take a report of the same type, window and marketplaces that was created since this `time`", "")
	flags.DurationVar(&opts.Poll, "poll", 0, "shortest `pause` between two looks at the report (default 1s)")
	flags.BoolVar(&opts.SendAgain, "send-again", false, "ask again, without looking, for what a run before has asked for without an answer")
	deliver.TypeLimitFlag(cmd, &opts.NoTypeLimit)
	opts.Target.AddFlags(cmd)
	return cmd
}

func completeTypes(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, t := range reports.Types() {
		names = append(names, t.Name+"\t"+t.Category)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// typeName reads a report type, in any case. One that is unknown is sent as it is, since Amazon may have new ones, unless it can only be a mistake: not
// in the form of a type, or made of words that are all in others.
func typeName(arg string) (string, error) {
	name := strings.ToUpper(arg)
	if _, ok := reports.LookupType(name); ok {
		return name, nil
	}
	if _, part := nearTypes(arg); part || arg != name || !strings.Contains(name, "_") {
		return "", exit.Usagef("%s", unknownType(arg))
	}
	return name, nil
}

func unknownType(arg string) string {
	text := fmt.Sprintf("unknown report type %q", arg)
	if near, _ := nearTypes(arg); len(near) > 0 {
		return text + ": did you mean " + output.OneOf(near) + "? \"spapi report types\" lists all"
	}
	return text + "; \"spapi report types\" lists them"
}

// nearTypes are up to five types that may be meant; part says that they have all the words of the name.
func nearTypes(arg string) (names []string, part bool) {
	words := strings.FieldsFunc(arg, func(r rune) bool { return r == '_' || r == ' ' })
	for _, t := range reports.SearchTypes(words...) {
		names = append(names, t.Name)
	}
	part = len(words) > 0 && len(names) > 0
	switch {
	case !part:
		names = nil
		for _, t := range reports.Types() {
			names = append(names, t.Name)
		}
		names = operation.Near(arg, names)
	case len(names) > 5:
		slices.SortStableFunc(names, func(a, b string) int { return len(a) - len(b) })
	}
	return names[:min(len(names), 5)], part
}

func (o *RunOptions) request(ctx context.Context, now time.Time) (reports.Request, error) {
	r := reports.Request{Marketplaces: o.Marketplaces}
	var err error
	if r.Type, err = typeName(o.Type); err != nil {
		return r, err
	}
	if r.Options, err = deliver.Options("option", o.Options); err != nil {
		return r, err
	}
	if len(r.Marketplaces) == 0 {
		m, err := o.Factory.Marketplace(ctx)
		if err != nil {
			return r, err
		}
		r.Marketplaces = []string{m.ID}
	}
	m, err := marketplace.Lookup(r.Marketplaces[0])
	if err != nil {
		return r, &exit.UsageError{Err: err}
	}
	zone := when.Zone(m, false)
	if r.Start, r.End, err = o.Factory.SpanOfDays(&o.Start, &o.End, zone); err != nil {
		return r, err
	}
	if o.Reuse.Given() {
		r.Reuse = now.Sub(o.Factory.Begin(&o.Reuse, zone))
	}
	return r, nil
}

func run(ctx context.Context, o *RunOptions) (err error) {
	f := o.Factory
	request, err := o.request(ctx, time.Now())
	if err != nil {
		return err
	}
	parts, err := request.Split()
	if err != nil {
		return deliver.Usage(err)
	}
	t, known := reports.LookupType(request.Type)
	if t.Calendar != "" {
		f.Notef("%s: whole periods by %s, from %s to %s", t.Name, t.Calendar, parts[0].Start.Format(time.DateOnly), parts[len(parts)-1].End.Format(time.DateOnly))
	}
	if len(parts) > 1 && o.Target.Format == deliver.Raw && (t.Format == "" || t.Format == "TSV" || t.Format == "CSV") {
		o.Target.Format, o.Target.RawValues = "tsv", true // several documents become one table, with their values as they are
	}
	if err := o.Target.Fit(t.Name, t.Format, t.Arrays, len(parts)); err != nil {
		return err
	}
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	sink, err := o.Target.Open(ctx, f)
	if err != nil {
		return err
	}
	defer sink.Close()
	bar := deliver.NewBar(f)
	defer bar.Close()
	j, err := deliver.OpenJournal(ctx, f, o.Target.Journal())
	if err != nil {
		return err
	}
	if j != nil {
		defer j.Close()
	}
	going := deliver.NewGoing(f, j)
	defer func() { err = going.Explain(err) }() // before the journal is closed
	options := append(going.Options(o.Poll, o.SendAgain, func(p job.Progress) {
		switch limited := deliver.Limited(p); p.Stage {
		case job.Creating:
			bar.Say("%s", cmp.Or(limited, "asking for "+p.Type))
		case job.Waiting:
			bar.Say("report %s: %s", p.ID, state(p.Status))
		case job.Ready:
			bar.Say("report %s: done", p.ID)
		}
	}), deliver.TypeLimit(o.NoTypeLimit)...)
	empty := 0
	var cancelled error
	for result := range reports.RunAll(ctx, client, parts, options...) {
		if errors.Is(result.Err, job.ErrCancelled) && len(parts) > 1 {
			empty++
			cancelled = result.Err
			continue
		}
		if result.Err != nil {
			if api, ok := errors.AsType[*spapi.APIError](result.Err); ok && api.StatusCode == http.StatusBadRequest && !known {
				f.Notef("%s", unknownType(request.Type))
			}
			return deliver.Usage(result.Err)
		}
		doc := result.Document
		bar.Say("report %s: writing", doc.Report.ReportID)
		if err := sink.Add(source(doc, bar)); err != nil {
			return fmt.Errorf("report %s: %w", doc.Report.ReportID, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if empty == len(parts) {
		return cancelled
	}
	if err := sink.Commit(); err != nil {
		return err
	}
	bar.Close()
	if j != nil {
		if err := j.Remove(); err != nil {
			return err
		}
		f.Notef("%s: %s", o.Target.Path, summary(sink.Rows, len(parts), empty))
	}
	return nil
}

// source is a report as a sink takes it.
func source(doc *reports.Document, bar *deliver.Bar) deliver.Source {
	return deliver.Source{
		Name: "report " + doc.Report.ReportID, Document: doc.Reader, Reader: bar.Reader(doc.Reader), Format: doc.Type.Format,
		Rows: doc.RowOptions(), Amounts: doc.Type.Amounts, Decimal: doc.DecodeOptions().Decimal,
	}
}

func summary(rows int64, parts, empty int) string {
	s := "written"
	if rows > 0 {
		s = output.Plural(rows, "row")
	}
	if parts > 1 {
		s += " from " + output.Plural(parts-empty, "report")
	}
	if empty > 0 {
		s += ", " + output.Plural(empty, "window") + " without data"
	}
	return s
}

func state(s job.Status) string {
	switch s {
	case "":
		return "asked for"
	case job.InQueue:
		return "in the queue"
	case job.InProgress:
		return "in progress"
	}
	return strings.ToLower(string(s))
}

func newCmdTypes(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "types [WORD…]",
		Short: "List the report types that have all these words, with what each needs",
		Example: "  spapi report types\n" +
			"  spapi report types inventory fba\n" +
			"  spapi report types --jq '.[] | select(.restricted) | .type'",
		RunE: func(cmd *cobra.Command, words []string) error {
			type row struct {
				reports.Type
				Needs    string `json:"needs"`
				Cooldown string `json:"cooldown,omitzero"`
			}
			rows := []row{}
			for _, t := range reports.SearchTypes(words...) {
				r := row{Type: t, Needs: needs(t, time.Now())}
				if t.Cooldown > 0 {
					r.Cooldown = t.Cooldown.String()
				}
				rows = append(rows, r)
			}
			if len(rows) == 0 {
				return exit.Usagef("no report type has all of %q", strings.Join(words, " "))
			}
			return f.Print(cmd.Context(), rows, output.Column{Name: "type", Path: "type"}, output.Column{Name: "for", Path: "for"},
				output.Column{Name: "format", Path: "format"}, output.Column{Name: "needs", Path: "needs", Long: true, Spare: 1})
		},
	}
}

// removal says when a type goes or has gone, "" if it stays.
func removal(t reports.Type, now time.Time) string {
	if t.Removed.IsZero() {
		return ""
	}
	s := catalog.Removal(t.Removed.Format(time.DateOnly), now)
	if t.Instead != "" {
		s += ": use " + t.Instead
	}
	return s
}

// needs says in a line what a type wants and how it comes.
func needs(t reports.Type, now time.Time) string {
	var parts []string
	if s := removal(t, now); s != "" {
		parts = append(parts, s)
	}
	switch {
	case !t.Removed.IsZero() && !now.Before(t.Removed): // it doesn't come about any more
	case t.Automatic:
		parts = append(parts, "made by Amazon only: list it")
	case t.Schedule && t.Request:
		parts = append(parts, "can be scheduled")
	case t.Schedule:
		parts = append(parts, "scheduled only")
	}
	for _, o := range t.Options {
		s := "option " + o.Name
		if len(o.Values) > 0 {
			s += "=" + strings.Join(o.Values, "|")
		}
		parts = append(parts, s)
	}
	if t.MaxDays > 0 {
		parts = append(parts, "at most "+output.Plural(t.MaxDays, "day")+" each")
	}
	if t.Calendar != "" {
		parts = append(parts, "whole periods by "+t.Calendar)
	}
	if t.LookbackDays > 0 {
		parts = append(parts, "at most "+output.Plural(t.LookbackDays, "day")+" back")
	}
	if t.Cooldown > 0 {
		parts = append(parts, "made once in "+strings.TrimSuffix(strings.TrimSuffix(t.Cooldown.String(), "0s"), "0m"))
	}
	if t.Restricted {
		parts = append(parts, "personal data")
	}
	return strings.Join(parts, "; ")
}

var reportColumns = []output.Column{
	{Name: "report", Path: "reportId"}, {Name: "type", Path: "reportType"}, {Name: "status", Path: "processingStatus"}, {Name: "created", Path: "createdTime"},
	{Name: "from", Path: "dataStartTime", Spare: 2}, {Name: "to", Path: "dataEndTime", Spare: 2}, {Name: "marketplaces", Path: "marketplaceIds", Spare: 3},
}

func newCmdList(f *factory.Factory) *cobra.Command {
	var statuses []string
	var since, until when.Time
	var limit int
	cmd := &cobra.Command{
		Use:   "list TYPE…",
		Short: "List the reports that there are, those that Amazon makes by itself included",
		Example: "  spapi --emulator report list GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2 --limit 3\n" +
			"  spapi report list GET_MERCHANT_LISTINGS_ALL_DATA --since 2d --status DONE",
		ValidArgsFunction: completeTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if len(args) == 0 || len(args) > 10 {
				return exit.Usagef("takes 1 to 10 report types; \"spapi report types\" lists them")
			}
			for i, name := range args {
				var err error
				if name, err = typeName(name); err != nil {
					return err
				}
				args[i] = name
				if t, _ := reports.LookupType(name); !t.Removed.IsZero() {
					f.Notef("%s: %s", name, removal(t, time.Now()))
				}
			}
			r := reports.ListRequest{Types: args}
			for _, s := range statuses {
				r.Statuses = append(r.Statuses, job.Status(s))
			}
			var err error
			if r.Since, r.Until, err = f.Span(&since, &until, f.Zone(ctx)); err != nil {
				return err
			}
			if m := f.Flags.Marketplace; m.ID != "" {
				r.Marketplaces = []string{m.ID}
			}
			client, err := f.Client(ctx)
			if err != nil {
				return err
			}
			list := pages.List[[]reports.Report, reports.Report]{
				Noun: "report", Limit: limit, Each: true, Columns: reportColumns,
				Rows:  func(p *[]reports.Report) []reports.Report { return *p },
				Time:  func(r *reports.Report) time.Time { return r.CreatedTime },
				Since: "since", Until: "until",
			}
			_, _, err = list.Write(ctx, f, pages.Of(reports.List(ctx, client, r)))
			return deliver.Usage(err)
		},
	}
	cmd.Flags().StringSliceVar(&statuses, "status", nil, "only those in these `states`: IN_QUEUE, IN_PROGRESS, DONE, CANCELLED, FATAL")
	when.Flag(cmd.Flags(), &since, "since", "", "created since this `time`", "90d")
	when.Flag(cmd.Flags(), &until, "until", "", "created before this `time`", "now")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most this `number` of reports")
	return cmd
}

// one is the check of commands that take an id.
func one(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return exit.Usagef("takes one %s", what)
		}
		return nil
	}
}

func newCmdGet(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "get REPORT-ID",
		Short:   "Tell how far a report is",
		Example: "  spapi report get 50039018869",
		Args:    one("report id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := f.Client(cmd.Context())
			if err != nil {
				return err
			}
			report, err := reports.Get(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			return f.Print(cmd.Context(), report)
		},
	}
}

func newCmdDownload(f *factory.Factory) *cobra.Command {
	var target deliver.Target
	var poll time.Duration
	cmd := &cobra.Command{
		Use:     "download REPORT-ID",
		Short:   "Wait for a report that was asked for and write it",
		Example: "  spapi report download 50039018869 --out listings.jsonl",
		Args:    one("report id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := target.Resolve(f); err != nil {
				return err
			}
			client, err := f.Client(ctx)
			if err != nil {
				return err
			}
			bar := deliver.NewBar(f)
			defer bar.Close()
			report, err := reports.Wait(ctx, client, args[0], job.WithPoll(poll, 0), job.WithProgress(func(p job.Progress) {
				bar.Say("report %s: %s", p.ID, state(p.Status))
			}))
			if err != nil {
				return err
			}
			t, _ := reports.LookupType(report.ReportType)
			if err := target.Fit(t.Name, t.Format, t.Arrays, 1); err != nil {
				return err
			}
			sink, err := target.Open(ctx, f)
			if err != nil {
				return err
			}
			defer sink.Close()
			doc, err := reports.Open(ctx, client, report)
			if err != nil {
				return err
			}
			defer doc.Close()
			if err := sink.Add(source(doc, bar)); err != nil {
				return err
			}
			if err := sink.Commit(); err != nil {
				return err
			}
			bar.Close()
			if target.Path != "" {
				f.Notef("%s: %s", target.Path, summary(sink.Rows, 1, 0))
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&poll, "poll", 0, "shortest `pause` between two looks at the report (default 1s)")
	target.AddFlags(cmd)
	return cmd
}

func newCmdSchedule(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "schedule <command>",
		Short:   "Let Amazon make a report again and again",
		Example: "  spapi report schedule list",
		Args:    exit.Group,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:     "list [TYPE…]",
		Short:   "List the schedules; of all types if none is named, which takes some calls",
		Example: "  spapi --emulator report schedule list GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE",
		RunE: func(cmd *cobra.Command, args []string) error {
			for i, name := range args {
				var err error
				if args[i], err = typeName(name); err != nil {
					return err
				}
			}
			client, err := f.Client(cmd.Context())
			if err != nil {
				return err
			}
			all, err := reports.Schedules(cmd.Context(), client, args)
			if err != nil {
				return err
			}
			if all == nil {
				all = []reports.Schedule{}
			}
			return f.Print(cmd.Context(), all, output.Column{Name: "schedule", Path: "reportScheduleId"}, output.Column{Name: "type", Path: "reportType"},
				output.Column{Name: "period", Path: "period"}, output.Column{Name: "next", Path: "nextReportCreationTime"},
				output.Column{Name: "marketplaces", Path: "marketplaceIds", Spare: 1})
		},
	})
	var period string
	var next when.Time
	var options []string
	set := &cobra.Command{
		Use:   "set TYPE",
		Short: "Put a type on a schedule, in place of what it had for the same marketplaces",
		Example: "  spapi --emulator report schedule set GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE --every P1D\n" +
			"  spapi report schedule set GET_ORDER_REPORT_DATA_SHIPPING --marketplace DE --every PT1H --next 2026-03-01T06:00:00Z",
		Args:              one("report type"),
		ValidArgsFunction: completeTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			name, err := typeName(args[0])
			if err != nil {
				return err
			}
			m, err := f.Marketplace(ctx)
			if err != nil {
				return err
			}
			r := reports.Request{Type: name, Marketplaces: []string{m.ID}}
			if r.Options, err = deliver.Options("option", options); err != nil {
				return err
			}
			at := f.Begin(&next, when.Zone(m, false))
			if next.Given() && at.Before(time.Now()) {
				return exit.Usagef("--next %q: lies in the past, at %s", &next, at.Format(time.RFC3339))
			}
			if !slices.Contains(reports.SchedulePeriods(), period) {
				return exit.Usagef("--every %q: want %s", period, output.OneOf(reports.SchedulePeriods()))
			}
			client, err := f.Client(ctx)
			if err != nil {
				return err
			}
			id, err := reports.CreateSchedule(ctx, client, r, period, at)
			if err != nil {
				return deliver.Usage(err)
			}
			return f.Print(ctx, map[string]string{"reportScheduleId": id})
		},
	}
	set.Flags().StringVar(&period, "every", "", "`period`, such as PT1H, P1D or P1M")
	when.Flag(set.Flags(), &next, "next", "", "`time` of the first report", "after one period")
	factory.Repeatable(set.Flags(), &options, "option", "", "`name=value` of an option of the report type; repeatable")
	_ = set.RegisterFlagCompletionFunc("every", cobra.FixedCompletions(reports.SchedulePeriods(), cobra.ShellCompDirectiveNoFileComp))
	cmd.AddCommand(set, &cobra.Command{
		Use:     "remove SCHEDULE-ID",
		Short:   "End a schedule; the reports that it has made stay",
		Example: "  spapi report schedule remove 50001021123",
		Args:    one("schedule id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.Confirm(cmd.Context(), "Remove schedule "+args[0]+"?"); err != nil {
				return err
			}
			client, err := f.Client(cmd.Context())
			if err != nil {
				return err
			}
			return reports.CancelSchedule(cmd.Context(), client, args[0])
		},
	})
	return cmd
}
