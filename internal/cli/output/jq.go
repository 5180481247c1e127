package output

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"github.com/openspapi/spapi/internal/cli/exit"
)

// Query is the value of --jq. It sees nothing but the JSON: neither the environment nor files.
type Query struct {
	text string
	code *gojq.Code
}

// String is the expression.
func (q *Query) String() string { return q.text }

// Type is the flag's type in help texts.
func (q *Query) Type() string { return "expression" }

// Given reports whether there is an expression.
func (q *Query) Given() bool { return q.code != nil }

// Set compiles the expression.
func (q *Query) Set(s string) error {
	parsed, err := gojq.Parse(s)
	if err != nil {
		return misread(s, err)
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		return err
	}
	q.text, q.code = s, code
	return nil
}

// misread says where an expression is wrong, in words of jq's users.
func misread(s string, err error) error {
	e, ok := errors.AsType[*gojq.ParseError](err)
	if !ok {
		return err
	}
	if e.Token == "" || e.Offset > len(s) {
		return fmt.Errorf("it ends too early, after %d characters: a bracket, a quote or an operand is missing", utf8.RuneCountInString(s))
	}
	column := utf8.RuneCountInString(s[:max(e.Offset-len(e.Token), 0)]) + 1
	what, _, _ := strings.Cut(err.Error(), " token") // "unexpected token", "invalid token", or a sentence of its own
	switch what {
	case "unexpected", "invalid":
		return fmt.Errorf("character %d: %q can't stand there", column, e.Token)
	}
	return fmt.Errorf("character %d: %w", column, err)
}

// Filter is a writer of JSON lines that puts each through a query and writes the results to another writer, one a line.
type Filter struct {
	ctx     context.Context
	query   *Query
	out     io.Writer
	bare    bool
	partial []byte
	Results int64 // written so far
}

// Filter returns a filter. Bare writes strings without quotes, as --jq does where no format is chosen.
func (q *Query) Filter(ctx context.Context, out io.Writer, bare bool) *Filter {
	return &Filter{ctx: ctx, query: q, out: out, bare: bare}
}

// Write takes lines, which may be cut anywhere. The last one counts when its end has come.
func (f *Filter) Write(p []byte) (int, error) {
	rest := p
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			f.partial = append(f.partial, rest...)
			return len(p), nil
		}
		if len(f.partial) > 0 {
			line = append(f.partial, line...)
		}
		results, err := f.query.run(f.ctx, line)
		if err != nil {
			return 0, err
		}
		f.partial, rest = f.partial[:0], after
		f.Results += int64(len(results))
		write := writeLines
		if f.bare {
			write = writeBare
		}
		if err := write(f.out, results); err != nil {
			return 0, err
		}
	}
}

// run returns the results of the expression on a value.
func (q *Query) run(ctx context.Context, raw []byte) ([]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // 64-bit ids keep all their digits
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	var results []json.RawMessage
	for iter := q.code.RunWithContext(ctx, v); ; {
		result, ok := iter.Next()
		if !ok {
			return results, nil
		}
		if err, ok := result.(error); ok {
			if halt, ok := errors.AsType[*gojq.HaltError](err); ok && halt.Value() == nil {
				return results, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, exit.Usagef("--jq %q: %s", q.text, strings.Join(strings.Fields(err.Error()), " "))
		}
		text, err := gojq.Marshal(result)
		if err != nil {
			return nil, err
		}
		results = append(results, text)
	}
}
