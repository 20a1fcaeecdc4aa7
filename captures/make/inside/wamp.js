// WAMP v2: node wamp.js json|msgpack|cbor; clients of the package autobahn with a small router
// after the specification; events go to stdout.
'use strict';
const path = require('path');
const WebSocket = require('ws');
const autobahn = require('autobahn');
const { wait, watchWs, portOf } = require('../ends.js');
const { said, publish, delivery, call } = require('./said.js');
const [form] = process.argv.slice(2);
const INNER = 'wamp';
const OwnWs = require(require.resolve('ws', { paths: [path.dirname(require.resolve('autobahn'))] }));
watchWs(WebSocket); watchWs(OwnWs);

const serializers = { json: autobahn.serializer.JSONSerializer, msgpack: autobahn.serializer.MsgpackSerializer, cbor: autobahn.serializer.CBORSerializer };
const serializer = new serializers[form]();
// The package writes CBOR asynchronously, which could put a router's messages out of order.
const write = { json: JSON.stringify, cbor: (m) => require('cbor').encode(m), msgpack: (m) => Buffer.from(serializer.serialize(m)) }[form];
const PROTOCOL = serializer.SERIALIZER_ID === 'json' ? 'wamp.2.json' : `wamp.2.${form}`;
const NAMES = { 1: 'HELLO', 2: 'WELCOME', 3: 'ABORT', 6: 'GOODBYE', 8: 'ERROR', 16: 'PUBLISH', 17: 'PUBLISHED', 32: 'SUBSCRIBE', 33: 'SUBSCRIBED', 34: 'UNSUBSCRIBE', 35: 'UNSUBSCRIBED', 36: 'EVENT', 48: 'CALL', 49: 'CANCEL', 50: 'RESULT', 64: 'REGISTER', 65: 'REGISTERED', 66: 'UNREGISTER', 67: 'UNREGISTERED', 68: 'INVOCATION', 69: 'INTERRUPT', 70: 'YIELD' };

// A router of one realm: broker and dealer (basic profile, and progressive results).
const subscriptions = new Map(); // topic -> {id, members}
const registrations = new Map(); // procedure -> {id, session}
const invocations = new Map();
let counter = 1000;
const next = () => ++counter;
// Its own view of names: URIs of requests, registrations and subscriptions by their ids.
function serve(ws) {
  const port = portOf(ws);
  const pending = new Map();
  const told = new Map();
  const uriOf = (m, from) => {
    if ([16, 32, 48, 64].includes(m[0])) { pending.set(`${from} ${m[1]}`, m[3]); return m[3]; }
    if ([17, 33, 50, 65].includes(m[0])) { const uri = pending.get(`client ${m[1]}`) ?? null; if (m[0] === 33 || m[0] === 65) told.set(m[2], uri); return uri; }
    if (m[0] === 36) return told.get(m[1]) ?? null;
    if (m[0] === 68) { pending.set(`server ${m[1]}`, told.get(m[2])); return told.get(m[2]) ?? null; }
    if (m[0] === 70) return pending.get(`server ${m[1]}`) ?? null;
    if (m[0] === 8) return pending.get(`${from === 'client' ? 'server' : 'client'} ${m[2]}`) ?? null;
    if (m[0] === 34) { pending.set(`client ${m[1]}`, told.get(m[2])); return told.get(m[2]) ?? null; }
    if (m[0] === 35) return pending.get(`client ${m[1]}`) ?? null;
    return null;
  };
  const id = (m) => (m[0] === 8 ? m[2] : [1, 2, 3, 6, 36].includes(m[0]) ? null : m[1]);
  const tell = (from, m) => said(port, from, INNER, NAMES[m[0]], uriOf(m, from), { id: id(m) });
  const send = (m) => { tell('server', m); ws.send(write(m)); };
  const session = { send };
  const answers = {
    HELLO: () => send([2, next(), { roles: { broker: {}, dealer: { features: { progressive_call_results: true } } } }]),
    GOODBYE: () => send([6, {}, 'wamp.close.goodbye_and_out']),
    SUBSCRIBE: ([, request, , topic]) => { const one = subscriptions.get(topic) ?? { id: next(), members: new Set() }; subscriptions.set(topic, one); one.members.add(session); send([33, request, one.id]); },
    UNSUBSCRIBE: ([, request, number]) => { for (const one of subscriptions.values()) if (one.id === number) one.members.delete(session); send([35, request]); },
    PUBLISH: ([, request, options, topic, args, kwargs]) => {
      const publication = next();
      const one = subscriptions.get(topic);
      for (const member of one?.members ?? []) if (member !== session) member.send([36, one.id, publication, {}, ...[args, kwargs].filter((given) => given !== undefined)]);
      if (options.acknowledge) send([17, request, publication]);
    },
    REGISTER: ([, request, , procedure]) => { const one = { id: next(), session }; registrations.set(procedure, one); send([65, request, one.id]); },
    CALL: ([, request, options, procedure, args, kwargs]) => {
      const one = registrations.get(procedure);
      if (!one) return send([8, 48, request, {}, 'wamp.error.no_such_procedure', []]);
      const number = next();
      invocations.set(number, { caller: session, request });
      return one.session.send([68, number, one.id, options.receive_progress ? { receive_progress: true } : {}, args ?? [], kwargs ?? {}]);
    },
    YIELD: ([, number, options, args, kwargs]) => { const { caller, request } = invocations.get(number); caller.send([50, request, options.progress ? { progress: true } : {}, args ?? [], kwargs ?? {}]); },
    ERROR: ([, , number, , uri, args]) => { const { caller, request } = invocations.get(number); caller.send([8, 48, request, {}, uri, args ?? []]); },
  };
  ws.on('message', (data, binary) => { const m = serializer.unserialize(binary ? data : data.toString()); tell('client', m); answers[NAMES[m[0]]](m); });
}
async function member() {
  const connection = new autobahn.Connection({ url: 'ws://127.0.0.1:9028/ws', realm: 'realm1', serializers: [serializer], max_retries: 0 });
  const session = await new Promise((r, no) => { connection.onopen = r; connection.onclose = (reason) => { no(new Error(reason)); return true; }; connection.open(); });
  return { connection, session };
}
async function main() {
  const server = new WebSocket.Server({ port: 9028, host: '127.0.0.1', handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false) });
  const ports = [];
  server.on('connection', (ws) => { ports.push(portOf(ws)); serve(ws); });
  const [ada, bob, eve] = [await member(), await member(), await member()];
  const [pa, pb, pe] = ports;
  const ask = (name, run, how) => call(pa, 'client', INNER, name, run, how);
  await bob.session.register('com.example.add', ([a, b]) => a + b);
  await bob.session.register('com.example.slow', async ([ms]) => { await wait(ms); return 'done'; });
  await bob.session.register('com.example.fail', () => { throw new autobahn.Error('com.example.wrong', ['no such thing']); });
  await bob.session.register('com.example.count', async ([n], kwargs, details) => { for (let i = 0; i < n; i++) { details.progress?.([i]); await wait(15); } return n; });
  for (const n of [1, 2, 3]) await ask('com.example.add', () => ada.session.call('com.example.add', [n, 40]));
  await Promise.all([90, 30, 60].map((ms) => ask('com.example.slow', () => ada.session.call('com.example.slow', [ms]))));
  await ask('com.example.fail', () => ada.session.call('com.example.fail'));
  await ask('com.example.nowhere', () => ada.session.call('com.example.nowhere'));
  let items = 0;
  await ask('com.example.count', () => new Promise((r, no) => ada.session.call('com.example.count', [4], {}, { receive_progress: true }).then(r, no, () => { items += 1; })), { items: () => items });
  const topic = 'com.example.chat';
  const read = (port) => ([text]) => delivery(port, 'client', INNER, topic, text);
  const subscription = await bob.session.subscribe(topic, read(pb));
  await eve.session.subscribe(topic, read(pe));
  for (let n = 0; n < 5; n++) {
    const text = `${n}: größer als € 1 ${'w'.repeat(n * 40)}`;
    publish(pa, 'client', INNER, topic, text);
    if (n % 2) await ask(topic, () => ada.session.publish(topic, [text], {}, { acknowledge: true })); else ada.session.publish(topic, [text]);
    await wait(30);
  }
  await bob.session.unsubscribe(subscription);
  for (const one of [ada, bob, eve]) { one.connection.onclose = () => true; one.connection.close(); await wait(60); }
  await wait(200); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
