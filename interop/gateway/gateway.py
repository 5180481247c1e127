"""Python's standard library and nothing of this project, through "spapi gateway": what a key opens is done, the rest is refused. Prints its steps as a
line of JSON, as the clients of Node.js do (../walk.mjs)."""
import concurrent.futures
import csv
import gzip
import json
import os
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

env = os.environ
API = env["SPAPI_ENDPOINT"]
KEY = env["SPAPI_CLIENT_SECRET"]
READS = env["SPAPI_INTEROP_GATEWAY"] == "reads"
US = "ATVPDKIKX0DER"
SINCE = "2000-01-01T00:00:00Z"


def fetch(url, data=None, headers={}, method=None):
    """The status, headers and bytes of an answer, whatever the status."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers, answer.read()


def login(**changes):
    form = {"grant_type": "refresh_token", "refresh_token": env["SPAPI_REFRESH_TOKEN"], "client_id": env["SPAPI_CLIENT_ID"], "client_secret": KEY} | changes
    status, _, body = fetch(env["SPAPI_TOKEN_URL"], urllib.parse.urlencode(form).encode())
    return status, json.loads(body)


def call(method, path, body=None, headers=None, **query):
    if query:
        path += "?" + urllib.parse.urlencode(query)
    headers = {"Authorization": "Bearer " + KEY} if headers is None else headers
    if body is not None:
        headers = headers | {"Content-Type": "application/json"}
        body = json.dumps(body).encode()
    return fetch(API + path, body, headers, method)


def got(method, path, *args, **query):
    status, headers, body = call(method, path, *args, **query)
    assert status in (200, 201, 202), (method, path, status, body)
    return json.loads(body)


def refused(status, code, answer):
    assert answer[0] == status, answer
    error = json.loads(answer[2])["errors"][0]
    assert error["code"] == code and error["message"] and error["details"], error
    return {"details": error["details"]}


steps = []
state = {}


def step(name):
    def run(function):
        began = time.monotonic()
        try:
            counts, error = function(), None
        except Exception:
            counts, error = None, traceback.format_exc()
        steps.append({"name": name, "ok": not error, "ms": int((time.monotonic() - began) * 1000), "counts": counts, "error": error or ""})

    return run


@step("a token: the key is the client secret, the account the refresh token")
def _():
    status, answer = login()
    assert status == 200 and answer["access_token"].startswith("Atza|") and answer["token_type"] == "bearer" and answer["expires_in"] == 3600, answer
    assert KEY not in answer["access_token"]
    state["token"] = answer["access_token"]


@step("another account, another key, another grant")
def _():
    other = KEY[:-4] + "AAAA"
    for changes, status, error in [({"refresh_token": "nobody"}, 400, "invalid_grant"), ({"client_secret": other}, 401, "invalid_client"),
                                   ({"grant_type": "password"}, 400, "unsupported_grant_type")]:
        answer = login(**changes)
        assert (answer[0], answer[1]["error"]) == (status, error), answer
        assert answer[1]["error_description"], answer


@step("orders, page by page, by key and by token")
def _():
    found = {}
    for headers in [{"Authorization": "Bearer " + KEY}, {"X-Api-Key": KEY}, {"x-amz-access-token": KEY}, {"x-amz-access-token": state["token"]}]:
        ids, more = [], {}
        while True:
            page = got("GET", "/orders/2026-01-01/orders", None, headers, createdAfter=SINCE, maxResultsPerPage=100, **more)
            ids += [order["orderId"] for order in page["orders"]]
            token = page.get("pagination", {}).get("nextToken")
            if not token:
                break
            more = {"paginationToken": token}
        found[len(ids)] = ids
    assert len(found) == 1 and len(set(ids)) == len(ids) > 100, {n: len(set(ids)) for n, ids in found.items()}
    state["order"] = ids[0]
    return {"orders": len(ids)}


@step("without a key, with a wrong one, and with a token of somebody else: nothing is told of accounts")
def _():
    for headers, status in [({}, 401), ({"Authorization": "Bearer " + KEY[:-4] + "AAAA"}, 401), ({"x-amz-access-token": "Atza|nothing"}, 403)]:
        for account in [{}, {"X-Spapi-Account": "nobody"}]:
            refused(status, "Unauthorized", call("GET", "/orders/2026-01-01/orders", None, headers | account, createdAfter=SINCE))


@step("an unknown account")
def _():
    headers = {"Authorization": "Bearer " + KEY, "X-Spapi-Account": "nobody"}
    return refused(403, "Unauthorized", call("GET", "/orders/2026-01-01/orders", None, headers, createdAfter=SINCE))


@step("a report's document, through the gateway")
def _():
    reports = got("GET", "/reports/2021-06-30/reports", reportTypes="GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", processingStatuses="DONE", pageSize=1)["reports"]
    document = got("GET", "/reports/2021-06-30/documents/" + reports[0]["reportDocumentId"])
    assert document["url"].startswith(API + "/gateway/documents/"), document["url"]
    status, headers, text = fetch(document["url"])
    assert status == 200, text
    if document.get("compressionAlgorithm") == "GZIP":
        text = gzip.decompress(text)
    rows = list(csv.reader(text.decode(headers.get_content_charset() or "iso-8859-1").splitlines(), delimiter="\t"))
    status, headers, lines = fetch(document["url"] + "?decode=jsonl")
    assert status == 200, lines
    decoded = [json.loads(line) for line in lines.splitlines()]
    assert len(decoded) == len(rows) - 1 > 0, (len(decoded), len(rows))
    assert list(decoded[0]) == rows[0], (list(decoded[0]), rows[0])
    return {"rows": len(decoded)}


@step("to ask for a report changes nothing: a key that reads may")
def _():
    return got("POST", "/reports/2021-06-30/reports", {"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": [US]})


@step("calls above the limit wait, and none is refused")
def _():
    def ask(day):
        return call("GET", "/fba/inventory/v1/summaries", granularityType="Marketplace", granularityId=US, marketplaceIds=US,
                    startDateTime=time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - day * 86400)))

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(ask, range(1, 6)))
    assert all(status == 200 for status, _, _ in answers), [(status, body) for status, _, body in answers if status != 200]
    return {"waited": sorted(headers["X-Spapi-Waited"] for _, headers, _ in answers)}


@step("who asks to fail fast has a 429 with a true Retry-After")
def _():
    patient = {"Authorization": "Bearer " + KEY, "X-Spapi-Fail-Fast": "true"}
    for _ in range(20):
        status, headers, body = call("GET", "/fba/inventory/v1/summaries", None, patient, granularityType="Marketplace", granularityId=US, marketplaceIds=US)
        if status != 200:
            break
    assert status == 429 and json.loads(body)["errors"][0]["code"] == "QuotaExceeded" and 0 < int(headers["Retry-After"]) <= 60, (status, dict(headers), body)
    time.sleep(int(headers["Retry-After"]))
    status, _, body = call("GET", "/fba/inventory/v1/summaries", None, patient, granularityType="Marketplace", granularityId=US, marketplaceIds=US)
    assert status == 200, body
    return {"Retry-After": headers["Retry-After"]}


resources = {"restrictedResources": [{"method": "GET", "path": "/orders/v0/orders/{id}", "dataElements": ["buyerInfo", "shippingAddress"]}]}


def order_v0(headers):
    return got("GET", "/orders/v0/orders/" + state["order"], None, headers)["payload"]


if READS:
    @step("writes are refused")
    def _():
        counts = refused(403, "Unauthorized", call("POST", "/feeds/2021-06-30/feeds", {"feedType": "JSON_LISTINGS_FEED", "marketplaceIds": [US], "inputFeedDocumentId": "x"}))
        refused(403, "Unauthorized", call("PATCH", "/listings/2021-08-01/items/A1/x", {"productType": "PRODUCT", "patches": []}, marketplaceIds=US))
        refused(403, "Unauthorized", call("DELETE", "/listings/2021-08-01/items/A1/x", marketplaceIds=US))
        refused(403, "Unauthorized", call("DELETE", "/an/operation/that/nobody/knows"))
        return counts

    @step("a restricted token is refused")
    def _():
        resources["restrictedResources"][0]["path"] = "/orders/v0/orders/" + state["order"]
        return refused(403, "Unauthorized", call("POST", "/tokens/2021-03-01/restrictedDataToken", resources))
else:
    @step("a feed's document is uploaded through the gateway")
    def _():
        document = got("POST", "/feeds/2021-06-30/documents", {"contentType": "application/json; charset=UTF-8"})
        assert document["url"].startswith(API + "/gateway/documents/"), document["url"]
        feed = {"header": {"sellerId": env["SPAPI_SELLER_ID"], "version": "2.0", "issueLocale": "en_US"}, "messages": [
            {"messageId": 1, "sku": "x", "operationType": "DELETE"}]}
        status, _, body = fetch(document["url"], json.dumps(feed).encode(), {"Content-Type": "application/json; charset=UTF-8"}, "PUT")
        assert status == 200, (status, body)
        return got("POST", "/feeds/2021-06-30/feeds", {"feedType": "JSON_LISTINGS_FEED", "marketplaceIds": [US], "inputFeedDocumentId": document["feedDocumentId"]})

    @step("a restricted token is the gateway's own, and opens what it was made for")
    def _():
        resources["restrictedResources"][0]["path"] = "/orders/v0/orders/" + state["order"]
        token = got("POST", "/tokens/2021-03-01/restrictedDataToken", resources)["restrictedDataToken"]
        assert token.startswith("Atz.sprdt|"), token
        for headers in [{"x-amz-access-token": token}, {"Authorization": "Bearer " + KEY}]:  # with the key, the gateway gets one itself
            assert "BuyerInfo" in order_v0(headers)
        assert "BuyerEmail" not in order_v0({"Authorization": "Bearer " + KEY, "X-Spapi-Restricted-Data": "none"}).get("BuyerInfo", {})


@step("refusals are problems where that is asked for")
def _():
    status, headers, body = call("GET", "/orders/2026-01-01/orders", None, {"Accept": "application/problem+json"}, createdAfter=SINCE)
    problem = json.loads(body)
    assert status == 401 and headers.get_content_type() == "application/problem+json" and problem["status"] == 401 and problem["errors"], (headers, problem)


@step("an unknown order: Amazon's own answer")
def _():
    status, headers, body = call("GET", "/orders/2026-01-01/orders/000-0000000-0000000")
    assert status in (400, 404) and headers["x-amzn-RequestId"] and json.loads(body)["errors"][0]["code"] in ("NotFound", "InvalidInput"), (status, body)


print(json.dumps({"ok": all(one["ok"] for one in steps), "steps": steps}))
raise SystemExit(0 if all(one["ok"] for one in steps) else 1)
