package terminal

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
)

// hostile acts on a terminal in every way that a text can: C0, DEL, C1 as characters and as bytes, the direction of writing, line separators.
const hostile = "a\x1b[2Jb\x1b]0;title\x07c\rd\be\x7ff\u009bg\x9bh\u202ei\u2066j\u200fk\u061cl\u2028m\x00n\x1b[31mo\n\tp"

const harmless = "a[2Jb]0;titlecdefg\ufffdhijklmn[31mo\n\tp"

func TestScreen(t *testing.T) {
	for _, onTerminal := range []bool{false, true} {
		for size := 1; size <= len(hostile); size++ { // writes may cut characters
			s, out, messages := Buffers()
			s.OutIsTerminal = onTerminal
			for i := 0; i < len(hostile); i += size {
				part := hostile[i:min(i+size, len(hostile))]
				for _, w := range []io.Writer{s.Out, s.Err} {
					if n, err := io.WriteString(w, part); n != len(part) || err != nil {
						t.Fatal(n, err)
					}
				}
			}
			want := hostile
			if onTerminal {
				want = harmless
			}
			if out.String() != want {
				t.Errorf("stdout (terminal: %t) by %d bytes: %q, want %q", onTerminal, size, out, want)
			}
			if messages.String() != harmless {
				t.Errorf("stderr by %d bytes: %q, want %q", size, messages, harmless)
			}
		}
	}
	if got := Clean(hostile); got != harmless {
		t.Errorf("%q, want %q", got, harmless)
	}
}

// TestScreenColours: the command's own colours pass, also around a text that has some of its own.
func TestScreenColours(t *testing.T) {
	s, out, messages := Buffers()
	s.OutIsTerminal, s.Color = true, true
	if _, err := io.WriteString(s.Out, s.Red("a\x1b[0mb")+" "+s.Bold("c")); err != nil {
		t.Fatal(err)
	}
	if want := "\x1b[31ma[0mb\x1b[0m \x1b[1mc\x1b[0m"; out.String() != want {
		t.Errorf("%q, want %q", out, want)
	}
	if _, err := io.WriteString(s.Redraw(), "\r\x1b[K"); err != nil || messages.String() != "\r\x1b[K" {
		t.Errorf("what the command draws became %q, %v", messages, err)
	}
}

// TestScreenClosed: a reader that has gone is told from other failures.
func TestScreenClosed(t *testing.T) {
	for cause, want := range map[error]bool{syscall.EPIPE: true, syscall.ENOSPC: false} {
		s := &Streams{Out: writerFunc(func([]byte) (int, error) { return 0, cause }), Err: io.Discard}
		s.guard()
		if _, err := io.Copy(s.Out, strings.NewReader("x")); err == nil || errors.Is(err, ErrClosed) != want {
			t.Errorf("%v becomes %v", cause, err)
		}
	}
}
