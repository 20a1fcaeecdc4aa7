// Log what programs on node send and receive, in the events of recording.py.
'use strict';
const crypto = require('crypto');

const log = (event) => process.stdout.write(JSON.stringify(event) + '\n');
const wait = (ms) => new Promise((r) => setTimeout(r, ms));

// The first 16 hex digits of SHA-256, and the size, of a payload.
function sum(data) {
  const b = Buffer.from(data);
  return { size: b.length, sha256: crypto.createHash('sha256').update(b).digest('hex').slice(0, 16) };
}
function entry(who, event, port, data, binary) {
  log({ port, who, event, type: binary ? 'binary' : 'text', ...sum(data) });
}

// Log all that a class of the package ws sends, receives and closes; libraries over ws
// (engine.io brings its own copies) do not hand their sockets out.
function watchWs(WebSocket, { closing = true } = {}) {
  const { send, close, emit } = WebSocket.prototype;
  const who = (ws) => (ws._isServer ? 'server' : 'client');
  const port = (ws) => (ws._isServer ? ws._socket.remotePort : ws._socket.localPort);
  WebSocket.prototype.send = function (data, ...more) {
    entry(who(this), 'sent', port(this), data, typeof data !== 'string');
    return send.call(this, data, ...more);
  };
  WebSocket.prototype.close = function (code, reason) {
    // ws calls this as well to answer the peer's Close.
    if (closing && this.readyState === WebSocket.OPEN && !this._closeFrameReceived) {
      log({ port: port(this), who: who(this), event: 'closing', how: 'close', code: code ?? null, reason: reason ?? (code ? '' : null) });
    }
    return close.call(this, code, reason);
  };
  WebSocket.prototype.emit = function (name, ...values) {
    if (name === 'open' && !this._isServer) log({ port: port(this), who: who(this), event: 'open', path: new URL(this.url).pathname, subprotocol: this.protocol });
    // ws 8 says whether a message is binary, ws 7 by the type of the data.
    if (name === 'message') entry(who(this), 'received', port(this), values[0], values.length > 1 ? values[1] : typeof values[0] !== 'string');
    return emit.call(this, name, ...values);
  };
}

// The client's port of either end of a connection, as watchWs names it.
const portOf = (ws) => (ws._isServer ? ws._socket.remotePort : ws._socket.localPort);

// Log each plain exchange of an http.Server, in the order of the requests; the sizes of
// those that are still unanswered are known when the script ends.
function watchHttp(server, kindOf) {
  server.prependListener('request', (request, response) => {
    const event = { port: request.socket.remotePort, who: 'server', event: 'exchange', method: request.method, path: request.url.split('?')[0], status: null, kind: kindOf(request), body_bytes: 0 };
    exchanges.push(event);
    for (const name of ['write', 'end']) {
      const original = response[name];
      response[name] = function (data, ...more) {
        if (data && typeof data !== 'function') event.body_bytes += Buffer.byteLength(data);
        return original.call(this, data, ...more);
      };
    }
    response.on('close', () => { event.status = response.headersSent ? response.statusCode : null; });
  });
}
const exchanges = [];
process.on('exit', () => exchanges.forEach(log));

module.exports = { portOf, log, wait, sum, entry, watchWs, watchHttp };
