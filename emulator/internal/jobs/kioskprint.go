package jobs

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// printKioskQuery writes a query as getQuery shows it, whatever was sent: on one line, with commas between arguments, and "query" before the brace
// (lineofflight/peddler, test/vcr_cassettes/Peddler/DataKiosk, October and December 2025). How it shows names, aliases, fragments and directives is not
// recorded; they are kept.
func printKioskQuery(doc *ast.QueryDocument) string {
	var p kioskPrinter
	for _, op := range doc.Operations {
		p.WriteString("query")
		if op.Name != "" {
			p.WriteString(" " + op.Name)
		}
		p.directives(op.Directives)
		p.WriteByte(' ')
		p.selections(op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		p.WriteString(" fragment " + f.Name + " on " + f.TypeCondition)
		p.directives(f.Directives)
		p.WriteByte(' ')
		p.selections(f.SelectionSet)
	}
	return p.String()
}

type kioskPrinter struct{ strings.Builder }

func (p *kioskPrinter) selections(set ast.SelectionSet) {
	p.WriteByte('{')
	for i, s := range set {
		if i > 0 {
			p.WriteByte(' ')
		}
		var below ast.SelectionSet
		switch s := s.(type) {
		case *ast.Field:
			if s.Alias != s.Name {
				p.WriteString(s.Alias + ":")
			}
			p.WriteString(s.Name)
			p.arguments(s.Arguments)
			p.directives(s.Directives)
			below = s.SelectionSet
		case *ast.FragmentSpread:
			p.WriteString("..." + s.Name)
			p.directives(s.Directives)
		case *ast.InlineFragment:
			p.WriteString("...")
			if s.TypeCondition != "" {
				p.WriteString(" on " + s.TypeCondition)
			}
			p.directives(s.Directives)
			below = s.SelectionSet
		}
		if len(below) > 0 {
			p.WriteByte(' ')
			p.selections(below)
		}
	}
	p.WriteByte('}')
}

func (p *kioskPrinter) arguments(list ast.ArgumentList) {
	for i, a := range list {
		p.WriteByte("(,"[min(i, 1)])
		p.WriteString(a.Name + ":" + a.Value.String())
	}
	if len(list) > 0 {
		p.WriteByte(')')
	}
}

func (p *kioskPrinter) directives(list ast.DirectiveList) {
	for _, d := range list {
		p.WriteString(" @" + d.Name)
		p.arguments(d.Arguments)
	}
}
