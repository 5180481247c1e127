// Package export writes the rows of documents as CSV, JSONL and Parquet, in constant memory, to files that appear when they are whole.
//
// It stands apart from package document so that programs that only read reports carry no Parquet.
package export
