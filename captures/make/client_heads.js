// undici's WebSocket, fetch and EventSource, which are Node's own: node client_heads.js SITE
'use strict';
const { WebSocket, fetch, EventSource } = require('undici');
const site = process.argv[2];
const wait = (target, name) => new Promise((done) => target.addEventListener(name, done, { once: true }));
async function main() {
  const socket = new WebSocket(site.replace('http', 'ws') + '/api/socket');
  await wait(socket, 'open');
  socket.close(1000);
  await wait(socket, 'close');
  for (const n of [0, 1]) await (await fetch(site + '/api/news?after=' + n)).text();
  const headers = { 'Content-Type': 'application/json' };
  for (const n of [0, 1]) {
    const body = JSON.stringify({ text: 'hello' });
    await (await fetch(site + '/api/say', { method: 'POST', headers, body })).text();
  }
  const events = new EventSource(site + '/api/events');
  await wait(events, 'message');
  events.close();
  setTimeout(() => process.exit(0), 300);
}
main();
