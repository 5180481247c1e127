<?php // Guzzle, on which jlevers/selling-partner-api and the official PHP SDK stand; with the requests that the former makes: the token by JSON,
// its headers, documents by PHP's own streams.
require 'GuzzleHttp/autoload.php'; // Debian's

const HOST = 'sellingpartnerapi-na.amazon.com';
$client = new GuzzleHttp\Client();
$token = json_decode($client->post('https://api.amazon.com/auth/o2/token', ['json' => ['grant_type' => 'refresh_token', 'refresh_token' => getenv('SPAPI_REFRESH_TOKEN'),
    'client_id' => getenv('SPAPI_CLIENT_ID'), 'client_secret' => getenv('SPAPI_CLIENT_SECRET')]])->getBody())->access_token;
$call = fn (string $path, array $query = []) => json_decode($client->get('https://' . HOST . $path . '?' . GuzzleHttp\Psr7\Query::build($query), ['headers' => [
    'Content-Type' => 'application/json', 'Accept' => 'application/json', 'X-AMZ-Date' => gmdate('Ymd\THis\Z'), 'User-Agent' => 'interop/php', 'Host' => HOST,
    'x-amz-access-token' => $token,
]])->getBody());
$orders = $call('/orders/v0/orders', ['MarketplaceIds' => getenv('SPAPI_MARKETPLACE'), 'CreatedAfter' => '2025-11-01T00:00:00Z'])->payload->Orders;
$reports = $call('/reports/2021-06-30/reports', ['reportTypes' => 'GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2', 'processingStatuses' => 'DONE', 'pageSize' => 1])->reports;
$url = $call('/reports/2021-06-30/documents/' . $reports[0]->reportDocumentId)->url;
$document = $client->get($url, ['stream' => true])->getBody()->getContents();
echo json_encode(['orders' => count($orders), 'first' => $orders[0]->AmazonOrderId, 'host' => parse_url($url, PHP_URL_HOST), 'sha256' => hash('sha256', $document)]), "\n";
