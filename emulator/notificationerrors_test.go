package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/openspapi/spapi/marketplace"
)

// TestNotificationErrors reaches each error of the Notifications API that is known, with its very words.
func TestNotificationErrors(t *testing.T) {
	s := newShop(t)
	grantless := s.grantless("sellingpartnerapi::notifications")
	queue := s.notify("POST", "destinations", grantless, sqsDestination).text("payload", "destinationId")
	body := func(destination, more string) string {
		return fmt.Sprintf(`{"payloadVersion":"1.0","destinationId":%q%s}`, destination, more)
	}
	s.want("a subscription", s.notify("POST", "subscriptions/PRICING_HEALTH", s.token, body(queue, "")), 200, queue)
	app, home := s.Credentials().ApplicationID, s.host
	const filter = `{"eventFilterType":"ORDER_CHANGE","marketplaceIds":["ATVPDKIKX0DER"]}`
	const cannot = "Request has missing or invalid parameters and cannot be parsed."
	for _, test := range []struct {
		number                 string // of the facts
		send                   func() response
		status                 int
		code, message, details string
	}{
		{"1", func() response { return s.notify("POST", "destinations", grantless, sqsDestination) }, 409, "Conflict",
			"The requested resource conflict with a resource in the server.",
			"A destination with arn arn:aws:sqs:us-east-1:123456789012:orders already exists for the application " + app},
		{"2", func() response {
			return s.notify("POST", "destinations", grantless, `{"name":"x","resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:123456789012:x"},"eventBridge":{"accountId":"123456789012","region":"us-east-1"}}}`)
		}, 400, "InvalidInput", "Invalid input.", "A destination cannot be created with multiple resource types"},
		{"2, of an empty object", func() response {
			return s.notify("POST", "destinations", grantless, `{"name":"x","resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:123456789012:x"},"eventBridge":{}}}`)
		}, 400, "InvalidInput", "Invalid input.", "A destination cannot be created with multiple resource types"},
		{"3", func() response {
			return s.notify("POST", "destinations", grantless, `{"name":"x","resourceSpecification":{}}`)
		}, 400, "InvalidInput", "Invalid Input", ""},
		{"3, without a name", func() response {
			return s.notify("POST", "destinations", grantless, `{"resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:123456789012:x"}}}`)
		}, 400, "InvalidInput", "Invalid Input", ""},
		{"4, no JSON", func() response { return s.notify("POST", "destinations", grantless, `name=x`) }, 500, "InternalFailure",
			"We encountered an internal error. Please try again.", ""},
		{"4, snake case", func() response {
			return s.notify("POST", "subscriptions/PRICING_HEALTH", s.token, `{"payload_version":"1.0","destination_id":"x"}`)
		}, 500, "InternalFailure", "We encountered an internal error. Please try again.", ""},
		{"5, a seller's token", func() response { return s.notify("GET", "destinations", s.token, "") }, 403, "Unauthorized", "Access to requested resource is denied.", ""},
		{"5, a grantless token", func() response { return s.notify("POST", "subscriptions/PRICING_HEALTH", grantless, body(queue, "")) }, 403, "Unauthorized",
			"Access to requested resource is denied.", ""},
		{"5, no role", func() response {
			s.SetRoles("Product Listing")
			defer s.SetRoles()
			return s.notify("GET", "subscriptions/PRICING_HEALTH", s.token, "")
		}, 403, "Unauthorized", "Access to requested resource is denied.", ""},
		{"5, another region", func() response {
			s.host = marketplace.Europe.Endpoint()
			defer func() { s.host = home }()
			return s.notify("GET", "subscriptions/PRICING_HEALTH", s.token, "")
		}, 403, "Unauthorized", "Access to requested resource is denied.", ""},
		{"6", func() response { return s.notify("DELETE", "destinations/"+queue, grantless, "") }, 403, "Unauthorized", "The requested action is forbidden.",
			"Destination has subscriptions"},
		{"7", func() response { return s.notify("POST", "subscriptions/FEE_PROMOTION", s.token, body("x", "")) }, 400, "InvalidInput", cannot,
			"No destination with id x for applicationId " + app},
		{"8", func() response { return s.notify("POST", "subscriptions/PRICING_HEALTH", s.token, body(queue, "")) }, 409, "StateConflict",
			"The resource specified conflicts with the current state.", "Subscription already exist for notification type PRICING_HEALTH"},
		{"9", func() response { return s.notify("POST", "subscriptions/ORDER_CHANGE", s.token, body(queue, "")) }, 400, "InvalidInput", cannot,
			"Processing Directive eventFilter must not be empty"},
		{"9, null", func() response {
			return s.notify("POST", "subscriptions/ORDER_CHANGE", s.token, body(queue, `,"processingDirective":null`))
		}, 400, "InvalidInput", cannot, "Processing Directive eventFilter must not be empty"},
		{"10", func() response {
			return s.notify("POST", "subscriptions/ORDER_CHANGE", s.token, body(queue, `,"processingDirective":{"eventFilter":`+filter+`}`))
		}, 400, "InvalidInput", cannot, "EventFilter Payload " + filter + " failed to validate for notification type ORDER_CHANGE"},
		{"11", func() response {
			return s.notify("POST", "subscriptions/LISTINGS_ITEM_STATUS_CHANGE", s.token, body(queue, ""))
		}, 400, "InvalidInput", cannot, ""},
		{"12, a subscription", func() response { return s.notify("GET", "subscriptions/FEE_PROMOTION", s.token, "") }, 404, "NotFound", "The resource specified does not exist.", ""},
		{"12, a destination", func() response { return s.notify("GET", "destinations/x", grantless, "") }, 404, "NotFound", "The resource specified does not exist.", ""},
		{"13", func() response {
			id, err := s.AddFault(Fault{Kind: FaultThrottle, Operation: "notificationsv1.getDestinations"})
			if err != nil {
				t.Fatal(err)
			}
			defer s.RemoveFault(id)
			return s.notify("GET", "destinations", grantless, "")
		}, 429, "QuotaExceeded", "You exceeded your quota for the requested resource.", ""},
		// What is wrong first is told: type, body, directive, destination, its kind, conflict.
		{"order: type before body", func() response {
			return s.notify("POST", "subscriptions/SOMETHING", s.token, body("x", `,"processingDirective":{}`))
		}, 400, "InvalidInput",
			"Invalid value SOMETHING for path parameter notificationType", ""},
		{"order: directive before destination", func() response { return s.notify("POST", "subscriptions/ORDER_CHANGE", s.token, body("x", "")) }, 400, "InvalidInput", cannot,
			"Processing Directive eventFilter must not be empty"},
		{"order: destination before its kind", func() response {
			return s.notify("POST", "subscriptions/LISTINGS_ITEM_STATUS_CHANGE", s.token, body("x", ""))
		}, 400, "InvalidInput", cannot,
			"No destination with id x for applicationId " + app},
		{"order: token before type", func() response { return s.notify("POST", "subscriptions/SOMETHING", "none", body("x", "")) }, 403, "Unauthorized",
			"Access to requested resource is denied.", ""},
	} {
		got := test.send()
		if got.status != test.status || got.text("errors", 0, "code") != test.code || got.text("errors", 0, "message") != test.message {
			t.Errorf("%s: %d %s", test.number, got.status, got.body)
		}
		// Details that are empty stand there as "" where Amazon was seen to have them; what it says of a token is no matter of this API.
		details, there := got.path("errors", 0, "details").(string)
		if (details != test.details || !there && !strings.HasPrefix(test.number, "12")) && !strings.HasPrefix(test.number, "order: t") {
			t.Errorf("%s: details %q (there: %t), want %q", test.number, details, there, test.details)
		}
	}
	s.want("the bucket", s.notify("GET", "destinations", grantless, ""), http.StatusOK, queue)
}
