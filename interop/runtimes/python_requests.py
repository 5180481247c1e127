"""requests, on which python-amazon-sp-api, tap-amazon-sp and Airbyte's connectors stand; with the requests that python-amazon-sp-api makes: its headers,
four spellings of the marketplace on a GET and two on a POST, and Python's own spelling of booleans."""
import hashlib
import json
import os
import urllib.parse
from datetime import datetime, timezone

import requests

HOST = "sellingpartnerapi-na.amazon.com"
env = os.environ
market = env["SPAPI_MARKETPLACE"]

answer = requests.post(
    "https://api.amazon.com/auth/o2/token",
    data={"grant_type": "refresh_token", "client_id": env["SPAPI_CLIENT_ID"], "refresh_token": env["SPAPI_REFRESH_TOKEN"], "client_secret": env["SPAPI_CLIENT_SECRET"]},
    headers={"User-Agent": "python-interop", "content-type": "application/x-www-form-urlencoded;charset=UTF-8"},
)
answer.raise_for_status()
token = answer.json()["access_token"]


def call(method, path, params=None, data=None):
    headers = {
        "host": HOST,
        "user-agent": "python-interop",
        "x-amz-access-token": token,
        "x-amz-date": datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ"),
        "content-type": "application/json",
    }
    answer = requests.request(method, "https://" + HOST + path, params=params, data=json.dumps(data) if data else None, headers=headers)
    if not answer.ok:
        raise SystemExit("%s %s: %d %s" % (method, answer.url, answer.status_code, answer.text))
    return answer.json()


# What is added to a GET that names no marketplace itself.
every = {"MarketplaceId": market, "MarketplaceIds": [market], "marketplace_ids": [market], "marketplaceIds": [market]}
call("GET", "/sellers/v1/marketplaceParticipations", dict(every))
orders = call("GET", "/orders/v0/orders", {"CreatedAfter": "2025-11-01T00:00:00Z", "MarketplaceIds": market})["payload"]["Orders"]
first = orders[0]["AmazonOrderId"]
call("GET", "/orders/v0/orders/" + first, dict(every))
call("GET", "/orders/v0/orders/" + first + "/orderItems", dict(every))
call("GET", "/fba/inventory/v1/summaries", dict(every, details=True, granularityType="Marketplace", granularityId=market))
call("GET", "/fba/inventory/v1/summaries", dict(every, details=False, granularityType="Marketplace", granularityId=market))
call("POST", "/reports/2021-06-30/reports", {}, {"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": [market], "MarketplaceIds": [market]})
reports = call("GET", "/reports/2021-06-30/reports", {"reportTypes": "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", "processingStatuses": "DONE", "pageSize": 1})["reports"]
call("GET", "/reports/2021-06-30/reports/" + reports[0]["reportId"], dict(every))
url = call("GET", "/reports/2021-06-30/documents/" + reports[0]["reportDocumentId"], dict(every))["url"]
document = requests.get(url)
document.raise_for_status()
print(json.dumps({"orders": len(orders), "first": first, "host": urllib.parse.urlsplit(url).hostname, "sha256": hashlib.sha256(document.content).hexdigest()}))
