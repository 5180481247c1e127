package settings

import (
	"regexp"
	"strings"
	"sync"
)

// Redacted stands where a secret was.
const Redacted = "REDACTED"

// secretTexts finds whole secrets in a text: tokens, also with the bar escaped as URLs, HTML or JSON do, client secrets, and keys of stored accounts. What
// only names a form, such as "Atzr|…", is none. A slash, "+", "-" and "=" may be escaped as JSON does, once or more.
var secretTexts = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(Atz\.sprdt|Atz[ar]|Atc)(\||%(25)*7c|&#0*124;|&#x0*7c;|&(vert|verbar|verticalline);|\\+u007c)` +
		`([^\s…"'\\&,;<>)\]}]|\\+/|\\+u00(2[bdf]|3d))+` +
		`|amzn1\.oa2-cs\.[\w.\-]*\w{4}[\w.\-]*|AGE-SECRET-KEY-\w+`)
})

// secretShapes finds where one begins, which is enough to refuse a text.
var secretShapes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(Atz\.sprdt|Atz[ar]|Atc)(\||%7c)|amzn1\.oa2-cs\.|AGE-SECRET-KEY-`)
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
func ScrubSecrets(s string) string { return secretTexts().ReplaceAllString(s, Redacted) }

// SecretShape reports whether the text is or holds a secret: such text in a value that prints would be a leak.
func SecretShape(s string) bool { return secretShapes().MatchString(s) }
