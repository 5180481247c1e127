#!/bin/sh
# Installs the pinned npm packages and runs spapi against them: interop/run.sh. Needs Node.js 20 or newer.
set -eu
cd "$(dirname "$0")"
for folder in amazon-sp-api amazon-sp-api-0.8 amazon-sp-api-sdk-js aws4 dynalite lorenstuff scaleleap sp-api-sdk; do
	(cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund)
done
SPAPI_INTEROP=1 exec go test -count=1 -v . ../accounts/awsdynamodb
