package redistest_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/openspapi/spapi/internal/redistest"
)

func TestRestartKeepsAddress(t *testing.T) {
	r := redistest.StartTCP(t)
	r.Do(t, "SET", "k", "v")
	r.Restart(t)
	if got := r.Do(t, "EXISTS", "k"); got != int64(0) {
		t.Errorf("the server that was started again has %v of the keys, want none", got)
	}
	c, err := net.Dial("tcp", r.Address)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// A stopped server is there and says nothing.
func TestStop(t *testing.T) {
	r := redistest.StartTCP(t)
	r.Stop(t)
	c, err := net.Dial("tcp", r.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func(patience time.Duration) error {
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write([]byte("PING\r\n")); err != nil {
			return err
		}
		_, err := c.Read(make([]byte, 7))
		return err
	}
	if err := ask(100 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a stopped server: %v, want no answer", err)
	}
	r.Continue(t)
	if err := ask(20 * time.Second); err != nil {
		t.Error(err)
	}
}

func TestCluster(t *testing.T) {
	nodes := redistest.Cluster(t, nil)
	slots, ok := nodes[2].Do(t, "CLUSTER", "SLOTS").([]any)
	if !ok || len(slots) != 3 {
		t.Errorf("the slots are in %d pieces, want 3", len(slots))
	}
}

func TestSentinel(t *testing.T) {
	g := redistest.Sentinel(t)
	g.Primary.Kill()
	_, replica, _ := net.SplitHostPort(g.Replica.Address)
	if !redistest.Eventually(func() bool {
		at, _ := g.Sentinel.Do(t, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", g.Name).([]any)
		return len(at) == 2 && at[1] == replica
	}) {
		t.Errorf("the replica never becomes the primary")
	}
}

func TestStartTLS(t *testing.T) {
	r := redistest.StartTLS(t, redistest.NewCA(t))
	if got := r.Do(t, "PING"); got != "PONG" {
		t.Errorf("got %v", got)
	}
}
