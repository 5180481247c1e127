// Every static sandbox case of the models that SPAPI_MODELS names, asked twice: by npm amazon-sp-api in sandbox mode, and by a plain HTTP
// request to the same host. The answers have to be equal, status and body. Run by "spapi emulator run --sandbox … -- node sandbox.mjs".
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SellingPartner } from 'amazon-sp-api';
import { run, seller, step } from '../walk.mjs';
import { newClient } from './client.mjs';

const host = `https://sandbox.sellingpartnerapi-${seller.region}.amazon.com`;
const grantless = {
  'sellingpartnerapi::notifications': ['createDestination', 'getDestinations', 'getDestination', 'deleteDestination', 'getSubscriptionById', 'deleteSubscriptionById', 'sendTestNotification'],
  'sellingpartnerapi::client_credential:rotation': ['rotateApplicationClientSecret'],
};
const scopeOf = (operation) => Object.keys(grantless).find((scope) => grantless[scope].includes(operation));

// cases reads the requests of all cases, in the order of the models.
async function* cases() {
  const files = (await readdir(process.env.SPAPI_MODELS, { recursive: true })).filter((name) => name.endsWith('.json')).sort();
  for (const file of files) {
    const model = JSON.parse(await readFile(join(process.env.SPAPI_MODELS, file), 'utf8'));
    if (!model.paths) continue;
    const resolve = (parameter) => (parameter.$ref ? parameter.$ref.slice(2).split('/').reduce((at, name) => at[name], model) : parameter);
    for (const [path, item] of Object.entries(model.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve);
        for (const [status, response] of Object.entries(operation.responses ?? {})) {
          for (const { request, response: body } of response['x-amzn-api-sandbox']?.static ?? []) {
            const given = request?.parameters ?? {};
            const malformed = Object.values(given).some((value) => Object.hasOwn(value, 'value') && Object.keys(value).length > 1);
            yield { file, operation: operation.operationId, ...requestOf(method, path, parameters, given), malformed, want: { status: Number(status), body } };
          }
        }
      }
    }
  }
}

// requestOf fills a case's values in. A parameter that is {} takes any value, and so does a path parameter that the case doesn't name.
function requestOf(method, path, parameters, given) {
  const valueOf = (name, any) => {
    if (given[name] === undefined || isDeepStrictEqual(given[name], {})) return given[name] && any;
    return Object.hasOwn(given[name], 'value') ? given[name].value : given[name]; // some bodies stand there bare
  };
  const query = {};
  let body;
  for (const { name, in: place, type } of parameters) {
    const value = valueOf(name, type === 'array' ? ['any'] : 'any');
    if (place === 'path') path = path.replace(`{${name}}`, encodeURIComponent(value ?? 'any'));
    if (place === 'query' && value !== undefined) query[name] = value;
    if (place === 'body') body = value ?? valueOf('body', {}); // some cases call every body "body"
  }
  return { method: method.toUpperCase(), path, query, body };
}

// spelling is how a request is written into its target, and meaning what that says: the order and the escapes of a query mean nothing.
const spelling = ({ path, query }) => {
  const url = new URL(path, host);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value)); // lists: with commas
  return url.pathname + url.search;
};
const meaning = (target) => {
  const url = new URL(target, host);
  return [url.pathname, ...[...url.searchParams].map((pair) => pair.join('=')).sort()];
};

async function plainly(one, tokens) {
  const response = await fetch(new URL(spelling(one), host), {
    method: one.method,
    headers: { 'x-amz-access-token': tokens[scopeOf(one.operation)] ?? tokens.seller, 'content-type': 'application/json' },
    body: one.body && JSON.stringify(one.body),
  });
  return { status: response.status, text: await response.text() };
}

await run(async () => {
  const sp = newClient(SellingPartner, { use_sandbox: true });
  const tokens = {};
  await step('tokens', async () => {
    await sp.refreshAccessToken();
    tokens.seller = sp.access_token;
    for (const scope of Object.keys(grantless)) {
      await sp.refreshAccessToken(scope);
      tokens[scope] = sp._grantless_tokens[scope];
    }
  });

  await step('all static sandbox cases, by the client and directly', async () => {
    const all = [];
    for await (const one of cases()) all.push(one);
    assert.ok(all.length > 0, `no cases in ${process.env.SPAPI_MODELS}`);
    // Two cases may say different things about one request, of which only one can be answered.
    const keyOf = ({ operation, want, malformed, ...request }) => JSON.stringify(request);
    const wanted = new Map();
    for (const one of all) wanted.set(keyOf(one), [...(wanted.get(keyOf(one)) ?? []), one]);
    const counts = { files: new Set(all.map(({ file }) => file)).size, operations: new Set(all.map(({ file, operation }) => `${file} ${operation}`)).size, cases: all.length };
    Object.assign(counts, { answersEqual: 0, asTheModelSays: 0, malformed: 0, sentAlike: 0, sentInAnotherSpelling: 0 });
    const wrong = [];
    for (const one of all) {
      const answer = await sp.callAPI({
        api_path: one.path, method: one.method, query: one.query, body: one.body, scope: scopeOf(one.operation), options: { raw_result: true },
      });
      const direct = await plainly(one, tokens);
      const said = `${one.file} ${one.operation} ${one.method} ${spelling(one)}: ${direct.status} ${direct.text.slice(0, 200)}`;

      if (answer.statusCode === direct.status && answer.body === direct.text) counts.answersEqual += 1;
      else wrong.push(`${said}; the client got ${answer.statusCode} ${answer.body.slice(0, 200)}`);

      const isAnswer = ({ want }) => direct.status === want.status && (want.status === 204 || isDeepStrictEqual(JSON.parse(direct.text || 'null'), want.body ?? null));
      if (one.malformed) counts.malformed += 1; // one case has a parameter within another, so nobody can ask for it
      else if (wanted.get(keyOf(one)).some(isAnswer)) counts.asTheModelSays += 1;
      else wrong.push(`${said}; want ${one.want.status} ${JSON.stringify(one.want.body)?.slice(0, 200)}`);

      const { path, body } = answer.request;
      if (path === spelling(one)) counts.sentAlike += 1;
      else if (isDeepStrictEqual(meaning(path), meaning(spelling(one)))) counts.sentInAnotherSpelling += 1;
      else wrong.push(`${said}; the client sent ${path}`);
      if (!isDeepStrictEqual(body, one.body)) wrong.push(`${said}; the client sent the body ${JSON.stringify(body)}`);
    }
    assert.deepEqual(wrong, []);
    return { counts };
  });
});
