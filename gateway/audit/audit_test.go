package audit

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if killed() {
		return
	}
	goleak.VerifyTestMain(m)
}

// FuzzLine: what is read is what was written, to the letter, and nothing else is taken for an entry.
func FuzzLine(f *testing.F) {
	e := Entry{Chain: "shop", Seq: 1, Kind: Opened, Note: &Note{Key: "x", Torn: 3}}
	f.Add(e.Line())
	e.Kind, e.Note, e.Caller = Call, nil, "é\u2028<"
	f.Add(e.Line())
	f.Add([]byte(`{"chain":"shop","seq":1,"seq":2}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := ParseLine(text)
		if err == nil && string(e.Line()) != string(text) {
			t.Errorf("%q is read as %q", text, e.Line())
		}
	})
}

// TestHead: a head that was noted is read again.
func TestHead(t *testing.T) {
	h := Head{Chain: "shop-1", Seq: 12, Hash: Hash{1, 2, 3}}
	if got, err := ParseHead(h.String()); err != nil || got != h {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "shop", "shop:1", "shop:0:" + h.Hash.String(), "shop:x:" + h.Hash.String(), "shop:1:" + h.Hash.String()[1:], "shop:1:" + h.Hash.String() + ":x"} {
		if got, err := ParseHead(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

// TestName: a chain without a name is called like the host.
func TestName(t *testing.T) {
	if name, err := (Options{}).Name(); err != nil || !chainName().MatchString(name) {
		t.Errorf("%q, %v", name, err)
	}
	for _, bad := range []string{"A", "-a", "a b", "a/b", "ä", string(make([]byte, 100))} {
		if _, err := (Options{Chain: bad}).Name(); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
