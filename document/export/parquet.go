package export

import (
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/snappy"
	"github.com/parquet-go/parquet-go/encoding"

	"github.com/openspapi/spapi/document"
)

// Kind is the type of a Parquet column. All columns are optional: an empty cell is null, except in a string column, where only a missing one is.
type Kind int

// The kinds of columns. Floats are left out on purpose: amounts are decimals.
const (
	String    Kind = iota
	Int64          // whole numbers
	Decimal        // DECIMAL of 18 digits, Column.Scale of them after the point
	Bool           // true and false, Y and N
	Timestamp      // milliseconds, UTC
	Date           // the calendar date as it stands in the cell
)

// Column gives a column of the document a type.
type Column struct {
	Name  string // as [document.Header.Index] finds it
	Kind  Kind
	Scale int // digits after the point of a Decimal, 0 to 18; a value with more is an error
}

// ParquetOptions say how rows are stored. The zero value is ready for use.
type ParquetOptions struct {
	Columns []Column // those that are not strings; default none
	Decode  document.DecodeOptions

	RowGroup int // bytes of text after which a row group is written; default 16 MiB. They bound the memory.
}

const (
	defaultRowGroup = 16 << 20
	// pageMemory is shared by the pages of all columns: a report may have 300 of them.
	pageMemory = 4 << 20
	batchBytes = 256 << 10
	batchCells = 16 << 10
)

type parquetWriter struct {
	// Not parquet.GenericWriter, which supersedes it for Go structs: that reads their tags, so every codec and a reader would be linked, 2.7 MB.
	w       *parquet.Writer //nolint:staticcheck // as above
	columns []*parquet.ColumnWriter
	kinds   []converter
	names   []string
	options ParquetOptions

	arena  []byte            // text of the batch
	values [][]parquet.Value // by column
	rows   int
	group  int // bytes in the row group
}

// converter makes the value of a cell that is not empty.
type converter func(cell string) (parquet.Value, error)

// NewParquet writes Parquet with Snappy compression; the columns have the names of [document.Header.Unique], in the document's order, and
// then [Extra]. An empty document gives a file with that column alone. A cell that does not fit its column's kind is null where Decode.OnCell is set, which is
// told; otherwise Write returns a [*document.CellError]. So does Write for [Column] names that the document lacks, as a [*document.ColumnError] from NewParquet.
func NewParquet(w io.Writer, header *document.Header, options ParquetOptions) (Writer, error) {
	if options.RowGroup <= 0 {
		options.RowGroup = defaultRowGroup
	}
	names := uniqueExtra(header.Unique())
	if len(names) > parquet.MaxColumnIndex+1 {
		return nil, fmt.Errorf("export: %d columns are too many for Parquet: want at most %d", header.Len(), parquet.MaxColumnIndex)
	}
	types := make([]Column, len(names))
	var missing [][]string
	for _, c := range options.Columns {
		i := header.Index(c.Name)
		if i < 0 {
			missing = append(missing, []string{c.Name})
			continue
		}
		if c.Kind < String || c.Kind > Date || c.Scale < 0 || c.Scale > 18 {
			return nil, fmt.Errorf("column %q: kind %d or scale %d is unknown; scales go from 0 to 18", c.Name, c.Kind, c.Scale)
		}
		types[i] = c
	}
	if missing != nil {
		return nil, &document.ColumnError{Missing: missing, Found: header.Unique()}
	}
	p := &parquetWriter{options: options, names: names, arena: make([]byte, 0, batchBytes), values: make([][]parquet.Value, len(names))}
	root := orderedGroup{}
	for i, name := range names {
		node, convert := columnOf(types[i], options.Decode)
		root = append(root, field{Node: parquet.Optional(node), name: name})
		p.kinds = append(p.kinds, convert)
		p.values[i] = make([]parquet.Value, 0, 64)
	}
	p.w = parquet.NewWriter(w, parquet.NewSchema("report", root),
		parquet.Compression(&fastSnappy{}), parquet.PageBufferSize(min(max(pageMemory/len(names), 8<<10), 256<<10)),
		parquet.DataPageStatistics(false), parquet.CreatedBy("github.com/openspapi/spapi", "", ""))
	p.columns = p.w.ColumnWriters()
	return p, nil
}

// fastSnappy packs with half the work of snappy.Codec, which looks for better matches; readers see no difference.
type fastSnappy struct{ snappy.Codec }

func (*fastSnappy) Encode(dst, src []byte) ([]byte, error) {
	return s2.EncodeSnappy(dst[:cap(dst)], src), nil
}

// uniqueExtra adds the column of surplus fields under a name that no other has.
func uniqueExtra(names []string) []string {
	extra := Extra
	for i := 0; i < len(names); i++ {
		if names[i] == extra {
			extra += "_"
			i = -1
		}
	}
	return append(names, extra)
}

// orderedGroup keeps the document's order; parquet.Group sorts by name.
type orderedGroup []field

type field struct {
	parquet.Node
	name string
}

func (f field) Name() string { return f.name }

// Value is for Go structs, of which none is written.
func (f field) Value(reflect.Value) reflect.Value { return reflect.Value{} }

func (g orderedGroup) ID() int            { return 0 }
func (g orderedGroup) String() string     { return "report" }
func (g orderedGroup) Type() parquet.Type { return parquet.Group{}.Type() }
func (g orderedGroup) Optional() bool     { return false }
func (g orderedGroup) Repeated() bool     { return false }
func (g orderedGroup) Required() bool     { return true }
func (g orderedGroup) Leaf() bool         { return false }
func (g orderedGroup) Fields() []parquet.Field {
	fields := make([]parquet.Field, len(g))
	for i := range g {
		fields[i] = g[i]
	}
	return fields
}
func (g orderedGroup) Encoding() encoding.Encoding { return nil }
func (g orderedGroup) Compression() compress.Codec { return nil }

// GoType is for Go structs. A real one cannot be made of every column name.
func (g orderedGroup) GoType() reflect.Type { return reflect.TypeFor[struct{}]() }

func columnOf(c Column, options document.DecodeOptions) (parquet.Node, converter) {
	switch c.Kind {
	case Int64:
		return parquet.Int(64), func(cell string) (parquet.Value, error) {
			i, err := scaled(cell, 0, options.Decimal)
			return parquet.Int64Value(i), err
		}
	case Decimal:
		return parquet.Decimal(c.Scale, 18, parquet.Int64Type), func(cell string) (parquet.Value, error) {
			i, err := scaled(cell, c.Scale, options.Decimal)
			return parquet.Int64Value(i), err
		}
	case Bool:
		return parquet.Leaf(parquet.BooleanType), func(cell string) (parquet.Value, error) {
			b, err := document.ParseBool(cell)
			return parquet.BooleanValue(b), err
		}
	case Timestamp:
		parser := document.NewTimeParser(options.Time)
		return parquet.Timestamp(parquet.Millisecond), func(cell string) (parquet.Value, error) {
			t, err := parser.Parse(cell)
			return parquet.Int64Value(t.UnixMilli()), err
		}
	case Date:
		parser := document.NewTimeParser(options.Time)
		return parquet.Date(), func(cell string) (parquet.Value, error) {
			t, err := parser.Parse(cell)
			day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400
			if day != int64(int32(day)) {
				return parquet.Value{}, fmt.Errorf("%q is out of range", cell)
			}
			return parquet.Int32Value(int32(day)), err
		}
	}
	return parquet.String(), nil
}

// scaled reads a decimal as an integer count of its last digit.
func scaled(cell string, scale int, decimal byte) (int64, error) {
	n, err := document.ParseNumber(cell, decimal)
	if err != nil {
		return 0, err
	}
	whole, fraction, _ := strings.Cut(n, ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > scale || strings.ContainsAny(n, "eE") {
		return 0, fmt.Errorf("%q has more than %d digits after the point", cell, scale)
	}
	i, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", scale-len(fraction)), 10, 64)
	if err != nil || i >= int64(math.Pow10(18)) || i <= -int64(math.Pow10(18)) {
		return 0, fmt.Errorf("%q is too large for a column of 18 digits, %d after the point", cell, scale)
	}
	return i, nil
}

func (p *parquetWriter) Write(row document.Row) error {
	extra := len(p.names) - 1
	n := row.Len()
	for i := range extra {
		v := parquet.NullValue()
		if cell := row.Field(i); cell != nil {
			if convert := p.kinds[i]; convert == nil {
				v = parquet.ByteArrayValue(p.keep(cell))
			} else if text := strings.TrimSpace(string(cell)); text != "" {
				var err error
				if v, err = convert(text); err != nil {
					cellErr := &document.CellError{Line: row.Line(), Column: p.names[i], Value: text, Err: err}
					if p.options.Decode.OnCell == nil {
						p.drop(i)
						return cellErr
					}
					p.options.Decode.OnCell(cellErr)
					v = parquet.NullValue()
				}
			}
		}
		p.add(i, v)
	}
	v := parquet.NullValue()
	if n > extra {
		var surplus []byte
		for i := extra; i < n; i++ {
			if i > extra {
				surplus = append(surplus, '\t')
			}
			surplus = append(surplus, row.Field(i)...)
		}
		v = parquet.ByteArrayValue(p.keep(surplus))
	}
	p.add(extra, v)
	p.rows++
	if p.rows*len(p.names) >= batchCells || len(p.arena) >= batchBytes {
		return p.flush()
	}
	return nil
}

// drop takes back the columns of a row that was not finished.
func (p *parquetWriter) drop(columns int) {
	for i := range columns {
		p.values[i] = p.values[i][:p.rows]
	}
}

func (p *parquetWriter) add(i int, v parquet.Value) {
	definition := 1
	if v.IsNull() {
		definition = 0
	}
	p.values[i] = append(p.values[i], v.Level(0, definition, i))
}

// keep copies a cell, which the next row overwrites. When the arena grows, what was cut from it before stays where it is.
func (p *parquetWriter) keep(cell []byte) []byte {
	start := len(p.arena)
	p.arena = append(p.arena, cell...)
	return p.arena[start:len(p.arena):len(p.arena)]
}

// flush hands the batch to the columns, and ends the row group when it is large enough.
func (p *parquetWriter) flush() error {
	for i, c := range p.columns {
		if _, err := c.WriteRowValues(p.values[i]); err != nil {
			return err
		}
		p.values[i] = p.values[i][:0]
	}
	p.group += len(p.arena) + 8*p.rows*len(p.names)
	p.rows = 0
	p.arena = p.arena[:0]
	if cap(p.arena) > 4*batchBytes { // one huge row
		p.arena = make([]byte, 0, batchBytes)
	}
	if p.group < p.options.RowGroup {
		return nil
	}
	p.group = 0
	for _, c := range p.columns {
		if err := c.Flush(); err != nil {
			return err
		}
	}
	err := p.w.Flush()
	if errors.Is(err, parquet.ErrTooManyRowGroups) {
		return fmt.Errorf("%w; raise the size of a row group", err)
	}
	return err
}

func (p *parquetWriter) Close() error {
	if p.rows > 0 {
		if err := p.flush(); err != nil {
			return err
		}
	}
	return p.w.Close()
}
