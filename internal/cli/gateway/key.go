package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
)

// newCmdKey is "spapi gateway key".
func newCmdKey(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key <command>",
		Short: "Make, list, replace and revoke callers' keys",
		Long: "Callers of a gateway have keys. What a key opens is its scope: accounts, operations, whether it may change something, and whether it sees\n" +
			"buyers' names and addresses. A gateway that runs knows of what is changed here within five seconds; so do all that share its state.",
		Example: "  spapi gateway key create --name shop --account 'de-*' --operation 'orders*'\n" +
			"  spapi gateway key list",
		Args: exit.Group,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCmdKeyCreate(f), newCmdKeyList(f), newCmdKeyRotate(f), newCmdKeyRevoke(f))
	return cmd
}

// ahead is the value of a flag that says when something ends: a span from now, or a date.
type ahead struct {
	text string
	span time.Duration
	at   time.Time
}

func (a *ahead) String() string { return a.text }

// Type is what help calls the value.
func (a *ahead) Type() string { return "when" }

// Set reads a value.
func (a *ahead) Set(text string) error {
	*a = ahead{text: text}
	if text == "never" {
		return nil
	}
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		a.at = at
		return nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		a.at = at
		return nil
	}
	var d duration
	if d.UnmarshalText([]byte(text)) != nil || d <= 0 {
		return errors.New("want how long from now (12h, 90d, 2w, 12 months), a date (2027-01-31, at its beginning in UTC), a time (2027-01-31T15:04:05Z), or never")
	}
	a.span = time.Duration(d)
	return nil
}

// from is the end of what begins now; zero for never.
func (a *ahead) from(now time.Time) time.Time {
	if a.span > 0 {
		return now.Add(a.span)
	}
	return a.at.UTC()
}

// keyOptions are the flags of the commands on keys.
type keyOptions struct {
	Options
	name         string
	accounts     []string
	operations   []string
	write        bool
	personalData bool
	standard     string
	expires      ahead
	overlap      ahead
	all          bool
}

func newCmdKeyCreate(f *factory.Factory) *cobra.Command {
	o := &keyOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a key for a caller",
		Long: "Makes a key, and prints it: this once, for it is kept as a hash only. Several keys may have one name, which is what audit, metrics and \"spapi gateway\n" +
			"block\" call the caller.\n\n" +
			"Without --write a key reads: it also asks for reports and exports, for estimates, and searches by POST. Without --personal-data it sees no names and\n" +
			"addresses of buyers. Operations that act for the application as a whole, such as those on destinations of notifications, need --account '*'; paths\n" +
			"that no model has need --operation '*' and --personal-data.",
		Example: "  spapi gateway key create --name shop --account 'de-*' --operation 'orders*'\n" +
			"  spapi gateway key create --name repricer --account shop-de --operation 'productpricing*' --operation 'listingsitems*' --write --expires 90d\n" +
			"  spapi gateway key create --name labels --account '*' --operation '*' --personal-data -o json",
		Args: exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.create(cmd.Context()) },
	}
	flags := cmd.Flags()
	o.addPlace(flags)
	flags.StringVar(&o.name, "name", "", "the caller's `name`")
	factory.Repeatable(flags, &o.accounts, "account", "", "`account` that it opens, \"*\" stands for any text; repeatable")
	factory.Repeatable(flags, &o.operations, "operation", "", "`operation` that it opens by ID, such as ordersv0.getOrders, \"*\" stands for any text; repeatable")
	flags.BoolVar(&o.write, "write", false, "it may change something, too")
	flags.BoolVar(&o.personalData, "personal-data", false, "it sees buyers' names and addresses, too")
	flags.StringVar(&o.standard, "default-account", "", "`account` of calls that name none (default: the only one that it opens)")
	flags.Var(&o.expires, "expires", "`when` it ends: 90d from now, 2027-01-31, or never")
	return cmd
}

func newCmdKeyList(f *factory.Factory) *cobra.Command {
	o := &keyOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List keys",
		Long:    "Lists the keys that open something, without what they are; with --all also those that have ended, which are kept for 13 months.",
		Example: "  spapi gateway key list\n  spapi gateway key list --all -o json",
		Args:    exit.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.list(cmd.Context()) },
	}
	o.addPlace(cmd.Flags())
	cmd.Flags().BoolVar(&o.all, "all", false, "also keys that have expired or were revoked")
	return cmd
}

func newCmdKeyRotate(f *factory.Factory) *cobra.Command {
	o := &keyOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:   "rotate <id>",
		Short: "Make a key in place of another",
		Long: "Makes a key with the name and scope of another, and prints it: this once. The other one ends after --overlap, so that its callers can take over\n" +
			"the new one without a call that fails. If it had an end, the new one lives as long as it did.",
		Example: "  spapi gateway key rotate k3v9x2m7qa\n  spapi gateway key rotate k3v9x2m7qa --overlap 1h --expires 90d",
		Args:    keyID,
		RunE:    func(cmd *cobra.Command, args []string) error { return o.rotate(cmd.Context(), args[0]) },
	}
	o.addPlace(cmd.Flags())
	o.overlap = ahead{text: "24h", span: 24 * time.Hour}
	cmd.Flags().Var(&o.overlap, "overlap", "how `long` the other one still opens something")
	cmd.Flags().Var(&o.expires, "expires", "`when` the new one ends: 90d from now, 2027-01-31, or never")
	return cmd
}

func newCmdKeyRevoke(f *factory.Factory) *cobra.Command {
	o := &keyOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:   "revoke <id>",
		Short: "End a key at once",
		Long: "Ends a key, and with it the tokens and addresses of documents that were handed out for it. Calls under way end, too, save writes that have been\n" +
			"sent. It can't be taken back. \"spapi gateway block\" stops a caller with all its keys, and can.",
		Example: "  spapi gateway key revoke k3v9x2m7qa",
		Args:    keyID,
		RunE:    func(cmd *cobra.Command, args []string) error { return o.revoke(cmd.Context(), args[0]) },
	}
	o.addPlace(cmd.Flags())
	return cmd
}

// keyID is the check of commands that take the ID of a key.
func keyID(_ *cobra.Command, args []string) error {
	switch {
	case len(args) != 1:
		return exit.Usagef("takes the ID of one key, got %d: \"spapi gateway key list\" shows them", len(args))
	case strings.Contains(args[0], "_"):
		return exit.Usagef("takes the ID of a key and not the key, which shows in the shell's history now: it is the part between the second and the third underscore")
	}
	return nil
}

// keyRow is a key as it is shown.
type keyRow struct {
	ID             string    `json:"id"`
	Name           string    `json:"name"`
	Accounts       []string  `json:"accounts"`
	Operations     []string  `json:"operations"`
	Write          bool      `json:"write"`
	PersonalData   bool      `json:"personal_data"`
	DefaultAccount string    `json:"default_account,omitzero"`
	Created        time.Time `json:"created"`
	Expires        time.Time `json:"expires,omitzero"`
	Revoked        time.Time `json:"revoked,omitzero"`
	State          string    `json:"state"` // open, expired or revoked
}

var keyColumns = []output.Column{
	{Name: "id", Path: "id"},
	{Name: "name", Path: "name"},
	{Name: "accounts", Path: "accounts"},
	{Name: "operations", Path: "operations"},
	{Name: "write", Path: "write", Text: yes},
	{Name: "personal data", Path: "personal_data", Text: yes},
	{Name: "expires", Path: "expires"},
	{Name: "state", Path: "state"},
}

func yes(v output.Value) string {
	if v.Text() == "true" {
		return "yes"
	}
	return ""
}

func newKeyRow(k *gateway.Key, now time.Time) keyRow {
	r := keyRow{ID: k.ID, Name: k.Name, Accounts: k.Scope.Accounts, Operations: k.Scope.Operations, Write: k.Scope.Write, PersonalData: k.Scope.PersonalData,
		DefaultAccount: k.Account, Created: k.Created, Expires: k.Expires, Revoked: k.Revoked, State: "open"}
	switch {
	case !k.Revoked.IsZero():
		r.State = "revoked"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		r.State = "expired"
	}
	return r
}

// madeKey is what making a key shows.
type madeKey struct {
	Key string `json:"key"`
	keyRow
}

// change changes keys and blocks.
func (o *Options) change(ctx context.Context, change func(*gateway.Records) error) error {
	state, end, err := o.openKeys()
	if err != nil {
		return err
	}
	err = state.Update(ctx, change)
	if errors.Is(err, gateway.ErrUnsure) {
		err = &exit.HintError{Err: err, Hint: `Look with "spapi gateway key list --all" and "spapi gateway blocks" before you try again.`}
	}
	return errors.Join(err, end())
}

func (o *Options) records(ctx context.Context) (*gateway.Records, error) {
	state, end, err := o.openKeys()
	if err != nil {
		return nil, err
	}
	records, err := state.Load(ctx)
	if err := errors.Join(err, end()); err != nil {
		return nil, err
	}
	return records, nil
}

// now is the time to the second: nobody reads more of it.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

func (o *keyOptions) create(ctx context.Context) error {
	at := now()
	k, secret, err := gateway.NewKey(gateway.Key{Name: o.name, Account: o.standard, Created: at, Expires: o.expires.from(at),
		Scope: gateway.Scope{Accounts: o.accounts, Operations: o.operations, Write: o.write, PersonalData: o.personalData}})
	if err != nil {
		return flagError(err)
	}
	first := false
	if err := o.change(ctx, func(r *gateway.Records) error {
		first = len(r.Keys) == 0
		r.Prune(at)
		r.Keys = append(r.Keys, k)
		return nil
	}); err != nil {
		return err
	}
	if first {
		o.Factory.Notef("this is the first key: from now on the gateway takes no call without one")
	}
	return o.show(ctx, k, secret, at)
}

// flagError names the flag of what can't be a key.
func flagError(err error) error {
	bad, ok := errors.AsType[*spapi.ConfigError](err)
	if !ok {
		return err
	}
	flag := map[string]string{"name": "--name", "accounts": "--account", "account": "--account", "operations": "--operation", "operation": "--operation",
		"default account": "--default-account", "expiry": "--expires", "caller": "--caller", "reason": "--reason"}[bad.Field]
	if bad.Value != "" {
		flag += fmt.Sprintf(" %q:", bad.Value)
	}
	return exit.Usagef("%s %s", cmp.Or(flag, bad.Field), bad.Want)
}

// show prints a key that was made, the one time that it can be.
func (o *keyOptions) show(ctx context.Context, k gateway.Key, secret spapi.Secret, at time.Time) error {
	o.Factory.Notef("key %s of %q: keep what is printed, it is shown this once", k.ID, k.Name)
	if !o.Factory.Flags.Output.Given() {
		_, err := o.Factory.Streams.Out.Write([]byte(secret.Reveal() + "\n"))
		return err
	}
	return o.Factory.Print(ctx, madeKey{secret.Reveal(), newKeyRow(&k, at)})
}

func (o *keyOptions) list(ctx context.Context) error {
	records, err := o.records(ctx)
	if err != nil {
		return err
	}
	rows, at, hidden := []keyRow{}, now(), 0
	for i := range records.Keys {
		r := newKeyRow(&records.Keys[i], at)
		if r.State != "open" && !o.all {
			hidden++
			continue
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b keyRow) int { return cmp.Or(strings.Compare(a.Name, b.Name), a.Created.Compare(b.Created)) })
	if !o.Factory.Printer().Structured() {
		switch {
		case len(records.Keys) == 0:
			o.Factory.Notef("there are no keys; \"spapi gateway key create\" makes one")
		case hidden > 0:
			o.Factory.Notef("%s not shown: --all shows those that have ended, too", output.Plural(hidden, "key is", "keys are"))
		}
	}
	return o.Factory.Print(ctx, rows, keyColumns...)
}

// find finds a key that opens something.
func find(r *gateway.Records, id string, at time.Time) (*gateway.Key, error) {
	i := slices.IndexFunc(r.Keys, func(k gateway.Key) bool { return k.ID == id })
	if i < 0 {
		return nil, exit.Usagef("there is no key %q: \"spapi gateway key list\" shows them", id)
	}
	if k := &r.Keys[i]; k.Revoked.IsZero() {
		return k, nil
	}
	return nil, exit.Usagef("the key %s was revoked at %s", id, r.Keys[i].Revoked.Format(time.RFC3339))
}

func (o *keyOptions) rotate(ctx context.Context, id string) error {
	at := now()
	var made gateway.Key
	var secret spapi.Secret
	var ends time.Time
	if err := o.change(ctx, func(r *gateway.Records) error {
		old, err := find(r, id, at)
		if err != nil {
			return err
		}
		next := gateway.Key{Name: old.Name, Scope: old.Scope, Account: old.Account, Created: at, Expires: o.expires.from(at)}
		if o.expires.text == "" && !old.Expires.IsZero() {
			next.Expires = at.Add(old.Expires.Sub(old.Created))
		}
		if made, secret, err = gateway.NewKey(next); err != nil {
			return flagError(err)
		}
		if ends = o.overlap.from(at); !ends.IsZero() && (old.Expires.IsZero() || ends.Before(old.Expires)) {
			old.Expires = ends
		}
		ends = old.Expires
		r.Prune(at)
		r.Keys = append(r.Keys, made)
		return nil
	}); err != nil {
		return err
	}
	if !ends.IsZero() {
		o.Factory.Notef("key %s ends at %s", id, ends.Format(time.RFC3339))
	}
	return o.show(ctx, made, secret, at)
}

func (o *keyOptions) revoke(ctx context.Context, id string) error {
	at := now()
	var revoked gateway.Key
	left := 0
	if err := o.change(ctx, func(r *gateway.Records) error {
		k, err := find(r, id, at)
		if err != nil {
			return err
		}
		k.Revoked = at
		revoked, left = *k, 0
		for i := range r.Keys {
			if row := newKeyRow(&r.Keys[i], at); row.State == "open" {
				left++
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if left == 0 {
		o.Factory.Notef("that was the last key: the gateway refuses every call until there is another")
	}
	if !o.Factory.Printer().Structured() {
		o.Factory.Notef("key %s of %q is revoked; gateways know within five seconds", revoked.ID, revoked.Name)
		return nil
	}
	return o.Factory.Print(ctx, newKeyRow(&revoked, at))
}
