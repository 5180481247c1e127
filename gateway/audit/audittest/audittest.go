// Package audittest is the suite that every store of an audit passes.
package audittest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/gateway/audit"
)

// Kind is a kind of store under test. Its chain lies in a folder.
type Kind struct {
	Open   func(folder string, o audit.Options) (*audit.Log, error)
	Chains func(folder string) ([]audit.Chain, error)
	// Rewrite puts other entries, as they are, in the place of those of the chain "shop", as one who can write the disk does. It leaves the head.
	Rewrite func(t *testing.T, folder string, entries []audit.Entry)
}

var (
	secret = []byte("0123456789abcdef0123456789abcdef")
	begin  = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
)

// Test runs the suite.
func Test(t *testing.T, k Kind) {
	for name, test := range map[string]func(*testing.T, Kind){
		"keeps": keeps, "hostile": hostile, "together": together, "locked": locked, "tampering": tampering, "putback": putback, "retention": retention,
		"crash": crash, "secrets": secrets, "whileWritten": whileWritten, "reading": reading, "many": many, "since": since, "closed": closed,
	} {
		t.Run(name, func(t *testing.T) { test(t, k) })
	}
}

func options(o audit.Options) audit.Options {
	if o.Chain == "" {
		o.Chain = "shop"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// each has each group of records brought to the disk before Append returns, as is the default. Most tests don't wait for that.
const each = -1

func open(t *testing.T, k Kind, folder string, o audit.Options) *audit.Log {
	t.Helper()
	if o.Sync == 0 {
		o.Sync = time.Minute
	}
	l, err := k.Open(folder, options(o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func record(i int) gateway.Record {
	return gateway.Record{
		Time: begin.Add(time.Duration(i) * time.Second), Call: fmt.Sprintf("CALL%06d", i), Caller: "shop-app", Key: "abcdefghij", Account: "de", Status: 200,
		Operation: "ordersv0.getOrders", RequestID: "a0b1-" + fmt.Sprint(i), Agent: "Shop/1.0", Duration: 1500 * time.Microsecond,
	}
}

func add(t *testing.T, l *audit.Log, records ...gateway.Record) {
	t.Helper()
	if err := l.Append(t.Context(), records...); err != nil {
		t.Fatal(err)
	}
}

func chain(t *testing.T, k Kind, folder string) audit.Chain {
	t.Helper()
	chains, err := k.Chains(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(chains) != 1 || chains[0].Name() != "shop" {
		t.Fatalf("chains: %v", chains)
	}
	return chains[0]
}

func read(t *testing.T, k Kind, folder string) []audit.Entry {
	t.Helper()
	var all []audit.Entry
	for e, err := range chain(t, k, folder).Entries(t.Context(), time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Entry)
	}
	return all
}

func verify(t *testing.T, k Kind, folder string, o audit.VerifyOptions) (audit.Report, error) {
	t.Helper()
	return audit.Verify(t.Context(), chain(t, k, folder), o)
}

func holds(t *testing.T, k Kind, folder string, secrets ...[]byte) audit.Report {
	t.Helper()
	r, err := verify(t, k, folder, audit.VerifyOptions{Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func breaks(t *testing.T, k Kind, folder string, o audit.VerifyOptions, seq uint64, reason string) {
	t.Helper()
	_, err := verify(t, k, folder, o)
	b, ok := errors.AsType[*audit.BrokenError](err)
	if !ok || seq != 0 && b.Seq != seq || !strings.Contains(b.Reason, reason) {
		t.Errorf("verify: %v, want entry %d and %q", err, seq, reason)
	}
}

// keeps: what was appended is read again, in order, and the chain goes on after it was closed.
func keeps(t *testing.T, k Kind) {
	folder := t.TempDir()
	var want []gateway.Record
	for round := range 3 {
		l := open(t, k, folder, audit.Options{Secret: secret, Sync: each})
		for i := range 5 {
			r := record(10*round + i)
			r.Write, r.PersonalData, r.Intent = i == 1, i == 2, i == 3
			if i == 4 {
				r.Refused, r.Cache, r.More, r.Status = "scope", "hit", 7, 403
			}
			want = append(want, r)
			add(t, l, r)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var got []gateway.Record
	kinds := map[audit.Kind]int{}
	for i, e := range read(t, k, folder) {
		if e.Seq != uint64(i+1) { //nolint:gosec // small
			t.Errorf("entry %d has number %d", i+1, e.Seq)
		}
		kinds[e.Kind]++
		if e.Kind == audit.Call || e.Kind == audit.Intent {
			got = append(got, e.Record)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if kinds[audit.Opened] != 3 || kinds[audit.Closed] != 3 {
		t.Errorf("kinds %v", kinds)
	}
	r := holds(t, k, folder, secret)
	if r.Entries != 21 || r.First != 1 || r.Keyed != 21 || r.Crashes != 0 || r.Calls != 12 || r.Unfinished != 3 || r.Lost != 0 {
		t.Errorf("report %+v", r)
	}
}

// hostile: what a caller sends makes no line, no field and no entry of its own, and is bounded.
func hostile(t *testing.T, k Kind) {
	folder := t.TempDir()
	l := open(t, k, folder, audit.Options{})
	texts := []string{
		"a\nb", "a\r\n{\"seq\":1}", "\x00", "\x1b[31mred", "\xff\xfe", "\u202egnp.exe", "\u2028", `","hash":"`, "'; DROP TABLE entries; --", "<script>", "é漢\U0001f600",
		strings.Repeat("x", 1<<20), strings.Repeat("\U0001f600", 5000), strings.Repeat("\n", 5000), "",
	}
	for _, s := range texts {
		add(t, l, gateway.Record{Time: begin, Call: s, Caller: s, Key: s, Account: s, Operation: s, RequestID: s, Agent: s, Refused: s, Cache: s, Duration: -time.Second})
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all := read(t, k, folder)
	if len(all) != len(texts)+2 {
		t.Fatalf("%d entries of %d records", len(all), len(texts))
	}
	for _, e := range all {
		if n := len(e.Line()); n > 4<<10 {
			t.Errorf("a line of %d bytes", n)
		}
		for _, s := range []string{e.Call, e.Caller, e.Key, e.Account, e.Operation, e.RequestID, e.Agent, e.Refused, e.Cache} {
			if strings.ContainsAny(s, "\n\r\x00\x1b\u202e\u2028") || strings.ToValidUTF8(s, "") != s || len(s) > 160 {
				t.Errorf("kept %q", s)
			}
		}
	}
	holds(t, k, folder)
}

// together: many append at once; all is kept, and what Append returned for can be read at once.
func together(t *testing.T, k Kind) {
	folder := t.TempDir()
	l := open(t, k, folder, audit.Options{Secret: secret, Sync: each})
	var all sync.WaitGroup
	for g := range 20 {
		all.Go(func() {
			for i := range 25 {
				if err := l.Append(context.Background(), record(1000*g+i), record(1000*g+500+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]int{}
	for _, e := range read(t, k, folder) {
		seen[e.Call]++
	}
	for g := range 20 {
		for i := range 25 {
			if seen[record(1000*g+i).Call] != 1 || seen[record(1000*g+500+i).Call] != 1 {
				t.Errorf("record %d of %d: %d times", i, g, seen[record(1000*g+i).Call])
			}
		}
	}
	if r := holds(t, k, folder, secret); r.Entries != 1001 {
		t.Errorf("report %+v", r)
	}
}

// locked: two that write one chain would break it.
func locked(t *testing.T, k Kind) {
	folder := t.TempDir()
	l := open(t, k, folder, audit.Options{})
	if _, err := k.Open(folder, options(audit.Options{})); !errors.Is(err, audit.ErrLocked) {
		t.Errorf("the second one: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, k, folder, audit.Options{})
	if _, err := k.Open(folder, options(audit.Options{Chain: "../x"})); err == nil || !strings.Contains(err.Error(), `"../x"`) {
		t.Errorf("a chain by a bad name: %v", err)
	}
}

// reseal makes an entry anew after another, as one without the secret can.
func reseal(e audit.Entry, prev audit.Hash) audit.Entry {
	e.Prev = prev
	line := e.Line()
	body := append(line[:len(line)-len(`,"hash":""}`)-43:len(line)-len(`,"hash":""}`)-43], '}')
	e.Hash = sha256.Sum256(body)
	return e
}

func rechain(entries []audit.Entry) []audit.Entry {
	for i := range entries {
		prev := audit.Hash{}
		if i > 0 {
			prev = entries[i-1].Hash
		}
		entries[i] = reseal(entries[i], prev)
	}
	return entries
}

// tampering: whatever is done to entries shows, and where.
func tampering(t *testing.T, k Kind) {
	const calls = 10 // entries 2 to 11 of 12
	change := func(f func(*audit.Entry)) func([]audit.Entry) []audit.Entry {
		return func(all []audit.Entry) []audit.Entry {
			f(&all[5])
			return all
		}
	}
	for name, c := range map[string]struct {
		tamper  func([]audit.Entry) []audit.Entry
		keyed   bool // only with a secret does it show
		seq     uint64
		reason  string
		unkeyed string // without: what shows then
	}{
		"nothing":     {tamper: func(all []audit.Entry) []audit.Entry { return all }},
		"caller":      {tamper: change(func(e *audit.Entry) { e.Caller = "other" }), seq: 6, reason: "changed"},
		"account":     {tamper: change(func(e *audit.Entry) { e.Account = "" }), seq: 6, reason: "changed"},
		"operation":   {tamper: change(func(e *audit.Entry) { e.Operation += "x" }), seq: 6, reason: "changed"},
		"write":       {tamper: change(func(e *audit.Entry) { e.Write = true }), seq: 6, reason: "changed"},
		"personal":    {tamper: change(func(e *audit.Entry) { e.PersonalData = true }), seq: 6, reason: "changed"},
		"status":      {tamper: change(func(e *audit.Entry) { e.Status = 403 }), seq: 6, reason: "changed"},
		"time":        {tamper: change(func(e *audit.Entry) { e.Time = e.Time.Add(time.Microsecond) }), seq: 6, reason: "changed"},
		"duration":    {tamper: change(func(e *audit.Entry) { e.Duration += time.Microsecond }), seq: 6, reason: "changed"},
		"request id":  {tamper: change(func(e *audit.Entry) { e.RequestID = "x" }), seq: 6, reason: "changed"},
		"agent":       {tamper: change(func(e *audit.Entry) { e.Agent = "x" }), seq: 6, reason: "changed"},
		"refused":     {tamper: change(func(e *audit.Entry) { e.Refused = "x" }), seq: 6, reason: "changed"},
		"key":         {tamper: change(func(e *audit.Entry) { e.Key = "x" }), seq: 6, reason: "changed"},
		"call":        {tamper: change(func(e *audit.Entry) { e.Call = "x" }), seq: 6, reason: "changed"},
		"cache":       {tamper: change(func(e *audit.Entry) { e.Cache = "hit" }), seq: 6, reason: "changed"},
		"more":        {tamper: change(func(e *audit.Entry) { e.More = 1 }), seq: 6, reason: "changed"},
		"kind":        {tamper: change(func(e *audit.Entry) { e.Kind = audit.Intent }), seq: 6, reason: "changed"},
		"note":        {tamper: change(func(e *audit.Entry) { e.Note = &audit.Note{Torn: 1} }), seq: 6, reason: "isn't one"},
		"no note":     {tamper: func(all []audit.Entry) []audit.Entry { all[0].Note = nil; return all }, seq: 1, reason: "isn't one"},
		"other kind":  {tamper: change(func(e *audit.Entry) { e.Kind = "x" }), seq: 6, reason: "changed"},
		"other chain": {tamper: change(func(e *audit.Entry) { e.Chain = "other" }), seq: 6, reason: "of chain"},
		"hash":        {tamper: change(func(e *audit.Entry) { e.Hash[0]++ }), seq: 6, reason: "changed"},
		"prev":        {tamper: change(func(e *audit.Entry) { e.Prev[0]++ }), seq: 6, reason: "isn't the one that it follows"},
		"with its hash": {tamper: change(func(e *audit.Entry) { e.Caller = "other"; *e = reseal(*e, e.Prev) }), keyed: true, seq: 6, reason: "changed",
			unkeyed: "isn't the one that it follows"},
		"removed": {tamper: func(all []audit.Entry) []audit.Entry { return slices.Delete(all, 5, 7) }, seq: 8, reason: "entry 5 comes before it"},
		"removed, numbers made to fit": {tamper: func(all []audit.Entry) []audit.Entry {
			all = slices.Delete(all, 5, 6)
			for i := range all {
				all[i].Seq = uint64(i + 1) //nolint:gosec // small
			}
			return all
		}, seq: 6, reason: "isn't the one that it follows"},
		"put in": {tamper: func(all []audit.Entry) []audit.Entry {
			for i := range all[5:] {
				all[5+i].Seq++
			}
			return slices.Insert(all, 5, reseal(audit.Entry{Chain: "shop", Seq: 6, Kind: audit.Call, Record: record(99)}, all[4].Hash))
		}, keyed: true, seq: 6, reason: "changed", unkeyed: "isn't the one that it follows"},
		"order": {tamper: func(all []audit.Entry) []audit.Entry {
			all[5].Record, all[6].Record = all[6].Record, all[5].Record
			return all
		}, seq: 6, reason: "changed"},
		"beginning removed": {tamper: func(all []audit.Entry) []audit.Entry { return all[4:] }, seq: 5, reason: "entries before it are missing"},
		"end cut off":       {tamper: func(all []audit.Entry) []audit.Entry { return all[:9] }, seq: 9, reason: "the end was cut off"},
		"last entry gone":   {tamper: func(all []audit.Entry) []audit.Entry { return all[:11] }, seq: 11, reason: "the end was cut off"},
		"all gone but one":  {tamper: func(all []audit.Entry) []audit.Entry { return all[:1] }, seq: 1, reason: "the end was cut off"},
		"made anew": {tamper: func(all []audit.Entry) []audit.Entry {
			all[5].Caller = "other"
			return rechain(all)
		}, seq: 1, reason: "changed", keyed: true, unkeyed: "noted as the head"},
		"made anew without a key": {tamper: func(all []audit.Entry) []audit.Entry {
			all[5].Caller, all[0].Note = "other", &audit.Note{}
			return rechain(all)
		}, reason: "head", keyed: true, unkeyed: "noted as the head"},
		"a cut made up": {tamper: func(all []audit.Entry) []audit.Entry {
			all = all[4:]
			all[1].Kind, all[1].Note = audit.Cut, &audit.Note{Through: 4, Hash: all[0].Prev}
			return all
		}, seq: 6, reason: "changed"},
	} {
		for _, keyed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, keyed %t", name, keyed), func(t *testing.T) {
				folder := t.TempDir()
				var o audit.VerifyOptions
				key := []byte(nil)
				if keyed {
					key, o.Secrets = secret, [][]byte{secret}
				}
				l := open(t, k, folder, audit.Options{Secret: key})
				for i := range calls {
					add(t, l, record(i))
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				k.Rewrite(t, folder, c.tamper(read(t, k, folder)))
				if name == "nothing" {
					holds(t, k, folder, o.Secrets...)
					return
				}
				seq, reason := c.seq, c.reason
				if c.keyed && !keyed {
					seq, reason = 0, c.unkeyed
				}
				breaks(t, k, folder, o, seq, reason)
			})
		}
	}
}

// putback: a chain that is put back as a whole is only known by a head that was noted elsewhere. So says the documentation.
func putback(t *testing.T, k Kind) {
	folder, copied := t.TempDir(), t.TempDir()
	l := open(t, k, folder, audit.Options{Secret: secret})
	add(t, l, record(1))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(copied, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	l = open(t, k, folder, audit.Options{Secret: secret})
	add(t, l, record(2))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	head, err := audit.ParseHead(holds(t, k, folder, secret).Head)
	if err != nil {
		t.Fatal(err)
	}
	old := holds(t, k, copied, secret) // nothing in it tells
	breaks(t, k, copied, audit.VerifyOptions{Secrets: [][]byte{secret}, Heads: []audit.Head{head}}, 3, "the end was cut off")
	// It shows as well when a gateway has gone on from there.
	l = open(t, k, copied, audit.Options{Secret: secret})
	add(t, l, record(3), record(4), record(5))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	breaks(t, k, copied, audit.VerifyOptions{Secrets: [][]byte{secret}, Heads: []audit.Head{head}}, head.Seq, "noted as the head")
	earlier, err := audit.ParseHead(old.Head)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, k, folder, audit.VerifyOptions{Secrets: [][]byte{secret}, Heads: []audit.Head{earlier, {Chain: "other", Seq: 1000}}}); err != nil {
		t.Errorf("with an earlier head: %v", err)
	}
}

// retention: what is too old goes, and the chain can be verified from there on.
func retention(t *testing.T, k Kind) {
	folder := t.TempDir()
	now := begin
	o := audit.Options{Secret: secret, Now: func() time.Time { return now }}
	var first audit.Head
	for month := range 30 {
		l := open(t, k, folder, o)
		for i := range 20 {
			r := record(100*month + i)
			r.Time = now
			add(t, l, r)
		}
		if err := l.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		r := holds(t, k, folder, secret)
		all := read(t, k, folder)
		if age := now.AddDate(0, -12, 0); month < 12 && r.Removed != 0 || month > 13 && r.Removed == 0 {
			t.Errorf("month %d: %d removed", month, r.Removed)
		} else if oldest := all[0].Time; oldest.Before(age.AddDate(0, -1, 0)) {
			t.Errorf("month %d: kept one of %s", month, oldest)
		}
		for _, e := range all {
			if e.Kind == audit.Cut && e.Note.Through >= e.Seq {
				t.Errorf("%d cuts up to %d", e.Seq, e.Note.Through)
			}
		}
		if month == 0 {
			first, _ = audit.ParseHead(r.Head)
		}
		kept := 0
		for _, e := range all {
			if e.Kind == audit.Call && !e.Time.Before(now.AddDate(0, -12, 0)) {
				kept++
			}
		}
		if want := 20 * min(month+1, 13); kept != want {
			t.Errorf("month %d: %d calls of the last 12 months, want %d", month, kept, want)
		}
		now = now.AddDate(0, 1, 0)
	}
	if r, err := verify(t, k, folder, audit.VerifyOptions{Secrets: [][]byte{secret}, Heads: []audit.Head{first}}); err != nil || r.Unchecked != 1 {
		t.Errorf("with a head that was removed: %+v, %v", r, err)
	}
	all := read(t, k, folder)
	k.Rewrite(t, folder, all[40:])
	breaks(t, k, folder, audit.VerifyOptions{Secrets: [][]byte{secret}}, all[40].Seq, "entries before it are missing")
	k.Rewrite(t, folder, all)
	holds(t, k, folder, secret)

	now = now.AddDate(5, 0, 0) // nothing of what there is may stay but what is new
	l := open(t, k, folder, o)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if all := read(t, k, folder); len(all) != 3 || all[1].Kind != audit.Cut {
		t.Errorf("after years: %d entries", len(all))
	}
	holds(t, k, folder, secret)
	// For ever.
	o.Keep = -1
	now = now.AddDate(20, 0, 0)
	l = open(t, k, folder, o)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if all := read(t, k, folder); len(all) != 5 {
		t.Errorf("for ever: %d entries", len(all))
	}
}

// crash: a process that ends without closing leaves a chain that goes on, and says so.
func crash(t *testing.T, k Kind) {
	folder, after := t.TempDir(), t.TempDir()
	l := open(t, k, folder, audit.Options{Secret: secret})
	intent := record(1)
	intent.Intent = true
	add(t, l, intent, record(2))
	// What a killed process leaves is what is in the files now.
	if err := os.CopyFS(after, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	l = open(t, k, after, audit.Options{Secret: secret, Logger: slog.New(slog.NewTextHandler(&told, nil))})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := holds(t, k, after, secret)
	if r.Crashes != 1 || r.Unfinished != 1 || r.Calls != 1 {
		t.Errorf("report %+v", r)
	}
	if strings.Contains(told.String(), "level=ERROR") || !strings.Contains(told.String(), "head=shop:") {
		t.Errorf("told %s", told.String())
	}
}

// secrets: a secret may be changed, and the chain goes on; both are needed to verify it.
func secrets(t *testing.T, k Kind) {
	folder := t.TempDir()
	other := []byte("another secret of thirty-two byt")
	for _, s := range [][]byte{nil, secret, other} {
		l := open(t, k, folder, audit.Options{Secret: s})
		add(t, l, record(1))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if r := holds(t, k, folder, other, secret); r.Keyed != 6 || r.Entries != 9 {
		t.Errorf("report %+v", r)
	}
	breaks(t, k, folder, audit.VerifyOptions{}, 4, "secret")
	breaks(t, k, folder, audit.VerifyOptions{Secrets: [][]byte{other}}, 4, "another secret")
	breaks(t, k, folder, audit.VerifyOptions{Secrets: [][]byte{secret}}, 7, "another secret")
	// Back to none: that is what one does who wants to write what he likes.
	l := open(t, k, folder, audit.Options{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	breaks(t, k, folder, audit.VerifyOptions{Secrets: [][]byte{secret, other}}, 10, "keyed")
}

// whileWritten: a chain can be read and verified while it is written.
func whileWritten(t *testing.T, k Kind) {
	folder := t.TempDir()
	l := open(t, k, folder, audit.Options{Secret: secret})
	add(t, l, record(0))
	const records = 3000 // more than a store may read at once
	written := make(chan struct{})
	go func() {
		defer close(written)
		for i := range records {
			if err := l.Append(context.Background(), record(1+i)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	last := uint64(0)
	look := func() {
		r, err := verify(t, k, folder, audit.VerifyOptions{Secrets: [][]byte{secret}})
		if err != nil || r.Entries < last {
			t.Errorf("%d entries after %d, %v", r.Entries, last, err)
		}
		last = r.Entries
	}
	for under := true; under && !t.Failed(); {
		select {
		case <-written:
			under = false
		default:
			look()
		}
	}
	<-written
	if look(); last != records+2 { // the first one, and that it was opened
		t.Errorf("%d entries in the end", last)
	}
}

// reading: what comes while somebody reads isn't waited for. One who reads more slowly than a gateway writes would never come to an end.
func reading(t *testing.T, k Kind) {
	folder := t.TempDir()
	l := open(t, k, folder, audit.Options{Secret: secret})
	first := make([]gateway.Record, 2500)
	for i := range first {
		first[i] = record(i)
	}
	add(t, l, first...)
	n := 0
	for _, err := range chain(t, k, folder).Entries(t.Context(), time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n > len(first)+1 {
			t.Fatal("what came meanwhile is read, too")
		}
		if n%100 == 0 {
			add(t, l, first[:200]...)
		}
	}
	if n != len(first)+1 {
		t.Errorf("%d entries", n)
	}
	holds(t, k, folder, secret)
}

// many: chains of several gateways are read as one.
func many(t *testing.T, k Kind) {
	var chains []audit.Chain
	for i, name := range []string{"a", "b", "a-2026-01"} {
		folder := filepath.Join(t.TempDir(), "x")
		l := open(t, k, folder, audit.Options{Chain: name, Now: func() time.Time { return begin }})
		for j := range 10 {
			r := record(3*j + i)
			r.Account = name
			add(t, l, r)
		}
		found, err := k.Chains(folder)
		if err != nil || len(found) != 1 || found[0].Name() != name {
			t.Fatalf("%v, %v", found, err)
		}
		chains = append(chains, found...)
	}
	var got []string
	for e, err := range audit.Merge(t.Context(), chains, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == audit.Call {
			got = append(got, e.Call)
		}
	}
	var want []string
	for i := range 30 {
		want = append(want, record(i).Call)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	next, stop := iter.Pull2(audit.Merge(t.Context(), chains, time.Time{}))
	if _, err, ok := next(); !ok || err != nil {
		t.Error(err)
	}
	stop() // leaves nothing behind
}

// since: what is long before isn't read; what isn't is.
func since(t *testing.T, k Kind) {
	folder := t.TempDir()
	now := begin
	l := open(t, k, folder, audit.Options{Now: func() time.Time { return now }})
	for month := range 5 {
		r := record(month)
		now = begin.AddDate(0, month, 0)
		r.Time = now
		add(t, l, r)
	}
	for month := range 6 {
		n := 0
		for e, err := range chain(t, k, folder).Entries(t.Context(), begin.AddDate(0, month, 0)) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == audit.Call && !e.Time.Before(begin.AddDate(0, month, 0)) {
				n++
			}
		}
		if n != 5-month {
			t.Errorf("since month %d: %d", month, n)
		}
	}
}

// closed: nothing is kept after Close, and that is said.
func closed(t *testing.T, k Kind) {
	l := open(t, k, t.TempDir(), audit.Options{Sync: time.Second})
	add(t, l, record(1))
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Append(t.Context(), record(1)); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("append: %v", err)
	}
	if err := l.Append(t.Context()); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

// Benchmark appends records, from one caller and from many, with and without waiting for the disk.
func Benchmark(b *testing.B, k Kind) {
	for _, sync := range []time.Duration{0, time.Second} {
		for _, callers := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("sync=%s/callers=%d", sync, callers), func(b *testing.B) {
				l, err := k.Open(b.TempDir(), options(audit.Options{Secret: secret, Sync: sync}))
				if err != nil {
					b.Fatal(err)
				}
				defer func() { _ = l.Close() }()
				r := record(1)
				b.ReportAllocs()
				b.SetParallelism(callers)
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := l.Append(context.Background(), r); err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}
