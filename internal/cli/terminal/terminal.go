// Package terminal is where a command reads from and writes to, and what it knows about the other end.
package terminal

import (
	"bytes"
	"io"
	"os"

	"golang.org/x/term"
)

// Streams are a command's input and outputs. Data goes to Out; what is said about it goes to Err. What could act on a terminal is taken out on the
// way (screen.go), but for Out where it is none: there bytes stay as they are.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	InIsTerminal  bool
	OutIsTerminal bool
	ErrIsTerminal bool
	Color         bool // Out takes colours
	Width         int  // columns of Out; 0 when it is no terminal or doesn't tell

	readSecret func() ([]byte, error) // reads a line of In without an echo
	restore    func()                 // gives In the state that it had; nil without a terminal
}

// System returns the streams of the process. Colours are off when Out is no terminal, when NO_COLOR is set, and where TERM is "dumb".
func System() *Streams {
	s := &Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	in := int(os.Stdin.Fd())
	s.InIsTerminal = term.IsTerminal(in)
	s.readSecret = func() ([]byte, error) { return term.ReadPassword(in) }
	if s.InIsTerminal {
		if state, err := term.GetState(in); err == nil {
			s.restore = func() { _ = term.Restore(in, state) }
		}
	}
	s.OutIsTerminal = term.IsTerminal(int(os.Stdout.Fd()))
	s.ErrIsTerminal = term.IsTerminal(int(os.Stderr.Fd()))
	s.Color = s.OutIsTerminal && colorWanted(os.Getenv)
	if s.OutIsTerminal {
		if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
			s.Width = width
		}
	}
	s.guard()
	return s
}

// colorWanted is false when NO_COLOR is set to anything but the empty string (no-color.org), and where TERM is "dumb".
func colorWanted(getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// Buffers returns streams for tests: no input, no terminal, and the two outputs to look at.
func Buffers() (s *Streams, out, err *bytes.Buffer) {
	out, err = &bytes.Buffer{}, &bytes.Buffer{}
	s = &Streams{In: &bytes.Buffer{}, Out: out, Err: err}
	s.readSecret = func() ([]byte, error) { return readLine(s.In) }
	s.guard()
	return s, out, err
}

// Bold dresses text for Out, as the other colours do, or returns it bare where Out takes none.
func (s *Streams) Bold(text string) string { return s.dress("1", text) }

// Faint is for what can be skipped in reading.
func (s *Streams) Faint(text string) string { return s.dress("2", text) }

// Green is for what worked.
func (s *Streams) Green(text string) string { return s.dress("32", text) }

// Red is for what failed.
func (s *Streams) Red(text string) string { return s.dress("31", text) }

// Yellow is for what was left out.
func (s *Streams) Yellow(text string) string { return s.dress("33", text) }

// dress wraps text in an SGR attribute (ECMA-48 8.3.117).
func (s *Streams) dress(attribute, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return mark() + "[" + attribute + "m" + text + mark() + "[0m"
}
