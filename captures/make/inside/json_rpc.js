// JSON-RPC 2.0: node json_rpc.js MODE; rpc-websockets both ends, and batches written by hand
// to its server (its client sends none); events go to stdout. MODE is plain or deflate.
'use strict';
const WebSocket = require('ws');
const { Client, Server } = require('rpc-websockets');
const { log, wait, watchWs, portOf } = require('../ends.js');
const { said, hold, call, now } = require('./said.js');
watchWs(WebSocket);
const INNER = 'json-rpc';

function serve(server) {
  server.register('add', ([a, b]) => hold(`add ${a} ${b}`, 0, () => a + b));
  server.register('slow', ({ ms }) => hold(`slow ${ms}`, ms, () => ({ ms, text: 'a while'.repeat(10) })));
  server.register('fail', () => { throw new Error('no such thing'); });
  server.register('note', () => {});
  server.event('price');
}
async function library(url) {
  let number = 0;
  // Its client counts from 1 if none is given; the programs log what they choose.
  const client = new Client(url, { reconnect: false }, () => `r${++number}`);
  await new Promise((r) => client.on('open', r));
  const port = portOf(client.socket.socket ?? client.socket);
  const ask = (name, values, key) => call(port, 'client', INNER, name, async () => { const p = client.call(name, values); said(port, 'client', INNER, 'request', name, { id: `r${number}` }); return p; }, { key, id: `r${number + 1}` });
  for (const n of [1, 2, 3]) await ask('add', [n, 10], `add ${n} 10`);
  await Promise.all([90, 30, 60].map((ms) => ask('slow', { ms }, `slow ${ms}`)));
  await ask('fail', []);
  await ask('nowhere', {});
  for (const level of ['warn', 'info']) { said(port, 'client', INNER, 'notification', 'note'); await client.notify('note', { level }); await wait(10); }
  said(port, 'client', INNER, 'request', 'rpc.on', { id: `r${number + 1}` });
  await client.subscribe('price');
  client.on('price', (pair, value) => log({ port, who: 'client', event: 'delivered', name: 'price', pair, value }));
  return { client, port };
}
async function batches(url) {
  const ws = new WebSocket(url, { perMessageDeflate: process.argv[2] === 'deflate' });
  await new Promise((r) => ws.on('open', r));
  const port = portOf(ws);
  const waiting = new Map();
  ws.on('message', (data) => { const got = JSON.parse(data); for (const one of Array.isArray(got) ? got : [got]) waiting.get(one.id)?.(one); });
  const ask = (items) => {
    const asked = items.map(({ id, method }) => {
      said(port, 'client', INNER, id === undefined ? 'notification' : 'request', method, { id: id ?? null });
      if (id === undefined) return null;
      return call(port, 'client', INNER, method, () => new Promise((r, no) => waiting.set(id, (one) => (one.error ? no(one) : r(one)))), { id });
    });
    ws.send(JSON.stringify(items.length === 1 ? items[0] : items.map((one) => ({ jsonrpc: '2.0', ...one }))));
    return Promise.all(asked);
  };
  await ask([{ id: 1, method: 'add', params: [1, 2] }, { id: 'two', method: 'slow', params: { ms: 25 } }, { method: 'add', params: [3, 4] }, { id: 3, method: 'fail', params: [] }]);
  await ask([{ id: 4, method: 'slow', params: { ms: 50 } }, { id: 5, method: 'add', params: [5, 5] }]);
  await wait(50);
  ws.close(1000);
  await new Promise((r) => ws.on('close', r));
}
async function main() {
  const server = new Server({ port: 9022, host: '127.0.0.1', perMessageDeflate: process.argv[2] === 'deflate' ? { threshold: 60 } : false });
  await new Promise((r) => server.on('listening', r));
  serve(server);
  const url = 'ws://127.0.0.1:9022/';
  const { client, port } = await library(url);
  // Its own events are objects without "jsonrpc": no JSON-RPC.
  for (const [n, pair] of ['EURUSD', 'EURCHF', 'EURGBP'].entries()) { server.emit('price', pair, 1 + n / 10); await wait(20); }
  await batches(url);
  client.close(1000);
  await wait(300); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
