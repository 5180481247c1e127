// npm @amazon-sp-api-release/amazon-sp-api-sdk-js, Amazon's own, unmodified: see ../walk.mjs. It leaves pages, uploads and downloads to its users.
import assert from 'node:assert/strict';
import * as sdk from '@amazon-sp-api-release/amazon-sp-api-sdk-js';
import {
  CatalogitemsSpApi, FeedsSpApi, ListingsitemsSpApi, LwaAuthClient, Orders_v2026SpApi, OrdersSpApi, RateLimitConfiguration, ReportsSpApi, SellersSpApi,
} from '@amazon-sp-api-release/amazon-sp-api-sdk-js';
import { fetchDocument, gateway, putDocument, requests, rowsOf, run, sandbox, seller, since, step, throttled, walk, walkGateway, walkSandbox } from '../walk.mjs';

const marketplaceIds = [seller.marketplaceId];
const endpoint = `https://${sandbox ? 'sandbox.' : ''}sellingpartnerapi-na.amazon.com`;
const credentials = [seller.clientId, seller.clientSecret, seller.refreshToken];

await run(async () => {
  const api = (space, name) => new space[name](new space.ApiClient(endpoint).enableAutoRetrievalAccessToken(...credentials));
  const orders = api(OrdersSpApi, 'OrdersV0Api');
  const searchOrders = api(Orders_v2026SpApi, 'SearchOrdersApi');
  const listings = api(ListingsitemsSpApi, 'ListingsApi');
  const reports = api(ReportsSpApi, 'ReportsApi');
  const feeds = api(FeedsSpApi, 'FeedsApi');

  const client = {
    token: () => new LwaAuthClient(...credentials).getAccessToken(),
    orders: {
      async v0(nextToken) {
        const { payload } = await orders.getOrders(marketplaceIds, { createdAfter: since, maxResultsPerPage: 100, nextToken });
        const items = payload.orders.map(({ amazonOrderId, fulfillmentChannel, orderStatus }) => [amazonOrderId, { FulfillmentChannel: fulfillmentChannel, OrderStatus: orderStatus }]);
        return { items, token: payload.nextToken };
      },
      async '2026-01-01'(paginationToken) {
        const page = await searchOrders.searchOrders({ marketplaceIds, createdAfter: since, maxResultsPerPage: 100, paginationToken });
        return { items: page.orders.map((order) => [order.orderId, order]), token: page.pagination?.nextToken };
      },
    },
    order: async (orderId) => ({ id: (await orders.getOrder(orderId)).payload.amazonOrderId }),
    createReport: (body) => reports.createReport(body),
    report: (reportId) => reports.getReport(reportId),
    reportRows: async (id) => rowsOf(await fetchDocument(await reports.getReportDocument(id))),
    listing: (sku) => listings.getListingsItem(seller.id, sku, marketplaceIds, { includedData: ['summaries', 'fulfillmentAvailability'] }),
    patch: (sku, body) => listings.patchListingsItem(seller.id, sku, marketplaceIds, body),
    createFeedDocument: (contentType) => feeds.createFeedDocument({ contentType }),
    upload: putDocument,
    createFeed: (body) => feeds.createFeed(body),
    feed: (feedId) => feeds.getFeed(feedId),
    feedResult: async (id) => JSON.parse(await fetchDocument(await feeds.getFeedDocument(id))),
    async buyer(orderId, restricted) {
      const client = new OrdersSpApi.ApiClient();
      if (restricted) client.enableAutoRetrievalRestrictedDataToken(...credentials, ['buyerInfo', 'shippingAddress']);
      else client.enableAutoRetrievalAccessToken(...credentials);
      const { payload: order } = await new OrdersSpApi.OrdersV0Api(client).getOrder(orderId);
      return { email: order.buyerInfo?.buyerEmail, name: order.shippingAddress?.name, street: order.shippingAddress?.addressLine1 };
    },
    async throttle(orderId) {
      await throttled('ordersv0.getOrder', 1, () => assert.rejects(orders.getOrder(orderId), (error) => {
        assert.equal(error.status, 429);
        assert.equal(error.response.body.errors[0].code, 'QuotaExceeded');
        return true;
      }));
      return 'an error with status 429, QuotaExceeded in response.body';
    },
    failure(error) {
      assert.ok([400, 404].includes(error.status), error.message);
      assert.ok(error.response.headers['x-amzn-requestid']);
      return `${error.constructor.name} with status ${error.status}, ${error.response.body.errors[0].code} in response.body`;
    },
  };
  client.code = (error) => error.response.body.errors[0].code;
  client.login = ({ refreshToken = seller.refreshToken, clientSecret = seller.clientSecret }) => new LwaAuthClient(seller.clientId, clientSecret, refreshToken)
    .getAccessToken().then(() => 'none', (error) => error.response.body.error);
  if (sandbox) {
    return walkSandbox({
      orders: async (createdAfter) => (await orders.getOrders(marketplaceIds, { createdAfter })).payload.orders.map((order) => order.amazonOrderId),
      street: async (orderId) => (await orders.getOrderAddress(orderId)).payload.shippingAddress.addressLine1,
      failure: client.failure,
    });
  }
  if (gateway) return walkGateway(client);
  await walk(client);

  await step('catalog search', async () => {
    const { items, numberOfResults } = await api(CatalogitemsSpApi, 'CatalogApi').searchCatalogItems(marketplaceIds, { keywords: ['pen'], includedData: ['summaries'] });
    assert.ok(items.length > 0 && numberOfResults >= items.length);
    return { counts: { items: numberOfResults } };
  });

  await step('every operation that it has', async () => {
    const token = await new LwaAuthClient(...credentials).getAccessToken();
    const unknown = [];
    let operations = 0;
    for (const space of Object.values(sdk).filter((one) => one.ApiClient)) {
      const client = new space.ApiClient(endpoint).applyXAmzAccessTokenToRequest(token);
      client.disableRateLimiter();
      for (const [name, Api] of Object.entries(space).filter(([, one]) => one.prototype?.getRateLimiter)) {
        const of = new Api(client);
        for (const operation of Object.getOwnPropertyNames(Api.prototype).filter((one) => one.endsWith('WithHttpInfo'))) {
          operations += 1;
          // A list of one text will do for every parameter: most are refused by the emulator, which is an answer.
          await of[operation](...Array(of[operation].length).fill(['x'])).catch((error) => assert.ok(error.status, error));
          if (!(await requests('last=1'))[0].operation) unknown.push(`${name}.${operation}`);
        }
      }
    }
    assert.deepEqual(unknown, []);
    return { counts: { operations } };
  });

  await step('its own limiter refuses what is above it, and asks nothing', async () => {
    const client = new SellersSpApi.ApiClient().enableAutoRetrievalAccessToken(...credentials);
    client.setCustomizedRateLimiterForOperation('SellersApi-getMarketplaceParticipations', new RateLimitConfiguration(0.01, 1)); // however long the first call takes
    const sellers = new SellersSpApi.SellersApi(client);
    const before = (await requests('operation=sellersv1.getMarketplaceParticipations')).length;
    assert.ok((await sellers.getMarketplaceParticipations()).payload.length > 0);
    await assert.rejects(sellers.getMarketplaceParticipations(), /Rate limit exceed error/);
    const asked = await requests('operation=sellersv1.getMarketplaceParticipations');
    assert.equal(asked.length - before, 1);
  });
});
