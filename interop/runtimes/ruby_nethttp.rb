# Ruby's own net/http.
require "digest"
require "json"
require "net/http"

API = "https://sellingpartnerapi-na.amazon.com"

def fetch(request)
  uri = request.uri
  answer = Net::HTTP.start(uri.hostname, uri.port, use_ssl: true) { |http| http.request(request) }
  abort "#{uri}: #{answer.code} #{answer.body}" unless answer.is_a?(Net::HTTPOK)
  answer.body
end

login = Net::HTTP::Post.new(URI("https://api.amazon.com/auth/o2/token"))
login.set_form_data(grant_type: "refresh_token", refresh_token: ENV["SPAPI_REFRESH_TOKEN"], client_id: ENV["SPAPI_CLIENT_ID"], client_secret: ENV["SPAPI_CLIENT_SECRET"])
token = JSON.parse(fetch(login))["access_token"]
call = lambda do |path, query = {}|
  uri = URI(API + path)
  uri.query = URI.encode_www_form(query)
  JSON.parse(fetch(Net::HTTP::Get.new(uri, "x-amz-access-token" => token)))
end
orders = call.("/orders/v0/orders", MarketplaceIds: ENV["SPAPI_MARKETPLACE"], CreatedAfter: "2025-11-01T00:00:00Z")["payload"]["Orders"]
reports = call.("/reports/2021-06-30/reports", reportTypes: "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", processingStatuses: "DONE", pageSize: 1)["reports"]
url = URI(call.("/reports/2021-06-30/documents/#{reports[0]["reportDocumentId"]}")["url"])
document = fetch(Net::HTTP::Get.new(url, "Accept-Encoding" => "identity"))
puts JSON.generate(orders: orders.size, first: orders[0]["AmazonOrderId"], host: url.host, sha256: Digest::SHA256.hexdigest(document))
