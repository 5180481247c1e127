package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNoTerminal is the answer to a question where nobody can be asked.
var ErrNoTerminal = errors.New("there is no terminal to ask on")

// CanAsk tells whether a person can be asked: questions go to Err, answers come from In.
func (s *Streams) CanAsk() bool { return s.InIsTerminal && s.ErrIsTerminal }

// Ask asks for a line and returns it without the spaces around it. Where nobody can be asked the error is [ErrNoTerminal]; an ended
// context ends the wait with its error.
func (s *Streams) Ask(ctx context.Context, prompt string) (string, error) {
	return s.ask(ctx, prompt, func() (string, error) {
		line, err := readLine(s.In)
		return string(line), err
	})
}

// readLine reads a line and not a byte more: the next question reads on. An end of input ends a line, too.
func readLine(r io.Reader) ([]byte, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		n, err := r.Read(b)
		switch {
		case n > 0 && b[0] == '\n':
			return line, nil
		case n > 0:
			line = append(line, b[0])
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		case err != nil:
			return nil, err
		}
	}
}

// AskSecret is Ask without an echo.
func (s *Streams) AskSecret(ctx context.Context, prompt string) (string, error) {
	return s.ask(ctx, prompt, func() (string, error) {
		secret, err := s.readSecret()
		fmt.Fprintln(s.Err) // the Enter was not echoed either
		return string(secret), err
	})
}

func (s *Streams) ask(ctx context.Context, prompt string, read func() (string, error)) (string, error) {
	if !s.CanAsk() {
		return "", ErrNoTerminal
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	fmt.Fprint(s.Err, prompt)
	type answer struct {
		line string
		err  error
	}
	// A read of a terminal can't be interrupted: on Ctrl-C it is left behind, and the process ends.
	answers := make(chan answer, 1)
	go func() {
		line, err := read()
		answers <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.Err)
		if s.restore != nil {
			s.restore() // the echo comes back
		}
		return "", ctx.Err()
	case a := <-answers:
		return strings.TrimSpace(a.line), a.err
	}
}
