import { get } from 'node:https';
import { connect } from 'node:net';

// fromModule calls Amazon's host from an ES module, whose imports are bound before anything could replace them.
export async function fromModule() {
  return {
    get: await new Promise((resolve, reject) => {
      get('https://api.amazon.com/x', (answer) => {
        answer.resume();
        resolve(answer.headers['x-amzn-requestid'] ? 'emulator' : 'nobody');
      }).on('error', reject);
    }),
    connect: await new Promise((resolve, reject) => {
      const socket = connect({ host: 'sellingpartnerapi-fe.amazon.com', port: 80 }).on('error', reject);
      socket.once('data', (data) => {
        socket.destroy();
        resolve(/x-amzn-requestid/i.test(data) ? 'emulator' : String(data));
      });
      socket.write('GET /x HTTP/1.1\r\nHost: sellingpartnerapi-fe.amazon.com\r\n\r\n');
    }),
  };
}
