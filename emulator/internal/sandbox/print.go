package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/internal/catalog"
)

// printer writes the answers of cases as the sandbox does.
type printer struct {
	api     *catalog.API
	doubles bool
	out     bytes.Buffer
}

// printsDoubles are the API versions whose sandbox writes a decimal point in all numbers that the model declares as "number", but for ids: 500.0 for
// the case's 500, and 1000 for an appointmentId. Others were seen to write 4 (shipping v1) and 10 (replenishment) for such numbers.
// lineofflight/peddler, test/vcr_cassettes/Peddler/APIs, September 2025.
var printsDoubles = map[string]bool{"fulfillmentinbound20240320": true}

// answer writes a case's body: errors over lines, indented by two blanks and without an end of line after the last; all else on one line, which
// ends (mehmetkerim00/repracer, docs/evidence/step70-amazon-sandbox-exchanges.json, October 2026).
func (p *printer) answer(status int, s *catalog.Schema, raw []byte) ([]byte, error) {
	p.out.Reset()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := p.value(d, "", s); err != nil {
		return nil, err
	}
	if status < http.StatusBadRequest {
		p.out.WriteByte('\n')
		return bytes.Clone(p.out.Bytes()), nil
	}
	var lines bytes.Buffer
	err := json.Indent(&lines, p.out.Bytes(), "", "  ")
	return lines.Bytes(), err
}

// value copies the next value of d, the member of a name, members in their order.
func (p *printer) value(d *json.Decoder, name string, s *catalog.Schema) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if s = p.api.Resolve(s); s == nil {
		s = &catalog.Schema{}
	}
	switch t := t.(type) {
	case json.Delim:
		p.out.WriteByte(byte(t))
		for first := true; d.More(); first = false {
			if !first {
				p.out.WriteByte(',')
			}
			if t == '[' {
				if err := p.value(d, name, s.Items); err != nil {
					return err
				}
				continue
			}
			member, err := d.Token()
			if err != nil {
				return err
			}
			if err := p.text(member); err != nil {
				return err
			}
			p.out.WriteByte(':')
			if err := p.value(d, member.(string), s.Properties[member.(string)]); err != nil {
				return err
			}
		}
		end, err := d.Token()
		if err == nil {
			p.out.WriteByte(byte(end.(json.Delim)))
		}
		return err
	case json.Number:
		if strings.ContainsAny(t.String(), ".eE") || p.doubles && s.Type == "number" && !strings.HasSuffix(name, "Id") {
			f, err := t.Float64()
			p.out.WriteString(format.Double(f).String()) // 10.0 for a case's 10.00
			return err
		}
		p.out.WriteString(t.String())
		return nil
	}
	return p.text(t)
}

func (p *printer) text(v any) error {
	e := json.NewEncoder(&p.out)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	p.out.Truncate(p.out.Len() - 1) // the end of line
	return err
}

// fetched are the addresses in cases to which a client goes next, to upload or to fetch a document: of reports and feeds, labels, appointments, what
// buyers have customized, Easy Ship's slips.
var fetched = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`https?://(?:d34o8swod1owfl\.cloudfront\.net/|[a-z0-9.-]*\.amazonaws\.com/|` +
		`zme-caps\.amazon\.com/|www\.amazon\.com/(documents\.zip"))`)
})

// Within is the case's answer to a request. On a port of its own the emulator stands for all of Amazon's hosts: there an answer names none outside,
// so that no client that goes by it leaves the machine. Where Amazon's own hosts are asked, the answer is that of the sandbox to the letter.
func (sc *Case) Within(x *exchange.Exchange) []byte {
	if base := x.Base(); base != "" && bytes.Contains(sc.Answer, []byte("://")) {
		return fetched().ReplaceAll(sc.Answer, []byte(strings.ReplaceAll(base, "$", "$$")+exchange.DocumentPath+"$1"))
	}
	return sc.Answer
}
