// The Chrome DevTools Protocol: node cdp.js; Chromium driven over its own WebSocket, by hand on
// the package ws; events go to stdout. A page by its own path, then two pages by sessions of
// the browser's connection.
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const { spawn } = require('child_process');
const WebSocket = require('ws');
const { wait, watchWs, portOf } = require('../ends.js');
const { said, call } = require('./said.js');
const INNER = 'cdp';
const PORT = 9029;
watchWs(WebSocket);

async function open(url) {
  const ws = new WebSocket(url, { perMessageDeflate: false });
  await new Promise((r, no) => { ws.on('open', r); ws.on('error', no); });
  const port = portOf(ws);
  const waiting = new Map();
  let number = 0;
  ws.on('message', (data) => {
    const message = JSON.parse(data);
    const topic = message.sessionId ?? null;
    if (message.id === undefined) { said(port, 'server', INNER, 'notification', message.method, { id: null, topic }); return; }
    const { method, done } = waiting.get(message.id);
    said(port, 'server', INNER, message.error ? 'error' : 'response', method, { id: message.id, topic });
    done(message);
  });
  const ask = (method, params = {}, sessionId = undefined) => {
    const id = ++number;
    return call(port, 'client', INNER, method, () => new Promise((r, no) => {
      waiting.set(id, { method, done: (message) => (message.error ? no(message) : r(message)) });
      said(port, 'client', INNER, 'request', method, { id, topic: sessionId ?? null });
      ws.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }));
    }), { id });
  };
  return { ws, ask };
}
async function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'chromium-'));
  const child = spawn('chromium', ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', `--remote-debugging-port=${PORT}`, `--user-data-dir=${folder}`, 'about:blank'], { stdio: 'ignore' });
  let pages;
  for (let n = 0; n < 60 && !pages?.length; n++) { await wait(500); pages = await fetch(`http://127.0.0.1:${PORT}/json/list`).then((r) => r.json()).catch(() => []); }
  const page = await open(pages[0].webSocketDebuggerUrl);
  await page.ask('Runtime.enable');
  await page.ask('Page.enable');
  await page.ask('Runtime.evaluate', { expression: '6 * 7' });
  await Promise.all([page.ask('Runtime.evaluate', { expression: 'new Promise((r) => setTimeout(r, 120))', awaitPromise: true }), page.ask('Runtime.evaluate', { expression: 'console.log("größer als € 1")' })]);
  await page.ask('Page.navigate', { url: 'data:text/html,<title>a</title><p>hello' });
  await wait(300);
  await page.ask('No.suchMethod');
  await page.ask('DOM.getDocument');
  page.ws.close(1000); await wait(100);
  const { webSocketDebuggerUrl } = await fetch(`http://127.0.0.1:${PORT}/json/version`).then((r) => r.json());
  const browser = await open(webSocketDebuggerUrl);
  const sessions = [];
  for (let n = 0; n < 2; n++) {
    const { result: { targetId } } = await browser.ask('Target.createTarget', { url: 'about:blank' });
    const { result: { sessionId } } = await browser.ask('Target.attachToTarget', { targetId, flatten: true });
    sessions.push(sessionId);
  }
  for (const sessionId of sessions) { await browser.ask('Runtime.enable', {}, sessionId); await browser.ask('Runtime.evaluate', { expression: 'document.title' }, sessionId); }
  browser.ws.close(1000); await wait(200);
  child.kill(); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
