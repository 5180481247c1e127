package feeds_test

import (
	"net/http"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire counts what goes over it.
type wire struct {
	next http.RoundTripper

	mu         sync.Mutex
	operations map[string]int // those that were carried out
	throttled  int
	cut        func(req *http.Request, resp *http.Response) (*http.Response, error) // nil: nothing is cut
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	if resp.StatusCode == http.StatusTooManyRequests {
		w.throttled++
	} else if resp.StatusCode < 300 {
		w.operations[resp.Header.Get("X-Spapi-Emulator-Operation")]++
	}
	cut := w.cut
	w.mu.Unlock()
	if cut != nil {
		return cut(req, resp)
	}
	return resp, nil
}

func (w *wire) count(operation string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.operations[operation]
}

func start(t testing.TB, options ...emulator.Option) (*emulator.Emulator, *wire, *spapi.Client) {
	t.Helper()
	emu, err := emulator.New(append([]emulator.Option{emulator.WithSeed(1)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{next: emu, operations: map[string]int{}}
	return emu, w, newClient(emu, w)
}

func newClient(emu *emulator.Emulator, rt http.RoundTripper) *spapi.Client {
	c := emu.Credentials()
	return spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(rt)).
		Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region})
}

func openJournal(t testing.TB, path string) *journal.File {
	t.Helper()
	j, err := journal.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}
