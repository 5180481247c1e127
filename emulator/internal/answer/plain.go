package answer

import "net/http"

// Plain is an error without details, as some services have it.
func Plain(status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: &message}
}

// Absent is a 404 without details: of reports (lineofflight/peddler, test/vcr_cassettes/Peddler/Error/NotFoundTest, October 2024), listings
// (selling-partner-api-models#4283) and catalog items (jlevers/selling-partner-api#451).
func Absent(code, message string) *Error { return Plain(http.StatusNotFound, code, message) }
