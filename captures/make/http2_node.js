// A page in Chromium, and WebSocket over HTTP/2 (RFC 8441) with a server of Node:
// node http2_node.js PORT ORIGIN PEM KEYS
'use strict';
const fs = require('fs');
const http2 = require('http2');
const path = require('path');
const { log, wait, sum, entry } = require('./ends.js');
const WebSocket = require('ws');
const { chromium } = require('playwright-core');

const inside = path.join(path.dirname(require.resolve('ws')), 'lib');
const PerMessageDeflate = require(path.join(inside, 'permessage-deflate.js'));
const extension = require(path.join(inside, 'extension.js'));

const [port, origin, pem, keys] = process.argv.slice(2);
const said = []; // What the browser saw, until the streams are known.
const streams = {};
const PAGE = `<!doctype html><title>streams</title><link rel="icon" href="data:,"><script>
const sockets = {};
function open(path) { return new Promise((r) => { const s = sockets[path] = new WebSocket('wss://' + location.host + path); s.onopen = () => r('open'); s.onerror = () => r('error'); }); }
function say(path, text) { sockets[path].send(text); }
function sayBytes(path, size) { sockets[path].send(new Uint8Array(size).map((_, n) => n * 7)); }
</script><p>A page of streams.</p>`;

// The package ws speaks its frames over a stream of HTTP/2 as over a socket.
function accept(stream, headers, compressed) {
  const answer = { ':status': 200 };
  const ws = new WebSocket(null, undefined, { autoPong: true });
  if (compressed) {
    const offers = extension.parse(headers['sec-websocket-extensions']);
    const deflate = new PerMessageDeflate({ threshold: 0, isServer: true });
    const chosen = deflate.accept(offers['permessage-deflate']);
    answer['sec-websocket-extensions'] = extension.format({ 'permessage-deflate': [chosen] });
    ws._extensions['permessage-deflate'] = deflate;
  }
  stream.respond(answer);
  ws.setSocket(stream, Buffer.alloc(0), { allowSynchronousEvents: true, maxPayload: 1 << 20, skipUTF8Validation: false });
  return ws;
}

const commands = {
  'ping me'(ws, at) { log({ ...at, who: 'server', event: 'ping', size: 4 }); ws.ping('beat'); },
  'throw me out'(ws, at) { log({ ...at, who: 'server', event: 'closing', how: 'close', code: 4001, reason: 'as asked' }); ws.close(4001, 'as asked'); },
  'reset me'(ws, at) { log({ ...at, who: 'server', event: 'closing', how: 'reset', error_code: http2.constants.NGHTTP2_INTERNAL_ERROR }); ws._socket.close(http2.constants.NGHTTP2_INTERNAL_ERROR); },
  'end me'(ws, at) { log({ ...at, who: 'server', event: 'closing', how: 'fin' }); ws._socket.end(); },
  'send much'(ws, at, send) { send(Buffer.alloc(70000, 'much ')); for (let n = 0; n < 20; n++) send('one of twenty: ' + n); },
};
function websocket(stream, headers) {
  const at = { port: stream.session.socket.remotePort, stream: stream.id };
  const url = headers[':path'];
  streams[url] = at;
  if (url === '/ws/forbidden') {
    log({ ...at, who: 'server', event: 'refused', path: url, status: 403, outcome: 'refused' });
    stream.respond({ ':status': 403 }, { endStream: true });
    return;
  }
  if (url === '/ws/unwanted') {
    log({ ...at, who: 'server', event: 'refused', path: url, status: null, outcome: 'reset', error_code: http2.constants.NGHTTP2_REFUSED_STREAM });
    stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    return;
  }
  const ws = accept(stream, headers, url === '/ws/deflate');
  log({ ...at, who: 'server', event: 'open', path: url });
  const write = (event, data) => log({ ...at, who: 'server', event, type: typeof data === 'string' ? 'text' : 'binary', ...sum(data) });
  const send = (data) => { write('sent', data); ws.send(data); };
  ws.on('message', (data, binary) => {
    const payload = binary ? data : data.toString();
    write('received', payload);
    if (Object.hasOwn(commands, payload)) return commands[payload](ws, at, send);
    send(binary ? Buffer.from(data).reverse() : 'you said: ' + payload);
  });
  ws.on('error', () => {});
  ws.on('close', (code) => log({ ...at, who: 'server', event: 'closed', code }));
}

const exchanges = [];
const server = http2.createSecureServer({ cert: pem && fs.readFileSync(pem), key: fs.readFileSync(pem), settings: { enableConnectProtocol: true } });
server.on('sessionError', () => {});
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  if (headers[':method'] === 'CONNECT') return websocket(stream, headers);
  const url = headers[':path'];
  const [status, type, body] = url === '/' ? [200, 'text/html', PAGE] : url.startsWith('/data/') ? [200, 'application/json', JSON.stringify({ url, rows: Array(200).fill('row') })] : [404, 'text/plain', 'nothing here'];
  exchanges.push({ port: stream.session.socket.remotePort, who: 'server', event: 'http2-exchange', method: headers[':method'], path: url, status, kind: 'plain', body_bytes: Buffer.byteLength(body), http2_stream: stream.id });
  stream.respond({ ':status': status, 'content-type': type, 'content-length': Buffer.byteLength(body) });
  stream.end(body);
});

const open = (page, url) => page.evaluate((u) => open(u), url);
const say = async (page, url, text) => { await page.evaluate(([u, t]) => say(u, t), [url, text]); await wait(60); };

async function visit(page) {
  page.on('websocket', (ws) => {
    const url = new URL(ws.url()).pathname;
    for (const [name, event] of [['framesent', 'sent'], ['framereceived', 'received']]) {
      ws.on(name, ({ payload }) => said.push({ path: url, event, type: typeof payload === 'string' ? 'text' : 'binary', ...sum(payload) }));
    }
  });
  await page.goto(origin + '/');
  await page.evaluate(() => fetch('/data/1').then((r) => r.text()));
  const [one, two] = ['/ws/one', '/ws/deflate'];
  await open(page, one); await open(page, two);
  for (let n = 0; n < 4; n++) { await say(page, one, `line ${n} on the first stream`); await say(page, two, `größer ${n}, 世界 `.repeat(n * 5 + 1)); }
  await page.evaluate(() => fetch('/data/2').then((r) => r.text()));
  await page.evaluate(() => sayBytes('/ws/one', 40000)); await wait(200);
  await say(page, one, 'ping me'); await say(page, two, 'ping me');
  await say(page, one, 'send much'); await wait(300);
  await say(page, two, 'send much'); await wait(300);
  await open(page, '/ws/forbidden'); await open(page, '/ws/unwanted'); await wait(60);
  for (const [url, command] of [['/ws/reset', 'reset me'], ['/ws/ended', 'end me'], ['/ws/out', 'throw me out']]) {
    await open(page, url); await say(page, url, 'hello'); await say(page, url, command); await wait(100);
  }
  await page.evaluate(() => fetch('/nothing').then((r) => r.text()));
  log({ ...streams[one], who: 'client', event: 'closing', how: 'close', code: 1000, reason: 'bye' });
  await page.evaluate(() => sockets['/ws/one'].close(1000, 'bye')); await wait(150);
  await say(page, two, 'alone now');
  log({ ...streams[two], who: 'client', event: 'closing', how: 'close', code: null, reason: null });
  await page.evaluate(() => sockets['/ws/deflate'].close()); await wait(150);
}

server.listen(Number(port), '127.0.0.1', async () => {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', env: { ...process.env, SSLKEYLOGFILE: keys },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--ignore-certificate-errors', '--host-resolver-rules=MAP * 127.0.0.1'] });
  log({ event: 'version', text: 'Chromium ' + browser.version() });
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  await visit(await context.newPage());
  await browser.close();
  for (const { path: url, ...event } of said) log({ ...streams[url], who: 'client', ...event });
  exchanges.forEach(log);
  setTimeout(() => process.exit(0), 100);
});
