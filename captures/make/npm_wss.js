// A wss server of Node and its clients: node --tls-keylog=KEYS npm_wss.js PEM; events go to stdout.
'use strict';
const fs = require('fs');
const https = require('https');
const net = require('net');
const tls = require('tls');
const { log, wait, watchWs, watchHttp } = require('./ends.js');
const WebSocket = require('ws');

const PORT = 9450, NAME = 'node.example.test';
const pem = fs.readFileSync(process.argv[2]);
watchWs(WebSocket);
const server = https.createServer({ key: pem, cert: pem }, (request, response) => {
  response.setHeader('content-type', 'text/plain');
  response.end('a page of text\n'.repeat(request.url === '/long' ? 400 : 10));
});
watchHttp(server, () => 'plain');
const wss = new WebSocket.Server({ server, perMessageDeflate: { threshold: 50 } });
wss.on('connection', (ws, req) => {
  const port = req.socket.remotePort;
  ws.on('error', () => {});
  ws.on('message', (data, binary) => {
    if (String(data) === 'ping me') { log({ port, who: 'server', event: 'ping', size: 4 }); ws.ping('beat'); }
    if (String(data) === 'burst') { ws._socket.cork(); for (let n = 0; n < 50; n++) ws.send(`tick ${n}`); ws._socket.uncork(); }
    ws.send(binary ? Buffer.from(data).reverse() : String(data).toUpperCase());
  });
});

let session = null;
let raw = null; // The TCP socket below the last connection.
function open(path, options) {
  return new Promise((done) => {
    const ws = new WebSocket(`wss://${NAME}:${PORT}${path}`, [], {
      ca: pem, host: '127.0.0.1', servername: NAME, perMessageDeflate: options.deflate ?? false,
      createConnection: (o) => {
        // ws passes the name on as host; the names of captures are in no DNS.
        let port;
        const below = raw = net.connect(PORT, '127.0.0.1');
        const socket = tls.connect({ ...o, ...options, socket: below, host: '127.0.0.1', path: undefined, servername: NAME, ALPNProtocols: ['http/1.1'] });
        Object.defineProperty(socket, 'localPort', { get: () => port });
        below.on('connect', () => { port = below.localPort; });
        socket.on('session', (s) => { session = s; });
        return socket;
      } });
    ws.on('error', () => {});
    ws.on('open', () => {
      const s = ws._socket;
      log({ port: s.localPort, who: 'client', event: 'tls', sni: NAME, alpn: s.alpnProtocol, version: s.getProtocol(), cipher: s.getCipher().standardName, resumed: s.isSessionReused() });
      done(ws);
    });
  });
}
const ask = (ws, data) => new Promise((done) => { ws.once('message', done); ws.send(data); });
const gone = (ws) => new Promise((done) => ws.on('close', done));
async function talk(ws) {
  await ask(ws, 'hello'); await ask(ws, 'größer, 世界 '.repeat(40)); await ask(ws, Buffer.alloc(20000, 'abcdefg'));
  log({ port: ws._socket.localPort, who: 'client', event: 'ping', size: 0 }); ws.ping('');
  await ask(ws, 'ping me'); await ask(ws, 'burst'); await wait(80);
  const end = gone(ws); ws.close(1000, 'done'); await end;
}
function get(path, agent) {
  return new Promise((done) => https.get({ host: '127.0.0.1', port: PORT, servername: NAME, ca: pem, path, agent }, (r) => { r.resume(); r.on('end', done); }));
}
server.listen(PORT, '127.0.0.1', async () => {
  const old = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' };
  for (const [path, options] of [['/plain', {}], ['/deflate', { deflate: true }], ['/tls12', { ...old, deflate: true }]]) {
    await talk(await open(path, options));
    await talk(await open(path, { ...options, session }));
  }
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  await get('/short', agent); await get('/long', agent); agent.destroy();
  for (const [how, end] of [['fin', (ws) => ws.terminate()], ['reset', () => raw.resetAndDestroy()]]) {
    const ws = await open('/aborts', {}); await ask(ws, 'hello');
    log({ port: ws._socket.localPort, who: 'client', event: 'closing', how });
    const over = gone(ws); end(ws); await over; await wait(50);
  }
  await wait(100); process.exit(0);
});
