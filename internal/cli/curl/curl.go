// Package curl shows requests: as curl commands, and as they stand on the wire. Secrets are taken out unless they are asked for.
package curl

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/openspapi/spapi/internal/settings"
)

const redacted = settings.Redacted

// Options say what is shown of a request.
type Options struct {
	// Whole shows all headers and any body, for requests that the user composed. Otherwise of headers and form fields only the
	// values that are known to be harmless are shown: every other value may be a secret.
	Whole bool
	// Secrets shows secrets too.
	Secrets bool
}

var (
	shownHeaders  = []string{"User-Agent", "X-Amz-Date"}
	hiddenHeaders = []string{"X-Amz-Access-Token", "X-Amz-Security-Token"}
	shownFields   = map[string]bool{
		"grant_type": true, "client_id": true, "scope": true, // Login with Amazon
		"Action": true, "Version": true, "RoleArn": true, "RoleSessionName": true, "DurationSeconds": true, // AssumeRole
	}
	credential = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(Credential=|Signature=)[^/,\s]+`) })
	fieldName  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_.]+$`) })
)

// Command writes a request as a curl command that could be run if its secrets were put back. It sends the request as it is: curl is kept from reading
// "@" as the name of a file, brackets and braces as patterns, dots as places in a path, and from adding a type to a body that has none.
func Command(req *http.Request, body []byte, o Options) string {
	var command []string
	usual := http.MethodGet
	if len(body) > 0 { // -d makes it a POST
		usual = http.MethodPost
	}
	switch req.Method {
	case usual:
	case http.MethodHead:
		command = append(command, "--head") // with -X it would wait for a body
	default:
		command = append(command, "-X "+req.Method)
	}
	target := req.URL.String()
	if strings.ContainsAny(target, "{}[]") {
		command = append(command, "--globoff")
	}
	if path := req.URL.EscapedPath() + "/"; strings.Contains(path, "/./") || strings.Contains(path, "/../") {
		command = append(command, "--path-as-is")
	}
	parts := []string{strings.Join(append(append([]string{"curl"}, command...), Quote(target)), " ")}
	for _, h := range Headers(req, o) {
		if name, empty := strings.CutSuffix(h, ": "); empty {
			h = name + ";" // with a colon, curl would leave it out
		}
		parts = append(parts, "-H "+Quote(h))
	}
	pipe := ""
	switch {
	case !o.Whole:
		parts = append(parts, form(body)...)
	case len(body) > 0:
		if req.Header.Get("Content-Type") == "" {
			parts = append(parts, "-H content-type:")
		}
		if bytes.ContainsFunc(body, unprintable) || !utf8.Valid(body) { // such bytes can't stand on a command line, or would act on a terminal
			pipe = "printf " + Quote(printf(body)) + " |\n"
			parts = append(parts, "--data-binary @-")
		} else {
			parts = append(parts, "--data-raw "+Quote(string(body)))
		}
	}
	return o.scrub(pipe + strings.Join(parts, " \\\n  "))
}

// unprintable characters are control characters, those that change the direction of text, and those of which there is no telling.
func unprintable(r rune) bool {
	return r != '\n' && r != '\t' &&
		(unicode.IsControl(r) || !unicode.IsPrint(r) && !unicode.IsSpace(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp))
}

// printf is the format with which printf writes the bytes.
func printf(body []byte) string {
	var b strings.Builder
	for _, c := range body {
		switch {
		case c == '%':
			b.WriteString("%%")
		case c == '\\':
			b.WriteString(`\\`)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Wire writes a request as HTTP/1.1 has it.
func Wire(req *http.Request, body []byte, o Options) string {
	var b strings.Builder
	b.WriteString(req.Method + " " + req.URL.RequestURI() + " HTTP/1.1\nhost: " + req.URL.Host + "\n")
	for _, h := range Headers(req, o) {
		b.WriteString(h + "\n")
	}
	if len(body) > 0 {
		b.WriteString("\n")
		b.Write(bytes.TrimSuffix(body, []byte("\n")))
		b.WriteString("\n")
	}
	return o.scrub(b.String())
}

// Headers are the header lines that are shown, in order, names in lower case.
func Headers(req *http.Request, o Options) []string {
	var lines []string
	header := func(name, value string) { lines = append(lines, strings.ToLower(name)+": "+value) }
	if o.Whole {
		names := make([]string, 0, len(req.Header))
		for name := range req.Header {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			for _, value := range req.Header[name] {
				header(name, Value(name, value, o.Secrets))
			}
		}
		return lines
	}
	for _, name := range append(slices.Clone(hiddenHeaders), "Authorization") {
		if value := req.Header.Get(name); value != "" {
			header(name, Value(name, value, o.Secrets))
		}
	}
	for _, name := range shownHeaders {
		if value := req.Header.Get(name); value != "" && req.Header.Get("X-Amz-Access-Token") != "" { // for tokens they don't matter
			header(name, value)
		}
	}
	return lines
}

// Value is the value of a header, without secrets unless they are asked for.
func Value(name, value string, secrets bool) string {
	name = http.CanonicalHeaderKey(name)
	switch {
	case secrets:
	case slices.Contains(hiddenHeaders, name), name == "Cookie", name == "Proxy-Authorization":
		return redacted
	case name == "Authorization":
		return authorization(value)
	}
	return value
}

// scrub takes what has the shape of a secret out of what is shown, wherever it stands.
func (o Options) scrub(text string) string {
	if o.Secrets {
		return text
	}
	return settings.ScrubSecrets(text)
}

// authorization shows what a signature covers, without key and signature.
func authorization(value string) string {
	scheme, rest, _ := strings.Cut(value, " ")
	if scheme != "AWS4-HMAC-SHA256" {
		return redacted
	}
	return scheme + " " + credential().ReplaceAllString(rest, "${1}"+redacted)
}

// form shows the fields of a form body. Other bodies are not shown.
func form(body []byte) []string {
	if len(body) == 0 {
		return nil
	}
	var parts []string
	for pair := range strings.SplitSeq(string(body), "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || !fieldName().MatchString(name) {
			return []string{"-d " + redacted}
		}
		if !shownFields[name] {
			value = redacted
		} else if plain, err := url.QueryUnescape(value); err == nil && !strings.ContainsAny(plain, "&=%+# ") {
			value = plain // "arn:aws:iam::…" reads better than its escapes
		}
		parts = append(parts, "-d "+Quote(name+"="+value))
	}
	return parts
}

// Quote makes a word of a POSIX shell.
func Quote(s string) string {
	if s != "" && s[0] != '=' && !strings.ContainsFunc(s, unsafe) { // zsh looks for a command behind "="
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func unsafe(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@,+%", r)
}
