package check

import (
	_ "embed"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/internal/catalog"
)

//go:embed wordings.csv
var wordingTable string

// wording is how some operations say that something is wrong with a request's parameters or body.
type wording struct {
	operations string // pattern; the first row that matches counts
	situation  string // "missing" parameter, "missing member" of the body, "invalid", "any" of these, or "none of A;B", which the model doesn't require
	first      string // member of the error: "code" or "message"
	code       string
	message    string // with {name} of the first, or {names} of all
	details    string // with {names;}; "-" for no such member
	errorType  string // of the gateway, where it is the one to refuse
}

var wordings = sync.OnceValue(func() []wording {
	var list []wording
	for _, r := range table.Read("wordings.csv", wordingTable) {
		list = append(list, wording{r[0], r[1], r[2], r[3], r[4], r[5], r[6]})
	}
	return list
})

// Worded puts what is wrong with a request's parameters and body into the words of its operation. Errors about something else it returns as they are.
func Worded(op *catalog.Operation, e *answer.Error) *answer.Error {
	if e == nil || len(e.Problems) == 0 {
		return e
	}
	first := situation(&e.Problems[0])
	for i := range wordings() {
		if w := &wordings()[i]; w.covers(first) && operations.Matches(w.operations, op.ID) {
			return w.error(op, e.Problems).Because(e.Reason)
		}
	}
	return e
}

func situation(p *answer.Problem) string {
	switch {
	case p.Missing && p.Member:
		return "missing member"
	case p.Missing:
		return "missing"
	}
	return "invalid"
}

func (w *wording) covers(situation string) bool {
	return w.situation == situation || w.situation == "any"
}

// error is the wording filled in.
func (w *wording) error(op *catalog.Operation, problems []answer.Problem) *answer.Error {
	var names []string
	for i := range problems {
		if p := &problems[i]; w.covers(situation(p)) && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	first := names[0]
	slices.Sort(names)
	fill := strings.NewReplacer("{name}", first, "{Name}", strings.ToUpper(first[:1])+first[1:], "{Operation}", strings.ToUpper(op.Name[:1])+op.Name[1:],
		"{names}", strings.Join(names, ", "), "{names;}", strings.Join(names, ";")+";")
	e := answer.Invalid(fill.Replace(w.message), "")
	e.Code, e.MessageFirst = w.code, w.first == "message"
	if *e.Details = fill.Replace(w.details); w.details == "-" {
		e.Details = nil
	}
	if w.errorType != "" {
		e = e.ByGateway(w.errorType)
	}
	return e
}

// noneOf refuses a request that has none of the parameters of which the service wants one, though the model requires none.
func noneOf(op *catalog.Operation, query url.Values) *answer.Error {
	for i := range wordings() {
		w := &wordings()[i]
		list, ok := strings.CutPrefix(w.situation, "none of ")
		if !ok || !operations.Matches(w.operations, op.ID) || slices.ContainsFunc(strings.Split(list, ";"), query.Has) {
			continue
		}
		return answer.Invalid(w.message, "one of "+strings.ReplaceAll(list, ";", ", ")+" is required")
	}
	return nil
}
