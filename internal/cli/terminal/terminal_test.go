package terminal

import (
	"io"
	"testing"
)

func TestColor(t *testing.T) {
	s, out, _ := Buffers()
	if got := s.Red("x"); got != "x" {
		t.Errorf("without colours: %q", got)
	}
	s.Color = true
	if _, err := io.WriteString(s.Out, s.Red("x")); err != nil || out.String() != "\x1b[31mx\x1b[0m" {
		t.Errorf("with colours: %q, %v", out, err)
	}
	if got := s.Green(""); got != "" {
		t.Errorf("nothing became %q", got)
	}
}

func TestColorWanted(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, true},
		{map[string]string{"TERM": "xterm-256color"}, true},
		{map[string]string{"NO_COLOR": ""}, true},
		{map[string]string{"NO_COLOR": "0"}, false}, // any value counts, says no-color.org
		{map[string]string{"TERM": "dumb"}, false},
	} {
		if got := colorWanted(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("with %v: %t, want %t", c.env, got, c.want)
		}
	}
}
