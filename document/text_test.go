package document

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func readText(t testing.TB, src io.Reader, declared, fallback string) (string, *TextReader) {
	t.Helper()
	r := NewTextReader(src, declared, fallback)
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), r
}

func TestCharsetGoldens(t *testing.T) {
	for _, test := range []struct{ file, charset string }{
		{"utf-8", "UTF-8"}, {"utf-8-bom", "UTF-8"}, {"windows-1252", "windows-1252"}, {"iso-8859-1", "windows-1252"},
		{"shift_jis", "Shift_JIS"}, {"windows-31j", "Shift_JIS"},
	} {
		t.Run(test.file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata", "charset", test.file+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join("testdata", "charset", test.file+".golden"))
			if err != nil {
				t.Fatal(err)
			}
			for _, given := range []struct{ name, declared, fallback string }{
				{"declared", strings.TrimSuffix(test.file, "-bom"), ""},
				{"fallback", "", strings.TrimSuffix(test.file, "-bom")},
				{"sniffed", "", ""},
				{"unknown declared", "x-martian", ""},
			} {
				got, r := readText(t, bytes.NewReader(raw), given.declared, given.fallback)
				if got != string(want) || r.Replaced() != 0 || r.Charset() != test.charset {
					t.Errorf("%s: charset %s, %d replaced\n got %q\nwant %q", given.name, r.Charset(), r.Replaced(), got, want)
				}
			}
		})
	}
}

func TestCharsetEvidenceBeatsFallback(t *testing.T) {
	for _, test := range []struct{ name, text, declared, fallback, want, charset string }{
		{"UTF-8 where windows-1252 is usual", "Zürich\n", "", "Cp1252", "Zürich\n", "UTF-8"},
		{"UTF-8 where Shift_JIS is usual", "日本\n", "", "cp932", "日本\n", "UTF-8"},
		{"half-width katakana that would do as UTF-8", "\xc3\xb1\n", "", "cp932", "ﾃｱ\n", "Shift_JIS"},
		{"BOM against a declared charset", "\xef\xbb\xbfé", "Shift_JIS", "", "é", "UTF-8"},
		{"UTF-16 with BOM", "\xff\xfeA\x00\xfc\x00", "", "", "Aü", "UTF-16LE"},
		{"UTF-16BE with BOM", "\xfe\xff\x00A\x00\xfc", "", "", "Aü", "UTF-16BE"},
		{"EUC-JP", "\xc6\xfc\xcb\xdc", "euc-jp", "", "日本", "EUC-JP"},
		{"only ASCII", "plain\ttext\n", "", "", "plain\ttext\n", "US-ASCII"},
		{"only ASCII, declared", "plain", "utf8", "", "plain", "UTF-8"},
		{"empty", "", "", "Cp1252", "", "US-ASCII"},
		{"one byte", "\xe9", "", "", "é", "windows-1252"},
		{"French quotes look like kanji", "l\x92\xe9t\xe9 \x93beau\x94 \x96 no\xebl", "", "", "l’été “beau” – noël", "windows-1252"},
		{"German capitals", "\xc4\xd6\xdc \xfcber", "", "", "ÄÖÜ über", "windows-1252"},
	} {
		got, r := readText(t, strings.NewReader(test.text), test.declared, test.fallback)
		if got != test.want || r.Charset() != test.charset || r.Replaced() != 0 {
			t.Errorf("%s: %q as %s, %d replaced, want %q as %s", test.name, got, r.Charset(), r.Replaced(), test.want, test.charset)
		}
	}
}

// The charset shows long after the first buffer.
func TestCharsetShowsLate(t *testing.T) {
	ascii := strings.Repeat("0123456789\tabcdefg\n", 50_000)
	got, r := readText(t, strings.NewReader(ascii+"\x83\x56\x83\x83\x81\x5b\x83\x76\n"), "", "")
	if got != ascii+"シャープ\n" || r.Charset() != "Shift_JIS" {
		t.Errorf("%s, %q", r.Charset(), got[max(0, len(got)-30):])
	}
}

func TestReplaced(t *testing.T) {
	kana := strings.Repeat("\x82\xa0", 4) // without which damage would contradict what is declared
	for _, test := range []struct {
		charset, text, want string
		replaced            int64
	}{
		{"utf-8", "äöüa\xffb", "äöüa\uFFFDb", 1},
		{"utf-8", "äöüa\xe3\x81", "äöüa\uFFFD\uFFFD", 2},
		{"utf-8", "äöü\xed\xa0\x80", "äöü\uFFFD\uFFFD\uFFFD", 3},
		{"utf-8", "genuine \uFFFD", "genuine \uFFFD", 0},
		{"windows-1252", "\x81\x80", "\uFFFD€", 1},
		{"cp932", kana + "\x82", "ああああ\uFFFD", 1},
		{"cp932", kana + "\x82\n", "ああああ\uFFFD\n", 1},
		{"cp932", kana + "\xff\xa0a", "ああああ\uFFFD\uFFFDa", 2},
		{"cp932", kana + "\x85\xff!", "ああああ\uFFFD!", 2},
		{"cp932", "\xf0\x40\xf9\xfc", "\ue000\ue757", 0},
		{"utf-16le", "A\x00\x00", "A\uFFFD", 1},
	} {
		got, r := readText(t, strings.NewReader(test.text), test.charset, "")
		if got != test.want || r.Replaced() != test.replaced {
			t.Errorf("%s %q: %q with %d replaced, want %q with %d", test.charset, test.text, got, r.Replaced(), test.want, test.replaced)
		}
	}
}

func TestLookupCharset(t *testing.T) {
	for name, want := range map[string]string{
		"Cp1252": "windows-1252", "WINDOWS-1252": "windows-1252", "latin1": "windows-1252", "ISO-8859-1": "windows-1252", "iso_8859-1": "windows-1252",
		"cp932": "Shift_JIS", "windows-31j": "Shift_JIS", "MS932": "Shift_JIS", "shift_jis": "Shift_JIS", "Shift-JIS": "Shift_JIS", "SJIS": "Shift_JIS",
		"utf8": "UTF-8", "UTF-8": "UTF-8", "us-ascii": "UTF-8", "ISO-8859-15": "ISO-8859-15", "windows-1254": "windows-1254",
	} {
		if got, ok := LookupCharset(name); !ok || got != want {
			t.Errorf("%q is %q, %v, want %q", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "klingon", "--"} {
		if got, ok := LookupCharset(name); ok {
			t.Errorf("%q is known as %q", name, got)
		}
	}
}

// TestShiftJISAgainstIconv compares every character of the code page with glibc's.
func TestShiftJISAgainstIconv(t *testing.T) {
	if _, err := exec.LookPath("iconv"); err != nil {
		t.Skip("no iconv here to compare with")
	}
	var in bytes.Buffer
	var pairs [][]byte
	for c := 0x20; c <= 0xdf; c++ {
		if c < 0x7f || c >= 0xa1 {
			pairs = append(pairs, []byte{byte(c)})
		}
	}
	table := shiftJISTable()
	for pair := 0x8140; pair <= 0xfcfc; pair++ {
		if table[pair&0x7fff] != 0 {
			pairs = append(pairs, []byte{byte(pair >> 8), byte(pair)})
		}
	}
	if len(pairs) < 9000 {
		t.Fatalf("only %d characters", len(pairs))
	}
	for _, p := range pairs {
		in.Write(append(p, '\n'))
	}
	cmd := exec.Command("iconv", "-f", "CP932", "-t", "UTF-8")
	cmd.Stdin = bytes.NewReader(in.Bytes())
	want, err := cmd.Output()
	if err != nil {
		t.Skipf("this iconv has no CP932: %v", err)
	}
	got, r := readText(t, &in, "cp932", "")
	wantLines := strings.Split(string(want), "\n")
	if r.Replaced() != 0 {
		t.Errorf("%d bytes replaced", r.Replaced())
	}
	gotLines := strings.Split(got, "\n")
	if len(gotLines) != len(wantLines) {
		t.Fatalf("%d lines, iconv has %d", len(gotLines), len(wantLines))
	}
	for i, line := range gotLines {
		if line != wantLines[i] {
			t.Errorf("% x is %q (%+q), iconv has %q (%+q)", pairs[i], line, line, wantLines[i], wantLines[i])
		}
	}
}

func TestTextReaderErrors(t *testing.T) {
	// The piece of a character before an error is the error's doing, not the charset's.
	r := NewTextReader(io.MultiReader(strings.NewReader("ab\x83"), iotest.ErrReader(io.ErrUnexpectedEOF)), "cp932", "")
	out, err := io.ReadAll(r)
	if string(out) != "ab" || err != io.ErrUnexpectedEOF || r.Replaced() != 0 {
		t.Errorf("%q, %v, %d replaced", out, err, r.Replaced())
	}
}

func FuzzText(f *testing.F) {
	files, err := filepath.Glob("testdata/charset/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, charset := range []string{"", "utf-8", "cp932", "cp1252", "euc-jp", "utf-16"} {
			f.Add(raw, charset, charset)
		}
	}
	f.Add([]byte("\xf0\x9f\x98"), "utf-8", "")
	f.Add([]byte("Caf\xe9 Se\xf1or"), "utf-8", "cp1252")
	f.Add([]byte("\xef\xbb\xbf\xef\xbb\xbfa\n\xef\xbb\xbf\xe9"), "", "cp1252")
	f.Add([]byte("\xff\xfe<\x00?\x00x\x00m\x00l\x00"), "", "")
	f.Add([]byte(`<?xml version="1.0" encoding="UTF-8"?><n>`+"\x94\x92\x82\xa2</n>"), "cp932", "")
	f.Fuzz(func(t *testing.T, raw []byte, declared, fallback string) {
		want, whole := readText(t, bytes.NewReader(raw), declared, fallback)
		if !utf8.ValidString(want) {
			t.Fatalf("not UTF-8: %q", want)
		}
		check := func(how string, src io.Reader) {
			if got, r := readText(t, src, declared, fallback); got != want || r.Replaced() != whole.Replaced() || r.Charset() != whole.Charset() {
				t.Fatalf("%s: %q as %s, %d replaced; whole: %q as %s, %d replaced", how, got, r.Charset(), r.Replaced(), want, whole.Charset(), whole.Replaced())
			}
		}
		check("bytewise", iotest.OneByteReader(bytes.NewReader(raw)))
		check("error with data", iotest.DataErrReader(bytes.NewReader(raw)))
		for i := 0; i < len(raw); i += 1 + len(raw)/16 { // every byte boundary is the bytewise reader's
			check("split", io.MultiReader(bytes.NewReader(raw[:i]), bytes.NewReader(raw[i:])))
		}
		r := NewTextReader(bytes.NewReader(raw), declared, fallback)
		if got, err := io.ReadAll(iotest.OneByteReader(r)); err != nil || string(got) != want {
			t.Fatalf("read bytewise: %q, %v, want %q", got, err, want)
		}
	})
}

// Long texts with the odd bad byte take all paths of the buffers.
func TestTextSplitsLong(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, charset := range []string{"utf-8", "cp932", "cp1252", "", "euc-jp"} {
		raw := make([]byte, 0, 400_000)
		for len(raw) < 390_000 {
			switch r.IntN(5) {
			case 0:
				raw = append(raw, byte(r.IntN(256)))
			case 1:
				raw = append(raw, "日本語 ①"...)
			case 2:
				raw = append(raw, 0x83, 0x56, 0x82, 0xa0)
			default:
				raw = append(raw, strings.Repeat("ascii\t", r.IntN(400))...)
			}
		}
		want, whole := readText(t, bytes.NewReader(raw), charset, "")
		for range 3 {
			got, pieces := readText(t, &randomReader{raw, r}, charset, "")
			if got != want || pieces.Replaced() != whole.Replaced() {
				t.Errorf("%s: %d bytes, %d replaced; whole %d bytes, %d replaced", charset, len(got), pieces.Replaced(), len(want), whole.Replaced())
			}
		}
	}
}

type randomReader struct {
	data []byte
	r    *rand.Rand
}

func (r *randomReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.r.IntN(9000))], r.data)
	r.data = r.data[n:]
	return n, nil
}

func BenchmarkText(b *testing.B) {
	for _, test := range []struct{ charset, file string }{{"cp932", "shift_jis"}, {"cp1252", "windows-1252"}, {"utf-8", "utf-8"}} {
		raw, err := os.ReadFile(filepath.Join("testdata", "charset", test.file+".txt"))
		if err != nil {
			b.Fatal(err)
		}
		raw = bytes.Repeat(raw, 20_000)
		b.Run(test.charset, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			buf := make([]byte, 64<<10)
			for b.Loop() {
				r := NewTextReader(bytes.NewReader(raw), test.charset, "")
				for {
					if _, err := r.Read(buf); err != nil {
						break
					}
				}
			}
		})
	}
}

// What the charset is guessed from.
func TestSniff(t *testing.T) {
	for name, c := range map[string]struct {
		window   string
		whole    bool
		fallback string
		want     string
	}{
		"UTF-8 cut inside a character":         {"Müller \xc3", false, "", "UTF-8"},
		"the same, but that is all":            {"Müller \xc3", true, "", "windows-1252"},
		"kana outweigh a pair that is none":    {"\x82\xa0\x82\xa2\x81\xff", true, "", "Shift_JIS"},
		"one kana doesn't":                     {"\x82\xa0\x81\xff", true, "", "windows-1252"},
		"katakana of half width at the end":    {"\xb1\xb2\xb3", true, "", "Shift_JIS"},
		"two of them could be signs":           {"\xb1\xb2", true, "", "windows-1252"},
		"a fallback":                           {"M\xfcller", true, "ISO-8859-15", "ISO-8859-15"},
		"UTF-8 against a Japanese fallback":    {"\xc2\xb1", true, "Shift_JIS", "Shift_JIS"},
		"UTF-8 that is plainly not half width": {"日本", true, "Shift_JIS", "UTF-8"},
	} {
		if got := sniff([]byte(c.window), c.whole, c.fallback); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// The bytes of windows-1252 that stand for nothing are damage, each of them.
func TestUnassignedBytes(t *testing.T) {
	for _, b := range []byte{0x81, 0x8d, 0x8f, 0x90, 0x9d} {
		text, r := readText(t, strings.NewReader("a"+string([]byte{b})+"b"), "windows-1252", "")
		if text != "a\uFFFDb" || r.Replaced() != 1 {
			t.Errorf("%#x: %q, %d replaced", b, text, r.Replaced())
		}
	}
}

// Content-Type is read also where it is malformed.
func TestCharsetParameter(t *testing.T) {
	for in, want := range map[string]string{
		"text/plain; charset=Cp1252": "Cp1252", `text/plain; charset="Shift_JIS"`: "Shift_JIS", "text/plain": "", "": "",
		"text/plain; charset=Cp1252; broken": "Cp1252", "text/plain;; CHARSET='UTF-8'": "UTF-8", "text/plain; charset=a; charset=b": "a", "text/plain;; x": "",
	} {
		if got := charsetParameter(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// What is declared yields to bytes that contradict it, and that is told; what is merely damaged stays what it was said to be.
func TestContradiction(t *testing.T) {
	utf16 := func(order, text string) string {
		var b strings.Builder
		for _, r := range text {
			if order == "LE" {
				b.Write([]byte{byte(r), byte(r >> 8)})
			} else {
				b.Write([]byte{byte(r >> 8), byte(r)})
			}
		}
		return b.String()
	}
	sjis := "\x83\x56\x83\x83\x81\x5b\x83\x76" // シャープ
	late := strings.Repeat("plain\ttext\r\n", 40_000)
	for name, c := range map[string]struct {
		text, declared, fallback string
		want, charset, told      string
	}{
		"windows-1252 declared UTF-8":                  {"Caf\xe9 Se\xf1or", "UTF-8", "windows-1252", "Café Señor", "windows-1252", "UTF-8"},
		"the same without a marketplace":               {"Caf\xe9 Se\xf1or", "utf8", "", "Café Señor", "windows-1252", "UTF-8"},
		"where UTF-8 is usual, as of JSON":             {"Caf\xe9 Se\xf1or", "UTF-8", "UTF-8", "Café Señor", "windows-1252", "UTF-8"},
		"a single letter":                              {"Caf\xe9", "UTF-8", "windows-1252", "Café", "windows-1252", "UTF-8"},
		"late":                                         {late + "Caf\xe9 Se\xf1or", "UTF-8", "windows-1252", late + "Café Señor", "windows-1252", "UTF-8"},
		"as usual there":                               {"\xa4 5", "UTF-8", "ISO-8859-15", "€ 5", "ISO-8859-15", "UTF-8"},
		"Shift_JIS declared UTF-8":                     {sjis, "UTF-8", "Shift_JIS", "シャープ", "Shift_JIS", "UTF-8"},
		"Shift_JIS declared UTF-8, no marketplace":     {sjis, "UTF-8", "", "シャープ", "Shift_JIS", "UTF-8"},
		"Shift_JIS declared windows-1252":              {sjis, "Cp1252", "Shift_JIS", "シャープ", "Shift_JIS", "windows-1252"},
		"UTF-8 declared windows-1252":                  {"Zürich – 5 €", "Cp1252", "windows-1252", "Zürich – 5 €", "UTF-8", "windows-1252"},
		"UTF-8 declared Shift_JIS":                     {"シャープ", "Shift_JIS", "Shift_JIS", "シャープ", "UTF-8", "Shift_JIS"},
		"UTF-8 declared EUC-JP":                        {"シャープ", "EUC-JP", "", "シャープ", "UTF-8", "EUC-JP"},
		"windows-1252 declared Shift_JIS":              {"Caf\xe9 Se\xf1or", "Shift_JIS", "windows-1252", "Café Señor", "windows-1252", "Shift_JIS"},
		"an unknown charset":                           {"Caf\xe9", "x-martian", "windows-1252", "Café", "windows-1252", "x-martian"},
		"an unknown charset of ASCII":                  {"Cafe", "x-martian", "windows-1252", "Cafe", "US-ASCII", ""},
		"damaged UTF-8":                                {"äöü \xff", "UTF-8", "windows-1252", "äöü \uFFFD", "UTF-8", ""},
		"damaged windows-1252":                         {"\x81 \xe9", "windows-1252", "", "\uFFFD é", "windows-1252", ""},
		"windows-1252 that would do as a foreign word": {"CAF\xc9\xae", "windows-1252", "", "CAFÉ®", "windows-1252", ""},
		"half width that would do as UTF-8":            {"\xc3\xb1", "Shift_JIS", "", "ﾃｱ", "Shift_JIS", ""},
		"as declared":                                  {"Caf\xe9", "ISO-8859-1", "", "Café", "windows-1252", ""},
		"GB2312 declared":                              {"\xd6\xd0\xce\xc4", "GB2312", "", "中文", "GB18030", ""},
		"GBK under a Japanese marketplace":             {"\xd6\xd0\xce\xc4", "gbk", "Shift_JIS", "中文", "GB18030", ""},
		"GB18030, four bytes":                          {"\x82\x30\xc6\x30\xd6\xd0", "GB18030", "", "㝘中", "GB18030", ""},
		"Big5 declared":                                {"\xa4\xa4\xa4\xe5", "Big5", "", "中文", "Big5", ""},
		"EUC-KR declared":                              {"\xc7\xd1\xb1\xdb", "ks_c_5601-1987", "", "한글", "EUC-KR", ""},
		"windows-1251 declared":                        {"\xd0\xf3\xf1", "cp1251", "", "Рус", "windows-1251", ""},
		"KOI8-R declared":                              {"\xf2\xd5\xd3", "KOI8-R", "windows-1252", "Рус", "KOI8-R", ""},
		"UTF-8 declared GB18030":                       {"中文", "GB18030", "", "中文", "UTF-8", "GB18030"},
		"EUC-JP that nobody declared":                  {"\xc6\xfc\xcb\xdc\xb8\xec\xa4\xce\xa5\xda\xa5\xf3", "", "Shift_JIS", "日本語のペン", "EUC-JP", ""},
		"EUC-JP declared UTF-8":                        {"\xc6\xfc\xcb\xdc\xb8\xec\xa4\xce\xa5\xda\xa5\xf3", "UTF-8", "", "日本語のペン", "EUC-JP", "UTF-8"},
		"EUC-JP declared Shift_JIS":                    {"\xc6\xfc\xcb\xdc\xb8\xec\xa4\xce\xa5\xda\xa5\xf3", "Shift_JIS", "", "日本語のペン", "EUC-JP", "Shift_JIS"},
		"half width that would do as EUC-JP":           {"\xa4\xb1\xa5\xb2\xa5\xb3\xa4\xb4", "Shift_JIS", "", "､ｱ･ｲ･ｳ､ｴ", "Shift_JIS", ""},
		"one stray byte long before UTF-8":             {"a\xa0b" + late + "Zürich – 5 € 日本 😀", "UTF-8", "windows-1252", "a\u00a0b" + late + "Zürich – 5 € 日本 😀", "windows-1252", "UTF-8"},
		"windows-1252 with a foreign word's look":      {"Caf\xe9 CAF\xc9\xae Se\xf1or", "UTF-8", "windows-1252", "Café CAFÉ® Señor", "windows-1252", "UTF-8"},
		"nothing mixed where it is so declared":        {"\x80 \xc3\xa9 \xe9 \x81", "windows-1252", "", "€ Ã© é \uFFFD", "windows-1252", ""},
		"a mark against what was declared":             {"\xef\xbb\xbfCafé", "windows-1252", "", "Café", "UTF-8", "windows-1252"},
		"a mark against the bytes":                     {"\xef\xbb\xbfCaf\xe9", "", "windows-1252", "Café", "windows-1252", "UTF-8"},
		"two marks against the bytes":                  {"\xef\xbb\xbf\xef\xbb\xbfCaf\xe9", "", "windows-1252", "Café", "windows-1252", "UTF-8"},
		"a mark against the bytes and what was said":   {"\xef\xbb\xbfCaf\xe9", "Cp1252", "", "Café", "windows-1252", ""},
		"UTF-16 declared UTF-8":                        {"\xff\xfea\x00\xe9\x00", "UTF-8", "", "aé", "UTF-16LE", "UTF-8"},
		"UTF-16 without a mark":                        {utf16("LE", "a\tb\r\n"), "", "", "a\tb\r\n", "UTF-16LE", ""},
		"UTF-16BE without a mark":                      {utf16("BE", "a\tb\r\n"), "", "windows-1252", "a\tb\r\n", "UTF-16BE", ""},
		"UTF-16 said, big endian":                      {utf16("BE", "日本\t日本\n"), "UTF-16", "", "日本\t日本\n", "UTF-16BE", ""},
		"UTF-16 said, little endian":                   {utf16("LE", "日本\t日本\n"), "UTF-16", "", "日本\t日本\n", "UTF-16LE", ""},
		"no UTF-16":                                    {"Caf\xe9", "UTF-16", "windows-1252", "Café", "windows-1252", "UTF-16LE"},
		"text with zeros":                              {"a\x00b\x00\x00c", "", "", "a\x00b\x00\x00c", "US-ASCII", ""},
	} {
		got, r := readText(t, strings.NewReader(c.text), c.declared, c.fallback)
		if got != c.want || r.Charset() != c.charset || r.Misdeclared() != c.told {
			t.Errorf("%s: %q as %s, told %q; want %q as %s, told %q", name, got[max(0, len(got)-40):], r.Charset(), r.Misdeclared(), c.want[max(0, len(c.want)-40):], c.charset, c.told)
		}
	}
}

// Byte order marks are gone wherever a text or a part of it begins, and nowhere else.
func TestByteOrderMarks(t *testing.T) {
	const mark = "\xef\xbb\xbf"
	for name, c := range map[string][2]string{
		"two":                 {mark + mark + "a\té\n", "a\té\n"},
		"three, ASCII":        {mark + mark + mark + "a\tb\n", "a\tb\n"},
		"as text":             {"ï»¿a\té\n", "a\té\n"},
		"as text, and one":    {mark + "ï»¿a\té\n", "a\té\n"},
		"nothing else":        {mark + mark, ""},
		"before the header":   {"explained\r\n" + mark + "a\té\r\n", "explained\r\na\té\r\n"},
		"where parts meet":    {mark + "a\té\r\n" + mark + mark + "c\td\r\n" + mark, "a\té\r\nc\td\r\n"},
		"CR as line end":      {"é\r" + mark + "a\r", "é\ra\r"},
		"inside a line stays": {"aé" + mark + "b\n" + mark + "c", "aé" + mark + "b\nc"},
		"UTF-16, two":         {"\xff\xfe\xff\xfea\x00\n\x00\xff\xfeb\x00", "a\nb"},
		"UTF-16BE, two":       {"\xfe\xff\xfe\xff\x00a\x00\n\xfe\xff\x00b", "a\nb"},
	} {
		for _, src := range []io.Reader{strings.NewReader(c[0]), iotest.OneByteReader(strings.NewReader(c[0]))} {
			if got, _ := readText(t, src, "", "windows-1252"); got != c[1] {
				t.Errorf("%s: %q, want %q", name, got, c[1])
			}
		}
	}
}

// XML comes out as UTF-8 that says so, whatever declared it.
func TestXML(t *testing.T) {
	wide := func(text string) string {
		var b strings.Builder
		b.WriteString("\xff\xfe")
		for _, r := range text {
			b.Write([]byte{byte(r), byte(r >> 8)})
		}
		return b.String()
	}
	sjis, japanese := "<n>\x94\x92\x82\xa2\x83\x72\x83\x93</n>", "<n>白いビン</n>"
	const utf8 = `<?xml version="1.0" encoding="UTF-8"?>`
	for name, c := range map[string]struct{ text, declared, want, charset, told string }{
		"Content-Type is right":            {utf8 + sjis, "Shift_JIS", utf8 + japanese, "Shift_JIS", ""},
		"the declaration is right":         {`<?xml version="1.0" encoding="Shift_JIS"?>` + sjis, "", utf8 + japanese, "Shift_JIS", ""},
		"Content-Type is wrong":            {`<?xml version="1.0" encoding="Shift_JIS"?>` + sjis, "UTF-8", utf8 + japanese, "Shift_JIS", "UTF-8"},
		"nothing is right":                 {`<?xml version="1.0" encoding="UTF-8"?>` + sjis, "", utf8 + japanese, "Shift_JIS", "UTF-8"},
		"nothing is declared":              {sjis, "", japanese, "Shift_JIS", ""},
		"a declaration without encoding":   {`<?xml version="1.0"?>` + sjis, "cp932", `<?xml version="1.0"?>` + japanese, "Shift_JIS", ""},
		"quotes of the other kind, spaces": {"<?xml version='1.0' encoding = 'sjis' standalone='yes' ?>" + sjis, "", "<?xml version='1.0' encoding = 'UTF-8' standalone='yes' ?>" + japanese, "Shift_JIS", ""},
		"UTF-16":                           {wide(`<?xml version="1.0" encoding="UTF-16"?>` + japanese), "", utf8 + japanese, "UTF-16LE", ""},
		"UTF-8 that says it is UTF-16":     {`<?xml version="1.0" encoding="UTF-16"?>` + japanese, "", utf8 + japanese, "UTF-8", "UTF-16LE"},
		"UTF-8":                            {"\xef\xbb\xbf" + `<?xml version="1.0" encoding="utf-8"?>` + japanese, "", `<?xml version="1.0" encoding="utf-8"?>` + japanese, "UTF-8", ""},
		"Latin 1, all of it ASCII":         {`<?xml version="1.0" encoding="ISO-8859-1"?><a/>`, "", utf8 + "<a/>", "windows-1252", ""},
		"no XML":                           {"a\t<?xml encoding=\"Shift_JIS\"?>\n", "", "a\t<?xml encoding=\"Shift_JIS\"?>\n", "US-ASCII", ""},
	} {
		for _, src := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text))} {
			got, r := readText(t, src, c.declared, "")
			if got != c.want || r.Charset() != c.charset || r.Misdeclared() != c.told {
				t.Errorf("%s: %q as %s, told %q; want %q as %s, told %q", name, got, r.Charset(), r.Misdeclared(), c.want, c.charset, c.told)
			}
		}
	}
}

// What is no text passes as it is, whatever was declared.
func TestTextReaderPassesBinaryData(t *testing.T) {
	for _, magic := range []string{"%PDF-1.7\n", "PK\x03\x04", "\x1f\x8b\x08"} {
		raw := magic + "\xef\xbb\xbf\x00\xff\xe9\r" + strings.Repeat("\x80", 300_000)
		if got, r := readText(t, strings.NewReader(raw), "windows-1252", ""); got != raw || r.Charset() != "" {
			t.Errorf("%q: %d bytes of %d as %s", magic, len(got), len(raw), r.Charset())
		}
	}
}
