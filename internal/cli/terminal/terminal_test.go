package terminal

import "testing"

func TestColor(t *testing.T) {
	s, _, _ := Buffers()
	if got := s.Red("x"); got != "x" {
		t.Errorf("without colours: %q", got)
	}
	s.Color = true
	if got := s.Red("x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("with colours: %q", got)
	}
	if got := s.Green(""); got != "" {
		t.Errorf("nothing became %q", got)
	}
}
