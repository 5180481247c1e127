#!/bin/sh
# curl and nothing of this project, through "spapi gateway". Values are cut out by sed: no other program is needed.
set -eu
value() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" | head -n 1; }
steps=
step() { steps="$steps{\"name\":\"$1\",\"ok\":true,\"counts\":\"$2\"},"; }
want() { # what status answer
	case $3 in *"$2"*) step "$1" "$2" ;; *) echo "$1: want $2, got $3" >&2 && exit 1 ;; esac
}
status() { curl -sS -o /dev/null -w '%{http_code}' "$@"; }

token=$(curl -sSf "$SPAPI_TOKEN_URL" -d grant_type=refresh_token --data-urlencode "refresh_token=$SPAPI_REFRESH_TOKEN" \
	--data-urlencode "client_id=$SPAPI_CLIENT_ID" --data-urlencode "client_secret=$SPAPI_CLIENT_SECRET" | value access_token)
want token 'Atza|' "$token"
call() { curl -sS -H "x-amz-access-token: $token" "$@"; }

orders=0 more=
while :; do
	page=$(call -f -G "$SPAPI_ENDPOINT/orders/2026-01-01/orders" -d createdAfter=2000-01-01T00:00:00Z -d maxResultsPerPage=100 ${more:+--data-urlencode "paginationToken=$more"})
	orders=$((orders + $(printf %s "$page" | grep -o '"orderId"' | wc -l)))
	more=$(printf %s "$page" | value nextToken)
	[ -n "$more" ] || break
done
[ "$orders" -gt 100 ] && step 'orders, page by page' "$orders"

report=$(call -f "$SPAPI_ENDPOINT/reports/2021-06-30/reports?reportTypes=GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2&processingStatuses=DONE&pageSize=1" | value reportDocumentId)
url=$(call -f "$SPAPI_ENDPOINT/reports/2021-06-30/documents/$report" | value url)
want "a document's address" "$SPAPI_ENDPOINT/gateway/documents/" "$url"
want "a report's rows" settlement-id "$(curl -sSf --compressed "$url?decode=csv")"

key="Authorization: Bearer $SPAPI_CLIENT_SECRET"
[ "$SPAPI_INTEROP_GATEWAY" != reads ] || want 'a write is refused' 403 "$(status -X DELETE -H "$key" "$SPAPI_ENDPOINT/listings/2021-08-01/items/A1/x?marketplaceIds=ATVPDKIKX0DER")"
want 'an unknown account is refused' 403 "$(status -H "$key" -H 'X-Spapi-Account: nobody' "$SPAPI_ENDPOINT/sellers/v1/marketplaceParticipations")"
want 'no key' 401 "$(status "$SPAPI_ENDPOINT/sellers/v1/marketplaceParticipations")"
want 'two keys' 400 "$(status -H "$key" -H 'X-Api-Key: spapi_gw_aaaaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' "$SPAPI_ENDPOINT/sellers/v1/marketplaceParticipations")"
want 'the account' demo "$(curl -sS -D - -o /dev/null -H "$key" "$SPAPI_ENDPOINT/sellers/v1/marketplaceParticipations" | tr -d '\r' | sed -n 's/^[Xx]-[Ss]papi-[Aa]ccount: //p')"
printf '{"ok":true,"steps":[%s]}\n' "${steps%,}"
