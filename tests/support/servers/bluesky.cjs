// A real PLC directory or a real Bluesky PDS on loopback, for tests.
//
//     node bluesky.cjs MODULES plc PORT              the directory, kept in memory
//     node bluesky.cjs MODULES pds PORT PLC FOLDER   the server, whose data is in the folder
//
// MODULES is the folder with node_modules (`make servers`). It prints a line when it is ready and
// one for each request, and ends when its input does.
// Whatever it would ask of another machine fails at once.
'use strict';
const crypto = require('node:crypto');
const dns = require('node:dns');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { createRequire } = require('node:module');

const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1']);
const [modules, what, port, plc, folder] = process.argv.slice(2);
const load = createRequire(path.resolve(modules, 'package.json'));

function stayOnThisMachine() {
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...given) {
    const [options] = Array.isArray(given[0]) ? given[0] : given;
    const second = typeof given[1] === 'string' ? given[1] : 'localhost';
    const host = typeof options === 'object' ? options.host ?? 'localhost' : second;
    if (typeof options === 'object' && options.path ? false : !LOOPBACK.has(host)) {
      process.nextTick(() => this.destroy(new Error(`only loopback may be reached, not ${host}`)));
      return this;
    }
    return connect.apply(this, given);
  };
  const notFound = (name) =>
    Object.assign(new Error(`not looked up: ${name}`), { code: 'ENOTFOUND' });
  const refuse = (name) => Promise.reject(notFound(name));
  const names = Object.keys(dns.promises).filter((name) => name.startsWith('resolve'));
  for (const name of [...names, 'reverse']) {
    dns.promises[name] = dns.promises.Resolver.prototype[name] = refuse;
    dns[name] = dns.Resolver.prototype[name] = (host, ...more) => more.at(-1)(notFound(host));
  }
  // Both packages listen on all addresses unless they are given one.
  const listen = net.Server.prototype.listen;
  net.Server.prototype.listen = function (first, ...more) {
    const host = '127.0.0.1';
    if (typeof first === 'object') return listen.call(this, { ...first, host }, ...more);
    return listen.call(this, first, host, ...more.filter((value) => typeof value !== 'string'));
  };
}

function sayWhatIsAsked() {
  const emit = http.Server.prototype.emit;
  http.Server.prototype.emit = function (event, request, ...more) {
    if (event === 'request') fs.writeSync(1, `${request.method} ${request.url}\n`);
    return emit.call(this, event, request, ...more);
  };
}

async function directory() {
  const { PlcServer, Database } = load('@did-plc/server');
  const server = PlcServer.create({ db: Database.mock(), port: Number(port) });
  await server.start();
}

// The same secrets each time, or those who were signed in before a restart would not be afterwards.
function secrets() {
  const file = path.join(folder, 'secrets.json');
  if (!fs.existsSync(file)) {
    const hex = (bytes) => crypto.randomBytes(bytes).toString('hex');
    const secrets = {
      jwtSecret: hex(16),
      dpopSecret: hex(32),
      adminPassword: hex(8),
      plcRotationKeyK256PrivateKeyHex: hex(32),
    };
    fs.writeFileSync(file, JSON.stringify(secrets));
  }
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

async function dataServer() {
  const { PDS, envToCfg, envToSecrets } = load('@atproto/pds');
  fs.mkdirSync(path.join(folder, 'blobs'), { recursive: true });
  const settings = {
    ...secrets(),
    devMode: true,
    hostname: 'localhost',
    port: Number(port),
    dataDirectory: folder,
    actorStoreDirectory: path.join(folder, 'actors'),
    blobstoreDiskLocation: path.join(folder, 'blobs'),
    blobstoreDiskTmpLocation: path.join(folder, 'uploads'),
    didPlcUrl: plc,
    inviteRequired: false,
    serviceHandleDomains: ['.test'],
    disableSsrfProtection: true, // it would refuse the directory on loopback
    rateLimitsEnabled: false,
    lexiconDidAuthority: 'did:web:localhost',
  };
  const server = await PDS.create(envToCfg(settings), envToSecrets(settings));
  await server.start();
}

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
stayOnThisMachine();
sayWhatIsAsked();
(what === 'plc' ? directory() : dataServer()).then(
  () => fs.writeSync(1, `ready in ${Math.round(process.uptime() * 1000)} ms\n`),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
