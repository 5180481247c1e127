package output

import (
	"context"
	"encoding/json"
)

// Stream writes rows as they come, where the format allows it: JSON lines, and the results of --jq. Other formats are written by Close.
type Stream struct {
	p       *Printer
	columns []Column
	rows    []json.RawMessage
}

// Stream returns a stream of rows.
func (p *Printer) Stream(columns ...Column) *Stream {
	return &Stream{p: p, columns: columns, rows: []json.RawMessage{}}
}

// Add adds a row.
func (s *Stream) Add(ctx context.Context, row any) error {
	raw, err := encode(row)
	if err != nil {
		return err
	}
	if s.p.Flags.JQ.code != nil {
		results, err := s.p.Flags.JQ.run(ctx, raw)
		if err != nil {
			return err
		}
		if format := s.p.Format(); format == "" || format == JSONL || format == JSON {
			return s.p.printResults(results)
		}
		s.rows = append(s.rows, results...)
		return nil
	}
	if s.p.Format() == JSONL {
		return writeLines(s.p.Streams.Out, []json.RawMessage{raw})
	}
	s.rows = append(s.rows, raw)
	return nil
}

// Close writes what Add kept.
func (s *Stream) Close() error {
	if s.p.Flags.JQ.code != nil {
		if len(s.rows) == 0 {
			return nil
		}
		return s.p.printResults(s.rows)
	}
	if s.p.Format() == JSONL {
		return nil
	}
	raw, err := encode(s.rows)
	if err != nil {
		return err
	}
	return s.p.print(raw, s.columns)
}
