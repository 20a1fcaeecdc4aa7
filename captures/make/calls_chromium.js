// The calls of calls.py from a page in Chromium: node calls_chromium.js TRANSPORT HOST PORT START PLAN.
// The page itself does not come over the network, so that the capture has the calls alone.
'use strict';
const fs = require('fs');
const { log, wait } = require('./ends.js');
const { chromium } = require('playwright-core');

const [transport, host, port, start, plan] = process.argv.slice(2);
const { calls, paths } = JSON.parse(fs.readFileSync(plan));
const page_url = `http://${host}:${port}/app/quotes`;
// A page that did not come from the network may not talk to loopback without being asked.
const LOCAL = '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets';

// Runs in the page.
async function talk({ transport, calls, paths, start }) {
  const until = (at) => new Promise((r) => setTimeout(r, Math.max(0, start + 1000 * at - Date.now())));
  const waits = [];
  await until(0);
  let socket, answered;
  if (transport === 'websocket') {
    socket = new WebSocket(`ws://${location.host}${paths.websocket}`);
    await new Promise((r) => { socket.onopen = r; });
    socket.onmessage = (event) => answered(event.data);
  }
  for (const [at, question, answer] of calls) {
    await until(at);
    const begun = performance.now();
    let given;
    if (socket) given = await new Promise((r) => { answered = r; socket.send(question); });
    else {
      const found = await fetch(paths.ajax, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: question });
      given = await found.text();
    }
    if (given !== answer) throw new Error(given);
    waits.push(performance.now() - begun);
  }
  if (socket) await new Promise((r) => { socket.onclose = r; socket.close(1000); });
  return waits;
}

(async () => {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--no-proxy-server', LOCAL] });
  log({ event: 'version', text: 'Chromium ' + browser.version() });
  const page = await (await browser.newContext()).newPage();
  await page.route(page_url, (route) => route.fulfill({ contentType: 'text/html', body: '<link rel="icon" href="data:,"><p>Quotes' }));
  await page.goto(page_url);
  // From here on nothing is looked at: interception would change how requests are made.
  await page.unroute(page_url);
  const waits = await page.evaluate(talk, { transport, calls, paths, start: Number(start) });
  for (const ms of waits) log({ event: 'call', ms });
  await wait(300);
  await browser.close();
  process.exit(0);
})();
