package queues

import (
	"crypto/md5" // by which SQS tells what it has received
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// attribute is one of a message's own: docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html.
type attribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`
}

func (a attribute) binary() bool {
	return a.DataType == "Binary" || strings.HasPrefix(a.DataType, "Binary.")
}

func (a attribute) value() []byte {
	if a.binary() {
		return a.BinaryValue
	}
	return []byte(*a.StringValue)
}

// size is what SQS counts of an attribute.
func (a attribute) size(name string) int { return len(name) + len(a.DataType) + len(a.value()) }

var attributeName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.-]{1,256}$`) })

// maxAttributes is how many a message may have.
const maxAttributes = 10

// checkMessage refuses what is no message.
func checkMessage(body *string, attributes map[string]attribute) *failure {
	if body == nil || *body == "" {
		return fail(missingParameter, "The request must contain the parameter MessageBody.")
	}
	if !allowed(*body) {
		return fail(invalidMessageContents, "Invalid characters were found in the message: want #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to #xFFFD, and #x10000 to #x10FFFF.")
	}
	if len(attributes) > maxAttributes {
		return fail(invalidParameterValue, "Number of message attributes [%d] exceeds the allowed maximum [%d].", len(attributes), maxAttributes)
	}
	for _, name := range sortedKeys(attributes) {
		a := attributes[name]
		kind, _, _ := strings.Cut(a.DataType, ".")
		lower := strings.ToLower(name)
		switch {
		case !attributeName().MatchString(name) || strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon.") ||
			strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, ".."):
			return fail(invalidParameterValue, "Message (user) attribute name %q is invalid: want 1 to 256 letters, digits, _, - and single dots, not beginning with AWS. or Amazon.", name)
		case kind != "String" && kind != "Number" && kind != "Binary" || len(a.DataType) > 256:
			return fail(invalidParameterValue, "The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		case kind == "Binary" && len(a.BinaryValue) == 0, kind != "Binary" && (a.StringValue == nil || *a.StringValue == ""):
			return fail(invalidParameterValue, "The message attribute '%s' must contain a non-empty message attribute value for message attribute type '%s'.", name, kind)
		case kind != "Binary" && !allowed(*a.StringValue):
			return fail(invalidMessageContents, "Invalid characters were found in the message attribute '%s'.", name)
		case kind == "Number":
			if _, err := strconv.ParseFloat(*a.StringValue, 64); err != nil {
				return fail(invalidParameterValue, "Can't cast the value of message (user) attribute '%s' to a number.", name)
			}
		}
	}
	return nil
}

// allowed tells whether a text has only characters that SQS takes.
func allowed(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c >= utf8.RuneSelf {
			return allowedRunes(text[i:])
		} else if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}

func allowedRunes(text string) bool {
	for i, r := range text {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF || r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD") {
			return false
		}
	}
	return true
}

// lengthOf is what SQS counts of a message.
func lengthOf(body string, attributes map[string]attribute) int {
	n := len(body)
	for name, a := range attributes {
		n += a.size(name)
	}
	return n
}

func sumOf(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// attributesMD5 is the checksum by which SDKs see that attributes have come whole:
// docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html ("Calculating the MD5 message digest").
func attributesMD5(attributes map[string]attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	var b []byte
	add := func(part []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part))) //nolint:gosec // of a message
		b = append(b, part...)
	}
	for _, name := range sortedKeys(attributes) {
		a := attributes[name]
		add([]byte(name))
		add([]byte(a.DataType))
		transport := byte(1)
		if a.binary() {
			transport = 2
		}
		b = append(b, transport)
		add(a.value())
	}
	return sumOf(string(b))
}

// Receipt handles name queue, message, and which of its receipts they are of.

const handlePrefix = "AQEB"

func (s *Service) handleOf(q *queue, m *message) string {
	var b [24]byte
	binary.BigEndian.PutUint32(b[:], uint32(q.number))     //nolint:gosec // counted up
	binary.BigEndian.PutUint64(b[4:], uint64(m.number))    //nolint:gosec // counted up
	binary.BigEndian.PutUint32(b[12:], uint32(m.receives)) //nolint:gosec // counted up
	binary.BigEndian.PutUint64(b[16:], s.check(b[:16]))
	return handlePrefix + base64.StdEncoding.EncodeToString(b[:])
}

// check is by which a handle is told from what somebody has made up.
func (s *Service) check(b []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(binary.BigEndian.AppendUint64(b, uint64(s.Seed.Value()))) //nolint:gosec // its bits
	return h.Sum64()
}

// byHandle finds the message of a handle; nil where it is gone. last tells whether no later receipt has been given out. The failure is about a handle that
// is none of this queue's.
func (s *Service) byHandle(q *queue, handle string) (m *message, last bool, _ *failure) {
	text, found := strings.CutPrefix(handle, handlePrefix)
	b, err := base64.StdEncoding.DecodeString(text)
	if !found || err != nil || len(b) != 24 || binary.BigEndian.Uint64(b[16:]) != s.check(b[:16:16]) || int(binary.BigEndian.Uint32(b)) != q.number {
		return nil, false, fail(receiptHandleIsInvalid, "The input receipt handle is invalid.")
	}
	m = q.messages[int(binary.BigEndian.Uint64(b[4:]))] //nolint:gosec // counted up
	return m, m != nil && m.receives == int(binary.BigEndian.Uint32(b[12:])), nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
