"""Lists the orders of the last 30 days through a gateway, page by page. It needs Python's standard library alone.

    SPAPI_GATEWAY=http://127.0.0.1:8585 SPAPI_GATEWAY_KEY=spapi_gw_… python3 orders.py
"""
import datetime
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

GATEWAY = os.environ["SPAPI_GATEWAY"]
KEY = os.environ["SPAPI_GATEWAY_KEY"]


def get(path, **query):
    url = f"{GATEWAY}{path}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {KEY}"})) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as answer:
        error = json.load(answer)["errors"][0]
        sys.exit(f"{answer.code} {error['code']}: {error['message']} {error.get('details', '')}")


since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=30)
query = {"createdAfter": since.strftime("%Y-%m-%dT%H:%M:%SZ"), "maxResultsPerPage": 100}
while True:
    page = get("/orders/2026-01-01/orders", **query)
    for order in page["orders"]:
        print(order["orderId"], order["createdTime"])
    token = page.get("pagination", {}).get("nextToken")
    if not token:
        break
    query["paginationToken"] = token
