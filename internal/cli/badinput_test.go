package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// run runs a command line in this process, without an environment and without stored accounts.
func run(t *testing.T, stdin string, args ...string) (status int, out, messages string) {
	t.Helper()
	streams, o, m := terminal.Buffers()
	streams.In = strings.NewReader(stdin)
	status = cli.Run(t.Context(), factory.With(streams, "test", nil), args)
	return status, o.String(), m.String()
}

// bare takes away what the machine's user has configured.
func bare(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "SPAPI_") || strings.HasPrefix(name, "LWA_") || strings.HasPrefix(name, "AMAZON_") || name == "SP_ROLE_ARN" {
			t.Setenv(name, "")
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
}

// TestBadInput: a mistake ends with status 2, one line that names it and says what would be right, and one that says where to read on;
// nothing goes to stdout. All lines in full: they are what users see.
func TestBadInput(t *testing.T) {
	bare(t)
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bad := file("bad.json", "{\n  \"productType\": \"PEN\",\n  \"patches\": [{\"op\": replace}]\n}\n")
	patch := []string{"call", "listingsitems20210801.patchListingsItem", "--seller-id", "A1", "--sku", "S", "--marketplace-ids", "ATVPDKIKX0DER"}
	with := func(more ...string) []string { return append(append([]string{}, patch...), more...) }
	const patchName = "spapi call listingsitems20210801.patchListingsItem"
	for _, c := range []struct {
		name  string
		args  []string
		stdin string
		want  string
	}{
		{"unknown command", []string{"cal"}, "", `spapi: unknown command "cal": did you mean call?`},
		{"unknown global flag", []string{"ops", "--outptu", "json"}, "", "spapi ops: unknown flag: --outptu: did you mean --output?"},
		{"unknown shorthand", []string{"ops", "-z"}, "", "spapi ops: unknown shorthand flag: 'z' in -z"},
		{"negative price", []string{"listings", "set-price", "shelf 0003", "-5"}, "",
			`spapi listings set-price: -5 is no flag, and a negative number is not taken here: put "--" before an argument that begins with "-"`},
		{"negative fraction", []string{"fees", "B000000001", "--price", "1", "-3.5"}, "",
			`spapi fees: -3.5 is no flag, and a negative number is not taken here: put "--" before an argument that begins with "-"`},
		{"negative behind --", []string{"listings", "set-price", "--", "shelf 0003", "-5"}, "",
			`spapi listings set-price: price "-5": want an amount such as 12.50, without a currency`},
		{"no operation", []string{"call"}, "", `spapi call: which operation? "spapi ops" lists them`},
		{"unknown operation", []string{"call", "ordersv0.getOrdes", "--MarketplaceIds", "x"}, "",
			`spapi call: unknown operation "ordersv0.getOrdes": did you mean ordersv0.getOrder, ordersv0.getOrders or orders20260101.getOrder?`},
		{"operation of another version", []string{"call", "ordersv1.getOrders"}, "", `spapi call: unknown operation "ordersv1.getOrders": did you mean ordersv0.getOrders, vendordirectfulfillmentordersv1.getOrders or vendordirectfulfillmentorders20211228.getOrders?`},
		{"nothing near", []string{"call", "xyzzy.plugh"}, "", `spapi call: unknown operation "xyzzy.plugh": "spapi ops word…" finds operations by words`},
		{"a name that several have", []string{"call", "getOrder"}, "", `spapi call: "getOrder" is the name of several operations: fulfillmentoutbound20260704.getOrder, orders20260101.getOrder, ordersv0.getOrder, vendordirectfulfillmentorders20211228.getOrder, vendordirectfulfillmentordersv1.getOrder`},
		{"ops show unknown", []string{"ops", "show", "ordersv0.getOrdes"}, "",
			`spapi ops show: unknown operation "ordersv0.getOrdes": did you mean ordersv0.getOrder, ordersv0.getOrders or orders20260101.getOrder?`},
		{"ops show nothing", []string{"ops", "show"}, "", "spapi ops show: takes one operation, got 0"},
		{"unknown parameter", []string{"call", "ordersv0.getOrders", "--MarketplaceId", "x"}, "",
			"spapi call ordersv0.getOrders: unknown flag: --MarketplaceId: did you mean --marketplace-ids or --marketplace?"},
		{"an argument too many", []string{"call", "ordersv0.getOrders", "ATVPDKIKX0DER"}, "", `spapi call ordersv0.getOrders: takes no arguments, got "ATVPDKIKX0DER"`},
		{"missing one", []string{"call", "ordersv0.getOrder"}, "", "spapi call ordersv0.getOrder: missing: --order-id"},
		{"missing several", []string{"call", "listingsitems20210801.patchListingsItem", "--sku", "S"}, "",
			patchName + ": missing: --seller-id, --marketplace-ids, --product-type, --patches"},
		{"not an enum value", []string{"call", "orders20260101.searchOrders", "--created-after", "2026-01-01", "--fulfilled-by", "AMZN"}, "",
			`spapi call orders20260101.searchOrders: --fulfilled-by: "AMZN" is none of its values: want MERCHANT or AMAZON`},
		{"not an integer", []string{"call", "ordersv0.getOrders", "--marketplace-ids", "x", "--max-results-per-page", "ten"}, "",
			`spapi call ordersv0.getOrders: --max-results-per-page: "ten": want an integer`},
		{"not a boolean", []string{"call", "ordersv0.getOrders", "--marketplace-ids", "x", "--is-ispu=yes"}, "",
			`spapi call ordersv0.getOrders: --is-ispu: "yes": want true or false`},
		{"bad JSON in a flag", with("--product-type", "PEN", "--patches", "[{]"), "",
			patchName + ": --patches: line 1, column 3: invalid character ']' looking for beginning of object key string"},
		{"bad JSON in a file", with("--input", bad), "",
			patchName + ": --input " + bad + ": line 3, column 22: invalid character 'r' looking for beginning of value"},
		{"bad JSON in a file of a flag", with("--product-type", "PEN", "--patches", "@"+bad), "",
			patchName + ": --patches @" + bad + ": line 3, column 22: invalid character 'r' looking for beginning of value"},
		{"JSON that ends too early", with("--input", "-"), "{\"productType\": \"PEN\",\n", patchName + ": --input -: line 2, column 1: unexpected end of JSON input"},
		{"no JSON", with("--input", "-"), " \n", patchName + ": --input -: is empty: want JSON"},
		{"columns are characters", with("--input", "-"), "{\"ключ\": x}", patchName + ": --input -: line 1, column 10: invalid character 'x' looking for beginning of value"},
		{"something behind the JSON", with("--input", "-"), "{}\n{}", patchName + ": --input -: line 2, column 1: invalid character '{' after top-level value"},
		{"no such file", with("--input", "/nowhere/x.json"), "", patchName + ": --input: open /nowhere/x.json: no such file or directory"},
		{"unknown member", with("--input", "-"), `{"productTyp":"PEN"}`,
			patchName + `: --input -: listingsitems20210801.patchListingsItem has no member "productTyp": did you mean productType?; --no-check sends it all the same`},
		{"not an enum value inside the body", with("--product-type", "PEN", "--patches", `[{"op":"repalce","path":"/attributes/x"}]`), "",
			patchName + `: the body is wrong: patches[0].op: "repalce" is none of its values: want add, replace, merge or delete`},
		{"missing inside the body", with("--input", "-"), `{"productType":"PEN","patches":[{"op":"delete"}]}`, patchName + ": the body is wrong: patches[0].path is missing"},
		{"wrong kind inside the body", with("--product-type", "PEN", "--patches", `{"op":"delete"}`), "", patchName + ": the body is wrong: patches is an object, want a list"},
		{"a body for an operation without one", []string{"call", "ordersv0.getOrder", "--input", "-"}, `{"orderld":"1"}`,
			`spapi call ordersv0.getOrder: --input -: ordersv0.getOrder has neither a parameter "orderld" nor a body: did you mean orderId?`},
		{"a list for an operation without a body", []string{"call", "ordersv0.getOrder", "--input", "-"}, `[1]`,
			"spapi call ordersv0.getOrder: --input -: ordersv0.getOrder has no body: want an object with parameters"},
		{"an enum value in --input", []string{"call", "orders20260101.searchOrders", "--input", "-"}, `{"createdAfter":"2026-01-01","fulfilledBy":["AMZN"]}`,
			`spapi call orders20260101.searchOrders: --input -: --fulfilled-by: "AMZN" is none of its values: want MERCHANT or AMAZON`},
		{"a body that is a list", []string{"call", "productfeesv0.getMyFeesEstimates"}, "", "spapi call productfeesv0.getMyFeesEstimates: missing: --input with the body, a list"},
		{"pages of what has none", []string{"call", "ordersv0.getOrder", "--order-id", "1", "--all"}, "", "spapi call ordersv0.getOrder: unknown flag: --all"},
		{"pages of another query", []string{"call", "datakiosk20231115.getQuery", "--query-id", "1", "--all"}, "",
			`spapi call datakiosk20231115.getQuery: --all: the next page of datakiosk20231115.getQuery is the result of another query: see "spapi ops show datakiosk20231115.getQuery"`},
		{"two previews", []string{"call", "ordersv0.getOrder", "--order-id", "1", "--curl", "--dry-run"}, "", "spapi call ordersv0.getOrder: --dry-run and --curl exclude each other"},
		{"secrets of nothing", []string{"call", "ordersv0.getOrder", "--order-id", "1", "--show-secrets"}, "", "spapi call ordersv0.getOrder: --show-secrets goes with --dry-run or --curl"},
		{"a deletion without a terminal", []string{"--emulator", "call", "notificationsv1.deleteDestination", "--destination-id", "1"}, "",
			"spapi call notificationsv1.deleteDestination: DELETE /notifications/v1/destinations/{destinationId} with destinationId 1? There is no terminal to ask on: say --yes"},
		{"no credentials", []string{"call", "ordersv0.getOrder", "--order-id", "1"}, "",
			`spapi call ordersv0.getOrder: no credentials: neither stored accounts, nor variables such as SPAPI_CLIENT_ID, nor a profile; "spapi auth login" stores an account, --emulator needs none`},
		{"region", []string{"ops", "--region", "de"}, "",
			`spapi ops: invalid argument "de" for "--region" flag: region "de" is unknown: want na (North America), eu (Europe, Middle East, India) ` +
				`or fe (Far East); the marketplace Germany lies in "eu"`},
		{"marketplace", []string{"ops", "--marketplace", "XX"}, "", ""},
		{"region against marketplace", []string{"ops", "--region", "na", "--marketplace", "DE"}, "", "spapi ops: --marketplace DE is in region eu, --region says na"},
		{"emulator and account", []string{"ops", "--emulator", "--account", "x"}, "", "spapi ops: --emulator and --account exclude each other"},
		{"account and profile", []string{"ops", "--profile", "y", "--account", "x"}, "", "spapi ops: --account and --profile exclude each other"},
		{"verbose and quiet", []string{"ops", "-v", "-q"}, "", "spapi ops: --verbose and --quiet exclude each other"},
		{"output", []string{"ops", "-o", "xml"}, "", `spapi ops: invalid argument "xml" for "-o, --output" flag: want json, jsonl, table, wide, csv or yaml`},
		{"jq that is none", []string{"ops", "--jq", ".["}, "", `spapi ops: invalid argument ".[" for "--jq" flag: it ends too early, after 2 characters: a bracket, a quote or an operand is missing`},
		{"jq with a stray bracket", []string{"ops", "--jq", ".ä | ]"}, "", `spapi ops: invalid argument ".ä | ]" for "--jq" flag: character 2: "ä" can't stand there`},
		{"jq with two operators", []string{"ops", "--jq", ".a | | .b"}, "", `spapi ops: invalid argument ".a | | .b" for "--jq" flag: character 6: "|" can't stand there`},
		{"jq with an open string", []string{"ops", "--jq", `.a == "x`}, "", ""},
		{"not a number", []string{"orders", "list", "--limit", "abc"}, "", `spapi orders list: invalid argument "abc" for "--limit" flag: want a whole number, such as 20`},
		{"a number that is too large", []string{"orders", "list", "--limit", "99999999999999999999"}, "", `spapi orders list: invalid argument "99999999999999999999" for "--limit" flag: want a whole number, such as 20`},
		{"not a flag's truth", []string{"orders", "list", "--utc=maybe"}, "", `spapi orders list: invalid argument "maybe" for "--utc" flag: want true or false`},
		{"a duration without a unit", []string{"report", "run", "X", "--poll", "5"}, "", `spapi report run: invalid argument "5" for "--poll" flag: want a number with a unit, such as 500ms, 30s, 5m or 1h30m`},
		{"a list that is quoted badly", []string{"orders", "list", "--status", `a"b`}, "", `spapi orders list: invalid argument "a\"b" for "--status" flag: want values with commas between them; one that holds a comma or a quote stands in double quotes, with quotes in it doubled`},
		{"a flag without its value", []string{"orders", "list", "--limit"}, "", `spapi orders list: flag needs an argument: --limit number`},
		{"a short flag without its value", []string{"ops", "-o"}, "", `spapi ops: flag needs an argument: --output format`},
		{"help of nothing", []string{"help", "oders"}, "", "spapi help: unknown command \"oders\": did you mean orders?\nsee: spapi --help"},
		{"help of nothing below", []string{"help", "orders", "lst"}, "", `spapi help: unknown command "lst": did you mean list or get?`},
		{"no command of feed", []string{"feed", "sumbit"}, "", `spapi feed: unknown command "sumbit": did you mean submit?`},
		{"no command of kiosk", []string{"kiosk", "list"}, "", `spapi kiosk: unknown command "list"`},
		{"no command of report", []string{"report", "foo"}, "", `spapi report: unknown command "foo"`},
		{"no command of report schedule", []string{"report", "schedule", "foo"}, "", `spapi report schedule: unknown command "foo"`},
		{"help of an argument", []string{"help", "inventory", "PN-0005"}, "", `spapi help: spapi inventory has no command "PN-0005": "spapi help inventory" tells about it`},
		{"negative quantity", []string{"listings", "set-quantity", "shelf 0003", "-.5"}, "", ""},
		{"an operation that isn't there", []string{"ops", "foo"}, "", `spapi ops: no operation has "foo" in its id, method or path`},
		{"jq that does not fit", []string{"ops", "searchOrders", "--jq", ".id"}, "", ""},
		{"request without a slash", []string{"--emulator", "request", "orders"}, "", `spapi request: path "orders": want it with a slash in front`},
		{"request with another method", []string{"--emulator", "request", "GTE", "/x"}, "", `spapi request: method "GTE": want GET, POST, PUT, PATCH or DELETE`},
		{"request without anything", []string{"request"}, "", "spapi request: takes a method and a path, such as GET /sellers/v1/marketplaceParticipations; got 0 arguments"},
		{"request with a bad query", []string{"--emulator", "request", "/x", "--query", "a"}, "", `spapi request: --query "a": want name=value`},
		{"request with a bad header", []string{"--emulator", "request", "/x", "-H", "a b"}, "", `spapi request: --header a b: want "name: value"`},
		{"request with a bad path", []string{"--emulator", "request", "/%zz"}, "", `spapi request: path "/%zz": invalid URL escape "%zz"`},
		{"request that deletes", []string{"--emulator", "request", "DELETE", "/x"}, "", "spapi request: DELETE /x? There is no terminal to ask on: say --yes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, out, messages := run(t, c.stdin, c.args...)
			lines := strings.Split(strings.TrimSuffix(messages, "\n"), "\n")
			if status != exit.Usage || out != "" || len(lines) != 2 || !strings.HasPrefix(lines[1], "see: spapi") {
				t.Fatalf("status %d, stdout %q, stderr:\n%swant status %d, nothing on stdout, and two lines", status, out, messages, exit.Usage)
			}
			if c.want != "" && !strings.HasPrefix(messages, c.want+"\n") {
				t.Errorf("said\n%s\nwant\n%s", messages, c.want)
			}
		})
	}
}

// TestPastedSecretsAreNotRepeated: wherever on the command line or in the environment a secret was pasted, no message repeats it.
func TestPastedSecretsAreNotRepeated(t *testing.T) {
	bare(t)
	for _, secret := range []string{"Atzr|CANARY0123456789", "Atc%7CCANARY0123456789", "amzn1.oa2-cs.v1.CANARY0123456789", "https://ann:CANARY@host"} {
		for _, args := range [][]string{
			{secret}, {"ops", "show", secret}, {"orders", secret}, {"auth", "status", secret}, {"marketplaces", secret}, {"call", secret},
			{"--" + secret}, {"--region", secret, "ops"}, {"--marketplace", secret, "ops"}, {"--sandbox=" + secret, "ops"},
			{"--endpoint", secret + "%", "orders", "list"},
			{"--profile", secret, "auth", "status"}, {"--account", secret, "auth", "status"}, {"-o", secret, "ops"}, {"orders", "list", "--since", secret},
		} {
			_, _, messages := run(t, "", args...)
			if strings.Contains(messages, "CANARY") {
				t.Errorf("spapi %q: %s", args, messages)
			}
		}
		for _, variable := range []string{"SPAPI_PROFILE", "SPAPI_CONFIG", "SPAPI_ACCOUNT", "SPAPI_ACCOUNTS",
			"SPAPI_REGION", "SPAPI_MARKETPLACE", "SPAPI_SANDBOX", "SPAPI_ENDPOINT"} {
			t.Run(variable, func(t *testing.T) {
				t.Setenv(variable, secret)
				status, _, messages := run(t, "", "auth", "status")
				if status == exit.OK || strings.Contains(messages, "CANARY") {
					t.Errorf("%s=%s: %d, %s", variable, secret, status, messages)
				}
			})
		}
	}
}
