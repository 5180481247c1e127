// An independent signer to compare with: reads requests as lines of JSON, signs each with npm aws4, and prints what aws4 would send
// as a line of JSON. The time comes with the request, as its X-Amz-Date.
import { createInterface } from 'node:readline';
import aws4 from 'aws4';

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { request, credentials } = JSON.parse(line);
  if (!request.body) delete request.body;
  for (const [name, values] of Object.entries(request.headers)) request.headers[name] = values.length === 1 ? values[0] : values;
  const signed = aws4.sign(request, credentials);
  process.stdout.write(`${JSON.stringify({ authorization: signed.headers.Authorization, path: signed.path })}\n`);
}
