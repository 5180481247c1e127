package document

// Decimals writes the amounts of rows as JSON and databases have them, whatever the marketplace writes: "1.234,56" becomes "1234.56". Cells that are no
// number stay as they are, and so do all other columns: a SKU may well look like an amount.
type Decimals struct {
	columns []int
	decimal byte
	data    []byte
	spans   []span
}

// NewDecimals is for the columns that have one of the names, without regard to case, spaces, hyphens and underscores; decimal is the separator of their
// amounts, as [ParseNumber] takes it.
func NewDecimals(header *Header, decimal byte, names ...string) *Decimals {
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[fold(name)] = true
	}
	d := &Decimals{decimal: decimal}
	for i, name := range header.names {
		if wanted[fold(name)] {
			d.columns = append(d.columns, i)
		}
	}
	return d
}

// Row returns the row with its amounts rewritten. Like the row itself it is valid until the next.
func (d *Decimals) Row(row Row) Row {
	changed := false
	for _, i := range d.columns {
		cell := row.Field(i)
		if len(cell) == 0 || d.plain(cell) {
			continue
		}
		number, err := ParseNumber(string(cell), d.decimal)
		if err != nil {
			continue
		}
		if !changed {
			changed = true
			d.data = append(d.data[:0], row.data...)
			d.spans = append(d.spans[:0], row.spans...)
			row.data, row.spans = d.data, d.spans
		}
		from := len(d.data)
		d.data = append(d.data, number...)
		d.spans[i] = span{from, len(d.data)}
		row.data = d.data
	}
	return row
}

// plain reports whether a cell is as it shall be already.
func (d *Decimals) plain(cell []byte) bool {
	if cell[0] == '-' {
		cell = cell[1:]
	}
	point := d.decimal != ',' // else a point may set off thousands
	for i, c := range cell {
		if c == '.' && point && i > 0 && i < len(cell)-1 {
			point = false
		} else if c < '0' || c > '9' {
			return false
		}
	}
	return len(cell) > 0
}
