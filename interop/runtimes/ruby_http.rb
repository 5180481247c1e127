# The gem http, on which peddler stands: it heeds no proxy variable. The headers are peddler's.
require "digest"
require "http"
require "json"
require "time"

API = URI("https://sellingpartnerapi-na.amazon.com")

def ok(answer)
  abort "#{answer.uri}: #{answer.code} #{answer}" unless answer.status.success?
  answer.to_s
end

token = JSON.parse(ok(HTTP.post("https://api.amazon.com/auth/o2/token", form: {
  grant_type: "refresh_token", refresh_token: ENV["SPAPI_REFRESH_TOKEN"], client_id: ENV["SPAPI_CLIENT_ID"], client_secret: ENV["SPAPI_CLIENT_SECRET"],
})))["access_token"]
api = HTTP.headers("Host" => API.host, "User-Agent" => "interop (Language=Ruby)", "X-Amz-Access-Token" => token, "X-Amz-Date" => Time.now.utc.strftime("%Y%m%dT%H%M%SZ"))
call = ->(path, params = {}) { JSON.parse(ok(api.get(API + path, params: params))) }
orders = call.("/orders/v0/orders", MarketplaceIds: ENV["SPAPI_MARKETPLACE"], CreatedAfter: "2025-11-01T00:00:00Z")["payload"]["Orders"]
reports = call.("/reports/2021-06-30/reports", reportTypes: "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", processingStatuses: "DONE", pageSize: 1)["reports"]
url = call.("/reports/2021-06-30/documents/#{reports[0]["reportDocumentId"]}")["url"]
puts JSON.generate(orders: orders.size, first: orders[0]["AmazonOrderId"], host: URI(url).host, sha256: Digest::SHA256.hexdigest(ok(HTTP.get(url))))
