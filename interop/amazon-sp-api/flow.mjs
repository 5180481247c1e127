// npm amazon-sp-api of today, unmodified: see ../walk.mjs.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SellingPartner } from 'amazon-sp-api';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { advance, control, gateway, requests, run, sandbox, seller, since, step, throttled, walk, walkGateway, walkSandbox } from '../walk.mjs';
import { members, newClient, sandboxMembers } from './client.mjs';

const marketplaceIds = [seller.marketplaceId];

await run(async () => {
  if (sandbox) return walkSandbox(sandboxMembers(newClient(SellingPartner, { use_sandbox: true })));
  const sp = newClient(SellingPartner);
  const client = members(sp);
  client.orders['2026-01-01'] = async (paginationToken) => {
    const page = await sp.callAPI({
      operation: 'orders.searchOrders',
      query: { marketplaceIds, createdAfter: since, maxResultsPerPage: 100, ...(paginationToken && { paginationToken }) },
      options: { version: '2026-01-01' },
    });
    return { items: page.orders.map((order) => [order.orderId, order]), token: page.pagination?.nextToken };
  };
  if (gateway) return walkGateway(client);
  await walk(client);

  // The report types differ in how their documents come: tab-delimited text, or JSON that is compressed.
  for (const [reportType, dates] of [['GET_MERCHANT_LISTINGS_ALL_DATA', {}], ['GET_SALES_AND_TRAFFIC_REPORT', { dataStartTime: daysAgo(3), dataEndTime: daysAgo(2) }]]) {
    await step(`downloadReport ${reportType} as JSON`, async () => {
      const time = setInterval(() => advance('20s'), 100);
      try {
        const got = await sp.downloadReport({ body: { reportType, marketplaceIds, ...dates }, interval: 150, download: { json: true } });
        const report = typeof got === 'string' ? JSON.parse(got) : got; // it parses text/plain and XML, and leaves application/json to its user
        const rows = Array.isArray(report) ? report : report.salesAndTrafficByAsin;
        assert.ok(rows.length > 1 && (rows[0]['seller-sku'] || rows[0].parentAsin), JSON.stringify(report).slice(0, 300));
        return { counts: { rows: rows.length } };
      } finally {
        clearInterval(time);
      }
    });
  }

  await step('downloadReportStream', async () => {
    const time = setInterval(() => advance('20s'), 100);
    try {
      const stream = await sp.downloadReportStream({ body: { reportType: 'GET_FLAT_FILE_OPEN_LISTINGS_DATA', marketplaceIds }, interval: 150 });
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      const lines = Buffer.concat(chunks).toString().split(/\r?\n/).filter(Boolean);
      assert.ok(lines[0].startsWith('sku\t'), lines[0]);
      return { counts: { rows: lines.length - 1 } };
    } finally {
      clearInterval(time);
    }
  });

  await step('upload from a file in ISO-8859-1 sends UTF-8 all the same', async () => {
    const contentType = 'text/tab-separated-values; charset=ISO-8859-1';
    const file = join(tmpdir(), `spapi-interop-${process.pid}.txt`);
    await writeFile(file, Buffer.from('sku\titem-name\nBLUE-1\tStift für alle\n', 'latin1'));
    try {
      const document = await sp.callAPI({ operation: 'feeds.createFeedDocument', body: { contentType } });
      await sp.upload(document, { file, contentType });
      const sent = await sp.callAPI({ operation: 'feeds.getFeedDocument', path: { feedDocumentId: document.feedDocumentId } });
      const bytes = Buffer.from(await (await fetch(sent.url)).arrayBuffer());
      assert.ok(bytes.includes('für alle', 0, 'utf8') && !bytes.includes('für alle', 0, 'latin1'), bytes.toString('latin1'));
    } finally {
      await rm(file);
    }
  });

  await step('an access token that has expired is renewed', async () => {
    await control('POST', 'tokens/expire');
    await sp.callAPI({ operation: 'sellers.getMarketplaceParticipations' });
    const [last, renewed, refused] = (await requests('last=3')).reverse();
    assert.deepEqual([refused.status, renewed.operation, last.status], [403, 'lwa.token', 200]);
  });

  await step('auto_request_throttled: false gives the error', async () => {
    const patient = newClient(SellingPartner, { auto_request_throttled: false });
    await throttled('sellersv1.getMarketplaceParticipations', 1, () => assert.rejects(
      patient.callAPI({ operation: 'sellers.getMarketplaceParticipations' }), { code: 'QuotaExceeded' },
    ));
  });

  await step('grantless operations', async () => {
    const grantless = newClient(SellingPartner, { only_grantless_operations: true });
    assert.deepEqual(await grantless.callAPI({ operation: 'notifications.getDestinations' }), []);
  });

  await step('https_proxy_agent', async () => {
    let connected = 0;
    class Agent extends HttpsProxyAgent {
      connect(...args) {
        connected += 1;
        return super.connect(...args);
      }
    }
    const proxied = newClient(SellingPartner, { https_proxy_agent: new Agent(process.env.HTTPS_PROXY) });
    assert.ok((await proxied.callAPI({ operation: 'sellers.getMarketplaceParticipations' })).length > 0);
    assert.equal(connected, 2); // for the token, and for the call
  });

  await step('retry_remote_timeout, which is on by default, creates a report for every lost answer', async () => {
    const eager = newClient(SellingPartner, { retry_remote_timeout: true });
    await control('POST', 'faults', { kind: 'reset', operation: 'reports20210630.createReport', limit: 2, carried_out: true });
    const before = (await requests('operation=reports20210630.createReport')).length;
    await eager.callAPI({ operation: 'reports.createReport', body: { reportType: 'GET_FLAT_FILE_OPEN_LISTINGS_DATA', marketplaceIds } });
    assert.equal((await requests('operation=reports20210630.createReport')).length - before, 3);
  });

  await step('429 by api_path is repeated at once, as often as it comes', async () => {
    const began = performance.now();
    await throttled('sellersv1.getMarketplaceParticipations', 10, () => sp.callAPI({ api_path: '/sellers/v1/marketplaceParticipations', method: 'GET' }));
    assert.ok(performance.now() - began < 10_000, 'it waits'); // for a minute each, by its own table of restore rates
  });

  await step('an upload destination: its slashes are escaped, which Amazon refuses, unless api_path is used', async () => {
    const resource = 'messaging/v1/orders/902-0000000-0000001/messages/invoice';
    const query = { marketplaceIds, contentMD5: '1B2M2Y8AsgTpgAmY7PhCfg==' };
    await assert.rejects(sp.callAPI({ operation: 'uploads.createUploadDestinationForResource', path: { resource }, query }), { code: 'Unauthorized' });
    const { uploadDestinationId } = await sp.callAPI({ api_path: `/uploads/2020-11-01/uploadDestinations/${resource}`, method: 'POST', query });
    assert.ok(uploadDestinationId);
  });

  await step('getPricing by SKU: escaped twice, which Amazon took until October 2022, unless api_path is used', async () => {
    const Skus = ['shelf 0055'];
    const query = { MarketplaceId: seller.marketplaceId, ItemType: 'Sku', Skus };
    const [twice] = await sp.callAPI({ operation: 'productPricing.getPricing', query, options: { version: 'v0' } });
    assert.deepEqual([twice.SellerSKU, twice.status], ['shelf%200055', 'ClientError']);
    const [once] = await sp.callAPI({ api_path: '/products/pricing/v0/price', method: 'GET', query });
    assert.deepEqual([once.SellerSKU, once.status], [Skus[0], 'Success']);
  });

  await step('every operation that it has', async () => {
    const eager = newClient(SellingPartner, { auto_request_throttled: false });
    const broken = [];
    const unknown = [];
    let operations = 0;
    for (const [endpoint, { __versions }] of Object.entries(eager.endpoints)) {
      for (const version of __versions) {
        for (const operation of Object.keys(eager.endpoints[endpoint][version]).filter((name) => eager.endpoints[endpoint].__operations.includes(name))) {
          operations += 1;
          const path = new Proxy({ notificationType: 'ORDER_CHANGE' }, { get: (given, name) => given[name] ?? 'x' });
          try {
            await eager.callAPI({ operation: `${endpoint}.${operation}`, path, body: {}, options: { version, raw_result: true } });
          } catch (error) {
            broken.push(`${endpoint}.${operation}: ${error.message}`);
            continue;
          }
          if (!(await requests('last=1'))[0].operation) unknown.push(`${endpoint}.${operation}`);
        }
      }
    }
    const missing = ['getAccount', 'listAccountBalances', 'getTransaction', 'getTransferSchedule', 'deleteScheduleTransaction'];
    assert.deepEqual(broken, ['fbaInventory.deleteInventoryItem', ...missing.map((name) => `sellerWallet.${name}`)].map((name) => `${name}: utils is not defined`));
    assert.deepEqual(unknown, ['messaging.createNegativeFeedbackRemoval', 'messaging.CreateAmazonMotors']); // gone from Amazon's models, and from its own SDK
    return { counts: { operations, broken: broken.length, unknown: unknown.length } };
  });

  await step('the same object for a second call: the first path is called again', async () => {
    const request = { operation: 'reports.getReport', path: { reportId: '1' }, options: { raw_result: true } };
    await sp.callAPI(request);
    await sp.callAPI(Object.assign(request, { path: { reportId: '2' } }));
    const paths = (await requests('last=2')).map((one) => one.path);
    assert.deepEqual(paths, ['/reports/2021-06-30/reports/1', '/reports/2021-06-30/reports/1']);
  });
});

function daysAgo(days) {
  return new Date(Date.now() - days * 86_400_000).toISOString().replace(/T.*/, 'T00:00:00Z');
}
