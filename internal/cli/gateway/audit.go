package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/gateway/audit"
	"github.com/openspapi/spapi/gateway/audit/auditsqlite"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/when"
	"github.com/openspapi/spapi/internal/settings"
)

// newCmdAudit returns "spapi gateway audit".
func newCmdAudit(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Args:  exit.Group,
		Short: "Read and verify what a gateway did",
		Long: "A gateway keeps what it did: who called, for which account, which operation, whether it wrote, whether buyers' data was in the answer, and how it\n" +
			"ended; never bodies, queries or secrets. Each entry is linked to the one before by a hash that takes the gateway's secret, so that changes show.\n\n" +
			"All of these commands work while a gateway writes. They read the audit of the configuration; --source names others, such as those of other gateways.",
		Example: "  spapi gateway audit read --since 24h\n" +
			"  spapi gateway audit verify",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCmdAuditRead(f), newCmdAuditVerify(f), newCmdAuditExport(f), newCmdAuditDeprecated(f), newCmdAuditPrune(f))
	return cmd
}

// auditOptions are what all commands that read audits have.
type auditOptions struct {
	Options
	source []string
}

func (o *auditOptions) addFlags(cmd *cobra.Command) {
	o.addPlace(cmd.Flags())
	factory.Repeatable(cmd.Flags(), &o.source, "source", "", "`folder` of JSON lines or file of SQLite in place of the configured audit; repeatable")
}

// place is where the configuration has the audit; "" for nowhere.
func (a *auditing) place() string { return cmp.Or(string(a.SQLite), string(a.JSONL)) }

// chains finds the chains, and the secrets of the gateway if there are any.
func (o *auditOptions) chains() ([]audit.Chain, [][]byte, error) {
	c, err := load(o.overrides())
	if err != nil {
		return nil, nil, o.told(err)
	}
	places := o.source
	if len(places) == 0 {
		if c.Audit.place() == "" {
			return nil, nil, exit.Usagef("the configuration has no audit: name one with --source")
		}
		places = []string{c.Audit.place()}
	}
	var all []audit.Chain
	for _, place := range places {
		found, err := chainsIn(place)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
		if len(found) == 0 {
			return nil, nil, exit.Usagef("there is no audit at %s: no gateway has written one there; --source or --config names another place", place)
		}
		all = append(all, found...)
	}
	secrets, err := auditSecrets(c)
	return all, secrets, err
}

// chainsIn finds the chains in a folder or a file.
func chainsIn(place string) ([]audit.Chain, error) {
	info, err := os.Stat(place)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if !auditsqlite.IsFile(place) {
			return nil, exit.Usagef("%s is no file of SQLite: want that, or the folder of JSON lines", place)
		}
		return auditsqlite.Chains(place)
	}
	all, err := audit.Chains(place)
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(place)
	if err != nil {
		return nil, err
	}
	for _, entry := range files {
		if file := filepath.Join(place, entry.Name()); entry.Type().IsRegular() && auditsqlite.IsFile(file) {
			found, err := auditsqlite.Chains(file)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// auditSecrets are the secrets of the gateway. Where there are none, none is made.
func auditSecrets(c *config) ([][]byte, error) {
	if c.SecretFile == "" && settings.GatewaySecret.Getenv() == "" {
		if _, err := os.Stat(filepath.Join(string(c.Folder), secretFile)); c.Folder == "" || errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	s, err := openSecret(c, quietly())
	if err != nil {
		return nil, err
	}
	return append([][]byte{s.current}, s.old...), nil
}

// auditRow is an entry as JSON. What doesn't apply is null or false, so that jq's select works on every field.
type auditRow struct {
	Time         time.Time   `json:"time"`
	Chain        string      `json:"chain"`
	Seq          uint64      `json:"seq"`
	Kind         string      `json:"kind"`
	Call         *string     `json:"call"`
	Caller       *string     `json:"caller"`
	Key          *string     `json:"key"`
	Account      *string     `json:"account"`
	Operation    *string     `json:"operation"`
	Write        bool        `json:"write"`
	PersonalData bool        `json:"personal_data"`
	Status       *int        `json:"status"`
	RequestID    *string     `json:"request_id"`
	Agent        *string     `json:"agent"`
	Refused      *string     `json:"refused"`
	Cache        *string     `json:"cache"`
	More         int         `json:"more"`     // refusals like this one that have no entry of their own
	Duration     *float64    `json:"duration"` // seconds
	Note         *audit.Note `json:"note"`
}

// unfinishedKind is what an intent is shown as that no call has followed.
const unfinishedKind = "unfinished"

var auditColumns = []output.Column{
	{Name: "time", Path: "time", Text: moment},
	{Name: "gateway", Path: "chain", Wide: true},
	{Name: "entry", Path: "seq", Right: true, Wide: true},
	{Name: "kind", Path: "kind", Spare: 6},
	{Name: "caller", Path: "caller", Spare: 1},
	{Name: "key", Path: "key", Wide: true},
	{Name: "account", Path: "account", Spare: 2},
	{Name: "operation", Path: "operation", Long: true},
	{Name: "write", Path: "write", Spare: 3, Text: yes},
	{Name: "personal", Path: "personal_data", Spare: 3, Text: yes},
	{Name: "status", Path: "status", Right: true},
	{Name: "refused", Path: "refused", Spare: 4},
	{Name: "seconds", Path: "duration", Right: true, Spare: 7},
	{Name: "request id", Path: "request_id", Wide: true},
	{Name: "agent", Path: "agent", Long: true, Wide: true},
	{Name: "cache", Path: "cache", Wide: true},
	{Name: "more", Path: "more", Right: true, Wide: true},
	{Name: "call", Path: "call", Wide: true},
}

// moment is a time to the second.
func moment(v output.Value) string {
	at, err := time.Parse(time.RFC3339Nano, v.Text())
	if err != nil {
		return v.Text()
	}
	return at.Format(time.DateTime)
}

func newAuditRow(e *audit.Entry) auditRow {
	text := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	r := auditRow{
		Time: e.Time, Chain: e.Chain, Seq: e.Seq, Kind: string(e.Kind), Call: text(e.Call), Caller: text(e.Caller), Key: text(e.Key), Account: text(e.Account),
		Operation: text(e.Operation), Write: e.Write, PersonalData: e.PersonalData, RequestID: text(e.RequestID), Agent: text(e.Agent), Refused: text(e.Refused),
		Cache: text(e.Cache), More: e.More, Note: e.Note,
	}
	if e.Kind == audit.Call {
		seconds, status := e.Duration.Seconds(), e.Status
		r.Status, r.Duration = &status, &seconds
	}
	return r
}

// reading is "spapi gateway audit read".
type reading struct {
	auditOptions
	since, until                         when.Time
	caller, account, operation           string
	write, personalData, refused, failed bool
	every                                bool
}

func newCmdAuditRead(f *factory.Factory) *cobra.Command {
	o := &reading{}
	o.Factory = f
	cmd := &cobra.Command{
		Use:   "read",
		Args:  exit.NoArgs,
		Short: "Show the calls that were made",
		Long: "Shows calls, in the order in which they ended; of several gateways by their time. A call that writes, or whose answer may hold buyers' data, is noted\n" +
			"before it goes out: where its gateway ended before it did, it is shown as unfinished, without a status, and nobody knows whether Amazon carried it out.\n" +
			"Of refusals of requests without a valid key only some have an entry when there are many; \"more\" counts those before it.\n\n" +
			"With --all every entry is shown as it stands, those by which gateways open and close the audit too. This command believes what it reads; \"verify\" doesn't.",
		Example: "  spapi gateway audit read --since 24h\n" +
			"  spapi gateway audit read --personal-data --since 2026-11-01 -o csv\n" +
			"  spapi gateway audit read --account de --refused\n" +
			"  spapi gateway audit read --source /srv/a/audit --source /srv/b/audit -o jsonl | jq 'select(.write)'",
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	when.Flag(flags, &o.since, "since", "", "calls from this `time` on", "all")
	when.Flag(flags, &o.until, "until", "", "calls before this `time`", "now")
	flags.StringVar(&o.caller, "caller", "", "calls of this `caller`, by the name or id of its key")
	flags.StringVar(&o.account, "account", "", "calls for this `account`")
	flags.StringVar(&o.operation, "operation", "", "calls of operations that have this `text` in their id, such as getOrder")
	flags.BoolVar(&o.write, "write", false, "calls that change something")
	flags.BoolVar(&o.personalData, "personal-data", false, "calls whose answer may hold buyers' data")
	flags.BoolVar(&o.refused, "refused", false, "calls that the gateway refused")
	flags.BoolVar(&o.failed, "failed", false, "calls that ended without success, and unfinished ones")
	flags.BoolVar(&o.every, "all", false, "every entry as it stands")
	o.addFlags(cmd)
	_ = cmd.RegisterFlagCompletionFunc("operation", operation.Complete)
	return cmd
}

func (o *reading) run(ctx context.Context) error {
	from, to, err := o.Factory.Span(&o.since, &o.until, time.UTC)
	if err != nil {
		return err
	}
	chains, _, err := o.chains()
	if err != nil {
		return err
	}
	p := o.Factory.Printer()
	list := p.List(auditColumns...)
	list.Each = true
	n := 0
	for e, err := range unfinished(audit.Merge(ctx, chains, from), o.every) {
		if err == nil && o.wants(&e, from, to) {
			n++
			err = list.Add(ctx, e)
		}
		if err != nil {
			return list.Close(ctx, err)
		}
	}
	if err := list.Close(ctx, nil); err != nil {
		return err
	}
	if !p.Structured() {
		o.Factory.Notef("%s", output.Plural(n, "entry", "entries"))
	}
	return nil
}

// unfinished turns entries into rows. Intents that a call follows are left out; the others come when their gateway opens its audit anew, or at the end.
func unfinished(entries iter.Seq2[audit.Found, error], every bool) iter.Seq2[auditRow, error] {
	return func(yield func(auditRow, error) bool) {
		under := map[string]map[string]auditRow{} // intents by chain and call: as many as calls are under way at once
		tell := func(chain string) bool {
			rows := slices.SortedFunc(maps.Values(under[chain]), func(a, b auditRow) int { return cmp.Compare(a.Seq, b.Seq) })
			delete(under, chain)
			for _, r := range rows {
				if !yield(r, nil) {
					return false
				}
			}
			return true
		}
		for e, err := range entries {
			if err != nil {
				yield(auditRow{}, err)
				return
			}
			row, more := newAuditRow(&e.Entry), true
			switch {
			case every:
				more = yield(row, nil)
			case e.Kind == audit.Intent:
				row.Kind = unfinishedKind
				if under[e.Chain] == nil {
					under[e.Chain] = map[string]auditRow{}
				}
				under[e.Chain][e.Call] = row
			case e.Kind == audit.Call:
				delete(under[e.Chain], e.Call)
				more = yield(row, nil)
			case e.Kind == audit.Opened:
				more = tell(e.Chain)
			}
			if !more {
				return
			}
		}
		for _, chain := range slices.Sorted(maps.Keys(under)) {
			if !tell(chain) {
				return
			}
		}
	}
}

func (o *reading) wants(r *auditRow, from, to time.Time) bool {
	is := func(value *string, want string) bool { return want == "" || value != nil && *value == want }
	has := func(value *string, want string) bool {
		return want == "" || value != nil && strings.Contains(strings.ToLower(*value), strings.ToLower(want))
	}
	return !r.Time.Before(from) && (to.IsZero() || r.Time.Before(to)) && (is(r.Caller, o.caller) || is(r.Key, o.caller)) && is(r.Account, o.account) &&
		has(r.Operation, o.operation) && (!o.write || r.Write) && (!o.personalData || r.PersonalData) && (!o.refused || r.Refused != nil) &&
		(!o.failed || r.Kind == unfinishedKind || r.Status != nil && (*r.Status < 200 || *r.Status > 299))
}

func newCmdAuditVerify(f *factory.Factory) *cobra.Command {
	o := &auditOptions{}
	o.Factory = f
	var noted []string
	cmd := &cobra.Command{
		Use:   "verify",
		Args:  exit.NoArgs,
		Short: "Check that nothing of an audit was changed",
		Long: "Goes through each chain of entries from the first to the last. The first entry that is broken is named, and the command ends with status 1. With the\n" +
			"gateway's secret, which is found as the gateway finds it, a chain that somebody has made anew without it shows, too.\n\n" +
			"What nothing beside a chain can show is that all of it was put back to what it was at some time. Note down the head that this command and each day's log\n" +
			"of the gateway tell, in another place, and give it to --head: the chain must still have it.",
		Example: "  spapi gateway audit verify\n" +
			"  spapi gateway audit verify -o json | jq .[].head\n" +
			"  spapi gateway audit verify --source /srv/b/audit --head gateway:1208:3u0L7l6c0vX9rDq2mT0aJm5lqfQkYB0u4WcR1f8wq1E",
		RunE: func(cmd *cobra.Command, _ []string) error { return o.verify(cmd.Context(), noted) },
	}
	o.addFlags(cmd)
	factory.Repeatable(cmd.Flags(), &noted, "head", "", "`head` that was noted down elsewhere; repeatable")
	return cmd
}

// verdict is what was found of a chain, as JSON.
type verdict struct {
	audit.Report
	OK     bool    `json:"ok"`
	At     string  `json:"at"` // where the chain lies
	Broken *uint64 `json:"broken"`
	Where  *string `json:"where"`
	Reason *string `json:"reason"`
}

var verdictColumns = []output.Column{
	{Name: "chain", Path: "chain"},
	{Name: "ok", Path: "ok"},
	{Name: "entries", Path: "entries", Right: true},
	{Name: "keyed", Path: "keyed", Right: true, Spare: 3},
	{Name: "unfinished", Path: "unfinished", Right: true, Spare: 2},
	{Name: "lost", Path: "lost", Right: true},
	{Name: "crashes", Path: "crashes", Right: true, Spare: 4},
	{Name: "removed", Path: "removed", Right: true, Spare: 5},
	{Name: "head", Path: "head", Spare: 1},
	{Name: "broken at", Path: "broken", Right: true},
	{Name: "reason", Path: "reason", Long: true},
	{Name: "at", Path: "at", Wide: true},
}

func (o *auditOptions) verify(ctx context.Context, noted []string) error {
	var options audit.VerifyOptions
	for _, text := range noted {
		h, err := audit.ParseHead(text)
		if err != nil {
			return exit.Usagef("--head %v", err)
		}
		options.Heads = append(options.Heads, h)
	}
	chains, secrets, err := o.chains()
	if err != nil {
		return err
	}
	options.Secrets = secrets
	for _, h := range options.Heads {
		if !slices.ContainsFunc(chains, func(c audit.Chain) bool { return c.Name() == h.Chain }) {
			return fmt.Errorf("--head %s: there is no chain of that name any more", h)
		}
	}
	list := o.Factory.Printer().List(verdictColumns...)
	var first error
	for _, c := range chains {
		report, err := audit.Verify(ctx, c, options)
		v := verdict{Report: report, OK: err == nil, At: c.String()}
		if b, ok := errors.AsType[*audit.BrokenError](err); ok {
			v.Broken, v.Where, v.Reason = &b.Seq, &b.Where, &b.Reason
			first = cmp.Or(first, err)
		} else if err != nil {
			return list.Close(ctx, err)
		}
		if err := list.Add(ctx, v); err != nil {
			return list.Close(ctx, err)
		}
	}
	if err := list.Close(ctx, nil); err != nil {
		return err
	}
	return first
}

func newCmdAuditExport(f *factory.Factory) *cobra.Command {
	o := &auditOptions{}
	o.Factory = f
	cmd := &cobra.Command{
		Use:   "export",
		Args:  exit.NoArgs,
		Short: "Write all entries with their hashes",
		Long: "Writes the entries of all chains to stdout, one a line, chain after chain, as the JSON lines of an audit have them, whatever it is kept in: with them\n" +
			"whoever has the gateway's secret can verify the chain, and who hasn't can see that entries are linked.",
		Example: "  spapi gateway audit export > audit.jsonl\n" +
			"  spapi gateway audit export --source audit.db | gzip > audit.jsonl.gz",
		RunE: func(cmd *cobra.Command, _ []string) error { return o.export(cmd.Context()) },
	}
	o.addFlags(cmd)
	return cmd
}

func (o *auditOptions) export(ctx context.Context) error {
	if err := o.Factory.Flags.Output.Refuse("entries as an audit has them"); err != nil {
		return err
	}
	chains, _, err := o.chains()
	if err != nil {
		return err
	}
	for _, c := range chains {
		for e, err := range c.Entries(ctx, time.Time{}) {
			if err != nil {
				return err
			}
			if _, err := o.Factory.Streams.Out.Write(append(e.Line(), '\n')); err != nil {
				return err
			}
		}
	}
	return nil
}

// deprecation is the use of an operation that Amazon has deprecated, as JSON.
type deprecation struct {
	Caller    string    `json:"caller"`
	Operation string    `json:"operation"`
	Removal   *string   `json:"removal"` // date
	Calls     int       `json:"calls"`
	Last      time.Time `json:"last"`
}

var deprecationColumns = []output.Column{
	{Name: "removal", Path: "removal"},
	{Name: "caller", Path: "caller"},
	{Name: "operation", Path: "operation"},
	{Name: "calls", Path: "calls", Right: true},
	{Name: "last", Path: "last", Text: moment},
}

func newCmdAuditDeprecated(f *factory.Factory) *cobra.Command {
	o := &auditOptions{}
	o.Factory = f
	var since when.Time
	cmd := &cobra.Command{
		Use:   "deprecated",
		Args:  exit.NoArgs,
		Short: "List who uses operations that Amazon has deprecated",
		Long: "Lists, by the audit, who has used which operation that Amazon has deprecated, how often and when last, with the day on which Amazon removes it as\n" +
			"announced: the next one first.",
		Example: "  spapi gateway audit deprecated\n" +
			"  spapi gateway audit deprecated --since 12w -o csv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.deprecated(cmd.Context(), o.Factory.Begin(&since, time.UTC))
		},
	}
	when.Flag(cmd.Flags(), &since, "since", "4w", "calls from this `time` on", "")
	o.addFlags(cmd)
	return cmd
}

func (o *auditOptions) deprecated(ctx context.Context, since time.Time) error {
	chains, _, err := o.chains()
	if err != nil {
		return err
	}
	all := map[[2]string]*deprecation{}
	for e, err := range audit.Merge(ctx, chains, since) {
		if err != nil {
			return err
		}
		op, ok := spapi.LookupOperation(e.Operation)
		if !ok || e.Kind != audit.Call || op.Deprecated == "" && op.Removal == "" || e.Refused != "" || e.Time.Before(since) {
			continue
		}
		key := [2]string{e.Caller, op.ID}
		d := all[key]
		if d == nil {
			d = &deprecation{Caller: e.Caller, Operation: op.ID}
			if op.Removal != "" {
				d.Removal = &op.Removal
			}
			all[key] = d
		}
		d.Calls++
		if e.Time.After(d.Last) {
			d.Last = e.Time
		}
	}
	rows := []deprecation{}
	for _, d := range all {
		rows = append(rows, *d)
	}
	day := func(d deprecation) string {
		if d.Removal == nil {
			return "unknown" // after all dates
		}
		return *d.Removal
	}
	slices.SortFunc(rows, func(a, b deprecation) int {
		return cmp.Or(cmp.Compare(day(a), day(b)), cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Operation, b.Operation))
	})
	p := o.Factory.Printer()
	if err := p.Print(ctx, rows, deprecationColumns...); err != nil || p.Structured() {
		return err
	}
	if len(rows) == 0 {
		o.Factory.Notef("nobody has used any since %s", since.Format(time.DateOnly))
	}
	return nil
}

func newCmdAuditPrune(f *factory.Factory) *cobra.Command {
	o := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:   "prune",
		Args:  exit.NoArgs,
		Short: "Remove entries that are too old",
		Long: "Removes what is older than audit.keep of the configuration, as a gateway does each day by itself: this is for one that isn't run any more. An entry in\n" +
			"the chain tells how far, so that it can be verified from there on.",
		Example: "  spapi gateway audit prune\n" +
			"  spapi gateway audit prune --folder /srv/gateway",
		RunE: func(cmd *cobra.Command, _ []string) error { return o.prune(cmd.Context()) },
	}
	o.addPlace(cmd.Flags())
	return cmd
}

func (o *Options) prune(ctx context.Context) error {
	c, err := load(o.overrides())
	if err != nil {
		return o.told(err)
	}
	place := c.Audit.place()
	before, err := oldest(ctx, place, c.Audit.Chain)
	if err != nil {
		return err
	}
	if before == 0 {
		return exit.Usagef("there is no audit at %q: no gateway has written one there", place)
	}
	s, err := openSecret(c, quietly())
	if err != nil {
		return err
	}
	l, err := openAudit(c, s, quietly())
	if errors.Is(err, audit.ErrLocked) {
		return &exit.HintError{Err: err, Hint: "A gateway that runs removes what is too old by itself."}
	}
	if err != nil {
		return err
	}
	if err := l.Close(); err != nil { // what is too old goes when it is opened
		return err
	}
	after, err := oldest(ctx, place, c.Audit.Chain)
	if err != nil {
		return err
	}
	o.Factory.Notef("%s removed", output.Plural(max(0, after-before), "entry", "entries"))
	return nil
}

// oldest is the number of a chain's first entry; 0 where there is none.
func oldest(ctx context.Context, place, name string) (int64, error) {
	chains, err := chainsIn(place)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	for _, c := range chains {
		if c.Name() != name {
			continue
		}
		for e, err := range c.Entries(ctx, time.Time{}) {
			return int64(e.Seq), err //nolint:gosec // no chain is that long
		}
	}
	return 0, nil
}
