// npm amazon-sp-api 0.8.5, unmodified, which signs every request as SP-API wanted until 2023-10-02: see ../walk.mjs. The emulator is told to
// insist on that, so a wrong signature fails every step.
import assert from 'node:assert/strict';
import SellingPartner from 'amazon-sp-api';
import { requests, run, sandbox, seller, step, walk, walkSandbox } from '../walk.mjs';
import { members, newClient, sandboxMembers } from '../amazon-sp-api/client.mjs';

const keys = { AWS_ACCESS_KEY_ID: seller.accessKeyId, AWS_SECRET_ACCESS_KEY: seller.secretAccessKey, AWS_SELLING_PARTNER_ROLE: seller.roleArn };
const account = { operation: 'sellers.getMarketplaceParticipations' };

// It takes the oldest version that it knows unless told otherwise, and Amazon has removed these.
class Today extends SellingPartner {
  constructor(config) {
    super({ ...config, endpoints_versions: { reports: '2021-06-30', feeds: '2021-06-30' } });
  }
}

await run(async () => {
  if (sandbox) return walkSandbox(sandboxMembers(newClient(Today, { use_sandbox: true }, keys)));
  const sp = newClient(Today, {}, keys);
  await step('AssumeRole', async () => {
    await sp.refreshRoleCredentials();
    assert.match(sp.role_credentials.id, /^ASIA/);
    assert.ok(sp.role_credentials.secret && sp.role_credentials.security_token);
    const [last] = await requests('last=1');
    assert.deepEqual([last.operation, last.status], ['sts.AssumeRole', 200]);
  });

  await walk(members(sp));

  await step('the keys of the user in place of a role', async () => {
    const { AWS_SELLING_PARTNER_ROLE, ...user } = keys;
    assert.ok((await newClient(Today, {}, user).callAPI(account)).length > 0);
  });
  await step('a wrong secret: AssumeRole is refused', () => assert.rejects(
    newClient(Today, {}, { ...keys, AWS_SECRET_ACCESS_KEY: 'wrong' }).callAPI(account), { code: 'SignatureDoesNotMatch' },
  ));
  await step('a wrong secret of the session: the call is refused', async () => {
    class Wrong extends Today {
      constructor(config) {
        super({ ...config, role_credentials: { ...sp.role_credentials, secret: 'wrong' } });
      }
    }
    await assert.rejects(newClient(Wrong, {}, keys).callAPI(account), { code: 'InvalidSignature' });
  });
  await step('the oldest versions, which Amazon has removed', () => assert.rejects(
    newClient(SellingPartner, {}, keys).callAPI({ operation: 'reports.getReports', query: { reportTypes: ['GET_MERCHANT_LISTINGS_ALL_DATA'] } }),
    { code: 'Unauthorized' },
  ));
});
