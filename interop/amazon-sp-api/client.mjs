// What flow.mjs needs of npm amazon-sp-api, for the version of today and for 0.8.5, which signs: both are called alike.
import assert from 'node:assert/strict';
import { rowsOf, seller, since, throttled } from '../walk.mjs';

export function newClient(SellingPartner, options, credentials, region = seller.region) {
  return new SellingPartner({
    region,
    refresh_token: seller.refreshToken,
    credentials: { SELLING_PARTNER_APP_CLIENT_ID: seller.clientId, SELLING_PARTNER_APP_CLIENT_SECRET: seller.clientSecret, ...credentials },
    // By default it repeats a request whose connection was reset, at once and without end; better an error here.
    options: { retry_remote_timeout: false, ...options },
  });
}

// sandboxMembers are those of walkSandbox's client.
export function sandboxMembers(sp) {
  const MarketplaceIds = [seller.marketplaceId];
  return {
    orders: async (CreatedAfter) => (await sp.callAPI({ operation: 'orders.getOrders', query: { MarketplaceIds, CreatedAfter } })).Orders.map((order) => order.AmazonOrderId),
    street: async (orderId) => (await sp.callAPI({ operation: 'orders.getOrderAddress', path: { orderId } })).ShippingAddress.AddressLine1,
    failure: members(sp).failure,
  };
}

// members are those of walk's client.
export function members(sp) {
  const marketplaceIds = [seller.marketplaceId];
  const listings = { version: '2021-08-01' };
  const call = (operation, rest = {}) => sp.callAPI({ operation, ...rest });
  const document = async (operation, name, id, options) => sp.download(await call(operation, { path: { [name]: id } }), options);
  return {
    async token() {
      await sp.refreshAccessToken();
      return sp.access_token;
    },
    orders: {
      async v0(NextToken) {
        const query = { MarketplaceIds: marketplaceIds, CreatedAfter: since, MaxResultsPerPage: 100, ...(NextToken && { NextToken }) };
        const page = await call('orders.getOrders', { query });
        return { items: page.Orders.map((order) => [order.AmazonOrderId, order]), token: page.NextToken };
      },
    },
    order: async (orderId) => ({ id: (await call('orders.getOrder', { path: { orderId } })).AmazonOrderId }),
    createReport: (body) => call('reports.createReport', { body }),
    report: (reportId) => call('reports.getReport', { path: { reportId } }),
    reportRows: async (id) => rowsOf(await document('reports.getReportDocument', 'reportDocumentId', id)),
    listing: (sku) => call('listingsItems.getListingsItem', {
      path: { sellerId: seller.id, sku }, query: { marketplaceIds, includedData: ['summaries', 'fulfillmentAvailability'] }, options: listings,
    }),
    patch: (sku, body) => call('listingsItems.patchListingsItem', { path: { sellerId: seller.id, sku }, query: { marketplaceIds }, body, options: listings }),
    createFeedDocument: (contentType) => call('feeds.createFeedDocument', { body: { contentType } }),
    upload: (to, content, contentType) => sp.upload(to, { content, contentType }),
    createFeed: (body) => call('feeds.createFeed', { body }),
    feed: (feedId) => call('feeds.getFeed', { path: { feedId } }),
    feedResult: async (id) => JSON.parse(await document('feeds.getFeedDocument', 'feedDocumentId', id)),
    async buyer(orderId, restricted) {
      const path = `/orders/v0/orders/${orderId}`;
      const restricted_data_token = restricted && (await call('tokens.createRestrictedDataToken', {
        body: { restrictedResources: [{ method: 'GET', path, dataElements: ['buyerInfo', 'shippingAddress'] }] },
      })).restrictedDataToken;
      const order = await call('orders.getOrder', { path: { orderId }, ...(restricted && { restricted_data_token }) });
      return { email: order.BuyerInfo?.BuyerEmail, name: order.ShippingAddress?.Name, street: order.ShippingAddress?.AddressLine1 };
    },
    async throttle(orderId) {
      const answer = await throttled('ordersv0.getOrder', 2, () => call('orders.getOrder', { path: { orderId }, options: { restore_rate: 0.05 } }));
      assert.equal(answer.AmazonOrderId, orderId);
      return 'repeated after the restore rate until it passed';
    },
    failure(error) {
      assert.equal(error.constructor.name, 'CustomError');
      assert.equal(error.type, 'error');
      assert.ok(['NotFound', 'InvalidInput'].includes(error.code), error.code);
      return `CustomError ${error.code}`;
    },
    code: (error) => error.code,
    async login({ refreshToken = seller.refreshToken, clientSecret = seller.clientSecret }) {
      const stranger = new sp.constructor({
        region: seller.region, refresh_token: refreshToken,
        credentials: { SELLING_PARTNER_APP_CLIENT_ID: seller.clientId, SELLING_PARTNER_APP_CLIENT_SECRET: clientSecret },
      });
      return stranger.refreshAccessToken().then(() => 'none', (error) => error.code);
    },
  };
}
