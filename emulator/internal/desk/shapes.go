package desk

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/check"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// Shapes that several APIs have.

// Money is an amount as newer APIs show it.
func Money(m world.Money) object {
	return object{"amount": m.String(), "currencyCode": m.Currency}
}

// MoneyNumber is an amount as pricing and fees v0 show it: a JSON number.
func MoneyNumber(m world.Money) format.Record {
	return format.Record{{"CurrencyCode", m.Currency}, {"Amount", m.Number()}}
}

// StatusLine is the status of one answer in a batch.
func StatusLine(status int) format.Record {
	return format.Record{{"statusCode", status}, {"reasonPhrase", http.StatusText(status)}}
}

// BatchHeaders are those of one answer in a batch.
func (c *Call) BatchHeaders(i int) format.Record {
	return format.Record{{"x-amzn-RequestId", c.Desk.Seed.Of("batch", c.Op.ID, c.Now.UnixNano(), i).UUID()}, {"Date", c.Now.UTC().Format(http.TimeFormat)}}
}

// Refusal is how one answer of a batch says no: in the operation's words, as the answer to a whole request would.
func (c *Call) Refusal(err *answer.Error) (status int, body any) {
	return err.Status, check.Worded(c.Op, err).Reply().Body
}

// FirstError is what [Call.Refusal] says, for a batch whose answers have a single error each.
func (c *Call) FirstError(err *answer.Error) format.Record {
	_, said := c.Refusal(err)
	list, _ := said.(map[string]any)["errors"].([]format.Record)
	return list[0]
}

// ListingNotFound is as in jrl84/amazon-sp-api#176.
func ListingNotFound(sku string, markets []*marketplace.Marketplace) *answer.Error {
	ids := make([]string, len(markets))
	for i, m := range markets {
		ids[i] = m.ID
	}
	return answer.Absent("NOT_FOUND", "SKU '"+sku+"' not found in marketplace "+strings.Join(ids, ", "))
}

// ReadPatches reads patch operations, of which each has the path of an attribute: nothing below one can be patched.
func ReadPatches(list []any) ([]world.Patch, *answer.Error) {
	var patches []world.Patch
	for i, entry := range list {
		at := "patches[" + strconv.Itoa(i) + "]."
		// One text for a wrong path and for a wrong value (selling-partner-api-docs#3005).
		refuse := func(reason string) *answer.Error {
			return answer.Invalid("Invalid path provided in patch at index of "+strconv.Itoa(i)+".", at+reason)
		}
		m, _ := entry.(map[string]any)
		p := world.Patch{Op: format.Member(m, "op")}
		name, ok := strings.CutPrefix(format.Member(m, "path"), "/attributes/")
		if !ok || name == "" || strings.Contains(name, "/") {
			return nil, refuse(`path: is "` + format.Member(m, "path") + `", want "/attributes/" and the name of an attribute`)
		}
		p.Name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name) // RFC 6901
		p.Value, _ = m["value"].([]any)
		if p.Op != "delete" && p.Value == nil {
			return nil, refuse("value: required, a list")
		}
		patches = append(patches, p)
	}
	return patches, nil
}

// ItemNotFound is as in jlevers/selling-partner-api#451. Version 2020-12-01 has brackets around the marketplaces (jasara/php-amzn-selling-partner-api#10).
func ItemNotFound(item, marketplaces string) *answer.Error {
	return answer.Absent("NOT_FOUND", "Requested item, "+item+", not found in marketplace(s) "+marketplaces+".")
}

// OrderNotFound is the 404 that the models declare. In 2022 getOrder of v0 was seen to answer 200 {"payload":{}} instead
// (selling-partner-api-models#2939). The wording is assumed.
func OrderNotFound(id string) *answer.Error {
	return answer.NotFound("Order " + id + " was not found.")
}
