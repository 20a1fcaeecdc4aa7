// STOMP 1.2 over WebSocket: @stomp/stompjs and a small server on ws; events go to stdout.
'use strict';
const WebSocket = require('ws');
const { Client } = require('@stomp/stompjs');
const { wait, watchWs } = require('./ends.js');

watchWs(WebSocket);
global.WebSocket = WebSocket;
const BEAT = 250;

const frame = (command, headers, body = '') =>
  `${command}\n${Object.entries(headers).map(([k, v]) => `${k}:${v}\n`).join('')}\n${body}\0`;
function parse(text) {
  const [head, body] = text.slice(0, -1).split(/\n\n(.*)/s);
  const [command, ...lines] = head.split('\n');
  return { command, headers: Object.fromEntries(lines.map((line) => line.split(/:(.*)/s).slice(0, 2))), body };
}
function serve(ws) {
  const subscribed = [];
  let number = 0;
  ws.on('message', (data) => {
    const text = data.toString();
    if (text === '\n') return;
    const { command, headers, body } = parse(text);
    if (command === 'CONNECT') {
      ws.send(frame('CONNECTED', { version: '1.2', 'heart-beat': `${BEAT},${BEAT}`, server: 'small/1.0' }));
      const beat = setInterval(() => (ws.readyState === WebSocket.OPEN ? ws.send('\n') : clearInterval(beat)), BEAT);
    }
    if (command === 'SUBSCRIBE') subscribed.push(headers);
    if (command === 'SEND') {
      for (const { id, destination } of subscribed) {
        if (destination === headers.destination) ws.send(frame('MESSAGE', { subscription: id, 'message-id': ++number, destination, 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) }, body));
      }
    }
    if (headers.receipt) ws.send(frame('RECEIPT', { 'receipt-id': headers.receipt }));
  });
}
async function main() {
  const server = new WebSocket.Server({ port: 9014, host: '127.0.0.1', handleProtocols: (set) => (set.has('v12.stomp') ? 'v12.stomp' : false) });
  server.on('connection', serve);
  await new Promise((r) => server.on('listening', r));
  const client = new Client({ brokerURL: 'ws://127.0.0.1:9014/stomp', connectHeaders: { login: 'guest', passcode: 'guest', host: 'test' }, heartbeatIncoming: BEAT, heartbeatOutgoing: BEAT, reconnectDelay: 0 });
  const connected = new Promise((r) => { client.onConnect = r; });
  const gone = new Promise((r) => { client.onWebSocketClose = r; });
  client.activate();
  await connected;
  const prices = [];
  client.subscribe('/topic/prices', (message) => prices.push(message.body));
  for (const body of ['EURUSD 1.0841', 'größer als € 1', 'z'.repeat(600)]) {
    client.publish({ destination: '/topic/prices', body, headers: { 'content-type': 'text/plain' } });
    await wait(100);
  }
  await wait(3 * BEAT);
  await client.deactivate(); await gone; await wait(200);
  if (prices.length !== 3) throw new Error(`${prices.length} messages came back`);
  process.exit(0);
}
main();
