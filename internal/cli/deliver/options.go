package deliver

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/job"
)

// flagNames are what the fields of requests are on the command line.
var flagNames = map[string]string{
	"Type": "TYPE", "Marketplaces": "--marketplaces", "Start": "--start", "End": "--end", "Content": "FILE", "ContentType": "--content-type",
	"SellerID": "--seller-id", "messages": "FILE: messages", "period": "--every",
}

// Usage makes a request that can't work a mistake on the command line, told in its words.
func Usage(err error) error {
	e, ok := errors.AsType[*job.RequestError](err)
	if !ok {
		return err
	}
	told := *e
	if name, ok := flagNames[e.Field]; ok {
		told.Field = name
	} else if option, ok := strings.CutPrefix(e.Field, "Options."); ok {
		told.Field = "--option " + option + "=…"
	}
	return &exit.UsageError{Err: &told}
}

// Options reads name=value pairs.
func Options(flag string, pairs []string) (map[string]string, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	m := map[string]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, exit.Usagef("--%s %q: want name=value", flag, pair)
		}
		m[name] = value
	}
	return m, nil
}

func compact(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// linesBefore is the value of --skip-lines.
type linesBefore struct {
	given, auto bool
	lines       int
}

func (l *linesBefore) String() string {
	switch {
	case l.auto:
		return "auto"
	case l.given:
		return strconv.Itoa(l.lines)
	}
	return ""
}

func (l *linesBefore) Set(s string) error {
	if s == "auto" {
		*l = linesBefore{given: true, auto: true}
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return errors.New("want a number of lines, or auto")
	}
	*l = linesBefore{given: true, lines: n}
	return nil
}

func (l *linesBefore) Type() string { return "number" }
