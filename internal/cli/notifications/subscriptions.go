package notifications

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/notifications"
)

func newCmdSubscriptions(f *factory.Factory) *cobra.Command {
	w := &whom{f: f}
	cmd := &cobra.Command{
		Use:   "subscriptions",
		Short: "List, make and delete subscriptions",
		Long: "A subscription is a seller's, to one type in one payload version, and leads to a destination. Without a command below they are listed.\n" +
			"\"spapi notifications apply\" makes those that a file says, of many sellers.",
		Example: "  spapi --emulator notifications subscriptions list ORDER_CHANGE REPORT_PROCESSING_FINISHED\n" +
			"  spapi notifications subscriptions create ORDER_CHANGE --destination orders --event-filter '{\"orderChangeTypes\":[\"OrderStatusChange\"]}'",
		Args: exit.Group,
		RunE: func(cmd *cobra.Command, _ []string) error { return listSubscriptions(cmd.Context(), w, nil) },
	}
	list := &cobra.Command{
		Use:   "list [type...]",
		Short: "List the subscriptions of sellers",
		Long: "Lists what the account's seller, or those of --sellers, and the application itself are subscribed to: of some types, or of all that can be " +
			"subscribed\n" +
			"to. Amazon lists one type at a time, and of each seller one a second: all take some 25 seconds, for one seller as for many. Types that the\n" +
			"application may not have for lack of a role are named at the end.",
		Example: "  spapi --emulator notifications subscriptions list ORDER_CHANGE ANY_OFFER_CHANGED\n" +
			"  spapi notifications subscriptions list --sellers all -o csv",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return completeTypes(nil, nil, "")
		},
		RunE: func(cmd *cobra.Command, args []string) error { return listSubscriptions(cmd.Context(), w, args) },
	}
	w.addSellers(cmd)
	w.addSellers(list)
	cmd.AddCommand(list, newCmdGetSubscription(f), newCmdCreateSubscription(f), newCmdDeleteSubscription(f))
	return cmd
}

// subscriptionRow is a subscription as JSON. The application's own has no seller.
type subscriptionRow struct {
	Seller         *string                              `json:"seller"` // the account's name
	Region         string                               `json:"region"`
	Type           string                               `json:"type"`
	PayloadVersion string                               `json:"payloadVersion"`
	SubscriptionID string                               `json:"subscriptionId"`
	DestinationID  string                               `json:"destinationId"`
	Directive      *notificationsv1.ProcessingDirective `json:"processingDirective"`
}

var subscriptionColumns = []output.Column{
	{Name: "seller", Path: "seller"},
	{Name: "region", Path: "region", Spare: 3},
	{Name: "type", Path: "type"},
	{Name: "version", Path: "payloadVersion"},
	{Name: "id", Path: "subscriptionId", Spare: 2},
	{Name: "destination", Path: "destinationId", Spare: 1},
	{Name: "directive", Path: "processingDirective", Long: true, Spare: 4},
}

func listSubscriptions(ctx context.Context, w *whom, types []string) error {
	m, err := w.manager(ctx)
	if err != nil {
		return err
	}
	end := watch(w.f, m)
	state, err := m.Subscriptions(ctx, types...)
	end()
	if err != nil {
		names := map[string]string{}
		for i := range types {
			names[fmt.Sprintf("types[%d]", i)] = "type"
		}
		return given(err, names)
	}
	rows := []subscriptionRow{}
	for _, s := range state.Subscriptions {
		rows = append(rows, subscriptionRow{orNull(s.Seller), string(s.Region), s.Type, s.PayloadVersion, s.ID, s.DestinationID, s.Directive})
	}
	p := w.f.Printer()
	if err := p.Print(ctx, rows, subscriptionColumns...); err != nil {
		return err
	}
	findings := state.Findings
	if len(types) == 0 {
		var refused []string
		findings, refused = unasked(findings)
		if len(refused) > 0 {
			w.f.Notef("not for this application, which lacks their roles: %s", strings.Join(refused, ", "))
		}
	}
	if err := tellFindings(w.f, findings); err != nil || p.Structured() {
		return err
	}
	w.f.Notef("%s", output.Plural(len(rows), "subscription"))
	return nil
}

// unasked takes out of the findings those about single types that the application may not have, which nobody has named, and tells the types.
func unasked(all []notifications.Finding) (rest []notifications.Finding, types []string) {
	for _, n := range all {
		if n.Type != "" && n.Explanation != nil && n.Explanation.Status == 403 {
			if len(types) == 0 || types[len(types)-1] != n.Type {
				types = append(types, n.Type)
			}
			continue
		}
		rest = append(rest, n)
	}
	return rest, types
}

// who makes the calls of a type with the token that it takes.
func who(notificationType string) spapi.CallOption {
	if t, ok := notifications.TypeOf(notificationType); ok && t.Token == "grantless" {
		return spapi.WithGrantless("sellingpartnerapi::notifications")
	}
	return nil
}

// seller is the row's: nobody's where the application itself is subscribed.
func sellerOf(name, notificationType string) *string {
	if who(notificationType) != nil {
		return nil
	}
	return orNull(name)
}

func newCmdGetSubscription(f *factory.Factory) *cobra.Command {
	var version, id string
	cmd := &cobra.Command{
		Use:   "get <type>",
		Short: "Show the subscription to a type",
		Long: "Shows the seller's subscription to a type, in the payload version that is named or else the latest; or with --id the one of that id, which " +
			"is asked for\n" +
			"with the application's own token.",
		Example: "  spapi notifications subscriptions get ORDER_CHANGE\n" +
			"  spapi notifications subscriptions get ORDER_CHANGE --id 7a1b2c3d-0000-4000-8000-000000000000",
		Args:              takes("one type, such as ORDER_CHANGE"),
		ValidArgsFunction: completeTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, typ := cmd.Context(), args[0]
			if id != "" && version != "" {
				return exit.Usagef("--id and --payload-version exclude each other")
			}
			m, client, err := (&whom{f: f}).client(ctx)
			if err != nil {
				return err
			}
			api := notificationsv1.New(client)
			var s *notificationsv1.Subscription
			if id != "" {
				s, err = api.GetSubscriptionByID(ctx, &notificationsv1.GetSubscriptionByIDInput{NotificationType: typ, SubscriptionID: id})
			} else {
				s, err = api.GetSubscription(ctx, &notificationsv1.GetSubscriptionInput{NotificationType: typ, PayloadVersion: version}, who(typ))
			}
			if err != nil {
				return explained(err, typ)
			}
			return f.Print(ctx, subscriptionRow{sellerOf(m.Sellers[0].Name, typ), string(client.Region()), typ, s.PayloadVersion, s.SubscriptionID,
				s.DestinationID, s.ProcessingDirective})
		},
	}
	cmd.Flags().StringVar(&version, "payload-version", "", "payload `version`, such as 1.0 (default: the latest that the seller is subscribed to)")
	cmd.Flags().StringVar(&id, "id", "", "`id` of the subscription")
	return cmd
}

// createSubscription are the flags of "subscriptions create".
type createSubscription struct {
	f           *factory.Factory
	typ         string
	destination string
	version     string
	filter      string
	expression  string
	noCheck     bool
}

func newCmdCreateSubscription(f *factory.Factory) *cobra.Command {
	o := &createSubscription{f: f}
	cmd := &cobra.Command{
		Use:   "create <type>",
		Short: "Subscribe the seller to a type",
		Long: "Subscribes the account's seller to a type of notifications. There is one subscription for each type and payload version, unless filter " +
			"expressions tell\n" +
			"several apart. There is no update: to change one, delete it and make it anew; \"spapi notifications apply\" does that, and says what is lost by it.\n" +
			"\"spapi notifications types\" tells which filter (processing directive) a type takes: ORDER_CHANGE needs one.",
		Example: "  spapi notifications subscriptions create REPORT_PROCESSING_FINISHED --destination orders\n" +
			"  spapi notifications subscriptions create ORDER_CHANGE --destination orders --event-filter " +
			"'{\"orderChangeTypes\":[\"OrderStatusChange\",\"BuyerRequestedChange\"]}'\n" +
			"  spapi notifications subscriptions create PRICING_HEALTH --destination orders --filter-expression \"issueType == 'BuyBoxDisqualification'\"",
		Args:              takes("one type, such as ORDER_CHANGE"),
		ValidArgsFunction: completeTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.typ = args[0]
			return o.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.destination, "destination", "", "`destination` to which messages go: its id, name or ARN")
	flags.StringVar(&o.version, "payload-version", "", "payload `version` (default: the latest that is known)")
	flags.StringVar(&o.filter, "event-filter", "", "processing directive's eventFilter as `JSON`, or @file; its eventFilterType may be left out")
	flags.StringVar(&o.expression, "filter-expression", "", "processing directive's filterExpression, in `CEL`")
	flags.BoolVar(&o.noCheck, "no-check", false, "send values as they are, also those that Amazon would refuse")
	return cmd
}

// directive reads the two flags.
func (o *createSubscription) directive() (*notificationsv1.EventFilter, error) {
	if o.filter == "" {
		return nil, nil //nolint:nilnil // nil stands for none
	}
	text := []byte(o.filter)
	if name, ok := strings.CutPrefix(o.filter, "@"); ok {
		var err error
		if text, err = os.ReadFile(name); err != nil {
			return nil, exit.Usagef("--event-filter: %w", err)
		}
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	var filter notificationsv1.EventFilter
	if err := d.Decode(&filter); err != nil {
		return nil, exit.Usagef("--event-filter: %s: want JSON such as {\"orderChangeTypes\":[\"OrderStatusChange\"]}", strings.TrimPrefix(err.Error(), "json: "))
	}
	filter.EventFilterType = cmp.Or(filter.EventFilterType, notificationsv1.EventFilterType(o.typ))
	return &filter, nil
}

func (o *createSubscription) run(ctx context.Context) error {
	if o.destination == "" {
		return exit.Usagef("missing: --destination with the id, name or ARN of one (spapi notifications destinations)")
	}
	filter, err := o.directive()
	if err != nil {
		return err
	}
	if err := o.check(filter); err != nil && !o.noCheck {
		return err
	}
	m, client, err := (&whom{f: o.f}).client(ctx)
	if err != nil {
		return err
	}
	in := &notificationsv1.CreateSubscriptionInput{NotificationType: o.typ, PayloadVersion: o.version, DestinationID: o.destination}
	if !o.noCheck {
		d, err := destinationOf(ctx, client, "--destination", o.destination)
		if err != nil {
			return err
		}
		if err := o.fits(d); err != nil {
			return err
		}
		in.DestinationID = d.DestinationID
	}
	if t, ok := notifications.TypeOf(o.typ); ok && in.PayloadVersion == "" {
		in.PayloadVersion = t.PayloadVersion
	}
	if filter != nil || o.expression != "" {
		in.ProcessingDirective = &notificationsv1.ProcessingDirective{EventFilter: filter, FilterExpression: o.expression}
	}
	s, err := notificationsv1.New(client).CreateSubscription(ctx, in, who(o.typ))
	if err != nil {
		return explained(err, o.typ)
	}
	row := subscriptionRow{sellerOf(m.Sellers[0].Name, o.typ), string(client.Region()), o.typ, cmp.Or(s.PayloadVersion, in.PayloadVersion), s.SubscriptionID,
		cmp.Or(s.DestinationID, in.DestinationID), in.ProcessingDirective}
	if err := o.f.Print(ctx, row); err != nil {
		return err
	}
	o.f.Notef("the first messages may take an hour")
	return nil
}

// check tells what Amazon would refuse, whatever the destination.
func (o *createSubscription) check(filter *notificationsv1.EventFilter) error {
	setup := notifications.Setup{
		Destinations: []notifications.DestinationSetup{{Name: "any"}},
		Subscriptions: []notifications.SubscriptionSetup{{Type: o.typ, PayloadVersion: o.version, Destination: "any", EventFilter: filter,
			FilterExpression: o.expression}},
	}
	return o.problems(setup.Check(), "destinations")
}

// fits tells whether the type goes to destinations of this kind.
func (o *createSubscription) fits(d *notificationsv1.Destination) error {
	t, ok := notifications.TypeOf(o.typ)
	if !ok || d.Resource == nil {
		return nil
	}
	switch {
	case t.Destination == "eventbridge" && d.Resource.Sqs != nil:
		return exit.Usagef("--destination %q: is a queue, and %s goes to EventBridge only: want a destination of an AWS account, whose rule may lead to a "+
			"queue", o.destination, o.typ)
	case t.Destination == "sqs" && d.Resource.EventBridge != nil:
		return exit.Usagef("--destination %q: is EventBridge, and %s goes to queues only: want a destination that is a queue", o.destination, o.typ)
	}
	return nil
}

// problems are those of a set-up, by the names of flags, without those of one part.
func (o *createSubscription) problems(err error, without string) error {
	setup, ok := err.(*notifications.SetupError) //nolint:errorlint // it is what Check returns
	if !ok {
		return err
	}
	var kept []notifications.SetupProblem
	for _, p := range setup.Problems {
		if !strings.HasPrefix(p.Field, without) {
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	const at = "subscriptions[0]."
	return given(&notifications.SetupError{Problems: kept}, map[string]string{at + "type": "type", at + "payloadVersion": "--payload-version",
		at + "eventFilter": "--event-filter", at + "filterExpression": "--filter-expression"})
}

func newCmdDeleteSubscription(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "delete <type> <id>",
		Short: "Delete a subscription",
		Long: "Deletes a subscription of the account's seller, with the application's own token and, where Amazon refuses that, with the seller's.\n" +
			"It asks first; where there is no terminal to ask on, it wants --yes.",
		Example:           "  spapi notifications subscriptions delete ORDER_CHANGE 7a1b2c3d-0000-4000-8000-000000000000 --yes",
		Args:              takes("a type", "the id of a subscription to it (spapi notifications subscriptions list TYPE)"),
		ValidArgsFunction: completeTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, typ, id := cmd.Context(), args[0], args[1]
			m, client, err := (&whom{f: f}).client(ctx)
			if err != nil {
				return err
			}
			if err := f.Confirm(ctx, fmt.Sprintf("Delete subscription %s to %s? Nothing of it comes any more.", id, typ)); err != nil {
				return err
			}
			app, _ := client.Principal()
			step := notifications.Step{Action: notifications.ActionDelete, Object: notifications.ObjectSubscription, Region: client.Region(), ID: id, Type: typ}
			if seller := sellerOf(m.Sellers[0].Name, typ); seller != nil {
				step.Seller = *seller
			}
			result, err := m.Apply(ctx, &notifications.Plan{Application: app, Sandbox: client.Sandbox(), Steps: []notifications.Step{step}})
			switch {
			case result == nil:
				return err
			case result.Outcomes[0].Status == notifications.StatusAlready: // so that what is misspelt doesn't pass for done
				return exit.Late(fmt.Errorf("there is no subscription %s to %s for this seller and application", id, typ))
			case err != nil:
				return explained(result.Outcomes[0].Err, typ)
			}
			f.Notef("subscription %s to %s is deleted", id, typ)
			return nil
		},
	}
}
