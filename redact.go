package spapi

import (
	"regexp"
	"strings"
)

const redacted = "REDACTED"

// tokenShapes finds tokens and client secrets in foreign text, also where the bar is escaped as URLs, HTML or JSON do.
var tokenShapes = regexp.MustCompile(`(Atz\.sprdt|Atz[ar]|Atc)(\||%(25)*7[cC]|&#0*124;|&#[xX]0*7[cC];|&(vert|verbar|VerticalLine);|\\u007[cC])[^\s"'\\&,;<>)\]}]*|amzn1\.oa2-cs\.[\w.\-]+`)

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
	return tokenShapes.ReplaceAllString(s, redacted)
}

// masked is what a secret prints as: whether it is there.
func masked(s string) string {
	if s == "" {
		return ""
	}
	return redacted
}
