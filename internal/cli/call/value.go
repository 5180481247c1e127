package call

import (
	"encoding/csv"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/wire"
	"github.com/openspapi/spapi/marketplace"
)

// value is the flag of an argument. It takes every text; [value.check] looks at it when the command runs, because of --no-check.
type value struct {
	arg   *operation.Argument
	texts []string // one, or the elements of a list
	given bool
}

func (v *value) String() string { return strings.Join(v.texts, ",") }

// Type is shown in help texts.
func (v *value) Type() string { return string(v.arg.Kind) }

// Set implements pflag.Value.
func (v *value) Set(s string) error {
	v.given = true
	if v.arg.Kind != operation.List {
		v.texts = []string{s}
		return nil
	}
	elements, err := split(s)
	if err != nil {
		return err
	}
	v.texts = append(v.texts, elements...)
	return nil
}

// split reads elements with commas between them; one with a comma inside stands in double quotes.
func split(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	r := csv.NewReader(strings.NewReader(s))
	r.LazyQuotes = true
	return r.Read()
}

// flag is the flag's name in messages.
func (v *value) flag() string { return "--" + v.arg.Flag }

// check checks kind and enum, and spells enum values and times as the API does.
func (v *value) check() error {
	kind := v.arg.Kind
	if kind == operation.List {
		kind = v.arg.Element
	}
	for i, text := range v.texts {
		if len(v.arg.Enum) > 0 {
			exact, ok := oneOf(text, v.arg.Enum)
			if !ok {
				return exit.Usagef("%s: %q is none of its values: want %s", v.flag(), text, output.OneOf(v.arg.Enum))
			}
			v.texts[i] = exact
			continue
		}
		if want := wrong(kind, text); want != "" {
			return exit.Usagef("%s: %q: want %s", v.flag(), text, want)
		}
		if v.arg.Schema != nil && (v.arg.Schema.Format == "date-time" || v.arg.Schema.Format == "dateTime") {
			if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
				v.texts[i] = wire.FormatTime(t)
			}
		}
	}
	return nil
}

// oneOf finds a value of an enum, whatever the case.
func oneOf(text string, enum []string) (exact string, ok bool) {
	for _, e := range enum {
		if e == text {
			return e, true
		}
		if strings.EqualFold(e, text) {
			exact, ok = e, true
		}
	}
	return exact, ok
}

// wrong says what a text would have to be, "" if it is right.
func wrong(kind operation.Kind, text string) string {
	switch kind {
	case operation.Integer:
		if _, ok := new(big.Int).SetString(text, 10); !ok {
			return "an integer"
		}
	case operation.Number:
		if !json.Valid([]byte(text)) || strings.Trim(text, "+-0123456789.eE") != "" {
			return "a number"
		}
	case operation.Boolean:
		if text != "true" && text != "false" {
			return "true or false"
		}
	case operation.Text:
		if text == "" {
			return "a value"
		}
	}
	return ""
}

// choicesOf are the values that are known for an argument.
func choicesOf(a *operation.Argument) []string {
	if len(a.Enum) > 0 {
		return a.Enum
	}
	if strings.HasPrefix(strings.ToLower(a.Name), "marketplaceid") {
		var ids []string
		for _, m := range marketplace.All() {
			ids = append(ids, m.ID+"\t"+m.Name)
		}
		return ids
	}
	return nil
}

// json is the value as a member of a body.
func (v *value) json() (json.RawMessage, error) {
	a := v.arg
	switch a.Kind {
	case operation.JSON:
		return readJSON(v.flag(), v.texts[0])
	case operation.List:
		list := make([]json.RawMessage, len(v.texts))
		for i, text := range v.texts {
			list[i] = scalar(a.Element, text)
		}
		return wire.Marshal(list)
	}
	return scalar(a.Kind, v.texts[0]), nil
}

func scalar(kind operation.Kind, text string) json.RawMessage {
	if kind != operation.Text && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return quoted(text)
}

func quoted(text string) json.RawMessage {
	b, err := wire.Marshal(text)
	if err != nil {
		return json.RawMessage(strconv.Quote(text)) // strings always marshal
	}
	return b
}
