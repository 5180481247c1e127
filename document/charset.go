package document

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// charsetNames maps names, in lower case and without punctuation, to the one used here. ISO-8859-1 is read as windows-1252, of which its printable part is
// a subset: Amazon's European documents are windows-1252 whatever they are called (amzn/selling-partner-api-models#4955). Shift_JIS is read as
// windows-31J for the same reason.
var charsetNames = map[string]string{
	"utf8": "UTF-8", "utf8bom": "UTF-8", "usascii": "UTF-8", "ascii": "UTF-8",
	"windows1252": "windows-1252", "cp1252": "windows-1252", "1252": "windows-1252", "xcp1252": "windows-1252", "ansi": "windows-1252",
	"iso88591": "windows-1252", "latin1": "windows-1252", "l1": "windows-1252", "88591": "windows-1252",
	"iso885915": "ISO-8859-15", "latin9": "ISO-8859-15",
	"windows1250": "windows-1250", "cp1250": "windows-1250", "iso88592": "ISO-8859-2", "latin2": "ISO-8859-2",
	"windows1254": "windows-1254", "cp1254": "windows-1254", "iso88599": "windows-1254", "latin5": "windows-1254",
	"windows1256": "windows-1256", "cp1256": "windows-1256",
	"shiftjis": "Shift_JIS", "sjis": "Shift_JIS", "xsjis": "Shift_JIS", "windows31j": "Shift_JIS", "cp932": "Shift_JIS", "ms932": "Shift_JIS",
	"mskanji": "Shift_JIS", "cswindows31j": "Shift_JIS", "csshiftjis": "Shift_JIS", "xmscp932": "Shift_JIS", "932": "Shift_JIS", "ibm943": "Shift_JIS",
	"eucjp": "EUC-JP", "xeucjp": "EUC-JP",
	"gb18030": "GB18030", "gbk": "GB18030", "xgbk": "GB18030", "gb2312": "GB18030", "euccn": "GB18030", "cp936": "GB18030", "ms936": "GB18030", "936": "GB18030",
	"big5": "Big5", "big5hkscs": "Big5", "cp950": "Big5", "ms950": "Big5", "950": "Big5",
	"euckr": "EUC-KR", "ksc56011987": "EUC-KR", "ksc5601": "EUC-KR", "cp949": "EUC-KR", "ms949": "EUC-KR", "windows949": "EUC-KR", "949": "EUC-KR",
	"windows1251": "windows-1251", "cp1251": "windows-1251", "koi8r": "KOI8-R", "windows1253": "windows-1253", "cp1253": "windows-1253", "iso88597": "ISO-8859-7",
	"windows1255": "windows-1255", "cp1255": "windows-1255", "windows1257": "windows-1257", "cp1257": "windows-1257",
	"utf16": "UTF-16LE", "utf16le": "UTF-16LE", "utf16be": "UTF-16BE",
}

// multibyte are charsets with characters of several bytes, in which UTF-8 seldom makes none.
var multibyte = map[string]bool{"Shift_JIS": true, "EUC-JP": true, "GB18030": true, "Big5": true, "EUC-KR": true}

// LookupCharset returns the name that this package uses for a charset, given any of the spellings met in documents: "Cp1252", "cp932",
// "windows-31j", "MS932", "utf8", "latin1" ….
func LookupCharset(name string) (string, bool) {
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b.WriteRune(c)
		}
	}
	found, ok := charsetNames[b.String()]
	return found, ok
}

// decoder converts one charset. It leaves a character alone that does not fit into dst, or whose end is not in src unless that is all.
type decoder interface {
	decode(dst, src []byte, atEOF bool) (nDst, nSrc int)
	replaced() int64
}

func newDecoder(charset string) decoder {
	switch charset {
	case "windows-1252":
		return &byteDecoder{table: windows1252()}
	case "windows-1250":
		return &byteDecoder{table: byteTable(charmap.Windows1250)}
	case "windows-1254":
		return &byteDecoder{table: byteTable(charmap.Windows1254)}
	case "windows-1256":
		return &byteDecoder{table: byteTable(charmap.Windows1256)}
	case "ISO-8859-2":
		return &byteDecoder{table: byteTable(charmap.ISO8859_2)}
	case "ISO-8859-15":
		return &byteDecoder{table: byteTable(charmap.ISO8859_15)}
	case "Shift_JIS":
		return &shiftJISDecoder{table: shiftJISTable()}
	case "EUC-JP":
		return &transformDecoder{transformer: japanese.EUCJP.NewDecoder()}
	case "GB18030":
		return &transformDecoder{transformer: simplifiedchinese.GB18030.NewDecoder()}
	case "Big5":
		return &transformDecoder{transformer: traditionalchinese.Big5.NewDecoder()}
	case "EUC-KR":
		return &transformDecoder{transformer: korean.EUCKR.NewDecoder()}
	case "windows-1251":
		return &byteDecoder{table: byteTable(charmap.Windows1251)}
	case "KOI8-R":
		return &byteDecoder{table: byteTable(charmap.KOI8R)}
	case "windows-1253":
		return &byteDecoder{table: byteTable(charmap.Windows1253)}
	case "ISO-8859-7":
		return &byteDecoder{table: byteTable(charmap.ISO8859_7)}
	case "windows-1255":
		return &byteDecoder{table: byteTable(charmap.Windows1255)}
	case "windows-1257":
		return &byteDecoder{table: byteTable(charmap.Windows1257)}
	case "UTF-16LE":
		return &transformDecoder{transformer: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()}
	case "UTF-16BE":
		return &transformDecoder{transformer: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()}
	}
	return &utf8Decoder{}
}

// asciiPrefix returns the length of the ASCII run at the start of b.
func asciiPrefix(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if high := binary.LittleEndian.Uint64(b[i:]) & 0x8080808080808080; high != 0 {
			return i + bits.TrailingZeros64(high)/8
		}
	}
	for i < len(b) && b[i] < utf8.RuneSelf {
		i++
	}
	return i
}

const replacement = "\uFFFD"

// utf8Decoder passes on what is valid.
type utf8Decoder struct{ bad int64 }

func (d *utf8Decoder) replaced() int64 { return d.bad }

func (d *utf8Decoder) decode(dst, src []byte, atEOF bool) (nDst, nSrc int) {
	for nSrc < len(src) {
		rest := src[nSrc:]
		// In pieces, so that a bad byte costs a second look at no more than one.
		piece := wholeRunes(rest[:min(len(rest), len(dst)-nDst, 4096)])
		if len(piece) > 0 && utf8.Valid(piece) {
			nSrc += len(piece)
			nDst += copy(dst[nDst:], piece)
			continue
		}
		for end := nSrc + max(len(piece), 1); nSrc < end; {
			r, size := utf8.DecodeRune(src[nSrc:])
			out := src[nSrc : nSrc+size]
			if r == utf8.RuneError && size == 1 {
				if !atEOF && !utf8.FullRune(src[nSrc:]) {
					return nDst, nSrc
				}
				out = []byte(replacement)
			}
			if len(dst)-nDst < len(out) {
				return nDst, nSrc
			}
			if r == utf8.RuneError && size == 1 {
				d.bad++
			}
			nDst += copy(dst[nDst:], out)
			nSrc += size
		}
	}
	return nDst, nSrc
}

// wholeRunes takes the beginning of a character off the end.
func wholeRunes(b []byte) []byte {
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return b[:i]
			}
			break
		}
	}
	return b
}

// byteDecoder converts charsets of one byte per character.
type byteDecoder struct {
	table *[128]utf8Char // of the upper half
	mixed bool           // what is plainly a character of UTF-8 is one: the text was said to be in that, and most or but some of it isn't
	bad   int64
}

type utf8Char struct {
	bytes [3]byte
	len   uint8
	bad   bool
}

func charOf(r rune) utf8Char {
	c := utf8Char{bad: r == utf8.RuneError}
	c.len = uint8(utf8.EncodeRune(c.bytes[:], r))
	return c
}

func byteTable(m *charmap.Charmap) *[128]utf8Char {
	var t [128]utf8Char
	for i := range t {
		t[i] = charOf(m.DecodeByte(byte(0x80 + i)))
	}
	return &t
}

// windows1252 leaves the five bytes that are not assigned without a character: as control characters, which browsers make of them, they would
// hide the damage.
func windows1252() *[128]utf8Char {
	t := byteTable(charmap.Windows1252)
	for _, c := range []byte{0x81, 0x8d, 0x8f, 0x90, 0x9d} {
		t[c-0x80] = charOf(utf8.RuneError)
	}
	return t
}

func (d *byteDecoder) replaced() int64 { return d.bad }

func (d *byteDecoder) decode(dst, src []byte, atEOF bool) (nDst, nSrc int) {
	for nSrc < len(src) {
		n := copy(dst[nDst:], src[nSrc:nSrc+asciiPrefix(src[nSrc:])])
		nDst, nSrc = nDst+n, nSrc+n
		for nSrc < len(src) && src[nSrc] >= utf8.RuneSelf && len(dst)-nDst >= utf8.UTFMax {
			if d.mixed {
				if !atEOF && !utf8.FullRune(src[nSrc:]) {
					return nDst, nSrc
				}
				if r, size := utf8.DecodeRune(src[nSrc:]); size > 1 && likely(r) {
					nDst += copy(dst[nDst:], src[nSrc:nSrc+size])
					nSrc += size
					continue
				}
			}
			c := &d.table[src[nSrc]-0x80]
			nDst += copy(dst[nDst:], c.bytes[:c.len])
			nSrc++
			if c.bad {
				d.bad++
			}
		}
		if len(dst)-nDst < utf8.UTFMax {
			break
		}
	}
	return nDst, nSrc
}

// shiftJISDecoder converts windows-31J, which is Shift_JIS with the characters of NEC and IBM (①, 髙) and the user-defined ones. It is twice as
// fast as japanese.ShiftJIS, has what that lacks (the user-defined characters), and counts.
type shiftJISDecoder struct {
	table *[0x8000]uint16
	bad   int64
}

// shiftJISTable holds the character of each pair of bytes, 0 where there is none. The code page has no character beyond 16 bits.
var shiftJISTable = sync.OnceValue(func() *[0x8000]uint16 {
	var table [0x8000]uint16
	d := japanese.ShiftJIS.NewDecoder()
	for lead := 0x81; lead <= 0xfc; lead++ {
		for trail := 0x40; trail <= 0xfc; trail++ {
			if !leadByte(byte(lead)) || trail == 0x7f {
				continue
			}
			i := lead<<8 + trail - 0x8000
			if lead >= 0xf0 && lead <= 0xf9 { // 1880 user-defined characters, from U+E000 on
				column := trail - 0x40
				if trail > 0x7f {
					column--
				}
				table[i] = uint16(0xe000 + (lead-0xf0)*188 + column)
				continue
			}
			s, _, err := transform.Bytes(d, []byte{byte(lead), byte(trail)})
			if r, size := utf8.DecodeRune(s); err == nil && r != utf8.RuneError && size == len(s) {
				table[i] = uint16(r)
			}
		}
	}
	return &table
})

func leadByte(c byte) bool { return c >= 0x81 && c <= 0x9f || c >= 0xe0 && c <= 0xfc }

func (d *shiftJISDecoder) replaced() int64 { return d.bad }

func (d *shiftJISDecoder) decode(dst, src []byte, atEOF bool) (nDst, nSrc int) {
	for nSrc < len(src) {
		n := copy(dst[nDst:], src[nSrc:nSrc+asciiPrefix(src[nSrc:])])
		nDst, nSrc = nDst+n, nSrc+n
		for nSrc < len(src) && src[nSrc] >= utf8.RuneSelf {
			if len(dst)-nDst < 3 {
				return nDst, nSrc
			}
			c, r, size := src[nSrc], uint16(0), 1
			switch {
			case c >= 0xa1 && c <= 0xdf:
				r = 0xff61 - 0xa1 + uint16(c)
			case !leadByte(c):
			case nSrc+1 < len(src):
				pair := uint16(c)<<8 | uint16(src[nSrc+1])
				if r = d.table[pair&0x7fff]; r != 0 || src[nSrc+1] >= utf8.RuneSelf {
					size = 2 // a bad pair takes no ASCII with it
				}
			case !atEOF:
				return nDst, nSrc
			}
			nSrc += size
			if r == 0 {
				d.bad += int64(size)
				r = utf8.RuneError
			}
			if r < 0x800 {
				dst[nDst], dst[nDst+1] = 0xc0|byte(r>>6), 0x80|byte(r)&0x3f
				nDst += 2
				continue
			}
			dst[nDst], dst[nDst+1], dst[nDst+2] = 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f
			nDst += 3
		}
		if nDst == len(dst) {
			break
		}
	}
	return nDst, nSrc
}

// transformDecoder is for charsets that are too rare to deserve more. What it replaces is counted in characters.
type transformDecoder struct {
	transformer transform.Transformer
	bad         int64
}

func (d *transformDecoder) replaced() int64 { return d.bad }

func (d *transformDecoder) decode(dst, src []byte, atEOF bool) (nDst, nSrc int) {
	nDst, nSrc, _ = d.transformer.Transform(dst, src, atEOF) // decoders report nothing but want of room or of input
	d.bad += int64(bytes.Count(dst[:nDst], []byte(replacement)))
	return nDst, nSrc
}

// decide names the charset of text that starts with a byte beyond ASCII: the first of those declared that the bytes don't contradict, else their look.
func decide(window []byte, whole bool, declared []string, fallback string) string {
	for _, charset := range declared {
		if !contradicted(window, whole, charset) {
			return charset
		}
	}
	return sniff(window, whole, fallback)
}

// contradicted reports whether text can't well be in a charset: where UTF-8 is expected, more bytes make no character than characters are made; elsewhere
// all is UTF-8, or some bytes make no character and Japanese is more (or less) likely than what was said.
func contradicted(window []byte, whole bool, charset string) bool {
	text := window
	if !whole {
		text = wholeRunes(window)
	}
	if charset == "UTF-8" {
		good, bad := 0, 0
		for i := 0; i < len(text); {
			r, size := utf8.DecodeRune(text[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				bad++
			case size > 1:
				good++
			}
			i += size
		}
		return bad > good
	}
	if plainlyUTF8(text, charset) || !multibyte[charset] && lookOfEUCJP(text) {
		return true
	}
	d := newDecoder(charset)
	for scratch, rest := make([]byte, 8<<10), window; len(rest) > 0; {
		_, n := d.decode(scratch, rest, whole)
		if n == 0 {
			break // a piece of a character at the end
		}
		rest = rest[n:]
	}
	switch score := japaneseScore(window); {
	case d.replaced() == 0:
		return false
	case charset == "Shift_JIS":
		return score <= 0 || lookOfEUCJP(text)
	default:
		return score >= plainlyJapanese
	}
}

// plainlyJapanese is a score that a few damaged bytes don't reach: three kana, or six kanji.
const plainlyJapanese = 6

// plainlyUTF8 reports whether text that is said or usual to be in another charset is UTF-8. Two half-width katakana of Shift_JIS look like one accented
// letter, so it takes a character of three bytes there; in a charset of one byte per character a capital and a sign ("É®") make a letter of the phonetic
// alphabet and the like, so most characters must be of scripts that Amazon's stores use.
func plainlyUTF8(text []byte, instead string) bool {
	if !utf8.Valid(text) {
		return false
	}
	usual, odd := 0, 0
	for _, r := range string(text) {
		switch {
		case r < utf8.RuneSelf:
		case !likely(r):
			odd++
		default:
			usual++
			if r >= 0x800 && multibyte[instead] {
				return true
			}
		}
	}
	return !multibyte[instead] && usual > odd
}

// likely reports whether a character beyond ASCII is of a script that Amazon's stores use, or a sign.
func likely(r rune) bool {
	return r >= 0x800 || r < 0x180 || r >= 0x370 && r < 0x460 || r >= 0x600 && r < 0x680
}

// lookOfUTF16 tells UTF-16 without a byte order mark by its zeros, "" if it isn't that. Text that is said to be UTF-16 needs but one of them, since it may
// be Japanese; other text an ASCII character in each pair.
func lookOfUTF16(head []byte, said bool) string {
	var zeros [2]int
	for i, c := range head {
		if c == 0 {
			zeros[i&1]++
		}
	}
	pairs := len(head) / 2
	switch {
	case said && zeros[0] > zeros[1], !said && pairs > 1 && zeros[0] == (len(head)+1)/2 && zeros[1] == 0:
		return "UTF-16BE"
	case said && zeros[1] > 0, !said && pairs > 1 && zeros[1] == pairs && zeros[0] == 0:
		return "UTF-16LE"
	}
	return ""
}

// lookOfEUCJP tells Japanese in EUC-JP: all is in pairs of bytes beyond ASCII, and a quarter of them are kana, which European text and half-width katakana of
// Shift_JIS don't make.
func lookOfEUCJP(text []byte) bool {
	pairs, kana := 0, 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c < utf8.RuneSelf {
			continue
		}
		if c == 0x8f { // three bytes
			i++
		}
		if i++; i >= len(text) {
			break // cut off
		}
		if c < 0xa1 && c != 0x8e && c != 0x8f || c == 0xff || text[i] < 0xa1 || text[i] == 0xff {
			return false
		}
		pairs++
		if c == 0xa4 && text[i] <= 0xf3 || c == 0xa5 && text[i] <= 0xf6 {
			kana++
		}
	}
	return kana >= 3 && 4*kana >= pairs
}

// sniff guesses the charset of text that starts with a byte beyond ASCII.
func sniff(window []byte, whole bool, fallback string) string {
	text := window
	if !whole {
		text = wholeRunes(window)
	}
	switch {
	case utf8.Valid(text) && (fallback == "" || fallback == "UTF-8" || plainlyUTF8(text, fallback)):
		return "UTF-8"
	case fallback != "" && !contradicted(window, whole, fallback):
		return fallback
	case lookOfEUCJP(text):
		return "EUC-JP"
	case japaneseScore(window) > 0:
		return "Shift_JIS"
	}
	return "windows-1252"
}

// japaneseScore weighs what the text would say as Shift_JIS; more than 0 is rather that than European text. European text makes pairs that are no character,
// rare kanji and user-defined characters; Japanese text makes kana, common kanji, and runs of half-width katakana.
func japaneseScore(window []byte) int {
	table := shiftJISTable()
	score, halfWidth := 0, 0
	for i := 0; i < len(window); i++ {
		c := window[i]
		if c >= 0xa1 && c <= 0xdf {
			halfWidth++
			continue
		}
		if halfWidth >= 3 {
			score += halfWidth
		} else {
			score -= halfWidth
		}
		halfWidth = 0
		if c < utf8.RuneSelf || i+1 == len(window) {
			continue
		}
		if !leadByte(c) || table[(uint16(c)<<8|uint16(window[i+1]))&0x7fff] == 0 {
			score -= 3
			continue
		}
		i++
		switch {
		case c == 0x82 && window[i] >= 0x9f, c == 0x83 && window[i] <= 0x96: // hiragana, katakana
			score += 2
		case c <= 0x97: // signs, and the kanji of every day
			score++
		case c >= 0xf0 && c <= 0xf9:
			score -= 2
		case c >= 0xe0:
			score--
		}
	}
	if halfWidth >= 3 {
		score += halfWidth
	}
	return score
}
