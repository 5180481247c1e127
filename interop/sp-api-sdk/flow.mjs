// npm @sp-api-sdk, unmodified, against the emulator: its token handling and six of its API packages.
//
// The packages have Amazon's hosts built in. They are led to the emulator one layer below them, by axios's own `adapter` setting,
// so every request is made exactly as it would be for Amazon. Any other host is refused.
//
// Reads the emulator's ready line from standard input and prints one line of JSON with the steps. Exit status 0 only if all held.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import axios from 'axios';

const ready = JSON.parse(await text(process.stdin));

const origins = new Map([
  ['https://api.amazon.com', new URL(ready.lwa_url).origin],
  ['https://sellingpartnerapi-na.amazon.com', ready.url.replace(/\/$/, '')],
]);

// redirect moves an absolute URL to the emulator; a relative one belongs to a base URL that is moved itself.
function redirect(url) {
  if (!url || url.startsWith('/')) return url;
  const { origin } = new URL(url);
  assert.ok(origins.has(origin), `unexpected host ${origin}`);
  return origins.get(origin) + url.slice(origin.length);
}

const overHTTP = axios.getAdapter('http');
axios.defaults.proxy = false;
axios.defaults.adapter = (config) => overHTTP({ ...config, baseURL: redirect(config.baseURL), url: redirect(config.url) });

// Imported only now: both packages copy axios's defaults when they are loaded.
const { SellingPartnerApiAuth, SellingPartnerApiAuthError } = await import('@sp-api-sdk/auth');
const { OrdersApiClient } = await import('@sp-api-sdk/orders-api-2026-01-01');
const { OrdersApiClient: OrdersV0Client } = await import('@sp-api-sdk/orders-api-v0');
const { CatalogItemsApiClient } = await import('@sp-api-sdk/catalog-items-api-2022-04-01');
const { ListingsItemsApiClient } = await import('@sp-api-sdk/listings-items-api-2021-08-01');
const { ReportsApiClient } = await import('@sp-api-sdk/reports-api-2021-06-30');
const { FeedsApiClient } = await import('@sp-api-sdk/feeds-api-2021-06-30');

const marketplaceId = 'ATVPDKIKX0DER';
const since = '2000-01-01T00:00:00Z';
const credentials = { clientId: ready.client_id, clientSecret: ready.client_secret, refreshToken: ready.refresh_token };

const steps = [];
async function step(name, run) {
  const began = performance.now();
  try {
    const result = await run();
    steps.push({ name, ok: true, ms: Math.round(performance.now() - began) });
    return result;
  } catch (error) {
    steps.push({ name, ok: false, error: error.innerMessage ?? error.message, body: error.response?.data });
    throw error;
  }
}

// pages follows a paging operation to its end and returns all items; every page has to bring new ones.
async function pages(fetchPage) {
  const items = new Map();
  let token;
  let count = 0;
  do {
    const page = await fetchPage(token);
    count += 1;
    const before = items.size;
    for (const [id, item] of page.items) items.set(id, item);
    assert.ok(items.size > before || !page.token, `page ${count} brings nothing new`);
    token = page.token;
  } while (token && count < 20);
  assert.ok(!token, `more than ${count} pages`);
  return { items, count };
}

// control steers the emulator itself, which is no part of Amazon's API.
async function control(method, path, body) {
  const response = await fetch(`${origins.get('https://sellingpartnerapi-na.amazon.com')}/_emulator/${path}`, { method, body: body && JSON.stringify(body) });
  assert.equal(response.status, 200);
  return response.json();
}

// download fetches a document by its URL, as the packages leave to their users.
async function download({ url, compressionAlgorithm }) {
  const response = await fetch(url);
  assert.equal(response.status, 200);
  const bytes = Buffer.from(await response.arrayBuffer());
  const [, charset] = /charset=([^;]+)/.exec(response.headers.get('content-type')) ?? [];
  return new TextDecoder(charset ?? 'utf-8').decode(compressionAlgorithm === 'GZIP' ? gunzipSync(bytes) : bytes);
}

// settled asks until a report or feed is done, letting the emulator's time pass instead of waiting.
async function settled(ask) {
  for (let tries = 0; tries < 10; tries += 1) {
    const { data } = await ask();
    if (!['IN_QUEUE', 'IN_PROGRESS'].includes(data.processingStatus)) {
      assert.equal(data.processingStatus, 'DONE');
      return data;
    }
    await control('POST', 'clock', { advance: '4m' });
  }
  throw new Error('not done after 40 minutes');
}

async function main() {
  const auth = new SellingPartnerApiAuth(credentials);
  await step('refresh token', async () => assert.match(await auth.getAccessToken(), /^Atza\|/));

  const modern = await step('searchOrders of 2026-01-01, page by page', () => {
    const client = new OrdersApiClient({ auth, region: 'na' });
    return pages(async (paginationToken) => {
      const { data, headers, status } = await client.searchOrders({
        marketplaceIds: [marketplaceId], createdAfter: since, maxResultsPerPage: 100, paginationToken,
      });
      assert.equal(status, 200);
      assert.equal(headers['x-spapi-emulator-operation'], 'orders20260101.searchOrders');
      assert.ok(headers['x-amzn-requestid']);
      assert.ok(data.orders.length <= 100);
      return { items: data.orders.map((order) => [order.orderId, order]), token: data.pagination?.nextToken };
    });
  });
  assert.ok(modern.count > 1, 'one page only');

  const orderId = modern.items.keys().next().value;
  await step('getOrder of 2026-01-01', async () => {
    const { data } = await new OrdersApiClient({ auth, region: 'na' }).getOrder({ orderId });
    assert.equal(data.order.orderId, orderId);
  });

  await step('getOrders of v0, page by page: the same orders', async () => {
    const client = new OrdersV0Client({ auth, region: 'na' });
    const classic = await pages(async (nextToken) => {
      const { data } = await client.getOrders({
        marketplaceIds: [marketplaceId], createdAfter: since, maxResultsPerPage: 100, nextToken,
      });
      return { items: data.payload.Orders.map((order) => [order.AmazonOrderId, order]), token: data.payload.NextToken };
    });
    assert.ok(classic.count > 1, 'one page only');
    assert.deepEqual([...classic.items.keys()].sort(), [...modern.items.keys()].sort());
  });

  await step('getOrder of an unknown order', async () => {
    const client = new OrdersV0Client({ auth, region: 'na' });
    await assert.rejects(client.getOrder({ orderId: '000-0000000-0000000' }), (error) => {
      assert.equal(error.name, 'SellingPartnerApiError');
      assert.ok([400, 404].includes(error.response.status), String(error.response.status));
      assert.ok(error.response.data.errors[0].code);
      return true;
    });
  });

  const { accounts: [{ seller_id: sellerId }] } = await control('GET', 'accounts');
  await step('searchCatalogItems and getCatalogItem', async () => {
    const client = new CatalogItemsApiClient({ auth, region: 'na' });
    const { data } = await client.searchCatalogItems({ marketplaceIds: [marketplaceId], keywords: ['pen'], includedData: ['summaries'] });
    assert.ok(data.items.length > 0 && data.numberOfResults >= data.items.length);
    const { asin } = data.items[0];
    const one = await client.getCatalogItem({ asin, marketplaceIds: [marketplaceId], includedData: ['summaries', 'identifiers'] });
    assert.equal(one.data.asin, asin);
    assert.equal(one.data.summaries[0].itemName, data.items[0].summaries[0].itemName);
  });

  const sku = await step('searchListingsItems, patchListingsItem and getListingsItem', async () => {
    const client = new ListingsItemsApiClient({ auth, region: 'na' });
    const { data } = await client.searchListingsItems({ sellerId, marketplaceIds: [marketplaceId], includedData: ['summaries', 'fulfillmentAvailability'] });
    const listing = data.items.find((one) => one.fulfillmentAvailability?.some((a) => a.fulfillmentChannelCode === 'DEFAULT'));
    assert.ok(listing, 'no listing that the seller ships');
    const patched = await client.patchListingsItem({
      sellerId, sku: listing.sku, marketplaceIds: [marketplaceId],
      body: {
        productType: listing.summaries[0].productType,
        patches: [{ op: 'replace', path: '/attributes/fulfillment_availability', value: [{ fulfillment_channel_code: 'DEFAULT', quantity: 4321 }] }],
      },
    });
    assert.equal(patched.data.status, 'ACCEPTED');
    await control('POST', 'clock', { advance: '10m' });
    const { data: seen } = await client.getListingsItem({ sellerId, sku: listing.sku, marketplaceIds: [marketplaceId], includedData: ['fulfillmentAvailability'] });
    assert.equal(seen.fulfillmentAvailability.find((a) => a.fulfillmentChannelCode === 'DEFAULT').quantity, 4321);
    return listing.sku;
  });

  await step('createReport, getReport, getReportDocument: the listing is in it', async () => {
    const client = new ReportsApiClient({ auth, region: 'na' });
    const { data: { reportId } } = await client.createReport({ body: { reportType: 'GET_MERCHANT_LISTINGS_ALL_DATA', marketplaceIds: [marketplaceId] } });
    const { reportDocumentId } = await settled(() => client.getReport({ reportId }));
    const { data: document } = await client.getReportDocument({ reportDocumentId });
    const rows = (await download(document)).split(/\r?\n/);
    assert.ok(rows[0].includes('seller-sku'));
    assert.ok(rows.some((row) => row.split('\t').includes(sku)), `no row for ${sku}`);
  });

  await step('createFeedDocument, upload, createFeed, getFeed, getFeedDocument', async () => {
    const client = new FeedsApiClient({ auth, region: 'na' });
    const contentType = 'application/json; charset=UTF-8';
    const { data: { feedDocumentId, url } } = await client.createFeedDocument({ body: { contentType } });
    const feed = {
      header: { sellerId, version: '2.0', issueLocale: 'en_US' },
      messages: [{
        messageId: 1, sku, operationType: 'PATCH', productType: 'PRODUCT',
        patches: [{ op: 'replace', path: '/attributes/fulfillment_availability', value: [{ fulfillment_channel_code: 'DEFAULT', quantity: 12 }] }],
      }],
    };
    const wrong = await fetch(url, { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: '{}' });
    assert.equal(wrong.status, 403);
    assert.match(await wrong.text(), /SignatureDoesNotMatch/);
    const uploaded = await fetch(url, { method: 'PUT', headers: { 'content-type': contentType }, body: JSON.stringify(feed) });
    assert.equal(uploaded.status, 200);
    const { data: { feedId } } = await client.createFeed({ body: { feedType: 'JSON_LISTINGS_FEED', marketplaceIds: [marketplaceId], inputFeedDocumentId: feedDocumentId } });
    const { resultFeedDocumentId } = await settled(() => client.getFeed({ feedId }));
    const { data: document } = await client.getFeedDocument({ feedDocumentId: resultFeedDocumentId });
    const result = JSON.parse(await download(document));
    assert.equal(result.summary.messagesProcessed, 1);
    assert.equal(result.summary.messagesInvalid, 0);
  });

  await step('a wrong refresh token', async () => {
    const wrong = new SellingPartnerApiAuth({ ...credentials, refreshToken: 'Atzr|wrong' });
    await assert.rejects(wrong.getAccessToken(), (error) => {
      assert.ok(error instanceof SellingPartnerApiAuthError, error.message);
      assert.equal(error.response.status, 400);
      assert.equal(error.response.data.error, 'invalid_grant');
      return true;
    });
  });
  return { orders: modern.items.size, pages: modern.count };
}

try {
  const found = await main();
  console.log(JSON.stringify({ steps, ...found, ok: true }));
} catch (error) {
  console.log(JSON.stringify({ steps, ok: false }));
  console.error(error.message);
  process.exitCode = 1;
}
