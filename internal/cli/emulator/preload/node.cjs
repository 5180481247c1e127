// Written by spapi. Node.js loads this before a program (NODE_OPTIONS=--require): it leads connections to Amazon's hosts to the emulator, whatever library
// opens them, and leaves all others alone. All of Node's clients, fetch and HTTP/2 included, end in net.Socket's connect; as a method of the
// prototype it is the same for CommonJS, ES modules and workers.
'use strict';

// Without node: before the names, and no syntax newer than version 14's: whatever Node.js a tool brings along reads this.
const fs = require('fs');
const net = require('net');
const path = require('path');

const hosts = new Set(fs.readFileSync(path.join(__dirname, 'hosts.txt'), 'ascii').split(/\s+/).filter(Boolean));
const connect = net.Socket.prototype.connect;

// known is Amazon's host that a connection is for; by the name that TLS asks for, where a library has looked up the address itself.
function known(options) {
  for (const name of [options.host, options.servername]) {
    const host = typeof name === 'string' ? name.toLowerCase().replace(/\.$/, '') : '';
    if (hosts.has(host)) return host;
  }
  return undefined;
}

// read makes of connect's arguments what they come to: (options), (port[, host]), or a list of those that Node has read already.
function read(args) {
  if (Array.isArray(args[0])) args = args[0];
  const callback = args.filter((arg) => typeof arg === 'function').pop();
  if (args[0] !== null && typeof args[0] === 'object') return [args[0], callback];
  return [{ port: args[0], host: args[1] }, callback];
}

net.Socket.prototype.connect = function (...args) {
  const [options, callback] = read(args);
  const host = options.path ? undefined : known(options); // a path is a local socket
  if (host === undefined) return connect.apply(this, args);
  const at = /^\[?(.*?)\]?:(\d+)$/.exec(process.env.SPAPI_EMULATOR_ADDRESS ?? '');
  if (at === null) { // never on to Amazon
    process.nextTick(() => this.destroy(new Error(`spapi emulator: SPAPI_EMULATOR_ADDRESS does not tell where it is: no connection to ${host}`)));
    return this;
  }
  const led = { ...options, host: at[1], port: Number(at[2]) };
  for (const gone of ['localAddress', 'localPort', 'family', 'lookup']) delete led[gone]; // they were chosen for Amazon's address
  connect.call(this, led, callback);
  Object.defineProperty(this, 'remotePort', { value: Number(options.port), configurable: true }); // of it and the name HTTP/2 makes the origin
  if (!options.servername && typeof this.setServername === 'function') this.setServername(host); // the emulator's certificate goes by it
  return this;
};
