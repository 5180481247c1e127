package quickstart

import (
	"bytes"
	"io"
	"net/http"
	"sync"

	"github.com/openspapi/spapi/internal/cli/curl"
)

// recorder keeps what went over the wire, with secrets taken out, on the way to the next round tripper.
type recorder struct {
	next http.RoundTripper

	mu      sync.Mutex
	request string // the first one, as curl
	status  []int
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := peek(req)
	if err != nil {
		return nil, err
	}
	if body != nil { // a round tripper must not change its request
		req = req.WithContext(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	command := curl.Command(req, body, curl.Options{})
	resp, err := r.next.RoundTrip(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.request == "" {
		r.request = command
	}
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	r.status = append(r.status, status)
	return resp, err
}

// peek reads the body of a request, nil without one.
func peek(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	defer req.Body.Close()
	return io.ReadAll(req.Body)
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.request, r.status = "", nil
}

func (r *recorder) first() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.request
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.status)
}

// statuses counts the replies with a status.
func (r *recorder) statuses(status int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.status {
		if s == status {
			n++
		}
	}
	return n
}
