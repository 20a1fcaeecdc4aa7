// Home Assistant: node home_assistant.js; the package home-assistant-js-websocket with a small
// server after its documentation; events go to stdout.
'use strict';
const WebSocket = require('ws');
const { log, wait, watchWs, portOf } = require('../ends.js');
const { said, hold, call } = require('./said.js');
watchWs(WebSocket);
global.WebSocket = WebSocket;
const INNER = 'home-assistant';
function serve(ws) {
  const port = portOf(ws);
  // Of a service or an event its name.
  const tell = (who, { type, id, domain, service, event_type: event }) => said(port, who, INNER, ['ping', 'pong'].includes(type) ? 'heartbeat' : type, domain ? `${domain}.${service}` : event ?? null, { id: id ?? null });
  const send = (...messages) => { for (const one of messages) tell('server', one); ws.send(JSON.stringify(messages.length > 1 ? messages : messages[0])); };
  send({ type: 'auth_required', ha_version: '2026.11.1' });
  ws.on('message', async (text) => {
    const given = JSON.parse(text);
    for (const message of Array.isArray(given) ? given : [given]) {
      tell('client', message);
      const { id, type } = message;
      const result = (value) => ({ id, type: 'result', success: true, result: value });
      if (type === 'auth') send({ type: 'auth_ok', ha_version: '2026.11.1' });
      else if (type === 'ping') send({ id, type: 'pong' });
      else if (type === 'subscribe_events') { send(result(null)); await wait(60); const event = (n) => ({ id, type: 'event', event: { event_type: 'state_changed', data: { n }, origin: 'LOCAL' } }); send(event(0)); send(event(1), event(2)); } else if (type === 'nonsense') send({ id, type: 'result', success: false, error: { code: 'unknown_command', message: 'Unknown command.' } });
      else if (type === 'call_service') hold(`call_service ${message.service_data.n}`, message.service_data.ms, () => 0).then(() => send(result({ context: { id: `c${id}` } })));
      else send(result([]));
    }
  });
}
async function main() {
  const { createConnection, createLongLivedTokenAuth } = await import(require.resolve('home-assistant-js-websocket'));
  const server = new WebSocket.Server({ port: 9035, host: '127.0.0.1' });
  const ports = [];
  server.on('connection', (ws) => { ports.push(portOf(ws)); serve(ws); });
  const connection = await createConnection({ auth: createLongLivedTokenAuth('http://127.0.0.1:9035', 's3cret') });
  const [port] = ports;
  const ask = (message, key) => call(port, 'client', INNER, message.domain ? `${message.domain}.${message.service}` : message.type, () => connection.sendMessagePromise(message), { key });
  await ask({ type: 'get_states' });
  await Promise.all([[1, 60], [2, 20]].map(([n, ms]) => ask({ type: 'call_service', domain: 'light', service: 'turn_on', service_data: { n, ms } }, `call_service ${n}`)));
  await ask({ type: 'nonsense' });
  const stop = await connection.subscribeEvents(() => {}, 'state_changed');
  await wait(200);
  await connection.ping();
  await stop();
  connection.close(); await wait(200); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
