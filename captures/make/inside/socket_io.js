// Socket.IO: node socket_io.js MODE [PEM]; events go to stdout.
//   websocket  WebSocket alone, compressed      upgrade  polling first, then an upgrade
//   polling    HTTP alone                       tls      WebSocket alone in TLS
//   v2         socket.io 2.x, Engine.IO 3   msgpack  WebSocket alone, packets in MessagePack
// Three members of a room, two namespaces, acks both ways, binary events and acks.
'use strict';
const fs = require('fs');
const path = require('path');
const [mode, pem] = process.argv.slice(2);
const old = mode === 'v2';
const tls = mode === 'tls';
const { log, wait, entry, watchWs, watchHttp } = require('../ends.js');
const { now, said, publish, delivery, hold, call } = require('./said.js');
const names = old ? ['socket.io2', 'socket.io-client2'] : ['socket.io', 'socket.io-client'];
for (const [name, engine] of [[names[0], 'engine.io'], [names[1], 'engine.io-client']]) {
  const inside = require.resolve(engine, { paths: [path.dirname(require.resolve(name))] });
  watchWs(require(require.resolve('ws', { paths: [path.dirname(inside)] })));
}
if (!old) {
  // Frames of a broadcast are made once, and do not go through ws.send.
  const { transports } = require(require.resolve('engine.io', { paths: [path.dirname(require.resolve('socket.io'))] }));
  const proto = transports.websocket.prototype;
  const can = proto._canSendPreEncodedFrame;
  proto._canSendPreEncodedFrame = function (packet) {
    const yes = can.call(this, packet);
    if (yes) entry('server', 'sent', this.socket._socket.remotePort, packet.options.wsPreEncodedFrame[1], packet.data instanceof Buffer);
    return yes;
  };
}
const library = require(names[0]);
const clientOf = require(names[1]);
const connect = old ? clientOf : clientOf.io;
const parser = mode === 'msgpack' ? { parser: require('socket.io-msgpack-parser') } : {};
const INNER = 'socket.io';
const NAMESPACES = ['/', '/admin'];

function portOf(transport) {
  const below = transport.name === 'websocket' ? (transport.ws ?? transport.socket)._socket : transport.req?.socket;
  return { socket: below, transport: transport.name };
}
// The client's port of either end; null over polling, whose requests share connections.
const clientPort = (socket) => { const { socket: tcp, transport } = portOf(socket.io.engine.transport); return transport === 'websocket' ? tcp.localPort : null; };
const serverPort = (socket) => { const { socket: tcp, transport } = portOf(socket.conn.transport); return transport === 'websocket' ? tcp.remotePort : null; };
const textOf = (values) => values.map((v) => (Buffer.isBuffer(v) ? `<${v.length}>` : JSON.stringify(v))).join(',').slice(0, 80);

function serve(io) {
  for (const topic of NAMESPACES) {
    const space = io.of(topic);
    space.on('connection', (socket) => {
      const sid = socket.conn.id;
      socket.on('join', (room, done) => { socket.join(room); done('joined'); });
      socket.on('add', (a, b, done) => hold(`add ${a} ${b}`, 5, () => a + b).then((sum) => done(sum)));
      socket.on('slow', (ms, done) => hold(`slow ${ms}`, ms, () => 'late').then((word) => done(word)));
      socket.on('reverse', (blob, done) => { const back = Buffer.from(blob).reverse(); socket.emit('reversed', { size: back.length }, back); done(back); });
      socket.on('never', () => {});
      // Said again as it came, to all of the room: deliveries have the publication's payload.
      socket.on('chat', (text) => space.to('kitchen').emit('chat', text));
      socket.on('ask me', () => {
        const asked = now();
        socket.emit('your name?', 'please', (answer) => log({ port: serverPort(socket), who: 'server', event: 'call', inner: INNER, name: 'your name?', topic, outcome: 'ok', asked_at: asked, answered_at: now(), sid, answer }));
      });
    });
  }
}
async function member(name, transports, url) {
  const options = { ...parser, transports, forceNew: true, reconnection: false, rejectUnauthorized: false, perMessageDeflate: mode === 'websocket' ? {} : false };
  const root = connect(url, { ...options, forceNew: !old || undefined, multiplex: !old || undefined });
  const admin = old ? null : root.io.socket('/admin');
  await new Promise((r) => root.on('connect', r));
  // What the server says is logged as it arrives, in its order.
  for (const socket of admin ? [root, admin] : [root]) for (const event of ['chat', 'reversed', 'your name?']) socket.on(event, () => said(clientPort(root), 'server', INNER, 'event', event, { topic: socket.nsp, sid: root.io.engine.id }));
  const engine = root.io.engine;
  if (transports.length > 1 && engine.transport.name === 'polling') await new Promise((r) => engine.on('upgrade', r));
  await wait(50);
  const sid = engine.id;
  const emit = (socket, event, ...values) => {
    const topic = socket.nsp;
    said(clientPort(root), 'client', INNER, 'event', event, { topic, sid, values: textOf(values.filter((v) => typeof v !== 'function')) });
    socket.emit(event, ...values);
  };
  const ask = (socket, event, values, how = {}) => call(clientPort(root), 'client', INNER, event, () => new Promise((r, no) => {
    const timer = how.patience ? setTimeout(no, how.patience) : null;
    emit(socket, event, ...values, (answer) => { clearTimeout(timer); r(answer); });
  }), { topic: socket.nsp, sid, key: how.key, ...(how.patience ? { failed: 'unanswered' } : {}) });
  root.on('chat', (text) => delivery(clientPort(root), 'client', INNER, 'chat', text, { sid }));
  return { name, root, admin, emit, ask, sid, port: () => clientPort(root) };
}
async function talk(members) {
  for (const { root, ask } of members) await ask(root, 'join', ['kitchen']);
  for (const [n, one] of members.entries()) {
    for (let line = 0; line < 3; line++) {
      const text = `line ${line} of ${one.name}: größer als € ${n}`;
      publish(one.port(), 'client', INNER, 'chat', text, { sid: one.sid });
      one.emit(one.root, 'chat', text);
      await wait(25);
    }
  }
  const [first, second = first] = members;
  for (const n of [1, 2, 3]) await first.ask(first.root, 'add', [n, 40], { key: `add ${n} 40` });
  await Promise.all([80, 30, 55].map((ms) => second.ask(second.root, 'slow', [ms], { key: `slow ${ms}` })));
  for (const size of [5, 1500]) await first.ask(first.root, 'reverse', [Buffer.alloc(size, size % 251)]);
  if (first.admin) {
    await first.ask(first.admin, 'add', [7, 8], { key: 'add 7 8' });
    await first.ask(first.admin, 'reverse', [Buffer.from('abc')]);
  }
  first.root.on('your name?', (please, done) => done('first'));
  first.emit(first.root, 'ask me');
  await second.ask(second.root, 'never', ['?'], { patience: 150 });
}
async function main() {
  const server = tls ? require('https').createServer({ key: fs.readFileSync(pem), cert: fs.readFileSync(pem) }) : require('http').createServer();
  const options = { ...parser, pingInterval: 900, pingTimeout: 5000, perMessageDeflate: mode === 'websocket' ? { threshold: 40 } : false };
  const io = old ? library(server, options) : new library.Server(server, options);
  watchHttp(server, (request) => (request.method === 'GET' && request.url.includes('sid=') ? 'long-poll' : request.method === 'GET' ? 'long-poll' : 'plain'));
  serve(io);
  await new Promise((r) => server.listen(9020, '127.0.0.1', r));
  const transports = { upgrade: ['polling', 'websocket'], polling: ['polling'] }[mode] ?? ['websocket'];
  const members = [];
  for (const name of mode === 'polling' ? ['Ada'] : ['Ada', 'Bob', 'Eve']) members.push(await member(name, transports, `${tls ? 'https' : 'http'}://localhost:9020`));
  await talk(members);
  await wait(1000); // A heart-beat of Engine.IO.
  for (const { root, admin } of members) { admin?.disconnect(); root.disconnect(); await wait(40); }
  await wait(200); process.exit(0);
}
main();
