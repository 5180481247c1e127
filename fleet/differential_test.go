package fleet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

// A bucket on the server decides as that of the limiter at hand, whatever calls, replies, rates and pauses come: beside it, each call is let through or refused
// alike, with the same wait, rate and ordinal.
func TestStepAsTheLimiterAtHand(t *testing.T) {
	const precision = 50 * time.Microsecond // one keeps microseconds, the other nanoseconds
	onServers(t, func(t *testing.T, server TestServer) {
		granted, refused, throttled, learned := 0, 0, 0, 0
		for seed := range uint64(30) {
			random := rand.New(rand.NewPCG(seed, 7))
			rates := []float64{0.5, 1, 2, 5, 10, 20, 100}
			one := sellerBucket("one", rates[random.IntN(len(rates))], []int{1, 1, 2, 3, 5, 10, 20}[random.IntN(7)])
			path := []spapi.LimitBucket{one}
			if random.IntN(2) == 0 {
				path = append(path, appBucket(rates[random.IntN(len(rates))], []int{1, 2, 5, 20}[random.IntN(4)]))
			}
			for i := range path {
				path[i].App = fmt.Sprint(seed) // buckets of its own
			}
			local, k := spapi.NewLimiter(), newKeyring(path)
			type sent struct {
				grant spapi.LimitGrant
				at    time.Time
			}
			var out []sent
			// step asks both, or tells both of a reply.
			for n := range 150 {
				what := fmt.Sprintf("seed %d, %d: %g/s burst %d of %d buckets", seed, n, one.Rate, one.Burst, len(path))
				switch {
				case random.IntN(3) > 0:
					g, err := local.Wait(t.Context(), spapi.LimitRequest{Buckets: path, MaxWait: 0})
					var limit *spapi.LimitError
					if err != nil && !errors.As(err, &limit) {
						t.Fatal(err)
					}
					a := runStep(t, server, k, &step{party: "p", heads: []head{{}}, calls: 1, bound: 0})
					if a.refused != (limit != nil) || (limit == nil) != (len(a.grants) == 1) {
						t.Fatalf("%s: at hand %v, on the server %+v", what, err, a)
					}
					if limit != nil {
						refused++
						// Of two buckets, one with a burst of 1, the one at hand tells the worst, the other what comes if the reply comes as usual.
						usual := len(path) == 2 && (path[0].Burst == 1 || path[1].Burst == 1)
						if (limit.Wait-a.wait).Abs() > precision && !(usual && a.wait < limit.Wait) || limit.Scope != path[a.longest].Scope && !usual {
							t.Fatalf("%s: at hand %+v, on the server %s by bucket %d", what, limit, a.wait, a.longest)
						}
						if random.IntN(2) == 0 {
							time.Sleep(limit.Wait + precision)
						}
						break
					}
					granted++
					if g.Takes != a.grants[0].takes || g.Rate != a.grants[0].rate || a.grants[0].delay != 0 {
						t.Fatalf("%s: at hand %+v, on the server %+v", what, g, a.grants[0])
					}
					out = append(out, sent{g, time.Now()})
				case len(out) > 0:
					i := random.IntN(len(out))
					s := out[i]
					out = append(out[:i], out[i+1:]...)
					time.Sleep(time.Duration(random.Int64N(100e3)) * time.Microsecond)
					r := spapi.LimitReply{Latency: time.Since(s.at), Throttled: random.IntN(15) == 0, Rate: one.Rate}
					switch random.IntN(20) {
					case 0:
						r.Rate = one.Rate * []float64{2, 0.5, 4}[random.IntN(3)]
						if one.Burst == 1 { // the one at hand takes its lag for tokens when the rate falls by more
							r.Rate = one.Rate * 2
						}
						learned++
					case 1:
						time.Sleep(2 * time.Second)
						r.Latency = time.Since(s.at)
					case 2:
						if one.Burst > 1 {
							r.Rate, r.Emulated = 1e4, true
						}
					case 3:
						r = spapi.LimitReply{Latency: -1, Refused: true}
					}
					if r.Throttled {
						throttled++
					}
					if err := local.Observe(t.Context(), s.grant, r); err != nil {
						t.Fatal(err)
					}
					runStep(t, server, k, &step{party: "p", bound: -1, replies: []replied{{takes: s.grant.Takes, reply: r}}})
				}
				switch random.IntN(12) {
				case 0:
					time.Sleep(time.Duration(random.Int64N(3e6)) * time.Microsecond)
				case 1:
					time.Sleep(time.Duration(random.Int64N(40*60)) * time.Second)
					out = nil
				}
				time.Sleep(time.Duration(random.Int64N(50e3)) * time.Microsecond)
			}
		}
		t.Logf("%d granted, %d refused, %d throttled, %d rates learned", granted, refused, throttled, learned)
		if granted < 1000 || refused < 500 || throttled < 50 || learned < 20 {
			t.Error("that is too few to tell")
		}
	})
}
