package export

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/text/encoding/japanese"

	"github.com/openspapi/spapi/document"
)

// benchBytes is the unpacked size of the benchmark's report: SPAPI_DOCUMENT_BYTES, default 64 MiB. What the documentation
// states is for 1073741824.
func benchBytes(tb testing.TB) int64 {
	text := os.Getenv("SPAPI_DOCUMENT_BYTES")
	if text == "" {
		return 64 << 20
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		tb.Fatalf("SPAPI_DOCUMENT_BYTES=%q: want a number of bytes", text)
	}
	return n
}

// writeReport writes a packed Japanese listings report of at least size bytes unpacked.
func writeReport(tb testing.TB, path string, size int64) {
	tb.Helper()
	file, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	zw := gzip.NewWriter(file)
	w := bufio.NewWriterSize(zw, 1<<20)
	encoder := japanese.ShiftJIS.NewEncoder()
	encode := func(s string) string {
		out, err := encoder.String(s)
		if err != nil {
			tb.Fatal(err)
		}
		return out
	}
	var words []string
	for _, s := range []string{"シャープペンシル", "ボールペン 0.5mm 黒", "消しゴム", "ノート Ａ４ 方眼", "髙級万年筆①", "ｽﾃｰﾌﾟﾗｰ", "付箋～大判", "クリアファイル 20枚入り", "送料無料", "新品"} {
		words = append(words, encode(s))
	}
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string { return words[r.IntN(len(words))] }
	total, err := w.WriteString(encode("出品ID\t商品名\t出品者SKU\t数量\t価格\t出品日\t国\t商品の説明\r\n"))
	for int64(total) < size && err == nil {
		var n int
		n, err = fmt.Fprintf(w, "250-%07d-%07d\t%s %s\tSKU-%06d\t%d\t%d.%02d\t2026/01/%02d %02d:%02d:00 JST\tJP\t%s %s %s B0%08X\r\n",
			r.IntN(1e7), r.IntN(1e7), word(), word(), r.IntN(1e6), r.IntN(10), r.IntN(10000), r.IntN(100),
			1+r.IntN(28), r.IntN(24), r.IntN(60), word(), word(), word(), r.Uint32())
		total += n
	}
	for _, f := range []func() error{w.Flush, zw.Close, file.Close} {
		if err == nil {
			err = f()
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkReport carries a report from its URL to a durable file in a process of its own, and sets speed and memory against zcat | iconv in the same run.
func BenchmarkReport(b *testing.B) {
	size := benchBytes(b)
	packed := filepath.Join(b.TempDir(), "report.gz")
	writeReport(b, packed, size)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=Shift_JIS")
		http.ServeFile(w, r, packed)
	}))
	b.Cleanup(server.Close)

	b.Run("zcat-iconv", func(b *testing.B) {
		var all usage
		for b.Loop() {
			all.add(floor(b, packed, size))
		}
		b.SetBytes(size)
		b.ReportMetric(all.cpu.Seconds()/float64(b.N), "cpu-s")
	})
	for _, format := range []Format{CSV, JSONL, Parquet} {
		b.Run(string(format), func(b *testing.B) {
			var ours, floors usage
			for b.Loop() {
				ours.add(convert(b, server.URL, filepath.Join(b.TempDir(), "out"), format))
				b.StopTimer()
				floors.add(floor(b, packed, size))
				b.StartTimer()
			}
			b.SetBytes(size)
			b.ReportMetric(ours.peak, "peak-MiB")
			b.ReportMetric(ours.cpu.Seconds()/float64(b.N), "cpu-s")
			b.ReportMetric(ours.sync.Seconds()/float64(b.N), "fsync-s")
			b.ReportMetric(float64(floors.wall)/float64(ours.wall), "speed-of-zcat-iconv")
			b.ReportMetric(float64(floors.cpu)/float64(ours.cpu), "cpu-speed-of-zcat-iconv") // which other work on the machine blurs less
		})
	}
}

// usage is what processes have used.
type usage struct {
	wall, cpu time.Duration
	sync      time.Duration // of wall, the wait for the disk at the end
	peak      float64       // MiB resident
}

func (u *usage) add(v usage) {
	u.wall += v.wall
	u.cpu += v.cpu
	u.sync += v.sync
	u.peak = max(u.peak, v.peak)
}

func processTime(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// floor is what the system's own tools need.
func floor(tb testing.TB, packed string, size int64) usage {
	for _, tool := range []string{"zcat", "iconv", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			tb.Skipf("no %s here: nothing to measure against", tool)
		}
	}
	out := filepath.Join(tb.TempDir(), "floor")
	start := time.Now()
	cmd := exec.Command("sh", "-c", `zcat "$0" | iconv -f CP932 -t UTF-8 >"$1"`, packed, out)
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, text)
	}
	elapsed := time.Since(start)
	if info, err := os.Stat(out); err != nil || info.Size() < size {
		tb.Fatalf("zcat | iconv wrote %v, %v", info, err)
	}
	_ = os.Remove(out)
	return usage{wall: elapsed, cpu: processTime(cmd)}
}

// convert runs child.
func convert(tb testing.TB, url, out string, format Format) usage {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SPAPI_DOCUMENT_CHILD="+string(format), "SPAPI_DOCUMENT_URL="+url, "SPAPI_DOCUMENT_OUT="+out)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		tb.Fatalf("child: %v: %s", err, stderr.String())
	}
	var elapsed, synced time.Duration
	var peak float64
	if _, err := fmt.Sscan(string(text), &elapsed, &synced, &peak); err != nil {
		tb.Fatalf("child said %q: %v", text, err)
	}
	_ = os.Remove(out)
	return usage{elapsed, processTime(cmd), synced, peak}
}

// child is the process that is measured.
func child(format Format) error {
	start := time.Now()
	if err := fetchInto(os.Getenv("SPAPI_DOCUMENT_OUT"), os.Getenv("SPAPI_DOCUMENT_URL"), format); err != nil {
		return err
	}
	elapsed := int64(time.Since(start))
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(sample)
	managed := float64(sample[0].Value.Uint64()) / (1 << 20)
	peak := managed // the high-water mark is Linux's
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			var kib float64
			if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kib); n == 1 {
				peak = kib / 1024
			}
		}
	}
	_, err := fmt.Println(elapsed, int64(syncTime), peak)
	return err
}

func fetchInto(path, url string, format Format) error {
	r, err := document.Open(context.Background(), func(context.Context) (document.Location, error) {
		return document.Location{URL: url, CompressionAlgorithm: "GZIP"}, nil
	}, document.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := writeRows(f, r, format); err != nil {
		return err
	}
	start := time.Now()
	err = f.Commit()
	syncTime = time.Since(start)
	return err
}

// syncTime is how long the last fetchInto waited for the disk at the end, which zcat | iconv does not do.
var syncTime time.Duration

func writeRows(w io.Writer, r io.Reader, format Format) error {
	rows := document.NewRows(r, document.RowOptions{})
	header, err := rows.Header()
	if err != nil {
		return err
	}
	writer, err := NewWriter(w, format, header)
	if err != nil {
		return err
	}
	return Copy(writer, rows)
}

// BenchmarkWriter is the last step alone, from text in memory to nowhere.
func BenchmarkWriter(b *testing.B) {
	packed := filepath.Join(b.TempDir(), "report.gz")
	writeReport(b, packed, 8<<20)
	file, err := os.Open(packed)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	zr, err := gzip.NewReader(file)
	if err != nil {
		b.Fatal(err)
	}
	text, err := io.ReadAll(document.NewTextReader(zr, "cp932", ""))
	if err != nil {
		b.Fatal(err)
	}
	for _, format := range []Format{CSV, JSONL, Parquet} {
		b.Run(string(format), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := writeRows(io.Discard, bytes.NewReader(text), format); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
