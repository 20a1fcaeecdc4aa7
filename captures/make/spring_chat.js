// Three tabs of Chromium in a chat room over STOMP: node spring_chat.js PORT; @stomp/stompjs in
// the page; events go to stdout. A tab's number stands for its port.
'use strict';
const fs = require('fs');
const path = require('path');
const { chromium } = require('playwright-core');
const { log, wait, entry } = require('./ends.js');

const [port] = process.argv.slice(2);
const library = fs.readFileSync(path.join(path.dirname(require.resolve('@stomp/stompjs')), 'stomp.umd.min.js'), 'utf8');

// Runs in the page; `tell` takes an event out of it.
function join({ url, name }) {
  const now = () => (performance.timeOrigin + performance.now()) / 1000;
  const inner = 'stomp';
  const said = (who, text) => {
    const [command, ...lines] = text.split('\n\n')[0].split('\n');
    const of = (key) => lines.find((line) => line.startsWith(`${key}:`))?.slice(key.length + 1) ?? null;
    tell({ who, event: 'said', inner, kind: command, name: of('destination'), topic: of('destination'), receipt: of('receipt') ?? of('receipt-id'), at: now() });
  };
  const client = new StompJs.Client({
    brokerURL: url, reconnectDelay: 0, heartbeatIncoming: 2000, heartbeatOutgoing: 500, logRawCommunication: true,
    debug: (line) => { const text = /^(>>>|<<<) ([A-Z]+\n[^]*)/.exec(line); if (text) said(text[1] === '>>>' ? 'client' : 'server', text[2]); },
  });
  let number = 0;
  const sure = (what, run) => new Promise((r) => {
    const id = `${name}-${++number}`;
    const asked_at = now();
    client.watchForReceipt(id, () => { tell({ who: 'client', event: 'call', inner, name: what, id, outcome: 'ok', asked_at, answered_at: now() }); r(); });
    run(id);
  });
  window.say = (text) => {
    const body = JSON.stringify({ sender: name, content: text });
    return sure('/app/chat', (receipt) => { tell({ who: 'client', event: 'publish', inner, topic: '/app/chat', key: body, at: now() }); client.publish({ destination: '/app/chat', body, headers: { receipt } }); });
  };
  window.leave = () => client.deactivate();
  return new Promise((r) => {
    client.onConnect = () => sure('/topic/public', (receipt) => client.subscribe('/topic/public', (message) => tell({ who: 'client', event: 'delivery', inner, topic: '/topic/public', key: message.body, at: now() }), { id: `sub-${name}`, receipt })).then(r);
    client.activate();
  });
}
(async () => {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu',
    '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
  log({ event: 'version', text: 'Chromium ' + browser.version() });
  const tabs = [];
  for (const [tab, name] of ['Ada', 'Bob', 'Eve'].entries()) {
    const page = await browser.newPage();
    page.on('websocket', (ws) => {
      log({ port: tab, who: 'client', event: 'open', path: new URL(ws.url()).pathname });
      ws.on('framesent', (f) => entry('client', 'sent', tab, f.payload, typeof f.payload !== 'string'));
      ws.on('framereceived', (f) => entry('client', 'received', tab, f.payload, typeof f.payload !== 'string'));
    });
    await page.exposeFunction('tell', (event) => log({ port: tab, ...event }));
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.addScriptTag({ content: library });
    await page.evaluate(join, { url: `ws://127.0.0.1:${port}/chat`, name });
    tabs.push(page);
  }
  for (let n = 0; n < 9; n++) { await tabs[n % 3].evaluate((text) => say(text), `${n}: größer als € 1 👋 ${'w'.repeat(n * 30)}`); await wait(60); }
  await wait(700);
  for (const page of tabs) { await page.evaluate(() => leave()); await wait(150); }
  await browser.close();
  process.exit(0);
})();
