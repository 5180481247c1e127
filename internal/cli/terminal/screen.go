package terminal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// ErrClosed is what writing to Out ends with when whoever read it has stopped, as head does, and the system doesn't end the process by SIGPIPE.
var ErrClosed = errors.New("stdout was closed by its reader")

// screen is a writer that lets no text of others move the cursor, change colours or turn the direction of writing, where such a text would be
// seen: titles, messages and bodies come from Amazon and from whoever wrote to the seller. Colours of the command's own pass; what it draws
// itself goes to [Streams.Redraw].
type screen struct {
	w  io.Writer
	on func() bool

	mu      sync.Mutex
	partial []byte // the beginning of a character
	failed  error  // the first that a write ended with
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := p
	if s.on() {
		text = s.clean(p)
	}
	if _, err := s.w.Write(text); err != nil {
		if errors.Is(err, syscall.EPIPE) {
			err = ErrClosed
		}
		if s.failed == nil {
			s.failed = err
		}
		return 0, err
	}
	return len(p), nil
}

func (s *screen) clean(p []byte) []byte {
	if plain(p) && len(s.partial) == 0 {
		return p
	}
	text := append(s.partial, p...)
	s.partial = nil
	if i := len(text) - 1; i >= 0 { // a character that was cut comes with the next write
		for i > 0 && len(text)-i < utf8.UTFMax && !utf8.RuneStart(text[i]) {
			i--
		}
		if !utf8.FullRune(text[i:]) {
			s.partial = append(s.partial, text[i:]...)
			text = text[:i]
		}
	}
	parts := bytes.Split(text, []byte(mark()))
	for i, part := range parts {
		parts[i] = []byte(strings.Map(shown, string(part)))
	}
	return bytes.Join(parts, []byte("\x1b"))
}

// plain reports whether a text can do nothing.
func plain(p []byte) bool {
	for _, b := range p {
		if b < ' ' && b != '\n' && b != '\t' || b >= 0x7f {
			return false
		}
	}
	return true
}

// mark stands for the ESC of the command's own colours on their way to a screen. No other text can know it.
var mark = sync.OnceValue(func() string { return "\ufdd0" + rand.Text() })

// Clean takes control characters, but for line ends and tabs, and those of the direction of writing out of a text, and bytes that are no UTF-8: some
// terminals take them for control characters.
func Clean(text string) string { return strings.Map(shown, text) }

// shown is r, or -1 for what a terminal would act on.
func shown(r rune) rune {
	switch {
	case r == '\n', r == '\t':
		return r
	case Acts(r):
		return -1
	}
	return r
}

// Acts reports whether a terminal does something at a character but show it, line ends and tabs included.
func Acts(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// OutFailed is the first error of a write to Out, also where those who wrote, such as a help text's, took no note of it.
func (s *Streams) OutFailed() error {
	screen, ok := s.Out.(*screen)
	if !ok {
		return nil
	}
	screen.mu.Lock()
	defer screen.mu.Unlock()
	return screen.failed
}

// Redraw is Err for what the command draws on a terminal: lines that it writes over and takes away. Texts of others go through [Clean] before.
func (s *Streams) Redraw() io.Writer {
	if screen, ok := s.Err.(*screen); ok {
		return screen.w
	}
	return s.Err
}

// Bare returns the outputs without screens, for a process that is run for the user: what it writes is its own business.
func (s *Streams) Bare() (out, err io.Writer) {
	out, err = s.Out, s.Err
	if guarded, ok := out.(*screen); ok {
		out = guarded.w
	}
	if guarded, ok := err.(*screen); ok {
		err = guarded.w
	}
	return out, err
}

// guard puts screens before the outputs: before Out where it is a terminal, before Err always, since what is said in it may be looked at in a terminal
// later.
func (s *Streams) guard() {
	s.Out = &screen{w: s.Out, on: func() bool { return s.OutIsTerminal || s.Color }}
	s.Err = &screen{w: s.Err, on: func() bool { return true }}
}
