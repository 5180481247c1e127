package spapi

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errUntrusted = x509.UnknownAuthorityError{}

// What is thrown away is stale: neither tokens that are valid nor refusals that are kept.
func TestTokenStoreKeepsWhatIsNotStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := NewTokenStore()
		fetches := map[string]int{}
		get := func(key string, life time.Duration, err error) error {
			_, got := store.Get(t.Context(), TokenRequest{Key: key, Fetch: func(context.Context, <-chan struct{}) (Token, error) {
				fetches[key]++
				return Token{Value: NewSecret(key), Expires: time.Now().Add(life)}, err
			}})
			return got
		}
		check(t, get("valid", time.Hour, nil))
		if err := get("refused", 0, &AuthError{StatusCode: 401, Code: "invalid_client"}); err == nil {
			t.Fatal("no error")
		}
		for i := range 1000 {
			check(t, get(fmt.Sprint(i), time.Nanosecond, nil))
			time.Sleep(time.Millisecond)
		}
		check(t, get("valid", time.Hour, nil))
		if err := get("refused", 0, nil); err == nil || fetches["valid"] != 1 || fetches["refused"] != 1 {
			t.Errorf("%v; fetched %d times and %d times, want once each", err, fetches["valid"], fetches["refused"])
		}
		if n := len(store.(*tokenStore).entries); n > 200 {
			t.Errorf("%d entries, nearly all stale", n)
		}
	})
}

// A fetch that hangs ends some time, though it outlives those who wait for it.
func TestTokenFetchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := NewTokenStore().Get(t.Context(), TokenRequest{Key: "k", Fetch: func(ctx context.Context, _ <-chan struct{}) (Token, error) {
			<-ctx.Done()
			return Token{}, ctx.Err()
		}})
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took > fetchTimeout || took > 15*time.Minute {
			t.Errorf("%v after %s", err, took)
		}
	})
}

// What panics below a fetch, or ends its goroutine, is an error of all who wait for it, and the next one asks anew.
func TestTokenFetchThatPanics(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("boom " + testRefreshToken) }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broken := true
				fetch := TokenRequest{Key: "k", Fetch: func(context.Context, <-chan struct{}) (Token, error) {
					time.Sleep(time.Second)
					if broken {
						end()
					}
					return Token{Value: NewSecret("v")}, nil
				}}
				store := NewTokenStore()
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() {
						_, err := store.Get(t.Context(), fetch)
						if err == nil || !strings.Contains(err.Error(), name) {
							t.Errorf("got %v", err)
						}
						noSecrets(t, fmt.Sprint(err))
					})
				}
				all.Wait()
				broken = false
				if token, err := store.Get(t.Context(), fetch); err != nil || token.Value.Reveal() != "v" {
					t.Errorf("afterwards %v, %v", token, err)
				}
			})
		})
	}
}

// BenchmarkTokenStore is what each call needs: a token that is there, asked for by 64 goroutines, of one seller or of many.
func BenchmarkTokenStore(b *testing.B) {
	for _, sellers := range []int{1, 64} {
		b.Run(fmt.Sprintf("sellers=%d", sellers), func(b *testing.B) {
			b.ReportAllocs()
			store := NewTokenStore()
			var n atomic.Int64
			b.SetParallelism(64 / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				r := TokenRequest{Key: fingerprint(fmt.Sprint(n.Add(1) % int64(sellers))), Fetch: func(context.Context, <-chan struct{}) (Token, error) {
					return Token{Value: NewSecret("v")}, nil
				}}
				for pb.Next() {
					if _, err := store.Get(b.Context(), r); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
