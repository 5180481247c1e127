package main

import "strings"

// suite is the benchmarks of one run of a package's test binary.
type suite struct {
	pkg, bench string // the bench is what follows "Benchmark"
	rows       string // a regexp of the variants to run; "": all
	env        string // is set for the run
	time       string // -test.benchtime
	needs      string // a program without which the suite is left out
	// base is the row that all others of a table are held against. Where it is "", the row spapi is held against all others.
	base string
}

// suites are the benchmarks that stand beside a peer or a floor: a single figure says as much about the machine as about the program. The other benchmarks
// are for whoever works on their package.
var suites = append(decoding(), []suite{
	{pkg: ".", bench: "Call", time: "0.3s"},
	{pkg: ".", bench: "CallLimited", time: "0.5s"},
	{pkg: "awsauth", bench: "Sign", time: "0.2s"},
	{pkg: "document/export", bench: "Report", time: "1x", base: "zcat-iconv"},
	{pkg: "fleet/goredis", bench: "FreeCall", needs: "redis-server", time: "0.3s"},
	{pkg: "fleet/goredis", bench: "Token", needs: "redis-server", time: "0.2s"},
	{pkg: "emulator", bench: "Served", time: "0.3s", base: "floor"},
	{pkg: "internal/cli", bench: "Command_start", time: "20x", base: "bare_cobra_--version"},
	{pkg: "internal/cli", bench: "Command_call", time: "20x", base: "wire"},
}...)

// pages are the tables of decoding.
var pages = []string{
	"api/ordersv0 GetOrdersPage", "api/orders20260101 SearchOrdersPage", "api/catalogitems20220401 SearchCatalogItemsPage",
	"api/listingsitems20210801 SearchListingsItemsPage", "api/fulfillmentinbound20240320 ListInboundPlanBoxesPage", "api/finances20240619 ListTransactionsPage",
}

func decoding() (all []suite) {
	for _, page := range pages {
		pkg, bench, _ := strings.Cut(page, " ")
		all = append(all, suite{pkg: pkg, bench: bench, time: "0.2s"},
			suite{pkg: pkg, bench: bench, rows: "^sonic-optdec", env: "SONIC_USE_OPTDEC=1", time: "0.2s"}) // which sonic looks for when a program starts
	}
	return all
}

// goal is what the project wants of some tables: that one row takes at most so many times as long as another, or that it allocates at most so often.
type goal struct {
	text    string
	tables  []string // package and name
	row     string
	than    string
	most    float64 // times the time of than
	allocs  float64 // instead: allocations
	atLeast int     // how many of the tables have to show it; 0: all
}

var goals = []goal{
	{text: "decoding a page takes no longer than sonic does, each of six", tables: pages, row: "spapi", than: "sonic", most: 1},
	{text: "and at least 1 % less for four of them", tables: pages, row: "spapi", than: "sonic", most: 0.99, atLeast: 4},
	{text: "beyond: under 1.8 times of what skipping takes", tables: pages, row: "spapi", than: "floor-skip", most: 1.8},
	{text: "decoding a page of 100 orders allocates at most 400 times", tables: pages[:1], row: "spapi", allocs: 400},
	{text: "a call for 100 orders, sequential: at least 75 % of the calls that net/http makes and reads, so at most 1.33 times the time",
		tables: []string{". Call/orders=100/plain/goroutines=1"}, row: "spapi", than: "floor-read", most: 1 / 0.75},
	{text: "by 8 goroutines: at least 80 %, at most 1.25 times",
		tables: []string{". Call/orders=100/plain/goroutines=8"}, row: "spapi", than: "floor-read", most: 1 / 0.8},
	{text: "a call for one order, sequential: at least 75 %, at most 1.33 times",
		tables: []string{". Call/orders=1/plain/goroutines=1"}, row: "spapi", than: "floor-read", most: 1 / 0.75},
	{text: "64 goroutines on one client, for 1 and for 100 orders: within 5 % of the same without a limiter",
		tables: []string{". CallLimited/orders=1/plain/goroutines=64", ". CallLimited/orders=100/plain/goroutines=64"},
		row:    "spapi", than: "floor-no-limiter", most: 1.05},
}
