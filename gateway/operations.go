package gateway

import (
	_ "embed"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/openspapi/spapi"
)

// judged says of each operation what it does. Columns:
//
//   - operation: its ID; or the beginning of paths that no model has.
//   - access: read, write, or never: no key opens it. GETs read, and so do POSTs and PUTs that change nothing.
//   - why: where one would think otherwise.
//
//go:embed operations.csv
var judged string

// judgement is a row of operations.csv.
type judgement struct{ access, why string }

const (
	accessRead  = "read"
	accessWrite = "write"
	accessNever = "never"
)

// judgements are the rows of operations.csv, of operations by ID and of paths by their beginning in lower case.
var judgements = sync.OnceValue(func() map[string]judgement {
	rows := table(judged)
	all := make(map[string]judgement, len(rows))
	for _, row := range rows {
		all[row[0]] = judgement{access: row[1], why: row[2]}
	}
	return all
})

// never says why no key opens a request; "" if keys may.
func never(op *spapi.Operation, escapedPath string) string {
	name := op.ID
	if name == "" {
		path, err := url.PathUnescape(escapedPath)
		if err != nil {
			path = escapedPath
		}
		first, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
		name = "/" + strings.ToLower(first) + "/"
	}
	if j := judgements()[name]; j.access == accessNever {
		return j.why
	}
	return ""
}

// writes reports whether a request may change something. What is not known to read does, save GET and HEAD of paths that no model has.
func writes(op *spapi.Operation, method string) bool {
	if op.ID == "" {
		return method != http.MethodGet && method != http.MethodHead
	}
	if method != op.Method && method != http.MethodHead {
		return true // whoever found the operation for another method does not know what that does
	}
	return judgements()[op.ID].access != accessRead
}
