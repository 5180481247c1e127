package fleet_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/redistest"
)

// Whatever somebody else writes under the names of the fleet's keys: no call hangs, no process goes to and fro between the server and its share, and all
// share again within 5 s when it is gone.
func TestForeignContents(t *testing.T) {
	r := redistest.Start(t)
	strange := []string{"nan", "-nan", "inf", "-inf", "1e308", "-1e308", "9007199254740993", "-5", "", "x", "\x00\xff\n",
		strings.Repeat("9", 400), strings.Repeat("1 ", 5000)}
	writes := map[string]func(s *redistest.Server, key, kind string){
		"string": func(s *redistest.Server, key, _ string) { _, _ = s.Do("SET", key, "x") },
		"list":   func(s *redistest.Server, key, _ string) { _, _ = s.Do("DEL", key); _, _ = s.Do("RPUSH", key, "x") },
	}
	for _, v := range strange {
		writes[fmt.Sprintf("%.20q", v)] = func(s *redistest.Server, key, kind string) {
			switch kind {
			case "hash":
				list, _ := s.Do("HKEYS", key)
				for _, f := range list.([]any) {
					_, _ = s.Do("HSET", key, f, v)
				}
			case "zset":
				_, _ = s.Do("ZADD", key, 0, v, -1e15, "a"+v, 1e308, "b"+v, "-inf", "c"+v, "inf", "d"+v)
			default:
				_, _ = s.Do("SET", key, v)
			}
			_, _ = s.Do("PERSIST", key)
		}
	}
	for _, v := range []string{"nan", "9e15", "1e14"} { // a party that never comes, and that no clock outlives
		writes["party "+v] = func(s *redistest.Server, key, kind string) {
			switch kind {
			case "hash":
				_, _ = s.Do("HSET", key, "ghost", "["+v+`,1,0,0,0,"host",0,1,1]`, "#", v)
			case "zset":
				_, _ = s.Do("ZADD", key, -2000, fmt.Sprintf("%016dghost:01", 1))
			}
			_, _ = s.Do("PERSIST", key)
		}
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := r.Virtual(t)
				_, _ = s.Do("FLUSHALL")
				all := newFleet(t, s, 2)
				wide := bucketOf("", 20, 3)
				wide.Scope = spapi.LimitPerApplication
				path := []spapi.LimitBucket{bucketOf("A", 5, 2), wide}
				var served atomic.Int64
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				for _, w := range all {
					for i := range 3 {
						wg.Go(func() {
							for ctx.Err() == nil {
								req := waitFor(path...)
								req.Priority = i % 2
								g, err := w.Wait(ctx, req)
								if err != nil {
									return
								}
								time.Sleep(50 * time.Millisecond)
								served.Add(1)
								_ = w.Observe(ctx, g, spapi.LimitReply{Latency: 50 * time.Millisecond, Rate: 5})
							}
						})
					}
				}
				time.Sleep(3 * time.Second)
				found, _ := s.Do("KEYS", "spapi:*")
				for _, k := range found.([]any) {
					key := fmt.Sprintf("%s", k)
					kind, _ := s.Do("TYPE", key)
					write(s, key, fmt.Sprint(kind))
					label := key[strings.LastIndex(key, ":")+1:]
					before := served.Load()
					told := all[0].log.count(away) + all[1].log.count(away)
					time.Sleep(12 * time.Second)
					if n := served.Load() - before; n < 4 || n > 66 {
						t.Errorf("%s (%s): %d calls in 12 s, want up to 60", label, kind, n)
					}
					if n := all[0].log.count(away) + all[1].log.count(away) - told; n > 2 {
						t.Errorf("%s (%s): told %d times", label, kind, n)
					}
					_, _ = s.Do("DEL", key)
					time.Sleep(5 * time.Second)
					before = served.Load()
					for i, w := range all {
						if w.log.count(away) != w.log.count(back) {
							t.Errorf("%s (%s): process %d isn't back", label, kind, i)
						}
					}
					time.Sleep(10 * time.Second)
					if n := served.Load() - before; n < 42 || n > 53 {
						t.Errorf("%s (%s): %d calls in 10 s afterwards, want 50", label, kind, n)
					}
				}
				if t.Failed() {
					t.Log(all[0].log.String()[:min(len(all[0].log.String()), 3000)])
				}
				cancel()
				wg.Wait()
			})
		})
	}
}

// Thousands of places that somebody else wrote, or one process with a call of each priority, cost no run more than some hundred commands, and end.
func TestForeignPlacesBounded(t *testing.T) {
	const many, most = 5000, 400
	r := redistest.Start(t)
	dead, future := `[1,1,0,0,0,"host",0,1,1]`, fmt.Sprintf(`[%d,1,0,0,0,"host",0,1,1]`, time.Now().Add(time.Hour).UnixMicro())
	for name, write := range map[string]func(i int) (score float64, entry string){
		"of as many levels":         func(i int) (float64, string) { return -3000 + float64(i), "" },
		"between levels":            func(i int) (float64, string) { return -1 + float64(i)/many, "" },
		"of one level":              func(int) (float64, string) { return -2000, "" },
		"of dead parties":           func(i int) (float64, string) { return -3000 + float64(i), dead },
		"with promises of a future": func(i int) (float64, string) { return -3000 + float64(i), future },
		"at the end of all":         func(i int) (float64, string) { return 3000 + float64(i), "" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := r.Virtual(t)
				_, _ = s.Do("FLUSHALL")
				watched := watchCommands(t, s, most)
				w := newWorker(t, s)
				var served atomic.Int64
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() {
						for ctx.Err() == nil {
							if _, err := w.Wait(ctx, waitFor(bucketOf("A", 5, 2))); err == nil {
								served.Add(1)
							}
						}
					})
				}
				time.Sleep(3 * time.Second)
				found, _ := s.Do("KEYS", "spapi:*:p")
				key := fmt.Sprintf("%s", found.([]any)[0])
				for i := range many {
					score, entry := write(i)
					party := fmt.Sprint("ghost", i)
					_, _ = s.Do("ZADD", key, score, fmt.Sprintf("%016d%s:01", 1, party))
					if entry != "" {
						_, _ = s.Do("HSET", strings.TrimSuffix(key, "p")+"c", party, entry)
					}
				}
				watched.begin()
				was := served.Load()
				time.Sleep(20 * time.Second)
				if n := served.Load() - was; n < 90 || n > 103 {
					t.Errorf("%d calls in 20 s, want 100", n)
				}
				cancel()
				wg.Wait()
				if n := w.log.count(away); n > 0 {
					t.Errorf("told: %s", w.log.String())
				}
			})
		})
	}
	t.Run("priorities", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := r.Virtual(t)
			_, _ = s.Do("FLUSHALL")
			watchCommands(t, s, most).begin()
			w := newWorker(t, s)
			var mu sync.Mutex
			var order []int
			var wg sync.WaitGroup
			for i := range 2001 {
				wg.Go(func() {
					req := waitFor(bucketOf("A", 100, 1000))
					req.Priority = i - 1000
					if _, err := w.Wait(t.Context(), req); err != nil {
						t.Error(err)
					}
					mu.Lock()
					order = append(order, req.Priority)
					mu.Unlock()
				})
			}
			wg.Wait()
			if len(order) != 2001 {
				t.Errorf("%d calls served, want 2001", len(order))
			}
		})
	})
}

// commandWatch counts the commands of each run.
type commandWatch struct {
	server *redistest.Server
	mu     sync.Mutex
	on     bool
	before int
}

// watchCommands fails a test in which a run makes more commands than that, once it has begun to watch. It must be called before anybody uses the server.
func watchCommands(t *testing.T, s *redistest.Server, most int) *commandWatch {
	w := &commandWatch{server: s}
	s.After = func(reply any, err error) (any, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.on {
			return reply, err
		}
		now := w.count()
		if n := now - w.before; n > most {
			t.Errorf("a run made %d commands, want %d at most", n, most)
		}
		w.before = now
		return reply, err
	}
	return w
}

func (w *commandWatch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.on, w.before = true, w.count()
}

func (w *commandWatch) count() (n int) {
	info, _ := w.server.Do("INFO", "commandstats")
	for _, m := range regexp.MustCompile(`cmdstat_(\w+)\S*:calls=(\d+)`).FindAllStringSubmatch(fmt.Sprintf("%s", info), -1) {
		if m[1] != "evalsha" && m[1] != "info" {
			calls, _ := strconv.Atoi(m[2])
			n += calls
		}
	}
	return n
}
