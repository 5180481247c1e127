package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

// TestKilled: of every write that Amazon got there is a record, whenever the process is killed.
func TestKilled(t *testing.T) {
	if folder := os.Getenv("SPAPI_TEST_GATEWAY_KILL"); folder != "" {
		killedGateway(folder)
		return
	}
	folder := t.TempDir()
	sent := map[string]bool{}
	for range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "SPAPI_TEST_GATEWAY_KILL="+folder)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		until, n := 1+rand.IntN(150), 0
		for lines := bufio.NewReader(out); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				break
			}
			if call, ok := strings.CutPrefix(strings.TrimSpace(line), "sent "); ok {
				sent[call] = true
				if n++; n == until {
					_ = cmd.Process.Kill()
				}
			}
		}
		_ = cmd.Wait()
	}
	if len(sent) < 3 {
		t.Fatalf("%d writes were sent", len(sent))
	}
	text, err := os.ReadFile(folder + "/audit")
	if err != nil {
		t.Fatal(err)
	}
	told := len(sent)
	for line := range bytes.Lines(text) {
		var r Record
		if json.Unmarshal(line, &r) == nil && r.Write && r.Operation == "feeds20210630.cancelFeed" {
			delete(sent, r.Call)
		}
	}
	if len(sent) > 0 {
		t.Errorf("of %d writes that were sent %d are not in the audit", told, len(sent))
	}
}

// plainAudit keeps records in a file, as simply as can be: what the gateway sees to is when.
type plainAudit struct{ file *os.File }

func (p plainAudit) Append(_ context.Context, records ...Record) error {
	var b []byte
	for _, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		b = append(append(b, line...), '\n')
	}
	_, err := p.file.Write(b)
	return err
}

// killedGateway sends writes through a gateway until it is killed; of each that Amazon gets it tells before it is answered.
func killedGateway(folder string) {
	file, err := os.OpenFile(folder+"/audit", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	amazon := &fakeAmazon{before: func(r *http.Request) {
		fmt.Println("sent " + r.Context().Value(exchangeKey{}).(*exchange).record.Call)
	}}
	g, err := New(Config{
		Accounts: newShelf("de"), Audit: plainAudit{file}, Logger: slog.New(slog.DiscardHandler), Local: Scope{Accounts: []string{"*"}, Operations: []string{"*"}, Write: true},
		Options: []spapi.Option{spapi.WithTransport(amazon), spapi.WithLimiter(free{})},
	})
	if err != nil {
		panic(err)
	}
	for range 4 {
		go func() {
			for {
				r := httptest.NewRequest(http.MethodDelete, "http://localhost/feeds/2021-06-30/feeds/1", nil)
				r.Header.Set("X-Spapi-Account", "de")
				w := httptest.NewRecorder()
				if g.ServeHTTP(w, r); w.Code != http.StatusOK {
					panic(w.Body.String())
				}
			}
		}()
	}
	time.Sleep(time.Minute) // it is killed long before
}
