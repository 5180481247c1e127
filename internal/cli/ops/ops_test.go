package ops

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

func TestWords(t *testing.T) {
	for _, args := range [][]string{{}, {"orders", "search"}} {
		streams, _, _ := terminal.Buffers()
		ran := false
		cmd := NewCmdOps(factory.With(streams, "", nil), func(_ context.Context, o *Options) error {
			ran = true
			if !slices.Equal(o.Words, args) {
				t.Errorf("%q gives words %q", args, o.Words)
			}
			return nil
		})
		cmd.SetArgs(args)
		if err := cmd.Execute(); err != nil || !ran {
			t.Errorf("%q: ran %t, error %v", args, ran, err)
		}
	}
}

// options are those of a command with the global flags' defaults.
func options(streams *terminal.Streams, words ...string) *Options {
	f := factory.With(streams, "", nil)
	return &Options{Streams: streams, Printer: f.Printer, Notef: f.Notef, Words: words}
}

// TestJSON: every operation of the catalogue is there once, with every field, and with the catalogue's values.
func TestJSON(t *testing.T) {
	streams, out, _ := terminal.Buffers()
	if err := run(t.Context(), options(streams)); err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	all := catalog.Operations()
	if len(rows) != len(all) || len(rows) == 0 {
		t.Fatalf("%d rows, want %d", len(rows), len(all))
	}
	if lines := strings.Count(out.String(), "\n"); lines != len(rows)+2 {
		t.Errorf("%d lines for %d rows, want one a row between the brackets", lines, len(rows))
	}
	fields := []string{"api", "burst", "deprecated", "grantless", "id", "method", "operation", "paging", "path", "rate", "removal",
		"replaced_by", "restricted", "version"}
	var paged, restricted, grantless, deprecated int
	for i, r := range rows {
		op := &all[i]
		var names []string
		for name := range r {
			names = append(names, name)
		}
		slices.Sort(names)
		if !slices.Equal(names, fields) {
			t.Fatalf("row %d has fields %q, want %q", i, names, fields)
		}
		if r["id"] != op.ID || r["api"] != op.API || r["version"] != op.Version || r["operation"] != op.Name || r["method"] != op.Method ||
			r["path"] != op.Path || r["rate"] != op.Rate || r["burst"] != float64(op.Burst) || r["deprecated"] != op.Deprecated {
			t.Errorf("row %v differs from %+v", r, op)
		}
		if op.Rate <= 0 || op.Burst < 1 {
			t.Errorf("%s has rate %g and burst %d", op.ID, op.Rate, op.Burst)
		}
		count(&paged, r["paging"])
		count(&restricted, r["restricted"])
		count(&grantless, r["grantless"])
		if op.Deprecated {
			deprecated++
		}
	}
	if paged == 0 || restricted == 0 || grantless == 0 || deprecated == 0 {
		t.Errorf("%d operations page, %d are restricted, %d grantless, %d deprecated: want some of each", paged, restricted, grantless, deprecated)
	}
}

func count(n *int, field any) {
	if field != nil {
		*n++
	}
}

// TestTerminal: a terminal gets the table, cut to its width.
func TestTerminal(t *testing.T) {
	streams, out, messages := terminal.Buffers()
	streams.OutIsTerminal, streams.Width = true, 60
	if err := run(t.Context(), options(streams, "getOrderAddress")); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "OPERATION") || !strings.HasPrefix(lines[1], "ordersv0.getOrderAddress") {
		t.Errorf("printed %q, want a heading and one operation", lines)
	}
	for _, l := range lines {
		if n := len([]rune(l)); n > 60 {
			t.Errorf("a line of %d characters on a terminal of 60: %s", n, l)
		}
	}
	if got := messages.String(); got != "1 operation\n" {
		t.Errorf("said %q, want 1 operation", got)
	}
}
