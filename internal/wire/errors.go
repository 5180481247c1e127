package wire

// Error is one entry of SP-API's error list.
type Error struct {
	Code    string
	Message string
	Details string
}

// DecodeErrors reads an error body in any of the shapes that SP-API uses: {"errors":[…]}, {"errors":{"errors":[…]}}, a bare
// array, a bare error, {"message":…}; values may be null or of another type. It reports false where there is no error to be found.
func DecodeErrors(body []byte) ([]Error, bool) {
	var d decoder
	var errs []Error
	_, err := d.read(body, func() { errs = d.errorList(0) })
	if err != nil && len(errs) == 0 {
		return nil, false
	}
	return errs, len(errs) > 0
}

// errorList reads a list, an object that holds a list, or a single error.
func (d *decoder) errorList(depth int) []Error {
	if depth > 3 { // no known envelope nests deeper; hostile ones might
		d.skip()
		return nil
	}
	switch d.next() {
	case arrayToken:
		var out []Error
		for e := (elements{s: &d.scanner}); e.next(); {
			out = append(out, d.errorList(depth+1)...)
		}
		return out
	case objectToken:
		var one Error
		var nested []Error
		for m := (members{s: &d.scanner}); m.next(); {
			switch string(m.name) {
			case "errors", "Errors", "error", "Error":
				if d.next() == stringToken { // Login with Amazon's shape; kept as the code
					one.Code = d.text()
				} else {
					nested = append(nested, d.errorList(depth+1)...)
				}
			case "code", "Code", "errorCode":
				one.Code = d.text()
			case "message", "Message", "errorMessage", "error_description":
				one.Message = d.text()
			case "details", "Details":
				one.Details = d.text()
			default:
				d.skip()
			}
		}
		if one != (Error{}) {
			nested = append(nested, one)
		}
		return nested
	case stringToken: // an array of bare messages
		return []Error{{Message: d.text()}}
	default:
		d.skip()
		return nil
	}
}

// TopLevel finds the errors of a 2xx body, and whether anything else that is not null stands beside them.
func TopLevel(body []byte) (errs []Error, other bool, err error) {
	var d decoder
	_, err = d.read(body, func() {
		errs, other = nil, false
		if d.next() != objectToken {
			other = true
			d.skip()
			return
		}
		for m := (members{s: &d.scanner}); m.next(); {
			if string(m.name) == "errors" {
				errs = append(errs, d.errorList(1)...)
			} else if !d.null() {
				other = true
				d.skip()
			}
		}
	})
	return errs, other, err
}
