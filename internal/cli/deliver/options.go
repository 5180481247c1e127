package deliver

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/openspapi/spapi/internal/cli/exit"
)

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
