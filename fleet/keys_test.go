package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

// A label tells all that a bucket's name is made of, whatever its type is called.
func TestLabels(t *testing.T) {
	for _, b := range []spapi.LimitBucket{
		{Scope: spapi.LimitPerSeller, Seller: sellerName("A1")},
		{Scope: spapi.LimitPerApplication},
		{Scope: spapi.LimitPerType, Seller: sellerName("A1"), Type: "JSON_LISTINGS_FEED", Window: 5 * time.Minute},
		{Scope: spapi.LimitPerType, Type: "-", Seller: "-"},
		{Scope: spapi.LimitPerType, Type: " a b\t\n", Seller: "é\x00\xff"},
		{Scope: spapi.LimitPerType, Type: `"\` + "`" + `%20+`, Seller: "A"},
	} {
		text := label(&b)
		got, ok := readLabel(text)
		if !ok || got.Scope != b.Scope || got.Seller != b.Seller || got.Type != b.Type || got.Window != b.Window || bucketName(&got) != bucketName(&b) {
			t.Errorf("%q is read as %+v, %v, want %+v", text, got, ok, b)
		}
		if strings.ContainsAny(text, "\"\\\n\t\x00") {
			t.Errorf("%q can't stand in JSON as it is", text)
		}
	}
	for _, text := range []string{"", "0 0 -", "0 0 - - -", "x 0 - -", "0 x - -", "0 0 %zz -", "0 0 - %", "300 0 - -"} {
		if b, ok := readLabel(text); ok {
			t.Errorf("%q is read as %+v", text, b)
		}
	}
}
