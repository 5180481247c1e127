package deliver

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/curl"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/journal"
)

// Going follows the jobs of a run, so that a run that ends early can say how to go on.
type Going struct {
	f       *factory.Factory
	journal *journal.File // nil: what was asked for is noted nowhere

	mu    sync.Mutex
	going []string // ids of the jobs whose end nobody has seen
	kind  job.Kind
	told  bool
	bound bool // it was told that a type's limit is waited for
	asked bool // Amazon has something that this run asked for, or one before it
}

// NewGoing makes one for a run with a journal, or without one (nil).
func NewGoing(f *factory.Factory, j *journal.File) *Going { return &Going{f: f, journal: j} }

// Options are those of the run's jobs. show is told of their progress, too.
func (g *Going) Options(poll time.Duration, sendAgain bool, show func(job.Progress)) []job.Option {
	options := []job.Option{job.WithPoll(poll, 0), job.WithProgress(func(p job.Progress) {
		g.Progress(p)
		show(p)
	})}
	if g.journal != nil {
		options = append(options, job.WithJournal(g.journal))
	}
	if sendAgain {
		options = append(options, job.WithSendAgain())
	}
	return options
}

// Progress is told of each progress of the run's jobs.
func (g *Going) Progress(p job.Progress) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.kind, g.asked = p.Kind, g.asked || p.ID != ""
	if p.Limit != nil && p.Limit.Scope == spapi.LimitPerType && !g.bound {
		g.bound = true
		g.f.Notef("%s", wayOut(p))
	}
	switch {
	case p.Stage == job.Checking && !g.told:
		g.told = true
		g.f.Notef("%s was asked for and no answer came: looking for up to a minute whether Amazon has it", strings.TrimSpace(string(p.Kind)+" "+p.Type))
	case p.ID == "":
	case p.Status.Ended():
		g.going = slices.DeleteFunc(g.going, func(id string) bool { return id == p.ID })
	case !slices.Contains(g.going, p.ID):
		g.going = append(g.going, p.ID)
	}
}

// TypeLimitFlag adds --no-type-limit to a command.
func TypeLimitFlag(cmd *cobra.Command, on *bool) {
	cmd.Flags().BoolVar(on, "no-type-limit", false, "send the request though the limit of its type says to wait; all other limits hold")
}

// TypeLimit is what --no-type-limit makes of a job.
func TypeLimit(passedOver bool) []job.Option {
	if !passedOver {
		return nil
	}
	return []job.Option{job.WithCallOptions(spapi.WithoutTypeLimit())}
}

// wayOut is how else than by waiting for the limit of its type a job goes on.
func wayOut(p job.Progress) string {
	if p.Kind == job.Report {
		return p.Type + " may be asked for only now and then: --timeout bounds the wait, --reuse takes a report of the same window that there is, " +
			"--no-type-limit asks all the same"
	}
	return p.Type + " may be sent only so often: --timeout bounds the wait, --no-type-limit sends it all the same"
}

// Explain puts to an error how to go on, where there is something to go on with. What fails when Amazon has something already is no mistake on the command
// line any more. The journal must still be open.
func (g *Going) Explain(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil && g.asked {
		err = exit.Late(err)
	}
	if err == nil || g.f.Flags.Emulator { // which ends with the process
		return err
	}
	var text []string
	if exit.Status(err) != exit.Interrupted {
		text = append(text, exit.Explain(err))
	}
	unknown, isUnknown := errors.AsType[*job.OutcomeUnknownError](err)
	_, ended := errors.AsType[*job.EndedError](err)
	noted := g.journal != nil && g.journal.Len() > 0
	switch {
	case isUnknown:
		text = g.unknown(unknown, noted)
	case noted && ended:
		text = append(text, "What went well is noted. To ask for the rest alone: "+g.again())
	case noted:
		text = append(text, "To go on: "+g.again())
	case ended:
	default:
		for _, id := range g.going {
			text = append(text, string(g.kind)+" "+id+" goes on at Amazon. To have what comes of it: "+g.get(g.kind, id))
		}
	}
	if hint := strings.Trim(strings.Join(text, "\n"), "\n"); hint != "" {
		return &exit.HintError{Err: err, Hint: hint}
	}
	return err
}

// unknown says how to decide what the run could not.
func (g *Going) unknown(e *job.OutcomeUnknownError, noted bool) []string {
	var text []string
	switch {
	case len(e.Found) == 0 && noted:
		return []string{"To look for it again: " + g.again(), "To ask for it again without looking: " + g.again("--send-again")}
	case len(e.Found) == 0:
		return []string{"See what there is before you ask again: " + g.list(e)}
	}
	if e.Kind == job.Feed {
		text = append(text, "Amazon doesn't show what a feed was made of. When it was created, and what is in its processing report, may tell:")
		for _, f := range e.Found {
			text = append(text, "  "+g.get(e.Kind, f.ID))
		}
	}
	id := e.Found[0].ID
	switch {
	case e.Kind != job.Feed:
		text = append(text, "Its options are not shown. If it is the one: "+g.get(e.Kind, id))
	case noted && len(e.Found) > 1:
		text = append(text, "If one of them is yours, name it: "+g.again("--take", "FEED-ID"))
	case noted:
		text = append(text, "If it is yours: "+g.again("--take", id))
	}
	if noted {
		return append(text, "If none is: "+g.again("--send-again"))
	}
	return append(text, "If none is yours, send it again: "+g.again())
}

// get is the command that waits for a job and shows what came of it.
func (g *Going) get(kind job.Kind, id string) string {
	switch kind {
	case job.Feed:
		return g.like("feed", "result", id)
	case job.Report:
		return g.like("report", "download", id)
	}
	return g.like("call", "datakiosk20231115.getQuery", id)
}

// list is the command that lists the jobs.
func (g *Going) list(e *job.OutcomeUnknownError) string {
	if e.Kind == job.Query {
		return g.like("call", "datakiosk20231115.getQueries")
	}
	return g.like(string(e.Kind), "list", e.Type, "--since", "1h")
}

// again is the command line as it was given, with other words in place of those that decide.
func (g *Going) again(more ...string) string {
	words := []string{"spapi"}
	skip := false
	for _, word := range g.f.Args {
		switch {
		case skip:
			skip = false
		case word == "--send-again" || strings.HasPrefix(word, "--send-again=") || strings.HasPrefix(word, "--take="):
		case word == "--take":
			skip = true
		default:
			words = append(words, curl.Quote(word))
		}
	}
	return strings.Join(append(words, more...), " ")
}

// like is another command line for the same account.
func (g *Going) like(words ...string) string {
	words = append([]string{"spapi"}, words...)
	for _, word := range g.f.Flags.Target() {
		words = append(words, curl.Quote(word))
	}
	return strings.Join(words, " ")
}

// Limited says for which limit a job waits, and about until when; "" if it waits for none.
func Limited(p job.Progress) string {
	if p.Limit == nil {
		return ""
	}
	return "waiting for " + p.Limit.Limit() + ", until " + p.Until.Local().Format("15:04")
}
