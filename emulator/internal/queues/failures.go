package queues

import (
	"fmt"
	"net/http"
)

// shape is an error of SQS: its name in the model, and the one that older SDKs know it by (awsQueryError in
// github.com/aws/aws-models, sqs; docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html).
type shape struct{ name, code string }

const legacy = "AWS.SimpleQueueService."

var (
	batchEntryIdsNotDistinct = shape{"BatchEntryIdsNotDistinct", legacy + "BatchEntryIdsNotDistinct"}
	batchRequestTooLong      = shape{"BatchRequestTooLong", legacy + "BatchRequestTooLong"}
	emptyBatchRequest        = shape{"EmptyBatchRequest", legacy + "EmptyBatchRequest"}
	invalidAddress           = shape{"InvalidAddress", "InvalidAddress"}
	invalidAttributeName     = shape{"InvalidAttributeName", "InvalidAttributeName"}
	invalidAttributeValue    = shape{"InvalidAttributeValue", "InvalidAttributeValue"}
	invalidBatchEntryID      = shape{"InvalidBatchEntryId", legacy + "InvalidBatchEntryId"}
	invalidMessageContents   = shape{"InvalidMessageContents", "InvalidMessageContents"}
	invalidParameterValue    = shape{"InvalidParameterValueException", "InvalidParameterValue"}
	messageNotInflight       = shape{"MessageNotInflight", legacy + "MessageNotInflight"}
	missingParameter         = shape{"MissingRequiredParameterException", "MissingParameter"}
	overLimit                = shape{"OverLimit", "OverLimit"}
	purgeQueueInProgress     = shape{"PurgeQueueInProgress", legacy + "PurgeQueueInProgress"}
	queueDeletedRecently     = shape{"QueueDeletedRecently", legacy + "QueueDeletedRecently"}
	queueDoesNotExist        = shape{"QueueDoesNotExist", legacy + "NonExistentQueue"}
	queueNameExists          = shape{"QueueNameExists", "QueueAlreadyExists"}
	receiptHandleIsInvalid   = shape{"ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"}
	resourceNotFound         = shape{"ResourceNotFoundException", "ResourceNotFoundException"}
	tooManyEntries           = shape{"TooManyEntriesInBatchRequest", legacy + "TooManyEntriesInBatchRequest"}
	unsupportedOperation     = shape{"UnsupportedOperation", legacy + "UnsupportedOperation"}
	serialization            = shape{"SerializationException", "SerializationException"}
	unknownOperation         = shape{"UnknownOperationException", "UnknownOperationException"}

	// What a service of AWS as a whole says.
	throttled   = shape{"RequestThrottled", "RequestThrottled"}
	internal    = shape{"InternalFailure", "InternalFailure"}
	unavailable = shape{"ServiceUnavailable", "ServiceUnavailable"}
)

// failure is an error of a request, or of an entry of a batch.
type failure struct {
	shape
	status  int
	message string
}

func fail(s shape, format string, args ...any) *failure {
	return &failure{s, http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// fault is whose the error is.
func (f *failure) fault() string {
	if f.status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

func (f *failure) response() Response {
	b := append([]byte(`{"__type":"com.amazonaws.sqs#`), f.name...)
	b = append(b, `","message":`...)
	b = append(appendText(b, f.message), '}')
	return Response{Status: f.status, Body: b, QueryError: f.code + ";" + f.fault(), Reason: "sqs: " + f.name + ": " + f.message}
}

// Throttled is how SQS says that there are too many requests; Internal and Unavailable say that something is wrong with it.
func Throttled() Response {
	return fail(throttled, "The request was denied due to request throttling.").response()
}

// Internal is a 500.
func Internal() Response {
	return (&failure{internal, http.StatusInternalServerError, "The request processing has failed because of an unknown error, exception or failure."}).response()
}

// Unavailable is a 503.
func Unavailable() Response {
	return (&failure{unavailable, http.StatusServiceUnavailable, "The request has failed due to a temporary failure of the server."}).response()
}
