package accounts

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/marketplace"
)

// The test binary is also the second process: with this variable set it writes accounts in place of testing.
const writerVariable = "SPAPI_TEST_WRITER"

func TestMain(m *testing.M) {
	if os.Getenv(writerVariable) != "" {
		if err := write(os.Args[1:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func testApplication() Application {
	return Application{ClientID: "amzn1.application-oa2-client.0", ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.cAnArY4711")}
}

func testAccount(name string) Account {
	return Account{Name: name, Region: marketplace.Europe, ClientID: testApplication().ClientID, RefreshToken: spapi.NewSecret("Atzr|cAnArY4711")}
}

// write is the second process: it puts accounts PREFIX-FROM … and prints each that is stored. At the step CRASH of the last one it
// kills itself, as nothing that could clean up would.
func write(args []string) error {
	dir, prefix, crash := args[0], args[1], args[4]
	from, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	to, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	f := testFile(dir)
	for i := from; i < to; i++ {
		if i == to-1 && crash != "" {
			f.step = func(step string) {
				if step == crash {
					self, _ := os.FindProcess(os.Getpid())
					_ = self.Kill()
					select {} // until it is dead
				}
			}
		}
		if err := f.Put(context.Background(), testAccount(fmt.Sprintf("%s-%d", prefix, i))); err != nil {
			return err
		}
		fmt.Println(i)
	}
	return nil
}

func testFile(dir string) *File {
	return NewFile(filepath.Join(dir, "spapi", "accounts.age"), FileKey(filepath.Join(dir, "spapi", "key.txt")))
}

func writer(t *testing.T, dir, prefix string, from, to int, crash string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], dir, prefix, strconv.Itoa(from), strconv.Itoa(to), crash)
	cmd.Env = append(os.Environ(), writerVariable+"=1")
	cmd.Stderr = t.Output()
	return cmd
}

// Three processes at once, from the first moment on, when neither file nor key exist: nothing is lost.
func TestProcesses(t *testing.T) {
	const each = 25
	dir := t.TempDir()
	var commands []*exec.Cmd
	if err := testFile(dir).PutApplication(t.Context(), testApplication()); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"a", "b"} {
		cmd := writer(t, dir, prefix, 0, each, "")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, cmd)
	}
	here := testFile(dir)
	for i := range each {
		if err := here.Put(t.Context(), testAccount(fmt.Sprintf("here-%d", i))); err != nil {
			t.Error(err)
		}
		if err := here.Put(t.Context(), testAccount("temporary")); err != nil {
			t.Error(err)
		}
		if err := here.Delete(t.Context(), "temporary"); err != nil {
			t.Error(err)
		}
	}
	for _, cmd := range commands {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	list, err := testFile(dir).List(t.Context())
	if err != nil || len(list) != 3*each {
		t.Errorf("%d accounts, want %d; %v", len(list), 3*each, err)
	}
}

// Processes that meet on nothing make one key and one file.
func TestProcessesFirst(t *testing.T) {
	for range 5 {
		dir := t.TempDir()
		done := make(chan error, 8)
		for i := range cap(done) {
			go func() {
				a := testApplication()
				a.ClientID = fmt.Sprintf("%s%d", a.ClientID, i)
				done <- testFile(dir).PutApplication(t.Context(), a)
			}()
		}
		for range cap(done) {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if list, err := testFile(dir).Applications(t.Context()); err != nil || len(list) != cap(done) {
			t.Errorf("%d applications, want %d; %v", len(list), cap(done), err)
		}
	}
}

// A process that is killed at any step of a write leaves the old or the new file, whole, and the next one goes on.
func TestKilledAtEachStep(t *testing.T) {
	dir := t.TempDir()
	f := testFile(dir)
	if err := f.PutApplication(t.Context(), testApplication()); err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, step := range []struct {
		name   string
		stored bool
	}{{"half written", false}, {"not synced", false}, {"written", false}, {"renamed", true}} {
		out, err := writer(t, dir, step.name, 0, 3, step.name).Output()
		if exit, ok := err.(*exec.ExitError); !ok || exit.Success() || string(out) != "0\n1\n" {
			t.Fatalf("%s: the writer ended with %v after %q", step.name, err, out)
		}
		if want += 2; step.stored {
			want++
		}
		for _, f := range []*File{f, testFile(dir)} {
			list, err := f.List(t.Context())
			if err != nil || len(list) != want {
				t.Errorf("killed when %s: %d accounts, want %d; %v", step.name, len(list), want, err)
			}
		}
		if err := testFile(dir).Put(t.Context(), testAccount("after "+step.name)); err != nil {
			t.Errorf("killed when %s: the next write: %v", step.name, err)
		}
		want++
		if _, err := os.Stat(f.path + ".tmp"); !os.IsNotExist(err) {
			t.Errorf("killed when %s: the temporary file stays after the next write: %v", step.name, err)
		}
	}
}

// A process that is killed from outside, at moments that nobody chose, has stored what it said it had.
func TestKilled(t *testing.T) {
	rounds := 15
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	if err := testFile(dir).PutApplication(t.Context(), testApplication()); err != nil {
		t.Fatal(err)
	}
	stored, inFlight := 0, 0
	for round := range rounds {
		cmd := writer(t, dir, fmt.Sprint("round", round), 0, 1<<20, "")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for range 3 + round {
			if _, err := lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			stored++
		}
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(lines)
		_ = cmd.Wait()
		stored += strings.Count(string(rest), "\n")
		list, err := testFile(dir).List(t.Context())
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		// One more may be stored without having been said in each round.
		if n := len(list); n < stored || n > stored+1 {
			t.Fatalf("round %d: %d accounts, want %d or one more", round, n, stored)
		} else if n > stored {
			inFlight++
			stored = n
		}
	}
	t.Logf("%d rounds, %d accounts, %d of them stored but not yet said so", rounds, stored, inFlight)
}

// A reader beside a writer always reads a whole file.
func TestReaderBesideWriter(t *testing.T) {
	dir := t.TempDir()
	if err := testFile(dir).PutApplication(t.Context(), testApplication()); err != nil {
		t.Fatal(err)
	}
	cmd := writer(t, dir, "w", 0, 60, "")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan int)
	go func() {
		defer close(said)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			n, _ := strconv.Atoi(scanner.Text())
			said <- n
		}
	}()
	reads := 0
	reader := testFile(dir)
	for n := range said {
		list, err := reader.List(t.Context())
		if err != nil || len(list) < n+1 {
			t.Errorf("%d accounts, want at least %d; %v", len(list), n+1, err)
		}
		reads++
	}
	if err := cmd.Wait(); err != nil || reads != 60 {
		t.Errorf("%d reads, %v", reads, err)
	}
}
