package notifications

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/notifications"
)

// triggering are the flags of "trigger". Its JSON is what the emulator's control plane takes.
type triggering struct {
	f       *factory.Factory
	about   []string
	payload string
	to      string
	dryRun  bool

	Type    string            `json:"type"`
	Version string            `json:"payloadVersion,omitzero"`
	Seller  string            `json:"seller,omitzero"`
	About   map[string]string `json:"about,omitempty"`
	Payload json.RawMessage   `json:"payload,omitzero"`
	Queue   string            `json:"queue,omitzero"`
	Dry     bool              `json:"dry,omitzero"`
}

// abouts are the things that a message can be about, which have a flag of their own.
var abouts = []struct{ name, usage string }{
	{"order", "`id` of the order that it is about"},
	{"sku", "`SKU` that it is about"},
	{"asin", "`ASIN` that it is about"},
}

func newCmdTrigger(f *factory.Factory) *cobra.Command {
	o := &triggering{f: f, About: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "trigger <type>",
		Short: "Make a message, to try a program with",
		Long: "Makes a notification of a type, as Amazon would send it, about something that an emulator has: an order, a SKU, an ASIN, or what --about " +
			"names; what isn't\n" +
			"named is chosen. --payload takes the payload from a file. It goes to whom --to says:\n\n" +
			"  emulator      to the subscriptions of the emulator that SP-API's calls go to (\"spapi emulator\" in another terminal), through their filters: " +
			"the default\n" +
			"                where there is one\n" +
			"  ARN or URL    to a queue, of AWS or an emulator, whoever is subscribed; the message is one of the emulator inside this command\n" +
			"  file, or -    into a file, or to stdout\n\n" +
			"With --emulator, which nobody else can reach, and --dry-run, the message is printed and nothing is sent. Messages from the emulator inside this command\n" +
			"are about its own products and orders, which a real seller doesn't have.",
		Example: "  spapi --emulator notifications trigger ORDER_CHANGE\n" +
			"  spapi notifications trigger TRANSACTION_UPDATE --dry-run\n" +
			"  spapi notifications trigger ORDER_CHANGE --to message.json\n" +
			"  spapi notifications trigger REPORT_PROCESSING_FINISHED --to arn:aws:sqs:us-east-1:123456789012:orders",
		Args: takes("one type, such as ORDER_CHANGE"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return typeNames(func(*notifications.Type) bool { return true }), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Type = args[0]
			for _, a := range abouts {
				if flag := cmd.Flags().Lookup(a.name); flag.Changed {
					o.About[a.name] = flag.Value.String()
				}
			}
			return o.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	for _, a := range abouts {
		flags.String(a.name, "", a.usage)
	}
	factory.Repeatable(flags, &o.about, "about", "", "`name=value` of something else that it is about: marketplace, report, feed, query or shipment; repeatable")
	flags.StringVar(&o.payload, "payload", "", "`file` with the payload as JSON; - is stdin")
	flags.StringVar(&o.Version, "payload-version", "", "payload `version` (default: the latest)")
	flags.StringVar(&o.Seller, "seller", "", "`id` of the seller, of several that an emulator has")
	flags.StringVar(&o.to, "to", "", "`where` it goes: emulator, a queue's ARN or URL, a file, or - for stdout")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print the message in place of sending it")
	_ = cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions([]string{"emulator"}, cobra.ShellCompDirectiveDefault))
	return cmd
}

// triggered is what the emulator's control plane answers.
type triggered struct {
	Messages []triggeredMessage `json:"messages"`
	Reason   string             `json:"reason,omitzero"`
	Notes    []string           `json:"notes,omitzero"` // what is odd about the payload
}

type triggeredMessage struct {
	Queue        string          `json:"queue"`
	Subscription string          `json:"subscription"`
	Outcome      string          `json:"outcome"`
	Reason       string          `json:"reason,omitzero"` // of an outcome that isn't "sent"
	Body         json.RawMessage `json:"body,omitzero"`   // missing where there is none
}

func (o *triggering) run(ctx context.Context) error {
	if _, ok := notifications.TypeOf(o.Type); !ok {
		return unknownType("type", o.Type)
	}
	if o.dryRun && o.to != "" && o.to != "-" {
		return exit.Usagef("--dry-run and --to exclude each other")
	}
	for _, pair := range o.about {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" || value == "" {
			return exit.Usagef("--about %q: want name=value, such as marketplace=ATVPDKIKX0DER", pair)
		}
		o.About[name] = value
	}
	if err := o.readPayload(); err != nil {
		return err
	}
	e, err := findEmulator(ctx, o.f)
	if err != nil {
		return err
	}
	switch {
	case o.to == "emulator" || o.to == "" && !o.dryRun && e != nil && !e.inside:
		if e == nil {
			return exit.Usagef("--to emulator: calls go to no emulator: start one with \"spapi emulator\" and set its addresses (--env), or name a queue, a file or -")
		}
		return o.send(ctx, e)
	case o.to == "" && e == nil && !o.dryRun:
		return exit.Usagef("missing: --to with a queue, a file or -, as calls go to no emulator; --dry-run prints the message")
	}
	body, err := o.body(ctx, e)
	if err != nil {
		return err
	}
	if o.to == "" || o.to == "-" {
		return o.print(ctx, body)
	}
	if strings.HasPrefix(o.to, "arn:") || strings.Contains(o.to, "://") {
		return o.intoQueue(ctx, e, body)
	}
	if err := os.WriteFile(filepath.Clean(o.to), append(body, '\n'), 0o600); err != nil {
		return exit.Usagef("--to: %w", err)
	}
	o.f.Notef("wrote %s", o.to)
	return nil
}

func (o *triggering) readPayload() error {
	if o.payload == "" {
		return nil
	}
	file, err := open(o.f, "--payload", o.payload)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, notifications.MaxSize+1))
	if err != nil {
		return exit.Usagef("--payload: %w", err)
	}
	if text = bytes.TrimSpace(text); len(text) == 0 || text[0] != '{' || !json.Valid(text) {
		return exit.Usagef("--payload %s: want an object in JSON, as it stands below the message's payload", o.payload)
	}
	if len(text) > notifications.MaxSize {
		return exit.Usagef("--payload %s: is larger than %d bytes, which no queue takes", o.payload, notifications.MaxSize)
	}
	o.Payload = text
	return nil
}

// atEmulator lets an emulator make the message.
func (o *triggering) atEmulator(ctx context.Context, e *emulated) (*triggered, error) {
	var t triggered
	err := e.control(ctx, http.MethodPost, "notifications", o, &t)
	if refused, ok := errors.AsType[*refusal](err); ok {
		return nil, exit.Usagef("%s", refused.text)
	}
	for _, note := range t.Notes {
		o.f.Notef("%s", note)
	}
	return &t, err
}

// body is a message that is sent by nobody: of the emulator that calls go to, or the one inside the command.
func (o *triggering) body(ctx context.Context, e *emulated) ([]byte, error) {
	if e == nil {
		emu, err := o.f.Emulator()
		if err != nil {
			return nil, err
		}
		e = &emulated{base: "http://emulator.invalid", http: &http.Client{Transport: emu}, inside: true}
	}
	dry := *o
	dry.Dry, dry.Queue = true, ownQueue // whoever is subscribed
	t, err := dry.atEmulator(ctx, e)
	if err != nil {
		return nil, err
	}
	if len(t.Messages) == 0 {
		return nil, errors.New("the emulator made no message" + strings.TrimSuffix(": "+t.Reason, ": "))
	}
	return t.Messages[0].Body, nil
}

func (o *triggering) print(ctx context.Context, body []byte) error {
	p := o.f.Printer()
	p.Default = output.JSON
	return p.Print(ctx, json.RawMessage(body))
}

var triggeredColumns = []output.Column{
	{Name: "subscription", Path: "subscription"}, {Name: "queue", Path: "queue", Long: true}, {Name: "outcome", Path: "outcome"},
	{Name: "reason", Path: "reason"},
}

// send lets the message go through the emulator's subscriptions.
func (o *triggering) send(ctx context.Context, e *emulated) error {
	t, err := o.atEmulator(ctx, e)
	if err != nil {
		return err
	}
	messages := t.Messages
	if messages == nil {
		messages = []triggeredMessage{}
	}
	if err := o.f.Print(ctx, messages, triggeredColumns...); err != nil {
		return err
	}
	if len(messages) == 0 {
		return errors.New("nobody got the message" + strings.TrimSuffix(": "+t.Reason, ": "))
	}
	return nil
}

func (o *triggering) intoQueue(ctx context.Context, e *emulated, body []byte) error {
	q, err := parseQueue(o.to)
	if err != nil {
		return err
	}
	opened, err := openQueue(ctx, e, q)
	if err != nil {
		return err
	}
	if e == nil {
		if err := o.f.Confirm(ctx, "Send a made-up "+o.Type+" to "+opened.url+"? Whoever reads the queue takes it for one of Amazon's."); err != nil {
			return err
		}
	}
	w := o.f.Await("the answer of %s", opened.url)
	out, err := opened.client.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: &opened.url, MessageBody: aws.String(string(body))})
	w.End()
	if err != nil {
		return ofAWS(err)
	}
	o.f.Notef("sent to %s", opened.url)
	return o.f.Print(ctx, struct {
		Queue     string          `json:"queue"`
		MessageID string          `json:"messageId"`
		Message   json.RawMessage `json:"message"`
	}{opened.url, aws.ToString(out.MessageId), body}, output.Column{Name: "queue", Path: "queue"}, output.Column{Name: "message id", Path: "messageId"})
}
