// The article's way through SP-API, with its own means: Node's http(s) and npm aws4.
//
//   refresh token -> access token; AssumeRole -> session keys; signed GET /catalog/v0/items
//
// Reads the emulator's ready line from standard input, and goes to its plain addresses. For what it prints see ../walk.mjs.
import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import aws4 from 'aws4';
import { run, step } from '../walk.mjs';

const userAgent = `spapi-interop/0 (Language=JavaScript/${process.versions.node})`;

// send sends what aws4 signed, or may sign, and never follows a redirect.
function send(protocol, options) {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const request = (protocol === 'https:' ? https : http).request(rest, async (response) => {
      try {
        resolve({ status: response.statusCode, headers: response.headers, text: await text(response) });
      } catch (error) {
        reject(error);
      }
    });
    request.setTimeout(30_000, () => request.destroy(new Error('no answer in 30 s')));
    request.on('error', reject);
    request.end(body);
  });
}

// target splits a URL into what http.request and aws4 both understand.
function target(url) {
  const { protocol, hostname, port, pathname, search } = new URL(url);
  return { protocol, options: { hostname, port: port || undefined, path: pathname + search } };
}

async function accessToken(ready) {
  const { protocol, options } = target(ready.lwa_url);
  const answer = await send(protocol, {
    ...options,
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'User-Agent': userAgent },
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: ready.refresh_token,
      client_id: ready.client_id,
      client_secret: ready.client_secret,
    }).toString(),
  });
  assert.equal(answer.status, 200, answer.text);
  const token = JSON.parse(answer.text);
  assert.equal(token.token_type, 'bearer');
  assert.match(token.access_token, /^Atza\|/);
  return token.access_token;
}

// assumeRole asks by POST, or by GET with all of it in the query: STS takes both, and older code is split between them.
async function assumeRole(ready, method, keys) {
  const { protocol, options } = target(ready.sts_url);
  const form = new URLSearchParams({
    Version: '2011-06-15',
    Action: 'AssumeRole',
    RoleArn: ready.role_arn,
    RoleSessionName: 'sp-api',
    DurationSeconds: '3600',
  }).toString();
  const request = { ...options, service: 'sts', region: 'us-east-1', method, headers: { 'User-Agent': userAgent } };
  if (method === 'POST') request.body = form;
  else request.path += `?${form}`;
  const answer = await send(protocol, aws4.sign(request, keys));
  const field = (name) => answer.text.match(`<${name}>([^<]+)</${name}>`)?.[1];
  return {
    status: answer.status,
    text: answer.text,
    code: field('Code'),
    keys: {
      accessKeyId: field('AccessKeyId'),
      secretAccessKey: field('SecretAccessKey'),
      sessionToken: field('SessionToken'),
    },
  };
}

function searchPens(ready, token, keys) {
  const { protocol, options } = target(`${ready.url.replace(/\/$/, '')}/catalog/v0/items?MarketplaceId=ATVPDKIKX0DER&Query=pen`);
  const request = {
    ...options,
    service: 'execute-api',
    region: 'us-east-1',
    method: 'GET',
    headers: { 'User-Agent': userAgent, 'x-amz-access-token': token },
  };
  return send(protocol, keys ? aws4.sign(request, keys) : request);
}

function errorCode(answer, status) {
  assert.equal(answer.status, status, answer.text);
  return JSON.parse(answer.text).errors[0].code;
}

async function main() {
  const ready = JSON.parse(await text(process.stdin));
  const user = { accessKeyId: ready.aws_access_key_id, secretAccessKey: ready.aws_secret_access_key };

  const token = await step('refresh token', () => accessToken(ready));
  let session;
  for (const method of ['POST', 'GET']) {
    session = await step(`AssumeRole by ${method}`, async () => {
      const answer = await assumeRole(ready, method, user);
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.keys.accessKeyId, /^ASIA/);
      assert.ok(answer.keys.secretAccessKey && answer.keys.sessionToken, answer.text);
      return answer.keys;
    });
  }
  await step('signed catalog search', async () => {
    const answer = await searchPens(ready, token, session);
    assert.equal(answer.status, 200, answer.text);
    const found = JSON.parse(answer.text).payload.Items;
    assert.ok(found.length > 0, 'no pens');
    for (const item of found) {
      assert.equal(item.Identifiers.MarketplaceASIN.MarketplaceId, 'ATVPDKIKX0DER');
      assert.match(item.Identifiers.MarketplaceASIN.ASIN, /^[A-Z0-9]{10}$/);
    }
    return { counts: { items: found.length } };
  });
  await step('without a signature', async () => {
    assert.equal(errorCode(await searchPens(ready, token, null), 403), 'MissingAuthenticationToken');
  });
  await step('with a wrong secret', async () => {
    const wrong = { ...session, secretAccessKey: 'wrong' };
    assert.equal(errorCode(await searchPens(ready, token, wrong), 403), 'InvalidSignature');
  });
  await step('AssumeRole with a wrong secret', async () => {
    const answer = await assumeRole(ready, 'POST', { ...user, secretAccessKey: 'wrong' });
    assert.equal(answer.status, 403, answer.text);
    assert.equal(answer.code, 'SignatureDoesNotMatch');
  });
}

await run(main);
