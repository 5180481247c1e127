package preview

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/curl"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
)

// Flags are --dry-run, --curl and --show-secrets.
type Flags struct {
	DryRun      bool
	Curl        bool
	ShowSecrets bool
}

// Add adds the flags to a command.
func (p *Flags) Add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.DryRun, "dry-run", false, "print the request in place of sending it; nothing is sent, not even for a token")
	cmd.Flags().BoolVar(&p.Curl, "curl", false, "print the request as a curl command in place of sending it")
	cmd.Flags().BoolVar(&p.ShowSecrets, "show-secrets", false, "with --dry-run or --curl: fetch a real token and show it")
}

// Given reports whether the request is to be printed only.
func (p *Flags) Given() bool { return p.DryRun || p.Curl }

// Check checks the flags against each other.
func (p *Flags) Check() error {
	switch {
	case p.DryRun && p.Curl:
		return exit.Usagef("--dry-run and --curl exclude each other")
	case p.ShowSecrets && !p.Given():
		return exit.Usagef("--show-secrets goes with --dry-run or --curl")
	}
	return nil
}

// Client makes the client whose request r keeps. Without secrets it does with no credentials at all.
func (p *Flags) Client(ctx context.Context, f *factory.Factory, r *Recorder, more ...spapi.Option) (*spapi.Client, error) {
	if p.ShowSecrets {
		tokens, err := f.Transport()
		if err != nil {
			return nil, err
		}
		if tokens == nil {
			tokens = http.DefaultTransport
		}
		r.Tokens = tokens
	}
	more = append(more, spapi.WithTransport(r), spapi.WithObserver(nil)) // nothing is attempted
	if !p.ShowSecrets && f.Source() == factory.FromNowhere {
		return f.Anonymous(more...)
	}
	return f.Client(ctx, more...)
}

// Show prints the request that r kept.
func (p *Flags) Show(ctx context.Context, f *factory.Factory, r *Recorder) error {
	o := curl.Options{Whole: true, Secrets: p.ShowSecrets}
	printer := f.Printer()
	if p.Curl {
		if err := printer.Flags.Refuse("a curl command"); err != nil {
			return err
		}
		_, err := fmt.Fprintln(f.Streams.Out, curl.Command(r.Request, r.Body, o))
		return err
	}
	if !printer.Flags.Given() {
		_, err := fmt.Fprint(f.Streams.Out, curl.Wire(r.Request, r.Body, o))
		return err
	}
	shown := Request{Method: r.Request.Method, URL: r.Request.URL.String(), Headers: map[string]string{}}
	for name, values := range r.Request.Header {
		shown.Headers[strings.ToLower(name)] = curl.Value(name, strings.Join(values, ", "), p.ShowSecrets)
	}
	switch {
	case json.Valid(r.Body):
		shown.Body = json.RawMessage(r.Body)
	case r.Body != nil:
		shown.Body = string(r.Body)
	}
	return printer.Print(ctx, shown, output.Column{Name: "method", Path: "method"}, output.Column{Name: "url", Path: "url"})
}

// Request is a request as -o json shows it.
type Request struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    any               `json:"body,omitempty"` // as JSON where it is JSON
}
