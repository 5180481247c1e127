package desk

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// post asks with a body of a size.
func post(t *testing.T, ctx context.Context, d *Desk, size int) (status int, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "POST", "https://sellingpartnerapi-na.amazon.com/feeds/2021-06-30/feeds", strings.NewReader(strings.Repeat(" ", size)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := d.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// TestLongBodiesTakeTurns has a request with a long body under way: others with long bodies wait, with nothing of them in memory, and those with
// short ones don't.
func TestLongBodiesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := New(Options{Time: realTime{}, Speed: 1, Region: marketplace.NorthAmerica, OrderItems: 100}, nil)
		if err != nil {
			t.Fatal(err)
		}
		d.turn <- struct{}{} // one is under way
		const long = 5 << 20
		answered := make(chan int, 3)
		for range 3 {
			go func() {
				status, err := post(t, t.Context(), d, long)
				if err != nil {
					t.Error(err)
				}
				answered <- status
			}()
		}
		gone, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := post(t, gone, d, long)
			left <- err
		}()
		synctest.Wait()
		if len(answered) != 0 {
			t.Fatal("a request with a long body did not wait for its turn")
		}
		if _, file := d.bodies.Held(); file < 4*long {
			t.Errorf("%d bytes of bodies are in the file, want those of all that wait, %d", file, 4*long)
		}
		if status, err := post(t, t.Context(), d, 1000); err != nil || status != http.StatusForbidden {
			t.Errorf("a short body: %d, error %v", status, err)
		}
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("one who doesn't want to wait: error %v", err)
		}
		<-d.turn
		for range 3 {
			if status := <-answered; status != http.StatusForbidden {
				t.Errorf("answered with %d", status)
			}
		}
		if _, file := d.bodies.Held(); file != 0 || len(d.turn) != 0 {
			t.Errorf("%d bytes of bodies are left, %d turns", file, len(d.turn))
		}
	})
}

type realTime struct{}

func (realTime) Now() time.Time { return time.Now() }
