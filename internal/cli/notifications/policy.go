package notifications

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/notifications"
)

func newCmdPolicy(f *factory.Factory) *cobra.Command {
	kms := false
	cmd := &cobra.Command{
		Use:   "policy [queue]",
		Short: "Print the policy that lets Amazon write to a queue",
		Long: "Prints the access policy of a queue, named by its ARN or URL, that lets Amazon write to it: to be pasted into the queue's settings " +
			"(\"Access policy\").\n" +
			"A queue that is encrypted by a customer-managed KMS key needs another statement in the key's policy, which --kms prints. AWS's own key (alias/aws/sqs)\n" +
			"won't do, as its policy can't be changed; encryption by SQS itself (SSE-SQS) needs none. Nobody checks the policy: a wrong one means that nothing\n" +
			"arrives, and nobody says so. \"spapi notifications doctor\" finds out.",
		Example: "  spapi notifications policy arn:aws:sqs:us-east-1:123456789012:orders\n" +
			"  spapi notifications policy --kms",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case kms && len(args) > 0:
				return exit.Usagef("--kms goes without a queue: the statement is the same for all")
			case kms:
				return printPolicy(cmd.Context(), f, notifications.KeyPolicyStatement())
			case len(args) != 1:
				return exit.Usagef("takes one queue, by its ARN or URL, got %d", len(args))
			}
			q, err := parseQueue(args[0])
			if err != nil {
				return err
			}
			text, err := notifications.QueuePolicy(q.arn())
			if wrong, ok := errors.AsType[*notifications.SetupError](err); ok {
				return exit.Usagef("%s", strings.TrimPrefix(wrong.Error(), "notifications: set-up: "))
			}
			return printPolicy(cmd.Context(), f, text)
		},
	}
	cmd.Flags().BoolVar(&kms, "kms", false, "the statement for a KMS key's policy")
	return cmd
}

// printPolicy prints JSON for people, who paste it, wherever it goes.
func printPolicy(ctx context.Context, f *factory.Factory, text string) error {
	p := f.Printer()
	if p.Flags.Given() && (p.Flags.JQ.Given() || p.Format() != output.JSON) {
		return p.Print(ctx, json.RawMessage(text))
	}
	_, err := io.WriteString(f.Streams.Out, text+"\n")
	return err
}
