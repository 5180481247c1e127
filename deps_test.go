package spapi_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/openspapi/spapi"

// importRule is a direction of imports. Packages and imports are patterns: the module's own are relative to it, "." is the root, "std" stands
// for the standard library, and a pattern that ends with "/..." also covers what is below.
type importRule struct {
	packages string
	only     []string // what they may import, if set
	never    []string // what they must not reach, also through other packages of the module
	reason   string
}

var importRules = []importRule{
	{packages: ".",
		only:   []string{"std", "golang.org/x/...", "github.com/klauspost/compress/gzip", "marketplace", "internal/wire", "internal/settings", "internal/paging"},
		reason: "whoever uses the SDK pays for no Redis, AWS or SQLite"},
	{packages: "marketplace", only: []string{"std"}, reason: "it is pure data that every part uses"},
	{packages: "internal/settings", only: []string{"std", "marketplace"}, reason: "root, accounts and command read settings with it, and the root pays for it"},
	{packages: "internal/wire", only: []string{"std"}, never: []string{"."}, reason: "generated code stands on it, and so does the root"},
	{packages: "internal/paging", only: []string{"std", "internal/wire"},
		reason: "it turns pages into requests and knows neither clients nor API versions"},
	{packages: "api/...", only: []string{"std", ".", "internal/wire"}, never: []string{"api/...", "internal/catalog"},
		reason: "API versions know nothing of each other, so that a program holds only those that it uses"},
	{packages: "internal/catalog", only: []string{"std"}, reason: "emulator and command read it, and they must not share code"},
	{packages: "emulator/...", only: []string{"std", "emulator/...", "internal/catalog", "internal/notificationtypes", "internal/tlsfront", "marketplace", "github.com/vektah/gqlparser/...",
		"golang.org/x/text/..."},
		reason: "a bug of the client must not be mirrored by the server that it is tested with"},
	{packages: "internal/tlsfront", only: []string{"std", "github.com/gofrs/flock"},
		reason: "it stands in front of any handler and knows neither SP-API nor what is behind it"},
	{packages: "emulator/internal/world", only: []string{"std", "marketplace", "emulator/internal/format", "emulator/internal/random", "emulator/internal/timeline"}, never: []string{"net/http"},
		reason: "what a seller has is the same whichever API shows it: no request gets in there"},
	{packages: "emulator/internal/check", only: []string{"std", "internal/catalog", "marketplace", "emulator/internal/answer", "emulator/internal/exchange",
		"emulator/internal/format", "emulator/internal/operations", "emulator/internal/table"},
		reason: "what a request must be stands in the catalogue and in tables: no state, no seller's data"},
	{packages: "emulator/internal/audit", only: []string{"std", "emulator/internal/desk", "emulator/internal/format", "emulator/internal/world"},
		reason: "it looks at what there is, whoever made it"},
	{packages: "emulator/internal/echo", only: []string{"std", "emulator/internal/format", "emulator/internal/table"},
		reason: "it knows names and what a request says, not what is answered"},
	{packages: "emulator/internal/cel", only: []string{"std"}, reason: "it knows a language, not what is said in it"},
	{packages: "emulator/internal/outbox", only: []string{"std", "internal/notificationtypes", "emulator/internal/answer", "emulator/internal/fault", "emulator/internal/format",
		"emulator/internal/queues", "emulator/internal/random"}, reason: "what becomes of a message is the same whoever sends it"},
	{packages: "emulator/internal/queues", only: []string{"std", "emulator/internal/random"}, reason: "it is AWS's, and knows nothing of SP-API"},
	{packages: "emulator/internal/contents", only: []string{"std"}, reason: "it keeps bytes, whatever they are"},
	{packages: "emulator/internal/expiring", only: []string{"std"}, reason: "it keeps values, whatever they are"},
	{packages: "emulator/internal/handover", only: []string{"std", "marketplace", "emulator/internal/desk", "emulator/internal/jobs",
		"emulator/internal/random", "emulator/internal/world"},
		reason: "it knows packages and carriers, and no API"},
	{packages: "emulator/internal/carriers", only: []string{"std", "emulator/internal/random", "emulator/internal/table"},
		reason: "what a carrier takes and costs is the same whoever asks"},
	{packages: "emulator/internal/labels", only: []string{"std", "golang.org/x/text/..."}, reason: "it draws what it is given, whoever ships it"},
	{packages: "emulator/internal/desk", never: []string{"emulator/internal/contacts", "emulator/internal/jobs", "emulator/internal/ledger"},
		reason: "the desk knows flows, stores and services by their shape only, so that one can be added without it"},
	{packages: "emulator/internal/agenda", only: []string{"std", "emulator/internal/desk", "emulator/internal/timeline", "emulator/internal/world"},
		reason: "it knows when something happens to orders, and not what that means"},
	{packages: "emulator/internal/ledger", only: []string{"std", "marketplace", "emulator/internal/agenda", "emulator/internal/desk", "emulator/internal/format",
		"emulator/internal/table", "emulator/internal/world"},
		reason: "money follows from the world and the clock: no request but a payout moves any"},
	{packages: "emulator/internal/sandbox", only: []string{"std", "marketplace", "internal/catalog", "emulator/internal/exchange", "emulator/internal/format",
		"emulator/internal/operations"},
		reason: "it knows cases and requests; what comes before and after a case is the desk's"},
	{packages: "emulator/internal/flow/...", only: []string{"std", "emulator/internal/agenda", "emulator/internal/answer", "emulator/internal/auth",
		"emulator/internal/carriers", "emulator/internal/cel", "emulator/internal/contacts", "emulator/internal/desk", "emulator/internal/exchange", "emulator/internal/expiring", "emulator/internal/format",
		"emulator/internal/handover", "emulator/internal/jobs", "emulator/internal/labels", "emulator/internal/ledger",
		"emulator/internal/operations", "emulator/internal/random", "emulator/internal/table", "emulator/internal/world",
		"internal/catalog", "internal/notificationtypes", "marketplace"},
		never: []string{"emulator/internal/flow/..."}, reason: "a flow is one API: it knows the desk, the world and the desk of jobs, and no other API"},
	{packages: "awsauth", never: []string{"api/...", "emulator/...", "internal/catalog"}, reason: "it signs requests and knows no operations"},
	{packages: "document", only: []string{"std", "golang.org/x/text/...", "github.com/klauspost/compress/...", "github.com/go-faster/jx", "marketplace"},
		never: []string{"document/export"}, reason: "who reads documents carries no Parquet"},
	{packages: "document/export", never: []string{"."}, reason: "it writes rows, wherever they come from"},
	{packages: "journal", only: []string{"std", "github.com/gofrs/flock"}, reason: "it knows keys and entries, not what is asked for"},
	{packages: "job", only: []string{"std", ".", "journal"}, reason: "it is the words that reports, feeds and Data Kiosk share, not their work"},
	{packages: "internal/runner", only: []string{"std", ".", "job", "journal"}, reason: "it knows the order of the steps, not what they do"},
	{packages: "reports", only: []string{"std", ".", "api/reports20210630", "document", "job", "journal", "internal/runner", "marketplace"}, never: []string{"document/export", "feeds", "datakiosk"},
		reason: "it is a workflow over one API; who reads reports carries no Parquet and no other workflow"},
	{packages: "feeds", only: []string{"std", ".", "api/feeds20210630", "document", "job", "journal", "internal/runner", "marketplace"}, never: []string{"document/export", "reports", "datakiosk"},
		reason: "it is a workflow over one API"},
	{packages: "datakiosk", only: []string{"std", ".", "api/datakiosk20231115", "document", "job", "journal", "internal/runner"}, never: []string{"document/export", "reports", "feeds"},
		reason: "it is a workflow over one API"},
	{packages: "internal/notificationtypes", only: []string{"std"}, reason: "it is pure data, for what must not share code"},
	{packages: "notifications", only: []string{"std", ".", "api/notificationsv1", "internal/notificationtypes", "internal/wire", "marketplace", "go.yaml.in/yaml/v3"},
		reason: "it is messages and a workflow over one API, with a file to be read: who reads messages carries no AWS and no emulator"},
	{packages: "notifications/sqs", only: []string{"std", "notifications", "fleet", "github.com/aws/aws-sdk-go-v2/aws", "github.com/aws/aws-sdk-go-v2/service/sqs",
		"github.com/aws/aws-sdk-go-v2/service/sqs/types", "github.com/aws/smithy-go"},
		reason: "it takes messages from a queue and hands them over: it calls nothing of SP-API, and has a window over the fleet's server without its client library"},
	{packages: "fleet", only: []string{"std", ".", "internal/settings"}, reason: "it needs no client library: those are the adapters'"},
	{packages: "internal/amazontest", only: []string{"std"}, reason: "tests of every package use it"},
	{packages: "fleet/fleettest", only: []string{"std", ".", "fleet", "internal/amazontest"},
		reason: "whoever writes a limiter, a token store or a server runs it, and needs no other implementation for that"},
	{packages: "fleet/goredis", only: []string{"std", ".", "fleet", "internal/redisaddress", "github.com/redis/go-redis/v9",
		"github.com/redis/go-redis/v9/maintnotifications"}, reason: "a program that has this client carries no other"},
	{packages: "fleet/redigo", only: []string{"std", ".", "fleet", "internal/redisaddress", "github.com/gomodule/redigo/redis"},
		reason: "a program that has this client carries no other"},
	{packages: "internal/redisaddress", only: []string{"std", "."}, reason: "both adapters read addresses with it, whatever their client"},
	{packages: "otelspapi", only: []string{"std", ".", "go.opentelemetry.io/otel", "go.opentelemetry.io/otel/attribute", "go.opentelemetry.io/otel/codes",
		"go.opentelemetry.io/otel/metric", "go.opentelemetry.io/otel/semconv/v1.43.0", "go.opentelemetry.io/otel/trace", "go.opentelemetry.io/otel/trace/noop"},
		reason: "it needs OpenTelemetry's API; the SDK and exporters are the program's choice"},
	{packages: "otelspapi/otelsqs", only: []string{"std", ".", "notifications", "notifications/sqs", "go.opentelemetry.io/otel", "go.opentelemetry.io/otel/attribute",
		"go.opentelemetry.io/otel/codes", "go.opentelemetry.io/otel/metric", "go.opentelemetry.io/otel/semconv/v1.43.0", "go.opentelemetry.io/otel/trace",
		"go.opentelemetry.io/otel/trace/noop", "github.com/aws/smithy-go"}, reason: "the consumer's, apart from otelspapi, whose users carry no AWS"},
	{packages: "gateway", only: []string{"std", ".", "accounts", "api/reports20210630", "document", "document/export", "fleet", "marketplace", "reports",
		"github.com/go-faster/jx", "github.com/gofrs/flock", "github.com/prometheus/client_golang/prometheus", "github.com/prometheus/client_golang/prometheus/promhttp"},
		reason: "it stands on the SDK's public API alone: what it needs and can't reach is a missing door of the root"},
	{packages: "gateway/audit", only: []string{"std", "gateway", "github.com/gofrs/flock"}, reason: "it keeps records, in files, without a database"},
	{packages: "gateway/audit/audittest", only: []string{"std", "gateway", "gateway/audit"}, reason: "whoever writes a store of records runs it"},
	{packages: "gateway/audit/auditsqlite", only: []string{"std", "gateway/audit", "github.com/gofrs/flock", "modernc.org/sqlite"}, reason: "who has no need of SQLite carries none"},
	{packages: "examples/...", only: []string{"std", ".", "api/...", "emulator", "marketplace", "notifications", "notifications/sqs", "otelspapi", "otelspapi/otelsqs",
		"go.opentelemetry.io/otel/...", "github.com/prometheus/client_golang/...", "github.com/aws/aws-sdk-go-v2/aws", "github.com/aws/aws-sdk-go-v2/service/sqs"}, reason: "readers copy examples: they use what everybody can import"},
	{packages: "cmd/...", only: []string{"std", "internal/cli/..."}, reason: "main is three lines"},
	{packages: "cmd/...", never: []string{"html/template", "text/template"},
		reason: "templates call methods by name, so the linker would keep every method of the program, which is then a seventh larger"},
}

// importedOnlyBy says who may import a package; nobody else may.
var importedOnlyBy = []struct {
	packages, by string
	reason       string
}{
	{"emulator/internal/flow/...", "emulator", "flows are named in one list, and nothing stands on one"},
	{"internal/gen/...", "internal/gen/...", "the generator and its dependencies must not get into what ships"},
	{"internal/mutate", "none", "it breaks the code on purpose"},
	{"internal/amazontest", "fleet/fleettest", "it is for tests"},
	{"internal/redistest", "none", "it starts servers for tests, and redigo and miniredis with it"},
	{"internal/npmtest", "none", "it starts servers for tests"},
	{"internal/benchpeer", "none", "it is for benchmarks, and sonic with it"},
	{"go.opentelemetry.io/otel/...", "otelspapi otelspapi/otelsqs examples/...", "whoever doesn't use OpenTelemetry carries none of it"},
	{"github.com/redis/...", "fleet/goredis", "a program has the client of the adapter that it imports, and no other"},
	{"github.com/gomodule/redigo/...", "fleet/redigo internal/redistest", "a program has the client of the adapter that it imports, and no other"},
	{"github.com/aws/aws-sdk-go-v2/service/sqs/...", "notifications/sqs internal/cli/notifications examples/...", "who reads messages carries no AWS"},
	{"github.com/prometheus/...", "examples/... gateway", "which exporter there is is the program's choice; the gateway is one"},
	{"modernc.org/...", "gateway/audit/auditsqlite", "who has no need of SQLite carries none"},
	{"gateway/...", "gateway/... internal/cli/gateway", "it is a program's, and stands on the SDK"},
	{"internal/cli/...", "cmd/... internal/cli/...", "the command is on top: a library that imports it would drag in everything"},
}

// TestImportDirections reads the imports of every package of the module, whatever the build tags; test files are free.
func TestImportDirections(t *testing.T) {
	imports := moduleImports(t)
	for _, rule := range importRules {
		found := false
		for _, pkg := range sortedKeys(imports) {
			if !matches(rule.packages, pkg) {
				continue
			}
			found = true
			for _, imported := range imports[pkg] {
				if rule.only != nil && !matchesAny(rule.only, imported) {
					t.Errorf("%s imports %s: %s", pkg, imported, rule.reason)
				}
			}
			for reached, through := range reach(imports, pkg) {
				if matchesAny(rule.never, reached) && reached != pkg {
					t.Errorf("%s reaches %s through %s: %s", pkg, reached, through, rule.reason)
				}
			}
		}
		if !found {
			t.Logf("no package matches %s yet", rule.packages)
		}
	}
	for _, rule := range importedOnlyBy {
		for _, pkg := range sortedKeys(imports) {
			for _, imported := range imports[pkg] {
				if matches(rule.packages, imported) && !matchesAny(strings.Fields(rule.by), pkg) {
					t.Errorf("%s imports %s: %s", pkg, imported, rule.reason)
				}
			}
		}
	}
}

// moduleImports maps each package to what its files import, both relative to the module where they are its own.
func moduleImports(t *testing.T) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	files := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if name == "." {
				return nil
			}
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if err == nil || base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(files, name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(name))
		if imports[pkg] == nil {
			imports[pkg] = []string{}
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if imported == module {
				imported = "."
			}
			imported = strings.TrimPrefix(imported, module+"/")
			if !slices.Contains(imports[pkg], imported) {
				imports[pkg] = append(imports[pkg], imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(imports["."]) == 0 || len(imports["marketplace"]) == 0 {
		t.Fatal("found no imports: is this the root of the module?")
	}
	return imports
}

// reach is all that a package imports, also through others of the module, with the one that imports it.
func reach(imports map[string][]string, pkg string) map[string]string {
	reached := map[string]string{}
	var visit func(string)
	visit = func(from string) {
		for _, to := range imports[from] {
			if _, seen := reached[to]; !seen {
				reached[to] = from
				visit(to)
			}
		}
	}
	visit(pkg)
	return reached
}

func matchesAny(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, pkg) })
}

func matches(pattern, pkg string) bool {
	if pattern == "std" {
		first, _, _ := strings.Cut(pkg, "/")
		_, err := os.Stat(first)
		return !strings.Contains(first, ".") && err != nil // the module's own packages have no dot either
	}
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == prefix || strings.HasPrefix(pkg, prefix+"/")
	}
	return pattern == pkg
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// The rules themselves must be able to fail.
func TestImportRulesBite(t *testing.T) {
	imports := map[string][]string{"a": {"b"}, "b": {"c", "fmt"}, "c": nil}
	if got := reach(imports, "a"); got["c"] != "b" || got["fmt"] != "b" || len(got) != 3 {
		t.Errorf("a reaches %v", got)
	}
	for pattern, pkgs := range map[string][2]string{"std": {"net/http", "marketplace"}, "api/...": {"api/ordersv0", "apiary"}, ".": {".", "api"}, "golang.org/x/...": {"golang.org/x/sync", "golang.org/y"}} {
		if !matches(pattern, pkgs[0]) || matches(pattern, pkgs[1]) {
			t.Errorf("%s is misjudged", pattern)
		}
	}
}
