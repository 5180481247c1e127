package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// Match finds the case that fits a request best: the one that asks for the most, successes before errors, then the first. path are the path's
// parameters; with onlyParticular, cases that fit what any client may ask for are left out.
func Match(cases []*Case, x *exchange.Exchange, path map[string]string, onlyParticular bool) *Case {
	if cases == nil {
		return nil
	}
	query, err := url.ParseQuery(x.URL.RawQuery)
	if err != nil {
		return nil
	}
	body, _ := format.DecodeJSON(x.Body)
	var best *Case
	bestScore := -1
	for _, sc := range cases {
		if onlyParticular && !sc.Particular {
			continue
		}
		score, ok := sc.matches(query, x.Header, path, body)
		if ok && (score > bestScore || score == bestScore && sc.Status/100 == 2 && best.Status/100 != 2) {
			best, bestScore = sc, score
		}
	}
	return best
}

// matches tells whether a request has everything that the case asks for, and how much that is. More than that may be in the request.
func (sc *Case) matches(query url.Values, header http.Header, path map[string]string, body any) (score int, ok bool) {
	for name, want := range sc.Params {
		if _, whatever := want.(AnyValue); whatever {
			continue
		}
		got := query[name]
		if v, isPath := path[name]; isPath {
			got = []string{v}
		} else if got == nil {
			got = header.Values(name)
		}
		if len(got) == 0 || !sameText(want, got) {
			return 0, false
		}
		score++
	}
	if sc.Body != nil {
		n, ok := Contains(body, sc.Body)
		if !ok {
			return 0, false
		}
		score += n
	}
	return score, true
}

// sameText compares a wanted value, a scalar or a list, with a parameter as it was sent.
func sameText(want any, got []string) bool {
	if list, ok := want.([]any); ok {
		var texts []string
		for _, v := range list {
			texts = append(texts, fmt.Sprint(v))
		}
		var parts []string
		for _, g := range got {
			parts = append(parts, strings.Split(g, ",")...)
		}
		return slices.Equal(parts, texts) || strings.Join(got, ",") == strings.Join(texts, ",")
	}
	text := fmt.Sprint(want)
	if strings.Join(got, ",") == text {
		return true
	}
	a, errA := strconv.ParseFloat(text, 64)
	b, errB := strconv.ParseFloat(got[0], 64)
	return errA == nil && errB == nil && a == b && len(got) == 1
}

// Contains tells whether a JSON value has everything that another one has, and in how many places they agree. The elements of arrays
// are compared one by one.
func Contains(got, want any) (score int, ok bool) {
	switch want := want.(type) {
	case map[string]any:
		object, isObject := got.(map[string]any)
		if !isObject {
			return 0, false
		}
		score = 1
		for name, v := range want {
			n, ok := Contains(object[name], v)
			if !ok {
				return 0, false
			}
			score += n
		}
		return score, true
	case []any:
		list, isList := got.([]any)
		if !isList || len(list) != len(want) {
			return 0, false
		}
		score = 1
		for i, v := range want {
			n, ok := Contains(list[i], v)
			if !ok {
				return 0, false
			}
			score += n
		}
		return score, true
	case json.Number:
		n, isNumber := got.(json.Number)
		if !isNumber {
			return 0, false
		}
		a, errA := want.Float64()
		b, errB := n.Float64()
		return 1, want == n || errA == nil && errB == nil && a == b
	default:
		return 1, got == want
	}
}

// asker finds out which cases of an operation are particular.
type asker struct {
	op     *catalog.Operation
	api    *catalog.API
	detail *catalog.Detail
}

// particular looks for a value that is the case's own.
func (a asker) particular(sc *Case) bool {
	for name, want := range sc.Params {
		if p := a.op.Paging; p != nil && (p.Size == "query:"+name || p.TokenIn == "query:"+name) {
			continue
		}
		var s *catalog.Schema
		if i := slices.IndexFunc(a.detail.Parameters, func(p catalog.Parameter) bool { return p.Name == name }); i >= 0 {
			s = a.detail.Parameters[i].Schema
		}
		if a.own(s, name, want) {
			return true
		}
	}
	return a.detail.Body != nil && a.own(a.detail.Body.Schema, a.detail.Body.Name, sc.Body)
}

// kindName matches the names of what chooses among kinds of things, not among things, be its values listed by the model or not: reportTypes,
// contentType, processingStatuses.
var kindName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:[tT]ype|[sS]tatuse?)s?$`) })

// own tells whether a value is the case's own: neither a marketplace, a word that the model lists, a kind of report or feed, a number, nor true or
// false, which stand in anybody's requests.
func (a asker) own(s *catalog.Schema, name string, want any) bool {
	if s = a.api.Resolve(s); s == nil {
		s = &catalog.Schema{}
	}
	switch want := want.(type) {
	case map[string]any:
		for member, v := range want {
			if a.own(s.Properties[member], member, v) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(want, func(v any) bool { return a.own(s.Items, name, v) })
	case string:
		if items := a.api.Resolve(s.Items); items != nil { // one value where the model has a list
			s = items
		}
		_, market := marketplace.ByID(want)
		return want != "" && !market && !slices.Contains(s.Enum, want) && !kindName().MatchString(name)
	}
	return false
}
