package doctor

import (
	"fmt"
	"strings"

	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// Show writes a report for people: a line for each check, and below what is wrong, what to do.
func Show(s *terminal.Streams, r *Report) {
	width := s.Width
	if width == 0 || width > 120 {
		width = 100
	}
	problems, warnings := 0, 0
	for _, f := range r.Findings {
		mark := s.Faint("-")
		switch f.Status {
		case OK:
			mark = s.Green("✓")
		case Problem:
			mark = s.Red("✗")
			problems++
		case Warning:
			mark = s.Yellow("!")
			warnings++
		}
		text := f.Message
		if f.Name != "" {
			text = f.Name + ": " + text
		}
		lines := wrap(text, width-18)
		fmt.Fprintf(s.Out, "%s %-14s %s\n", mark, f.Check, lines[0])
		for _, l := range lines[1:] {
			fmt.Fprintf(s.Out, "%17s%s\n", "", l)
		}
		if f.Fix != "" {
			for i, l := range wrap(f.Fix, width-20) {
				arrow := "→ "
				if i > 0 {
					arrow = "  "
				}
				fmt.Fprintf(s.Out, "%17s%s%s\n", "", arrow, s.Bold(l))
			}
		}
	}
	switch {
	case problems > 0:
		fmt.Fprintf(s.Out, "\n%s\n", s.Red(output.Plural(problems, "problem")))
	case warnings > 0:
		fmt.Fprintf(s.Out, "\n%s\n", s.Green("calls work")+", with "+output.Plural(warnings, "warning"))
	default:
		fmt.Fprintf(s.Out, "\n%s\n", s.Green("all is well"))
	}
}

// wrap breaks text at spaces; there is at least one line.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
