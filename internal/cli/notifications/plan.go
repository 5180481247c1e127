package notifications

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/notifications"
)

// setUp are the flags of "plan" and "apply".
type setUp struct {
	whom

	file      string
	saved     string
	prune     bool
	typesOnly bool
	detailed  bool
}

const setUpFile = "The file is YAML or JSON (- is stdin):\n\n" +
	"  destinations:\n" +
	"    - name: orders\n" +
	"      sqs: arn:aws:sqs:us-east-1:123456789012:orders\n" +
	"  subscriptions:\n" +
	"    - type: ORDER_CHANGE\n" +
	"      destination: orders\n" +
	"      eventFilter: {orderChangeTypes: [OrderStatusChange, BuyerRequestedChange]}\n" +
	"    - type: REPORT_PROCESSING_FINISHED\n" +
	"      destination: orders\n\n" +
	"A destination may have eventBridge: {accountId, region} in place of sqs, and regions of SP-API; a subscription payloadVersion, filterExpression, regions\n" +
	"and sellers, by the names of --sellers. What isn't known is refused, with its line.\n\n"

func (o *setUp) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&o.file, "file", "f", "", "`file` that says what is wanted; - is stdin")
	flags.BoolVar(&o.prune, "prune", false, "delete what is there and isn't in the file")
	flags.BoolVar(&o.typesOnly, "types-only", false, "look only at the types in the file, which is quicker: what else sellers are subscribed to isn't seen")
	o.addSellers(cmd)
}

func newCmdPlan(f *factory.Factory) *cobra.Command {
	o := &setUp{whom: whom{f: f}}
	cmd := &cobra.Command{
		Use:   "plan -f FILE",
		Short: "Show what must be done so that all is as a file says",
		Long: "Reads what Amazon has and shows what \"spapi notifications apply\" would do so that destinations and subscriptions are as the file says: " +
			"each step with its\n" +
			"reason and with what is lost by it; what is there and isn't wanted (drift); what could not be read; and what keeps messages from arriving although\n" +
			"nothing fails. It changes nothing.\n\n" + setUpFile +
			"A plan over all types takes some 25 seconds, for one seller as for many, since Amazon lists one type a second of each; --types-only is quicker.\n" +
			"As JSON it can be kept and applied later. With --detailed-exit-code the status is 7 if there is something to do; it is 0 otherwise, and without\n" +
			"the flag in both cases.",
		Example: "  spapi --emulator notifications plan -f notifications.yaml --types-only\n" +
			"  spapi notifications plan -f notifications.yaml --sellers all --prune\n" +
			"  spapi notifications plan -f notifications.yaml --types-only -o json | tee plan.json",
		Args: exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.plan(cmd.Context()) },
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.detailed, "detailed-exit-code", false, "end with status 7 if there is something to do")
	return cmd
}

func newCmdApply(f *factory.Factory) *cobra.Command {
	o := &setUp{whom: whom{f: f}}
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Bring destinations and subscriptions to what a file says",
		Long: "Shows the plan of \"spapi notifications plan\", asks, and does it: destinations first, then sellers side by side, deletions last. Where " +
			"there is no\n" +
			"terminal to ask on, it wants --yes. A failure doesn't stop the steps of others, and each is explained; what was done stays done, so the same command\n" +
			"goes on from there. When all is as it should be there is nothing to ask, and nothing is done.\n\n" + setUpFile +
			"There is no update at Amazon: what changes is deleted and made anew at once, and messages of the moment between are lost. --plan applies a plan " +
			"that was\n" +
			"kept as JSON, in place of a file.",
		Example: "  spapi --emulator notifications apply -f notifications.yaml --types-only --yes\n" +
			"  spapi notifications apply -f notifications.yaml --sellers shop-us,shop-de --prune\n" +
			"  spapi notifications apply --plan plan.json --yes",
		Args: exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.apply(cmd.Context()) },
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.saved, "plan", "", "`file` with a plan as JSON; - is stdin")
	return cmd
}

// open reads a file that a flag names.
func open(f *factory.Factory, flag, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(f.Streams.In), nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, exit.Usagef("%s: %w", flag, err)
	}
	return file, nil
}

func (o *setUp) read() (*notifications.Setup, error) {
	if o.file == "" {
		return nil, exit.Usagef("missing: -f with the file that says what is wanted")
	}
	file, err := open(o.f, "-f", o.file)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	setup, err := notifications.ReadSetup(file)
	return setup, o.wrong(err)
}

// wrong is a mistake in the file.
func (o *setUp) wrong(err error) error {
	if err == nil {
		return nil
	}
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "notifications: "), "set-up: ")
	_, isSetup := errors.AsType[*notifications.SetupError](err)
	if isSetup && len(o.sellers) == 0 && strings.Contains(text, "].sellers[") {
		text += "; --sellers names the accounts that the file is about"
	}
	return exit.Usagef("-f %s: %s", o.file, text)
}

func (o *setUp) make(ctx context.Context) (*notifications.Manager, *notifications.Plan, error) {
	setup, err := o.read()
	if err != nil {
		return nil, nil, err
	}
	m, err := o.manager(ctx)
	if err != nil {
		return nil, nil, err
	}
	end := watch(o.f, m)
	defer end()
	p, err := m.Plan(ctx, setup, notifications.PlanOptions{Prune: o.prune, NamedTypesOnly: o.typesOnly})
	if _, isSetup := errors.AsType[*notifications.SetupError](err); isSetup {
		return nil, nil, o.wrong(err)
	}
	return m, p, err
}

func (o *setUp) plan(ctx context.Context) error {
	_, plan, err := o.make(ctx)
	if err != nil {
		return err
	}
	if p := o.f.Printer(); p.Whole() {
		err = p.Print(ctx, plan)
	} else {
		_, err = io.WriteString(o.f.Streams.Out, plan.String())
	}
	if err != nil {
		return err
	}
	if status := unread(plan); status != exit.OK {
		return &exit.StatusError{Status: status, Err: errors.New("not all could be read, so the plan may lack something")}
	}
	if o.detailed && !plan.Empty() {
		return &exit.StatusError{Status: exit.Changes}
	}
	return nil
}

// unread is the exit status of a plan that lacks what could not be read, and would have to be.
func unread(plan *notifications.Plan) int {
	status := exit.OK
	for _, n := range plan.Findings {
		switch {
		case n.Kind != notifications.FindingUnknown:
		case n.Explanation != nil && n.Explanation.Status != 0:
			status = max(status, exit.OfAnswer(n.Explanation.Status))
		default:
			status = max(status, exit.Failure)
		}
	}
	return status
}

func (o *setUp) apply(ctx context.Context) error {
	if o.saved != "" && o.file != "" {
		return exit.Usagef("-f and --plan exclude each other")
	}
	m, plan, err := o.load(ctx)
	if err != nil {
		return err
	}
	p := o.f.Printer()
	if plan.Empty() {
		if p.Whole() {
			err = p.Print(ctx, notifications.Result{Outcomes: []notifications.Outcome{}})
		}
		o.f.Notef("%s", strings.TrimSuffix(plan.String(), "\n"))
		return errors.Join(err, o.lacking(plan))
	}
	// What is asked about is shown whatever --quiet says.
	if !o.f.Flags.Yes || !o.f.Flags.Quiet {
		fmt.Fprint(o.f.Streams.Err, plan.String())
	}
	if err := o.f.Confirm(ctx, "Do "+output.Plural(len(plan.Steps), "step")+"?"); err != nil {
		return err
	}
	end := watch(o.f, m)
	result, applyErr := m.Apply(ctx, plan)
	end()
	if result == nil {
		return o.wrong(applyErr)
	}
	if p.Whole() {
		err = p.Print(ctx, result)
	} else {
		for _, outcome := range result.Outcomes {
			if _, err = fmt.Fprintln(o.f.Streams.Out, outcome); err != nil {
				break
			}
		}
	}
	switch {
	case err != nil:
		return err
	case applyErr != nil:
		return exit.Late(&explainedError{applyErr, ""})
	}
	return o.lacking(plan)
}

func (o *setUp) lacking(plan *notifications.Plan) error {
	if status := unread(plan); status != exit.OK {
		return &exit.StatusError{Status: status, Err: errors.New("not all could be read, so something may be missing still")}
	}
	return nil
}

// load makes the plan, or reads one that was kept.
func (o *setUp) load(ctx context.Context) (*notifications.Manager, *notifications.Plan, error) {
	if o.saved == "" {
		return o.make(ctx)
	}
	if o.prune || o.typesOnly {
		return nil, nil, exit.Usagef("--prune and --types-only are of the plan's making: --plan goes without")
	}
	file, err := open(o.f, "--plan", o.saved)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	d := json.NewDecoder(file)
	d.DisallowUnknownFields()
	plan := &notifications.Plan{}
	if err := d.Decode(plan); err != nil {
		return nil, nil, exit.Usagef("--plan %s: %s: want a plan as \"spapi notifications plan -o json\" prints it", o.saved,
			strings.TrimPrefix(err.Error(), "json: "))
	}
	o.file = o.saved
	m, err := o.manager(ctx)
	return m, plan, err
}
