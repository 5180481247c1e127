#!/bin/sh
# Installs the pinned npm packages, and other languages where it can (runtimes/install.sh), and runs spapi against them: interop/run.sh.
# Needs Node.js 20 or newer.
set -eu
cd "$(dirname "$0")"
installs=
for folder in amazon-sp-api amazon-sp-api-0.8 amazon-sp-api-sdk-js aws4 dynalite local-aws-sqs lorenstuff scaleleap sp-api-sdk; do
	(cd "$folder" && exec npm ci --ignore-scripts --no-audit --no-fund) &
	installs="$installs $!"
done
for install in $installs; do
	wait "$install"
done
if ! runtimes/install.sh; then
	echo "SKIPPED: the runtimes that are missing here can't be installed: see TestRuntimes"
	export SPAPI_INTEROP_RUNTIMES=optional
fi
SPAPI_INTEROP=1 exec go test -count=1 -v . ../accounts/awsdynamodb ../notifications/sqs
