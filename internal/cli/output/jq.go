package output

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"

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
		return err
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		return err
	}
	q.text, q.code = s, code
	return nil
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
