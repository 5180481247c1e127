package invoices

import (
	"encoding/xml"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/labels"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// party is one side of an invoice.
type party struct {
	CNPJ string `xml:"CNPJ,omitempty"`
	CPF  string `xml:"CPF,omitempty"`
	Name string `xml:"xNome"`
	City string `xml:"ender>xMun,omitempty"`
	UF   string `xml:"ender>UF,omitempty"`
}

// warehouse is Amazon's in Brazil.
var warehouse = party{CNPJ: world.BrazilCNPJ, Name: world.BrazilCompany, City: "Cajamar", UF: "SP"}

// cnpj is the seller's tax number.
func (f *office) cnpj() string {
	return withCheckDigits(f.seller.Desk.Seed.Of("cnpj", f.seller.Number).Text(random.Digits, 8) + "0001")
}

func (f *office) self() party {
	return party{CNPJ: f.cnpj(), Name: f.seller.StoreName, City: "São Paulo", UF: "SP"}
}

func (f *office) buyer(o *world.Order) party {
	p := party{Name: o.BuyerName, City: o.To.City, UF: o.To.State}
	r := f.seller.Desk.Seed.Of("invoicing", o.ID)
	if o.Business {
		p.Name, p.CNPJ = o.To.Company, withCheckDigits(r.Text(random.Digits, 8)+"0001")
	} else {
		p.CPF = r.Text(random.Digits, 11)
	}
	return p
}

// withCheckDigits is a CNPJ of its first twelve digits.
func withCheckDigits(twelve string) string {
	for range 2 {
		twelve += checkDigit(twelve)
	}
	return twelve
}

// checkDigit is the digit that follows others, by weights of 2 to 9 from the last on, modulo 11.
func checkDigit(digits string) string {
	sum := 0
	for i := range len(digits) {
		sum += int(digits[len(digits)-1-i]-'0') * (2 + i%8)
	}
	if digit := 11 - sum%11; digit <= 9 {
		return strconv.Itoa(digit)
	}
	return "0"
}

// isCNPJ tells whether a text looks like a CNPJ. Its check digits aren't looked at: those of the carrier in the model's static case are wrong.
func isCNPJ(text string) bool { return len(text) == 14 && strings.Trim(text, random.Digits) == "" }

// accessKey is the key of an electronic invoice of model 55: state, month, who writes it, model, series, number, a code and a check digit (the public
// layout of NF-e).
func accessKey(cnpj string, at time.Time, series, number string) string {
	padded := func(text string, n int) string { return strings.Repeat("0", max(n-len(text), 0)) + text }
	number = padded(number, 9)
	key := "35" + at.UTC().Format("0601") + cnpj + "55" + padded(series, 3) + number[len(number)-9:] + "1" + padded(number[len(number)-8:], 8)
	return key + checkDigit(key)
}

// nfe is an electronic invoice with its authorization, as far as programs look at them.
type nfe struct {
	XMLName xml.Name `xml:"http://www.portalfiscal.inf.br/nfe nfeProc"`
	Version string   `xml:"versao,attr"`
	Invoice struct {
		ID     string    `xml:"Id,attr"`
		Nature string    `xml:"ide>natOp"`
		Model  string    `xml:"ide>mod"`
		Series string    `xml:"ide>serie"`
		Number string    `xml:"ide>nNF"`
		Date   string    `xml:"ide>dhEmi"`
		From   party     `xml:"emit"`
		To     party     `xml:"dest"`
		Lines  []nfeLine `xml:"det"`
		Goods  string    `xml:"total>ICMSTot>vProd"`
		Frete  string    `xml:"total>ICMSTot>vFrete"`
		Desc   string    `xml:"total>ICMSTot>vDesc"`
		Total  string    `xml:"total>ICMSTot>vNF"`
	} `xml:"NFe>infNFe"`
	Protocol struct {
		Key  string `xml:"chNFe"`
		Code string `xml:"cStat"`
		Text string `xml:"xMotivo"`
	} `xml:"protNFe>infProt"`
}

type nfeLine struct {
	Number   int    `xml:"nItem,attr"`
	Code     string `xml:"prod>cProd"`
	Title    string `xml:"prod>xProd"`
	Quantity int    `xml:"prod>qCom"`
	Amount   string `xml:"prod>vProd"`
}

// document is an invoice as an XML file.
func (v *invoice) document(now time.Time) []byte {
	var n nfe
	n.Version = "4.00"
	i := &n.Invoice
	i.ID, i.Nature, i.Model, i.Series, i.Number, i.Date = "NFe"+v.key, v.kind, "55", v.series, v.external, v.date.UTC().Format(time.RFC3339)
	i.From, i.To = v.parties[0], v.parties[1]
	goods := world.Money{Currency: v.freight.Currency}
	for k, l := range v.lines {
		goods.Units += l.price.Units
		i.Lines = append(i.Lines, nfeLine{k + 1, l.sku, l.title, l.quantity, l.price.String()})
	}
	total := world.Money{Units: goods.Units + v.freight.Units - v.discount.Units, Currency: goods.Currency}
	i.Goods, i.Frete, i.Desc, i.Total = goods.String(), v.freight.String(), v.discount.String(), total.String()
	n.Protocol.Key, n.Protocol.Code, n.Protocol.Text = v.key, "100", "Autorizado o uso da NF-e"
	if v.status(now) == rejected {
		n.Protocol.Code, n.Protocol.Text = wrongCode, wrongText
	}
	b, err := xml.MarshalIndent(n, "", "  ")
	if err != nil {
		panic("emulator: invoice " + v.id + ": " + err.Error()) // it is texts and numbers
	}
	return append([]byte(xml.Header), append(b, '\n')...)
}

// printed is an invoice as a page of PDF.
func (v *invoice) printed(now time.Time) []byte {
	lines := []string{
		"NF-e " + v.external + "  serie " + v.series, v.key, v.parties[0].Name, v.parties[1].Name, v.kind, v.date.UTC().Format(time.RFC3339), v.status(now),
	}
	for _, l := range v.lines {
		lines = append(lines, strconv.Itoa(l.quantity)+" x "+l.sku+"  "+l.price.String())
	}
	b, err := labels.Document("DANFE", lines, labels.PDF, labels.Size{Width: 8.27, Length: 11.69}, 0) // A4
	if err != nil {
		panic("emulator: invoice " + v.id + ": " + err.Error()) // the size is ours
	}
	return b
}
