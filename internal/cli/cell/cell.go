// Package cell dresses values of SP-API for tables.
package cell

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/wire"
)

// Money is a column of amounts with their currency, whichever of the API's spellings they have. A CSV has both apart.
func Money(name, path string) output.Column {
	return output.Column{Name: name, Path: path, Right: true, Text: MoneyText, Parts: []output.Part{
		{Name: "amount", Text: amount},
		{Name: "currency", Text: currency},
	}}
}

func amount(v output.Value) string   { return either(v, "amount", "currencyAmount") }
func currency(v output.Value) string { return either(v, "currencyCode", "currencyCode") }

// either is the text of a member with one of two names, without regard to case.
func either(v output.Value, one, other string) string {
	text := ""
	for name, m := range v.Members() {
		if strings.EqualFold(name, one) || text == "" && strings.EqualFold(name, other) {
			text = cmp.Or(m.Text(), text)
		}
	}
	return text
}

// MoneyText is an amount with its currency: "12.50 EUR".
func MoneyText(v output.Value) string { return strings.TrimSpace(amount(v) + " " + currency(v)) }

// Time is a column of times. Each says in which zone it is; a CSV has them as Amazon sends them, in UTC.
func Time(name, path string, zone *time.Location) output.Column {
	return output.Column{Name: name, Path: path, Text: func(v output.Value) string {
		s := v.Text()
		t, err := wire.ParseTime(s) // rows come in any spelling that the SDK reads
		if err != nil {
			return s
		}
		return t.In(zone).Format("2006-01-02 15:04 MST")
	}}
}

// Count is a column with the number of a list's elements.
func Count(name, path string) output.Column {
	return Made(output.Column{Name: name, Path: path, Right: true, Text: func(v output.Value) string {
		if v.Kind() == output.Nothing {
			return ""
		}
		n := 0
		for range v.Elements() {
			n++
		}
		return strconv.Itoa(n)
	}})
}

// Number is a column of numbers.
func Number(name, path string) output.Column {
	return output.Column{Name: name, Path: path, Right: true}
}

// Made is a column whose text a CSV has, too: it is made of an object or a list.
func Made(c output.Column) output.Column {
	c.Parts = []output.Part{{Text: c.Text}}
	return c
}

// Of is a column of what a function finds in the field's value.
func Of(c output.Column, find func(output.Value) output.Value) output.Column {
	dress := c.Text
	c.Text = func(v output.Value) string { return dress(find(v)) }
	parts := c.Parts
	c.Parts = nil
	for _, p := range parts {
		c.Parts = append(c.Parts, output.Part{Name: p.Name, Text: func(v output.Value) string { return p.Text(find(v)) }})
	}
	return c
}

// Wide is a column of wide tables and of CSV.
func Wide(c output.Column) output.Column {
	c.Wide = true
	return c
}

// Spare is a column that is left out where a terminal is too narrow, the one with the highest number first.
func Spare(n int, c output.Column) output.Column {
	c.Spare = n
	return c
}
