package fault

import (
	"net/url"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/echo"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/internal/catalog"
)

// ForeignIDs lets an answer name other things than the request did: each id that the request has is another one of the same form in the answer, as cases of
// Amazon's sandbox have it. Ids of sellers and marketplaces stay.
const ForeignIDs Kind = "foreign-ids"

// foreignIDs changes the ids in an answer that are those of the request.
func foreignIDs(x *exchange.Exchange, r answer.Reply) answer.Reply {
	op, ok := catalog.Lookup(x.Operation)
	raw, contentType := r.Encode()
	body, err := format.DecodeJSON(raw)
	if !ok || err != nil || r.Status/100 != 2 {
		return r
	}
	said := map[string]bool{}
	for _, segment := range strings.Split(x.URL.EscapedPath(), "/") {
		if text, err := url.PathUnescape(segment); err == nil {
			said[text] = true
		}
	}
	for _, values := range x.URL.Query() {
		for _, v := range values {
			for _, one := range strings.Split(v, ",") {
				said[one] = true
			}
		}
	}
	if sent, err := format.DecodeJSON(x.Body); err == nil {
		visitIDs(op.API, "", sent, func(id string) string {
			said[id] = true
			return id
		})
	}
	delete(said, "")
	r.Body = visitIDs(op.API, "", body, func(id string) string {
		if said[id] {
			return foreign(id)
		}
		return id
	})
	r.ContentType = contentType
	return r
}

// visitIDs calls f for the ids in a value, and returns the value with what f returns in their place. parent is the name of the object that it stands in.
func visitIDs(api, parent string, v any, f func(id string) string) any {
	switch v := v.(type) {
	case map[string]any:
		if parent == "payload" {
			parent = ""
		}
		for name, member := range v {
			v[name] = visitMember(api, parent, name, member, f)
		}
	case []any:
		for i := range v {
			v[i] = visitIDs(api, parent, v[i], f)
		}
	}
	return v
}

func visitMember(api, parent, name string, v any, f func(id string) string) any {
	switch v := v.(type) {
	case string:
		if kind := echo.KindOf(api, parent, name); kind != "" && kind != echo.Seller && kind != echo.Marketplace {
			return f(v)
		}
	case []any:
		for i := range v {
			v[i] = visitMember(api, parent, name, v[i], f)
		}
	default:
		return visitIDs(api, name, v, f)
	}
	return v
}

// foreign is another id of the same form: the same one for the same id.
func foreign(id string) string {
	r := random.New(0, "foreign", id)
	return strings.Map(func(c rune) rune {
		for _, alphabet := range []string{random.Digits, random.Capitals, strings.ToLower(random.Capitals)} {
			if at := strings.IndexRune(alphabet, c); at >= 0 {
				return rune(alphabet[(at+r.Between(1, len(alphabet)-1))%len(alphabet)])
			}
		}
		return c
	}, id)
}
