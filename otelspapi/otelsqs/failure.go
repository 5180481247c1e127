package otelsqs

import (
	"context"
	"errors"
	"net"
	"regexp"

	"github.com/aws/smithy-go"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

// code is what a code of AWS's errors looks like.
var code = regexp.MustCompile(`^[A-Za-z.]{1,80}$`)

// failure is what error.type says: AWS's code, or the kind of a handler's error; "" where nothing failed. Texts of errors aren't told.
func failure(err error) string {
	if err == nil {
		return ""
	}
	var (
		aws       smithy.APIError
		panicked  *sqs.PanicError
		unhandled *notifications.UnhandledError
		api       *spapi.APIError
		limit     *spapi.LimitError
		network   net.Error
	)
	switch {
	case errors.As(err, &panicked):
		return "panic"
	case errors.As(err, &unhandled):
		return "unhandled"
	case errors.As(err, &limit):
		return "limit"
	case errors.As(err, &api):
		return "api"
	case errors.As(err, &aws) && code.MatchString(aws.ErrorCode()):
		return aws.ErrorCode()
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &network):
		return "network"
	}
	return other
}
