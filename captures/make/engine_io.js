// Socket.IO over one transport: node engine_io.js serve|talk TRANSPORT HOST PORT START PLAN
// START is Date.now() of both ends, PLAN a file: members and lines (workloads.py). Events go to stdout.
'use strict';
const http = require('http');
const fs = require('fs');
const { log, wait } = require('./ends.js');

const [end, transport, host, port, start, plan] = process.argv.slice(2);
const { members, lines, end: seconds } = JSON.parse(fs.readFileSync(plan));
const HEART_BEAT = 10000;
const LINGER = 1500;
const until = (at) => wait(Math.max(0, Number(start) + 1000 * at - Date.now()));

async function serve() {
  const { Server } = require('socket.io');
  const server = http.createServer();
  const io = new Server(server, { pingInterval: HEART_BEAT, pingTimeout: 5000, perMessageDeflate: false, httpCompression: false });
  server.prependListener('request', () => log({ event: 'request' }));
  server.prependListener('upgrade', () => log({ event: 'request' }));
  const sockets = {};
  const deliver = (line) => {
    for (const member of line.to) {
      log({ event: 'delivered', member, n: line.n, posted_at: Date.now() / 1000 });
      sockets[member].emit(line.kind, line.said);
    }
  };
  io.on('connection', (socket) => {
    sockets[socket.handshake.auth.member] = socket;
    socket.on('line', ({ n }) => deliver(lines[n]));
  });
  await new Promise((r) => server.listen(Number(port), host, r));
  for (const line of lines) {
    if (line.speaker !== null) continue;
    await until(line.at);
    deliver(line);
  }
  await until(seconds);
  await wait(2 * LINGER);
  process.exit(0);
}

async function talk() {
  const { io: connect } = require('socket.io-client');
  // As a browser: at most six connections, kept alive.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 6 });
  await until(0);
  const clients = members.map((name, member) => {
    const client = connect(`http://${host}:${port}`, { transports: [transport], agent, auth: { member }, forceNew: true,
      extraHeaders: { Cookie: `room=${name}; session=4d5be01c8f2a47d59a1be2` } });
    for (const kind of ['line', 'ticker', 'notice']) {
      client.on(kind, ({ n }) => log({ event: 'arrived', member, n, arrived_at: Date.now() / 1000 }));
    }
    return client;
  });
  for (const line of lines) {
    if (line.speaker === null) continue;
    await until(line.at);
    clients[line.speaker].emit('line', line.said);
  }
  await until(seconds);
  for (const client of clients) client.disconnect();
  await wait(LINGER);
  agent.destroy();
  process.exit(0);
}
(end === 'serve' ? serve : talk)();
