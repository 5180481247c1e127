// Package raw is what "spapi request" and "spapi sign" share: a request that is given by method and path.
package raw

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
)

// Flags are what a request is made of.
type Flags struct {
	Method, Target string // arguments

	Query   []string // name=value
	Headers []string // "name: value"
	Input   string   // file of the body, "-" for stdin
}

// Add adds the flags to a command.
func (r *Flags) Add(cmd *cobra.Command) {
	factory.Repeatable(cmd.Flags(), &r.Query, "query", "", "query parameter as `name=value`, escaped for you; may be given several times")
	factory.Repeatable(cmd.Flags(), &r.Headers, "header", "H", "header as `\"name: value\"`; may be given several times")
	cmd.Flags().StringVar(&r.Input, "input", "", "`file` with the body, sent as it is; - is stdin")
	_ = cmd.RegisterFlagCompletionFunc("query", cobra.NoFileCompletions)
	_ = cmd.RegisterFlagCompletionFunc("header", cobra.NoFileCompletions)
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return methods, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// Args takes method and path; a path alone is a GET.
func (r *Flags) Args(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 1:
		r.Method, r.Target = http.MethodGet, args[0]
	case 2:
		r.Method, r.Target = strings.ToUpper(args[0]), args[1]
	default:
		return exit.Usagef("takes a method and a path, such as GET /sellers/v1/marketplaceParticipations; got %s", output.Plural(len(args), "argument"))
	}
	for _, m := range methods {
		if m == r.Method {
			return nil
		}
	}
	return exit.Usagef("method %q: want GET, POST, PUT, PATCH or DELETE", args[0])
}

// Request makes the request.
func (r *Flags) Request(ctx context.Context, stdin io.Reader) (*http.Request, error) {
	if !strings.HasPrefix(r.Target, "/") && !strings.Contains(r.Target, "://") {
		return nil, exit.Usagef("path %q: want it with a slash in front", r.Target)
	}
	target, err := url.Parse(r.Target)
	if err != nil {
		return nil, exit.Usagef("path %q: %s", r.Target, reason(err))
	}
	query := target.RawQuery
	for _, q := range r.Query {
		name, value, ok := strings.Cut(q, "=")
		if !ok || name == "" {
			return nil, exit.Usagef("--query %q: want name=value", q)
		}
		if query != "" {
			query += "&"
		}
		query += escape(name) + "=" + escape(value)
	}
	target.RawQuery = query
	body, err := r.body(stdin)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target.String(), bodyReader(body))
	if err != nil {
		return nil, exit.Usagef("path %q: %s", r.Target, reason(err))
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range r.Headers {
		name, value, ok := strings.Cut(h, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || !headerName().MatchString(name) || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return nil, exit.Usagef("--header %s: want \"name: value\"", strings.TrimSpace(name)) // not the value: it may be a token
		}
		req.Header.Set(name, value)
	}
	return req, nil
}

// headerName is a token of RFC 9110.
var headerName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$") })

// bodyReader is a nil interface without a body.
func bodyReader(body []byte) io.Reader {
	if body == nil {
		return nil
	}
	return bytes.NewReader(body)
}

func (r *Flags) body(stdin io.Reader) ([]byte, error) {
	var body []byte
	var err error
	switch r.Input {
	case "":
		return nil, nil
	case "-":
		body, err = io.ReadAll(stdin)
	default:
		body, err = os.ReadFile(r.Input)
	}
	if err != nil {
		return nil, exit.Usagef("--input: %w", err)
	}
	return body, nil
}

// escape encodes for a query as RFC 3986 has it: a space becomes %20.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// reason is a URL error without the URL, which stands in the message already.
func reason(err error) string {
	if e, ok := err.(*url.Error); ok { //nolint:errorlint // url.Parse returns no other
		return e.Err.Error()
	}
	return err.Error()
}
