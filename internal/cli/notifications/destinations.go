package notifications

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/notifications"
)

func newCmdDestinations(f *factory.Factory) *cobra.Command {
	w := &whom{f: f}
	cmd := &cobra.Command{
		Use:   "destinations",
		Short: "List, make and delete destinations",
		Long: "A destination is a queue, or the event bus of an AWS account, that Amazon may write to. They are the application's, whichever seller is " +
			"subscribed,\n" +
			"and each region of SP-API has its own. Without a command below they are listed.",
		Example: "  spapi --emulator notifications destinations\n" +
			"  spapi --emulator notifications destinations create orders --sqs arn:aws:sqs:us-east-1:123456789012:orders",
		Args: exit.Group,
		RunE: func(cmd *cobra.Command, _ []string) error { return listDestinations(cmd.Context(), w) },
	}
	list := &cobra.Command{
		Use:     "list",
		Short:   "List the application's destinations",
		Long:    "Lists the application's destinations in the account's region, or with --all-regions in all of them.",
		Example: "  spapi --emulator notifications destinations list\n  spapi --emulator notifications destinations list --all-regions -o csv",
		Args:    exit.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return listDestinations(cmd.Context(), w) },
	}
	w.addRegions(cmd)
	w.addRegions(list)
	cmd.AddCommand(list, newCmdGetDestination(f), newCmdCreateDestination(f), newCmdDeleteDestination(f))
	return cmd
}

// destinationRow is a destination as JSON. Of sqs and eventBridge the other is null.
type destinationRow struct {
	Region        string          `json:"region"`
	DestinationID string          `json:"destinationId"`
	Name          string          `json:"name"`
	SQS           *string         `json:"sqs"` // ARN
	EventBridge   *eventBridgeRow `json:"eventBridge"`
}

type eventBridgeRow struct {
	AccountID string  `json:"accountId"`
	Region    string  `json:"region"`
	Name      *string `json:"name"` // of the event source, as Amazon tells it; a list doesn't
}

var destinationColumns = []output.Column{
	{Name: "region", Path: "region"},
	{Name: "id", Path: "destinationId"},
	{Name: "name", Path: "name", Long: true},
	{Name: "leads to", Text: func(v output.Value) string {
		if bridge := v.Member("eventBridge"); bridge.Kind() == output.Object {
			return "EventBridge " + bridge.Member("accountId").Text() + " " + bridge.Member("region").Text()
		}
		return v.Member("sqs").Text()
	}, Parts: []output.Part{
		{Name: "sqs", Text: func(v output.Value) string { return v.Member("sqs").Text() }},
		{Name: "account", Text: func(v output.Value) string { return v.Member("eventBridge").Member("accountId").Text() }},
		{Name: "region", Text: func(v output.Value) string { return v.Member("eventBridge").Member("region").Text() }},
	}},
}

func listDestinations(ctx context.Context, w *whom) error {
	m, err := w.manager(ctx)
	if err != nil {
		return err
	}
	end := watch(w.f, m)
	state, err := m.Destinations(ctx)
	end()
	if err != nil {
		return err
	}
	rows := []destinationRow{}
	for _, d := range state.Destinations {
		r := destinationRow{Region: string(d.Region), DestinationID: d.ID, Name: d.Name, SQS: orNull(d.SQS)}
		if b := d.EventBridge; b != nil {
			r.EventBridge = &eventBridgeRow{AccountID: b.AccountID, Region: b.Region}
		}
		rows = append(rows, r)
	}
	p := w.f.Printer()
	if err := p.Print(ctx, rows, destinationColumns...); err != nil {
		return err
	}
	if err := tellFindings(w.f, state.Findings); err != nil || p.Structured() {
		return err
	}
	w.f.Notef("%s", output.Plural(len(rows), "destination"))
	return nil
}

func rowOfDestination(region string, d *notificationsv1.Destination) destinationRow {
	r := destinationRow{Region: region, DestinationID: d.DestinationID, Name: d.Name}
	if d.Resource != nil && d.Resource.Sqs != nil {
		r.SQS = orNull(d.Resource.Sqs.Arn)
	}
	if d.Resource != nil && d.Resource.EventBridge != nil {
		b := d.Resource.EventBridge
		r.EventBridge = &eventBridgeRow{b.AccountID, b.Region, orNull(b.Name)}
	}
	return r
}

func newCmdGetDestination(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "get <destination>",
		Short:   "Show a destination",
		Long:    "Shows a destination of the account's region, by its id, its name or its queue's ARN.",
		Example: "  spapi notifications destinations get orders",
		Args:    takes("one destination, by its id, name or ARN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := f.Client(cmd.Context())
			if err != nil {
				return err
			}
			id, _, err := namedDestination(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			d, err := notificationsv1.New(client).GetDestination(cmd.Context(), &notificationsv1.GetDestinationInput{DestinationID: id})
			if err != nil {
				return err
			}
			return f.Print(cmd.Context(), rowOfDestination(string(client.Region()), d))
		},
	}
}

// createDestination are the flags of "destinations create".
type createDestination struct {
	f       *factory.Factory
	name    string
	sqs     string
	bridge  string
	noCheck bool
}

func newCmdCreateDestination(f *factory.Factory) *cobra.Command {
	o := &createDestination{f: f}
	cmd := &cobra.Command{
		Use:   "create <name>",
		Short: "Make a destination",
		Long: "Makes a queue (--sqs) or the event bus of an AWS account (--event-bridge) a destination in the account's region. Amazon checks neither " +
			"that the queue is\n" +
			"there nor that it may write to it: \"spapi notifications policy\" prints the policy that the queue needs, \"spapi notifications doctor\" tries it.",
		Example: "  spapi --emulator notifications destinations create orders --sqs arn:aws:sqs:us-east-1:123456789012:orders\n" +
			"  spapi --emulator notifications destinations create bus --event-bridge 123456789012/us-east-1",
		Args: takes("one name for the destination"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&o.sqs, "sqs", "", "`ARN` of a standard queue, in any AWS region")
	cmd.Flags().StringVar(&o.bridge, "event-bridge", "", "AWS `account/region` of the event bus, such as 123456789012/us-east-1")
	cmd.Flags().BoolVar(&o.noCheck, "no-check", false, "send values as they are, also those that can't be right")
	return cmd
}

func (o *createDestination) run(ctx context.Context) error {
	want := notifications.DestinationSetup{Name: o.name, SQS: o.sqs}
	if o.bridge != "" {
		account, region, ok := strings.Cut(o.bridge, "/")
		if !ok {
			return exit.Usagef("--event-bridge %q: want an AWS account and its region, such as 123456789012/us-east-1", o.bridge)
		}
		want.EventBridge = &notifications.EventBridgeSetup{AccountID: account, Region: region}
	}
	setup := notifications.Setup{Destinations: []notifications.DestinationSetup{want}}
	if err := setup.Check(); err != nil && !o.noCheck {
		return given(err, map[string]string{"destinations[0].name": "name", "destinations[0].sqs": "--sqs", "destinations[0].eventBridge": "--event-bridge",
			"destinations[0]": "destination"})
	}
	client, err := o.f.Client(ctx)
	if err != nil {
		return err
	}
	in := &notificationsv1.CreateDestinationInput{Name: o.name, ResourceSpecification: &notificationsv1.DestinationResourceSpecification{}}
	if o.sqs != "" {
		in.ResourceSpecification.Sqs = &notificationsv1.SqsResource{Arn: o.sqs}
	}
	if b := want.EventBridge; b != nil {
		in.ResourceSpecification.EventBridge = &notificationsv1.EventBridgeResourceSpecification{AccountID: b.AccountID, Region: b.Region}
	}
	d, err := notificationsv1.New(client).CreateDestination(ctx, in)
	if err != nil {
		return err
	}
	if err := o.f.Print(ctx, rowOfDestination(string(client.Region()), d)); err != nil {
		return err
	}
	if want.EventBridge != nil {
		o.f.Notef("nothing arrives until the partner event source is associated with an event bus in the console of EventBridge")
	} else {
		o.f.Notef("nothing arrives until the queue's policy lets Amazon write: spapi notifications policy %s", o.sqs)
	}
	return nil
}

func newCmdDeleteDestination(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "delete <destination>",
		Short: "Delete a destination",
		Long: "Deletes a destination of the account's region, named by its id, its name or its queue's ARN. Amazon refuses that while somebody\n" +
			"is subscribed to it, also a seller whom nobody here knows.\n" +
			"It asks first; where there is no terminal to ask on, it wants --yes.",
		Example: "  spapi notifications destinations delete orders --yes",
		Args:    takes("one destination, by its id, name or ARN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			client, err := f.Client(ctx)
			if err != nil {
				return err
			}
			id, shown, err := namedDestination(ctx, client, args[0])
			if err != nil {
				return err
			}
			if err := f.Confirm(ctx, fmt.Sprintf("Delete destination %s in region %s?", shown, client.Region())); err != nil {
				return err
			}
			err = notificationsv1.New(client).DeleteDestination(ctx, &notificationsv1.DeleteDestinationInput{DestinationID: id})
			if err != nil {
				return err
			}
			f.Notef("destination %s is deleted", shown)
			return nil
		},
	}
}

var destinationID = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
})

// namedDestination is the id of a destination that an argument names, and what to call it. An id is Amazon's to judge.
func namedDestination(ctx context.Context, client *spapi.Client, what string) (id, shown string, err error) {
	if destinationID().MatchString(what) {
		return what, what, nil
	}
	d, err := destinationOf(ctx, client, "destination", what)
	if err != nil {
		return "", "", err
	}
	return d.DestinationID, fmt.Sprintf("%q (%s)", d.Name, d.DestinationID), nil
}

// destinationOf finds a destination by its id, name or ARN; field is where the command line has that.
func destinationOf(ctx context.Context, client *spapi.Client, field, what string) (*notificationsv1.Destination, error) {
	all, err := notificationsv1.New(client).GetDestinations(ctx, nil)
	if err != nil {
		return nil, err
	}
	var found []*notificationsv1.Destination
	var names []string
	for i := range all {
		d := &all[i]
		names = append(names, d.Name)
		if d.DestinationID == what || d.Name == what || d.Resource != nil && d.Resource.Sqs != nil && d.Resource.Sqs.Arn == what {
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, exit.Usagef("%s %q: several have this name: want the id of one (spapi notifications destinations)", field, what)
	case len(names) == 0:
		return nil, exit.Usagef("%s %q: there is no destination in region %s: \"spapi notifications destinations create\" makes one", field,
			what, client.Region())
	}
	return nil, exit.Usagef("%s %q: there is none of this id, name or ARN in region %s: want %s", field, what, client.Region(), output.OneOf(names))
}
