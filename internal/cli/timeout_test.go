package cli_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// TestTimeout: --timeout ends every command when it says, whatever it waits for, with a status of its own and a line that says for what.
func TestTimeout(t *testing.T) {
	for _, c := range []struct {
		name, fault string
		stdin       bool // never ends
		args        []string
		says        string
		took        time.Duration
	}{
		{"a silent server", "silent,operation=orders*", false, []string{"orders", "list"}, "the answer of orders", 90 * time.Second},
		{"a pause", "unavailable,operation=orders*", false, []string{"orders", "list", "--timeout", "300ms"}, "", 0},
		{"a report", "silent,operation=reports*.getReport", false, []string{"report", "run", "GET_MERCHANT_LISTINGS_ALL_DATA"},
			"the answer of reports20210630.getReport ", 90 * time.Second},
		{"Login with Amazon", "silent,operation=lwa.token", false, []string{"orders", "list"}, "a token from api.amazon.com", 90 * time.Second},
		{"stdin", "", true, []string{"call", "feeds20210630.createFeedDocument", "--input", "-"}, "", 95 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				emu, err := emulator.New(emulator.WithSeed(1), emulator.WithOrders(10))
				if err != nil {
					t.Fatal(err)
				}
				if c.fault != "" {
					fault, err := emulator.ParseFault(c.fault)
					if err == nil {
						_, err = emu.AddFault(fault)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				streams, _, messages := terminal.Buffers()
				if c.stdin {
					r, w := io.Pipe()
					streams.In = r
					defer w.CloseWithError(errors.New("the test has ended"))
				}
				f := factory.With(streams, "test", nil)
				f.UseEmulator(emu)
				defer time.Sleep(10 * time.Minute) // a request for a token goes on for those who need it, too
				began := time.Now()
				status := cli.Run(t.Context(), f, append([]string{"--emulator", "--timeout", "90s"}, c.args...))
				took := time.Since(began)
				text := messages.String()
				if c.took == 0 { // a pause that would outlast it ends the command with the answer in hand
					if took > 300*time.Millisecond || status != exit.API && status != exit.TimedOut {
						t.Errorf("status %d after %s: %s", status, took, text)
					}
					return
				}
				if status != exit.TimedOut || took != c.took || !strings.Contains(text, "timed out after 1m30s (--timeout)") || !strings.Contains(text, c.says) {
					t.Errorf("status %d after %s: %s", status, took, text)
				}
			})
		})
	}
}
