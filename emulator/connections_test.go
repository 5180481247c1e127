package emulator_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/tlsfront"
)

// usage is what the process of an emulator takes.
type usage struct {
	Heap       uint64 // bytes in use
	Resident   int64  // bytes of memory, 0 where nobody tells
	Goroutines int
}

// TestSlowConnectionsServer is the other process of [TestSlowConnections]: it serves, and tells what it takes whenever it is asked.
func TestSlowConnectionsServer(t *testing.T) {
	times := os.Getenv("SPAPI_SLOW_CONNECTIONS_SERVER")
	if times == "" {
		t.Skip("TestSlowConnections starts it")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e, err := emulator.New(emulator.WithoutLimits(), emulator.WithCADir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.CA(); err != nil {
		t.Fatal(err)
	}
	log.SetOutput(io.Discard)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	if stall, _ := time.ParseDuration(times); stall == 0 {
		go func() { done <- e.Serve(ctx, l) }()
	} else { // as Serve does, but sooner
		ca, err := tlsfront.OpenCA(filepath.Join(t.TempDir(), "ca"), "test", e.Hosts())
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			done <- tlsfront.Serve(ctx, l, tlsfront.Options{Handler: e, Hosts: e.Hosts(), CA: func() (*tlsfront.CA, error) { return ca, nil },
				Timeouts: tlsfront.Timeouts{Header: stall, Stall: stall}})
		}()
	}
	fmt.Println("listening " + l.Addr().String())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		u := usage{Heap: m.HeapInuse + m.StackInuse, Goroutines: runtime.NumGoroutine()}
		if status, err := os.ReadFile("/proc/self/status"); err == nil {
			_, rest, _ := strings.Cut(string(status), "VmRSS:")
			kilobytes, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			n, _ := strconv.ParseInt(kilobytes, 10, 64)
			u.Resident = n << 10
		}
		text, _ := json.Marshal(u)
		fmt.Println("usage " + string(text))
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// slowServer is an emulator in a process of its own.
type slowServer struct {
	addr string
	in   io.WriteCloser
	out  *bufio.Scanner
}

func startSlowServer(t *testing.T, times string) *slowServer {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "-test.run=^TestSlowConnectionsServer$", "-test.timeout=30m")
	cmd.Env = append(os.Environ(), "SPAPI_SLOW_CONNECTIONS_SERVER="+times)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &slowServer{in: in, out: bufio.NewScanner(out)}
	t.Cleanup(func() {
		in.Close()
		rest, _ := io.ReadAll(out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the other process: %v\n%s", err, rest)
		}
	})
	s.addr = s.line(t, "listening ")
	return s
}

func (s *slowServer) line(t *testing.T, prefix string) string {
	t.Helper()
	for s.out.Scan() {
		if rest, found := strings.CutPrefix(s.out.Text(), prefix); found {
			return rest
		}
	}
	t.Fatalf("the other process has ended: %v", s.out.Err())
	return ""
}

func (s *slowServer) usage(t *testing.T) (u usage) {
	t.Helper()
	fmt.Fprintln(s.in)
	if err := json.Unmarshal([]byte(s.line(t, "usage ")), &u); err != nil {
		t.Fatal(err)
	}
	return u
}

// TestSlowConnections holds many connections with headers and bodies that come in single bytes, half of the bodies over TLS: all are cut off in time,
// each takes little memory, and somebody else is answered meanwhile. SPAPI_PROVE_CONNECTIONS is how many; with it the times are those of
// [emulator.Emulator.Serve], else short ones.
func TestSlowConnections(t *testing.T) {
	count, stall, times, drip := 200, 500*time.Millisecond, "500ms", 50*time.Millisecond
	header := stall
	if text := os.Getenv("SPAPI_PROVE_CONNECTIONS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 4 {
			t.Fatalf("SPAPI_PROVE_CONNECTIONS %q: want a number from 4 on", text)
		}
		count, header, stall, times, drip = n, 10*time.Second, 30*time.Second, "default", time.Second
	} else if testing.Short() {
		t.Skip("it takes two seconds")
	}
	s := startSlowServer(t, times)
	before := s.usage(t)

	var wg sync.WaitGroup
	lived := make([]time.Duration, count)
	dialling := make(chan struct{}, 64) // at a time
	begun := time.Now()
	// Bodies first, for they have longer: so all are open at once.
	for _, half := range [][2]int{{0, count / 2}, {count / 2, count}} {
		opened := make(chan error, count)
		for i := half[0]; i < half[1]; i++ {
			wg.Go(func() {
				dialling <- struct{}{}
				c, err := slowConn(s.addr, i < count/4)
				<-dialling
				opened <- err
				if err == nil {
					lived[i] = keepOpen(c, i >= count/2, drip)
				}
			})
		}
		for range half[1] - half[0] {
			if err := <-opened; err != nil {
				t.Fatalf("open: %v (%d connections need as many open files: ulimit -n)", err, count)
			}
		}
	}
	openedAfter := time.Since(begun)
	ended := make(chan struct{})
	go func() {
		wg.Wait()
		close(ended)
	}()

	var answers []time.Duration
	most := usage{}
	tr := &http.Transport{DisableKeepAlives: true}
	for again := true; again; {
		select {
		case <-ended:
			again = false
		case <-time.After(100 * time.Millisecond):
		}
		u := s.usage(t)
		most = usage{max(most.Heap, u.Heap), max(most.Resident, u.Resident), max(most.Goroutines, u.Goroutines)}
		asked := time.Now()
		resp, err := (&http.Client{Transport: tr, Timeout: 2 * time.Minute}).Get("http://" + s.addr + "/_emulator/clock")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if answers = append(answers, time.Since(asked)); resp.StatusCode != http.StatusOK {
			t.Errorf("somebody else got %d", resp.StatusCode)
		}
	}
	var headers, bodies time.Duration
	for i, d := range lived {
		if i >= count/2 {
			headers = max(headers, d)
		} else {
			bodies = max(bodies, d)
		}
	}
	slices.Sort(answers)
	after := s.usage(t)
	t.Logf("%d connections, open after %v; the last slow header was cut off after %v, the last slow body after %v", count, openedAfter.Round(time.Millisecond),
		headers.Round(time.Millisecond), bodies.Round(time.Millisecond))
	t.Logf("before: %s", before)
	t.Logf("most:   %s, %d bytes a connection", most, (int64(most.Heap)-int64(before.Heap))/int64(count))
	t.Logf("after:  %s", after)
	median, longest := answers[len(answers)/2], answers[len(answers)-1]
	t.Logf("%d requests meanwhile: median %v, longest %v", len(answers), median.Round(time.Microsecond), longest.Round(time.Microsecond))

	slack := time.Minute + openedAfter // of a busy machine
	if headers > 2*header+slack || bodies > header+2*stall+slack {
		t.Errorf("cut off late: headers after %v, want %v; bodies after %v, want %v", headers, 2*header, bodies, header+2*stall)
	}
	if bound := before.Heap + uint64(count)*64<<10 + 16<<20; most.Heap > bound {
		t.Errorf("%d bytes of memory, want at most %d", most.Heap, bound)
	}
	if after.Goroutines > before.Goroutines+10 {
		t.Errorf("%d goroutines are left of %d connections", after.Goroutines-before.Goroutines, count)
	}
}

func (u usage) String() string {
	return fmt.Sprintf("%.1f MB of heap and stacks, %.1f MB resident, %d goroutines", float64(u.Heap)/1e6, float64(u.Resident)/1e6, u.Goroutines)
}

// slowConn opens a connection.
func slowConn(addr string, secure bool) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil || !secure {
		return c, err
	}
	s := tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: nil})
	if err := s.Handshake(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return s, nil
}

// keepOpen sends a request byte by byte, until the connection ends, and returns how long that took.
func keepOpen(c net.Conn, header bool, drip time.Duration) time.Duration {
	begun := time.Now()
	head := "POST /reports/2021-06-30/reports HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
	if header {
		head += "X-Slow: "
	} else {
		head += "\r\n"
	}
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, err := io.WriteString(c, head); err == nil; _, err = io.WriteString(c, "x") {
			select {
			case <-time.After(drip):
			case <-over:
				return
			}
		}
	})
	_, _ = io.Copy(io.Discard, c) // until the other side hangs up
	lived := time.Since(begun)
	close(over)
	_ = c.Close()
	wg.Wait()
	return lived
}
