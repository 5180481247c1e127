package report

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/marketplace"
	"github.com/openspapi/spapi/reports"
)

// The window of a report is made of the days of its marketplace, and is the same all day where it is told in days.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is 2000-01-01T00:00:00Z, the last of December in Los Angeles
		for _, c := range []struct {
			args       string
			start, end string
			reuse      time.Duration
		}{
			{"--marketplaces DE --start 1999-12-01 --end 1999-12-30", "1999-11-30T23:00:00Z", "1999-12-30T23:00:00Z", 0},
			{"--marketplaces US,DE --start 1999-12-01 --end 1999-12-30", "1999-12-01T08:00:00Z", "1999-12-31T08:00:00Z", 0},
			{"--marketplaces A1ZZZZZZZZZZZZ --start 1999-12-01", "1999-12-01T00:00:00Z", "", 0},
			{"--start yesterday --end yesterday", "1999-12-30T08:00:00Z", "1999-12-31T08:00:00Z", 0},
			{"--start today --end today", "1999-12-31T08:00:00Z", "", 0},
			{"--start 2w --end 1d", "1999-12-17T08:00:00Z", "1999-12-30T08:00:00Z", 0},
			{"--start 36h", "1999-12-30T12:00:00Z", "", 0},
			{"--reuse 2h", "", "", 2 * time.Hour},
			{"--reuse today", "", "", 16 * time.Hour},
		} {
			streams, _, messages := terminal.Buffers()
			f := factory.With(streams, "test", nil)
			f.Flags.Marketplace = marketplace.US
			var got reports.Request
			cmd := NewCmdRun(f, func(ctx context.Context, o *RunOptions) (err error) {
				got, err = o.request(ctx, time.Now())
				return err
			})
			cmd.SetArgs(append([]string{"GET_MERCHANT_LISTINGS_ALL_DATA"}, strings.Fields(c.args)...))
			err := cmd.ExecuteContext(t.Context())
			show := func(at time.Time) string {
				if at.IsZero() {
					return ""
				}
				return at.UTC().Format(time.RFC3339)
			}
			if err != nil || show(got.Start) != c.start || show(got.End) != c.end || got.Reuse != c.reuse {
				t.Errorf("%s: from %q to %q, reuse %s, %v; want %q to %q, %s (%s)", c.args, show(got.Start), show(got.End), got.Reuse, err,
					c.start, c.end, c.reuse, messages)
			}
		}
	})
}

// What a window was taken for is told wherever that is more than what was written.
func TestWindowIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is 2000-01-01T00:00:00Z
		for _, c := range []struct {
			args  string
			quiet bool
			want  string
		}{
			{"--start 2w --end 1w", false, "--start 2w: 1999-12-17T00:00:00-08:00 (America/Los_Angeles)\n" +
				"--end 1w: before 1999-12-24T00:00:00-08:00 (America/Los_Angeles)\n"},
			{"--start 2w --end 1w", true, ""},
			{"--start 36h --end 1h", false, ""},
			{"--start 3d --end 1999-12-31T00:00:00Z", false, "--start 3d: 1999-12-28T00:00:00-08:00 (America/Los_Angeles)\n"},
			{"--start 2d --end yesterday", false, "--start 2d: 1999-12-29T00:00:00-08:00 (America/Los_Angeles)\n" +
				"--end yesterday: before 1999-12-31T00:00:00-08:00 (America/Los_Angeles)\n"},
		} {
			streams, _, messages := terminal.Buffers()
			f := factory.With(streams, "test", nil)
			f.Flags.Marketplace, f.Flags.Quiet = marketplace.US, c.quiet
			cmd := NewCmdRun(f, func(ctx context.Context, o *RunOptions) error {
				_, err := o.request(ctx, time.Now())
				return err
			})
			cmd.SetArgs(append([]string{"GET_MERCHANT_LISTINGS_ALL_DATA"}, strings.Fields(c.args)...))
			if err := cmd.ExecuteContext(t.Context()); err != nil || messages.String() != c.want {
				t.Errorf("%s: %v, told %q, want %q", c.args, err, messages, c.want)
			}
		}
	})
}

// A type that is to go still tells how it comes; one that has gone doesn't.
func TestNeedsOfRemovedTypes(t *testing.T) {
	typ := reports.Type{Automatic: true, Removed: time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC), Instead: "OTHER"}
	for at, want := range map[time.Time]string{
		typ.Removed.Add(-time.Second): "to be removed on 2026-11-11: use OTHER; made by Amazon only: list it",
		typ.Removed:                   "removed on 2026-11-11: use OTHER",
	} {
		if got := needs(typ, at); got != want {
			t.Errorf("at %s: %q, want %q", at, got, want)
		}
	}
}
