// A ws server behind nginx and its clients: node nginx_proxy.js; events go to stdout.
'use strict';
const crypto = require('crypto');
const WebSocket = require('ws');

const log = (event) => process.stdout.write(JSON.stringify(event) + '\n');
const wait = (ms) => new Promise((r) => setTimeout(r, ms));
function entry(who, event, port, data, binary) {
  const b = Buffer.from(data);
  log({ port, who, event, type: binary ? 'binary' : 'text', size: b.length,
        sha256: crypto.createHash('sha256').update(b).digest('hex').slice(0, 16) });
}
const wss = new WebSocket.Server({ port: 9008, host: '127.0.0.1', perMessageDeflate: { threshold: 0 } });
// The leg from nginx to the server: nginx is its client.
wss.on('connection', (ws, req) => {
  const port = req.socket.remotePort;
  log({ port, who: 'server', event: 'open', path: req.url });
  ws.on('message', (data, binary) => {
    entry('server', 'received', port, data, binary);
    const answer = binary ? data : data.toString().toUpperCase();
    entry('server', 'sent', port, answer, binary); ws.send(answer);
  });
  ws.on('close', (code, reason) => {
    // nginx passes the client's Close on, or ends this leg by itself.
    log({ port, who: 'client', event: 'closing', ...(code === 1006 ? { how: 'fin' } : { how: 'close', code, reason: reason.toString() }) });
    log({ port, who: 'server', event: 'closed', code });
  });
});
async function client(path, lines, idle) {
  const ws = new WebSocket('ws://127.0.0.1:9007' + path, [], { perMessageDeflate: true });
  await new Promise((r) => ws.on('open', r));
  const port = ws._socket.localPort;
  log({ port, who: 'client', event: 'open', path });
  const gone = new Promise((r) => ws.on('close', (code) => { log({ port, who: 'client', event: 'closed', code }); r(); }));
  for (const line of lines) {
    entry('client', 'sent', port, line, typeof line !== 'string');
    const got = new Promise((r) => ws.once('message', (data, binary) => { entry('client', 'received', port, data, binary); r(); }));
    ws.send(line); await got;
  }
  if (!idle) { log({ port, who: 'client', event: 'closing', how: 'close', code: 1000, reason: 'ok' }); ws.close(1000, 'ok'); }
  await gone;
  // proxy_read_timeout: nginx ends both legs without a Close frame.
  if (idle) log({ port, who: 'server', event: 'closing', how: 'fin' });
}
(async () => {
  await Promise.all([client('/feed/1', ['one', 'two', 'x'.repeat(2000), Buffer.from([1, 2, 3])], false), client('/feed/idle', ['hello'], true)]);
  await wait(100); process.exit(0);
})();
