package auth

import (
	"bytes"
	"strings"
	"testing"
)

// TestConsentPageEscapes: whatever an application puts into its URI is text on the page, in every place where the page shows something.
func TestConsentPageEscapes(t *testing.T) {
	const hostile = `"'><script>&</script>` + "+\x00"
	var b bytes.Buffer
	consentPage{Title: hostile, Text: hostile, Application: hostile, Code: hostile, Note: hostile,
		Hidden: []pageField{{hostile, hostile}}, Sellers: []pageField{{hostile, hostile}}}.write(&b)
	page := b.String()
	if strings.Contains(page, "script>") || strings.Contains(page, `"'`) {
		t.Errorf("unescaped:\n%s", page)
	}
	const places = 11 // title, heading, text, application, code, note, two of the hidden field, three of the seller
	if n := strings.Count(page, "&#34;&#39;&gt;&lt;script&gt;&amp;&lt;/script&gt;&#43;\uFFFD"); n != places {
		t.Errorf("%d escaped texts, want %d:\n%s", n, places, page)
	}
}
