package document

import (
	"slices"
	"strings"
	"testing"
)

// Amounts come out with a point, and nothing else is touched.
func TestDecimals(t *testing.T) {
	const text = "sku\tAmount\ttotal-amount\tdate\tamount\tpostal\n"
	for _, c := range []struct {
		decimal  byte
		row, out string
	}{
		{',', "1,00\t1,00\t1.234,56\t1,2\t-0,15\t1,00", "1,00\t1.00\t1234.56\t1,2\t-0.15\t1,00"},
		{',', "x\t1234,56\t1.234\t\t12.34\t", "x\t1234.56\t1234\t\t12.34\t"}, // a point with three digits sets off thousands there
		{',', "1,00-\t1,00-\t1.234,56-\t\t-\t", "1,00-\t-1.00\t-1234.56\t\t-\t"},
		{',', "x\t\tEUR 1,00\t\t \t", "x\t\tEUR 1,00\t\t \t"},
		{',', "x\t1 234,50\t(5,00)\t\t\u22123,10\t", "x\t1234.50\t-5.00\t\t-3.10\t"},
		{'.', "1,234.50\t1,234.50\t-7.00\t\t12\t1,234.50", "1,234.50\t1234.50\t-7.00\t\t12\t1,234.50"},
		{'.', "x\t1,00\t.5\t\t007.10\t", "x\t1.00\t0.5\t\t007.10\t"},
		{0, "x\t1,00", "x\t1.00"},
		{',', "x\t1,00\t2\t3\t4,00\t5\t6,00", "x\t1.00\t2\t3\t4.00\t5\t6,00"},
	} {
		rows := NewRows(strings.NewReader(text+c.row+"\n"+c.row+"\n"), RowOptions{Dialect: TSV})
		header, err := rows.Header()
		if err != nil {
			t.Fatal(err)
		}
		d := NewDecimals(header, c.decimal, "total amount", "amount", "nothing")
		n := 0
		for row, err := range rows.All() {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if got := d.Row(row).Strings(); !slices.Equal(got, strings.Split(c.out, "\t")) {
				t.Errorf("decimal %q: %q became %q, want %q", c.decimal, c.row, got, c.out)
			}
		}
		if n != 2 {
			t.Errorf("%d rows", n)
		}
	}
}
