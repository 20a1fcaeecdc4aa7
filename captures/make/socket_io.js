// Socket.IO over Engine.IO: node socket_io.js upgrade|polling; events go to stdout.
'use strict';
const http = require('http');
const path = require('path');
const { Server } = require('socket.io');
const { io: connect } = require('socket.io-client');
const { log, wait, sum, watchWs, watchHttp } = require('./ends.js');

const packageOf = (name) => path.dirname(require.resolve(name));
for (const name of ['engine.io', 'engine.io-client']) {
  const at = [packageOf('socket.io'), packageOf('socket.io-client')];
  watchWs(require(require.resolve('ws', { paths: [path.dirname(require.resolve(name, { paths: at }))] })));
}

function portOf(socket) {
  const transport = socket.conn.transport;
  const below = transport.name === 'websocket' ? transport.socket._socket : transport.req?.socket;
  return (below ?? socket.request.socket).remotePort;
}
const bytesOf = (value) => (Buffer.isBuffer(value) ? value : JSON.stringify(value));
// What the application sees, over whichever transport carries it at that time.
function application(event, socket, name, values) {
  log({ port: portOf(socket), who: 'server', event, name, transport: socket.conn.transport.name, values: values.map((v) => sum(bytesOf(v))) });
}

async function main(transports) {
  const server = http.createServer();
  const io = new Server(server, { pingInterval: 700, pingTimeout: 5000 });
  watchHttp(server, (request) => (request.method === 'GET' ? 'long-poll' : 'plain'));
  io.on('connection', (socket) => {
    const emit = (name, ...values) => { application('emitted', socket, name, values); socket.emit(name, ...values); };
    socket.on('say', (text, done) => { application('delivered', socket, 'say', [text]); emit('said', text.toUpperCase()); done('ok'); });
    socket.on('blob', (blob) => { application('delivered', socket, 'blob', [blob]); emit('blob', Buffer.from(blob).reverse(), { size: blob.length }); });
  });
  await new Promise((r) => server.listen(9010, '127.0.0.1', r));
  const agent = new http.Agent({ keepAlive: true });
  const client = connect('http://127.0.0.1:9010', { transports, agent, extraHeaders: { Cookie: 'sid=s3cret' } });
  await new Promise((r) => client.on('connect', r));
  const { engine } = client.io;
  if (transports.includes('websocket') && engine.transport.name === 'polling') await new Promise((r) => engine.on('upgrade', r));
  for (const text of ['hello', 'Grüße aus Zürich', 'x'.repeat(700)]) {
    const said = new Promise((r) => client.once('said', r));
    await new Promise((r) => client.emit('say', text, r));
    await said; await wait(60);
  }
  for (const size of [5, 3000]) {
    const blob = new Promise((r) => client.once('blob', r));
    client.emit('blob', Buffer.alloc(size, size % 251));
    await blob; await wait(60);
  }
  await wait(900); // one heart-beat of Engine.IO
  const gone = new Promise((r) => [...io.sockets.sockets.values()][0].on('disconnect', r));
  client.disconnect(); await gone; await wait(200);
  agent.destroy(); io.close(); await wait(200); process.exit(0);
}
main(process.argv[2] === 'polling' ? ['polling'] : ['polling', 'websocket']);
