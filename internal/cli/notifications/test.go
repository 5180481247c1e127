package notifications

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/notifications"
)

// testMessage are the flags of "test".
type testMessage struct {
	f           *factory.Factory
	typ         string
	destination string
	version     string
	scenario    string
}

func newCmdTest(f *factory.Factory) *cobra.Command {
	o := &testMessage{f: f}
	cmd := &cobra.Command{
		Use:   "test <type>",
		Short: "Let the sandbox send a message",
		Long: "Lets Amazon send a test message of a type to a destination that is a queue (sendTestNotification). Amazon does so in the sandbox only, which has\n" +
			"destinations of its own: it wants --sandbox, or an account that is in the sandbox. Which scenarios there are Amazon tells nowhere, and without one it\n" +
			"refuses. In production \"spapi notifications doctor\" lets a message be sent by other means; at an emulator \"spapi notifications trigger\" makes any.",
		Example: "  spapi --sandbox notifications test ORDER_CHANGE --destination orders --scenario ORDER_CHANGE",
		Args:    takes("one type, such as ORDER_CHANGE"),

		ValidArgsFunction: completeTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.typ = args[0]
			return o.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.destination, "destination", "", "`destination` to which it is sent: its id, name or ARN")
	flags.StringVar(&o.version, "payload-version", "", "payload `version` (default: the latest that is known)")
	flags.StringVar(&o.scenario, "scenario", "", "`name` of the test scenario")
	return cmd
}

func (o *testMessage) run(ctx context.Context) error {
	t, ok := notifications.TypeOf(o.typ)
	switch {
	case !ok:
		return unknownType("type", o.typ)
	case o.destination == "":
		return exit.Usagef("missing: --destination with the id, name or ARN of one (spapi notifications destinations)")
	case o.scenario == "":
		return exit.Usagef("missing: --scenario with the name of a test scenario: Amazon refuses a test without one")
	}
	client, err := o.f.Client(ctx)
	if err != nil {
		return err
	}
	if !client.Sandbox() {
		return exit.Usagef("Amazon sends test messages in the sandbox only: add --sandbox; \"spapi notifications doctor\" tries the way in production")
	}
	d, err := destinationOf(ctx, client, "--destination", o.destination)
	if err != nil {
		return err
	}
	if err := sendTest(ctx, notificationsv1.New(client), &t, d.DestinationID, o.version, o.scenario); err != nil {
		return explained(err, o.typ)
	}
	o.f.Notef("a test message of %s is on its way to destination %s", o.typ, d.DestinationID)
	return o.f.Print(ctx, struct {
		Type          string `json:"type"`
		DestinationID string `json:"destinationId"`
		Scenario      string `json:"scenario"`
	}{o.typ, d.DestinationID, o.scenario})
}

func sendTest(ctx context.Context, api *notificationsv1.Client, t *notifications.Type, destinationID, version, scenario string) error {
	if version == "" {
		version = t.PayloadVersion
	}
	_, err := api.SendTestNotification(ctx, &notificationsv1.SendTestNotificationInput{NotificationType: t.Name, DestinationID: destinationID,
		TestNotification: &notificationsv1.TestNotification{PayloadVersion: version, TestScenario: scenario}})
	if err != nil {
		return fmt.Errorf("the test message: %w", err)
	}
	return nil
}
