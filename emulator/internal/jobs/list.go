package jobs

import (
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// Filter is what getReports, getFeeds and getQueries ask for. It travels in the next token.
type Filter struct {
	Types        []string
	statuses     []string
	marketplaces []string
	since, until time.Time
	Size         int
}

// ParseFilter reads the arguments of a list operation; typeName is the parameter with the types, "" when there is none.
func ParseFilter(p *desk.Page, typeName string) (f Filter, err *answer.Error) {
	f = Filter{statuses: p.Args["processingStatuses"], marketplaces: p.Args["marketplaceIds"], Size: 10, until: p.AsOf, since: p.AsOf.Add(-retention)}
	if typeName != "" {
		f.Types = p.Args[typeName]
	}
	if text := p.Arg("pageSize"); text != "" {
		f.Size = format.Atoi(text)
	}
	for name, to := range map[string]*time.Time{"createdSince": &f.since, "createdUntil": &f.until} {
		if text := p.Arg(name); text != "" {
			t, ok := format.ParseTime(text)
			if !ok {
				return f, answer.InvalidParameter(name, "timestamp must follow ISO8601")
			}
			*to = t
		}
	}
	if f.until.Before(f.since) {
		return f, answer.InvalidParameter("createdUntil", "lies before createdSince")
	}
	return f, nil
}

func (f *Filter) Accepts(j *Job, kind string, marketplaces []string, t time.Time) bool {
	return world.Among(f.Types, kind) && world.Among(f.statuses, j.Status(t)) && !world.Outside(j.Created, f.since, f.until) && t.Sub(j.Created) < retention &&
		(len(f.marketplaces) == 0 || slices.ContainsFunc(marketplaces, func(id string) bool { return slices.Contains(f.marketplaces, id) }))
}

// TokenAlone refuses a next token beside other parameters: getReports and getFeeds take it only by itself
// (selling-partner-api-models: "Specifying nextToken with any other parameters will cause the request to fail").
func TokenAlone(c *desk.Call, what string) (*desk.Page, *answer.Error) {
	if c.Query.Get("nextToken") != "" && len(c.Query) > 1 {
		for name := range format.SortedKeys(c.Query) {
			if name != "nextToken" {
				return nil, answer.InvalidParameter("nextToken", "must be the only parameter, and stands beside "+name)
			}
		}
	}
	pg, problem := c.Page("nextToken")
	if problem != nil {
		return nil, answer.InvalidParameter("nextToken", problem.Error())
	}
	if len(pg.Args[what]) == 0 {
		return nil, answer.MissingParameter(what, "one of "+what+", nextToken is required")
	}
	return pg, nil
}
