// npm @lorenstuff/amazon-selling-partner-api, unmodified: see ../walk.mjs. It has no feeds, and leaves pages and downloads to its users.
import assert from 'node:assert/strict';
import {
  AmazonSellingPartnerAPIClient, AmazonSellingPartnerAPIError, AmazonSellingPartnerListingsAPIClient, AmazonSellingPartnerOrdersAPIClient,
  AmazonSellingPartnerReportsAPIClient, AmazonSellingPartnerTokensAPIClient,
} from '@lorenstuff/amazon-selling-partner-api';
import { fetchDocument, rowsOf, run, sandbox, seller, since, throttled, walk, walkSandbox } from '../walk.mjs';

const marketplaceIds = [seller.marketplaceId];

await run(async () => {
  const client = new AmazonSellingPartnerAPIClient({
    refreshToken: seller.refreshToken, clientIdentifier: seller.clientId, clientSecret: seller.clientSecret,
    apiEndpoint: `https://${sandbox ? 'sandbox.' : ''}sellingpartnerapi-na.amazon.com`, awsRegion: 'us-east-1',
  });
  const orders = new AmazonSellingPartnerOrdersAPIClient(client);
  const listings = new AmazonSellingPartnerListingsAPIClient(client);
  const reports = new AmazonSellingPartnerReportsAPIClient(client);
  const tokens = new AmazonSellingPartnerTokensAPIClient(client);

  const members = {
    token: async () => (await client.getCurrentAccessToken()).accessToken,
    orders: {
      // Its getOrders sends a NextToken without MarketplaceIds, which Amazon refuses; its plain requests take both.
      async v0(NextToken) {
        const query = { MarketplaceIds: marketplaceIds, CreatedAfter: since, MaxResultsPerPage: 100 };
        if (NextToken) await assert.rejects(orders.getOrders({ ...query, NextToken }), { statusCode: 400 });
        const { payload } = NextToken
          ? await (await client.request({ method: 'GET', path: '/orders/v0/orders', searchParams: new URLSearchParams({ ...query, NextToken }) })).json()
          : await orders.getOrders(query);
        return { items: payload.Orders.map((order) => [order.AmazonOrderId, order]), token: payload.NextToken };
      },
    },
    order: async (orderId) => ({ id: (await orders.getOrder(orderId)).payload.AmazonOrderId }),
    createReport: (body) => reports.createReport(body),
    report: (reportId) => reports.getReport(reportId),
    reportRows: async (id) => rowsOf(await fetchDocument(await reports.getReportDocument(id))),
    // It puts the SKU into the path as it is given: one with a slash or a space has to be encoded by its user.
    listing: (sku) => listings.getListingsItem(seller.id, encodeURIComponent(sku), { marketplaceIds, includedData: ['summaries', 'fulfillmentAvailability'] }),
    patch: (sku, body) => listings.patchListingsItem(seller.id, encodeURIComponent(sku), { marketplaceIds }, body),
    async buyer(orderId, restricted) {
      let token;
      if (restricted) {
        const { restrictedDataToken, expiresIn } = await tokens.createRestrictedDataToken({
          restrictedResources: [{ method: 'GET', path: `/orders/v0/orders/${orderId}`, dataElements: ['buyerInfo', 'shippingAddress'] }],
        });
        token = client.addAccessToken({ accessToken: restrictedDataToken, expiresTimestamp: Date.now() / 1000 + expiresIn });
      }
      const { payload: order } = await orders.getOrder(orderId);
      if (token) client.removeAccessToken(token);
      return { email: order.BuyerInfo?.BuyerEmail, name: order.ShippingAddress?.Name, street: order.ShippingAddress?.AddressLine1 };
    },
    async throttle(orderId) {
      await throttled('ordersv0.getOrder', 1, () => assert.rejects(orders.getOrder(orderId), (error) => {
        assert.ok(error instanceof AmazonSellingPartnerAPIError);
        assert.deepEqual([error.statusCode, error.errors[0].code], [429, 'QuotaExceeded']);
        return true;
      }));
      return 'AmazonSellingPartnerAPIError with statusCode 429';
    },
    failure(error) {
      assert.ok(error instanceof AmazonSellingPartnerAPIError, error.message);
      assert.ok([400, 404].includes(error.statusCode) && error.requestId);
      return `AmazonSellingPartnerAPIError with statusCode ${error.statusCode}, ${error.errors[0].code}`;
    },
  };
  if (sandbox) {
    return walkSandbox({
      orders: async (CreatedAfter) => (await orders.getOrders({ MarketplaceIds: marketplaceIds, CreatedAfter })).payload.Orders.map((order) => order.AmazonOrderId),
      street: async (orderId) => (await orders.getOrderAddress(orderId)).payload.ShippingAddress.AddressLine1,
      failure: members.failure,
    });
  }
  await walk(members);
});
