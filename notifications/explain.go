package notifications

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/openspapi/spapi"
)

// Explanation is what an error of the Notifications API means.
type Explanation struct {
	Name      string `json:"name"` // a stable word, "directive-missing"; "" where nothing more is known than what the error itself explains
	Means     string `json:"means"`
	Do        string `json:"do,omitzero"`
	Status    int    `json:"status,omitzero"` // of Amazon's answer; 0 without one
	Code      string `json:"code,omitzero"`
	Message   string `json:"message,omitzero"`
	Details   string `json:"details,omitzero"`
	RequestID string `json:"requestId,omitzero"`
}

// String is the explanation as people read it.
func (e Explanation) String() string { return strings.TrimSpace(e.Means + " " + e.Do) }

// explained is a row of errors.csv.
type explained struct {
	Explanation

	operations []string
	text       *regexp.Regexp
}

//go:embed errors.csv
var errorsCSV string

var explanations = sync.OnceValue(func() []explained {
	r := csv.NewReader(strings.NewReader(errorsCSV))
	r.Comment = '#'
	records, err := r.ReadAll()
	if err != nil {
		panic("notifications: errors.csv: " + err.Error())
	}
	var list []explained
	for _, f := range records[1:] {
		e := explained{Explanation: Explanation{Name: f[0], Code: f[3], Means: f[5], Do: f[6]}, operations: strings.Fields(f[1])}
		if f[2] != "" {
			if e.Status, err = strconv.Atoi(f[2]); err != nil {
				panic("notifications: errors.csv: " + err.Error())
			}
		}
		if f[4] != "" {
			e.text = regexp.MustCompile("(?i)" + f[4])
		}
		list = append(list, e)
	}
	return list
})

// Explanations are all errors that are known, with their status and code, and behind them the reasons why nothing arrives although nothing has failed: those
// have no status. "{type}" and "{roles}" stand for a type and the roles of which it needs one.
func Explanations() []Explanation {
	var list []Explanation
	for _, e := range explanations() {
		list = append(list, e.Explanation)
	}
	return list
}

// explanation is a row of the table.
func explanation(name string) Explanation {
	all := explanations()
	return all[slices.IndexFunc(all, func(e explained) bool { return e.Name == name })].Explanation
}

// Explain says what an error of a call of the Notifications API means and what to do; notificationType is what it was about, "" for none. Where only the error
// itself knows more, such as one of Login with Amazon, that is what it says. It has no secrets.
func Explain(err error, notificationType string) Explanation {
	api, ok := errors.AsType[*spapi.APIError](err)
	if !ok {
		told := Explanation{Means: err.Error()}
		if e, ok := errors.AsType[interface {
			error
			Explain() string
		}](err); ok {
			told.Means = e.Explain()
		}
		return told
	}
	told := Explanation{Means: api.Explain()}
	_, operation, _ := strings.Cut(api.Operation, ".")
	for _, e := range explanations() {
		if e.Status == api.StatusCode && (e.Code == "" || e.Code == api.Code) && (len(e.operations) == 0 || slices.Contains(e.operations, operation)) &&
			(e.text == nil || e.text.MatchString(api.Message+" / "+api.Details)) {
			told = e.Explanation
			break
		}
	}
	names := strings.NewReplacer("{type}", "the type", "{roles}", "see the list of types")
	if t, _ := find(notificationType, ""); t != nil {
		roles := "none that is known"
		if len(t.Roles) > 0 {
			roles = orNone(t.Roles)
		}
		names = strings.NewReplacer("{type}", t.Name, "{roles}", roles)
	}
	told.Means, told.Do = names.Replace(told.Means), names.Replace(told.Do)
	told.Status, told.Code, told.Message, told.Details, told.RequestID = api.StatusCode, api.Code, api.Message, api.Details, api.RequestID
	return told
}
