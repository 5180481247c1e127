package fbainventory

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// The dynamic sandbox of this API was recorded in October 2026: mehmetkerim00/repracer, docs/evidence/step70-amazon-sandbox-fba-exchanges.json.

// sandboxSummary is how the sandbox shows what production shows as summary: ids that are none, a condition in capitals, and no stores.
func sandboxSummary(c *desk.Call, l *world.Listing, summary object) object {
	id := func(of string) string {
		return c.Desk.Seed.Of("sandbox inventory", of, c.Seller.Number, l.SKU).Text(random.HexDigits, 32)
	}
	summary["asin"], summary["fnSku"] = id("asin"), id("fnSku")
	summary["condition"] = conditionInCapitals(l.Condition)
	delete(summary, "stores")
	if details, ok := summary["inventoryDetails"].(object); ok {
		details["researchingQuantity"].(object)["researchingQuantityBreakdown"] = []object{}
		details["futureSupplyQuantity"] = object{"reservedFutureSupplyQuantity": 0, "futureSupplyBuyableQuantity": 0}
	}
	return summary
}

// conditionInCapitals spells a condition as the sandbox does: NEW for new_new. Only NEW was seen; the others are assumed alike.
func conditionInCapitals(condition string) string {
	kind, grade, _ := strings.Cut(condition, "_")
	if kind == grade {
		return strings.ToUpper(kind)
	}
	return strings.ToUpper(condition)
}

// reply is a success. The sandbox prints it as Jackson does by default, with an end of line: an empty object has four bytes, a page without
// inventory 166.
func reply(c *desk.Call, body object) answer.Reply {
	if !c.Sandbox {
		return answer.OK(body)
	}
	w := format.NewWriter()
	defer w.Release()
	if err := w.Write(body); err != nil {
		panic("emulator: inventory can't be written: " + err.Error()) // a mistake here, found by the first test
	}
	return answer.OK(printed(w.Bytes()))
}

// printed breaks compact JSON into lines as Jackson's DefaultPrettyPrinter does: a member a line, blanks on both sides of the colon, and lists in
// their line.
func printed(compact []byte) []byte {
	var out bytes.Buffer
	d := json.NewDecoder(bytes.NewReader(compact))
	d.UseNumber()
	var value func(depth int)
	value = func(depth int) {
		t, _ := d.Token() // the writer's own
		open, nested := t.(json.Delim)
		if !nested {
			text, _ := json.Marshal(t)
			out.Write(text)
			return
		}
		newLine := func(depth int) { out.WriteString("\n" + strings.Repeat("  ", depth)) }
		out.WriteByte(byte(open))
		empty := true
		for ; d.More(); empty = false {
			if !empty {
				out.WriteByte(',')
			}
			if open == '[' {
				out.WriteByte(' ')
				value(depth)
				continue
			}
			newLine(depth + 1)
			value(depth + 1)
			out.WriteString(" : ")
			value(depth + 1)
		}
		if open == '{' && !empty {
			newLine(depth)
		} else {
			out.WriteByte(' ')
		}
		end, _ := d.Token()
		out.WriteByte(byte(end.(json.Delim)))
	}
	value(0)
	out.WriteByte('\n')
	return out.Bytes()
}
