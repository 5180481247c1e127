// Package echo finds in a request what an answer has to say after it: ids above all, at whatever depth and in lists. No answer may contradict its request.
package echo

import (
	_ "embed"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/table"
)

//go:embed names.csv
var namesCSV string

// Kinds of things that a seller's world knows.
const (
	Order       = "order"
	OrderItem   = "order item"
	SKU         = "sku"
	ASIN        = "asin"
	FNSKU       = "fnsku"
	Marketplace = "marketplace"
	Seller      = "seller"
)

// Kinds that the table has for names that are no ids, and for those that need their object's name.
const (
	noID       = "-"
	withParent = "+"
)

type meaning struct{ apis, kind string }

// meanings are the rows of names.csv by name, those of single APIs first.
var meanings = sync.OnceValue(func() map[string][]meaning {
	all := map[string][]meaning{}
	for _, row := range table.Read("names.csv", namesCSV) {
		all[row[0]] = append(all[row[0]], meaning{row[1], row[2]})
	}
	for _, list := range all {
		slices.SortStableFunc(list, func(a, b meaning) int { return strings.Count(a.apis, "*") - strings.Count(b.apis, "*") })
	}
	return all
})

func meaningOf(api, name string) string {
	for _, m := range meanings()[name] {
		if ok, err := path.Match(m.apis, api); ok && err == nil {
			return m.kind
		}
	}
	return ""
}

// idEndings are what names of ids end in.
var idEndings = []string{"id", "sku", "asin", "number", "identifier", "reference", "referencekey"}

// Plain is a name as names are compared: "ShipmentIdList", "shipmentIds" and "shipmentId" are one.
func Plain(name string) string {
	name = strings.ToLower(name)
	for _, ending := range []string{"list", "set", "s"} {
		if short, ok := strings.CutSuffix(name, ending); ok && endsAsID(short) {
			return short
		}
	}
	return name
}

func endsAsID(plain string) bool {
	return !strings.HasSuffix(plain, "preference") && slices.ContainsFunc(idEndings, func(end string) bool { return strings.HasSuffix(plain, end) })
}

// KindOf tells what a member of an API is the id of; "" when it is none. parent is the name of the object that it stands in, "" at the top.
func KindOf(api, parent, name string) string {
	plain := Plain(name)
	if kind := meaningOf(api, Plain(parent)+"."+plain); kind != "" {
		return kind
	}
	switch kind := meaningOf(api, plain); {
	case kind == noID:
		return ""
	case kind == withParent:
		return strings.TrimPrefix(Plain(parent)+"."+plain, ".")
	case kind != "":
		return kind
	case endsAsID(plain):
		return plain
	}
	return ""
}
