// Pusher Channels: node pusher.js; the package pusher-js with a small server after protocol 7;
// events go to stdout.
'use strict';
const WebSocket = require('ws');
const { log, wait, watchWs, portOf } = require('../ends.js');
const { said, publish, delivery, call } = require('./said.js');
watchWs(WebSocket);
global.WebSocket = WebSocket;
const INNER = 'pusher';
const joined = [];
function serve(ws) {
  const port = portOf(ws);
  const tell = (who, { event, channel, data }) => { const beat = /^pusher:p[io]ng$/.test(event); said(port, who, INNER, beat ? 'heartbeat' : event, beat ? null : event, { topic: channel ?? (event === 'pusher:subscribe' || event === 'pusher:unsubscribe' ? data.channel : null) }); };
  const send = (message) => { tell('server', message); ws.send(JSON.stringify(message)); };
  send({ event: 'pusher:connection_established', data: JSON.stringify({ socket_id: `1.${port}`, activity_timeout: 1 }) });
  ws.on('message', (text) => {
    const message = JSON.parse(text);
    tell('client', message);
    const { event, data, channel } = message;
    if (event === 'pusher:ping') send({ event: 'pusher:pong', data: '{}' });
    if (event === 'pusher:subscribe') setTimeout(() => { joined.push({ ws, channel: data.channel, send }); send({ event: 'pusher_internal:subscription_succeeded', channel: data.channel, data: '{}' }); }, 25);
    if (event.startsWith('client-')) for (const one of joined) if (one.channel === channel && one.ws !== ws) one.send({ event, channel, data });
  });
}
async function main() {
  const Pusher = require('pusher-js');
  const server = new WebSocket.Server({ port: 9032, host: '127.0.0.1' });
  const ports = [];
  // The package brings a WebSocket client of its own, which is not watched.
  server.on('connection', (ws, request) => { ports.push(portOf(ws)); log({ port: portOf(ws), who: 'server', event: 'open', path: request.url.split('?')[0] }); serve(ws); });
  const members = [];
  for (let n = 0; n < 3; n++) {
    const pusher = new Pusher('app-key', { cluster: 'mt1', wsHost: '127.0.0.1', wsPort: 9032, forceTLS: false, enabledTransports: ['ws'], disableStats: true, activityTimeout: 500, channelAuthorization: { customHandler: (params, done) => done(null, { auth: 'app-key:s3cret' }) } });
    await new Promise((r) => pusher.connection.bind('connected', r));
    const channel = await call(ports[n], 'client', INNER, 'pusher:subscribe', () => new Promise((r) => { const one = pusher.subscribe('private-room'); one.bind('pusher:subscription_succeeded', () => r(one)); }), { topic: 'private-room' });
    channel.bind('client-said', ({ body }) => delivery(ports[n], 'client', INNER, 'private-room', body));
    members.push({ pusher, channel });
  }
  for (let n = 0; n < 6; n++) { const body = `${n}: größer als € 1`; publish(ports[n % 3], 'client', INNER, 'private-room', body); members[n % 3].channel.trigger('client-said', { body }); await wait(40); }
  await wait(1200);
  for (const { pusher } of members) { pusher.disconnect(); await wait(60); }
  await wait(200); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
