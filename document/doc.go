// Package document is the stream under reports, feeds and Data Kiosk: from a presigned URL to text and rows, in constant memory.
//
// [Open] fetches a document without any credentials of SP-API, goes on where a connection broke, asks for a new URL when the old one
// has expired, unpacks gzip exactly once, checks that nothing is missing, and converts the text to UTF-8, whatever was declared of it. On the [Reader]
// stand [Rows] for tab- and comma-separated reports, [Decode] for rows as structs, [Elements] for big JSON documents and
// [Lines] for JSONL. They take any other reader too, such as a [TextReader] on a file. Files of other formats are written by the package export.
//
// Errors can be told apart with errors.As and errors.Is: of fetching [*FetchError], [*TruncatedError], [*CorruptError], [*CompressionError] and [ErrChanged]; of rows
// [*LineError], [*ColumnError] and [*CellError]; of JSON [*ElementError] and [*PathError].
package document
