// A wss server of Node, and clients of Java: node java_wss.js PEM KEYS; events go to stdout.
'use strict';
const fs = require('fs');
const https = require('https');
const path = require('path');
const { spawn } = require('child_process');
const { log, entry, watchHttp } = require('./ends.js');
const WebSocket = require('ws');

const PORT = 9451;
const [pemFile, keys] = process.argv.slice(2);
const pem = fs.readFileSync(pemFile);
const server = https.createServer({ key: pem, cert: pem }, (_request, response) => {
  response.setHeader('content-type', 'text/plain');
  response.end('a page of text\n'.repeat(20));
});
server.on('keylog', (line) => fs.appendFileSync(keys, line));
watchHttp(server, () => 'plain');
const ports = {};
const wss = new WebSocket.Server({ server, perMessageDeflate: true });
wss.on('connection', (ws, req) => {
  const port = ports[req.url] = req.socket.remotePort;
  const s = req.socket;
  log({ port, who: 'server', event: 'tls', alpn: s.alpnProtocol || null, version: s.getProtocol(), cipher: s.getCipher().standardName, resumed: s.isSessionReused() });
  ws.on('message', (data, binary) => {
    entry('server', 'received', port, data, binary);
    if (String(data) === 'ping me') { log({ port, who: 'server', event: 'ping', size: 4 }); ws.ping('beat'); }
    const answer = binary ? Buffer.from(data).reverse() : String(data).toUpperCase();
    entry('server', 'sent', port, answer, binary); ws.send(answer);
  });
  ws.on('close', (code) => log({ port, who: 'server', event: 'closed', code }));
});
function client(url, protocol) {
  return new Promise((done) => {
    const java = spawn('java', [path.join(__dirname, 'JavaWss.java'), String(PORT), url, protocol], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    java.stdout.on('data', (data) => { said += data; });
    java.on('close', () => {
      for (const line of said.split('\n')) if (line) log({ port: ports[url], ...JSON.parse(line) });
      done();
    });
  });
}
server.listen(PORT, '127.0.0.1', async () => {
  await client('/java/13', 'TLSv1.3'); await client('/java/12', 'TLSv1.2');
  setTimeout(() => process.exit(0), 100);
});
