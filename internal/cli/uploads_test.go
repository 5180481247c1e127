package cli_test

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// uploader is a client of an emulator in a process of its own.
type uploader struct {
	t       *testing.T
	process int
	ready   map[string]string
	token   string
}

// startEmulator runs spapi emulator until the test ends.
func startEmulator(t *testing.T, args ...string) *uploader {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var messages bytes.Buffer
	cmd := &exec.Cmd{Path: path, Args: append([]string{"spapi", "emulator", "--listen", "127.0.0.1:0"}, args...), Stderr: &messages, Env: os.Environ()}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	u := &uploader{t: t, process: cmd.Process.Pid, ready: map[string]string{}}
	var ready map[string]any
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		t.Fatalf("%v: %q\n%s", err, line, &messages)
	}
	for name, v := range ready {
		if text, ok := v.(string); ok {
			u.ready[name] = text
		}
	}
	return u
}

// send sends a request, reads the answer and wants a status of 2xx. The target is a path or a URL.
func (u *uploader) send(method, target, contentType string, body []byte, more ...string) (map[string]any, error) {
	if strings.HasPrefix(target, "/") {
		target = u.ready["url"] + target
	}
	req, err := http.NewRequestWithContext(u.t.Context(), method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if !strings.Contains(target, "X-Amz-") {
		req.Header.Set("x-amz-access-token", u.token)
	}
	for i := 0; i+1 < len(more); i += 2 {
		req.Header.Set(more[i], more[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %.120s: %d %.300s", method, target, resp.StatusCode, b)
	}
	var answer map[string]any
	_ = json.Unmarshal(b, &answer) // documents are none
	return answer, nil
}

// ask is send for JSON, and returns a member of the answer that is a text; "" where there is none.
func (u *uploader) ask(method, path, body, member string) string {
	u.t.Helper()
	answer, err := u.send(method, path, "application/json", []byte(body))
	if err != nil {
		u.t.Fatal(err)
	}
	text, _ := answer[member].(string)
	return text
}

func (u *uploader) login() {
	u.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}}
	for _, name := range []string{"refresh_token", "client_id", "client_secret"} {
		form.Set(name, u.ready[name])
	}
	answer, err := u.send("POST", u.ready["lwa_url"], "application/x-www-form-urlencoded", []byte(form.Encode()))
	if err != nil {
		u.t.Fatal(err)
	}
	u.token, _ = answer["access_token"].(string)
}

// upload puts a feed document and returns its id.
func (u *uploader) upload(content []byte) (string, error) {
	answer, err := u.send("POST", "/feeds/2021-06-30/documents", "application/json", []byte(`{"contentType":"application/json"}`))
	if err != nil {
		return "", err
	}
	id, _ := answer["feedDocumentId"].(string)
	address, _ := answer["url"].(string)
	_, err = u.send("PUT", address, "application/json", content)
	return id, err
}

// listings is a feed of about the size, of patches for SKUs that are not there.
func (u *uploader) listings(size int) []byte {
	u.t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"header":{"sellerId":%q,"version":"2.0"},"messages":[`, u.ready["seller_id"])
	for i := 1; b.Len() < size-1000 && i <= 25000; i++ {
		if i > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"messageId":%d,"sku":"NONE-%d","operationType":"PATCH","productType":"PRODUCT","patches":[{"op":"replace","path":"/attributes/bullet_point","value":[{"value":%q}]}]}`,
			i, i, strings.Repeat("a long text ", 55))
	}
	b.WriteString("]}")
	return b.Bytes()
}

// memory is what a process has now, in bytes; 0 where the system doesn't tell.
func memory(process int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", process)) // without one nothing is found
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

const mebibyte = 1 << 20

// TestUploads makes a process of its own take uploads, feeds, reports and queries over months of its clock: its memory is bounded, and what Amazon
// keeps no longer is gone. SPAPI_PROVE_UPLOADS is how many rounds of six hours; "make prove-uploads" takes 1,000, with files of 20 MiB.
func TestUploads(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a process")
	}
	rounds, size, most := 150, 2*mebibyte, int64(250*mebibyte)
	if text := os.Getenv("SPAPI_PROVE_UPLOADS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil || rounds < 1 {
			t.Fatalf("SPAPI_PROVE_UPLOADS=%q: want a number of rounds", text)
		}
		size, most = 20*mebibyte, 700*mebibyte
	}
	u := startEmulator(t, "--clock", "60x", "--no-limits", "--seed", "1")
	u.login()
	file := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(file)
	t.Logf("%5s %8s %8s %8s %8s %8s %10s", "round", "uploads", "MiB sent", "reports", "queries", "days", "RSS in MiB")
	show := func(round, uploads, sent int) {
		t.Logf("%5d %8d %8d %8d %8d %8d %10.1f", round, uploads, sent/mebibyte, 5*round, round, round/4, float64(memory(u.process))/mebibyte)
	}

	// Forty files at the same time, which nobody makes a feed of.
	var wait sync.WaitGroup
	ids := make([]string, 40)
	for i := range ids {
		wait.Go(func() {
			var err error
			if ids[i], err = u.upload(file); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	uploads, sent := len(ids), len(ids)*size
	t.Logf("%d files of %d MiB at the same time: at most %.1f MiB of memory", len(ids), size/mebibyte, float64(peak(u.process))/mebibyte)
	if _, err := u.send("GET", "/feeds/2021-06-30/documents/"+ids[0], "", nil); err != nil {
		t.Error(err)
	}

	const market = `"marketplaceIds":["ATVPDKIKX0DER"]`
	small, large := u.listings(20_000), u.listings(size)
	first := ""
	for round := range rounds {
		if round%max(rounds/20, 1) == 0 {
			show(round, uploads, sent)
		}
		u.login()
		content := small
		if round%20 == 10 {
			content = large
		}
		for i, b := range [][]byte{file, content} {
			id, err := u.upload(b)
			if err != nil {
				t.Fatal(err)
			}
			uploads, sent = uploads+1, sent+len(b)
			if i == 1 { // the other one nobody makes a feed of
				u.ask("POST", "/feeds/2021-06-30/feeds", `{"feedType":"JSON_LISTINGS_FEED",`+market+`,"inputFeedDocumentId":"`+id+`"}`, "")
			}
		}
		sum := md5.Sum(small)
		answer, err := u.send("POST", "/uploads/2020-11-01/uploadDestinations/aplus/2020-11-01/contentDocuments?contentType=image/png&marketplaceIds=ATVPDKIKX0DER&contentMD5="+
			url.QueryEscape(base64.StdEncoding.EncodeToString(sum[:])), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		payload, _ := answer["payload"].(map[string]any)
		address, _ := payload["url"].(string)
		headers, _ := payload["headers"].(map[string]any)
		var more []string
		for name, v := range headers {
			more = append(more, name, fmt.Sprint(v))
		}
		if _, err := u.send("PUT", address, "", small, more...); err != nil {
			t.Fatal(err)
		}
		uploads, sent = uploads+1, sent+len(small)
		reports := []string{}
		for _, kind := range []string{"GET_MERCHANT_LISTINGS_ALL_DATA", "GET_MERCHANT_LISTINGS_DATA", "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL", "GET_XML_BROWSE_TREE_DATA", "GET_FLAT_FILE_OPEN_LISTINGS_DATA"} {
			reports = append(reports, u.ask("POST", "/reports/2021-06-30/reports", `{"reportType":"`+kind+`",`+market+`,"dataStartTime":"2020-01-01T00:00:00Z"}`, "reportId"))
		}
		u.ask("POST", "/dataKiosk/2023-11-15/queries", `{"query":"{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,endDate:\"2026-02-20\",marketplaceIds:[\"ATVPDKIKX0DER\"],startDate:\"2026-02-01\"){startDate sales{unitsOrdered}}}}"}`, "")
		u.ask("POST", "/_emulator/clock", `{"advance":"2m"}`, "")
		if first == "" {
			first = reports[0]
		}
		document := u.ask("GET", "/reports/2021-06-30/reports/"+reports[2], "", "reportDocumentId")
		if address := u.ask("GET", "/reports/2021-06-30/documents/"+document, "", "url"); address == "" {
			t.Fatal("a report has no document")
		} else if _, err := u.send("GET", address, "", nil); err != nil {
			t.Fatal(err)
		}
		u.ask("POST", "/_emulator/clock", `{"advance":"5h58m"}`, "")
	}
	show(rounds, uploads, sent)
	highest := peak(u.process)
	t.Logf("at most %.1f MiB of memory", float64(highest)/mebibyte)
	if highest > most {
		t.Errorf("%d bytes of memory, want at most %d", highest, most)
	}
	u.ask("POST", "/_emulator/clock", `{"advance":"1h"}`, "")
	u.login()
	if days := rounds / 4; days > 28 {
		if _, err := u.send("GET", "/feeds/2021-06-30/documents/"+ids[0], "", nil); err == nil {
			t.Errorf("a feed document is there after %d days", days)
		}
	}
	if _, err := u.send("GET", "/reports/2021-06-30/reports/"+first, "", nil); (err == nil) != (rounds/4 < 90) {
		t.Errorf("the first report after %d days: %v", rounds/4, err)
	}
}
