// npm @sp-api-sdk, unmodified, against the emulator: its token handling and two of its API packages.
//
// The packages have Amazon's hosts built in. They are led to the emulator one layer below them, by axios's own `adapter` setting,
// so every request is made exactly as it would be for Amazon. Any other host is refused.
//
// Reads the emulator's ready line from standard input and prints one line of JSON with the steps. Exit status 0 only if all held.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
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
