// STOMP over WebSocket: node stomp.js VERSION URL; @stomp/stompjs with RabbitMQ's web-stomp.
// Members of a room, receipts, requests with reply-to, an error; events go to stdout.
'use strict';
const WebSocket = require('ws');
const { Client, Versions } = require('@stomp/stompjs');
const { wait, watchWs, portOf } = require('../ends.js');
const { said, publish, delivery, call } = require('./said.js');
const [version, url] = process.argv.slice(2);
const INNER = 'stomp';
watchWs(WebSocket);

// The library hands out what it reads and writes as text: command and headers.
function tell(port, who, text) {
  const [command, ...lines] = text.split('\n\n')[0].split(/\r?\n/);
  const of = (name) => lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1) ?? null;
  said(port, who, INNER, command, of('destination'), { topic: of('destination'), receipt: of('receipt') ?? of('receipt-id') });
}
async function member(name) {
  let ws;
  const client = new Client({
    webSocketFactory: () => { ws = new WebSocket(url, [`v${version.replace('.', '')}.stomp`], { perMessageDeflate: false }); return ws; },
    stompVersions: new Versions([version]), connectHeaders: { login: 'guest', passcode: 'guest', host: '/' },
    heartbeatIncoming: 400, heartbeatOutgoing: 400, reconnectDelay: 0, logRawCommunication: true,
    debug: (line) => {
      const text = /^(>>>|<<<) ([A-Z]+\n[^]*)/.exec(line);
      if (text) tell(portOf(ws), text[1] === '>>>' ? 'client' : 'server', text[2]);
    },
  });
  const ready = new Promise((r, no) => { client.onConnect = r; client.onStompError = no; });
  client.activate();
  await ready;
  let number = 0;
  const receipt = (name, run) => {
    const id = `r-${name}-${++number}`;
    return call(portOf(ws), 'client', INNER, name, () => new Promise((r) => { client.watchForReceipt(id, r); run(id); }), { id });
  };
  return { name, client, receipt, port: () => portOf(ws) };
}
async function main() {
  const members = [];
  for (const name of ['ada', 'bob', 'eve']) members.push(await member(name));
  const room = '/topic/room.1';
  for (const one of members) {
    await one.receipt(room, (id) => one.client.subscribe(room, (message) => delivery(one.port(), 'client', INNER, room, message.body), { id: `sub-${one.name}`, receipt: id }));
  }
  for (let n = 0; n < 6; n++) {
    const one = members[n % 3];
    const body = `${n}: größer als € 1 ${'w'.repeat(n * 60)}`;
    const send = (headers) => { publish(one.port(), 'client', INNER, room, body); one.client.publish({ destination: room, body, headers: { 'content-type': 'text/plain', ...headers } }); };
    if (n % 2) await one.receipt(room, (id) => send({ receipt: id })); else send({});
    await wait(30);
  }
  const [ada, bob, eve] = members;
  // Requests by reply-to and correlation-id, which RabbitMQ maps to a queue of its own.
  bob.client.subscribe('/queue/ask', (message) => {
    delivery(bob.port(), 'client', INNER, '/queue/ask', message.body);
    setTimeout(() => bob.client.publish({ destination: message.headers['reply-to'], body: `re ${message.body}`, headers: { 'correlation-id': message.headers['correlation-id'] } }), 40);
  }, { id: 'sub-ask' });
  await wait(100);
  for (const n of [1, 2]) {
    const answered = new Promise((r) => { ada.client.onUnhandledMessage = r; });
    publish(ada.port(), 'client', INNER, '/queue/ask', `what ${n}`);
    ada.client.publish({ destination: '/queue/ask', body: `what ${n}`, headers: { 'reply-to': '/temp-queue/answers', 'correlation-id': `c${n}` } });
    await answered;
  }
  const transaction = ada.client.begin('t1');
  publish(ada.port(), 'client', INNER, room, 'in a transaction');
  ada.client.publish({ destination: room, body: 'in a transaction', headers: { transaction: transaction.id } });
  transaction.commit();
  await wait(900); // Heart-beats: a newline each 0.4 s.
  const failed = new Promise((r) => { eve.client.onStompError = r; });
  eve.client.publish({ destination: '/nowhere/at/all', body: '?' });
  await failed;
  await wait(200);
  await bob.receipt(room, (id) => bob.client.unsubscribe('sub-bob', { receipt: id }));
  for (const one of [ada, bob]) await one.client.deactivate();
  await eve.client.deactivate({ force: true }).catch(() => {});
  await wait(200); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
