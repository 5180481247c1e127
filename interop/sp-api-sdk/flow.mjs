// npm @sp-api-sdk, unmodified: its token handling and seven of its API packages. See ../walk.mjs. It leaves pages, uploads and downloads to its users.
import assert from 'node:assert/strict';
import { SellingPartnerApiAuth, SellingPartnerApiAuthError } from '@sp-api-sdk/auth';
import { CatalogItemsApiClient } from '@sp-api-sdk/catalog-items-api-2022-04-01';
import { FeedsApiClient } from '@sp-api-sdk/feeds-api-2021-06-30';
import { ListingsItemsApiClient } from '@sp-api-sdk/listings-items-api-2021-08-01';
import { OrdersApiClient } from '@sp-api-sdk/orders-api-2026-01-01';
import { OrdersApiClient as OrdersV0Client } from '@sp-api-sdk/orders-api-v0';
import { ReportsApiClient } from '@sp-api-sdk/reports-api-2021-06-30';
import { TokensApiClient } from '@sp-api-sdk/tokens-api-2021-03-01';
import axios from 'axios';
import { documentsBy, gateway, rowsOf, run, sandbox, seller, since, step, throttled, walk, walkGateway, walkSandbox } from '../walk.mjs';

const marketplaceIds = [seller.marketplaceId];
const sellerId = seller.id;
const { fetchDocument, putDocument } = documentsBy(axios);
const credentials = { clientId: seller.clientId, clientSecret: seller.clientSecret, refreshToken: seller.refreshToken };

await run(async () => {
  const auth = new SellingPartnerApiAuth(credentials);
  const configuration = { auth, region: seller.region, sandbox };
  const modern = new OrdersApiClient(configuration);
  const orders = new OrdersV0Client(configuration);
  const listings = new ListingsItemsApiClient(configuration);
  const reports = new ReportsApiClient(configuration);
  const feeds = new FeedsApiClient(configuration);
  const data = async (answer) => (await answer).data;

  const client = {
    token: () => auth.getAccessToken(),
    orders: {
      async v0(nextToken) {
        const { payload } = await data(orders.getOrders({ marketplaceIds, createdAfter: since, maxResultsPerPage: 100, nextToken }));
        return { items: payload.Orders.map((order) => [order.AmazonOrderId, order]), token: payload.NextToken };
      },
      async '2026-01-01'(paginationToken) {
        const page = await data(modern.searchOrders({ marketplaceIds, createdAfter: since, maxResultsPerPage: 100, paginationToken }));
        return { items: page.orders.map((order) => [order.orderId, order]), token: page.pagination?.nextToken };
      },
    },
    order: async (orderId) => ({ id: (await data(modern.getOrder({ orderId }))).order.orderId }),
    createReport: (body) => data(reports.createReport({ body })),
    report: (reportId) => data(reports.getReport({ reportId })),
    reportRows: async (reportDocumentId) => rowsOf(await fetchDocument(await data(reports.getReportDocument({ reportDocumentId })))),
    listing: (sku) => data(listings.getListingsItem({ sellerId, sku, marketplaceIds, includedData: ['summaries', 'fulfillmentAvailability'] })),
    patch: (sku, body) => data(listings.patchListingsItem({ sellerId, sku, marketplaceIds, body })),
    createFeedDocument: (contentType) => data(feeds.createFeedDocument({ body: { contentType } })),
    upload: putDocument,
    createFeed: (body) => data(feeds.createFeed({ body })),
    feed: (feedId) => data(feeds.getFeed({ feedId })),
    feedResult: async (feedDocumentId) => JSON.parse(await fetchDocument(await data(feeds.getFeedDocument({ feedDocumentId })))),
    async buyer(orderId, restricted) {
      const body = { restrictedResources: [{ method: 'GET', path: `/orders/v0/orders/${orderId}`, dataElements: ['buyerInfo', 'shippingAddress'] }] };
      const client = restricted
        ? new OrdersV0Client({ ...configuration, restrictedDataToken: (await data(new TokensApiClient(configuration).createRestrictedDataToken({ body }))).restrictedDataToken })
        : orders;
      const { payload: order } = await data(client.getOrder({ orderId }));
      return { email: order.BuyerInfo?.BuyerEmail, name: order.ShippingAddress?.Name, street: order.ShippingAddress?.AddressLine1 };
    },
    async throttle(orderId, sku) {
      const ask = (client) => client.getListingsItem({ sellerId, sku, marketplaceIds });
      await throttled('listingsitems20210801.getListingsItem', 1, () => assert.rejects(ask(listings), (error) => error.response.status === 429));
      let retries = 0;
      const retrying = new ListingsItemsApiClient({ ...configuration, rateLimiting: { retry: true, onRetry: () => { retries += 1; } } });
      await throttled('listingsitems20210801.getListingsItem', 1, () => ask(retrying));
      assert.equal(retries, 1);
      return 'SellingPartnerApiError; with rateLimiting.retry repeated until it passed';
    },
    failure(error) {
      assert.equal(error.name, 'SellingPartnerApiError');
      assert.ok([400, 404].includes(error.response.status), String(error.response.status));
      return `SellingPartnerApiError with status ${error.response.status}, ${error.response.data.errors[0].code} in response.data`;
    },
    code: (error) => error.response.data.errors[0].code,
    login: (changes) => new SellingPartnerApiAuth({ ...credentials, ...changes }).getAccessToken().then(() => 'none', (error) => error.response.data.error),
  };
  if (sandbox) {
    return walkSandbox({
      orders: async (createdAfter) => (await data(orders.getOrders({ marketplaceIds, createdAfter }))).payload.Orders.map((order) => order.AmazonOrderId),
      street: async (orderId) => (await data(orders.getOrderAddress({ orderId }))).payload.ShippingAddress.AddressLine1,
      failure: client.failure,
    });
  }
  if (gateway) return walkGateway(client);
  await walk(client);

  await step('catalog search and item', async () => {
    const catalog = new CatalogItemsApiClient(configuration);
    const { items, numberOfResults } = await data(catalog.searchCatalogItems({ marketplaceIds, keywords: ['pen'], includedData: ['summaries'] }));
    assert.ok(items.length > 0 && numberOfResults >= items.length);
    const [{ asin, summaries: [{ itemName }] }] = items;
    const one = await data(catalog.getCatalogItem({ asin, marketplaceIds, includedData: ['summaries', 'identifiers'] }));
    assert.deepEqual([one.asin, one.summaries[0].itemName], [asin, itemName]);
    return { counts: { items: numberOfResults } };
  });

  await step('an upload with another content type than was declared is refused', async () => {
    const { url } = await data(feeds.createFeedDocument({ body: { contentType: 'application/json; charset=UTF-8' } }));
    await assert.rejects(putDocument({ url }, '{}', 'text/plain'), (error) => {
      assert.equal(error.response.status, 403);
      assert.match(error.response.data, /SignatureDoesNotMatch/);
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
});
