// Package feed is "spapi feed": feeds from a file to what came of them.
package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/deliver"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/pages"
	"github.com/openspapi/spapi/internal/cli/when"

	"github.com/openspapi/spapi/feeds"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/journal"
)

// NewCmdFeed returns "spapi feed" with what is below it.
func NewCmdFeed(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "feed <command>",
		Short:   "Send feeds and read what came of them",
		Example: "  spapi feed types\n  spapi feed submit JSON_LISTINGS_FEED changes.jsonl --seller-id A1B2C3 --marketplace US",
		Args:    exit.Group,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewCmdSubmit(f, nil), newCmdList(f), newCmdStatus(f), newCmdResult(f), newCmdTypes(f))
	return cmd
}

// SubmitOptions are the flags of "spapi feed submit".
type SubmitOptions struct {
	Factory *factory.Factory

	Type, File  string
	Options     []string
	ContentType string
	SellerID    string
	Locale      string
	Journal     string
	SendAgain   bool
	Take        string
	Check       bool
	NoWait      bool
	NoTypeLimit bool
	Poll        time.Duration
}

// usage makes mistakes in feeds mistakes on the command line.
func usage(err error) error {
	if _, ok := errors.AsType[*feeds.ValidationError](err); ok {
		return &exit.UsageError{Err: err}
	}
	return deliver.Usage(err)
}

// NewCmdSubmit returns "spapi feed submit". runF replaces the work in tests.
func NewCmdSubmit(f *factory.Factory, runF func(context.Context, *SubmitOptions) error) *cobra.Command {
	opts := &SubmitOptions{Factory: f}
	cmd := &cobra.Command{
		Use:   "submit TYPE FILE",
		Short: "Send a feed, wait for it and print what is wrong with its messages",
		Long: `Sends a file as a feed, waits until Amazon has carried it out and prints the issues of its processing report. It ends with status 1 if messages
have errors. Of a feed that ends FATAL, and of a damaged report, it prints what there is.

For JSON_LISTINGS_FEED the file holds messages: a feed as Amazon defines it, an array of messages, or one message a line; "-" is stdin. All are checked before
anything is sent, and as many feeds are made as are needed. Files of other types go as they are, after a look at what would make them fail.

With --journal, a run that was interrupted can be started again in the same words: what was sent is not sent again. The journal is removed as soon as what
came of the feed has been printed.

Where no answer came, the feeds that were created since are listed for a minute. If none was, the feed is sent again from what was uploaded, unless it moves
money or stock once more when it is sent twice, as refunds do: lists may lag. If there is one that may be it, nobody can tell, since Amazon doesn't show what a
feed was made of. In both cases the run ends with status 8 and says what it found. Look at that, then start it again with --take FEED-ID if one is yours, or
with --send-again if none is.`,
		Example: "  spapi feed submit JSON_LISTINGS_FEED changes.jsonl --seller-id A1B2C3 --marketplace US\n" +
			"  spapi feed submit POST_ORDER_FULFILLMENT_DATA shipped.xml --marketplace DE --journal shipped.journal\n" +
			"  spapi feed submit UPLOAD_VAT_INVOICE invoice.pdf --marketplace DE --option metadata:orderid=206-2341234-3455465 --option metadata:invoicenumber=INT-3431",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return exit.Usagef("takes a feed type and a file; \"spapi feed types\" lists the types")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			var names []string
			for _, t := range feeds.Types() {
				names = append(names, t.Name+"\t"+t.Category)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Type, opts.File = strings.ToUpper(args[0]), args[1]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return submit(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	factory.Repeatable(flags, &opts.Options, "option", "", "`name=value` of an option of the feed type; repeatable")
	flags.StringVar(&opts.ContentType, "content-type", "", "content `type` of the file, with its charset (default: the feed type's, UTF-8)")
	flags.StringVar(&opts.SellerID, "seller-id", "",
		"merchant `token` of the seller, which JSON_LISTINGS_FEED wants (default: SPAPI_SELLER_ID, else the account's)")
	flags.StringVar(&opts.Locale, "locale", "", "`language` of the issues of JSON_LISTINGS_FEED, such as en_US")
	flags.StringVar(&opts.Journal, "journal", "", "`file` to note in what was sent; it is removed when what came of it has been printed")
	flags.StringVar(&opts.Take, "take", "", "`id` of the feed that a run with this journal has sent without an answer: go on with it")
	flags.BoolVar(&opts.SendAgain, "send-again", false, "send again what a run with this journal has sent without an answer: Amazon has not taken it")
	flags.BoolVar(&opts.Check, "check", false, "look for mistakes and send nothing")
	flags.BoolVar(&opts.NoWait, "no-wait", false, "send it, print its id and don't wait (not for JSON_LISTINGS_FEED)")
	flags.DurationVar(&opts.Poll, "poll", 0, "shortest `pause` between two looks at the feed (default 1s)")
	deliver.TypeLimitFlag(cmd, &opts.NoTypeLimit)
	return cmd
}

func submit(ctx context.Context, o *SubmitOptions) (err error) {
	f := o.Factory
	switch {
	case o.Take != "" && o.SendAgain:
		return exit.Usagef("--take and --send-again exclude each other: the feed was taken, or it wasn't")
	case (o.Take != "" || o.SendAgain) && o.Journal == "":
		return exit.Usagef("--take and --send-again are about what a journal says: name it with --journal")
	}
	options, err := deliver.Options("option", o.Options)
	if err != nil {
		return err
	}
	listings := o.Type == feeds.ListingsFeed
	m := f.Flags.Marketplace
	if !listings || !o.Check { // messages can be checked without
		if m, err = f.Marketplace(ctx); err != nil {
			return err
		}
	}
	if listings && o.NoWait {
		return exit.Usagef("--no-wait doesn't go with JSON_LISTINGS_FEED, which may be several feeds")
	}
	var src io.Reader
	s := feeds.Submission{Type: o.Type, Marketplaces: []string{m.ID}, Options: options, ContentType: o.ContentType}
	switch {
	case listings && o.File == "-":
		src = f.Streams.In
	case listings:
		file, err := os.Open(o.File)
		if err != nil {
			return exit.Usagef("%v", err)
		}
		defer file.Close()
		src = file
	case o.File == "-":
		return exit.Usagef("a feed of type %s wants a file: its size must be known beforehand", o.Type)
	default:
		if s.Content, err = feeds.FileContent(o.File); err != nil {
			return &exit.UsageError{Err: err}
		}
	}
	if o.Check {
		return usage(check(o, src, s))
	}
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	bar := deliver.NewBar(f)
	defer bar.Close()
	j, err := deliver.OpenJournal(ctx, f, o.Journal)
	if err != nil {
		return err
	}
	if j != nil {
		defer j.Close()
	}
	if err := deliver.SameSeller(ctx, j, client, job.Feed, o.Type); err != nil {
		return err
	}
	going := deliver.NewGoing(f, j)
	defer func() { err = going.Explain(err) }() // before the journal is closed
	opts := append(going.Options(o.Poll, o.SendAgain, func(p job.Progress) {
		text := cmp.Or(deliver.Limited(p), string(p.Stage))
		if p.Stage == job.Waiting {
			text = "feed " + p.ID + ": " + strings.ToLower(strings.ReplaceAll(string(p.Status), "_", " "))
		}
		if p.Parts > 1 {
			text = fmt.Sprintf("%d of %d: %s", p.Part, p.Parts, text)
		}
		bar.Say("%s", strings.TrimSuffix(text, ": "))
	}), job.WithTake(o.Take))
	opts = append(opts, deliver.TypeLimit(o.NoTypeLimit)...)
	if o.NoWait {
		id, err := feeds.Create(ctx, client, s, opts...)
		if err != nil {
			return usage(err)
		}
		bar.Close()
		return f.Print(ctx, map[string]string{"feedId": id})
	}
	var result *feeds.Result
	if listings {
		id, idErr := f.SellerID(ctx, client, o.SellerID)
		if idErr != nil {
			return idErr
		}
		result, err = feeds.SubmitListings(ctx, client, feeds.ListingsSubmission{SellerID: id, Marketplaces: s.Marketplaces, Locale: o.Locale}, feeds.ReadListingMessages(src), opts...)
	} else {
		result, err = feeds.Submit(ctx, client, s, opts...)
	}
	bar.Close()
	if err != nil {
		return partly(ctx, f, result, err)
	}
	return show(ctx, f, result, j)
}

// partly is the end of a run that failed when Amazon had feeds already. What is known of them must not be lost: parts of a feed that ended FATAL
// may have been carried out, those of a run of several feeds that went well have been, and a damaged processing report says something still.
func partly(ctx context.Context, f *factory.Factory, r *feeds.Result, err error) error {
	if r == nil || len(r.Feeds) == 0 {
		return usage(err)
	}
	if len(r.Issues) > 0 {
		if printErr := f.Print(ctx, r.Issues, issueColumns...); printErr != nil {
			return errors.Join(err, printErr)
		}
	}
	_, damaged := errors.AsType[*job.DocumentError](err)
	for _, feed := range r.Feeds {
		switch {
		case damaged:
			f.Notef("\"spapi feed result %s --raw\" prints the processing report as it is", feed.FeedID)
		case job.Status(feed.ProcessingStatus) == job.Done:
			f.Notef("feed %s was carried out: \"spapi feed result %s\" shows what is wrong with its messages", feed.FeedID, feed.FeedID)
		}
	}
	return err
}

// check looks for mistakes without a client.
func check(o *SubmitOptions, src io.Reader, s feeds.Submission) error {
	if src == nil {
		return s.Check()
	}
	wrong := &feeds.ValidationError{}
	n := 0
	for m, err := range feeds.ReadListingMessages(src) {
		if err != nil {
			return exit.Usagef("%s: %v", o.File, err)
		}
		if reason := m.Check(); reason != "" {
			if wrong.Count++; len(wrong.Problems) < 1000 {
				wrong.Problems = append(wrong.Problems, feeds.MessageProblem{Index: n, SKU: m.SKU, Reason: reason})
			}
		}
		n++
	}
	if wrong.Count > 0 {
		return wrong
	}
	o.Factory.Notef("%s, nothing is wrong with them as far as can be seen", output.Plural(n, "message"))
	return nil
}

var issueColumns = []output.Column{
	{Name: "sku", Path: "sku"}, {Name: "order", Path: "orderId"}, {Name: "message", Path: "messageId", Right: true}, {Name: "severity", Path: "severity"}, {Name: "code", Path: "code"},
	{Name: "attribute", Path: "attribute"}, {Name: "text", Path: "message", Long: true},
}

// show prints the issues, and fails if messages have errors. The journal, if there is one, goes as soon as they are printed: without it, the next
// run sends the feed again.
func show(ctx context.Context, f *factory.Factory, r *feeds.Result, j *journal.File) error {
	issues := r.Issues
	if issues == nil {
		issues = []feeds.Issue{}
	}
	var ids []string
	for _, feed := range r.Feeds {
		ids = append(ids, feed.FeedID)
	}
	if err := f.Print(ctx, issues, issueColumns...); err != nil {
		return err
	}
	if j != nil {
		if err := j.Remove(); err != nil {
			return err
		}
	}
	f.Notef("feed %s: %s, %d accepted, %s, %s", strings.Join(ids, ", "), output.Plural(r.Processed, "message"), r.Accepted,
		output.Plural(r.Errors, "error"), output.Plural(r.Warnings, "warning"))
	return failure(r)
}

// failure is what makes a result one of failure, whether or not an issue tells why; nil if all went well.
func failure(r *feeds.Result) error {
	why := ""
	if r.Errors == 0 {
		why = "; no line of the processing report tells why"
	}
	switch {
	case r.OK():
		return nil
	case r.Invalid == 0:
		return fmt.Errorf("the feed has errors: %d", r.Errors)
	case r.Invalid > r.Processed:
		return fmt.Errorf("messages not carried out: %d%s", r.Invalid, why)
	}
	return fmt.Errorf("messages not carried out: %d of %d%s", r.Invalid, r.Processed, why)
}

var feedColumns = []output.Column{
	{Name: "feed", Path: "feedId"}, {Name: "type", Path: "feedType"}, {Name: "status", Path: "processingStatus"}, {Name: "created", Path: "createdTime"},
	{Name: "marketplaces", Path: "marketplaceIds"},
}

func newCmdList(f *factory.Factory) *cobra.Command {
	var since when.Time
	cmd := &cobra.Command{
		Use:     "list TYPE…",
		Short:   "List the feeds that were sent, the newest first",
		Example: "  spapi --emulator feed list JSON_LISTINGS_FEED\n  spapi feed list POST_ORDER_FULFILLMENT_DATA --since 1h",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if len(args) == 0 || len(args) > 10 {
				return exit.Usagef("takes 1 to 10 feed types; \"spapi feed types\" lists them")
			}
			var r feeds.ListRequest
			for _, name := range args {
				r.Types = append(r.Types, strings.ToUpper(name))
			}
			r.Since = f.Begin(&since, f.Zone(ctx))
			client, err := f.Client(ctx)
			if err != nil {
				return err
			}
			list := pages.List[[]feeds.Feed, feeds.Feed]{
				Noun: "feed", Each: true, Columns: feedColumns,
				Rows: func(p *[]feeds.Feed) []feeds.Feed { return *p },
				Time: func(feed *feeds.Feed) time.Time { return feed.CreatedTime },
			}
			_, _, err = list.Write(ctx, f, pages.Of(feeds.List(ctx, client, r)))
			return err
		},
	}
	when.Flag(cmd.Flags(), &since, "since", "", "created since this `time`", "90d")
	return cmd
}

// one is the check of commands that take a feed's id.
func one(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return exit.Usagef("takes one feed id")
	}
	return nil
}

func newCmdStatus(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "status FEED-ID",
		Short:   "Tell how far a feed is",
		Example: "  spapi feed status 50039018869",
		Args:    one,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, feed, err := get(cmd.Context(), f, args[0])
			if err != nil {
				return err
			}
			return f.Print(cmd.Context(), feed)
		},
	}
}

func get(ctx context.Context, f *factory.Factory, id string) (*spapi.Client, *feeds.Feed, error) {
	client, err := f.Client(ctx)
	if err != nil {
		return nil, nil, err
	}
	feed, err := feeds.Get(ctx, client, id)
	return client, feed, err
}

func newCmdResult(f *factory.Factory) *cobra.Command {
	var raw bool
	var poll time.Duration
	cmd := &cobra.Command{
		Use:     "result FEED-ID",
		Short:   "Wait for a feed and print what is wrong with its messages",
		Example: "  spapi feed result 50039018869\n  spapi feed result 50039018869 --raw",
		Args:    one,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if raw {
				if err := f.Flags.Output.Refuse("a processing report as it is (--raw)"); err != nil {
					return err
				}
			}
			client, err := f.Client(ctx)
			if err != nil {
				return err
			}
			feed, err := feeds.Wait(ctx, client, args[0], job.WithPoll(poll, 0))
			if err != nil && !errors.Is(err, job.ErrFatal) {
				return err
			}
			if !raw {
				result, readErr := feeds.Read(ctx, client, feed)
				switch {
				case err != nil: // with the reason, if it could be read
					return partly(ctx, f, result, err)
				case result == nil:
					return readErr
				}
				if readErr != nil {
					return partly(ctx, f, result, readErr)
				}
				return show(ctx, f, result, nil)
			}
			doc, err := feeds.Open(ctx, client, feed)
			if err != nil {
				return err
			}
			defer doc.Close()
			_, err = io.Copy(f.Streams.Out, doc)
			return err
		},
	}
	cmd.Flags().BoolVar(&raw, "raw", false, "print the processing report as it is")
	cmd.Flags().DurationVar(&poll, "poll", 0, "shortest `pause` between two looks at the feed (default 1s)")
	return cmd
}

func newCmdTypes(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "types [WORD…]",
		Short:   "List the feed types that have all these words",
		Example: "  spapi feed types order",
		RunE: func(cmd *cobra.Command, words []string) error {
			rows := []feeds.Type{}
			for _, t := range feeds.Types() {
				text := strings.ToLower(t.Name + " " + t.Category + " " + t.ContentType)
				has := true
				for _, w := range words {
					has = has && strings.Contains(text, strings.ToLower(w))
				}
				if has {
					rows = append(rows, t)
				}
			}
			if len(rows) == 0 {
				return exit.Usagef("no feed type has all of %q", strings.Join(words, " "))
			}
			return f.Print(cmd.Context(), rows, output.Column{Name: "type", Path: "type"}, output.Column{Name: "content type", Path: "contentType", Spare: 2},
				output.Column{Name: "removed", Path: "removed"}, output.Column{Name: "instead", Path: "instead", Long: true},
				output.Column{Name: "note", Path: "note", Long: true, Spare: 1})
		},
	}
}
