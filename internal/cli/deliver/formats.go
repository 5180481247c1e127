package deliver

import (
	"slices"

	"github.com/openspapi/spapi/document/export"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/output"
)

// formatsOf are the formats that a document can be written in.
func formatsOf(src Source) []string {
	switch {
	case src.table():
		return []string{string(Raw), "csv", "tsv", string(jsonl), "parquet"}
	case src.Format == "JSON" || src.Format == "JSONL":
		return []string{string(Raw), string(jsonl)}
	}
	return []string{string(Raw)}
}

// Fit says why so many documents of a kind can't be written as wanted; nil if they can. What names them, such as a report type; arrays are those that
// they have as JSON, nil if that isn't known. Where there is one, its elements are the rows.
func (t *Target) Fit(what, format string, arrays []string, documents int) error {
	src := Source{Format: format}
	formats := formatsOf(src)
	json := format == "JSON"
	switch {
	case !slices.Contains(formats, string(t.Format)):
		asked := "-o " + string(t.Format)
		if named, err := export.FormatOf(t.Path); err == nil && output.Format(named) == t.Format {
			asked = "--out " + t.Path
		}
		return exit.Usagef("%s: %s is %s, want %s%s", asked, what, format, output.OneOf(formats), arraysOf(arrays))
	case t.Format == Raw && documents > 1 && !src.table() && format != "JSONL":
		return exit.Usagef("%s is %s, and %d documents of it don't make one: ask for a shorter window", what, format, documents)
	case !json:
		if t.Array != "" {
			return exit.Usagef("--array %q: %s has none: it isn't JSON", t.Array, what)
		}
	case t.Format == jsonl && t.Array == "" && len(arrays) == 1:
		t.Array = arrays[0]
	case t.Format == jsonl && len(arrays) > 0 && !slices.Contains(arrays, t.Array):
		if t.Array == "" {
			return exit.Usagef("-o %s: %s has several arrays: choose with --array %s", t.Format, what, output.OneOf(arrays))
		}
		return exit.Usagef("--array %q: %s has %s", t.Array, what, output.OneOf(arrays))
	}
	return nil
}

func arraysOf(arrays []string) string {
	if len(arrays) == 0 {
		return ""
	}
	return ", the latter with --array " + output.OneOf(arrays)
}
