package gateway

import (
	"reflect"
	"strings"

	"github.com/spf13/cobra"
)

// NewCmdHelp returns the help topic "gateway-config": what [config] has, by its tags.
func NewCmdHelp() *cobra.Command {
	var b strings.Builder
	b.Grow(6 << 10) // it is made at every start
	b.WriteString("\"spapi gateway\" reads one file in YAML: that of --config or " + "SPAPI_GATEWAY_CONFIG" + ", else spapi/gateway.yaml in the user's folder for settings, if it is\n" +
		"there. Nothing in it is needed. Paths are relative to the file; time spans are such as 30s, 5m, 90d or 12 months. What isn't known in it is an error.\n" +
		"Secrets stand in files of their own, or in the environment. \"spapi gateway check\" tells what is wrong.\n\n")
	describe(&b, reflect.TypeFor[config](), "")
	b.WriteString("\nBeyond this machine it listens only with a certificate, or for the reason in insecure_because. Changes count from SIGHUP on; those of listen, tls, proxy,\n" +
		"folder, secret_file, state, fleet, audit, metrics and log.format from the next start on.")
	return &cobra.Command{Use: "gateway-config", Short: "What can be configured of a gateway", Long: b.String()}
}

// describe writes a line for each field, and for those below it.
func describe(b *strings.Builder, t reflect.Type, indent string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if help := f.Tag.Get("help"); help != "" {
			head(b, indent, name)
			for n := len(indent) + len(name) + 1; n < 27; n++ {
				b.WriteByte(' ')
			}
			b.WriteString(help)
			if d := f.Tag.Get("default"); d != "" {
				b.WriteString(" (default: ")
				b.WriteString(d)
				b.WriteByte(')')
			}
			b.WriteByte('\n')
			continue
		}
		head(b, indent, name)
		b.WriteByte('\n')
		describe(b, inner, indent+"  ")
	}
}

func head(b *strings.Builder, indent, name string) {
	b.WriteString("  ")
	b.WriteString(indent)
	b.WriteString(name)
	b.WriteByte(':')
}
