package stored

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// AttemptTimeout bounds one request to a store in AWS, from the connection to the last byte of the answer, which has a few MiB at most. AWS's SDK
// has no such bound, and repeats a request that has failed twice by itself.
const AttemptTimeout = 30 * time.Second

// errLate is not the caller's own deadline, which is a context.DeadlineExceeded.
var errLate = fmt.Errorf("no answer within %s: %w", AttemptTimeout, os.ErrDeadlineExceeded)

// Doer is what AWS's SDK sends requests with.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Bounded is next with AttemptTimeout.
func Bounded(next Doer) Doer { return bounded{next} }

type bounded struct{ next Doer }

func (b bounded) Do(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(req.Context(), AttemptTimeout, errLate)
	defer cancel()
	resp, err := b.next.Do(req.WithContext(ctx))
	if err == nil {
		var body []byte
		body, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	if err != nil && errors.Is(context.Cause(ctx), errLate) {
		err = errLate
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}
