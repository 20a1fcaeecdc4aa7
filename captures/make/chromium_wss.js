// A page of chat in Chromium, its ws server behind nginx: node chromium_wss.js ORIGIN KEYS BACKEND.
'use strict';
const { log, wait, sum, entry } = require('./ends.js');
const WebSocket = require('ws');
const { chromium } = require('playwright-core');

const [origin, keys, backend] = process.argv.slice(2);
const said = []; // What the browser saw, until the ports of its connections are known.
const ports = {};

const wss = new WebSocket.Server({ port: Number(backend), host: '127.0.0.1', perMessageDeflate: { threshold: 100 } });
wss.on('connection', (ws, req) => {
  // nginx says from which port the browser came.
  const port = ports[req.url] = Number(req.headers['x-client-port']);
  const send = (data) => { entry('server', 'sent', port, data, typeof data !== 'string'); ws.send(data); };
  ws.on('message', (data, binary) => {
    entry('server', 'received', port, data, binary);
    send(binary ? Buffer.from(data).reverse() : 'you said: ' + data);
    if (String(data) === 'ping me') { log({ port, who: 'server', event: 'ping', size: 4 }); ws.ping('beat'); }
    if (String(data) === 'throw me out') { log({ port, who: 'server', event: 'closing', how: 'close', code: 4001, reason: 'as asked' }); ws.close(4001, 'as asked'); }
  });
  ws.on('close', (code) => log({ port, who: 'server', event: 'closed', code }));
});

async function open(context, path) {
  const page = await context.newPage();
  page.on('websocket', (ws) => {
    said.push({ path, event: 'open' });
    for (const [name, event] of [['framesent', 'sent'], ['framereceived', 'received']]) {
      ws.on(name, ({ payload }) => said.push({ path, event, type: typeof payload === 'string' ? 'text' : 'binary', ...sum(payload) }));
    }
  });
  await page.goto(origin + '/chat.html?room=' + path);
  await page.waitForFunction(() => window.socket.readyState === 1);
  return page;
}
const say = async (page, text) => { await page.evaluate((t) => say(t), text); await wait(80); };

(async () => {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', env: { ...process.env, SSLKEYLOGFILE: keys },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--ignore-certificate-errors', '--host-resolver-rules=MAP * 127.0.0.1'] });
  log({ event: 'version', text: 'Chromium ' + browser.version() });
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const ann = await open(context, '/rooms/ann');
  const bob = await open(context, '/rooms/bob');
  await say(ann, 'hello from the first tab');
  await say(bob, 'and hello from the second: größer, 世界, 👋');
  for (let n = 0; n < 4; n++) { await say(ann, `line ${n} of the first tab`); await say(bob, `answer ${n}`); }
  await say(ann, 'a longer line, ' + 'again and '.repeat(60) + 'done');
  await ann.evaluate(() => sayBytes(3000)); await wait(80);
  await say(ann, 'ping me'); await say(bob, 'ping me');
  await ann.evaluate(() => fetch('/more.txt').then((r) => r.text()));
  await wait(100);
  log({ port: ports['/rooms/ann'], who: 'client', event: 'closing', how: 'close', code: 1000, reason: 'bye' });
  await ann.evaluate(() => window.socket.close(1000, 'bye')); await wait(150);
  await say(bob, 'throw me out'); await wait(150);
  await browser.close();
  for (const { path, ...event } of said) log({ port: ports[path], who: 'client', path: event.event === 'open' ? path : undefined, ...event });
  setTimeout(() => process.exit(0), 100);
})();
