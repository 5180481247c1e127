package reports

import (
	_ "embed"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi"
)

// Type is what is known of a report type. Not everything is published; new types appear without notice, and all functions of this package take
// types that are unknown here.
type Type struct {
	Name          string       `json:"type"`
	Category      string       `json:"category,omitzero"`
	For           string       `json:"for"`              // seller, vendor or both
	Format        string       `json:"format,omitzero"`  // TSV, CSV, JSON, XML, XLSX or PDF; "" is unknown
	Quoted        bool         `json:"quoted,omitzero"`  // the fields of its rows may be in quotes
	Restricted    bool         `json:"restricted"`       // holds personal data: the document needs a restricted data token, which is fetched by itself
	Request       bool         `json:"request"`          // can be asked for
	Schedule      bool         `json:"schedule"`         // can be made on a schedule
	Automatic     bool         `json:"automatic"`        // is made by Amazon only, and found with List
	Options       []TypeOption `json:"options,omitzero"` // the published options
	RetentionDays int          `json:"days"`             // how long it is kept
	Removed       time.Time    `json:"removed,omitzero"` // from when on it ends FATAL; zero: it doesn't
	Instead       string       `json:"instead,omitzero"` // what to use in place of a removed one

	Cooldown time.Duration `json:"-"` // after one was generated, Amazon makes no newer one for so long; 0: no such rule
	Quota    time.Duration `json:"-"` // the shortest time between two requests, where that is not in the usage plan

	MaxDays      int            `json:"maxDays,omitzero"`  // the longest window of one report; 0: none is known
	Calendar     string         `json:"calendar,omitzero"` // the option that says which calendar periods a window must keep to
	Periods      map[string]int `json:"periods,omitzero"`  // by value of that option: how many periods one report may span
	LookbackDays int            `json:"lookback,omitzero"` // how many days back a window may start; 0: nothing is known

	Arrays     []string `json:"arrays,omitzero"`     // of JSON: the members of the document that are arrays; nil: not published
	NeedsStart bool     `json:"needsStart,omitzero"` // without Request.Start its window is empty; see also Calendar

	LocalDecimal bool     `json:"localDecimal,omitzero"` // amounts have the decimal separator of the marketplace
	Explained    bool     `json:"explained,omitzero"`    // lines that explain the report may stand before its header
	Amounts      []string `json:"amounts,omitzero"`      // columns with amounts, in all languages that are known
	Sources      []string `json:"sources,omitzero"`      // explained at the top of types.csv

	known bool
}

// TypeOption is an option of a report type, with its published values if there are any.
type TypeOption struct {
	Name   string   `json:"name"`
	Values []string `json:"values,omitzero"`
}

// unpublished is true of types that may be asked for as far as is known: nothing says how they come about.
func (t Type) unpublished() bool { return !t.Request && !t.Schedule && !t.Automatic }

//go:embed types.csv
var typesCSV string

//go:embed columns.csv
var columnsCSV string

func records(name, text string) [][]string {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	records, err := r.ReadAll()
	if err != nil {
		panic("reports: " + name + ": " + err.Error())
	}
	return records
}

var types = sync.OnceValue(func() []Type {
	columns := map[string][]string{}
	for _, record := range records("columns.csv", columnsCSV)[1:] {
		columns[record[0]] = record
	}
	records := records("types.csv", typesCSV)
	column := map[string]int{}
	for i, name := range records[0] {
		column[name] = i
	}
	number := func(s string) int {
		if s == "" {
			return 0
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			panic("reports: types.csv: " + err.Error())
		}
		return n
	}
	cooldowns, quotas := map[string]time.Duration{}, map[string]time.Duration{}
	create, _ := spapi.LookupOperation("reports20210630.createReport")
	for _, l := range create.TypeLimits() {
		if l.FromMade {
			cooldowns[l.Type] = l.Window
		} else {
			quotas[l.Type] = l.Window / time.Duration(l.Calls)
		}
	}
	var list []Type
	for _, record := range records[1:] {
		get := func(name string) string { return record[column[name]] }
		t := Type{
			Name: get("type"), Category: get("category"), For: get("for"), Format: get("format"), Quoted: get("quoted") == "yes",
			Restricted: get("restricted") == "yes", Request: strings.Contains(get("how"), "request"), Schedule: strings.Contains(get("how"), "schedule"),
			Automatic: get("how") == "auto", RetentionDays: number(get("days")), Instead: get("instead"), Calendar: get("calendar"),
			LookbackDays: number(get("lookback")), LocalDecimal: get("decimal") == "local",
			NeedsStart: get("start") == "required", Cooldown: cooldowns[get("type")], Quota: quotas[get("type")],
			Sources: strings.Split(get("sources"), ";"), known: true,
		}
		if s := get("arrays"); s != "" {
			t.Arrays = strings.Split(s, "|")
		}
		if known := columns[t.Name]; known != nil {
			t.Explained, t.Amounts = known[1] == "yes", strings.Split(known[2], ";")
		}
		if s := get("removed"); s != "" {
			var err error
			if t.Removed, err = time.Parse(time.DateOnly, s); err != nil {
				panic("reports: types.csv: " + err.Error())
			}
		}
		for option := range strings.SplitSeq(get("options"), ";") {
			if name, values, _ := strings.Cut(option, "="); name != "" {
				c := TypeOption{Name: name}
				if values != "" {
					c.Values = strings.Split(values, "|")
				}
				t.Options = append(t.Options, c)
			}
		}
		if window := get("window"); t.Calendar == "" {
			t.MaxDays = number(window)
		} else if window != "" {
			t.Periods = map[string]int{}
			for part := range strings.SplitSeq(window, "|") {
				period, n, _ := strings.Cut(part, "=")
				t.Periods[period] = number(n)
			}
		}
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Type) int { return strings.Compare(a.Name, b.Name) })
	return list
})

// Types returns all report types that Amazon has published, those that are gone included, by name.
func Types() []Type { return slices.Clone(types()) }

// LookupType finds a type by its name. Of one that is unknown the result has no more than the name.
func LookupType(name string) (Type, bool) {
	list := types()
	i, found := slices.BinarySearchFunc(list, name, func(t Type, name string) int { return strings.Compare(t.Name, name) })
	if !found {
		return Type{Name: name}, false
	}
	return list[i], true
}

// SearchTypes finds the types whose name, category, format or option contains all the words, in any case.
func SearchTypes(words ...string) []Type {
	var found []Type
	for _, t := range types() {
		text := t.Name + " " + t.Category + " " + t.Format + " " + t.For
		for _, o := range t.Options {
			text += " " + o.Name
		}
		if t.Restricted {
			text += " restricted"
		}
		text = strings.ToLower(text)
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, strings.ToLower(w)) }) {
			found = append(found, t)
		}
	}
	return found
}
