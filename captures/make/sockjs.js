// SockJS: node sockjs.js TRANSPORT (websocket, xhr-streaming, xhr-polling); events go to stdout.
'use strict';
const http = require('http');
const path = require('path');
const sockjs = require('sockjs');
const SockJS = require('sockjs-client');
const { log, wait, sum, entry, watchHttp } = require('./ends.js');

// Both ends speak WebSocket through faye-websocket, perhaps each with a copy of its own.
function watchFaye(from) {
  const main = require.resolve('faye-websocket', { paths: [path.dirname(require.resolve(from))] });
  const { Client } = require(main);
  const api = require(path.join(path.dirname(main), 'websocket', 'api.js')).prototype;
  if (api.watched) return;
  api.watched = true;
  const { send, ping, close, _receiveMessage, _open } = api;
  const who = (ws) => (ws instanceof Client ? 'client' : 'server');
  const port = (ws) => (ws instanceof Client ? ws._stream.localPort : ws._stream.remotePort);
  api.send = function (data) { entry(who(this), 'sent', port(this), data, typeof data !== 'string'); return send.call(this, data); };
  api._receiveMessage = function (data) { entry(who(this), 'received', port(this), data, typeof data !== 'string'); return _receiveMessage.call(this, data); };
  api._open = function () {
    if (who(this) === 'client') log({ port: port(this), who: 'client', event: 'open', path: new URL(this.url).pathname, subprotocol: this.protocol });
    return _open.call(this);
  };
  api.ping = function (data, done) { log({ port: port(this), who: who(this), event: 'ping', size: Buffer.byteLength(data ?? '') }); return ping.call(this, data, done); };
  api.close = function (code = 1000, reason = '') {
    if (this.readyState === 1) log({ port: port(this), who: who(this), event: 'closing', how: 'close', code, reason });
    return close.call(this, code, reason);
  };
}
watchFaye('sockjs');
watchFaye('sockjs-client');

function kindOf(request) {
  if (request.url.includes('/xhr_streaming')) return 'stream';
  return request.url.endsWith('/xhr') || request.url.includes('/xhr?') ? 'long-poll' : 'plain';
}
async function main(transport) {
  const server = http.createServer();
  const echo = sockjs.createServer({ heartbeat_delay: 500, log: () => {} });
  echo.on('connection', (end) => {
    const note = (event, text) => log({ port: end.remotePort, who: 'server', event, transport, ...sum(text) });
    end.on('data', (text) => { note('delivered', text); if (text === 'bye') return end.close(3000, 'bye'); const answer = text.toUpperCase(); note('emitted', answer); return end.write(answer); });
  });
  echo.installHandlers(server, { prefix: '/echo' });
  watchHttp(server, kindOf);
  await new Promise((r) => server.listen(9013, '127.0.0.1', r));
  const client = new SockJS('http://127.0.0.1:9013/echo', null, { transports: [transport] });
  const gone = new Promise((r) => { client.onclose = r; });
  await new Promise((r) => { client.onopen = r; });
  for (const text of ['hello', 'Grüße aus Zürich', 'y'.repeat(900), '{"bid": 1.0841, "ask": 1.0843}']) {
    const got = new Promise((r) => { client.onmessage = r; });
    client.send(text); await got; await wait(80);
  }
  await wait(700); // one heart-beat
  // Over xhr the server ends it, so that its last response is complete.
  if (transport === 'websocket') client.close(); else client.send('bye');
  await gone; await wait(300); process.exit(0);
}
main(process.argv[2]);
