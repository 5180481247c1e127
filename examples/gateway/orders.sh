#!/bin/sh
# Shows the first page of the orders of the last 30 days through a gateway, as Amazon sends it. It needs curl alone.
#
#     SPAPI_GATEWAY=http://127.0.0.1:8585 SPAPI_GATEWAY_KEY=spapi_gw_… sh orders.sh
set -eu
since=$(date -u -d '30 days ago' +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -v-30d +%Y-%m-%dT%H:%M:%SZ) # GNU's date, or BSD's
exec curl -sS --fail-with-body -G "$SPAPI_GATEWAY/orders/2026-01-01/orders" -H "Authorization: Bearer $SPAPI_GATEWAY_KEY" \
	-d "createdAfter=$since" -d maxResultsPerPage=100
