package spapi

import (
	"regexp"
	"strings"
	"sync"

	"github.com/openspapi/spapi/internal/settings"
)

const redacted = settings.Redacted

// headerShapes finds header lines that carry credentials, as the canonical request of an InvalidSignature error echoes them
// (amzn/selling-partner-api-models#1101), and members of JSON with their names. The line may end with a newline or with one that JSON has escaped; what
// else JSON escapes belongs to the value.
var headerShapes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(x-amz-access-token|x-amz-security-token|authorization)(\s*[:=]\s*|\\*"\s*:\s*\[?\s*\\*")` +
		`(?:(?:Bearer|Basic) +)?` + headerValue + `([ ,]+(Credential|SignedHeaders|Signature)=` + headerValue + `)*`)
})

const headerValue = `(?:[^\s"'\\]|\\+/|\\+u[\da-f]{4})+`

// scrub takes secrets out of text that others wrote. The known ones are replaced whatever their shape.
func scrub(s string, known ...string) string {
	for _, k := range known {
		if len(k) >= 4 { // shorter "secrets" would shred innocent text
			s = strings.ReplaceAll(s, k, redacted)
		}
	}
	if settings.Innocent(s) {
		return s
	}
	s = settings.ScrubSecrets(s) // first: a header's value may be cut within a secret, which then has no shape any more
	return headerShapes().ReplaceAllString(s, "${1}${2}"+redacted)
}
