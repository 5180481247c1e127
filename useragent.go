package spapi

import (
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxUserAgent is Amazon's bound, in characters.
const maxUserAgent = 500

// userAgent makes the header as Amazon wants it: "Name/Version (Language=Go/1.26; Platform=linux/amd64)", in which Language is
// required and some characters are escaped (developer-docs.amazon.com/sp-api/docs/include-a-user-agent-header-in-all-requests).
func userAgent(product string) (string, error) {
	if product == "" {
		product = "spapi/" + moduleVersion()
	}
	for _, r := range product {
		if r < ' ' || r > '~' {
			return "", &ConfigError{Code: CodeUserAgentInvalid, Field: "user agent", Value: product,
				Want: "holds a character that is not printable ASCII: want Name/Version, such as Repricer/1.2"}
		}
	}
	name, version := product, ""
	if i := strings.LastIndexByte(product, '/'); i >= 0 {
		name, version = product[:i], product[i+1:]
	}
	name, version = strings.TrimSpace(name), strings.TrimSpace(version)
	if name == "" {
		return "", &ConfigError{Code: CodeUserAgentInvalid, Field: "user agent", Value: product, Want: "has no name: want Name/Version, such as Repricer/1.2"}
	}
	if version == "" {
		version = "0"
	}
	head := nameEscaper.Replace(name) + "/" + versionEscaper.Replace(version)
	tail := " (Language=" + valueEscaper.Replace("Go/"+strings.TrimPrefix(runtime.Version(), "go")) +
		"; Platform=" + valueEscaper.Replace(runtime.GOOS+"/"+runtime.GOARCH) + ")"
	if n := utf8.RuneCountInString(head) + utf8.RuneCountInString(tail); n > maxUserAgent {
		return "", &ConfigError{Code: CodeUserAgentInvalid, Field: "user agent", Value: product[:40] + "…",
			Want: "is too long: want at most 500 characters with language and platform, as Amazon does"}
	}
	return head + tail, nil
}

var (
	nameEscaper    = strings.NewReplacer(`\`, `\\`, `/`, `\/`)
	versionEscaper = strings.NewReplacer(`\`, `\\`, `(`, `\(`)
	valueEscaper   = strings.NewReplacer(`\`, `\\`, `)`, `\)`, `;`, `\;`)
)

// moduleVersion is the version of this module as it was built into the program.
var moduleVersion = sync.OnceValue(func() string {
	const path = "github.com/openspapi/spapi"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == path && m.Version != "" {
				return m.Version
			}
		}
	}
	return "devel"
})
