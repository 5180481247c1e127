// The way that the npm clients of SP-API walk through the emulator, each by its own means and unmodified: a token, orders page by page, a
// listing, a report, a feed, buyer data, a limit, an error. What is asked and checked stands here once; how each client is asked is the
// flow.mjs in its folder, which gives walk an object with the members that are named below.
//
// The clients call Amazon's own hosts. "spapi emulator run -- node flow.mjs" leads these to the emulator and sets the environment. Each
// flow prints one line of JSON with the steps and what they counted. Exit status 0 only if all held.
import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';

const { env } = process;

// seller is who the emulator knows, with the keys that clients had to sign with until 2023-10-02.
export const seller = {
  id: env.SPAPI_SELLER_ID,
  clientId: env.SPAPI_CLIENT_ID,
  clientSecret: env.SPAPI_CLIENT_SECRET,
  refreshToken: env.SPAPI_REFRESH_TOKEN,
  region: env.SPAPI_REGION,
  marketplaceId: env.SPAPI_MARKETPLACE,
  roleArn: env.SPAPI_ROLE_ARN,
  accessKeyId: env.AWS_ACCESS_KEY_ID,
  secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
};

export const since = '2000-01-01T00:00:00Z';
export const unknownOrder = '000-0000000-0000000';

// gateway is what the caller's key opens where the way leads through "spapi gateway": "reads", or "all" there is. Without it the emulator is called itself.
// The client secret is the key then, and the refresh token the name of an account.
export const gateway = env.SPAPI_INTEROP_GATEWAY;

// control steers the emulator itself, which is no part of Amazon's API.
export async function control(method, path, body) {
  const response = await fetch(new URL(`/_emulator/${path}`, env.SPAPI_INTEROP_EMULATOR ?? env.SPAPI_ENDPOINT), { method, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text && JSON.parse(text);
}

// advance lets the emulator's time pass in place of waiting.
export const advance = (duration) => control('POST', 'clock', { advance: duration });

// requests are the emulator's log of what it was asked last.
export const requests = async (query) => (await control('GET', `requests?${query}`)).requests;

// tokenForm is what Login with Amazon is asked, by clients that leave it to their users.
export const tokenForm = new URLSearchParams({
  grant_type: 'refresh_token', refresh_token: seller.refreshToken, client_id: seller.clientId, client_secret: seller.clientSecret,
});

// throttled has the next calls of an operation refused with 429 while run runs.
export async function throttled(operation, times, run) {
  const { id } = await control('POST', 'faults', { kind: 'throttle', operation, limit: times });
  try {
    return await run();
  } finally {
    await control('DELETE', `faults/${id}`);
  }
}

// textOf unpacks and decodes a document.
function textOf({ compressionAlgorithm }, bytes, contentType) {
  const [, charset] = /charset=([^;]+)/i.exec(contentType) ?? [];
  return new TextDecoder(charset ?? 'utf-8').decode(compressionAlgorithm === 'GZIP' ? gunzipSync(bytes) : bytes);
}

// fetchDocument fetches a report, or the processing report of a feed, as clients without a way of their own leave to their users.
export async function fetchDocument(document) {
  const response = await fetch(document.url);
  assert.equal(response.status, 200);
  return textOf(document, Buffer.from(await response.arrayBuffer()), response.headers.get('content-type'));
}

// putDocument uploads a feed, as such clients leave to their users.
export async function putDocument({ url }, content, contentType) {
  const response = await fetch(url, { method: 'PUT', headers: { 'content-type': contentType }, body: content });
  assert.equal(response.status, 200, await response.text());
}

// documentsBy does both with the axios that a client is built on, which heeds the variables for a proxy; Node's fetch doesn't.
export const documentsBy = (axios) => ({
  async fetchDocument(document) {
    const { data, headers } = await axios.get(document.url, { responseType: 'arraybuffer' });
    return textOf(document, data, headers['content-type']);
  },
  putDocument: ({ url }, content, contentType) => axios.put(url, content, { headers: { 'content-type': contentType } }),
});

// settled asks until a report or feed is done.
export async function settled(ask) {
  for (let tries = 0; tries < 20; tries += 1) {
    const job = await ask();
    if (!['IN_QUEUE', 'IN_PROGRESS'].includes(job.processingStatus)) {
      assert.equal(job.processingStatus, 'DONE');
      return job;
    }
    await advance('20s'); // signatures allow five minutes between the clocks in all
  }
  throw new Error('not done after 20 looks');
}

// pages follows a paging operation to its end and returns all items by id; every page has to bring new ones.
export async function pages(fetchPage) {
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

// rowsOf reads a tab-delimited report.
export function rowsOf(text) {
  const [head, ...lines] = text.split(/\r?\n/).filter(Boolean).map((line) => line.split('\t'));
  return lines.map((line) => Object.fromEntries(head.map((name, i) => [name, line[i]])));
}

const steps = [];

// step runs one step and notes how it went; what run returns as counts is printed with it.
export async function step(name, run) {
  const began = performance.now();
  try {
    const result = await run();
    steps.push({ name, ok: true, ms: Math.round(performance.now() - began), counts: result?.counts });
    return result;
  } catch (error) {
    steps.push({ name, ok: false, ms: Math.round(performance.now() - began), error: error.innerMessage ?? error.message, body: error.response?.data ?? error.errors });
    throw error;
  }
}

// run prints the steps of main, and ends the process: a client's timers are no reason to go on.
export async function run(main) {
  let failure;
  try {
    await main();
  } catch (error) {
    failure = error;
  }
  console.log(JSON.stringify({ steps, ok: !failure }));
  if (failure) console.error(failure.stack);
  process.exit(failure ? 1 : 0);
}

const quantityPatch = (quantity) => ({
  op: 'replace', path: '/attributes/fulfillment_availability', value: [{ fulfillment_channel_code: 'DEFAULT', quantity }],
});

const quantityOf = (listing) => listing.fulfillmentAvailability.find((one) => one.fulfillmentChannelCode === 'DEFAULT').quantity;

// walk is the way of every client. Members of client that a client has nothing for are left out, and named in its "without".
//
//   token()                              a new access token
//   orders: {version: page(token)}       {items: [[id, order]], token}
//   order(id)                            {id}
//   createReport(body), report(id)       {reportId}, {processingStatus, reportDocumentId}
//   reportRows(documentId)               rows of a tab-delimited report
//   listing(sku), patch(sku, body)       as Amazon answers
//   createFeedDocument(contentType), upload(document, content, contentType), createFeed(body), feed(id), feedResult(documentId)
//   buyer(id, restricted)                {email, name, street}, undefined where the answer has none
//   throttle(orderId, sku)               what it does about 429, in words, after checking that it does
//   failure(error)                       checks an error about an unknown order, and returns its type and code in words
export async function walk(client) {
  await step('refresh token', async () => assert.match(await client.token(), /^Atza\|/));
  const orders = await walkOrders(client);
  const [orderId] = orders.keys();
  const rows = await walkReport(client);
  const sku = await walkListing(client, rows);
  if (client.createFeed) await walkFeed(client, sku);

  const shipped = shippedOf(orders);
  await step('buyer data: none without a restricted token, and with one', async () => {
    const plain = await client.buyer(shipped, false);
    assert.deepEqual([plain.email, plain.name, plain.street], [undefined, undefined, undefined]);
    const restricted = await client.buyer(shipped, true);
    assert.match(restricted.email, /@marketplace\.amazon\./);
    assert.ok(restricted.name && restricted.street, 'no name or no street');
  });

  await step('429', async () => ({ counts: { answer: await client.throttle(orderId, sku) } }));
  await walkUnknown(client);
}

// walkGateway is the way of a client through "spapi gateway", which no line of it knows of: what its key opens is done, the rest is refused in
// Amazon's own form. Members of client are those of walk, and
//
//   code(error)     the code of a refusal of SP-API
//   login(changes)  asks for a token with other credentials: the error that Login with Amazon calls it by
export async function walkGateway(client) {
  await step('refresh token', async () => assert.match(await client.token(), /^Atza\|/));
  await step('another account, another key', async () => {
    assert.equal(await client.login({ refreshToken: 'nobody' }), 'invalid_grant');
    assert.equal(await client.login({ clientSecret: seller.clientSecret.replace(/.{4}$/, 'AAAA') }), 'invalid_client');
  });
  const orders = await walkOrders(client);
  const shipped = shippedOf(orders);
  const rows = await walkReport(client); // to ask for a report changes nothing
  const sku = skuOf(rows);

  const refused = async (doing) => {
    const error = await doing.then(() => assert.fail('it was done'), (thrown) => thrown);
    assert.equal(client.code(error), 'Unauthorized', error.message);
  };
  if (gateway === 'reads') {
    await step('a write is refused', async () => {
      const { summaries: [{ productType }] } = await client.listing(sku);
      const sent = () => requests('operation=listingsitems20210801.patchListingsItem');
      const before = (await sent()).length;
      await refused(client.patch(sku, { productType, patches: [quantityPatch(1)] }));
      assert.equal((await sent()).length, before);
    });
    await step('a feed is refused', () => refused(client.createFeed({ feedType: 'JSON_LISTINGS_FEED', marketplaceIds: [seller.marketplaceId], inputFeedDocumentId: 'x' })));
    await step('a restricted token is refused, and there is no buyer without one', async () => {
      await refused(client.buyer(shipped, true));
      const plain = await client.buyer(shipped, false);
      assert.deepEqual([plain.email, plain.name, plain.street], [undefined, undefined, undefined]);
    });
  } else {
    await walkListing(client, rows);
    await walkFeed(client, sku);
    await step('buyer data with a restricted token of the client, and with one of the gateway', async () => {
      for (const own of [true, false]) {
        const buyer = await client.buyer(shipped, own);
        assert.match(buyer.email, /@marketplace\.amazon\./);
        assert.ok(buyer.name && buyer.street, 'no name or no street');
      }
    });
  }

  await step('429: the gateway waits, the client sees none', async () => {
    const operation = 'listingsitems20210801.getListingsItem';
    await throttled(operation, 2, async () => assert.equal((await client.listing(sku)).sku, sku));
    assert.deepEqual((await requests(`operation=${operation}&last=3`)).map(({ status }) => status).sort(), [200, 429, 429]);
  });
  await walkUnknown(client);
}

const shippedOf = (orders) => [...orders].find(([, order]) => order.FulfillmentChannel === 'MFN' && order.OrderStatus === 'Shipped')[0];

// A report has a question mark for a letter that its charset hasn't, and no SKU of the world has one.
const skuOf = (rows) => rows.find((row) => row['fulfillment-channel'] === 'DEFAULT' && row.quantity && !row['seller-sku'].includes('?'))['seller-sku'];

async function walkOrders(client) {
  const versions = [];
  for (const [version, page] of Object.entries(client.orders)) {
    versions.push(await step(`orders ${version}, page by page`, async () => {
      const found = await pages(page);
      assert.ok(found.count > 1, 'one page only');
      return { ...found, counts: { orders: found.items.size, pages: found.count } };
    }));
  }
  const [{ items: orders }, ...others] = versions;
  for (const other of others) assert.deepEqual([...other.items.keys()].sort(), [...orders.keys()].sort());
  const [orderId] = orders.keys();
  await step('one order', async () => assert.equal((await client.order(orderId)).id, orderId));
  return orders;
}

const walkReport = (client) => step('report: create, wait, download', async () => {
  const { reportId } = await client.createReport({ reportType: 'GET_MERCHANT_LISTINGS_ALL_DATA', marketplaceIds: [seller.marketplaceId] });
  const { reportDocumentId } = await settled(() => client.report(reportId));
  const found = await client.reportRows(reportDocumentId);
  assert.ok(found.length > 10 && found.every((row) => row['seller-sku'] && row.asin1), 'no listings in the report');
  const names = found.map((row) => row['item-name']).join();
  assert.ok(/[^\x00-\x7f]/.test(names) && !names.includes('\ufffd'), 'the charset was not heeded'); // it isn't UTF-8
  found.counts = { rows: found.length };
  return found;
});

async function walkListing(client, rows) {
  const sku = skuOf(rows);
  await step('listing: get, patch, see the change', async () => {
    const before = await client.listing(sku);
    assert.equal(before.sku, sku);
    const quantity = quantityOf(before) + 17;
    const { status } = await client.patch(sku, { productType: before.summaries[0].productType, patches: [quantityPatch(quantity)] });
    assert.equal(status, 'ACCEPTED');
    let seen;
    for (let tries = 0; tries < 5 && seen !== quantity; tries += 1) {
      seen = quantityOf(await client.listing(sku));
      if (seen !== quantity) await advance('20s');
    }
    assert.equal(seen, quantity);
  });
  return sku;
}

const walkFeed = (client, sku) => step('feed: document, upload, create, wait, processing report', async () => {
  const contentType = 'application/json; charset=UTF-8';
  const document = await client.createFeedDocument(contentType);
  const feed = {
    header: { sellerId: seller.id, version: '2.0', issueLocale: 'en_US' },
    messages: [1, 2].map((messageId) => ({ messageId, sku, operationType: 'PATCH', productType: 'PRODUCT', patches: [quantityPatch(messageId)] })),
  };
  await client.upload(document, JSON.stringify(feed), contentType);
  const { feedId } = await client.createFeed({ feedType: 'JSON_LISTINGS_FEED', marketplaceIds: [seller.marketplaceId], inputFeedDocumentId: document.feedDocumentId });
  const { resultFeedDocumentId } = await settled(() => client.feed(feedId));
  const { summary } = await client.feedResult(resultFeedDocumentId);
  assert.equal(summary.messagesProcessed, 2);
  assert.equal(summary.messagesAccepted, 2);
  return { counts: { messages: summary.messagesProcessed } };
});

const walkUnknown = (client) => step('an unknown order', async () => {
  const error = await client.order(unknownOrder).then(() => assert.fail('found'), (thrown) => thrown);
  return { counts: { error: client.failure(error) } };
});

// sandbox tells that the flow is to walk through the sandbox, by the client's own setting for it.
export const sandbox = process.argv[2] === 'sandbox';

// walkSandbox asks for official cases of orders v0, which the emulator replays with --models.
//
//   orders(createdAfter)   ids of the orders
//   street(orderId)        of the shipping address
//   failure(error)         as walk's
export async function walkSandbox(client) {
  await step('sandbox: the orders of TEST_CASE_200', async () => {
    const ids = await client.orders('TEST_CASE_200');
    assert.ok(ids.length > 0 && ids.every((id) => id.startsWith('902-')), String(ids)); // those of the case, none of the emulator's own
    return { counts: { orders: ids.length } };
  });
  await step('sandbox: buyer data by a plain token', async () => assert.ok(await client.street('TEST_CASE_200')));
  await step('sandbox: the refusal of TEST_CASE_400', async () => {
    const error = await client.orders('TEST_CASE_400').then(() => assert.fail('answered'), (thrown) => thrown);
    return { counts: { error: client.failure(error) } };
  });
}
