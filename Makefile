MODELS   ?= ../shared/models
COMMIT   ?=
FUZZTIME ?= 30s
RUN      ?=

export MODELS FUZZTIME

.DEFAULT_GOAL := help

.PHONY: help build docs man generate generate-check test mutate prove-kills prove-uploads prove-lists prove-connections prove-ledger prove-million prove-fleet prove-fleet-day prove-notifications prove-gateway race lint vuln bench bench-prism \
	fuzz interop ci

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "MODELS is a checkout of Amazon's models (now $(MODELS)), COMMIT its commit if git can't tell it."

build: ## build bin/spapi, as it is released
	.ci/build bin/spapi

docs: ## write docs/cli.md from the commands
	go run ./internal/cli/docs -markdown docs/cli.md

man: ## write man pages to bin/man
	go run ./internal/cli/docs -man bin/man

generate: ## write api/*, internal/catalog/data, operations.gen.go and models.lock from MODELS
	go run ./internal/gen -models $(MODELS) $(if $(COMMIT),-commit $(COMMIT))

generate-check: ## fail if generate would change something
	.ci/run generated

test: ## run all tests
	SPAPI_MODELS=$(abspath $(MODELS)) go test ./...

mutate: ## break the code by the edits in internal/mutate/edits, or those that RUN (a regexp) matches, and count what no test sees
	go run ./internal/mutate $(if $(RUN),-run '$(RUN)')

prove-kills: ## kill feed submit and report run at KILLS (100) random points each, and see that nothing is sent twice or lost; half a minute
	KILLS=$(or $(KILLS),100) go test -count=1 -v -timeout 30m -run '^TestKilled' ./internal/cli

prove-uploads: ## uploads, feeds, reports and queries over 250 days of an emulator's clock: memory of a real process; some minutes
	SPAPI_PROVE_UPLOADS=1000 go test -count=1 -v -timeout 60m -run 'TestUploads$$' ./internal/cli

race: ## run the tests of concurrent code under the race detector
	.ci/run race

lint: ## gofmt, go vet, golangci-lint and staticcheck (the linters are built from tools/go.mod)
	.ci/run format vet lint

vuln: ## look for known vulnerabilities that the code reaches
	.ci/run vuln

bench: ## measure beside peers and floors, and write what this machine shows into docs/performance.md; some minutes. RUN (a regexp): only print some
	go run ./internal/benchdoc $(if $(RUN),-run '$(RUN)',docs/performance.md)

bench-prism: ## measure the emulator beside npm's @stoplight/prism-cli; takes a minute and wants a quiet machine
	cd interop/prism && npm ci --ignore-scripts --no-audit --no-fund
	SPAPI_BENCH_PRISM=1 SPAPI_MODELS=$(abspath $(MODELS)) go test -count=1 -v -run TestPrism ./interop

prove-lists: ## list 100,000 orders in every format: memory, the time to the first row, and the speed beside call --all, of a real process
	SPAPI_PROVE_PAGES=1000 go test -count=1 -v -run 'TestLists$$|TestListRates$$' ./internal/cli

prove-connections: ## hold 10,000 slow connections against the emulator: memory, when they are cut off, who else is answered; a minute and a half
	SPAPI_PROVE_CONNECTIONS=10000 go test -count=1 -v -timeout 10m -run '^TestSlowConnections$$' ./emulator

prove-ledger: ## take STEPS (10,000) random steps through the emulator's API, and see that stock, money, ids and times agree all the way; a minute
	SPAPI_PROVE_LEDGER=$(or $(STEPS),10000) go test -count=1 -v -timeout 30m -run '^TestRandomSteps$$' ./emulator

prove-million: ## a world of ORDERS (1,000,000) orders: how long until it is ready, its memory, pages of filters, reads under load, export and import; two minutes
	SPAPI_PROVE_MILLION=$(or $(ORDERS),1000000) go test -count=1 -v -timeout 30m -run '^TestMillionOrders$$' ./emulator

prove-fleet: ## limits and tokens that processes share: real processes and a real redis-server, through every failure of docs/fleet.md; a quarter of an hour on a quiet machine
	SPAPI_PROVE_FLEET=1 go test -count=1 -v -timeout 60m -parallel 4 -skip '^TestDay$$' ./internal/fleetprove

prove-fleet-day: ## 24 virtual hours of twenty operations through such a fleet, and the suites of limiters on a server in memory; another quarter of an hour
	SPAPI_PROVE_FLEET=1 go test -count=1 -v -timeout 90m -parallel 4 -run '^TestDay$$' ./internal/fleetprove
	SPAPI_PROVE_FLEET=1 go test -count=1 -timeout 60m -run '^TestSharedOnMemory$$|^TestLimiterSuite$$' ./fleet

prove-notifications: ## kill a consumer of notifications KILLS (20) times, and measure one beside the bare calls of AWS's SDK; two minutes
	SPAPI_PROVE_NOTIFICATIONS=$(or $(KILLS),20) go test -count=1 -v -run '^TestKilled$$|TenThousand' -bench . -benchtime 20000x ./notifications/sqs

prove-gateway: ## two gateways that share one seller's limits; memory of documents of 1 GiB and of 10,000 waiting callers, KILLS (100) kills of the audit; some minutes
	SPAPI_PROVE_GATEWAY=1 go test -count=1 -v -timeout 30m ./internal/gatewayprove
	SPAPI_PROVE_DOCUMENT=1024 go test -count=1 -v -timeout 30m -run '^TestBigDocument$$' ./gateway
	SPAPI_AUDIT_KILLS=$(or $(KILLS),100) go test -count=1 -v -timeout 30m -run '^TestKill$$' ./gateway/audit
	go test -run '^$$' -bench '^BenchmarkTenThousandWaiting$$' -benchtime 1x ./gateway

fuzz: ## fuzz each target for FUZZTIME
	.ci/run fuzz

interop: ## run foreign clients against the emulator: those of npm, and whatever other runtimes are installed
	.ci/run interop

ci: ## do all that CI does
	.ci/run
