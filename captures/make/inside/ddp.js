// DDP of Meteor: node ddp.js; the package ddp with a small server after the specification;
// events go to stdout.
'use strict';
const WebSocket = require('ws');
const DDPClient = require('ddp');
const { log, wait, watchWs, portOf } = require('../ends.js');
const { said, hold, call } = require('./said.js');
watchWs(WebSocket);
const INNER = 'ddp';
function serve(ws) {
  const port = portOf(ws);
  const names = new Map();
  const tell = (who, message) => {
    const beat = ['ping', 'pong'].includes(message.msg);
    if (message.msg === 'method') names.set(message.id, message.method);
    if (message.msg === 'sub') names.set(message.id, message.name);
    const id = message.id ?? message.methods?.[0] ?? message.subs?.[0] ?? null;
    const paired = ['method', 'sub', 'result', 'ready', 'nosub', 'unsub'].includes(message.msg);
    said(port, who, INNER, beat ? 'heartbeat' : message.msg, paired ? names.get(message.msg === 'ready' ? message.subs[0] : message.id) ?? null : null, { id: paired ? (message.msg === 'ready' ? message.subs[0] : message.id) : null, first: id });
  };
  const send = (message) => { tell('server', message); ws.send(JSON.stringify(message)); };
  ws.on('message', async (text) => {
    const message = JSON.parse(text);
    tell('client', message);
    const { msg, id, method, params, name } = message;
    if (msg === 'connect') send({ msg: 'connected', session: 'session-1' });
    if (msg === 'ping') send(id === undefined ? { msg: 'pong' } : { msg: 'pong', id });
    if (msg === 'method') {
      if (method === 'fail') send({ msg: 'result', id, error: { error: 404, reason: 'no such thing' } });
      else send({ msg: 'result', id, result: await hold(`${method} ${params}`, method === 'slow' ? params[0] : 4, () => params.reduce((a, b) => a + b)) });
      send({ msg: 'updated', methods: [id] });
    }
    if (msg === 'sub' && name === 'secret') send({ msg: 'nosub', id, error: { error: 403, reason: 'not allowed' } });
    else if (msg === 'sub') {
      for (let n = 0; n < 3; n++) send({ msg: 'added', collection: 'posts', id: `p${n}`, fields: { text: `größer ${n}` } });
      send({ msg: 'ready', subs: [id] });
      await wait(100); send({ msg: 'changed', collection: 'posts', id: 'p1', fields: { text: 'new' } });
    }
  });
  setTimeout(() => send({ msg: 'ping' }), 400);
}
async function main() {
  const server = new WebSocket.Server({ port: 9034, host: '127.0.0.1' });
  let port;
  server.on('connection', (ws, request) => { port = portOf(ws); log({ port, who: 'server', event: 'open', path: request.url.split('?')[0] }); serve(ws); });
  const client = new DDPClient({ host: '127.0.0.1', port: 9034, ssl: false, autoReconnect: false, maintainCollections: true, ddpVersion: '1' });
  await new Promise((r, no) => client.connect((error) => (error ? no(error) : r())));
  const ask = (name, params) => call(port, 'client', INNER, name, () => new Promise((r, no) => client.call(name, params, (error, value) => (error ? no(error) : r(value)))), { key: `${name} ${params}` });
  const subscribe = (name) => call(port, 'client', INNER, name, () => new Promise((r, no) => client.subscribe(name, [], (error) => (error ? no(error) : r()))));
  for (const n of [1, 2]) await ask('add', [n, 20]);
  await Promise.all([70, 30].map((ms) => ask('slow', [ms])));
  await ask('fail', []);
  await subscribe('posts');
  await subscribe('secret');
  await wait(500);
  client.close(); await wait(200); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
