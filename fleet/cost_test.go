package fleet

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

// commandCalls finds how often each command was called, in what INFO tells of commands.
var commandCalls = regexp.MustCompile(`cmdstat_(\w+)\S*:calls=(\d+)`)

// commands is how many commands scripts have called on a server.
func commands(t testing.TB, server TestServer) (n int) {
	t.Helper()
	stats, err := server.Do("INFO", "commandstats")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range commandCalls.FindAllStringSubmatch(fmt.Sprintf("%s", stats), -1) {
		if calls, _ := strconv.Atoi(m[2]); m[1] != "evalsha" && m[1] != "info" && m[1] != "config" {
			n += calls
		}
	}
	return n
}

// A call for which nothing waits costs the server two commands for each of its buckets, beside the time, which the test gives here; also when others waited
// before.
func TestFreeCallCommands(t *testing.T) {
	onRedis(t, func(t *testing.T, server TestServer) {
		path := []spapi.LimitBucket{typeBucket("one", "GET_X", 5, 10), sellerBucket("one", 5, 10), appBucket(5, 10)}
		for n, list := range [][]spapi.LimitBucket{path[1:2], path[1:], path} {
			for i := range list {
				list[i].App = strconv.Itoa(n)
			}
			k := newKeyring(list)
			var replies []replied
			call := func() {
				t.Helper()
				before := commands(t, server)
				a := runStep(t, server, k, &step{party: "p", bound: -1, heads: []head{{}}, calls: 1, replies: replies})
				if len(a.grants) != 1 {
					t.Fatalf("the call got %+v", a)
				}
				if n := commands(t, server) - before; replies != nil && n != 2*len(list) {
					t.Errorf("%d buckets cost %d commands, want %d", len(list), n, 2*len(list))
				}
				replies = []replied{{takes: a.grants[0].takes, reply: spapi.LimitReply{Latency: 50 * time.Millisecond, Rate: 5}}}
				time.Sleep(time.Second)
			}
			for range 3 {
				call()
			}
			for _, party := range []string{"a", "b"} { // more than is there, so that some wait, and leave
				runStep(t, server, k, &step{party: party, bound: -1, heads: heads(8, time.Second), calls: 8})
				runStep(t, server, k, &step{party: party, bound: -1})
			}
			time.Sleep(10 * time.Second)
			for range 3 {
				call()
			}
		}
	})
}

// What somebody else wrote in place of a bucket is as none, whatever it looks like, and what is written after it can be read.
func TestBrokenBuckets(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		k := newKeyring([]spapi.LimitBucket{sellerBucket("one", 5, 2)})
		good := fmt.Sprintf(`[%d,0,0,0,7,100000,0,0,0,0,0,0,0,2,7,"4"]`, time.Now().UnixMicro())
		with := func(old, text string) string {
			if strings.Count(good, old) != 1 {
				t.Fatalf("%q isn't in %s once", old, good)
			}
			return strings.Replace(good, old, text, 1)
		}
		tail := func(text string) string { return strings.TrimSuffix(good, "]") + "," + text + "]" }
		for text, takes := range map[string]int64{
			good: 8, tail(`0,0,0,0,0,""`): 8, tail(`0,0,0,0,0,"3 0 0 3"`): 8,
			"": 1, "x": 1, "null": 1, "[]": 1, "{}": 1, `"x"`: 1, "[1,2]": 1, "17": 1, strings.Repeat("[", 2000): 1, `{"1":1}`: 1,
			with(`"4"`, `"0"`): 1, with(`"4"`, `"0x10"`): 1, with(`"4"`, `" 4 "`): 1, with(`"4"`, `"4\"x"`): 1, with(`"4"`, `4`): 1, with(`"4"`, `"nan"`): 1,
			with(",7,1", ",1e300,1"): 1, with(",7,1", ",null,1"): 1, with(",7,1", `,"7",1`): 1, with(",7,1", ",[],1"): 1, with(`,2,7,`, `,0,7,`): 1, with(",100000,", ",-1,"): 1,
			tail(`0`): 1, tail(`0,0,0,0,0,7`): 1, tail(`0,0,0,0,0,"x"`): 1, tail(`0,0,0,0,0,"\""`): 1, tail(`null,0,0,0,0,""`): 1, tail(`0,0,0,0,0,"",5`): 1,
		} {
			if _, err := server.Do("SET", k.keys[0], text); err != nil {
				t.Fatal(err)
			}
			for i := range int64(2) { // the second time it is what the first has written
				a := runStep(t, server, k, &step{party: "p", bound: -1, heads: []head{{}}, calls: 1})
				if want := takes + i; len(a.grants) != 1 || a.grants[0].takes[0] != want || a.buckets[0].burst != 2 {
					t.Errorf("after %.100q: %+v, want take %d of a burst of 2", text, a, want)
				}
				time.Sleep(time.Second)
			}
		}
	})
}

// BenchmarkScript is what a run of limit.lua takes a redis-server of this machine, as it counts itself: of the calls of one process for which nothing waits,
// of one, two and three buckets, and of eight processes with eight calls each that wait for one bucket. Beside them a script that does nothing.
func BenchmarkScript(b *testing.B) {
	var server TestServer
	for _, kind := range OpenServers {
		if kind.Name == "redis" {
			server = kind.Start(b)(b)
		}
	}
	do := func(b *testing.B, command string, args ...any) any {
		b.Helper()
		reply, err := server.Do(command, args...)
		if err != nil {
			b.Fatal(err)
		}
		return reply
	}
	do(b, "SCRIPT", "LOAD", limitText)
	evalsha := func(b *testing.B, k *keyring, s *step) answer {
		b.Helper()
		args := []any{limitScript.SHA1, len(k.keys)}
		for _, key := range k.keys {
			args = append(args, key)
		}
		a, err := readAnswer(plainOf(do(b, "EVALSHA", append(args, s.request(k))...)), k.path)
		if err != nil {
			b.Fatal(err)
		}
		return a
	}
	micros := regexp.MustCompile(`cmdstat_evalsha:.*usec_per_call=([\d.]+)`)
	measure := func(b *testing.B, run func(i int)) {
		for i := range 100 {
			run(i)
		}
		do(b, "CONFIG", "RESETSTAT")
		i := 0
		for b.Loop() {
			run(i)
			i++
		}
		stats := fmt.Sprintf("%s", do(b, "INFO", "commandstats"))
		took, err := strconv.ParseFloat(micros.FindStringSubmatch(stats)[1], 64)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(took, "redis-µs/op")
		b.ReportMetric(float64(commands(b, server))/float64(i), "commands/op")
		b.ReportMetric(0, "ns/op")
	}

	b.Run("nothing", func(b *testing.B) {
		sha := fmt.Sprintf("%s", do(b, "SCRIPT", "LOAD", "return 1"))
		measure(b, func(int) { do(b, "EVALSHA", sha, 0) })
	})
	path := []spapi.LimitBucket{typeBucket("free", "GET_X", 1e5, 1000), sellerBucket("free", 1e5, 1000), appBucket(1e5, 1000)}
	for n, list := range [][]spapi.LimitBucket{path[1:2], path[1:], path} {
		b.Run(fmt.Sprintf("free/buckets=%d", n+1), func(b *testing.B) {
			k := newKeyring(list)
			var replies []replied
			measure(b, func(int) {
				a := evalsha(b, k, &step{party: "party", host: "host/1", heads: []head{{}}, calls: 1, bound: -1, replies: replies})
				if len(a.grants) != 1 {
					b.Fatalf("no grant: %+v", a)
				}
				replies = []replied{{takes: a.grants[0].takes, reply: spapi.LimitReply{Latency: 50 * time.Millisecond, Rate: 1e5}}}
			})
		})
	}
	for _, rate := range []float64{20, 1000} {
		b.Run(fmt.Sprintf("queue/rate=%g", rate), func(b *testing.B) {
			k := newKeyring([]spapi.LimitBucket{sellerBucket(fmt.Sprint("queue", rate), rate, 10)})
			start := time.Now()
			measure(b, func(i int) {
				s := step{party: fmt.Sprint("party", i%8), host: "host/1", calls: 8, bound: -1, ahead: 4 * time.Millisecond}
				for j := range 8 {
					s.heads = append(s.heads, head{waited: time.Since(start) - time.Duration(8*i+j)*time.Microsecond})
				}
				evalsha(b, k, &s)
			})
		})
	}
	b.Run("memory", func(b *testing.B) {
		used := func() int {
			m := regexp.MustCompile(`used_memory:(\d+)`).FindStringSubmatch(fmt.Sprintf("%s", do(b, "INFO", "memory")))
			n, _ := strconv.Atoi(m[1])
			return n
		}
		const buckets = 10000
		for b.Loop() {
			do(b, "FLUSHALL")
			before := used()
			for i := range buckets {
				k := newKeyring([]spapi.LimitBucket{sellerBucket(sellerName(fmt.Sprint(i)), 20, 10)})
				a := evalsha(b, k, &step{party: "party", host: "host/1", heads: []head{{}}, calls: 1, bound: -1})
				for range 3 {
					a = evalsha(b, k, &step{party: "party", host: "host/1", heads: []head{{}}, calls: 1, bound: -1, replies: []replied{{takes: a.grants[0].takes,
						reply: spapi.LimitReply{Latency: 50 * time.Millisecond, Rate: 20}}}})
				}
			}
			b.ReportMetric(float64(used()-before)/buckets, "B/bucket")
		}
	})
}

func plainOf(reply any) any {
	list, _ := reply.([]any)
	for i, v := range list {
		if text, ok := v.([]byte); ok {
			list[i] = string(text)
		}
	}
	return reply
}
