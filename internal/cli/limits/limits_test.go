package limits

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/internal/redistest"
)

// known shows what it is given.
type known struct {
	states    map[string][]spapi.LimitState // by region
	processes int
	err       error // of its states
	asked     []string
	rounds    func(n int) // called in each round
}

func (k *known) LimitStates(_ context.Context, app, region string) ([]spapi.LimitState, error) {
	k.asked = append(k.asked, region)
	if k.rounds != nil {
		k.rounds(len(k.asked))
	}
	if !strings.HasPrefix(app, "amzn1.application-oa2-client.") {
		return nil, errors.New("asked for " + app)
	}
	return k.states[region], k.err
}

func (k *known) Processes(context.Context, string) (int, error) { return k.processes, nil }

// execute runs the command with an emulator's account, with limits that are shared over s; nil: none are.
func execute(t *testing.T, ctx context.Context, onTerminal bool, s Shared, args ...string) (out, messages string, err error) {
	t.Helper()
	streams, o, m := terminal.Buffers()
	streams.OutIsTerminal = onTerminal
	args = append([]string{"limits", "--emulator"}, args...)
	f := factory.With(streams, "test", args)
	root := &cobra.Command{Use: "spapi", SilenceErrors: true, SilenceUsage: true, PersistentPreRunE: func(*cobra.Command, []string) error { return f.Prepare() }}
	f.AddFlags(root)
	root.AddCommand(NewCmdLimits(f, func(ctx context.Context, opts *Options) error {
		opts.Shared = func() (Shared, error) { return s, nil }
		return run(ctx, opts)
	}))
	root.SetArgs(args)
	err = root.ExecuteContext(ctx)
	return o.String(), m.String(), err
}

func ownSeller(t *testing.T) string {
	t.Helper()
	emu, err := emulator.New(emulator.WithSeed(1))
	if err != nil {
		t.Fatal(err)
	}
	return emu.Credentials().SellerID
}

func some(t *testing.T) *known {
	bucket := func(operation string, scope spapi.LimitScope, seller string, rate float64, burst int) spapi.LimitBucket {
		return spapi.LimitBucket{Operation: operation, Region: "na", Scope: scope, Seller: seller, Rate: rate, Burst: burst}
	}
	own := fleet.SellerDigest(ownSeller(t))
	feeds := bucket("feeds20210630.createFeed", spapi.LimitPerType, own, 5.0/300, 5)
	feeds.Type, feeds.Window = "JSON_LISTINGS_FEED", 5*time.Minute
	return &known{processes: 3, states: map[string][]spapi.LimitState{
		"na": {
			{Bucket: feeds, Left: 2, Full: 299 * time.Second, Takes: 3},
			{Bucket: bucket("ordersv0.getOrders", spapi.LimitPerSeller, own, 0.0167, 20), Next: 61 * time.Second, Full: 20 * time.Minute,
				Lag: 100 * time.Millisecond, Takes: 81, Queue: []spapi.LimitQueue{{Process: "shop-1/4711", Calls: 12, Longest: 83 * time.Second},
					{Process: "shop-2/99", Calls: 1, Longest: 1500 * time.Millisecond}}},
			{Bucket: bucket("ordersv0.getOrders", spapi.LimitPerSeller, "00112233445566778899aabbccddeeff", 0.0167, 20), Left: 19.996,
				Full: 250 * time.Millisecond, Takes: 1},
			{Bucket: bucket("ordersv0.getOrders", spapi.LimitPerApplication, "", 50, 50), Left: 50},
		},
		"eu": {{Bucket: bucket("sellersv1.getMarketplaceParticipations", spapi.LimitPerSeller, own, 0.016, 15), Left: 15}},
	}}
}

func TestShared(t *testing.T) {
	seller := ownSeller(t)
	out, messages, err := execute(t, t.Context(), false, some(t), "-o", "table")
	if err != nil {
		t.Fatal(err)
	}
	want := `
OPERATION                 PER          TYPE                SELLER             RATE  BURST  WINDOW   LEFT  NEXT   FULL  WAITING  WHO
feeds20210630.createFeed  type         JSON_LISTINGS_FEED  the-own-seller  0.01667      5      5m      2   now  4m59s        0
ordersv0.getOrders        seller                           the-own-seller   0.0167     20              0  1m1s    20m       13  shop-1/4711 12 (83s), shop-2/99 1 (1.5s)
ordersv0.getOrders        seller                           00112233445566   0.0167     20          19.99   now  0.25s        0
ordersv0.getOrders        application                                           50     50             50   now    now        0
`
	out = strings.ReplaceAll(out, seller, "the-own-seller") // 14 characters, too
	if "\n"+out != want {
		t.Errorf("got\n%s\nwant%s", out, want)
	}
	if messages != "4 limits; 3 processes share limits now\n" {
		t.Errorf("said %q", messages)
	}
	out, messages, err = execute(t, t.Context(), false, some(t), "-o", "json", "--waiting")
	if err != nil || messages != "" {
		t.Fatal(err, messages)
	}
	var rows []map[string]any
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		t.Fatal(err)
	}
	wantRow := map[string]any{"operation": "ordersv0.getOrders", "region": "na", "scope": "seller", "type": nil, "seller": seller, "own": true,
		"rate": 0.0167, "burst": 20.0, "window": nil, "left": 0.0, "next": 61.0, "full": 1200.0, "lag": 0.1, "takes": 81.0, "waiting": 13.0, "processes": 3.0,
		"queue": []any{map[string]any{"process": "shop-1/4711", "calls": 12.0, "longest": 83.0},
			map[string]any{"process": "shop-2/99", "calls": 1.0, "longest": 1.5}}}
	if len(rows) != 1 || !reflect.DeepEqual(rows[0], wantRow) {
		t.Errorf("got %v, want %v", rows, wantRow)
	}
}

func TestFilters(t *testing.T) {
	for _, test := range []struct {
		args    []string
		regions string
		rows    int
		said    string
	}{
		{[]string{"--operation", "FEED"}, "na", 1, "1 limit; 3 processes share limits now"},
		{[]string{"--all-regions"}, "na eu fe", 5, "5 limits; 3 processes share limits now"},
		{[]string{"--region", "eu"}, "eu", 1, "1 limit; 3 processes share limits now"},
		{[]string{"--region", "fe"}, "fe", 0, "no calls in the last hour; 3 processes share limits now"},
		{[]string{"--region", "eu", "--waiting"}, "eu", 0, "no call waits; 3 processes share limits now"},
		{[]string{"--sandbox"}, "na-sandbox", 0, "no calls in the last hour; 3 processes share limits now"},
	} {
		k := some(t)
		out, messages, err := execute(t, t.Context(), false, k, append(test.args, "-o", "table")...)
		if err != nil {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		rows := strings.Count(out, "\n") - 1
		if got := strings.Join(k.asked, " "); got != test.regions || max(rows, 0) != test.rows || !strings.Contains(messages, test.said+"\n") {
			t.Errorf("%q: asked for %s, %d rows, said %q in\n%s", test.args, got, rows, messages, out)
		}
	}
	_, _, err := execute(t, t.Context(), false, some(t), "--operation", "getNothing")
	if err == nil || !strings.Contains(err.Error(), `--operation "getNothing": no operation has it`) {
		t.Errorf("an operation that isn't there: %v", err)
	}
}

// Each second there is a round, until somebody interrupts: a line of JSON, a block, or the screen anew.
func TestWatch(t *testing.T) {
	for _, test := range []struct {
		onTerminal bool
		format     string
		count      string // what each round has once
	}{
		{false, "json", `{"time":`},
		{false, "jsonl", `{"time":`},
		{false, "table", "OPERATION "},
		{true, "table", "\x1b[H\x1b[2JOPERATION "},
		{false, "csv", ",feeds20210630.createFeed,"},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			k := some(t)
			start := time.Now()
			k.rounds = func(n int) {
				if took := time.Since(start); took != time.Duration(n-1)*time.Second {
					t.Errorf("round %d after %s", n, took)
				}
				if n == 4 {
					interrupt()
				}
			}
			out, _, err := execute(t, ctx, test.onTerminal, k, "--watch", "-o", test.format)
			if err != nil {
				t.Errorf("%s ended with %v", test.format, err)
			}
			if n := strings.Count(out, test.count); n < 3 {
				t.Errorf("%s: %d rounds in\n%s", test.format, n, out)
			}
			if test.format == "json" {
				for line := range strings.Lines(out) {
					var r round
					if err := json.Unmarshal([]byte(line), &r); err != nil || len(r.Limits) != 4 || r.Processes != 3 || r.Time.IsZero() {
						t.Errorf("line %q: %v", line, err)
					}
				}
			}
			if test.format == "csv" {
				head, rows, _ := strings.Cut(out, "\n")
				if head != "time,operation,region,per,type,seller,rate,burst,window,left,next,full,lag,takes,waiting,who" || strings.Contains(rows, "operation,") ||
					strings.Count(rows, "\n") < 12 || strings.Count(rows, `,13,"shop-1/4711 12 (83s), shop-2/99 1 (1.5s)"`) < 3 {
					t.Errorf("got\n%s", out)
				}
			}
			if strings.Contains(out, "\x1b") != test.onTerminal {
				t.Errorf("%s: %q", test.format, out)
			}
		})
	}
}

func TestServerAway(t *testing.T) {
	k := some(t)
	k.err = errors.New("dial tcp 127.0.0.1:1: connection refused")
	for _, args := range [][]string{nil, {"--watch"}} {
		out, _, err := execute(t, t.Context(), false, k, args...)
		const want = "the server that SPAPI_FLEET names: dial tcp 127.0.0.1:1: connection refused: nobody listens there"
		if !errors.Is(err, k.err) || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf("%v with %q", err, out)
		}
	}
}

// What ends a look that had no answer is told from a refusal.
func TestServerAwayStatus(t *testing.T) {
	refused := &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED}
	for _, test := range []struct {
		err  error
		want int
	}{{refused, exit.Network}, {os.ErrDeadlineExceeded, exit.Network}, {errors.New("NOAUTH Authentication required."), exit.Failure}} {
		k := some(t)
		k.err = test.err
		if _, _, err := execute(t, t.Context(), false, k); exit.Status(err) != test.want {
			t.Errorf("%v ends with %d, want %d", err, exit.Status(err), test.want)
		}
	}
}

// A look that fails after one that has succeeded is told, and they go on.
func TestWatchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		k := some(t)
		k.rounds = func(n int) {
			k.err = nil
			switch n {
			case 2, 3, 5:
				k.err = errors.New("connection refused")
			case 4:
				k.err = errors.New("LOADING")
			case 8:
				k.err = errors.New("connection refused") // told before, but not since it was back
			case 10:
				interrupt()
			}
		}
		out, messages, err := execute(t, ctx, false, k, "--watch", "-o", "jsonl", "-q")
		line := func(why string) string {
			return "spapi limits: the server that SPAPI_FLEET names: " + why + "; looking again every second\n"
		}
		refused := line("connection refused: nobody listens there: check host and port")
		want := refused + line("LOADING: the server reads its data: it is used when it is ready") + refused + refused
		if err != nil || messages != want || strings.Count(out, "\n") != 5 { // rounds 1, 6, 7, 9, 10
			t.Errorf("%v, said %q, want %q, shown\n%s", err, messages, want, out)
		}
	})
}

// Without shared limits the usage plans are shown, and what to set.
func TestPlans(t *testing.T) {
	out, messages, err := execute(t, t.Context(), false, nil, "--operation", "createFeed", "-o", "table")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"feeds20210630.createFeed          seller  ", "0.0083", "JSON_LISTINGS_FEED"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if !strings.Contains(messages, "limits of this process alone are known") || !strings.Contains(messages, "SPAPI_FLEET=redis://") {
		t.Errorf("said %q", messages)
	}
	out, _, err = execute(t, t.Context(), false, nil, "--sandbox", "--operation", "createFeedDocument", "-o", "csv")
	if err != nil || strings.Count(out, "\n") != 2 || !strings.Contains(out, ",na-sandbox,") || !strings.Contains(out, ",5,15") {
		t.Errorf("the sandbox has %q, %v", out, err)
	}
	for _, flag := range []string{"--watch", "--waiting", "--all-regions"} {
		_, _, err := execute(t, t.Context(), false, nil, flag)
		if err == nil || !strings.HasPrefix(err.Error(), flag+":") || !strings.Contains(err.Error(), "SPAPI_FLEET") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// What a fleet's limiters have on a server is shown.
func TestFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := redistest.Memory(t)
		emu, err := emulator.New(emulator.WithSeed(1))
		if err != nil {
			t.Fatal(err)
		}
		worker, looker := fleet.NewLimiter(server), fleet.NewLimiter(server)
		defer worker.Close()
		defer looker.Close()
		r := spapi.LimitRequest{MaxWait: -1, Buckets: []spapi.LimitBucket{{App: emu.Credentials().ClientID, Region: "na",
			Operation: "ordersv0.getOrder", Seller: emu.Credentials().SellerID, Rate: 0.01, Burst: 1}}}
		if _, err := worker.Wait(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := worker.Wait(ctx, r)
			left <- err
		}()
		time.Sleep(2 * time.Second)
		out, _, err := execute(t, t.Context(), false, looker, "-o", "json")
		if err != nil {
			t.Fatal(err)
		}
		var rows []row
		if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != 1 {
			t.Fatal(out, err)
		}
		if one := rows[0]; !one.Own || *one.Seller != emu.Credentials().SellerID || *one.Waiting != 1 || *one.Processes != 1 ||
			len(one.Queue) != 1 || *one.Next < 90 || *one.Left >= 1 {
			t.Errorf("shown %s", out)
		}
		leave()
		<-left
	})
}
