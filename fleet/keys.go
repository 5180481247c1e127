package fleet

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/openspapi/spapi"
)

// keyring names what lies on the server for one path of buckets. Nothing in a name tells a client id, a seller, an operation or a token: who has a
// dump of the server and a guess can test that guess, no more.
type keyring struct {
	path   []spapi.LimitBucket
	labels []string // of the buckets, see label
	keys   []string // of each bucket: b, p, c; then the index
}

// newKeyring names the buckets of a path, narrow to wide, which all are of one operation: so all that they have lies in one slot. Their sellers are names
// of sellerName: what a client calls a seller goes nowhere.
func newKeyring(path []spapi.LimitBucket) *keyring {
	k := &keyring{path: path}
	for i := range path {
		b := &path[i]
		tag, name := tagOf(b.App, b.Region, b.Operation), bucketName(b)
		k.labels = append(k.labels, label(b))
		k.keys = append(k.keys, bucketKey(tag, name, "b"), bucketKey(tag, name, "p"), bucketKey(tag, name, "c"))
	}
	if len(path) > 0 {
		k.keys = append(k.keys, indexKey(tagOf(path[0].App, path[0].Region, path[0].Operation)))
	}
	return k
}

// tagOf names an operation of an application in a region: all of it is in one slot.
func tagOf(app, region, operation string) string { return short("tag", app, region, operation) }

// bucketName tells the buckets of an operation apart.
func bucketName(b *spapi.LimitBucket) string {
	return short("bucket", strconv.Itoa(int(b.Scope)), b.Type, b.Seller)
}

// sellerName is the digest of a seller. It is what buckets, labels and [SellerDigest] call one.
func sellerName(seller string) string { return digest("seller", seller) }

// bucketKey is the key of a part of a bucket: b, the bucket itself; p, the places in its queue; c, who waits.
func bucketKey(tag, name, part string) string { return "spapi:{" + tag + "}:" + name + ":" + part }

// indexKey is the key of the index of an operation's buckets: a sorted set of labels, by when they end in milliseconds since 1970.
func indexKey(tag string) string { return "spapi:{" + tag + "}:i" }

// label is what the index tells of a bucket, in words: its scope, its window in microseconds, the digest of its seller, and its type of reports or feeds.
func label(b *spapi.LimitBucket) string {
	return strconv.Itoa(int(b.Scope)) + " " + strconv.FormatInt(micros(b.Window), 10) + " " + word(b.Seller) + " " + word(b.Type)
}

// readLabel reads a label. Of the bucket it sets what that tells.
func readLabel(label string) (b spapi.LimitBucket, ok bool) {
	words := strings.Fields(label)
	if len(words) != 4 {
		return b, false
	}
	scope, err1 := strconv.ParseInt(words[0], 10, 8)
	window, err2 := strconv.ParseInt(words[1], 10, 64)
	seller, err3 := unword(words[2])
	kind, err4 := unword(words[3])
	b.Scope, b.Window, b.Seller, b.Type = spapi.LimitScope(scope), duration(window), seller, kind
	return b, errors.Join(err1, err2, err3, err4) == nil
}

// word writes a text as one word; "-" is none.
func word(text string) string {
	switch text {
	case "":
		return "-"
	case "-":
		return "%2D"
	}
	return url.QueryEscape(text)
}

func unword(word string) (string, error) {
	if word == "-" {
		return "", nil
	}
	return url.QueryUnescape(word)
}

// digest is 128 bits of the SHA-256 of texts, in hex.
func digest(texts ...string) string {
	sum := hash(texts)
	return hex.EncodeToString(sum[:])
}

// short is a digest in 22 characters, for what there are many of: memory for keys comes in steps of 16 bytes.
func short(texts ...string) string {
	sum := hash(texts)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// hash is 128 bits of the SHA-256 of texts. Their lengths go in, so that no two lists are one.
func hash(texts []string) [16]byte {
	var all []byte
	for _, t := range texts {
		all = strconv.AppendInt(all, int64(len(t)), 10)
		all = append(all, ':')
		all = append(all, t...)
	}
	sum := sha256.Sum256(all)
	return [16]byte(sum[:16])
}
