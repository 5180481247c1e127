#!/bin/sh
# curl, without any option about proxy or certificates. Values are cut out by sed: no other program is needed.
set -eu
API=https://sellingpartnerapi-na.amazon.com
value() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" | head -n 1; }
call() { curl -sSf -H "x-amz-access-token: $token" "$@"; }

token=$(curl -sSf https://api.amazon.com/auth/o2/token -d grant_type=refresh_token --data-urlencode "refresh_token=$SPAPI_REFRESH_TOKEN" \
	--data-urlencode "client_id=$SPAPI_CLIENT_ID" --data-urlencode "client_secret=$SPAPI_CLIENT_SECRET" | value access_token)
orders=$(call "$API/orders/v0/orders?MarketplaceIds=$SPAPI_MARKETPLACE&CreatedAfter=2025-11-01T00:00:00Z")
report=$(call "$API/reports/2021-06-30/reports?reportTypes=GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2&processingStatuses=DONE&pageSize=1" | value reportDocumentId)
url=$(call "$API/reports/2021-06-30/documents/$report" | value url)
host=${url#https://}
printf '{"orders":%s,"first":"%s","host":"%s","sha256":"%s"}\n' "$(printf %s "$orders" | grep -o '"AmazonOrderId"' | wc -l)" \
	"$(printf %s "$orders" | sed 's/"AmazonOrderId"/\n&/g' | sed -n 2p | value AmazonOrderId)" "${host%%/*}" "$(curl -sSf "$url" | sha256sum | cut -d' ' -f1)"
