package answer

import (
	"net/http"
	"strings"
)

// Plain is an error without details, as some services have it.
func Plain(status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: &message}
}

// Absent is a 404 without details: of reports (lineofflight/peddler, test/vcr_cassettes/Peddler/Error/NotFoundTest, October 2024), listings
// (selling-partner-api-models#4283) and catalog items (jlevers/selling-partner-api#451).
func Absent(code, message string) *Error { return Plain(http.StatusNotFound, code, message) }

// DetailsFailures tells whether an operation's own 500 has details, which are empty: that of orders v0 (selling-partner-api-models#5230, of 2026, and
// selling-partner-api-docs#2237) and of listings items (selling-partner-api-models#2393) has; elsewhere there was none.
func DetailsFailures(operation string) bool {
	return strings.HasPrefix(operation, "ordersv0.") || strings.HasPrefix(operation, "listingsitems")
}

// DetailedFailure is that 500.
func DetailedFailure() *Error {
	e := Plain(http.StatusInternalServerError, "InternalFailure", "We encountered an internal error. Please try again.")
	e.Details = new(string)
	return e
}
