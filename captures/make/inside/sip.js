// SIP over WebSocket (RFC 7118): node sip.js; JsSIP with a small server; events go to stdout.
'use strict';
const WebSocket = require('ws');
const { wait, watchWs, portOf } = require('../ends.js');
const { said, hold, call } = require('./said.js');
watchWs(WebSocket);
global.WebSocket = WebSocket;
global.window ??= { addEventListener() {}, removeEventListener() {} };
const JsSIP = require('jssip');
const INNER = 'sip';
function serve(ws) {
  const port = portOf(ws);
  ws.on('message', async (data) => {
    const text = data.toString();
    if (text === '\r\n\r\n') { said(port, 'client', INNER, 'heartbeat', null); said(port, 'server', INNER, 'heartbeat', null); ws.send('\r\n'); return; }
    const [first, ...lines] = text.split('\r\n\r\n')[0].split('\r\n');
    const of = (name) => lines.filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`)).join('\r\n');
    const [method] = first.split(' ');
    const id = `${of('Call-ID').slice(8).trim()} ${parseInt(of('CSeq').slice(5), 10)}`;
    said(port, 'client', INNER, 'request', method, { id });
    const answer = (status, reason) => {
      said(port, 'server', INNER, 'response', String(status), { id });
      const to = of('To').includes(';tag=') ? of('To') : `${of('To')};tag=t1`;
      ws.send([`SIP/2.0 ${status} ${reason}`, of('Via'), to, of('From'), of('Call-ID'), of('CSeq'), ...(method === 'REGISTER' ? [`${of('Contact')};expires=600`] : []), 'Content-Length: 0', '', ''].join('\r\n'));
    };
    if (text.includes('slow')) { await wait(20); answer(100, 'Trying'); await hold('slow', 60, () => 0); }
    if (text.includes('refuse')) answer(403, 'Forbidden'); else answer(200, 'OK');
  });
}
async function main() {
  const server = new WebSocket.Server({ port: 9036, host: '127.0.0.1', handleProtocols: (offered) => (offered.has('sip') ? 'sip' : false) });
  const ports = [];
  server.on('connection', (ws) => { ports.push(portOf(ws)); serve(ws); });
  const ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface('ws://127.0.0.1:9036/')], uri: 'sip:ada@example.test', password: 's3cret', register: false, contact_uri: 'sip:ada@client.example.test;transport=ws' });
  ua.start();
  await new Promise((r) => ua.on('connected', r));
  const [port] = ports;
  await call(port, 'client', INNER, 'REGISTER', () => new Promise((r, no) => { ua.on('registered', r); ua.on('registrationFailed', no); ua.register(); }));
  const message = (body) => call(port, 'client', INNER, 'MESSAGE', () => new Promise((r, no) => ua.sendMessage('sip:bob@example.test', body, { eventHandlers: { succeeded: r, failed: no } })), { key: body });
  await message('hello');
  await message('slow');
  await message('refuse');
  await call(port, 'client', INNER, 'OPTIONS', () => new Promise((r, no) => ua.sendOptions('sip:bob@example.test', null, { eventHandlers: { succeeded: r, failed: no } })));
  await wait(100);
  await call(port, 'client', INNER, 'REGISTER', () => new Promise((r) => { ua.on('unregistered', r); ua.unregister(); }));
  ua.stop(); await wait(300); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
