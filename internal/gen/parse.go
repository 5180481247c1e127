package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"github.com/openspapi/spapi/internal/catalog"
)

// model is one parsed model file: everything that the facts in the overlay are then laid over.
type model struct {
	file    string // path below the models' folder, for messages and models.lock
	stem    string // "ordersV0"
	version string // info.version
	pkg     string // package name
	data    []byte
	ops     []*operation // in the order of the file
	defs    map[string]*catalog.Schema
	order   []string // definitions in the order of the file

	own      bool    // written for the project, see withOwn
	hasCases bool    // it has static sandbox cases: an operation without one has none
	problems []error // why no package can be made of it
}

// fail notes why no package can be made of the model. The run goes on: all problems are told together, and other models don't suffer.
func (m *model) fail(errs ...error) { m.problems = append(m.problems, errs...) }

// operation is one operation with its schemas.
type operation struct {
	catalog.Operation
	detail    *catalog.Detail
	body      *catalog.Schema // of the success response, nil where there is none
	successes []success       // the bodies of a success where they are not alike
	goName    string          // method name
	model     *model

	plan         string // the model's usage plan, "2/30", empty where it has none
	sandboxKnown bool   // the model itself tells about the sandbox; it doesn't in a checkout without cases
}

// loadModels reads every model below dir, which is a checkout of Amazon's repository or its models folder. One that cannot be read
// has problems and no operations.
func loadModels(dir string) ([]*model, error) {
	root := filepath.Join(dir, "models")
	if _, err := os.Stat(root); err != nil {
		root = dir
	}
	files, err := filepath.Glob(filepath.Join(root, "*", "*.json"))
	if err != nil {
		return nil, err
	}
	sort.Strings(files)
	var out []*model
	seen := map[string]*model{}
	for _, f := range files {
		rel, err := filepath.Rel(root, f)
		if err != nil {
			return nil, err
		}
		m := newModel(filepath.ToSlash(rel))
		data, err := os.ReadFile(f)
		if err == nil {
			m, err = parseModel(m.file, data)
		}
		if err != nil {
			m.fail(err)
		} else if other := seen[m.pkg]; other != nil {
			m.fail((&node{file: m.file}).errorf("package %s is already made from %s; add an exception in names.go", m.pkg, other.file))
			m.pkg = ""
		} else {
			seen[m.pkg] = m
		}
		out = append(out, m)
	}
	if len(out) == 0 {
		return nil, (&node{file: root}).errorf("no models here; want <dir>/models/<api>/<model>.json as in Amazon's repository")
	}
	return out, nil
}

var methods = []string{"get", "put", "post", "delete", "patch", "head", "options"}

func newModel(file string) *model {
	return &model{file: file, stem: strings.TrimSuffix(filepath.Base(file), ".json"), defs: map[string]*catalog.Schema{}}
}

// parseModel reads one model. With an error it returns what names the model, and nothing else.
func parseModel(file string, data []byte) (*model, error) {
	m := newModel(file)
	m.data = data
	if err := m.parse(); err != nil {
		return &model{file: m.file, stem: m.stem, pkg: m.pkg, data: data}, err
	}
	return m, nil
}

func (m *model) parse() error {
	doc, err := parseTree(m.file, m.data)
	if err != nil {
		return err
	}
	if v, err := doc.str("swagger"); err != nil || v != "2.0" {
		return doc.errorf("not a Swagger 2.0 model: \"swagger\" is %q", v)
	}
	if m.version, err = doc.get("info").str("version"); err != nil {
		return err
	}
	if m.version == "" {
		return doc.errorf("info.version is missing")
	}
	m.pkg = packageName(m.stem, m.version)

	p := &parser{model: m, doc: doc, allOf: map[*catalog.Schema][]*catalog.Schema{}}
	if defs := doc.get("definitions"); defs != nil {
		for _, d := range defs.members {
			s, err := p.schema(d.value)
			if err != nil {
				return err
			}
			m.defs[d.key] = s
			m.order = append(m.order, d.key)
		}
	}
	if err := p.endless(); err != nil {
		return err
	}
	paths := doc.get("paths")
	if paths == nil || len(paths.members) == 0 {
		return doc.errorf("no paths")
	}
	for _, path := range paths.members {
		for _, verb := range methods {
			if n := path.value.get(verb); n != nil {
				if err := p.operation(path.key, strings.ToUpper(verb), path.value, n); err != nil {
					return err
				}
			}
		}
	}
	if err := p.merge(); err != nil {
		return err
	}
	for _, op := range m.ops {
		op.sandboxKnown = op.Sandbox != "" || m.hasCases
		if err := m.finish(op); err != nil {
			return err
		}
	}
	return nil
}

type parser struct {
	model *model
	doc   *node
	allOf map[*catalog.Schema][]*catalog.Schema // parts, merged once all definitions are known
}

// unsupported would change what a schema means. No model uses them today.
var unsupported = []string{"oneOf", "anyOf", "not", "discriminator"}

func (p *parser) schema(n *node) (*catalog.Schema, error) {
	s := &catalog.Schema{}
	if n.kind != jx.Object {
		return nil, n.errorf("a schema must be an object, not %s", n.kind)
	}
	for _, k := range unsupported {
		if v := n.get(k); v != nil {
			return nil, v.errorf("%s is not supported", k)
		}
	}
	if v := n.get("$ref"); v != nil { // siblings of $ref count for nothing (JSON Reference); 1,436 references have some
		name, ok := strings.CutPrefix(v.text, "#/definitions/")
		if v.kind != jx.String || !ok {
			return nil, v.errorf("$ref must be \"#/definitions/<name>\", not %q", v.text)
		}
		if p.doc.get("definitions").get(name) == nil {
			return nil, v.errorf("no definition %q", name)
		}
		s.Ref = name
		return s, nil
	}
	var err error
	first := func(e error) {
		if err == nil {
			err = e
		}
	}
	var e error
	s.Type, e = n.str("type")
	first(e)
	s.Format, e = n.str("format")
	first(e)
	s.Pattern, e = n.str("pattern")
	first(e)
	if s.Pattern != "" {
		if _, e := regexp.Compile(s.Pattern); e != nil {
			first(n.get("pattern").errorf("pattern %q is not RE2: %v", s.Pattern, e))
		}
	}
	s.Enum, e = n.strings("enum")
	first(e)
	s.Minimum, e = n.float("minimum")
	first(e)
	s.Maximum, e = n.float("maximum")
	first(e)
	s.MultipleOf, e = n.float("multipleOf")
	first(e)
	s.MinLength, e = n.int("minLength")
	first(e)
	s.MaxLength, e = n.int("maxLength")
	first(e)
	s.MinItems, e = n.int("minItems")
	first(e)
	s.MaxItems, e = n.int("maxItems")
	first(e)
	s.UniqueItems, e = n.bool("uniqueItems")
	first(e)
	if r := n.get("required"); r != nil && r.kind != jx.Bool { // of a parameter it is a boolean and about the parameter
		s.Required, e = n.strings("required")
		first(e)
	}
	if err != nil {
		return nil, err
	}
	switch s.Type {
	case "", "string", "number", "integer", "boolean", "array", "object":
	default:
		return nil, n.get("type").errorf("unknown type %q", s.Type)
	}
	if v := n.get("items"); v != nil {
		if s.Items, err = p.schema(v); err != nil {
			return nil, err
		}
	}
	if s.Type == "array" && s.Items == nil {
		s.Items = &catalog.Schema{}
	}
	if v := n.get("properties"); v != nil {
		s.Properties = map[string]*catalog.Schema{}
		for _, prop := range v.members {
			if s.Properties[prop.key], err = p.schema(prop.value); err != nil {
				return nil, err
			}
			if !slices.Contains(s.Order, prop.key) {
				s.Order = append(s.Order, prop.key)
			}
		}
		if s.Type == "" {
			s.Type = "object"
		}
	}
	if v := n.get("additionalProperties"); v != nil {
		switch {
		case v.kind == jx.Object:
			if s.AdditionalProperties, err = p.schema(v); err != nil {
				return nil, err
			}
		case v.kind == jx.Bool && v.text == "true":
			s.AdditionalProperties = &catalog.Schema{}
		}
	}
	if v := n.get("allOf"); v != nil {
		for _, part := range v.items {
			ps, err := p.schema(part)
			if err != nil {
				return nil, err
			}
			p.allOf[s] = append(p.allOf[s], ps)
		}
	}
	return s, nil
}

// endless finds a definition that is nothing but itself, or an array or map of itself: it has no Go type. What an object leads back to is well.
func (p *parser) endless() error {
	const walking, done = 1, 2
	state := map[*catalog.Schema]int{}
	var visit func(s *catalog.Schema) bool
	visit = func(s *catalog.Schema) bool {
		if s == nil || state[s] == done || isStruct(s) || isEnum(s) {
			return true
		}
		if state[s] == walking {
			return false
		}
		state[s] = walking
		next := []*catalog.Schema{s.Items, s.AdditionalProperties}
		if s.Ref != "" {
			next = []*catalog.Schema{p.model.defs[s.Ref]}
		}
		ok := !slices.ContainsFunc(next, func(n *catalog.Schema) bool { return !visit(n) })
		state[s] = done
		return ok
	}
	for _, name := range p.model.order {
		if !visit(p.model.defs[name]) {
			at := &node{file: p.model.file, ptr: "/definitions/" + pointerEscaper.Replace(name)}
			return at.errorf("refers to itself without an object in between: it would have no end")
		}
	}
	return nil
}

// merge makes one object of each allOf. All 22 in the models join objects.
func (p *parser) merge() error {
	done := map[*catalog.Schema]int{}
	var visit func(s *catalog.Schema) error
	visit = func(s *catalog.Schema) error {
		parts := p.allOf[s]
		if len(parts) == 0 || done[s] == 2 {
			return nil
		}
		if done[s] == 1 {
			return (&node{file: p.model.file, ptr: "/definitions"}).errorf("allOf contains itself")
		}
		done[s] = 1
		own := *s
		*s = catalog.Schema{Type: "object", Properties: map[string]*catalog.Schema{}}
		for _, part := range append(parts, &own) {
			for part.Ref != "" {
				part = p.model.defs[part.Ref]
			}
			if err := visit(part); err != nil {
				return err
			}
			if part.Type != "object" && part.Type != "" {
				return (&node{file: p.model.file, ptr: "/definitions"}).errorf("allOf of a %s is not supported", part.Type)
			}
			for _, k := range part.Order {
				if s.Properties[k] == nil {
					s.Order = append(s.Order, k)
				}
				s.Properties[k] = part.Properties[k]
			}
			for _, r := range part.Required {
				if !slices.Contains(s.Required, r) {
					s.Required = append(s.Required, r)
				}
			}
			if part.AdditionalProperties != nil {
				s.AdditionalProperties = part.AdditionalProperties
			}
		}
		done[s] = 2
		return nil
	}
	for _, name := range p.model.order {
		if err := visit(p.model.defs[name]); err != nil {
			return err
		}
	}
	for s := range p.allOf {
		if err := visit(s); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) operation(path, method string, item, n *node) error {
	op := &operation{detail: &catalog.Detail{}, model: p.model}
	op.API, op.Model, op.Version = p.model.pkg, p.model.stem, p.model.version
	op.Path, op.Method = path, method
	// What HTTP calls idempotent; the overlay adds the POSTs that only read or carry an idempotency header.
	op.Idempotent = method != "POST" && method != "PATCH"
	var err error
	if op.Name, err = n.str("operationId"); err != nil {
		return err
	}
	if op.Name == "" {
		return n.errorf("operationId is missing")
	}
	if op.Deprecated, err = n.bool("deprecated"); err != nil {
		return err
	}
	if base, err := p.doc.str("basePath"); err != nil {
		return err
	} else if base = strings.TrimSuffix(base, "/"); base != "" {
		op.Path = base + path
	}
	for _, from := range []struct {
		key string
		to  *[]string
	}{{"consumes", &op.detail.Consumes}, {"produces", &op.detail.Produces}} {
		src := n
		if n.get(from.key) == nil {
			src = p.doc
		}
		if *from.to, err = src.strings(from.key); err != nil {
			return err
		}
	}
	description, err := n.str("description")
	if err != nil {
		return err
	}
	op.Rate, op.Burst = usagePlan(description)
	if op.Rate > 0 {
		op.LimitSource = "model"
		op.plan = fmt.Sprintf("%g/%d", op.Rate, op.Burst)
	}
	if err := p.sandbox(op, item, n); err != nil {
		return err
	}
	if err := p.parameters(op, item, n); err != nil {
		return err
	}
	if err := p.responses(op, n); err != nil {
		return err
	}
	p.model.ops = append(p.model.ops, op)
	return nil
}

// sandboxKeys: vendorShipments still has the older spelling.
var sandboxKeys = []string{"x-amzn-api-sandbox", "x-amazon-spds-sandbox-behaviors"}

func (p *parser) sandbox(op *operation, item, n *node) error {
	for _, at := range []*node{item, n} {
		only, err := at.bool("x-amzn-api-sandbox-only")
		if err != nil {
			return err
		}
		op.SandboxOnly = op.SandboxOnly || only
		for _, k := range sandboxKeys {
			if at.get(k).get("dynamic") != nil {
				op.Sandbox = "dynamic"
			}
		}
	}
	// A whole model may live on the sandbox host alone.
	if host, _ := p.doc.str("host"); strings.HasPrefix(host, "sandbox.") {
		op.SandboxOnly = true
	}
	responses := n.get("responses")
	if responses != nil && op.Sandbox == "" {
		for _, r := range responses.members {
			for _, k := range sandboxKeys {
				if r.value.get(k) != nil {
					op.Sandbox = "static"
					p.model.hasCases = true
				}
			}
		}
	}
	return nil
}

func (p *parser) parameters(op *operation, item, n *node) error {
	list := slices.Clone(n.get("parameters").list())
	list = append(list, item.get("parameters").list()...)
	seen := map[string]bool{}
	for _, at := range list {
		if ref := at.get("$ref"); ref != nil {
			name := strings.TrimPrefix(ref.text, "#/parameters/")
			target := p.doc.get("parameters").get(name)
			if target == nil {
				return ref.errorf("no parameter %q", ref.text)
			}
			at = target
		}
		name, err := at.str("name")
		if err != nil {
			return err
		}
		in, err := at.str("in")
		if err != nil {
			return err
		}
		required, err := at.bool("required")
		if err != nil {
			return err
		}
		if seen[in+" "+name] { // the operation's own parameter comes first and wins over the path's
			continue
		}
		seen[in+" "+name] = true
		switch in {
		case "body":
			schema := at.get("schema")
			if schema == nil {
				return at.errorf("body parameter without a schema")
			}
			s, err := p.schema(schema)
			if err != nil {
				return err
			}
			op.detail.Body = &catalog.Body{Name: name, Required: required, Schema: s}
			continue
		case "path", "query", "header":
		default:
			return at.errorf("parameter %q is in %q; want path, query, header or body", name, in)
		}
		s, err := p.schema(at)
		if err != nil {
			return err
		}
		if s.Type == "" {
			return at.errorf("parameter %q has no type", name)
		}
		format, err := at.str("collectionFormat")
		if err != nil {
			return err
		}
		param := catalog.Parameter{Name: name, In: in, Required: required || in == "path", Schema: s}
		switch format {
		case "", "csv": // csv is Swagger's default; 68 arrays rely on it
		case "multi":
			param.Multi = true
		default:
			return at.errorf("parameter %q has collectionFormat %q; want csv or multi", name, format)
		}
		if param.Greedy, err = at.bool("x-amazon-spds-greedy-path-parameter"); err != nil {
			return err
		}
		op.GreedyPath = op.GreedyPath || param.Greedy
		if v := at.get("default"); v != nil && v.kind != jx.Object && v.kind != jx.Array {
			param.Default = v.text
		}
		op.detail.Parameters = append(op.detail.Parameters, param)
	}
	for _, name := range templateNames(op.Path) {
		if !seen["path "+name] {
			return n.errorf("path parameter {%s} is not declared", name)
		}
	}
	return nil
}

// list is the elements of an array node, none for nil.
func (n *node) list() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

var templateName = regexp.MustCompile(`\{([^}]+)\}`)

func templateNames(path string) (names []string) {
	for _, m := range templateName.FindAllStringSubmatch(path, -1) {
		names = append(names, m[1])
	}
	return names
}

func (p *parser) responses(op *operation, n *node) error {
	responses := n.get("responses")
	if responses == nil {
		return n.errorf("no responses")
	}
	for _, r := range responses.members {
		status, err := strconv.Atoi(r.key)
		if err != nil {
			if r.key == "default" {
				continue
			}
			return r.value.errorf("status %q is not a number", r.key)
		}
		at := r.value
		if ref := at.get("$ref"); ref != nil {
			name := strings.TrimPrefix(ref.text, "#/responses/")
			if at = p.doc.get("responses").get(name); at == nil {
				return ref.errorf("no response %q", ref.text)
			}
		}
		out := catalog.Response{Status: status}
		if s := at.get("schema"); s != nil && status != 204 { // five operations declare a schema for 204, which has no body
			if out.Schema, err = p.schema(s); err != nil {
				return err
			}
		}
		if h := at.get("headers"); h != nil {
			for _, m := range h.members {
				out.Headers = append(out.Headers, m.key)
			}
		}
		op.detail.Responses = append(op.detail.Responses, out)
	}
	slices.SortFunc(op.detail.Responses, func(a, b catalog.Response) int { return a.Status - b.Status })
	return nil
}

// finish decides what a success looks like. Bodies that are not alike wait for the overlay's word (successes.go).
func (m *model) finish(op *operation) error {
	op.Shape = "none"
	found := false
	for _, r := range op.detail.Responses {
		if r.Status/100 != 2 {
			continue
		}
		found = true
		op.MaybeEmpty = op.MaybeEmpty || r.Schema == nil
		if r.Schema == nil {
			continue
		}
		if body, shape := m.unwrap(r.Schema); body != nil {
			op.addSuccess(success{r.Status, body, shape})
		}
	}
	if len(op.successes) == 1 {
		op.body, op.Shape = op.successes[0].body, op.successes[0].shape
		op.successes = nil
	}
	op.MaybeEmpty = op.MaybeEmpty && (op.body != nil || op.successes != nil)
	if !found {
		return (&node{file: m.file, ptr: "/paths/" + pointerEscaper.Replace(op.Path)}).errorf("%s has no 2xx response", op.Name)
	}
	return nil
}

// unwrap opens a payload wrapper. What holds nothing but errors, or nothing, is no body at all.
func (m *model) unwrap(s *catalog.Schema) (*catalog.Schema, string) {
	r := s
	for r.Ref != "" {
		r = m.defs[r.Ref]
	}
	if r.Type != "object" || r.AdditionalProperties != nil {
		return s, "bare"
	}
	rest := 0
	for _, k := range r.Order {
		if k != "errors" && k != "payload" {
			rest++
		}
	}
	switch {
	case rest > 0:
		return s, "bare"
	case r.Properties["payload"] != nil:
		return r.Properties["payload"], "payload"
	default:
		return nil, "none"
	}
}
