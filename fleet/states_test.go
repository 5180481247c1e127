package fleet

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

// dump is all that lies on a server, without how long.
func dump(t *testing.T, server TestServer) string {
	t.Helper()
	keys, err := server.Do("KEYS", "*")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, k := range keys.([]any) {
		var value any
		for _, command := range [][]any{{"HGETALL", k}, {"ZRANGE", k, 0, -1, "WITHSCORES"}, {"GET", k}} {
			if value, err = server.Do(command[0].(string), command[1:]...); err == nil {
				break
			}
		}
		lines = append(lines, fmt.Sprintf("%s %q", k, value))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func heads(n int, waited time.Duration) (list []head) {
	for i := range n {
		list = append(list, head{waited: waited - time.Duration(i)*time.Microsecond})
	}
	return list
}

// What limit.lua keeps is shown as it is, by what a step is told of it, and stays as it is.
func TestLimitStates(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		l := NewLimiter(server)
		defer l.Close()
		at := func(operation string, b spapi.LimitBucket) spapi.LimitBucket {
			b.Operation = operation
			return b
		}
		run := func(party, host string, calls int, path ...spapi.LimitBucket) answer {
			t.Helper()
			s := step{party: party, host: host, heads: heads(min(calls, maxHeads), time.Duration(calls)*time.Millisecond), calls: calls, bound: -1}
			a, err := s.run(t.Context(), server, newKeyring(path))
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		if states, err := l.LimitStates(t.Context(), "app", "eu"); err != nil || len(states) > 0 {
			t.Fatalf("of an empty server: %v, %v", states, err)
		}
		a, b := sellerBucket(sellerName("A"), 0.5, 4), sellerBucket(sellerName("B"), 0.5, 4)
		all := appBucket(100, 100)
		first := run("p1", "host/1", 7, a, all)
		if len(first.grants) != 4 {
			t.Fatalf("%d grants", len(first.grants))
		}
		time.Sleep(100 * time.Millisecond)
		second := run("p2", "host/2", 1, a, all)
		run("p3", "host/2", 1, b, all)
		pause := at("reports20210630.createReport", typeBucket(sellerName("A"), "GET_X", 0.1, 1))
		run("p4", "host/4", 2, pause, at("reports20210630.createReport", a))
		window := at("feeds20210630.createFeed", typeBucket(sellerName("A"), "JSON", 0, 5))
		window.Window = 5 * time.Minute
		run("p5", "host/5", 2, window)
		run("p6", "host/5", 4, window)
		elsewhere := a
		elsewhere.Region = "na"
		run("p7", "host/7", 1, elsewhere)

		before := dump(t, server)
		states, err := l.LimitStates(t.Context(), "app", "eu")
		if err != nil {
			t.Fatal(err)
		}
		if after := dump(t, server); after != before {
			t.Errorf("a look changed\n%s\nto\n%s", before, after)
		}
		var got []string
		byName := map[string]spapi.LimitState{}
		for _, s := range states {
			b := s.Bucket
			who := map[string]string{"": "-", SellerDigest("A"): "A", SellerDigest("B"): "B"}[b.Seller]
			queue := ""
			for _, q := range s.Queue {
				queue += fmt.Sprintf(" %s:%d", q.Process, q.Calls)
			}
			name := fmt.Sprintf("%s %s %s %s", b.Operation, b.Scope, b.Type, who)
			byName[name] = s
			got = append(got, fmt.Sprintf("%s: %.4g/s burst %d window %s left %.1f takes %d%s", name, b.Rate, b.Burst, b.Window, s.Left, s.Takes, queue))
			if b.App != "app" || b.Region != "eu" {
				t.Errorf("%s is of %s in %s", name, b.App, b.Region)
			}
		}
		want := []string{
			"feeds20210630.createFeed type JSON A: 0.01667/s burst 5 window 5m0s left 0.0 takes 5 host/5:1",
			"ordersv0.getOrders seller  A: 0.5/s burst 4 window 0s left 0.0 takes 4 host/1:3 host/2:1",
			"ordersv0.getOrders seller  B: 0.5/s burst 4 window 0s left 3.0 takes 1",
			"ordersv0.getOrders application  -: 100/s burst 100 window 0s left 99.0 takes 5 host/1:3 host/2:1",
			"reports20210630.createReport type GET_X A: 0.1/s burst 1 window 0s left 0.0 takes 1 host/4:1",
			"reports20210630.createReport seller  A: 0.5/s burst 4 window 0s left 3.0 takes 1 host/4:1",
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		// The bucket of the last step stands as that said.
		told, seen := second.buckets[0], byName["ordersv0.getOrders seller  A"]
		if seen.Full != told.full || seen.Next != told.next || seen.Lag != told.lag || seen.Takes != told.takes || len(seen.Queue) == 0 || told.next == 0 {
			t.Errorf("seen %+v, told %+v", seen, told)
		}
		if q := seen.Queue; len(q) == 2 && (q[0].Longest != 107*time.Millisecond-4*time.Microsecond || q[1].Longest != time.Millisecond) {
			t.Errorf("longest waits %s, %s", q[0].Longest, q[1].Longest)
		}
		// Who is gone waits no more, and what is full is full.
		time.Sleep(2 * time.Minute)
		if states, err = l.LimitStates(t.Context(), "app", "eu"); err != nil {
			t.Fatal(err)
		}
		for _, s := range states {
			if len(s.Queue) > 0 || s.Bucket.Window == 0 && (s.Left != float64(s.Bucket.Burst) || s.Full != 0 || s.Next != 0) {
				t.Errorf("two minutes later %+v", s)
			}
		}
		time.Sleep(3 * time.Hour)
		if states, err = l.LimitStates(t.Context(), "app", "eu"); err != nil || len(states) > 0 {
			t.Errorf("after hours: %v, %v", states, err)
		}
	})
}

// Who was alone in a queue and got all that it waited for is not shown as waiting any more, nor kept there.
func TestLimitStatesOfServed(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		l := NewLimiter(server)
		defer l.Close()
		for i, path := range [][]spapi.LimitBucket{
			{sellerBucket("one", 2, 1)}, {sellerBucket("two", 2, 1), appBucket(100, 100)}, {sellerBucket("three", 100, 10), appBucket(2, 1)},
		} {
			party := fmt.Sprint("p", i)
			for j := range path {
				path[j].Operation = fmt.Sprint("ordersv0.", []string{"getOrder", "getOrders", "getOrderItems"}[i])
			}
			run := func(calls int) int {
				t.Helper()
				a, err := (&step{party: party, host: "host/1", heads: heads(calls, time.Second), calls: calls, bound: -1}).run(t.Context(), server, newKeyring(path))
				if err != nil {
					t.Fatal(err)
				}
				return len(a.grants)
			}
			if n := run(2); n != 1 {
				t.Fatalf("path %d: %d grants of 2, want 1", i, n)
			}
			time.Sleep(time.Minute)
			if n := run(1); n != 1 {
				t.Fatalf("path %d: %d grants a minute later, want 1", i, n)
			}
			states, err := l.LimitStates(t.Context(), "app", "eu")
			if err != nil || len(states) == 0 {
				t.Fatal(states, err)
			}
			for _, s := range states {
				if len(s.Queue) > 0 {
					t.Errorf("path %d: %s of %q waits for nothing: %+v", i, s.Bucket.Scope, s.Bucket.Seller, s.Queue)
				}
			}
			if left := dump(t, server); strings.Contains(left, party) {
				t.Errorf("path %d: the server keeps\n%s", i, left)
			}
		}
	})
}

// The queue of a wider bucket is that of the narrower ones that have a place in it.
func TestLimitStatesOfWiderQueues(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		l := NewLimiter(server)
		defer l.Close()
		all := appBucket(0.1, 1)
		for i, seller := range []string{"A", "B", "B"} {
			s := step{party: fmt.Sprint("p", i), host: fmt.Sprint("host/", i), heads: heads(3, time.Second), calls: 3, bound: -1}
			if _, err := s.run(t.Context(), server, newKeyring([]spapi.LimitBucket{sellerBucket(sellerName(seller), 10, 10), all})); err != nil {
				t.Fatal(err)
			}
		}
		states, err := l.LimitStates(t.Context(), "app", "eu")
		if err != nil || len(states) != 3 {
			t.Fatal(states, err)
		}
		counts := map[string]int{}
		for _, q := range states[2].Queue {
			counts[q.Process] = q.Calls
		}
		if states[2].Bucket.Scope != spapi.LimitPerApplication || !reflect.DeepEqual(counts, map[string]int{"host/0": 2, "host/1": 3, "host/2": 3}) {
			t.Errorf("%s: %v", states[2].Bucket.Scope, counts)
		}
	})
}

// A limiter at work is seen: its seller by the digest, itself among the processes.
func TestLimitStatesOfLimiter(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		l := NewLimiter(server)
		defer l.Close()
		r := spapi.LimitRequest{MaxWait: -1, Buckets: []spapi.LimitBucket{sellerBucket("A2SELLER", 0.01, 1)}}
		if _, err := l.Wait(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := l.Wait(ctx, r)
			left <- err
		}()
		time.Sleep(time.Second)
		states, err := l.LimitStates(t.Context(), "app", "eu")
		if err != nil || len(states) != 1 {
			t.Fatal(states, err)
		}
		s := states[0]
		if s.Bucket.Seller != SellerDigest("A2SELLER") || s.Takes != 1 || s.Next <= 0 || len(s.Queue) != 1 || s.Queue[0].Calls != 1 || s.Queue[0].Process != l.host {
			t.Errorf("seen %+v", s)
		}
		if n, err := l.Processes(t.Context(), "app"); err != nil || n != 1 {
			t.Errorf("%d processes, %v", n, err)
		}
		if n, err := l.Processes(t.Context(), "another"); err != nil || n != 0 {
			t.Errorf("%d processes of another application, %v", n, err)
		}
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// What a limiter was told last it tells at once, without its server.
func TestLimitState(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		l := NewLimiter(server)
		defer l.Close()
		b := sellerBucket("A2SELLER", 0.01, 5)
		if _, known := l.LimitState(b); known {
			t.Error("a bucket is known that nobody has called")
		}
		for range 2 {
			if _, err := l.Wait(t.Context(), spapi.LimitRequest{MaxWait: -1, Buckets: []spapi.LimitBucket{b}}); err != nil {
				t.Fatal(err)
			}
		}
		s, known := l.LimitState(b)
		if !known || s.Left < 2.9 || s.Left > 3 || s.Full < 200*time.Second || s.Full > 210*time.Second || s.Bucket.Rate != 0.01 || s.Bucket.Burst != 5 || s.Next != 0 {
			t.Errorf("%+v, %v", s, known)
		}
	})
}

// failing is a server that fails.
type failing struct {
	Server
	err error
}

func (f failing) Run(context.Context, *Script, []string, ...string) (any, error) { return nil, f.err }

func TestLimitStatesWithoutServer(t *testing.T) {
	away := errors.New("connection refused")
	l := NewLimiter(failing{err: away})
	defer l.Close()
	if states, err := l.LimitStates(t.Context(), "app", "eu"); !errors.Is(err, away) || states != nil {
		t.Errorf("%v, %v", states, err)
	}
	if _, err := l.Processes(t.Context(), "app"); !errors.Is(err, away) {
		t.Error(err)
	}
}
