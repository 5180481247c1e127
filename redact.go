package spapi

import (
	"regexp"
	"strings"

	"github.com/openspapi/spapi/internal/settings"
)

const redacted = settings.Redacted

// headerShapes finds header lines that carry credentials, as the canonical request of an InvalidSignature error echoes them
// (amzn/selling-partner-api-models#1101). The line may end with a newline or with one that JSON has escaped.
var headerShapes = regexp.MustCompile(`(?i)(x-amz-access-token|x-amz-security-token|authorization)(\s*[:=]\s*)(?:(?:Bearer|Basic) +)?[^\s"'\\]+([ ,]+(Credential|SignedHeaders|Signature)=[^\s"'\\]+)*`)

// scrub takes secrets out of text that others wrote. The known ones are replaced whatever their shape.
func scrub(s string, known ...string) string {
	for _, k := range known {
		if len(k) >= 4 { // shorter "secrets" would shred innocent text
			s = strings.ReplaceAll(s, k, redacted)
		}
	}
	s = headerShapes.ReplaceAllString(s, "${1}${2}"+redacted)
	return settings.ScrubSecrets(s)
}
