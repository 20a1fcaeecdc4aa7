// MQTT over WebSocket: node mqtt.js MODE; mqtt.js with Mosquitto; events go to stdout.
//   4      version 3.1.1          5      version 5: topic aliases, request and response
//   split  packets across messages and several in one (mqtt-packet writes and reads them)
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const { spawn } = require('child_process');
const WebSocket = require('ws');
const { wait, watchWs, portOf } = require('../ends.js');
const { said, publish, delivery, call } = require('./said.js');
const mode = process.argv[2];
const PORT = 9021;
const INNER = 'mqtt';
// Mosquitto ends the TCP connection at DISCONNECT, perhaps before the client's Close: not logged.
watchWs(WebSocket, { closing: false });

async function broker() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mosquitto-'));
  const file = path.join(folder, 'mosquitto.conf');
  // Mosquitto 2.0.11 does not start with a listener for WebSocket alone.
  fs.writeFileSync(file, `listener ${PORT + 1000}\nlistener ${PORT}\nprotocol websockets\nallow_anonymous true\n`);
  const child = spawn('mosquitto', ['-c', file], { stdio: 'ignore' });
  await wait(700);
  return child;
}
// Every packet as the library writes or reads it; an alias stands for its topic.
function tell(port, who, packet, aliases) {
  const alias = packet.properties?.topicAlias;
  if (alias && packet.topic) aliases.set(alias, packet.topic);
  const name = packet.cmd === 'publish' ? packet.topic || aliases.get(alias) : packet.subscriptions?.[0].topic ?? packet.unsubscriptions?.[0] ?? null;
  const kind = packet.cmd.startsWith('ping') ? 'heartbeat' : packet.cmd.toUpperCase();
  const id = ['publish', 'connect'].includes(packet.cmd) && !packet.qos ? null : packet.messageId ?? null;
  said(port, who, INNER, kind, name, { topic: name, id, alias: alias ?? null, qos: packet.cmd === 'publish' ? packet.qos : null });
}
async function member(name, version) {
  const mqtt = require('mqtt');
  let ws;
  const client = mqtt.connect(`ws://127.0.0.1:${PORT}/mqtt`, {
    clientId: name, protocolVersion: version, keepalive: 1, reconnectPeriod: 0,
    ...(version === 5 ? { autoUseTopicAlias: true, properties: { topicAliasMaximum: 10 } } : {}),
    createWebsocket: (url, protocols) => { ws = new WebSocket(url, protocols, { perMessageDeflate: false }); return ws; },
  });
  const sent = new Map();
  const got = new Map();
  client.on('packetsend', (packet) => tell(portOf(ws), 'client', packet, sent));
  client.on('packetreceive', (packet) => tell(portOf(ws), 'server', packet, got));
  client.on('message', (topic, payload) => delivery(portOf(ws), 'client', INNER, topic, payload.toString()));
  await new Promise((r, no) => { client.on('connect', r); client.on('error', no); });
  const ask = (what, run, more) => call(portOf(ws), 'client', INNER, what, run, more);
  return {
    client,
    subscribe: (filter, qos) => ask(filter, () => client.subscribeAsync(filter, { qos })),
    unsubscribe: (filter) => ask(filter, () => client.unsubscribeAsync(filter)),
    publish: async (topic, text, options = {}) => {
      publish(portOf(ws), 'client', INNER, topic, text);
      if (options.qos) await ask(topic, () => client.publishAsync(topic, text, options), { qos: options.qos });
      else await client.publishAsync(topic, text, options);
    },
  };
}
async function library(version) {
  const [ada, bob, eve] = [await member('ada', version), await member('bob', version), await member('eve', version)];
  await bob.subscribe('home/+/temperature', 0);
  await eve.subscribe('home/#', 1);
  for (const [n, room] of ['kitchen', 'hall', 'kitchen', 'kitchen', 'bad'].entries()) {
    const topic = `home/${room}/temperature`;
    const aliased = version === 5 && room === 'kitchen' ? { properties: { topicAlias: 1 } } : {};
    await ada.publish(topic, `{"n":${n},"celsius":${20 + n}.5}`, { qos: n % 3, ...aliased });
    await wait(30);
  }
  await ada.publish('home/hall/note', 'z'.repeat(500), { qos: 1 });
  await ada.publish('home/hall/light', 'on', { qos: 0, retain: true });
  if (version === 5) {
    // Request and response (4.10): the reply carries the request's correlation data.
    await ada.subscribe('answer/ada', 0);
    await bob.subscribe('ask/bob', 0);
    bob.client.on('message', (topic, payload, packet) => {
      if (topic !== 'ask/bob') return;
      setTimeout(() => bob.publish(packet.properties.responseTopic, `re ${payload}`, { properties: { correlationData: packet.properties.correlationData } }), 40);
    });
    for (const n of [1, 2]) {
      const answered = new Promise((r) => ada.client.once('message', r));
      await ada.publish('ask/bob', `what ${n}`, { properties: { responseTopic: 'answer/ada', correlationData: Buffer.from(`c${n}`) } });
      await answered;
    }
  }
  await wait(1300); // A PINGREQ of each.
  await eve.unsubscribe('home/#');
  for (const { client } of [ada, bob, eve]) { await client.endAsync(); await wait(40); }
}
async function split() {
  const packet = require('mqtt-packet');
  const ws = new WebSocket(`ws://127.0.0.1:${PORT}/mqtt`, 'mqtt');
  await new Promise((r) => ws.on('open', r));
  const parser = packet.parser({ protocolVersion: 4 });
  const aliases = new Map();
  parser.on('packet', (one) => { tell(portOf(ws), 'server', one, aliases); if (one.cmd === 'publish') delivery(portOf(ws), 'client', INNER, one.topic, one.payload.toString()); });
  ws.on('message', (data) => parser.parse(data));
  const write = (one) => { tell(portOf(ws), 'client', one, aliases); if (one.cmd === 'publish') publish(portOf(ws), 'client', INNER, one.topic, one.payload); return packet.generate(one); };
  const send = async (data) => { ws.send(data); await wait(40); };
  const connect = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId: 'cut', keepalive: 60, username: 'u', password: Buffer.from('s3cret') };
  const head = write(connect);
  await send(head.subarray(0, 1)); await send(head.subarray(1, 9)); await send(head.subarray(9)); // in the middle of the fixed and variable header
  await send(write({ cmd: 'subscribe', messageId: 7, subscriptions: [{ topic: 'cut/#', qos: 0 }] }));
  const of = (n, size) => ({ cmd: 'publish', topic: `cut/${n}`, payload: `${n}:${'p'.repeat(size)}`, qos: n % 2, messageId: 100 + n });
  await send(Buffer.concat([1, 2, 3, 4].map((n) => write(of(n, 10))))); // several in one
  const long = write(of(5, 400));
  await send(long.subarray(0, 2)); // in the middle of the remaining length
  await send(long.subarray(2, 200));
  await send(Buffer.concat([long.subarray(200), write(of(6, 3)), write(of(8, 300)).subarray(0, 50)]));
  const rest = packet.generate(of(8, 300)).subarray(50);
  await send(Buffer.concat([rest, write({ cmd: 'pingreq' })]));
  await wait(200);
  const gone = new Promise((r) => ws.on('close', r));
  ws.send(write({ cmd: 'disconnect' })); // Mosquitto ends the connection.
  await gone;
}
async function main() {
  const child = await broker();
  await (mode === 'split' ? split() : library(Number(mode)));
  await wait(200); child.kill(); process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
