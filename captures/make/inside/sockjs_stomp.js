// STOMP inside SockJS: node sockjs_stomp.js TRANSPORT; sockjs-client and @stomp/stompjs with
// the package sockjs and a small broker; events go to stdout.
//   websocket, xhr-streaming, xhr-polling, eventsource
'use strict';
const http = require('http');
const path = require('path');
const sockjs = require('sockjs');
const SockJS = require('sockjs-client');
const { Client } = require('@stomp/stompjs');
const { log, wait, entry, watchHttp } = require('../ends.js');
const { said, publish, delivery, call } = require('./said.js');
const transport = process.argv[2];
const INNER = 'stomp';

// Both ends speak WebSocket through faye-websocket, perhaps each with a copy of its own.
function watchFaye(from) {
  const main = require.resolve('faye-websocket', { paths: [path.dirname(require.resolve(from))] });
  const { Client: Faye } = require(main);
  const api = require(path.join(path.dirname(main), 'websocket', 'api.js')).prototype;
  if (api.watched) return;
  api.watched = true;
  const { send, ping, close, _receiveMessage, _open } = api;
  const who = (ws) => (ws instanceof Faye ? 'client' : 'server');
  const port = (ws) => (ws instanceof Faye ? ws._stream.localPort : ws._stream.remotePort);
  api.send = function (data) { entry(who(this), 'sent', port(this), data, typeof data !== 'string'); return send.call(this, data); };
  api._receiveMessage = function (data) { entry(who(this), 'received', port(this), data, typeof data !== 'string'); return _receiveMessage.call(this, data); };
  api._open = function () { if (who(this) === 'client') log({ port: port(this), who: 'client', event: 'open', path: new URL(this.url).pathname, subprotocol: this.protocol }); return _open.call(this); };
  api.ping = function (data, done) { log({ port: port(this), who: who(this), event: 'ping', size: Buffer.byteLength(data ?? '') }); return ping.call(this, data, done); };
  api.close = function (code = 1000, reason = '') {
    if (this.readyState === 1) log({ port: port(this), who: who(this), event: 'closing', how: 'close', code, reason });
    return close.call(this, code, reason);
  };
}
watchFaye('sockjs');
watchFaye('sockjs-client');

const frame = (command, headers, body = '') => `${command}\n${Object.entries(headers).map(([k, v]) => `${k}:${v}\n`).join('')}\n${body}\0`;
function parse(text) {
  const [head, body] = text.slice(0, -1).split(/\n\n(.*)/s);
  const [command, ...lines] = head.split('\n');
  return { command, headers: Object.fromEntries(lines.map((line) => line.split(/:(.*)/s).slice(0, 2))), body };
}
// Sessions whose messages go over HTTP have no port of their own.
const portOf = (end) => (transport === 'websocket' ? end.remotePort : null);
const subscribed = new Map();
let number = 0;
function serve(end) {
  const session = end.url.split('/')[3];
  const write = (command, headers, body) => {
    said(portOf(end), 'server', INNER, command, headers.destination ?? null, { topic: headers.destination ?? null, id: headers['receipt-id'] ?? null, session });
    end.write(frame(command, headers, body));
  };
  end.on('data', (text) => {
    if (text === '\n') return;
    const { command, headers, body } = parse(text);
    said(portOf(end), 'client', INNER, command, headers.destination ?? null, { topic: headers.destination ?? null, id: headers.receipt ?? null, session });
    if (command === 'CONNECT') {
      write('CONNECTED', { version: '1.2', 'heart-beat': '0,0', server: 'small/1.0' });
    }
    if (command === 'SUBSCRIBE') subscribed.set(`${session} ${headers.id}`, { end, write, ...headers });
    if (command === 'SEND') {
      for (const { write: tell, id, destination } of subscribed.values()) if (destination === headers.destination) tell('MESSAGE', { subscription: id, 'message-id': ++number, destination, 'content-length': Buffer.byteLength(body) }, body);
    }
    if (headers.receipt) setTimeout(() => write('RECEIPT', { 'receipt-id': headers.receipt }), 20);
  });
  end.on('close', () => { for (const key of subscribed.keys()) if (key.startsWith(session)) subscribed.delete(key); });
}
async function member(name, room) {
  let session;
  const client = new Client({
    webSocketFactory: () => new SockJS('http://127.0.0.1:9025/stomp', null, { transports: [transport], sessionId: () => { session = `session-${name}`; return session; } }),
    reconnectDelay: 0, heartbeatIncoming: 0, heartbeatOutgoing: 0,
  });
  const ready = new Promise((r) => { client.onConnect = r; });
  client.activate();
  await ready;
  let count = 0;
  const port = () => [...subscribed.values()].map(({ end }) => end).find((end) => end.url.includes(`/session-${name}/`)) ?? null;
  const at = () => { const end = port(); return end ? portOf(end) : null; };
  const receipt = (what, run) => { const id = `${name}-${++count}`; return call(at(), 'client', INNER, what, () => new Promise((r) => { client.watchForReceipt(id, r); run(id); }), { id, session }); };
  client.subscribe(room, (message) => delivery(at(), 'client', INNER, room, message.body, { session }), { id: `sub-${name}` });
  await wait(120);
  const say = (body) => { publish(at(), 'client', INNER, room, body, { session }); client.publish({ destination: room, body }); };
  const saySure = (body) => receipt(room, (id) => { publish(at(), 'client', INNER, room, body, { session }); client.publish({ destination: room, body, headers: { receipt: id } }); });
  return { name, client, say, saySure };
}
function kindOf(request) {
  if (request.url.includes('/xhr_streaming')) return 'stream';
  if (request.url.includes('/eventsource')) return 'sse';
  return request.url.endsWith('/xhr') || request.url.includes('/xhr?') ? 'long-poll' : 'plain';
}
async function main() {
  const server = http.createServer();
  const service = sockjs.createServer({ heartbeat_delay: 600, log: () => {} });
  service.on('connection', serve);
  service.installHandlers(server, { prefix: '/stomp' });
  watchHttp(server, kindOf);
  await new Promise((r) => server.listen(9025, '127.0.0.1', r));
  const room = '/topic/room.1';
  const members = [await member('ada', room), await member('bob', room)];
  for (let n = 0; n < 6; n++) {
    const one = members[n % 2];
    const body = `${n}: "größer" als € 1 ${'w'.repeat(n * 50)}`;
    if (n > 3) await one.saySure(body); else one.say(body);
    await wait(60);
  }
  await wait(800); // A heart-beat of SockJS.
  const ends = new Set([...subscribed.values()].map(({ end }) => end));
  // Over HTTP the server ends it, so that its last response is complete.
  if (transport !== 'websocket') for (const end of ends) end.close(3000, 'bye');
  for (const { client } of members) await client.deactivate({ force: transport !== 'websocket' });
  await wait(400); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
