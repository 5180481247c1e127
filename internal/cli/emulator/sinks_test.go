package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/cli/terminal"
)

// receiver is what messages are posted to.
type receiver struct {
	mu     sync.Mutex
	answer func(n int) (status int, err error) // to the nth request
	asked  int
	got    []string
	at     []time.Time
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if req.Method != "POST" || req.Header.Get("X-Spapi-Queue") != "arn" || req.Header.Get("Content-Type") != "application/json" {
		return nil, fmt.Errorf("a request of another kind: %v", req.Header)
	}
	r.asked++
	r.at = append(r.at, time.Now())
	status, err := r.answer(r.asked)
	if err != nil {
		return nil, err
	}
	if status == http.StatusOK {
		r.got = append(r.got, string(body))
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
}

func posting(answer func(n int) (int, error)) (*receiver, *poster, *bytes.Buffer) {
	r, told := &receiver{answer: answer}, &bytes.Buffer{}
	return r, newPoster("http://user:password@127.0.0.1:9000/in", r, told), told
}

func TestPosterKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, p, told := posting(func(n int) (int, error) {
			switch {
			case n == 2:
				return 0, errors.New("refused")
			case n > 2 && n < 6:
				return 503, nil
			case n == 7:
				return 400, nil
			}
			return 200, nil
		})
		var want []string
		for i := range 10 {
			body := fmt.Sprint(i)
			p.add("arn", []byte(body))
			if i != 2 { // which is refused for good
				want = append(want, body)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		p.close()
		if !slices.Equal(r.got, want) {
			t.Errorf("got %q, want %q", r.got, want)
		}
		for i, pause := range []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 0} {
			if got := r.at[i+1].Sub(r.at[i]); got != pause {
				t.Errorf("before request %d there were %s, want %s", i+2, got, pause)
			}
		}
		const texts = "--notify-url: 127.0.0.1:9000 can't be reached: refused; it is sent again\n--notify-url: 127.0.0.1:9000 takes messages again\n" +
			"--notify-url: a message was not sent: 127.0.0.1:9000 answers 400\n"
		if told.String() != texts {
			t.Errorf("told\n%s\nwant\n%s", told, texts)
		}
	})
}

func TestPosterGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, p, told := posting(func(n int) (int, error) { return 500, nil })
		p.add("arn", []byte("first"))
		began := time.Now()
		time.Sleep(postTries + longestPause + time.Second)
		synctest.Wait()
		if !strings.Contains(told.String(), "a message was not sent: 127.0.0.1:9000 answers 500") || r.asked < 30 {
			t.Errorf("after %s, with %d requests: %s", time.Since(began), r.asked, told)
		}
		p.add("arn", []byte("second"))
		p.add("arn", []byte("third"))
		synctest.Wait()
		began = time.Now()
		p.close()
		if took := time.Since(began); took != postGrace || !strings.HasSuffix(told.String(), "--notify-url: 2 messages were not sent\n") {
			t.Errorf("the end took %s: %s", took, told)
		}
		if strings.Contains(told.String(), "password") {
			t.Errorf("told a password: %s", told)
		}
	})
}

func TestPosterIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		_, p, told := posting(func(n int) (int, error) { <-gate; return 200, nil })
		p.add("arn", []byte("first"))
		synctest.Wait()
		for range maxPosted + 5 {
			p.add("arn", []byte("x"))
		}
		close(gate)
		synctest.Wait()
		p.add("arn", []byte("last"))
		synctest.Wait()
		told.WriteString("again\n")
		gate = make(chan struct{})
		p.add("arn", []byte("first"))
		synctest.Wait()
		for range maxPosted + 3 {
			p.add("arn", []byte("x"))
		}
		close(gate)
		p.close()
		const texts = "--notify-url: 10000 messages wait to be sent: no more are taken until some are\n" +
			"--notify-url: 5 messages were not sent, because too many waited\n" +
			"again\n--notify-url: 10000 messages wait to be sent: no more are taken until some are\n" +
			"--notify-url: 3 messages were not sent, because too many waited\n"
		if told.String() != texts {
			t.Errorf("told\n%s\nwant\n%s", told, texts)
		}
	})
}

func TestNotifyFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "messages.jsonl")
	if err := os.WriteFile(name, []byte(`{"queue":"arn","bo`), 0o600); err != nil { // of a process that was killed
		t.Fatal(err)
	}
	f, err := openLines(name)
	if err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	s := &sinks{file: f, told: &told}
	s.take("arn", []byte("{\"a\":\n1}"))
	s.take("arn", []byte(`{"a":`)) // as a fault has it
	s.close()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) != 4 || lines[1] != `{"queue":"arn","body":{"a":1}}` || lines[2] != `{"queue":"arn","body":"{\"a\":"}` || lines[3] != "" || !json.Valid([]byte(lines[1])) {
		t.Errorf("%q", lines)
	}
	s.take("arn", []byte("{}"))
	s.take("arn", []byte("{}"))
	if strings.Count(told.String(), "--notify-file: ") != 1 {
		t.Errorf("told %q, want one trouble", told.String())
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	if f, err = openLines(fresh); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: want a file that only its owner reads", info.Mode(), err)
	}
}

// TestNotifyFileOfOthers: a file that was there before keeps its mode, and it is told who can read what comes into it.
func TestNotifyFileOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are kept elsewhere")
	}
	for mode, want := range map[os.FileMode]string{0o600: "", 0o644: "(mode 0644), and new client secrets come into it\n"} {
		name := filepath.Join(t.TempDir(), "messages.jsonl")
		if err := errors.Join(os.WriteFile(name, nil, mode), os.Chmod(name, mode)); err != nil {
			t.Fatal(err)
		}
		var told bytes.Buffer
		s, err := (&Options{NotifyFile: name, Streams: &terminal.Streams{Err: &told}}).openSinks()
		if err != nil {
			t.Fatal(err)
		}
		s.close()
		if !strings.HasSuffix(told.String(), want) || (want == "") != (told.Len() == 0) {
			t.Errorf("%04o: told %q", mode, told.String())
		}
	}
}
