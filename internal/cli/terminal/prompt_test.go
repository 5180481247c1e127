package terminal

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAsk(t *testing.T) {
	s, _, messages := Buffers()
	if _, err := s.Ask(t.Context(), "Name? "); !errors.Is(err, ErrNoTerminal) || messages.Len() > 0 {
		t.Errorf("without a terminal: %v, said %q", err, messages)
	}
	s.InIsTerminal, s.ErrIsTerminal = true, true
	s.In = strings.NewReader(" one \nsecret\nlast")
	for _, want := range []string{"one", "secret", "last"} {
		ask := s.Ask
		if want == "secret" {
			ask = s.AskSecret
		}
		if got, err := ask(t.Context(), "? "); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if _, err := s.Ask(t.Context(), "? "); !errors.Is(err, io.EOF) {
		t.Errorf("at the end of input: %v, want EOF", err)
	}
	if strings.Contains(messages.String(), "secret") {
		t.Errorf("the secret was echoed: %q", messages)
	}
}

// TestAskInterrupted: Ctrl-C ends a question though the read goes on, and the terminal gets its echo back.
func TestAskInterrupted(t *testing.T) {
	s, _, _ := Buffers()
	s.InIsTerminal, s.ErrIsTerminal = true, true
	r, w := io.Pipe()
	defer w.Close()
	s.In = r
	restored := false
	s.restore = func() { restored = true }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.AskSecret(ctx, "? "); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v before it asked", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	s.Err = writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }) // as soon as the question stands there
	if _, err := s.AskSecret(ctx, "? "); !errors.Is(err, context.Canceled) || !restored {
		t.Errorf("ended with %v, restored %t", err, restored)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
