package cli_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/internal/cli/when"
)

// timely are the names of flags that take a time, whatever stands before.
var timely = regexp.MustCompile(`(^|-)(since|until|start|end|begin|before|after|from|to|date|time|at|on|next|expires|older-than|newer-than)$`)

// places are flags whose name is that of a time and that take something else: where messages go, and how long from now.
var places = map[string]bool{"spapi notifications listen --forward-to": true, "spapi notifications trigger --to": true,
	"spapi gateway key create --expires": true, "spapi gateway key rotate --expires": true}

// TestTimesHaveOneGrammar walks all commands: what takes a time takes all forms of it, and says where they stand. The flags of "spapi call" are Amazon's
// parameters and stay in Amazon's form; they are not among these, for they are made when an operation is named.
func TestTimesHaveOneGrammar(t *testing.T) {
	streams, _, _ := terminal.Buffers()
	found := 0
	walk(cli.NewCmdRoot(factory.With(streams, "test", nil)), func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			_, is := f.Value.(*when.Time)
			placeholder, usage := pflag.UnquoteUsage(f)
			switch {
			case is:
				found++
				if placeholder != "time" || !strings.Contains(usage, "spapi help times") {
					t.Errorf("%s --%s: help says %q of %s", cmd.CommandPath(), f.Name, usage, placeholder)
				}
			case timely.MatchString(f.Name) && !places[cmd.CommandPath()+" --"+f.Name] || placeholder == "time" || placeholder == "date":
				t.Errorf("%s --%s takes a time and is a %T: want when.Flag", cmd.CommandPath(), f.Name, f.Value)
			}
		})
	})
	if found < 12 {
		t.Errorf("%d flags take a time: the walk does not find them", found)
	}
}
