package sqs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// definite is which of SQS's errors stay until somebody changes something, and what that is. Some have a namespace in front,
// "AWS.SimpleQueueService.NonExistentQueue".
var definite = []struct{ code, means string }{
	{"AccessDenied", "the identity lacks the permission, in its own policy or the queue's"},
	{"AccessDeniedException", "the identity lacks the permission, in its own policy or the queue's"},
	{"QueueDoesNotExist", "no such queue in this region and account"},
	{"NonExistentQueue", "no such queue in this region and account"},
	{"InvalidAddress", "the URL is none of a queue in this region"},
	{"InvalidClientTokenId", "the access key is unknown"},
	{"UnrecognizedClientException", "the access key is unknown"},
	{"SignatureDoesNotMatch", "the secret access key is wrong"},
	{"ExpiredToken", "the credentials have expired"},
	{"InvalidSecurity", "the request must be signed and go over TLS"},
	{"UnsupportedOperation", "the queue doesn't do that"},
	{"OptInRequired", "the account isn't enabled for SQS"},
	{"KmsAccessDenied", "the identity may not use the queue's key: it needs kms:Decrypt"},
	{"KMS.AccessDeniedException", "the identity may not use the queue's key: it needs kms:Decrypt"},
	{"KmsDisabled", "the queue's key is disabled"},
	{"KmsNotFound", "the queue's key is gone"},
	{"KmsInvalidState", "the queue's key can't be used in its state"},
	{"KmsInvalidKeyUsage", "the queue's key is not for encryption"},
	{"KmsOptInRequired", "the account isn't enabled for KMS"},
}

// means is what a code of definite means, or "".
func means(code string) string {
	bare := code[strings.LastIndexByte(code, '.')+1:]
	for _, d := range definite {
		if d.code == code || d.code == bare {
			return d.means
		}
	}
	return ""
}

func isDefinite(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && means(api.ErrorCode()) != ""
}

// failed dresses an error of SQS. What it says of receipt handles isn't repeated.
func failed(operation, queueURL string, err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return fmt.Errorf("notifications/sqs: %s %s: %w", operation, queueURL, err)
	}
	return &apiError{operation, queueURL, api}
}

type apiError struct {
	operation, queueURL string
	api                 smithy.APIError
}

func (e *apiError) Error() string {
	text := fmt.Sprintf("notifications/sqs: %s %s: %s", e.operation, e.queueURL, e.api.ErrorCode())
	if m := means(e.api.ErrorCode()); m != "" {
		text += ": " + m
	}
	return text
}

func (e *apiError) Unwrap() error { return e.api }

// bound is how long a request may take, the SDK's own retries included; a long poll has its wait on top.
const bound = 20 * time.Second

// bounded ends a request in time: AWS's SDK waits for ever for a server that stays silent.
func bounded(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, wait+bound)
}
