package gateway

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/document/export"
	"github.com/openspapi/spapi/marketplace"
	"github.com/openspapi/spapi/reports"
)

// Callers that want rows, not what lies at S3, add to the address of a document:
//
//	?decode=utf-8   unpacked, in UTF-8
//	?decode=jsonl   an object for each row, named by the header
//	?decode=csv     RFC 4180, whatever separators and quotes the document has
//	&report-type=GET_…&marketplace=A1PA6795UKMFR9   what it is, where the gateway didn't see the report itself
const decodeParameter = "decode"

// decodeDocument passes a document on as text or rows.
func (x *exchange) decodeDocument(a *address) {
	q := x.r.URL.Query()
	as := strings.ToLower(q.Get(decodeParameter))
	kinds := map[string]string{"utf-8": "text/plain; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8", "csv": "text/csv; charset=utf-8; header=present"}
	kind := kinds[as]
	if kind == "" {
		x.refuseDocument(&storeError{Code: "InvalidArgument", Message: decodeParameter + "=" + strconv.QuoteToASCII(cut(as, 40)) + ": want utf-8, jsonl or csv",
			status: http.StatusBadRequest, why: "decode"})
		return
	}
	if a.Type == "" {
		a.Type = q.Get("report-type")
	}
	if a.Store == "" {
		a.Store = q.Get("marketplace")
	}
	t, _ := reports.LookupType(a.Type)
	options := document.Options{Transport: x.transport(), MaxAttempts: 4}
	if m, ok := marketplace.ByID(a.Store); ok {
		options.Charset = m.Charset
	}
	if t.Format == "JSON" || x.op.API == "datakiosk20231115" {
		options.Charset = "UTF-8"
	}
	in, err := document.Open(x.r.Context(), x.resolve(a), options)
	if err != nil {
		x.refuseDecoding(err)
		return
	}
	defer func() { _ = in.Close() }()
	if as == "utf-8" {
		if content := in.ContentType(); content != "" {
			kind, _, _ = strings.Cut(content, ";")
			kind = strings.TrimSpace(kind) + "; charset=utf-8"
		}
		x.give(kind)
		x.copy(in, -1)
		return
	}
	if as == "jsonl" && x.op.API == "datakiosk20231115" { // it is that already
		x.give(kind)
		x.copy(in, -1)
		return
	}
	rows := document.NewRows(in, document.RowOptions{FindHeader: t.Explained})
	header, err := rows.Header()
	if err != nil {
		x.refuseDecoding(err)
		return
	}
	x.give(kind)
	if x.r.Method == http.MethodHead {
		return
	}
	to := &pacedWriter{x}
	out := export.NewJSONL(to, header)
	if as == "csv" {
		out = export.NewCSV(to, header)
	}
	if err := export.Copy(out, rows); err != nil {
		x.abort("decode", err)
	}
}

// pacedWriter gives the caller its time for each piece.
type pacedWriter struct{ x *exchange }

func (w *pacedWriter) Write(p []byte) (int, error) {
	w.x.limitWrite()
	return w.x.w.Write(p)
}

func (x *exchange) give(kind string) {
	x.pass(http.Header{"Content-Type": {kind}})
	x.limitWrite()
	x.w.WriteHeader(http.StatusOK)
}

// refuseDecoding tells what can't be read apart from what can't be fetched.
func (x *exchange) refuseDecoding(err error) {
	var table *document.NoTableError
	var packing *document.CompressionError
	var corrupt *document.CorruptError
	var line *document.LineError
	switch {
	case errors.As(err, &table), errors.As(err, &packing), errors.As(err, &corrupt), errors.As(err, &line):
		x.refuseDocument(&storeError{Code: "InvalidContent", Message: err.Error() + ". Without " + decodeParameter + " the address gives the document as it is, with " +
			decodeParameter + "=utf-8 its text.", status: http.StatusUnprocessableEntity, why: "decode"})
	case errors.Is(err, io.ErrUnexpectedEOF):
		x.refuseDocument(&storeError{Code: "IncompleteBody", Message: err.Error(), status: http.StatusBadGateway, why: "decode"})
	default:
		x.refuseDocument(fetchFailed(err))
	}
}
