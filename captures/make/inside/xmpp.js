// XMPP over WebSocket (RFC 7395): node xmpp.js; the package @xmpp/client with a small server;
// events go to stdout.
'use strict';
const WebSocket = require('ws');
const { wait, watchWs, portOf } = require('../ends.js');
const { said, call } = require('./said.js');
watchWs(WebSocket);
global.WebSocket = WebSocket;
const INNER = 'xmpp';
const FRAMING = 'xmlns="urn:ietf:params:xml:ns:xmpp-framing"';
const CLIENT = 'xmlns="jabber:client"';
function serve(ws) {
  const port = portOf(ws);
  const attribute = (text, name) => new RegExp(`^<[^>]*? ${name}=["']([^"']*)["']`).exec(text)?.[1] ?? null;
  const tell = (who, text) => said(port, who, INNER, pinged(text) ? 'heartbeat' : /^<(?:\w+:)?(\w+)/.exec(text)[1], pinged(text) ? null : child(text), { id: attribute(text, 'id') });
  const pings = new Set();
  const send = (text) => { tell('server', text); ws.send(text); };
  // A ping of XEP-0199, or what answers it.
  function pinged(text) { if (text.includes('urn:xmpp:ping"') && text.includes('<ping')) pings.add(attribute(text, 'id')); return text.startsWith('<iq') && pings.has(attribute(text, 'id')); }
  const child = (text) => (/^<iq[^>]* type="(get|set)"/.test(text) ? /^<iq[^>]*><([\w]+)/.exec(text)?.[1] ?? null : null);
  let signed = false;
  ws.on('message', async (data) => {
    const text = data.toString();
    tell('client', text);
    const id = attribute(text, 'id');
    if (text.startsWith('<open')) {
      send(`<open ${FRAMING} version="1.0" from="example.test" id="s${Number(signed)}"/>`);
      send(signed ? '<stream:features xmlns:stream="http://etherx.jabber.org/streams"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></stream:features>' : '<stream:features xmlns:stream="http://etherx.jabber.org/streams"><mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>PLAIN</mechanism></mechanisms></stream:features>');
    } else if (text.startsWith('<auth')) { signed = true; send('<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>'); } else if (text.startsWith('<iq')) {
      if (text.includes('xmpp-bind')) send(`<iq ${CLIENT} type="result" id="${id}"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>ada@example.test/r</jid></bind></iq>`);
      else if (text.includes('urn:xmpp:ping')) send(`<iq ${CLIENT} type="result" id="${id}" from="example.test" to="ada@example.test/r"/>`);
      else if (text.includes('disco')) { await wait(50); send(`<iq ${CLIENT} type="result" id="${id}" from="example.test" to="ada@example.test/r"><query xmlns="http://jabber.org/protocol/disco#info"><feature var="urn:xmpp:ping"/></query></iq>`); } else send(`<iq ${CLIENT} type="error" id="${id}" from="example.test" to="ada@example.test/r"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`);
    } else if (text.startsWith('<message')) send(`<message ${CLIENT} type="chat" from="bob@example.test/x" to="ada@example.test/r" id="b-${id}"><body>größer &lt;als&gt; €</body></message>`);
    else if (text.startsWith('<close')) { send(`<close ${FRAMING}/>`); }
  });
}
async function main() {
  const { client, xml } = require('@xmpp/client');
  const server = new WebSocket.Server({ port: 9037, host: '127.0.0.1', handleProtocols: (offered) => (offered.has('xmpp') ? 'xmpp' : false) });
  const ports = [];
  server.on('connection', (ws) => { ports.push(portOf(ws)); serve(ws); });
  const xmpp = client({ service: 'ws://127.0.0.1:9037/xmpp-websocket', domain: 'example.test', username: 'ada', password: 's3cret' });
  xmpp.on('error', () => {});
  xmpp.reconnect.stop?.();
  await xmpp.start();
  const [port] = ports;
  let number = 0;
  const ask = (child) => { const id = `q${++number}`; return call(port, 'client', INNER, child.name, () => xmpp.iqCaller.request(xml('iq', { type: 'get', to: 'example.test', id }, child)), { id }); };
  await xmpp.send(xml('presence'));
  await ask(xml('query', { xmlns: 'http://jabber.org/protocol/disco#info' }));
  await ask(xml('query', { xmlns: 'jabber:iq:version' }));
  for (const n of [1, 2]) { await xmpp.send(xml('message', { type: 'chat', to: 'bob@example.test', id: `m${n}` }, xml('body', {}, `hello ${n}`))); await wait(40); }
  await xmpp.iqCaller.request(xml('iq', { type: 'get', to: 'example.test', id: 'p1' }, xml('ping', { xmlns: 'urn:xmpp:ping' })));
  await wait(200);
  await xmpp.stop(); await wait(200); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
