// Package notifications is "spapi notifications": what Amazon tells of by messages, set up, looked into, received, and tried.
package notifications

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/notifications"
)

// NewCmdNotifications returns the command with those below it.
func NewCmdNotifications(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notifications <command>",
		Short: "Set up, receive and try notifications",
		Long: "Amazon tells of changes by messages to a queue (SQS) or an event bus (EventBridge) of your own AWS account: which types there are, where they go,\n" +
			"who is subscribed, why nothing arrives, and what does.\n\n" +
			"Destinations are the application's, one list for each region; subscriptions are a seller's. \"plan\" and \"apply\" bring both to what a file says.\n" +
			"Calls to AWS take credentials as AWS's own tools do (AWS_PROFILE, AWS_ACCESS_KEY_ID and the like), the region from the queue's URL or ARN, and another\n" +
			"server than AWS's from AWS_ENDPOINT_URL_SQS or, where SP-API's calls go to an emulator, that emulator's own queues.",
		Example: "  spapi notifications types ORDER_CHANGE\n" +
			"  spapi --emulator notifications doctor",
		Args: exit.Group,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newCmdTypes(f),
		newCmdDestinations(f),
		newCmdSubscriptions(f),
		newCmdPlan(f),
		newCmdApply(f),
		newCmdPolicy(f),
		newCmdTest(f),
		newCmdDoctor(f),
		newCmdListen(f),
		newCmdTrigger(f),
	)
	return cmd
}

// Explain says what an error of the Notifications API means; "" of other errors, and of those that somebody has explained who knows more.
func Explain(err error) string {
	if _, known := errors.AsType[*explainedError](err); known || !isOurs(err) {
		return ""
	}
	return inLines(notifications.Explain(err, ""))
}

// takes is the check of commands whose arguments are these, and all of them.
func takes(what ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != len(what) {
			return exit.Usagef("wants %s, got %s", strings.Join(what, " and "), output.Plural(len(args), "argument"))
		}
		return nil
	}
}

// isOurs tells whether an error is an answer of the Notifications API.
func isOurs(err error) bool {
	api, ok := errors.AsType[*spapi.APIError](err)
	return ok && strings.HasPrefix(api.Operation, "notificationsv1.")
}

// explained is an error of a call with what it means for a type of notifications, "" for none.
func explained(err error, notificationType string) error {
	if !isOurs(err) {
		return err
	}
	return &explainedError{err, inLines(notifications.Explain(err, notificationType))}
}

// explainedError is an error with what it means.
type explainedError struct {
	error

	means string
}

func (e *explainedError) Unwrap() error   { return e.error }
func (e *explainedError) Explain() string { return e.means }

func inLines(e notifications.Explanation) string {
	return strings.TrimSpace(e.Means + "\n" + e.Do)
}

// given is a mistake in what flags and arguments say; names are those that they have on the command line.
func given(err error, names map[string]string) error {
	setup, ok := errors.AsType[*notifications.SetupError](err)
	if !ok {
		return err
	}
	var texts []string
	for _, p := range setup.Problems {
		field, longest := p.Field, ""
		for prefix, name := range names {
			fits := field == prefix || strings.HasPrefix(field, prefix+".") || strings.HasPrefix(field, prefix+"[")
			if fits && len(prefix) > len(longest) {
				p.Field, longest = name+strings.TrimPrefix(field, prefix), prefix
			}
		}
		texts = append(texts, p.String())
	}
	return exit.Usagef("%s", strings.Join(texts, "; "))
}

// completeTypes completes an argument with the types that can be subscribed to.
func completeTypes(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return typeNames(func(t *notifications.Type) bool { return t.Token != "none" && t.Status != "removed" }), cobra.ShellCompDirectiveNoFileComp
}

// typeNames are the names of the types that pass.
func typeNames(pass func(*notifications.Type) bool) []string {
	var names []string
	all := notifications.Types()
	for i := range all {
		if pass(&all[i]) && (len(names) == 0 || names[len(names)-1] != all[i].Name) {
			names = append(names, all[i].Name)
		}
	}
	return names
}
