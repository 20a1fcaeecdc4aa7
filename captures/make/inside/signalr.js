// SignalR: node signalr.js json|messagepack|deflate; @microsoft/signalr and a hub written to the
// hub protocol's specification; events go to stdout.
'use strict';
const http = require('http');
const path = require('path');
const WebSocket = require('ws');
const signalR = require('@microsoft/signalr');
const { MessagePackHubProtocol } = require('@microsoft/signalr-protocol-msgpack');
const { decode } = require('@msgpack/msgpack');
const { wait, watchWs, portOf } = require('../ends.js');
const { said, hold, call } = require('./said.js');
const mode = process.argv[2];
const INNER = 'signalr';
const OwnWs = require(require.resolve('ws', { paths: [path.dirname(require.resolve('@microsoft/signalr'))] }));
watchWs(WebSocket); watchWs(OwnWs);

const protocol = mode === 'messagepack' ? new MessagePackHubProtocol() : new signalR.JsonHubProtocol();
const { MessageType } = signalR;
const KINDS = { 1: 'invocation', 2: 'stream_item', 3: 'completion', 4: 'stream_invocation', 5: 'cancel', 6: 'heartbeat', 7: 'close' };
const targets = new Map(); // invocationId of either side -> target
function tell(port, who, message) {
  const id = message.invocationId ?? null;
  if (message.target && id !== null) targets.set(`${port} ${who} ${id}`, message.target);
  const asker = message.type === MessageType.CancelInvocation ? who : who === 'client' ? 'server' : 'client';
  said(port, who, INNER, KINDS[message.type], message.target ?? targets.get(`${port} ${asker} ${id}`) ?? null, { id });
}
// What a client sends, by the specification; the library's own parser knows what servers send.
const FIELDS = { 1: ['headers', 'invocationId', 'target', 'arguments', 'streamIds'], 2: ['headers', 'invocationId', 'item'], 4: ['headers', 'invocationId', 'target', 'arguments', 'streamIds'], 5: ['headers', 'invocationId'], 6: [], 7: ['error'] };
function* parse(data, binary) {
  if (!binary) { for (const part of data.toString().split('\x1e')) if (part) yield JSON.parse(part); return; }
  for (let at = 0; at < data.length;) {
    let size = 0; let shift = 0; let byte;
    do { byte = data[at++]; size |= (byte & 0x7f) << shift; shift += 7; } while (byte & 0x80);
    const [type, ...values] = decode(data.subarray(at, at + size));
    at += size;
    if (type === 3) { yield { type, invocationId: values[1] }; continue; }
    yield { type, ...Object.fromEntries(FIELDS[type].map((field, n) => [field, values[n]])) };
  }
}
function serve(ws) {
  let shaken = false;
  const send = (message) => { tell(portOf(ws), 'server', message); ws.send(protocol.writeMessage(message)); };
  const complete = (invocationId, result) => send({ type: MessageType.Completion, invocationId, headers: {}, ...result });
  const targetsOf = {
    Add: async ({ invocationId, arguments: [a, b] }) => complete(invocationId, { result: await hold(`Add ${a} ${b}`, 3, () => a + b) }),
    Slow: async ({ invocationId, arguments: [ms] }) => complete(invocationId, { result: await hold(`Slow ${ms}`, ms, () => 'done') }),
    Fail: ({ invocationId }) => complete(invocationId, { error: 'An unexpected error occurred.' }),
    Say: ({ arguments: [text] }) => send({ type: MessageType.Invocation, target: 'said', arguments: ['ada', text], headers: {} }),
    Counter: async ({ invocationId, arguments: [count, ms] }) => {
      for (let n = 0; n < count && !cancelled.has(invocationId); n++) { send({ type: MessageType.StreamItem, invocationId, item: { n }, headers: {} }); await wait(ms); }
      if (!cancelled.has(invocationId)) complete(invocationId, {});
    },
    Upload: (message) => { uploads.set(message.streamIds[0], message.invocationId); },
    AskMe: ({ invocationId }) => { send({ type: MessageType.Invocation, invocationId: 's1', target: 'whatTime', arguments: [], headers: {} }); complete(invocationId, {}); },
  };
  const cancelled = new Set();
  const uploads = new Map();
  ws.on('message', (data, binary) => {
    if (!shaken) { shaken = true; said(portOf(ws), 'client', INNER, 'handshake', JSON.parse(data.toString().slice(0, -1)).protocol); said(portOf(ws), 'server', INNER, 'handshake', null); return ws.send(mode === 'messagepack' ? Buffer.from('{}\x1e') : '{}\x1e'); }
    for (const message of parse(data, binary)) {
      tell(portOf(ws), 'client', message);
      if (message.type === MessageType.CancelInvocation) cancelled.add(message.invocationId);
      if (message.type === MessageType.Completion && uploads.has(message.invocationId)) complete(uploads.get(message.invocationId), { result: 'stored' });
      if (message.target) targetsOf[message.target](message);
    }
    return undefined;
  });
  const beat = setInterval(() => (ws.readyState === WebSocket.OPEN ? send({ type: MessageType.Ping }) : clearInterval(beat)), 700);
}
async function main() {
  const server = http.createServer((request, response) => {
    const body = JSON.stringify({ negotiateVersion: 1, connectionId: 'abc', connectionToken: 'token-s3cret', availableTransports: [{ transport: 'WebSockets', transferFormats: ['Text', 'Binary'] }] });
    response.writeHead(200, { 'Content-Type': 'application/json' }); response.end(body);
  });
  const sockets = new WebSocket.Server({ server, perMessageDeflate: mode === 'deflate' ? { threshold: 0 } : false });
  sockets.on('connection', serve);
  await new Promise((r) => server.listen(9023, '127.0.0.1', r));
  const client = new signalR.HubConnectionBuilder().withUrl('http://127.0.0.1:9023/hub', { transport: signalR.HttpTransportType.WebSockets, WebSocket: mode === 'deflate' ? WebSocket : undefined }).withHubProtocol(protocol).configureLogging(signalR.LogLevel.Error).build();
  client.keepAliveIntervalInMilliseconds = 800;
  client.on('said', () => {});
  client.on('whatTime', () => '12:00');
  await client.start();
  const port = portOf(client.connection.transport._webSocket);
  let number = 0;
  const ask = (name, values, key) => call(port, 'client', INNER, name, () => client.invoke(name, ...values), { key, id: String(number++) });
  for (const n of [1, 2, 3]) await ask('Add', [n, 30], `Add ${n} 30`);
  await Promise.all([80, 30, 50].map((ms) => ask('Slow', [ms], `Slow ${ms}`)));
  await ask('Fail', []);
  for (const text of ['hello', 'größer als € 1', 'w'.repeat(400)]) { await client.send('Say', text); await wait(20); }
  const stream = (count, stop) => new Promise((r, no) => {
    let items = 0;
    const subscription = client.stream('Counter', count, 15).subscribe({ next: () => { items += 1; if (items === stop) { subscription.dispose(); r(items); } }, complete: () => r(items), error: no });
  });
  await call(port, 'client', INNER, 'Counter', () => stream(5), { id: String(number++), items: (n) => n });
  await call(port, 'client', INNER, 'Counter', async () => { const n = await stream(50, 3); throw n; }, { failed: 'cancelled', id: String(number++) });
  const subject = new signalR.Subject();
  const stored = call(port, 'client', INNER, 'Upload', () => client.invoke('Upload', subject));
  for (const part of ['one', 'two']) { subject.next(part); await wait(10); }
  subject.complete(); await stored;
  await client.invoke('AskMe');
  await wait(900);
  await client.stop(); await wait(200); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
