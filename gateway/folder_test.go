package gateway

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
	"testing"
)

// folderWriterEnv makes TestFolderWriter the second process of the tests below: its folder, how many keys it makes, and at which step of the last one it kills
// itself.
const folderWriterEnv = "SPAPI_TEST_FOLDER_WRITER"

func TestFolderWriter(t *testing.T) {
	what := os.Getenv(folderWriterEnv)
	if what == "" {
		t.Skip("SKIPPED: it is a part of other tests")
	}
	words := strings.Split(what, "|")
	f := NewFolder(words[0])
	count, _ := strconv.Atoi(words[1])
	for i := range count {
		if i == count-1 && words[2] != "" {
			f.step = func(step string) {
				if step == words[2] {
					self, _ := os.FindProcess(os.Getpid())
					_ = self.Kill()
					select {}
				}
			}
		}
		if err := f.Update(context.Background(), func(r *Records) error {
			r.Keys = append(r.Keys, Key{ID: fmt.Sprintf("key%07d", len(r.Keys))})
			return nil
		}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("made", i)
	}
}

func folderWriter(t *testing.T, dir string, count int, step string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestFolderWriter$", "-test.v")
	cmd.Env = append(os.Environ(), folderWriterEnv+"="+dir+"|"+strconv.Itoa(count)+"|"+step)
	return cmd
}

func made(out string) int { return strings.Count(out, "made ") }

// A process that is killed at any step of a write leaves what was before or what is now, whole, and the next one goes on.
func TestFolderKilledAtEachStep(t *testing.T) {
	dir, want := t.TempDir(), 0
	for _, step := range []struct {
		name string
		kept bool
	}{{"half written", false}, {"not synced", false}, {"written", false}, {"renamed", true}} {
		out, err := folderWriter(t, dir, 3, step.name).Output()
		if exit, ok := err.(*exec.ExitError); !ok || exit.Success() || made(string(out)) != 2 {
			t.Fatalf("%s: the writer ended with %v after %q", step.name, err, out)
		}
		if want += 2; step.kept {
			want++
		}
		f := NewFolder(dir)
		if r, err := f.Load(t.Context()); err != nil || len(r.Keys) != want {
			t.Fatalf("killed when %s: %d keys, want %d; %v", step.name, len(r.Keys), want, err)
		}
		if err := f.Update(t.Context(), func(r *Records) error { r.Keys = append(r.Keys, Key{ID: "after"}); return nil }); err != nil {
			t.Fatalf("killed when %s: the next change: %v", step.name, err)
		}
		want++
		if _, err := os.Stat(f.Path() + ".tmp"); !os.IsNotExist(err) {
			t.Errorf("killed when %s: the temporary file stays: %v", step.name, err)
		}
	}
}

// A process that is killed from outside, at moments that nobody chose, has kept what it said it had; a reader beside it always sees a whole file.
func TestFolderKilled(t *testing.T) {
	dir, kept := t.TempDir(), 0
	reader := NewFolder(dir)
	for round := range 6 {
		cmd := folderWriter(t, dir, 1<<20, "")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for said := 0; said < 3+round; {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if made(line) == 0 {
				continue
			}
			said++
			kept++
			if r, err := reader.Load(t.Context()); err != nil || len(r.Keys) < kept {
				t.Errorf("a reader sees %d keys, want at least %d; %v", len(r.Keys), kept, err)
			}
		}
		_ = cmd.Process.Kill()
		rest, _ := io.ReadAll(lines)
		_ = cmd.Wait()
		kept += made(string(rest))
		r, err := reader.Load(t.Context())
		if err != nil || len(r.Keys) < kept || len(r.Keys) > kept+1 {
			t.Fatalf("round %d: %d keys, want %d or one more; %v", round, len(r.Keys), kept, err)
		}
		kept = len(r.Keys)
	}
}

func TestFolderRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"others may write", `{"version":1,"keys":[],"blocks":[]}`, 0o622, "chmod 600"},
		{"others may read", `{"version":1,"keys":[],"blocks":[]}`, 0o644, "chmod 600"},
		{"cut", `{"version":1,"keys":[`, 0o600, "damaged"},
		{"empty", "", 0o600, "damaged"},
		{"a later version", `{"version":7,"keys":[],"blocks":[]}`, 0o600, "version 7: want 1"},
		{"a hash that is none", `{"version":1,"keys":[{"id":"a","hash":"abc"}],"blocks":[]}`, 0o600, "SHA-256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := NewFolder(t.TempDir())
			if err := os.WriteFile(f.Path(), []byte(c.text), c.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(f.Path(), c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := f.Load(t.Context())
			errUpdate := f.Update(t.Context(), func(*Records) error { return nil })
			for _, err := range []error{err, errUpdate} {
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), filepath.Base(f.Path())) {
					t.Errorf("the error is %v, want one with %q", err, c.want)
				}
			}
			if text, _ := os.ReadFile(f.Path()); string(text) != c.text {
				t.Error("the file has changed")
			}
		})
	}
}

func TestFolderModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	f := NewFolder(dir)
	if err := f.Update(t.Context(), func(*Records) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, f.Path(): 0o600, f.Path() + ".lock": 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %04o; %v", path, info.Mode(), want, err)
		}
	}
}
