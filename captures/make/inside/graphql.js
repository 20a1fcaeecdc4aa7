// GraphQL over WebSocket: node graphql.js new|old; graphql-ws (subprotocol
// graphql-transport-ws, compressed) or subscriptions-transport-ws (graphql-ws); events to stdout.
'use strict';
const path = require('path');
const WebSocket = require('ws');
const graphql = require('graphql');
const { wait, watchWs, portOf } = require('../ends.js');
const { said, call } = require('./said.js');
const [mode] = process.argv.slice(2);
watchWs(WebSocket);
const INNER = mode === 'new' ? 'graphql-transport-ws' : 'graphql-ws';

const schema = graphql.buildSchema(`
  type Query { add(a: Int!, b: Int!): Int  slow(ms: Int!): String  fail: String }
  type Mutation { post(text: String!): String }
  type Subscription { ticks(count: Int!, ms: Int!): Int }`);
const root = {
  add: ({ a, b }) => a + b,
  slow: async ({ ms }) => { await wait(ms); return 'done'; },
  fail: () => { throw new Error('no such thing'); },
  post: ({ text }) => text,
  async* ticks({ count, ms }) { for (let n = 0; n < count; n++) { yield { ticks: n }; await wait(ms); } },
};
// The resolvers of the root are methods there; a subscription's items resolve by their field.
const subscribe = (args) => graphql.subscribe({ ...args, rootValue: root });
const OPERATIONS = [
  ['Add', 'query Add { add(a: 1, b: 2) }'], ['Slow', 'query Slow($ms: Int!) { slow(ms: $ms) }', { ms: 60 }],
  ['Fail', 'query Fail { fail }'], ['Post', 'mutation Post($text: String!) { post(text: $text) }', { text: 'größer als € 1' }],
  ['Ticks', 'subscription Ticks { ticks(count: 4, ms: 20) }'], [null, '{ add(a: 5, b: 5) }'], ['Wrong', 'query Wrong { nothing }'],
];
// What the programs' own parse gives of every message, before or after it is on the wire.
function watch(ws, who) {
  const names = new Map();
  const tell = (sender, text) => {
    const { type, id, payload } = JSON.parse(text);
    if (payload?.query) names.set(id, payload.operationName ?? null);
    const beat = ['ping', 'pong', 'ka'].includes(type);
    said(portOf(ws), sender, INNER, beat ? 'heartbeat' : type, beat ? null : names.get(id) ?? null, { id: id ?? null });
  };
  ws.on('message', (data) => tell(who === 'server' ? 'client' : 'server', data.toString()));
  const { send } = ws;
  ws.send = function (data, ...more) { tell(who, data.toString()); return send.call(this, data, ...more); };
}
async function main() {
  const server = new WebSocket.Server({ port: 9024, host: '127.0.0.1', perMessageDeflate: mode === 'new' ? { threshold: 0 } : false, handleProtocols: (offered) => [...offered].find((one) => one === INNER) ?? false });
  server.on('connection', (ws) => watch(ws, 'server'));
  const url = 'ws://127.0.0.1:9024/graphql';
  let run; let port; let stop;
  if (mode === 'new') {
    const { useServer } = require('graphql-ws/use/ws');
    const { createClient } = require('graphql-ws');
    useServer({ schema, roots: { query: root, mutation: root, subscription: root }, subscribe: (args) => subscribe(args) }, server);
    let number = 0;
    const client = createClient({ url, webSocketImpl: WebSocket, lazy: false, keepAlive: 300, retryAttempts: 0, generateID: () => `q-${++number}` });
    const socket = await new Promise((r) => client.on('connected', r));
    port = portOf(socket);
    run = (operationName, query, variables) => new Promise((r, no) => { let items = 0; let failed = false; client.subscribe({ operationName, query, variables }, { next: (v) => { items += 1; failed ||= Boolean(v.errors); }, error: no, complete: () => (failed ? no(items) : r(items)) }); });
    stop = () => client.dispose();
  } else {
    const { SubscriptionServer, SubscriptionClient } = require('subscriptions-transport-ws');
    SubscriptionServer.create({ schema, rootValue: root, execute: (args) => graphql.execute({ ...args, rootValue: root }), subscribe, keepAlive: 300 }, server);
    const client = new SubscriptionClient(url, { reconnect: false }, WebSocket);
    await new Promise((r) => client.onConnected(r));
    port = portOf(client.client);
    run = (operationName, query, variables) => new Promise((r, no) => { let items = 0; let failed = false; client.request({ operationName, query, variables }).subscribe({ next: (v) => { items += 1; failed ||= Boolean(v.errors); }, error: no, complete: () => (failed ? no(items) : r(items)) }); });
    stop = () => client.close();
  }
  const ask = (name, query, variables) => call(port, 'client', INNER, name, () => run(name ?? undefined, query, variables), { items: (n) => (typeof n === 'number' ? n : null) });
  for (const operation of OPERATIONS) await ask(...operation);
  await Promise.all([70, 20, 45].map((ms) => ask('Slow', OPERATIONS[1][1], { ms })));
  await wait(700);
  stop(); await wait(300); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
