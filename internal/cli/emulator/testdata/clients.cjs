// Calls Amazon's hosts in every way that Node.js has, and a server of this machine's own at address process.argv[2]: each must end where it should.
'use strict';

const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const net = require('node:net');
const tls = require('node:tls');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const api = 'sellingpartnerapi-na.amazon.com';

function plain(module, url, options = {}) {
  return new Promise((resolve, reject) => {
    module.get(url, options, (answer) => {
      answer.resume();
      resolve(answer.headers['x-amzn-requestid'] ? 'emulator' : answer.headers['x-own'] ?? 'nobody');
    }).on('error', reject);
  });
}

async function fetched(url) {
  const answer = await fetch(url);
  await answer.text();
  return answer.headers.get('x-amzn-requestid') ? 'emulator' : answer.headers.get('x-own') ?? 'nobody';
}

function multiplexed(url) {
  return new Promise((resolve, reject) => {
    const session = http2.connect(url).on('error', reject);
    const stream = session.request({ ':path': '/sellers/v1/marketplaceParticipations' }).on('error', reject);
    stream.on('response', (headers) => {
      const [origin] = session.originSet; // libraries look whether the session is for the origin that they want
      session.close();
      resolve(origin !== url ? `session of ${origin}` : headers['x-amzn-requestid'] ? 'emulator' : 'nobody');
    });
    stream.resume();
  });
}

function bare(open) {
  return new Promise((resolve, reject) => {
    const socket = open().on('error', reject);
    let text = '';
    socket.on('data', (data) => { text += data; });
    socket.on('close', () => resolve(/x-amzn-requestid/i.test(text) ? 'emulator' : text));
    socket.end(`GET /x HTTP/1.1\r\nHost: ${api}\r\nConnection: close\r\n\r\n`);
  });
}

async function all(own) {
  const found = {};
  const ways = {
    'fetch': () => fetched(`https://${api}/x`),
    'fetch http': () => fetched(`http://${api}/x`),
    'https': () => plain(https, `https://${api}/x`),
    'https without keep-alive': () => plain(https, `https://${api}/x`, { agent: new https.Agent({ keepAlive: false, family: 6 }) }),
    'http': () => plain(http, `http://${api}/x`),
    'another case': () => plain(https, 'https://SellingPartnerAPI-EU.amazon.com/x'),
    'http2': () => multiplexed(`https://${api}`),
    'net(port, host)': () => bare(() => net.connect(80, api)),
    'net(options)': () => bare(() => net.connect({ host: api, port: 80 })),
    'net.Socket': () => bare(() => new net.Socket().connect(80, api)),
    'tls without a name': () => bare(() => tls.connect(443, api)),
    'tls to an address, by name': () => bare(() => tls.connect({ host: '192.0.2.1', port: 443, servername: api })),
    'own fetch': () => fetched(`http://${own}/`),
    'own http': () => plain(http, `http://${own}/`),
    'own by name': () => plain(http, `http://localhost:${own.split(':')[1]}/`),
    'no such host': () => fetched('https://sellingpartnerapi.invalid/').catch((error) => error.cause.code),
  };
  for (const [name, way] of Object.entries(ways)) {
    found[name] = await way().catch((error) => String(error.cause ?? error));
  }
  return found;
}

if (!isMainThread) {
  all(workerData).then((found) => parentPort.postMessage(found));
} else {
  (async () => {
    const own = process.argv[2];
    const inWorker = new Promise((resolve, reject) => {
      new Worker(__filename, { workerData: own }).on('message', resolve).on('error', reject);
    });
    const result = { main: await all(own), worker: await inWorker };
    const { fromModule } = await import('./clients.mjs');
    result.module = await fromModule();
    console.log(JSON.stringify(result));
  })();
}
