package redistest

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Redis is a redis-server process of a test.
type Redis struct {
	Socket  string // its Unix socket
	Address string // "127.0.0.1:<port>"; "" where it listens on the socket alone

	program string
	args    []string
	cmd     *exec.Cmd
	out     bytes.Buffer
	ended   chan struct{} // closed when the process has
}

// Start starts a redis-server that keeps nothing on disk and listens on a Unix socket alone. Without redis-server the test skips. args are further
// settings, such as "--requirepass", "x".
func Start(t testing.TB, args ...string) *Redis {
	t.Helper()
	r := &Redis{program: program(t), Socket: filepath.Join(Dir(t), "redis.sock")}
	r.args = append([]string{"--port", "0", "--unixsocket", r.Socket, "--save", "", "--dir", filepath.Dir(r.Socket)}, args...)
	r.start(t)
	return r
}

// StartTCP is [Start] with a port of 127.0.0.1 too.
func StartTCP(t testing.TB, args ...string) *Redis {
	t.Helper()
	return startAt(t, "--port", freePort(t), args)
}

// StartTLS is [Start] with a port of 127.0.0.1 that speaks TLS, by the certificates of ca.
func StartTLS(t testing.TB, ca *CA, args ...string) *Redis {
	t.Helper()
	program(t)
	return startAt(t, "--tls-port", freePort(t), append([]string{"--tls-ca-cert-file", ca.File, "--tls-cert-file", ca.ServerCert, "--tls-key-file", ca.ServerKey,
		"--tls-auth-clients", "optional"}, args...))
}

func startAt(t testing.TB, setting, port string, args []string) *Redis {
	t.Helper()
	r := Start(t, append([]string{setting, port}, args...)...)
	r.Address = "127.0.0.1:" + port
	return r
}

func program(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED: redis-server is not installed")
	}
	return path
}

// Dir is a folder of the test with a short name: that of a Unix socket has room for about 100 bytes, and t.TempDir names the test. A test that was killed
// leaves it; the next one that asks for a folder removes it.
func Dir(t testing.TB) string {
	t.Helper()
	removeStale()
	d, err := os.MkdirTemp("", fmt.Sprint(dirPrefix, os.Getpid(), "-"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(d) })
	return d
}

const dirPrefix = "redistest-"

// removeStale removes the folders of processes that are no more, once in this process.
var removeStale = sync.OnceFunc(func() {
	list, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*"))
	for _, d := range list {
		text, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(d), dirPrefix), "-")
		if pid, err := strconv.Atoi(text); err == nil && gone(pid) {
			_ = os.RemoveAll(d)
		}
	}
})

// freePort is a port of 127.0.0.1 that nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// start starts the process and waits until it answers.
func (r *Redis) start(t testing.TB) {
	t.Helper()
	r.cmd = exec.Command(r.program, r.args...)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	EndWithUs(r.cmd)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := r.cmd, make(chan struct{})
	r.ended = ended
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(r.Kill)
	if Eventually(func() bool {
		select {
		case <-ended: // a port that another process took since it was free
			return true
		default:
		}
		_, err := r.do("PING")
		return err == nil || strings.HasPrefix(err.Error(), "NOAUTH")
	}) {
		select {
		case <-ended:
		default:
			return
		}
	}
	r.Kill()
	t.Fatalf("redis-server doesn't answer: %s", r.out.String())
}

// Eventually reports whether ok becomes true within a minute. It looks in real time, for what other processes do.
func Eventually(ok func() bool) bool {
	for range 6000 {
		if ok() {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// Kill ends the server at once, as kill -9 does.
func (r *Redis) Kill() {
	_ = r.cmd.Process.Kill()
	<-r.ended
}

// Restart kills the server and starts it again, empty, on the same socket and port.
func (r *Redis) Restart(t testing.TB) {
	t.Helper()
	r.Kill()
	r.out.Reset()
	r.start(t)
}

// Do carries out a command, over a connection of its own to the socket.
func (r *Redis) Do(t testing.TB, command string, args ...any) any {
	t.Helper()
	reply, err := r.do(command, args...)
	if err != nil {
		t.Fatalf("%s %v: %v", command, args, err)
	}
	return plain(reply)
}

func (r *Redis) do(command string, args ...any) (any, error) {
	c, err := redis.Dial("unix", r.Socket, redis.DialReadTimeout(time.Minute))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(command, args...)
}

// Cluster starts a cluster of three primaries, each with a third of the slots. Where listen is set, the cluster tells clients that each node is at the
// port that listen returns for it: a test's proxy can stand there.
func Cluster(t testing.TB, listen func(node *Redis) (port string), args ...string) []*Redis {
	t.Helper()
	nodes := make([]*Redis, 3)
	for i := range nodes {
		nodes[i] = StartTCP(t, append([]string{"--cluster-enabled", "yes", "--cluster-port", freePort(t), "--cluster-node-timeout", "5000"}, args...)...)
		if listen != nil {
			nodes[i].Do(t, "CONFIG", "SET", "cluster-announce-port", listen(nodes[i]))
		}
		const slots = 16384
		nodes[i].Do(t, "CLUSTER", "ADDSLOTSRANGE", i*slots/3, (i+1)*slots/3-1)
		nodes[i].Do(t, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	first, port, _ := net.SplitHostPort(nodes[0].Address)
	bus := nodes[0].args[indexOf(nodes[0].args, "--cluster-port")+1]
	for _, n := range nodes[1:] {
		n.Do(t, "CLUSTER", "MEET", first, port, bus)
	}
	if !Eventually(func() bool {
		for _, n := range nodes {
			info, _ := n.Do(t, "CLUSTER", "INFO").(string)
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3") ||
				!strings.Contains(info, "cluster_slots_assigned:16384") {
				return false
			}
		}
		return true
	}) {
		t.Fatalf("the cluster doesn't get ready: %s", nodes[0].Do(t, "CLUSTER", "INFO"))
	}
	return nodes
}

func indexOf(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

// Group is a primary with a replica, and a sentinel that makes the replica the primary when that is gone for a second.
type Group struct {
	Name     string // of the primary, for the sentinel
	Sentinel *Redis
	Primary  *Redis // at the start
	Replica  *Redis // at the start
}

// Sentinel starts a [Group].
func Sentinel(t testing.TB, args ...string) *Group {
	t.Helper()
	args = append([]string{"--repl-diskless-sync-delay", "0"}, args...)
	g := &Group{Name: "mymaster", Primary: StartTCP(t, args...), Replica: StartTCP(t, args...)}
	_, primary, _ := net.SplitHostPort(g.Primary.Address)
	g.Replica.Do(t, "REPLICAOF", "127.0.0.1", primary)

	conf := filepath.Join(Dir(t), "sentinel.conf") // which the sentinel writes to
	port := freePort(t)
	s := &Redis{program: program(t), Socket: filepath.Join(filepath.Dir(conf), "redis.sock"), Address: "127.0.0.1:" + port, args: []string{conf, "--sentinel"}}
	text := fmt.Sprintf("port %s\nbind 127.0.0.1\nunixsocket %s\ndir %s\nsentinel monitor %s 127.0.0.1 %s 1\nsentinel down-after-milliseconds %[4]s 1000\n"+
		"sentinel failover-timeout %[4]s 5000\n", port, s.Socket, filepath.Dir(conf), g.Name, primary)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	g.Sentinel = s
	if !Eventually(func() bool {
		replicas, _ := s.Do(t, "SENTINEL", "REPLICAS", g.Name).([]any)
		info, _ := g.Replica.Do(t, "INFO", "replication").(string)
		return len(replicas) == 1 && strings.Contains(info, "master_link_status:up") && strings.Contains(fmt.Sprint(replicas[0]), "master-link-status ok")
	}) {
		t.Fatalf("the sentinel doesn't know the replica: %s", cmp.Or(s.out.String(), g.Replica.out.String()))
	}
	return g
}
