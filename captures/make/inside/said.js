// Log what programs say in terms of their own protocol: events, calls, topics.
//
//   speaks     only which protocol a connection speaks
//   said       one message or item as its sender names it: inner, kind, name, id, topic
//   call       by its caller: name, id, outcome, asked_at, answered_at; `held`: seconds for
//              which the callee kept it, by the callee's clock; `items` before the end
//   publish    topic and key (text that the payload holds) by the publisher
//   delivery   topic and key by each reader
//
// Times are seconds since 1970 by the clock of the process.
'use strict';
const { performance } = require('perf_hooks');
const { log } = require('../ends.js');

const now = () => (performance.timeOrigin + performance.now()) / 1000;
const said = (port, who, inner, kind, name, more = {}) => log({ port, who, event: 'said', inner, kind, name, at: now(), ...more });
const publish = (port, who, inner, topic, key, more = {}) => log({ port, who, event: 'publish', inner, topic, key, at: now(), ...more });
const delivery = (port, who, inner, topic, key, more = {}) => log({ port, who, event: 'delivery', inner, topic, key, at: now(), ...more });

const held = new Map();
// The callee's side of a call that is known by a key: how long it kept the request.
async function hold(key, ms, answer) {
  const from = now();
  if (ms) await new Promise((r) => setTimeout(r, ms));
  const value = await answer();
  held.set(key, now() - from);
  return value;
}
// Ask, and log the call when it is answered: `how` may give id and key.
async function call(port, who, inner, name, ask, how = {}) {
  const { key, ...more } = how;
  const asked_at = now();
  let outcome = 'ok';
  let value;
  try { value = await ask(); } catch (error) { outcome = how.failed ?? 'error'; value = error; }
  const answered_at = outcome === 'unanswered' ? null : now();
  delete more.failed;
  const extra = Object.fromEntries(Object.entries(more).map(([k, v]) => [k, typeof v === 'function' ? v(value) : v]));
  log({ port, who, event: 'call', inner, name, outcome, asked_at, answered_at, ...(held.has(key) ? { held: held.get(key) } : {}), ...extra });
  return value;
}
module.exports = { now, said, publish, delivery, hold, call };
