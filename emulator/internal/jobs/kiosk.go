package jobs

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// MaxQuery is how long a query may be without unneeded whitespace (selling-partner-api-models, dataKiosk_2023-11-15).
const MaxQuery = 8000

// kioskPage is how many rows go into one document; assumed.
const kioskPage = 1000

// Query is one query of a seller.
type Query struct {
	Job
	Text   string     // as it is shown
	Field  *ast.Field // the data set, such as salesAndTrafficByDate
	Schema *ast.Schema
	Start  int       // rows before this page
	AsOf   time.Time // of the first page; zero on that one

	Data, Problem *Document
	Next          string
}

func (q *Query) about() (string, []string) { return "", nil }

func (q *Query) news(a *desk.Seller) desk.News {
	told := object{"accountId": accountID(a), "queryId": q.ID, "query": q.Text, "processingStatus": q.Outcome}
	withID(told, "dataDocumentId", q.Data)
	withID(told, "errorDocumentId", q.Problem)
	if q.Next != "" {
		told["pagination"] = object{"nextToken": q.Next}
	}
	return desk.News{Type: "DATA_KIOSK_QUERY_PROCESSING_FINISHED", At: q.ended, Payload: told}
}

//go:embed kiosk/*.graphql
var kioskFiles embed.FS

// kioskSchemas are the official schemas by their root field.
var kioskSchemas = sync.OnceValue(func() map[string]*ast.Schema {
	schemas := map[string]*ast.Schema{}
	files, err := kioskFiles.ReadDir("kiosk")
	if err != nil {
		panic("emulator: kiosk: " + err.Error())
	}
	for _, f := range files {
		b, err := kioskFiles.ReadFile("kiosk/" + f.Name())
		if err != nil {
			panic("emulator: kiosk: " + err.Error())
		}
		schema := gqlparser.MustLoadSchema(&ast.Source{Name: f.Name(), Input: string(b)})
		for _, field := range schema.Query.Fields {
			if !strings.HasPrefix(field.Name, "__") {
				schemas[field.Name] = schema
			}
		}
	}
	return schemas
})

// kioskRules are those of the GraphQL specification.
var kioskRules = sync.OnceValue(rules.NewDefaultRules)

// ParseKioskQuery checks a query against the schemas. problem tells what is wrong.
func ParseKioskQuery(text string) (q *Query, problem string) {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Name: "query", Input: text}, MaxQuery)
	if err != nil {
		return nil, err.Error()
	}
	if len(doc.Operations) != 1 || doc.Operations[0].Operation != ast.Query {
		return nil, "want one operation, which is a query"
	}
	op := doc.Operations[0]
	if len(op.VariableDefinitions) > 0 {
		return nil, "variables are not supported: there is no way to give their values"
	}
	root, problem := onlyField(op.SelectionSet, "one of the schemas")
	if problem != "" {
		return nil, problem
	}
	schema := kioskSchemas()[root.Name]
	if schema == nil {
		var names []string
		for name := range format.SortedKeys(kioskSchemas()) {
			names = append(names, name)
		}
		return nil, `cannot query field "` + root.Name + `": want one of ` + strings.Join(names, ", ")
	}
	if errs := validator.ValidateWithRules(schema, doc, kioskRules()); len(errs) > 0 {
		return nil, errs[0].Error()
	}
	field, problem := onlyField(root.SelectionSet, "one data set")
	if problem != "" {
		return nil, problem
	}
	return &Query{Text: printKioskQuery(doc), Field: field, Schema: schema}, ""
}

func onlyField(set ast.SelectionSet, what string) (*ast.Field, string) {
	if len(set) != 1 {
		return nil, "selects " + strconv.Itoa(len(set)) + " fields, want " + what
	}
	f, ok := set[0].(*ast.Field)
	if !ok {
		return nil, "want " + what + ", not a fragment"
	}
	return f, ""
}

func (k *Queue) PlanQuery(q *Query) {
	k.later(q.ended, func(at time.Time) {
		if q.Outcome == "" { // not cancelled
			k.FinishQuery(q, at)
		}
	})
}

// queryToken names the page of a query's rows that starts at start. It is good for the same query only: "the query field must also be
// set to the query field of the same Query object" (selling-partner-api-models, dataKiosk_2023-11-15), which is printed anew. That the text which
// was sent does too is assumed.
func queryToken(d *desk.Desk, account int, text string, start int, asOf time.Time) string {
	raw, err := json.Marshal([]string{strconv.Itoa(account), hashOf(text), strconv.Itoa(start), asOf.UTC().Format(time.RFC3339Nano)})
	if err != nil {
		panic("emulator: query token: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(append(d.Seal(raw), raw...))
}

func OpenQueryToken(d *desk.Desk, token string, account int, text string) (start int, asOf time.Time, ok bool) {
	b, err := base64.StdEncoding.DecodeString(token)
	var parts []string
	if err != nil || len(b) < sha256.Size || !hmac.Equal(b[:sha256.Size], d.Seal(b[sha256.Size:])) || json.Unmarshal(b[sha256.Size:], &parts) != nil || len(parts) != 4 {
		return 0, time.Time{}, false
	}
	asOf, err = time.Parse(time.RFC3339Nano, parts[3])
	return format.Atoi(parts[2]), asOf, err == nil && parts[0] == strconv.Itoa(account) && parts[1] == hashOf(text)
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// FinishQuery writes a query's document, or the one that tells why there is none.
func (k *Queue) FinishQuery(q *Query, at time.Time) {
	if q.AsOf.IsZero() {
		q.AsOf = at
	}
	rows, problem := k.kioskRows(q)
	document := func(contentType string, content []byte) *Document {
		return k.AddDocument("query", &Document{ContentType: contentType, Created: at, Expires: at.Add(Retention("query document", at)), Open: onePiece(content)})
	}
	if problem != "" {
		b, _ := json.Marshal(object{"errors": []object{{"message": problem}}}) // the form is assumed: the model says no more than JSON
		q.Problem = document("application/json; charset=UTF-8", b)
		q.end(fatal, at)
		return
	}
	part, more := desk.Cut(rows, q.Start, kioskPage)
	var b bytes.Buffer
	for _, row := range part {
		project(&b, q.Schema, q.Field.Definition.Type.Elem, q.Field.SelectionSet, row)
		b.WriteByte('\n')
	}
	if len(part) > 0 {
		q.Data = document("application/jsonlines; charset=UTF-8", b.Bytes()) // lineofflight/peddler, as printKioskQuery has it
	}
	if more {
		q.Next = queryToken(k.account.Desk, k.account.Number, q.Text, q.Start+kioskPage, q.AsOf)
	}
	q.end(done, at)
}
