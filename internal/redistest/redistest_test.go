package redistest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/internal/redistest"
)

// Time on both is that of the bubble.
func TestTime(t *testing.T) {
	script := &fleet.Script{Text: "return {redis.call('TIME')[1], #KEYS, ARGV[1]}", SHA1: "x"}
	for name, start := range map[string]func(*testing.T) func(*testing.T) *redistest.Server{
		"memory": func(*testing.T) func(*testing.T) *redistest.Server {
			return func(t *testing.T) *redistest.Server { return redistest.Memory(t) }
		},
		"redis": func(t *testing.T) func(*testing.T) *redistest.Server {
			r := redistest.Start(t)
			return func(t *testing.T) *redistest.Server { return r.Virtual(t) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			open := start(t)
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				time.Sleep(24 * time.Hour)
				got, err := s.Run(t.Context(), script, []string{"k"}, "a")
				if err != nil {
					t.Fatal(err)
				}
				reply, ok := got.([]any)
				if want := time.Now().Unix(); !ok || len(reply) != 3 || reply[0] != "946771200" || want != 946771200 || reply[1] != int64(1) || reply[2] != "a" {
					t.Errorf("got %v, want the time %d, one key, a", got, want)
				}
			})
		})
	}
}
