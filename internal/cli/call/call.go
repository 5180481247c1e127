// Package call is "spapi call": any operation of the API by its id, with flags for all that it takes.
package call

import (
	"context"
	"encoding/json"
	"fmt"
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
	"github.com/openspapi/spapi/internal/cli/preview"
	"github.com/openspapi/spapi/internal/wire"
)

// Options are the flags of "spapi call api.operation" and what it works with.
type Options struct {
	Factory   *factory.Factory
	Operation *operation.Operation

	Values      []*value // of the operation's own flags
	Input       string   // file, "-" for stdin
	All         bool
	NoCheck     bool
	Restricted  string // "" for no restricted token, "all", or data elements with commas
	ReportType  string
	NoTypeLimit bool
	Preview     preview.Flags
}

// NewCmdCall returns the command. The operation that the command line names becomes a command below it, with flags of its own. runF
// replaces the work in tests.
func NewCmdCall(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "call <api.operation>",
		Short: "Call any operation of the API",
		Long: `Calls an operation of the Selling Partner API by its id, such as ordersv0.getOrders, and prints the body of the
answer as JSON. "spapi ops" finds operations, "spapi ops show" and "spapi call <api.operation> --help" tell what one takes.

Every parameter is a flag, by the API's own name (--MarketplaceIds) and in kebab case (--marketplace-ids). Lists take commas between
their elements, or the flag several times. The members of a request body are flags as well; those that are no plain values
take JSON, or @file. --input reads a JSON object with the body, in which parameters may stand too, by the API's names; flags go
before it. Values are checked against Amazon's models before anything is sent; --no-check leaves that to Amazon.

--all follows the pages and prints their items as JSON lines, or whole pages where a page has no single list of items.

Operations have these flags beside their own:

  --all                      follow the pages (operations that page)
  --input file               JSON with the body and, by the API's names, parameters; - is stdin
  --no-check                 send values as they are, also those that Amazon's models don't allow
  --restricted-data=element  with a restricted data token for these data elements, all by default (operations that take one)
  --report-type type         fetch a restricted data token where reports of this type need one (getReportDocument)
  --no-type-limit            send the request though the limit of its type says to wait (createReport, createFeed)
  --dry-run                  print the request in place of sending it
  --curl                     print the request as a curl command in place of sending it
  --show-secrets             with --dry-run or --curl: fetch a real token and show it

What deletes or cancels asks first; where there is no terminal to ask on, it wants --yes.`,
		Example: "  spapi --emulator call sellersv1.getMarketplaceParticipations\n" +
			"  spapi --emulator call ordersv0.getOrders --MarketplaceIds ATVPDKIKX0DER --CreatedAfter 2020-01-01 --all --jq .AmazonOrderId\n" +
			"  spapi call catalogitems20220401.searchCatalogItems --marketplace-ids ATVPDKIKX0DER --keywords pen --curl\n" +
			"  spapi call listingsitems20210801.patchListingsItem --help",
		ValidArgsFunction:  operation.Complete,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}, // of an operation that is unknown, which is the error to tell
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exit.Usagef("which operation? \"spapi ops\" lists them")
			}
			if _, err := operation.Lookup(args[0]); err != nil {
				return err
			}
			return exit.Usagef("takes one operation, behind \"call\"") // not reached: a known operation is a command of its own
		},
	}
	if op, name := operation.Given(f.Args, "call"); op != nil {
		cmd.AddCommand(newCmdOperation(f, op, name, runF))
	}
	return cmd
}

func newCmdOperation(f *factory.Factory, op *operation.Operation, name string, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f, Operation: op}
	cmd := &cobra.Command{
		Use:   op.ID,
		Short: op.Method + " " + op.Path,
		Long:  op.Method + " " + op.Path + "\n\n" + "\"spapi ops show " + op.ID + "\" tells its limits, roles and the like.",
		Args:  exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	if name != op.ID {
		cmd.Aliases = []string{name}
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	completing := len(f.Args) > 0 && (f.Args[0] == cobra.ShellCompRequestCmd || f.Args[0] == cobra.ShellCompNoDescRequestCmd)
	for _, a := range op.Arguments() {
		v := &value{arg: a}
		opts.Values = append(opts.Values, v)
		for _, spelling := range []string{a.Flag, a.Alias} {
			if spelling == "" {
				continue
			}
			flag := flags.VarPF(v, spelling, "", usage(a))
			flag.Hidden = spelling == a.Alias && !completing // shown once in the help, completed in both spellings
			if a.Kind == operation.Boolean {
				flag.NoOptDefVal = "true"
			}
			_ = cmd.RegisterFlagCompletionFunc(spelling, completion(a))
		}
	}
	if op.Detail.Body != nil || len(opts.Values) > 0 {
		flags.StringVar(&opts.Input, "input", "", "JSON `file` with the body and, by the API's names, parameters; - is stdin")
	}
	if op.Paging != nil {
		flags.BoolVar(&opts.All, "all", false, "follow the pages, and print their items as JSON lines")
	}
	flags.BoolVar(&opts.NoCheck, "no-check", false, "send values as they are, also those that Amazon's models don't allow")
	if r := op.Operation.Restricted; r != nil {
		if len(r.DataElements) > 0 {
			flags.StringVar(&opts.Restricted, "restricted-data", "", "with a restricted data token for these `elements` (all by default): "+strings.Join(r.DataElements, ","))
			flags.Lookup("restricted-data").NoOptDefVal = "all"
			_ = cmd.RegisterFlagCompletionFunc("restricted-data", cobra.FixedCompletions(append([]string{"all"}, r.DataElements...), cobra.ShellCompDirectiveNoFileComp))
		}
		if r.When == "restricted-report-types" {
			flags.StringVar(&opts.ReportType, "report-type", "", "`type` of the report, so that a restricted data token is fetched where it needs one")
		}
	}
	if len(op.Operation.TypeLimits) > 0 {
		deliver.TypeLimitFlag(cmd, &opts.NoTypeLimit)
	}
	opts.Preview.Add(cmd)
	return cmd
}

// usage tells about a flag: the API's name, where it goes, what it takes.
func usage(a *operation.Argument) string {
	var notes []string
	if a.Alias != "" {
		notes = append(notes, a.Alias)
	}
	if a.In != "query" {
		notes = append(notes, a.In)
	}
	if a.Required {
		notes = append(notes, "required")
	}
	text := strings.Join(notes, ", ")
	if len(a.Enum) > 0 {
		if text != "" {
			text += ": "
		}
		text += strings.Join(a.Enum, ", ")
	}
	return text
}

func completion(a *operation.Argument) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		switch a.Kind {
		case operation.JSON: // of a file the name stands behind "@", where shells complete none
			return nil, cobra.ShellCompDirectiveNoFileComp
		case operation.Boolean:
			return []string{"true", "false"}, cobra.ShellCompDirectiveNoFileComp
		case operation.List:
			// What stands before the last comma stays.
			before := toComplete[:strings.LastIndexByte(toComplete, ',')+1]
			var choices []string
			for _, c := range choicesOf(a) {
				choices = append(choices, before+c)
			}
			return choices, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		return choicesOf(a), cobra.ShellCompDirectiveNoFileComp
	}
}

func run(ctx context.Context, opts *Options) error {
	op, f := opts.Operation, opts.Factory
	if err := opts.Preview.Check(); err != nil {
		return err
	}
	in, err := readRequest(opts)
	if err != nil {
		return err
	}
	if opts.All {
		if err := pageable(op); err != nil {
			return err
		}
	}
	options := opts.callOptions()
	if opts.Preview.Given() {
		return opts.preview(ctx, in, options)
	}
	if op.Deprecated && (f.Streams.ErrIsTerminal || f.Flags.Verbose) {
		f.Notef("%s", deprecation(op))
	}
	if endangers(op) {
		if err := f.Confirm(ctx, fmt.Sprintf("%s %s%s?", op.Method, op.Path, in.subject())); err != nil {
			return err
		}
	}
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	printer := f.Printer()
	if opts.All {
		return all(ctx, f, client, in, options)
	}
	body, err := in.send(ctx, client, options)
	if err != nil {
		return err
	}
	if printer.Default = output.JSON; len(body) == 0 {
		if f.Streams.ErrIsTerminal {
			f.Notef("done; the answer has no body")
		}
		return nil
	}
	if format := printer.Format(); format == output.Table || format == output.CSV {
		body = rows(op, body)
	}
	return printer.Print(ctx, body)
}

func (opts *Options) callOptions() []spapi.CallOption {
	var options []spapi.CallOption
	switch opts.Restricted {
	case "":
	case "all":
		options = append(options, spapi.WithRestrictedData())
	default:
		options = append(options, spapi.WithRestrictedData(opts.Restricted))
	}
	if opts.ReportType != "" {
		options = append(options, spapi.WithReportType(opts.ReportType))
	}
	if opts.NoTypeLimit {
		options = append(options, spapi.WithoutTypeLimit())
	}
	return options
}

func (opts *Options) preview(ctx context.Context, in *request, options []spapi.CallOption) error {
	kept := &preview.Recorder{KeepTokens: in.op.Path == preview.RestrictedTokens}
	client, err := opts.Preview.Client(ctx, opts.Factory, kept)
	if err != nil {
		return err
	}
	if _, err := in.send(ctx, client, append(options, spapi.WithoutRetry())); kept.Request == nil {
		return err
	}
	return opts.Preview.Show(ctx, opts.Factory, kept)
}

// endangers tells of operations that delete or cancel.
func endangers(op *operation.Operation) bool {
	name := strings.ToLower(op.Name)
	return op.Method == "DELETE" || strings.HasPrefix(name, "cancel") || strings.HasPrefix(name, "delete")
}

func deprecation(op *operation.Operation) string {
	text := op.ID + " is deprecated"
	if op.Removal != "" {
		text += ", " + catalog.Removal(op.Removal, time.Now())
	}
	if op.ReplacedBy != "" {
		text += "; " + op.ReplacedBy + " replaces it"
	}
	return text
}

// send makes the call and returns the body of the answer, nil where there is none.
func (in *request) send(ctx context.Context, client *spapi.Client, options []spapi.CallOption) (json.RawMessage, error) {
	if in.op.Shape != "none" {
		return wire.InvokeRaw(ctx, client, in.op.ID, in.encode, options)
	}
	var resp spapi.Response
	if err := wire.InvokeEmpty(ctx, client, in.op.ID, in.encode, append(options, spapi.WithResponse(&resp))); err != nil {
		return nil, err
	}
	if !json.Valid(resp.Body) {
		return nil, nil
	}
	return resp.Body, nil
}

// rows finds in a body what a table is made of: the items of a page, or the one list of objects that it has, else the body itself
// without its wrapper.
func rows(op *operation.Operation, body json.RawMessage) json.RawMessage {
	if op.Paging != nil && op.Paging.Items != "" {
		if items, ok := lookup(body, op.Paging.Items); ok {
			return items
		}
	}
	if payload, ok := lookup(body, "payload"); ok && op.Shape == "payload" {
		body = payload
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return body
	}
	var lists []json.RawMessage
	for _, m := range members {
		var list []map[string]json.RawMessage
		if json.Unmarshal(m, &list) == nil && list != nil {
			lists = append(lists, m)
		}
	}
	if len(lists) == 1 {
		return lists[0]
	}
	return body
}

// lookup follows a path of member names.
func lookup(raw json.RawMessage, path string) (json.RawMessage, bool) {
	for name := range strings.SplitSeq(path, ".") {
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil {
			return nil, false
		}
		var ok bool
		if raw, ok = members[name]; !ok {
			return nil, false
		}
	}
	return raw, true
}
