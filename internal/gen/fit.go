package main

import (
	"strings"
	"unicode/utf8"
)

// maxColumn is the last column of generated code; a tab counts as four.
const maxColumn = 160

func columns(line string) int { return utf8.RuneCountInString(line) + 3*strings.Count(line, "\t") }

// fit breaks the lines of Go code that end beyond the last column: comments between words, code behind a comma. The result wants gofmt.
func fit(src string) string {
	var b strings.Builder
	for line := range strings.Lines(src) {
		line = strings.TrimSuffix(line, "\n")
		for continued := false; columns(line) > maxColumn; continued = true {
			head, rest := breakLine(line, continued)
			if rest == "" {
				break
			}
			b.WriteString(head + "\n")
			line = rest
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// breakLine cuts a line in two; rest is "" where nothing can be cut. A continued line began within parentheses.
func breakLine(line string, continued bool) (head, rest string) {
	text := strings.TrimLeft(line, "\t")
	indent := line[:len(line)-len(text)]
	if comment, ok := strings.CutPrefix(text, "// "); ok {
		room := maxColumn - columns(indent+"// ")
		at := strings.LastIndexByte(cut(comment, room+1), ' ')
		if at <= 0 {
			if at = strings.IndexByte(comment, ' '); at < 0 { // a long word stays whole
				return line, ""
			}
		}
		return indent + "// " + comment[:at], indent + "// " + comment[at+1:]
	}
	at := breakAt(text, maxColumn-columns(indent), continued)
	if at <= 0 {
		return line, ""
	}
	deeper := indent
	if !continued {
		deeper += "\t"
	}
	return indent + text[:at], deeper + strings.TrimLeft(text[at:], " ")
}

func cut(s string, runes int) string {
	for i := range s {
		if runes--; runes < 0 {
			return s[:i]
		}
	}
	return s
}

// breakAt finds the comma behind which to break: one of the outermost, that which leaves the shortest lines where two are enough, else the
// last that fits. 0 where there is none.
func breakAt(text string, room int, continued bool) int {
	best := 0
	for _, at := range outermostCommas(text, continued) {
		twoFit := at <= room && len(text)-at <= room
		switch {
		case best == 0,
			twoFit && max(at, len(text)-at) < max(best, len(text)-best),
			!twoFit && at <= room && len(text)-best > room:
			best = at
		}
	}
	return best
}

// outermostCommas are the places behind the commas of the outermost parentheses that have some. A line's last character is not among them.
func outermostCommas(text string, continued bool) (places []int) {
	var quote byte
	depth, outermost := 0, 0
	if continued {
		depth = 1
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == '\\' && quote == '"' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '`':
			quote = c
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			depth--
		case c == ',' && i+1 < len(text) && depth > 0:
			if places == nil || depth < outermost {
				places, outermost = nil, depth
			}
			if depth == outermost {
				places = append(places, i+1)
			}
		}
	}
	return places
}
