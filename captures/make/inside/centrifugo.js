// Centrifugo: node centrifugo.js; the package centrifuge with a small server after its JSON
// protocol; events go to stdout.
'use strict';
const WebSocket = require('ws');
const { wait, watchWs, portOf } = require('../ends.js');
const { said, publish, delivery, hold, call } = require('./said.js');
watchWs(WebSocket);
const { Centrifuge } = require('centrifuge');
const INNER = 'centrifugo';
const joined = [];
function serve(ws) {
  const port = portOf(ws);
  const asked = new Map();
  const kindOf = (message) => Object.keys(message).find((key) => key !== 'id') ?? null;
  const tell = (who, message) => {
    const kind = kindOf(message);
    if (kind === null && message.id === undefined) { said(port, who, INNER, 'heartbeat', null); return; }
    if (who === 'client') asked.set(message.id, { kind, ...message[kind] });
    const of = who === 'client' ? message[kind] : message[kind]?.channel ? message[kind] : asked.get(message.id);
    const pub = message.push?.pub ? 'pub' : null;
    const told = message.push ?? of;
    said(port, who, INNER, pub ?? kind, told?.channel ?? asked.get(message.id)?.method ?? asked.get(message.id)?.kind ?? null, { topic: told?.channel ?? null, id: message.id ?? null });
  };
  const send = (...messages) => { for (const one of messages) tell('server', one); ws.send(messages.map((one) => JSON.stringify(one)).join('\n')); };
  const beat = setInterval(() => (ws.readyState === WebSocket.OPEN ? send({}) : clearInterval(beat)), 500);
  ws.on('message', async (text) => {
    for (const line of text.toString().split('\n').filter(Boolean)) {
      const message = JSON.parse(line);
      tell('client', message);
      const { id } = message;
      if (message.connect) send({ id, connect: { client: `c${port}`, version: '5.0.0', ping: 1, pong: true } });
      if (message.subscribe) { joined.push({ ws, channel: message.subscribe.channel, send }); send({ id, subscribe: {} }); }
      if (message.unsubscribe) send({ id, unsubscribe: {} });
      if (message.publish) {
        const { channel, data } = message.publish;
        for (const one of joined) if (one.channel === channel && one.ws.readyState === WebSocket.OPEN && one.ws !== ws) one.send({ push: { channel, pub: { data } } });
        send({ id, publish: {} }, ...(joined.some((one) => one.ws === ws) ? [{ push: { channel, pub: { data } } }] : []));
      }
      if (message.rpc) {
        const { method, data } = message.rpc;
        if (method === 'fail') send({ id, error: { code: 108, message: 'not available' } });
        else hold(`${method} ${data.ms}`, data.ms, () => 0).then(() => send({ id, rpc: { data: { ok: true } } }));
      }
    }
  });
}
async function main() {
  const server = new WebSocket.Server({ port: 9033, host: '127.0.0.1' });
  const ports = [];
  server.on('connection', (ws) => { ports.push(portOf(ws)); serve(ws); });
  const members = [];
  for (let n = 0; n < 2; n++) {
    const centrifuge = new Centrifuge('ws://127.0.0.1:9033/connection/websocket', { websocket: WebSocket, token: 's3cret' });
    const connected = new Promise((r) => centrifuge.on('connected', r));
    centrifuge.connect(); await connected;
    const room = centrifuge.newSubscription('room:lobby');
    room.on('publication', ({ data }) => delivery(ports[n], 'client', INNER, 'room:lobby', data.body));
    await call(ports[n], 'client', INNER, 'room:lobby', () => new Promise((r) => { room.on('subscribed', r); room.subscribe(); }));
    members.push({ centrifuge, room });
  }
  for (let n = 0; n < 4; n++) { const body = `${n}: größer als € 1`; publish(ports[n % 2], 'client', INNER, 'room:lobby', body); await call(ports[n % 2], 'client', INNER, 'room:lobby', () => members[n % 2].room.publish({ body })); await wait(30); }
  const rpc = (method, ms) => call(ports[0], 'client', INNER, method, () => members[0].centrifuge.rpc(method, { ms }), { key: `${method} ${ms}` });
  await Promise.all([60, 20].map((ms) => rpc('slow', ms)));
  await rpc('fail', 0);
  await wait(700);
  for (const { centrifuge } of members) { centrifuge.disconnect(); await wait(60); }
  await wait(200); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
