// Two browser tabs chat: node tomcat_chat.js URL; events go to stdout.
'use strict';
const crypto = require('crypto');
const { chromium } = require('playwright-core');

const log = (event) => process.stdout.write(JSON.stringify(event) + '\n');
const wait = (ms) => new Promise((r) => setTimeout(r, ms));
function entry(event, tab, payload) {
  const binary = typeof payload !== 'string';
  const b = Buffer.from(payload);
  log({ port: tab, who: 'client', event, type: binary ? 'binary' : 'text', size: b.length,
        sha256: crypto.createHash('sha256').update(b).digest('hex').slice(0, 16) });
}
async function open(context, tab) {
  const page = await context.newPage();
  page.on('websocket', (ws) => {
    log({ port: tab, who: 'client', event: 'open', path: new URL(ws.url()).pathname });
    ws.on('framesent', (f) => entry('sent', tab, f.payload));
    ws.on('framereceived', (f) => entry('received', tab, f.payload));
    ws.on('close', () => log({ port: tab, who: 'client', event: 'closed' }));
  });
  await page.goto(process.argv[2]);
  await wait(500);
  return page;
}
async function say(page, text) {
  await page.fill('#chat', text);
  await page.press('#chat', 'Enter');
  await wait(150);
}
(async () => {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu',
    '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
  log({ event: 'version', text: 'Chromium ' + browser.version() });
  const context = await browser.newContext();
  const ann = await open(context, 0);
  const bob = await open(context, 1);
  await say(ann, 'hello from the first tab');
  await say(bob, 'and hello from the second: größer, 世界, 👋');
  for (let n = 0; n < 4; n++) { await say(ann, 'line ' + n + ' of the first tab'); await say(bob, 'answer ' + n); }
  await say(ann, 'a longer line, ' + 'again and '.repeat(60) + 'done');
  log({ port: 0, who: 'client', event: 'closing', how: 'close', code: null, reason: null });
  await ann.evaluate(() => Chat.socket.close());
  await wait(400);
  await say(bob, 'alone now');
  log({ port: 1, who: 'client', event: 'closing', how: 'close', code: 1001, reason: '' });
  await bob.goto('about:blank');
  await wait(400);
  await browser.close();
})();
