package fleet

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

// grantingServer lets each call through at once: what is left is the work of this process.
type grantingServer struct{ takes int64 }

func (s *grantingServer) Run(_ context.Context, script *Script, _ []string, args ...string) (any, error) {
	if script != limitScript {
		return []any{int64(1), int64(0)}, nil
	}
	calls, err := strconv.ParseInt(strings.Split(args[0], ",")[8], 10, 64)
	if err != nil {
		return nil, err
	}
	reply := []any{int64(0), int64(0), int64(0), int64(0), calls}
	for i := range calls {
		s.takes++
		reply = append(reply, i, int64(0), s.takes)
	}
	return append(reply, "1000", int64(1000), int64(1000), int64(0), int64(0), s.takes, int64(0)), nil
}

func (s *grantingServer) Get(context.Context, string) (string, bool, error)        { return "", false, nil }
func (s *grantingServer) Set(context.Context, string, string, time.Duration) error { return nil }
func (s *grantingServer) Drop()                                                    {}

// BenchmarkFree is what a call for which nothing waits costs this process: its bucket is asked for, and its reply noted.
func BenchmarkFree(b *testing.B) {
	l := NewLimiter(&grantingServer{})
	defer l.Close()
	r := spapi.LimitRequest{Buckets: []spapi.LimitBucket{sellerBucket("A1", 1000, 1000)}, MaxWait: -1}
	b.ReportAllocs()
	for b.Loop() {
		g, err := l.Wait(b.Context(), r)
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Observe(b.Context(), g, spapi.LimitReply{Latency: 50 * time.Millisecond, Rate: 1000}); err != nil {
			b.Fatal(err)
		}
	}
}
