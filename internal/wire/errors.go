package wire

import (
	"bytes"

	"github.com/go-faster/jx"
)

// Error is one entry of SP-API's error list.
type Error struct {
	Code    string
	Message string
	Details string
}

// DecodeErrors reads an error body in any of the shapes that SP-API uses: {"errors":[…]}, {"errors":{"errors":[…]}}, a bare
// array, a bare error, {"message":…}; values may be null or of another type. It reports false where there is no error to be found.
func DecodeErrors(body []byte) ([]Error, bool) {
	var d Decoder
	d.Reset(body)
	errs := errorList(&d, 0)
	if _, err := d.Finish(); err != nil && len(errs) == 0 {
		return nil, false
	}
	return errs, len(errs) > 0
}

// errorList reads a list, an object that holds a list, or a single error.
func errorList(d *Decoder, depth int) []Error {
	if depth > 3 { // no known envelope nests deeper; hostile ones might
		d.Skip()
		return nil
	}
	switch d.next() {
	case jx.Array:
		var out []Error
		arr, _ := d.Array()
		for arr.Next() {
			out = append(out, errorList(d, depth+1)...)
		}
		return out
	case jx.Object:
		var one Error
		var nested []Error
		obj, _ := d.Object()
		for obj.Next() {
			switch string(obj.Key()) {
			case "errors", "Errors", "error", "Error":
				if d.next() == jx.String { // Login with Amazon's shape; kept as the code
					one.Code = d.String()
				} else {
					nested = append(nested, errorList(d, depth+1)...)
				}
			case "code", "Code", "errorCode":
				one.Code = d.String()
			case "message", "Message", "errorMessage", "error_description":
				one.Message = d.String()
			case "details", "Details":
				one.Details = d.String()
			default:
				d.Skip()
			}
		}
		if one != (Error{}) {
			nested = append(nested, one)
		}
		return nested
	case jx.String: // an array of bare messages
		return []Error{{Message: d.String()}}
	default:
		d.Skip()
		return nil
	}
}

var errorsKey = []byte(`"errors"`)

// TopLevel finds the errors of a 2xx body, and whether anything else that is not null stands beside them.
func TopLevel(body []byte) (errs []Error, other bool, err error) {
	if !bytes.Contains(body, errorsKey) { // nearly every success: no second look at the body
		return nil, true, nil
	}
	var d Decoder
	d.Reset(body)
	if d.next() != jx.Object {
		return nil, true, nil
	}
	obj, _ := d.Object()
	for obj.Next() {
		if string(obj.Key()) == "errors" {
			errs = append(errs, errorList(&d, 1)...)
		} else if d.Present() {
			other = true
			d.Skip()
		}
	}
	_, err = d.Finish()
	return errs, other, err
}
