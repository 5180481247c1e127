package call

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/wire"
)

// request is what goes to an operation.
type request struct {
	op      *operation.Operation
	params  map[string][]string        // by place and name, "query:MarketplaceIds"
	members map[string]json.RawMessage // of the body
	whole   json.RawMessage            // a body that is no object
}

// readRequest puts flags and --input together, and checks them.
func readRequest(opts *Options) (*request, error) {
	op := opts.Operation
	in := &request{op: op, params: map[string][]string{}, members: map[string]json.RawMessage{}}
	if opts.Input != "" {
		text, err := readInput(opts.Input, opts.Factory.Streams.In)
		if err != nil {
			return nil, err
		}
		if err := in.take(opts, text); err != nil {
			return nil, err
		}
	}
	for _, v := range opts.Values {
		if !v.given {
			continue
		}
		if !opts.NoCheck {
			if err := v.check(); err != nil {
				return nil, err
			}
		}
		if v.arg.In != "body" {
			in.params[v.arg.In+":"+v.arg.Name] = v.texts
			continue
		}
		raw, err := v.json()
		if err != nil {
			return nil, err
		}
		if in.whole != nil {
			return nil, exit.Usagef("%s: the body of --input is no object that it could be a member of", v.flag())
		}
		in.members[v.arg.Name] = raw
	}
	in.copyPath(opts)
	if opts.NoCheck {
		return in, nil
	}
	return in, in.check(opts)
}

// take reads --input: members that are named like a parameter are that parameter, all others are the body's.
func (in *request) take(opts *Options, text []byte) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil || members == nil {
		if in.op.Detail.Body == nil {
			return exit.Usagef("--input %s: %s has no body: want an object with parameters", opts.Input, in.op.ID)
		}
		in.whole = text
		return nil
	}
	inBody := map[string]bool{}
	for _, v := range opts.Values {
		if v.arg.In == "body" {
			inBody[v.arg.Name] = true
		}
	}
	for name, raw := range members {
		if !inBody[name] {
			if v := in.parameter(opts, name); v != nil {
				texts, err := textsOf(raw)
				if err != nil {
					return exit.Usagef("--input %s: %s: %v", opts.Input, name, err)
				}
				given := &value{arg: v.arg, texts: texts, given: true}
				if !opts.NoCheck {
					if err := given.check(); err != nil {
						return exit.Usagef("--input %s: %v", opts.Input, err)
					}
				}
				in.params[v.arg.In+":"+name] = given.texts
				continue
			}
		}
		if in.op.Detail.Body == nil {
			return exit.Usagef("--input %s: %s has neither a parameter %q nor a body%s", opts.Input, in.op.ID, name, didYouMean(name, opts.names()))
		}
		body := in.op.API.Resolve(in.op.Detail.Body.Schema)
		if !inBody[name] && body != nil && body.AdditionalProperties == nil && len(body.Properties) > 0 && !opts.NoCheck {
			return exit.Usagef("--input %s: %s has no member %q%s; --no-check sends it all the same", opts.Input, in.op.ID, name, didYouMean(name, opts.names()))
		}
		in.members[name] = raw
	}
	return nil
}

func (opts *Options) names() []string {
	var names []string
	for _, v := range opts.Values {
		names = append(names, v.arg.Name)
	}
	return names
}

func didYouMean(name string, names []string) string {
	near := operation.Near(name, names)
	if len(near) == 0 {
		return ""
	}
	return ": did you mean " + output.OneOf(near) + "?"
}

func (in *request) parameter(opts *Options, name string) *value {
	for _, v := range opts.Values {
		if v.arg.In != "body" && v.arg.Name == name {
			return v
		}
	}
	return nil
}

// copyPath lets a path parameter that stands in the body too be given once.
func (in *request) copyPath(opts *Options) {
	for _, v := range opts.Values {
		if v.arg.In != "body" || in.whole != nil {
			continue
		}
		path, inPath := in.params["path:"+v.arg.Name]
		member, inBody := in.members[v.arg.Name]
		switch {
		case inPath && !inBody:
			in.members[v.arg.Name] = quoted(path[0])
		case inBody && !inPath && in.parameter(opts, v.arg.Name) != nil && in.parameter(opts, v.arg.Name).arg.In == "path":
			if texts, err := textsOf(member); err == nil {
				in.params["path:"+v.arg.Name] = texts
			}
		}
	}
}

// textsOf are the texts of a parameter in JSON: a scalar, or a list of them.
func textsOf(raw json.RawMessage) ([]string, error) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	texts := []string{}
	for _, e := range list {
		var s string
		switch {
		case json.Unmarshal(e, &s) == nil:
			texts = append(texts, s)
		case e[0] == '{' || e[0] == '[':
			return nil, fmt.Errorf("want a value or a list of values")
		default:
			texts = append(texts, string(e))
		}
	}
	return texts, nil
}

// check looks for what is missing, and holds the body against its schema.
func (in *request) check(opts *Options) error {
	var missing []string
	for _, v := range opts.Values {
		a := v.arg
		if !a.Required {
			continue
		}
		if a.In == "body" {
			if in.whole != nil || !in.hasBody() {
				continue
			}
			if _, ok := in.members[a.Name]; ok {
				continue
			}
		} else if len(in.params[a.In+":"+a.Name]) > 0 {
			continue
		}
		missing = append(missing, v.flag())
	}
	if len(missing) > 0 {
		return exit.Usagef("missing: %s", strings.Join(missing, ", "))
	}
	if in.op.Detail.Body == nil {
		return nil
	}
	if in.whole == nil && len(in.members) == 0 {
		s := in.op.API.Resolve(in.op.Detail.Body.Schema)
		if in.op.Detail.Body.Required && s != nil && s.Type == "array" {
			return exit.Usagef("missing: --input with the body, a list")
		}
		return nil
	}
	raw, err := in.body()
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	if problems := wrongBody(in.op.API, in.op.Detail.Body.Schema, v, ""); len(problems) > 0 {
		more := ""
		if n := len(problems); n > 4 {
			more = fmt.Sprintf("; and %d more", n-4)
			problems = problems[:4]
		}
		return exit.Usagef("the body is wrong: %s%s", strings.Join(problems, "; "), more)
	}
	return nil
}

// hasBody reports whether a body is sent.
func (in *request) hasBody() bool {
	return in.op.Detail.Body != nil && (in.op.Detail.Body.Required || len(in.members) > 0 || in.whole != nil)
}

func (in *request) body() (json.RawMessage, error) {
	if in.whole != nil {
		return in.whole, nil
	}
	return wire.Marshal(in.members)
}

// subject names what a request is about: its path parameters.
func (in *request) subject() string {
	var parts []string
	for _, p := range in.op.Detail.Parameters {
		if v := in.params["path:"+p.Name]; p.In == "path" && len(v) > 0 {
			parts = append(parts, p.Name+" "+v[0])
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " with " + strings.Join(parts, ", ")
}

// twice are the list parameters whose elements the server unescapes a second time.
var twice = []string{"fulfillmentinbound20240320 mskus"}

// encode writes the request as generated clients do.
func (in *request) encode(r *wire.Request) {
	for i := range in.op.Detail.Parameters {
		p := &in.op.Detail.Parameters[i]
		texts := in.params[p.In+":"+p.Name]
		if len(texts) == 0 {
			continue
		}
		switch {
		case p.In == "path":
			r.Path(p.Name, texts[0])
		case p.In == "header":
			r.Header(p.Name, strings.Join(texts, ","), wire.Optional)
		case slices.Contains(twice, in.op.Operation.API+" "+p.Name):
			wire.QueryMultiTwice(r, p.Name, texts, wire.Optional)
		case p.Multi:
			wire.QueryMulti(r, p.Name, texts, wire.Optional)
		case isList(in.op.API, p):
			wire.QueryCSV(r, p.Name, texts, wire.Optional)
		default:
			wire.QueryString(r, p.Name, texts[0], wire.Optional)
		}
	}
	if in.hasBody() {
		if body, err := in.body(); err == nil { // both parts were read as JSON
			r.JSON(body)
		}
	}
}

func isList(api *catalog.API, p *catalog.Parameter) bool {
	s := api.Resolve(p.Schema)
	return s != nil && s.Type == "array"
}
