package settings

import (
	"regexp"
	"strings"
	"sync"
)

// Redacted stands where a secret was.
const Redacted = "REDACTED"

// secretTexts finds whole secrets in a text: tokens, also with the bar escaped as URLs, HTML or JSON do, client secrets, keys of stored accounts, and those of
// a gateway's callers. What only names a form, such as "Atzr|…", is none. A slash, "+", "-" and "=" may be escaped as JSON does, once or more.
var secretTexts = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(Atz\.sprdt|Atz[ar]|Atc)(\||%(25)*7c|&#0*124;|&#x0*7c;|&(vert|verbar|verticalline);|\\+u007c)` +
		`([^\s…"'\\&,;<>)\]}]|\\+/|\\+u00(2[bdf]|3d))+` +
		`|amzn1\.oa2-cs\.[\w.\-]*\w{4}[\w.\-]*|AGE-SECRET-KEY-\w+|spapi_gw_\w[\w\-]*`)
})

// secretShapes finds where one begins, which is enough to refuse a text.
var secretShapes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(Atz\.sprdt|Atz[ar]|Atc)(\||%7c)|amzn1\.oa2-cs\.|AGE-SECRET-KEY-|spapi_gw_`)
})

// userInfo finds user and password of a URL, also of one whose scheme was left out.
var userInfo = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(//[^\s/"'@]+|[^\s/"'@]+:[^\s/"'@]+)@`) })

// Scrub takes secrets out of a text that is shown, and users and passwords out of its URLs.
func Scrub(s string) string {
	return userInfo().ReplaceAllStringFunc(ScrubSecrets(s), func(found string) string {
		if strings.HasPrefix(found, "//") {
			return "//" + Redacted + "@"
		}
		return Redacted + "@"
	})
}

// ScrubSecrets takes out the secrets that have a shape of their own.
func ScrubSecrets(s string) string {
	if Innocent(s) {
		return s
	}
	return secretTexts().ReplaceAllString(s, Redacted)
}

// secretMarks are what a secret has of which all characters are those of names: one of them is in each that has no bar or its escape.
var secretMarks = []string{"oa2-cs", "SECRET-KEY", "spapi_gw_"}

// Innocent tells of a short text of letters, digits and the signs of ids and paths that no secret is in it, in a fraction of the time that looking for each
// takes. Most that is looked through is such: ids of requests, paths, names of parameters. Of others it says nothing.
func Innocent(s string) bool {
	if len(s) > 200 {
		return false
	}
	hex := true
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F', c == '-':
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '/', c == '.', c == '_':
			hex = false
		default:
			return false
		}
	}
	if hex {
		return true
	}
	for _, mark := range secretMarks {
		for i := 0; i+len(mark) <= len(s); i++ {
			if s[i]|0x20 == mark[0]|0x20 && strings.EqualFold(s[i:i+len(mark)], mark) {
				return false
			}
		}
	}
	return true
}

// SecretShape reports whether the text is or holds a secret: such text in a value that prints would be a leak.
func SecretShape(s string) bool { return secretShapes().MatchString(s) }
