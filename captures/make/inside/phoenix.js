// Phoenix channels: node phoenix.js; the package phoenix with a small server after version 2 of
// its serializer; events go to stdout.
'use strict';
const WebSocket = require('ws');
const { wait, watchWs, portOf } = require('../ends.js');
const { said, publish, delivery, hold, call } = require('./said.js');
watchWs(WebSocket);
global.WebSocket = WebSocket;
global.window ??= undefined;
const { Socket } = require('phoenix');
const INNER = 'phoenix';
const members = new Set();
function serve(ws) {
  const port = portOf(ws);
  const tell = (who, [, ref, topic, event]) => said(port, who, INNER, topic === 'phoenix' || (event === 'phx_reply' && beats.has(ref)) ? 'heartbeat' : 'message', topic === 'phoenix' || (event === 'phx_reply' && beats.has(ref)) ? null : event, { topic: topic === 'phoenix' ? null : topic, id: ref });
  const beats = new Set();
  const send = (message) => { tell('server', message); ws.send(JSON.stringify(message)); };
  ws.on('message', async (data) => {
    const message = JSON.parse(data);
    const [join, ref, topic, event, payload] = message;
    if (topic === 'phoenix') beats.add(ref);
    tell('client', message);
    const reply = (status, response = {}) => send([join, ref, topic, 'phx_reply', { status, response }]);
    if (event === 'phx_join') { members.add({ ws, topic, join, send }); return reply(topic.startsWith('private') ? 'error' : 'ok'); }
    if (event === 'new_msg') { for (const one of members) if (one.topic === topic && one.ws.readyState === WebSocket.OPEN) one.send([null, null, topic, 'new_msg', payload]); return reply('ok'); }
    if (event === 'add') return reply('ok', { sum: await hold(`add ${payload.a} ${payload.b}`, 5, () => payload.a + payload.b) });
    if (event === 'slow') { await hold(`slow ${payload.ms}`, payload.ms, () => 0); return reply('ok'); }
    if (event === 'wrong') return reply('error', { reason: 'unmatched topic' });
    if (event === 'never') return undefined;
    return reply('ok');
  });
}
async function main() {
  const server = new WebSocket.Server({ port: 9030, host: '127.0.0.1' });
  const ports = [];
  server.on('connection', (ws) => { ports.push(portOf(ws)); serve(ws); });
  const sockets = [];
  const channels = [];
  const topic = 'room:lobby';
  const ask = (n, channel, name, payload, key, timeout = 2000) => call(ports[n], 'client', INNER, name, () => new Promise((r, no) => {
    const push = name === 'phx_join' ? channel.join(timeout) : name === 'phx_leave' ? channel.leave(timeout) : channel.push(name, payload, timeout);
    push.receive('ok', r).receive('error', no).receive('timeout', no);
  }), { key, topic: channel.topic });
  for (let n = 0; n < 3; n++) {
    const socket = new Socket('ws://127.0.0.1:9030/socket', { transport: WebSocket, heartbeatIntervalMs: 500, params: { token: 's3cret' } });
    const open = new Promise((r) => socket.onOpen(r));
    socket.connect(); await open; await wait(30);
    const channel = socket.channel(topic, { user: `u${n}` });
    channel.on('new_msg', ({ body }) => delivery(ports[n], 'client', INNER, topic, body));
    sockets.push(socket); channels.push(channel);
    await ask(n, channel, 'phx_join');
  }
  for (let n = 0; n < 6; n++) { const body = `${n}: größer als € 1`; publish(ports[n % 3], 'client', INNER, topic, body); await ask(n % 3, channels[n % 3], 'new_msg', { body }); await wait(20); }
  for (const n of [1, 2]) await ask(0, channels[0], 'add', { a: n, b: 9 }, `add ${n} 9`);
  await Promise.all([70, 30].map((ms) => ask(1, channels[1], 'slow', { ms }, `slow ${ms}`)));
  await ask(0, channels[0], 'wrong', {});
  // Without an answer, which a server need not give.
  channels[0].push('never', {}, 150);
  await wait(700);
  await ask(2, channels[2], 'phx_leave');
  for (const socket of sockets) { socket.disconnect(() => {}, 1000, 'done'); await wait(60); }
  await wait(200); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
