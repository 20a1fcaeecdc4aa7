// Action Cable: node action_cable.js; the package @rails/actioncable with a small server after
// the protocol actioncable-v1-json; events go to stdout.
'use strict';
const WebSocket = require('ws');
const { wait, watchWs, portOf } = require('../ends.js');
const { said, call } = require('./said.js');
watchWs(WebSocket);
global.document = { addEventListener() {}, removeEventListener() {}, visibilityState: 'visible', createElement: () => ({}) };
global.addEventListener = () => {};
global.removeEventListener = () => {};
global.WebSocket = WebSocket;
const ActionCable = require('@rails/actioncable');
const INNER = 'action-cable';
ActionCable.adapters.WebSocket = class extends WebSocket { constructor(url, protocols) { super(url, protocols, { perMessageDeflate: false }); } };
const joined = [];
function serve(ws) {
  const port = portOf(ws);
  const channelOf = (identifier) => (identifier ? JSON.parse(identifier).channel : null);
  const send = (message) => {
    const kind = message.type === 'ping' ? 'heartbeat' : message.type ?? 'message';
    said(port, 'server', INNER, kind, channelOf(message.identifier));
    ws.send(JSON.stringify(message));
  };
  send({ type: 'welcome' });
  const beat = setInterval(() => (ws.readyState === WebSocket.OPEN ? send({ type: 'ping', message: Math.floor(Date.now() / 1000) }) : clearInterval(beat)), 400);
  ws.on('message', (data) => {
    const { command, identifier, data: inner } = JSON.parse(data);
    said(port, 'client', INNER, command, channelOf(identifier));
    if (command === 'subscribe') setTimeout(() => {
      const refused = channelOf(identifier) === 'SecretChannel';
      if (!refused) joined.push({ ws, identifier, send });
      send({ identifier, type: refused ? 'reject_subscription' : 'confirm_subscription' });
    }, 20);
    if (command === 'message') for (const one of joined) if (one.identifier === identifier && one.ws.readyState === WebSocket.OPEN) one.send({ identifier, message: { body: JSON.parse(inner).body } });
  });
}
async function main() {
  const server = new WebSocket.Server({ port: 9031, host: '127.0.0.1', handleProtocols: (offered) => (offered.has('actioncable-v1-json') ? 'actioncable-v1-json' : false) });
  const ports = [];
  server.on('connection', (ws) => { ports.push(portOf(ws)); serve(ws); });
  const members = [];
  const subscribe = (n, consumer, channel, read) => {
    let subscription;
    return call(ports[n], 'client', INNER, channel, () => new Promise((r, no) => { subscription = consumer.subscriptions.create(channel === 'ChatChannel' ? { channel, room: 'lobby' } : channel, { connected: r, rejected: no, received: read }); })).then(() => subscription);
  };
  for (let n = 0; n < 2; n++) {
    const consumer = ActionCable.createConsumer('ws://127.0.0.1:9031/cable');
    consumer.connect(); while (ports.length <= n) await wait(20);
    await wait(60);
    members.push({ consumer, chat: await subscribe(n, consumer, 'ChatChannel', () => {}) });
  }
  await subscribe(0, members[0].consumer, 'SecretChannel');
  for (let n = 0; n < 6; n++) { const body = `${n}: größer als € 1`; members[n % 2].chat.perform('speak', { body }); await wait(40); }
  await wait(500);
  members[1].chat.unsubscribe(); await wait(50);
  for (const { consumer } of members) { consumer.disconnect(); await wait(60); }
  await wait(200); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
