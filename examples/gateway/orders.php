<?php
// Lists the orders of the last 30 days through a gateway, page by page. It needs PHP 8 and no extension.
//
//     SPAPI_GATEWAY=http://127.0.0.1:8585 SPAPI_GATEWAY_KEY=spapi_gw_… php orders.php

function get(string $path, array $query): array
{
    $context = stream_context_create(['http' => [
        'header' => 'Authorization: Bearer ' . getenv('SPAPI_GATEWAY_KEY'),
        'timeout' => 300, // a call waits for the rate limit in the gateway
        'ignore_errors' => true, // the body of a refusal says why
    ]]);
    $body = file_get_contents(getenv('SPAPI_GATEWAY') . $path . '?' . http_build_query($query), false, $context);
    if ($body === false) {
        exit(1); // PHP has told why
    }
    $answer = json_decode($body, true, flags: JSON_THROW_ON_ERROR);
    if (isset($answer['errors'][0])) {
        $error = $answer['errors'][0];
        fwrite(STDERR, "$error[code]: $error[message] " . ($error['details'] ?? '') . "\n");
        exit(1);
    }
    return $answer;
}

$query = ['createdAfter' => gmdate('Y-m-d\TH:i:s\Z', time() - 30 * 86400), 'maxResultsPerPage' => 100];
do {
    $page = get('/orders/2026-01-01/orders', $query);
    foreach ($page['orders'] as $order) {
        echo $order['orderId'], ' ', $order['createdTime'], "\n";
    }
    $query['paginationToken'] = $page['pagination']['nextToken'] ?? null;
} while ($query['paginationToken'] !== null);
