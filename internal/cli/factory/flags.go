package factory

import (
	"cmp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

// Flags are the global flags: every command takes them.
type Flags struct {
	Account     string // "": see [Factory.Client]
	Profile     string
	Region      marketplace.Region      // "": the account's
	Marketplace marketplace.Marketplace // zero: the account's
	Sandbox     bool
	Emulator    bool
	Endpoint    string
	TokenURL    string
	Output      output.Flags
	Verbose     bool
	Quiet       bool
	NoColor     bool
	Yes         bool
	Timeout     time.Duration // of the whole command; 0: none
}

// AddFlags adds the global flags to the root command.
func (f *Factory) AddFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&f.Flags.Account, "account", "", "stored account to use, by its `name` (default: SPAPI_ACCOUNT, else see \"spapi help accounts\")")
	flags.StringVar(&f.Flags.Profile, "profile", "", "profile to use, by its `name` in the profile file")
	flags.Var(&regionFlag{&f.Flags.Region}, "region", "`region` to call in place of the account's: na, eu or fe")
	flags.Var(&marketplaceFlag{&f.Flags.Marketplace}, "marketplace", "`marketplace` in place of the account's: id, country code, name or storefront")
	flags.BoolVar(&f.Flags.Sandbox, "sandbox", false, "call the region's sandbox")
	flags.BoolVar(&f.Flags.Emulator, "emulator", false, "call an emulator inside this process: no account, no network, nothing real")
	flags.StringVar(&f.Flags.Endpoint, "endpoint", "", "base `URL` of the API in place of the region's, such as that of \"spapi emulator\"")
	flags.StringVar(&f.Flags.TokenURL, "token-url", "", "`URL` of the token endpoint in place of Login with Amazon's")
	f.Flags.Output.Add(root)
	flags.BoolVarP(&f.Flags.Verbose, "verbose", "v", false, "tell on stderr about attempts, waits, what is left of the rate limit, and request ids")
	flags.BoolVarP(&f.Flags.Quiet, "quiet", "q", false, "tell nothing on stderr but errors")
	flags.BoolVar(&f.Flags.NoColor, "no-color", false, "no colours on a terminal (also: NO_COLOR)")
	flags.BoolVarP(&f.Flags.Yes, "yes", "y", false, "answer questions with yes")

	flags.DurationVar(&f.Flags.Timeout, "timeout", 0, "`duration` after which the command ends, whatever it waits for, such as 90s or 2h (status 124)")

	complete := func(name string, choices func() []string) {
		_ = root.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return choices(), cobra.ShellCompDirectiveNoFileComp
		})
	}
	complete("region", func() []string {
		return []string{"na\tNorth America", "eu\tEurope, India, Middle East, Africa", "fe\tJapan, Australia, Singapore"}
	})
	complete("marketplace", func() []string {
		var codes []string
		for _, m := range marketplace.All() {
			codes = append(codes, m.CountryCode+"\t"+m.Name)
		}
		return codes
	})
	complete("account", f.AccountNames)
	for _, name := range []string{"profile", "endpoint", "token-url", "timeout"} {
		complete(name, func() []string { return nil })
	}
}

// Prepare checks the global flags against each other and lets them take effect. It runs before every command.
func (f *Factory) Prepare() error {
	g := &f.Flags
	if g.NoColor {
		f.Streams.Color = false
	}
	if err := g.Output.Check(); err != nil {
		return err
	}
	if g.Verbose && g.Quiet {
		return exit.Usagef("--verbose and --quiet exclude each other")
	}
	if g.Timeout < 0 {
		return exit.Usagef("--timeout %s: want a duration above 0, such as 90s or 2h", g.Timeout)
	}
	if g.Account != "" && g.Profile != "" {
		return exit.Usagef("--account and --profile exclude each other")
	}
	if g.Emulator {
		for _, other := range []struct {
			name  string
			given bool
		}{{"account", g.Account != ""}, {"profile", g.Profile != ""}, {"endpoint", g.Endpoint != ""}, {"token-url", g.TokenURL != ""}} {
			if other.given {
				return exit.Usagef("--emulator and --%s exclude each other", other.name)
			}
		}
	}
	if m := g.Marketplace; m.Known() && g.Region != "" && m.Region != g.Region {
		return exit.Usagef("--marketplace %s is in region %s, --region says %s", m.CountryCode, m.Region, g.Region)
	}
	if g.Account == "" && g.Profile == "" && !g.Emulator {
		g.Account = settings.Account.Getenv()
	}
	return nil
}

// Target is the flags that say who calls whom, for another command line that does the same.
func (g *Flags) Target() []string {
	var words []string
	for _, flag := range []struct{ name, value string }{
		{"account", g.Account}, {"profile", g.Profile}, {"region", string(g.Region)}, {"marketplace", cmp.Or(g.Marketplace.CountryCode, g.Marketplace.ID)},
		{"endpoint", g.Endpoint}, {"token-url", g.TokenURL},
	} {
		if flag.value != "" {
			words = append(words, "--"+flag.name, flag.value)
		}
	}
	if g.Sandbox {
		words = append(words, "--sandbox")
	}
	return words
}

// chosenRegion is what the flags say about the region, "" for nothing.
func (g *Flags) chosenRegion() marketplace.Region {
	return cmp.Or(g.Marketplace.Region, g.Region)
}

type regionFlag struct{ value *marketplace.Region }

func (f *regionFlag) String() string { return string(*f.value) }
func (f *regionFlag) Type() string   { return "region" }

func (f *regionFlag) Set(s string) error {
	r, err := marketplace.ParseRegion(s)
	if err != nil {
		return err
	}
	*f.value = r
	return nil
}

type marketplaceFlag struct{ value *marketplace.Marketplace }

func (f *marketplaceFlag) String() string { return cmp.Or(f.value.CountryCode, f.value.ID) }
func (f *marketplaceFlag) Type() string   { return "marketplace" }

func (f *marketplaceFlag) Set(s string) error {
	m, err := marketplace.Lookup(s)
	if err != nil {
		return err
	}
	*f.value = m
	return nil
}

// Repeatable adds a flag that takes one value each time that it is given; shorthand may be empty. pflag's own of this kind makes a writer of CSV, of 5 KB, for
// each such flag of all commands at every start.
func Repeatable(flags *pflag.FlagSet, p *[]string, name, shorthand, usage string) {
	flags.VarP((*texts)(p), name, shorthand, usage)
}

type texts []string

func (t *texts) Set(text string) error {
	*t = append(*t, text)
	return nil
}

func (t *texts) String() string { return strings.Join(*t, ", ") }

// Type is by which cobra knows that completion may offer the flag again.
func (t *texts) Type() string { return "stringArray" }
