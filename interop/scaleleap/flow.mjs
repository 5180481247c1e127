// npm @scaleleap/selling-partner-api-sdk, unmodified: see ../walk.mjs. It leaves tokens, pages, uploads and downloads to its users.
import assert from 'node:assert/strict';
import {
  CatalogItemsApiClientV20220401, FeedsApiClientV20210630, ListingsItemsApiClientV20210801, OrdersApiClient, ReportsApiClientV20210630,
  SellingPartnerBadRequestError, SellingPartnerNotFoundError, SellingPartnerTooManyRequestsError, TokensApiClient,
} from '@scaleleap/selling-partner-api-sdk';
import axios from 'axios';
import { documentsBy, rowsOf, run, sandbox, seller, since, step, throttled, tokenForm, walk, walkSandbox } from '../walk.mjs';

const marketplaceIds = [seller.marketplaceId];
const { fetchDocument, putDocument } = documentsBy(axios);

await run(async () => {
  let parameters;
  const made = new Map();
  // of makes each API's client once, with the token that the flow has fetched.
  const of = (Client) => made.get(Client) ?? made.set(Client, new Client(parameters)).get(Client);
  const data = async (answer) => (await answer).data;

  const client = {
    async token() {
      const { data: token } = await axios.post('https://api.amazon.com/auth/o2/token', tokenForm);
      parameters = { accessToken: token.access_token, region: 'us-east-1', basePath: `https://${sandbox ? 'sandbox.' : ''}sellingpartnerapi-na.amazon.com` };
      return parameters.accessToken;
    },
    orders: {
      async v0(nextToken) {
        const { payload } = await data(of(OrdersApiClient).getOrders({ marketplaceIds, createdAfter: since, maxResultsPerPage: 100, nextToken }));
        return { items: payload.Orders.map((order) => [order.AmazonOrderId, order]), token: payload.NextToken };
      },
    },
    order: async (orderId) => ({ id: (await data(of(OrdersApiClient).getOrder({ orderId }))).payload.AmazonOrderId }),
    createReport: (body) => data(of(ReportsApiClientV20210630).createReport({ body })),
    report: (reportId) => data(of(ReportsApiClientV20210630).getReport({ reportId })),
    reportRows: async (reportDocumentId) => rowsOf(await fetchDocument(await data(of(ReportsApiClientV20210630).getReportDocument({ reportDocumentId })))),
    listing: (sku) => data(of(ListingsItemsApiClientV20210801).getListingsItem({
      sellerId: seller.id, sku, marketplaceIds, includedData: ['summaries', 'fulfillmentAvailability'],
    })),
    patch: (sku, body) => data(of(ListingsItemsApiClientV20210801).patchListingsItem({ sellerId: seller.id, sku, marketplaceIds, body })),
    createFeedDocument: (contentType) => data(of(FeedsApiClientV20210630).createFeedDocument({ body: { contentType } })),
    upload: putDocument,
    createFeed: (body) => data(of(FeedsApiClientV20210630).createFeed({ body })),
    feed: (feedId) => data(of(FeedsApiClientV20210630).getFeed({ feedId })),
    feedResult: async (feedDocumentId) => JSON.parse(await fetchDocument(await data(of(FeedsApiClientV20210630).getFeedDocument({ feedDocumentId })))),
    async buyer(orderId, restricted) {
      let orders = of(OrdersApiClient);
      if (restricted) {
        const { restrictedDataToken } = await data(of(TokensApiClient).createRestrictedDataToken({
          body: { restrictedResources: [{ method: 'GET', path: `/orders/v0/orders/${orderId}`, dataElements: ['buyerInfo', 'shippingAddress'] }] },
        }));
        orders = new OrdersApiClient({ ...parameters, accessToken: restrictedDataToken });
      }
      const { payload: order } = await data(orders.getOrder({ orderId }));
      return { email: order.BuyerInfo?.BuyerEmail, name: order.ShippingAddress?.Name, street: order.ShippingAddress?.AddressLine1 };
    },
    async throttle(orderId) {
      await throttled('ordersv0.getOrder', 1, () => assert.rejects(of(OrdersApiClient).getOrder({ orderId }), (error) => {
        assert.ok(error instanceof SellingPartnerTooManyRequestsError);
        assert.equal(error.code, 'QuotaExceeded');
        assert.equal(error.rateLimit, undefined); // Amazon sends no limit with a 429
        return true;
      }));
      return 'SellingPartnerTooManyRequestsError QuotaExceeded';
    },
    failure(error) {
      assert.ok(error instanceof SellingPartnerNotFoundError || error instanceof SellingPartnerBadRequestError, error.constructor.name);
      assert.ok(error.requestId);
      return `${error.constructor.name} ${error.code}`;
    },
  };
  if (sandbox) {
    await client.token();
    return walkSandbox({
      orders: async (createdAfter) => (await data(of(OrdersApiClient).getOrders({ marketplaceIds, createdAfter }))).payload.Orders.map((order) => order.AmazonOrderId),
      street: async (orderId) => (await data(of(OrdersApiClient).getOrderAddress({ orderId }))).payload.ShippingAddress.AddressLine1,
      failure: client.failure,
    });
  }
  await walk(client);

  await step('catalog search', async () => {
    const { items, numberOfResults } = await data(of(CatalogItemsApiClientV20220401).searchCatalogItems({ marketplaceIds, keywords: ['pen'], includedData: ['summaries'] }));
    assert.ok(items.length > 0 && numberOfResults >= items.length);
    return { counts: { items: numberOfResults } };
  });
});
