// Package journaltest checks that a journal behaves as journal.Journal says. Every implementation here passes it; whoever writes another one can run
// it too.
package journaltest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/journal"
)

// Run runs the suite, under the virtual time of testing/synctest. Open makes a journal that is empty, and a function that gives it as the next process
// would find it; nil if it doesn't outlast the process.
func Run(t *testing.T, open func(t *testing.T) (j journal.Journal, again func() journal.Journal)) {
	for name, test := range map[string]func(*testing.T, journal.Journal){
		"Entries": entries, "Keys": keys, "Concurrent": concurrent, "Claim": claim, "ClaimWaits": claimWaits, "Ended": ended, "Closed": closed,
		"NotUTF8": notUTF8, "All": all,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j, _ := open(t)
				test(t, j)
			})
		})
	}
	t.Run("Lasts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			j, again := open(t)
			if again == nil {
				t.Skip("it ends with the process")
			}
			put(t, j, key("a"), entry)
			put(t, j, key("b"), entry)
			if err := j.Delete(t.Context(), key("b")); err != nil {
				t.Fatal(err)
			}
			j = again()
			want(t, j, key("a"), &entry)
			want(t, j, key("b"), nil)
		})
	})
}

var entry = journal.Entry{
	Began: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), ID: "50001", Document: "amzn1.tortuga.1", Uploaded: time.Date(2026, 1, 2, 3, 4, 5, 5, time.UTC),
}

func key(request string) journal.Key {
	return journal.Key{Kind: "feed", Type: "T", Request: request, Application: "app", Seller: "A1", Endpoint: "https://example.com"}
}

func put(t *testing.T, j journal.Journal, k journal.Key, e journal.Entry) {
	t.Helper()
	if err := j.Put(t.Context(), k, e); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, j journal.Journal, k journal.Key, e *journal.Entry) {
	t.Helper()
	got, ok, err := j.Get(t.Context(), k)
	switch {
	case err != nil:
		t.Error(err)
	case ok != (e != nil):
		t.Errorf("%+v: found is %v", k, ok)
	case e != nil && got != *e:
		t.Errorf("%+v: got %+v, want %+v", k, got, *e)
	case e == nil && got != (journal.Entry{}):
		t.Errorf("%+v: got %+v where nothing is", k, got)
	}
}

func entries(t *testing.T, j journal.Journal) {
	want(t, j, key("a"), nil)
	intent := journal.Entry{Began: entry.Began}
	put(t, j, key("a"), intent)
	want(t, j, key("a"), &intent)
	put(t, j, key("a"), entry)
	want(t, j, key("a"), &entry)
	put(t, j, key("b"), intent)
	want(t, j, key("a"), &entry)
	zone := time.FixedZone("CET", 3600)
	here := journal.Entry{Began: entry.Began.In(zone), Uploaded: entry.Uploaded.In(zone)}
	put(t, j, key("c"), here)
	if got, _, err := j.Get(t.Context(), key("c")); err != nil || got != (journal.Entry{Began: entry.Began, Uploaded: entry.Uploaded}) {
		t.Errorf("a time of another zone: got %+v, %v, want it in UTC", got, err)
	}
	for range 2 {
		if err := j.Delete(t.Context(), key("a")); err != nil {
			t.Error(err)
		}
		want(t, j, key("a"), nil)
	}
	want(t, j, key("b"), &intent)
}

// all: what is there can be gone through, so that one run knows what others have asked for.
func all(t *testing.T, j journal.Journal) {
	want := func(n int) map[journal.Key]journal.Entry {
		t.Helper()
		got, err := j.Entries(t.Context())
		if err != nil || len(got) != n {
			t.Errorf("got %v, %v, want %d entries", got, err, n)
		}
		return got
	}
	want(0)
	put(t, j, key("a"), entry)
	put(t, j, key("b"), journal.Entry{Began: entry.Began})
	got := want(2)
	if got[key("a")] != entry || got[key("b")] != (journal.Entry{Began: entry.Began}) {
		t.Errorf("got %v", got)
	}
	delete(got, key("a")) // it is the caller's own
	want(2)
	for _, k := range []string{"a", "b"} {
		if err := j.Delete(t.Context(), key(k)); err != nil {
			t.Fatal(err)
		}
	}
	want(0)
	put(t, j, key("c"), entry)
	want(1)
}

// keys: each member of a key makes another one, or a run would take up the work of another seller.
func keys(t *testing.T, j journal.Journal) {
	put(t, j, key("a"), entry)
	for name, change := range map[string]func(*journal.Key){
		"Kind":        func(k *journal.Key) { k.Kind = "report" },
		"Type":        func(k *journal.Key) { k.Type = "U" },
		"Request":     func(k *journal.Key) { k.Request = "b" },
		"Application": func(k *journal.Key) { k.Application = "other" },
		"Seller":      func(k *journal.Key) { k.Seller = "A2" },
		"Endpoint":    func(k *journal.Key) { k.Endpoint = "https://example.org" },
		"Sandbox":     func(k *journal.Key) { k.Sandbox = true },
	} {
		k := key("a")
		change(&k)
		if _, ok, err := j.Get(t.Context(), k); ok || err != nil {
			t.Errorf("another %s finds the same entry: %v, %v", name, ok, err)
		}
	}
}

// What would be read back as something else is refused.
func notUTF8(t *testing.T, j journal.Journal) {
	bad := "a\xff"
	for _, k := range []journal.Key{
		{Kind: bad, Request: "r"}, {Kind: "feed", Type: bad}, {Kind: "feed", Request: bad}, {Application: bad}, {Seller: bad}, {Endpoint: bad},
	} {
		if err := j.Put(t.Context(), k, entry); err == nil {
			t.Errorf("put %+v", k)
		}
		if _, ok, err := j.Get(t.Context(), k); err == nil || ok {
			t.Errorf("get %+v: %v, %v", k, ok, err)
		}
	}
	for _, e := range []journal.Entry{{Document: bad}, {ID: bad}} {
		if err := j.Put(t.Context(), key("a"), e); err == nil {
			t.Errorf("put %q", e.Document+e.ID)
		}
	}
	want(t, j, key("a"), nil)
}

func concurrent(t *testing.T, j journal.Journal) {
	const n = 20
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			k := key(fmt.Sprint(i))
			if err := j.Put(t.Context(), k, entry); err != nil {
				t.Error(err)
			}
			if _, ok, err := j.Get(t.Context(), k); !ok || err != nil {
				t.Error(ok, err)
			}
		})
	}
	wg.Wait()
	for i := range n {
		want(t, j, key(fmt.Sprint(i)), &entry)
	}
}

func claim(t *testing.T, j journal.Journal) {
	release, err := j.Claim(t.Context(), key("a"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := j.Claim(t.Context(), key("b"))
	if err != nil {
		t.Fatal("another key is not free:", err)
	}
	other()
	put(t, j, key("a"), entry) // whoever has the claim works under it
	want(t, j, key("a"), &entry)
	boom := errors.New("had enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, boom)
	defer cancel()
	began := time.Now()
	if _, err := j.Claim(ctx, key("a")); !errors.Is(err, boom) {
		t.Errorf("got %v, want the cause of the context", err)
	}
	if waited := time.Since(began); waited < time.Minute {
		t.Errorf("waited %s", waited)
	}
	release()
	release()
	again, err := j.Claim(t.Context(), key("a"))
	if err != nil {
		t.Fatal(err)
	}
	release() // the one of before: it frees nothing that another has
	short, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	if _, err := j.Claim(short, key("a")); err == nil {
		t.Error("an old release freed the key of another")
	}
	again()
}

func claimWaits(t *testing.T, j journal.Journal) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	holders, most := 0, 0
	for range 5 {
		wg.Go(func() {
			release, err := j.Claim(t.Context(), key("a"))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			holders++
			most = max(most, holders)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			holders--
			mu.Unlock()
			release()
		})
	}
	wg.Wait()
	if most != 1 {
		t.Errorf("%d had the key at once", most)
	}
}

func closed(t *testing.T, j journal.Journal) {
	c, ok := j.(io.Closer)
	if !ok {
		t.Skip("it has no method Close")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := j.Get(t.Context(), key("a")); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Get: %v", err)
	}
	if _, err := j.Entries(t.Context()); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Entries: %v", err)
	}
	if err := j.Put(t.Context(), key("a"), entry); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Put: %v", err)
	}
	if err := j.Delete(t.Context(), key("a")); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Delete: %v", err)
	}
	if _, err := j.Claim(t.Context(), key("a")); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Claim: %v", err)
	}
}

func ended(t *testing.T, j journal.Journal) {
	put(t, j, key("a"), entry)
	boom := errors.New("had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(boom)
	if _, _, err := j.Get(ctx, key("a")); !errors.Is(err, boom) {
		t.Errorf("Get: %v", err)
	}
	if _, err := j.Entries(ctx); !errors.Is(err, boom) {
		t.Errorf("Entries: %v", err)
	}
	if err := j.Put(ctx, key("a"), journal.Entry{ID: "other"}); !errors.Is(err, boom) {
		t.Errorf("Put: %v", err)
	}
	if err := j.Delete(ctx, key("a")); !errors.Is(err, boom) {
		t.Errorf("Delete: %v", err)
	}
	if _, err := j.Claim(ctx, key("a")); !errors.Is(err, boom) {
		t.Errorf("Claim: %v", err)
	}
	want(t, j, key("a"), &entry)
}
