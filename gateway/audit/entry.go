package audit

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/openspapi/spapi/gateway"
)

// Kind says what an entry tells of.
type Kind string

// The kinds.
const (
	Call   Kind = "call"   // a call that has ended
	Intent Kind = "intent" // a call that is about to go out; a "call" with the same id follows, unless the process ended before
	Opened Kind = "open"   // a gateway began to write, with what it found in [Note]
	Closed Kind = "close"  // it ended in order
	Lost   Kind = "lost"   // records that could not be kept before this one, see [Note]
	Cut    Kind = "cut"    // entries up to one have become too old, and were removed
)

// Entry is a link of the chain. Its hash is over all that it says and over the hash of the one before.
type Entry struct {
	Chain string
	Seq   uint64 // counts from 1 without gaps
	Kind  Kind
	gateway.Record
	Note *Note // of kinds other than call and intent
	Prev Hash  // of the entry before; zero in the first one
	Hash Hash
}

// Note is what entries that are no calls tell.
type Note struct {
	Key     string `json:"key,omitzero"`     // open: names the secret under which hashes are made from here on; "" for none
	Crashed bool   `json:"crashed,omitzero"` // open: the one before had not ended in order
	Torn    int64  `json:"torn,omitzero"`    // open: bytes of an unfinished entry, which were cut off
	Missing uint64 `json:"missing,omitzero"` // open: entries at the end that had been kept and were gone
	Other   bool   `json:"other,omitzero"`   // open: the last entry was not the one that had been kept

	Through uint64 `json:"through,omitzero"` // cut: the last entry that was removed
	Hash    Hash   `json:"hash,omitzero"`    // cut: its hash

	Records int       `json:"records,omitzero"` // lost
	Since   time.Time `json:"since,omitzero"`   // lost: when the first of them could not be kept
	Error   string    `json:"error,omitzero"`   // lost: why
}

// Hash is a SHA-256, in text base64url.
type Hash [sha256.Size]byte

// String is the hash in base64url.
func (h Hash) String() string { return base64.RawURLEncoding.EncodeToString(h[:]) }

// MarshalText is [Hash.String].
func (h Hash) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(make([]byte, 0, 43), h[:]), nil
}

// UnmarshalText reads what MarshalText writes.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != 43 {
		return fmt.Errorf("a hash of %d characters: want 43", len(text))
	}
	_, err := base64.RawURLEncoding.Strict().Decode(h[:], text)
	return err
}

// line is an entry as JSON. The order of its members is that of the text whose hash is made: they may be added to, never moved.
type line struct {
	Chain        string    `json:"chain"`
	Seq          uint64    `json:"seq"`
	Kind         Kind      `json:"kind"`
	Time         time.Time `json:"time"`
	Call         string    `json:"call,omitzero"`
	Caller       string    `json:"caller,omitzero"`
	Key          string    `json:"key,omitzero"`
	Account      string    `json:"account,omitzero"`
	Operation    string    `json:"operation,omitzero"`
	Write        bool      `json:"write,omitzero"`
	PersonalData bool      `json:"personal_data,omitzero"`
	Status       int       `json:"status,omitzero"`
	RequestID    string    `json:"request_id,omitzero"`
	Agent        string    `json:"agent,omitzero"`
	Refused      string    `json:"refused,omitzero"`
	Cache        string    `json:"cache,omitzero"`
	More         int       `json:"more,omitzero"`
	Microseconds int64     `json:"duration_us,omitzero"`
	Note         *Note     `json:"note,omitzero"`
	Prev         Hash      `json:"prev"`
	Hash         *Hash     `json:"hash,omitzero"` // nil in the text whose hash is made
}

// body is the text whose hash is made.
func (e *Entry) body() []byte {
	b, err := json.Marshal(line{
		Chain: e.Chain, Seq: e.Seq, Kind: e.Kind, Time: e.Time, Call: e.Call, Caller: e.Caller, Key: e.Key, Account: e.Account, Operation: e.Operation,
		Write: e.Write, PersonalData: e.PersonalData, Status: e.Status, RequestID: e.RequestID, Agent: e.Agent, Refused: e.Refused, Cache: e.Cache,
		More: e.More, Microseconds: e.Duration.Microseconds(), Note: e.Note, Prev: e.Prev,
	})
	if err != nil { // of a time in the year 10000
		panic("audit: " + err.Error())
	}
	return b
}

// Line is the entry as JSON, without a line's end.
func (e *Entry) Line() []byte { return e.closed(e.body()) }

func (e *Entry) closed(body []byte) []byte {
	b := append(body[:len(body)-1], `,"hash":"`...)
	b = base64.RawURLEncoding.AppendEncode(b, e.Hash[:])
	return append(b, '"', '}')
}

var errSpelling = errors.New("is spelled otherwise than a gateway writes it")

// ParseLine reads what [Entry.Line] writes, to the letter: what is spelled otherwise has been changed.
func ParseLine(text []byte) (Entry, error) {
	var l line
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return Entry{}, errors.New("is no entry of an audit") // the cause may repeat what stands there
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) || l.Hash == nil {
		return Entry{}, errSpelling
	}
	e := Entry{
		Chain: l.Chain, Seq: l.Seq, Kind: l.Kind, Note: l.Note, Prev: l.Prev, Hash: *l.Hash,
		Record: gateway.Record{
			Time: l.Time, Call: l.Call, Intent: l.Kind == Intent, Caller: l.Caller, Key: l.Key, Account: l.Account, Operation: l.Operation, Write: l.Write,
			PersonalData: l.PersonalData, Status: l.Status, RequestID: l.RequestID, Agent: l.Agent, Refused: l.Refused, Cache: l.Cache, More: l.More,
			Duration: time.Duration(l.Microseconds) * time.Microsecond,
		},
	}
	if y := l.Time.Year(); y < 1 || y > 9999 || l.Time.Location() != time.UTC || !bytes.Equal(e.Line(), text) {
		return Entry{}, errSpelling
	}
	return e, nil
}

// sealer makes hashes: with a key, so that nobody without it can make the chain anew, or without.
type sealer struct{ key []byte }

// newSealer derives the key from the secret of a gateway; without a secret there is none.
func newSealer(secret []byte) (sealer, error) {
	if len(secret) == 0 {
		return sealer{}, nil
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "spapi gateway audit", sha256.Size)
	return sealer{key}, err
}

// id names the key without telling it; "" for none.
func (s sealer) id() string {
	if s.key == nil {
		return ""
	}
	h := s.sum([]byte("id"))
	return base64.RawURLEncoding.EncodeToString(h[:9])
}

func (s sealer) sum(text []byte) (h Hash) {
	if s.key == nil {
		return sha256.Sum256(text)
	}
	mac := hmac.New(sha256.New, s.key)
	mac.Write(text)
	mac.Sum(h[:0])
	return h
}

// seal gives an entry its hash, and returns it as a line.
func (s sealer) seal(e *Entry) []byte {
	body := e.body()
	e.Hash = s.sum(body)
	return e.closed(body)
}

// Head is how far a chain has come. Kept beside it, it shows when the end has been cut off; kept elsewhere, also to those who can write beside it.
type Head struct {
	Chain string `json:"chain"`
	Seq   uint64 `json:"seq"`
	Hash  Hash   `json:"hash"`
	Seal  Hash   `json:"seal"` // over the others
}

// String is what a head is noted down as: "chain:seq:hash".
func (h Head) String() string { return fmt.Sprintf("%s:%d:%s", h.Chain, h.Seq, h.Hash) }

// ParseHead reads what [Head.String] writes.
func ParseHead(text string) (Head, error) {
	var h Head
	parts := bytes.Split([]byte(text), []byte(":"))
	if len(parts) == 3 {
		h.Chain = string(parts[0])
		if _, err := fmt.Sscanf(string(parts[1]), "%d", &h.Seq); err == nil && h.Hash.UnmarshalText(parts[2]) == nil && h.Head() {
			return h, nil
		}
	}
	return Head{}, fmt.Errorf("%q is no head: want chain:number:hash, as the log and \"spapi gateway audit verify\" tell it", text)
}

// Head reports whether there is one.
func (h Head) Head() bool { return h.Seq > 0 }

func (s sealer) head(e *Entry) Head {
	h := Head{Chain: e.Chain, Seq: e.Seq, Hash: e.Hash}
	h.Seal = s.headSeal(h)
	return h
}

func (s sealer) headSeal(h Head) Hash { return s.sum([]byte("head " + h.String())) }
