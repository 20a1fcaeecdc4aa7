// Scenarios for the npm package ws: node npm_ws.js SCENARIO; events go to stdout.
'use strict';
const crypto = require('crypto');
const WebSocket = require('ws');

const PORT = 9001;
let seed = 20261123;
function random() { // mulberry32
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
function bytes(n) { const b = Buffer.alloc(n); for (let i = 0; i < n; i++) b[i] = random() * 256; return b; }
const words = 'price bid ask volume EURUSD GBPUSD open high low close trade größe €'.split(' ');
function prose(n) {
  const parts = [];
  for (let size = 0; size < n; ) { const w = words[(random() * words.length) | 0]; parts.push(w); size += w.length + 1; }
  return parts.join(' ');
}
function ascii(n) { let s = ''; for (let i = 0; i < n; i++) s += String.fromCharCode(97 + ((random() * 26) | 0)); return s; }

function log(event) { process.stdout.write(JSON.stringify(event) + '\n'); }
function entry(who, event, port, data, binary) {
  const b = Buffer.from(data);
  log({ port, who, event, type: binary ? 'binary' : 'text', size: b.length,
        sha256: crypto.createHash('sha256').update(b).digest('hex').slice(0, 16) });
}
const wait = (ms) => new Promise((r) => setTimeout(r, ms));

class End {
  constructor(who, ws, port) {
    Object.assign(this, { who, ws, port, queue: [], waiting: [], pongs: 0 });
    ws.on('message', (data, binary) => {
      entry(who, 'received', port, data, binary);
      const w = this.waiting.shift();
      if (w) w(); else this.queue.push(1);
    });
    ws.on('pong', () => { this.pongs++; });
    ws.on('error', () => {});
    this.gone = new Promise((r) => ws.on('close', (code, reason) => {
      log({ port, who, event: 'closed', code, reason: reason.toString() }); r();
    }));
  }
  send(data, options = {}) {
    const binary = typeof data !== 'string';
    entry(this.who, 'sent', this.port, data, binary);
    return new Promise((r) => this.ws.send(data, options, r));
  }
  async fragments(pieces, between) {
    entry(this.who, 'sent', this.port, pieces.join(''), false);
    for (let i = 0; i < pieces.length; i++) {
      this.ws.send(pieces[i], { fin: i === pieces.length - 1 });
      if (between && i < pieces.length - 1) between(i);
      await wait(5);
    }
  }
  got() { return this.queue.length ? (this.queue.shift(), Promise.resolve()) : new Promise((r) => this.waiting.push(r)); }
  ping(data = '') { log({ port: this.port, who: this.who, event: 'ping', size: Buffer.byteLength(data) }); this.ws.ping(data); }
  close(code, reason) { log({ port: this.port, who: this.who, event: 'closing', how: 'close', code: code ?? null, reason: reason ?? (code ? '' : null) }); this.ws.close(code, reason); }
  reset() { log({ port: this.port, who: this.who, event: 'closing', how: 'reset' }); this.ws._socket.resetAndDestroy(); }
  fin() { log({ port: this.port, who: this.who, event: 'closing', how: 'fin' }); this.ws.terminate(); }
}

async function pair(serverOptions = {}, clientOptions = {}, path = '/echo', protocols = []) {
  const wss = new WebSocket.Server({ port: PORT, host: '127.0.0.1', perMessageDeflate: false, ...serverOptions });
  await new Promise((r) => wss.on('listening', r));
  const accepted = new Promise((r) => wss.on('connection', (ws, req) => r([ws, req])));
  const ws = new WebSocket(`ws://127.0.0.1:${PORT}${path}`, protocols, { perMessageDeflate: false, ...clientOptions });
  const c = new Promise((r) => ws.on('open', () => r(new End('client', ws, ws._socket.localPort))));
  const [sws, req] = await accepted;
  const server = new End('server', sws, req.socket.remotePort);
  const client = await c;
  log({ port: client.port, who: 'client', event: 'open', path, subprotocol: ws.protocol, extensions: ws.extensions });
  return { wss, client, server };
}
async function done({ wss, client, server }) {
  await Promise.all([client.gone, server.gone]);
  await new Promise((r) => wss.close(r));
}

const scenarios = {
  async basic() {
    const p = await pair({}, {}, '/basic?room=1'); const { client, server } = p;
    for (const n of [0, 1, 125, 126, 127, 1000]) { client.send(ascii(n)); await server.got(); server.send(bytes(n)); await client.got(); }
    client.send('Grüße, 世界 👋'); await server.got();
    for (const n of [65535, 65536]) { server.send(bytes(n)); await client.got(); client.send(bytes(n)); await server.got(); }
    client.close(1000, 'bye'); await done(p);
  },
  async large() {
    const p = await pair({}, {}, '/large'); const { client, server } = p;
    server.send(bytes(200000)); await client.got(); client.send(ascii(150000)); await server.got();
    server.close(1001, 'going away'); await done(p);
  },
  async fragments() {
    const p = await pair({}, {}, '/fragments'); const { client, server } = p;
    await client.fragments(['one ', 'two ', 'three'], (i) => client.ping('p' + i)); await server.got();
    await server.fragments(['eins ', 'zwei ', '', 'drei'], (i) => i === 1 && server.ping('')); await client.got();
    // Both directions are inside a fragmented message at the same time.
    await Promise.all([client.fragments(['c1', 'c2', 'c3']), server.fragments(['s1', 's2', 's3'])]);
    await wait(50); client.ping('x'.repeat(125)); server.ping('heartbeat'); await wait(50);
    client.close(); await done(p);
  },
  async closes() {
    const list = [['client', 1000, ''], ['client', 1001, 'leaving'], ['server', 1003, 'no text please'], ['server', 1008, 'policy'],
      ['server', 1009, 'too big'], ['server', 1011, 'oops'], ['server', 1012, 'restart'], ['server', 1013, 'try later'],
      ['client', 3000, 'registered'], ['client', 4999, 'private ü'], ['client', undefined, undefined], ['server', 1000, 'r'.repeat(123)]];
    for (const [who, code, reason] of list) {
      const p = await pair({}, {}, '/closes'); await p.client.send('hello'); await p.server.got();
      p[who].close(code, reason); await done(p);
    }
  },
  async aborts() {
    for (const [who, how] of [['client', 'fin'], ['server', 'fin'], ['client', 'reset'], ['server', 'reset']]) {
      const p = await pair({}, {}, '/aborts'); await p.client.send('hello'); await p.server.got();
      p[who][how](); await done(p);
    }
  },
  async subprotocol() {
    const p = await pair({ handleProtocols: (set) => (set.has('chat.v2') ? 'chat.v2' : false) }, { origin: 'http://example.test', headers: { Cookie: 'session=secret' } }, '/chat', ['chat.v1', 'chat.v2']);
    await p.client.send('{"type":"join"}'); await p.server.got(); p.client.close(1000, ''); await done(p);
  },
  async deflate(serverDeflate, clientDeflate, bits) {
    const p = await pair({ perMessageDeflate: JSON.parse(serverDeflate) }, { perMessageDeflate: JSON.parse(clientDeflate) }, '/deflate'); const { client, server } = p;
    for (const n of [5, 10, 200, 2000, 50, 800, 9000, 3]) {
      client.send(prose(n)); await server.got(); server.send(prose(n * 2)); await client.got();
    }
    client.send(bytes(300)); await server.got(); server.send(Buffer.alloc(20000, 7)); await client.got();
    await client.fragments([prose(500), prose(700), 'end'], (i) => client.ping('inside')); await server.got();
    server.send(''); await client.got(); client.send('last ' + prose(40), { compress: false }); await server.got();
    client.send(prose(600)); await server.got();
    await wait(30); client.close(1000, 'deflated'); await done(p);
  },
  async pings() {
    const p = await pair({}, {}, '/pings'); const { client, server } = p;
    for (let i = 0; i < 5; i++) { server.ping('beat' + i); await wait(30); client.ping(''); await wait(20); }
    server.ping('a'); server.ping('b'); server.ping('c'); await wait(40);
    client.ws.pong('unsolicited'); await wait(20);
    server.close(1000, ''); await done(p);
  },
  async many() {
    // Twelve connections at a time, many small frames in one segment.
    const wss = new WebSocket.Server({ port: PORT, host: '127.0.0.1', perMessageDeflate: false });
    const servers = [];
    wss.on('connection', (ws, req) => { const s = new End('server', ws, req.socket.remotePort); servers.push(s); });
    const clients = await Promise.all([...Array(12).keys()].map((i) => new Promise((r) => {
      const ws = new WebSocket(`ws://127.0.0.1:${PORT}/many/${i}`, [], { perMessageDeflate: false });
      ws.on('open', () => { const c = new End('client', ws, ws._socket.localPort); log({ port: c.port, who: 'client', event: 'open', path: `/many/${i}` }); r(c); });
    })));
    for (let round = 0; round < 5; round++) {
      for (const s of servers) { s.ws._socket.cork(); for (let k = 0; k < 20; k++) s.send(`tick ${round} ${k}`); s.ws._socket.uncork(); }
      for (const c of clients) { c.ws._socket.cork(); for (let k = 0; k < 7; k++) c.send(bytes(10 + k)); c.ws._socket.uncork(); }
      await wait(30);
    }
    for (const c of clients) c.close(1000, '');
    await Promise.all(clients.map((c) => c.gone)); await Promise.all(servers.map((s) => s.gone)); wss.close();
  },
};
scenarios[process.argv[2]](...process.argv.slice(3)).then(() => setTimeout(() => process.exit(0), 100));
