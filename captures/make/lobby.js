// A lobby: one program of Node serves, another one talks; see lobby.py.
//
//   node lobby.js serve CONFIG.json
//   node lobby.js talk CONFIG.json MEMBER
//
// Prints events as JSON lines: delivered and arrived, as in chat_transports.py, and requests.
"use strict";

const fs = require("node:fs");
const http = require("node:http");

const config = JSON.parse(fs.readFileSync(process.argv[3], "utf8"));
const { paths, lines, members, transport, deflate } = config;
const now = () => Date.now() / 1000 + (performance.now() % 1) / 1e6;
const until = (at) => new Promise((done) => setTimeout(done, Math.max(0, (at - now()) * 1000)));
const print = (event) => process.stdout.write(JSON.stringify(event) + "\n");

// --- the server

const texts = members.map(() => []);
const waiting = new Set();
let over = false;
let requests = 0;

function add(line) {
  for (const member of line.to) {
    print({ event: "delivered", member, n: texts[member].length, posted_at: now() });
    texts[member].push(line.text);
  }
  for (const wake of [...waiting]) wake();
}

function wait(member, after, most) {
  // Resolves with what is new; with nothing at the end, or after `most` seconds.
  return new Promise((done) => {
    let timer;
    const wake = () => {
      const fresh = texts[member].slice(after);
      if (!fresh.length && !over) return;
      waiting.delete(wake);
      clearTimeout(timer);
      done(fresh);
    };
    waiting.add(wake);
    if (most) {
      timer = setTimeout(() => {
        waiting.delete(wake);
        done([]);
      }, most * 1000);
    }
    wake();
  });
}

function answer(response, body) {
  const length = Buffer.byteLength(body);
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": length });
  response.end(body);
}

async function stream(response, member, type, form) {
  response.writeHead(200, { "Content-Type": type, "Cache-Control": "no-cache" });
  response.flushHeaders();
  let sent = 0;
  for (;;) {
    const fresh = await wait(member, sent);
    if (fresh.length) response.write(fresh.map(form).join(""));
    sent += fresh.length;
    if (over && !fresh.length) break;
  }
  response.end();
}

async function handle(request, response) {
  requests += 1;
  const url = new URL(request.url, "http://x");
  const member = Number(url.searchParams.get("m"));
  const after = Number(url.searchParams.get("have"));
  if (url.pathname === paths["short-poll"]) {
    answer(response, `{"lines":[${texts[member].slice(after).join(",")}]}`);
  } else if (url.pathname === paths["long-poll"]) {
    answer(response, `{"lines":[${(await wait(member, after, config.hold)).join(",")}]}`);
  } else if (url.pathname === paths.stream) {
    await stream(response, member, "application/x-ndjson", (text) => `${text}\n`);
  } else if (url.pathname === paths.sse) {
    await stream(response, member, "text/event-stream", (text) => `data: ${text}\n\n`);
  } else {
    let body = "";
    for await (const piece of request) body += piece;
    add(lines.find((line) => line.text === body));
    response.writeHead(204);
    response.end();
  }
}

async function serve() {
  const { WebSocketServer } = require("ws");
  const server = http.createServer(handle);
  server.keepAliveTimeout = 60000;
  const sockets = new WebSocketServer({ server, perMessageDeflate: deflate });
  sockets.on("connection", async (socket, request) => {
    requests += 1;
    const member = Number(new URL(request.url, "http://x").searchParams.get("m"));
    socket.on("message", (data) => add(lines.find((line) => line.text === data.toString())));
    let sent = 0;
    while (socket.readyState === 1) {
      const fresh = await wait(member, sent);
      for (const text of fresh) socket.send(text);
      sent += fresh.length;
      if (over && !fresh.length) break;
    }
  });
  server.listen(config.behind, config.host);
  for (const line of lines.filter((each) => each.speaker === null)) {
    await until(config.start + line.at);
    add(line);
  }
  await until(config.start + config.end);
  over = true;
  for (const wake of [...waiting]) wake();
  await until(config.start + config.end + 2);
  print({ event: "requests", count: requests });
  process.exit(0);
}

// --- the clients

async function member(number) {
  const base = `http://${config.host}:${config.port}`;
  const end = config.start + config.end;
  let have = 0;
  let socket = null;
  const arrive = () => {
    print({ event: "arrived", member: number, n: have, arrived_at: now() });
    have += 1;
  };
  const headers = { Authorization: `Bearer ${config.tokens[number]}` };
  const ask = async (path) => {
    const answered = await fetch(`${base}${path}?m=${number}&have=${have}`, { headers });
    for (const _ of (await answered.json()).lines) arrive();
  };
  const say = async (text) => {
    if (socket) return socket.send(text);
    const more = { ...headers, "Content-Type": "application/json" };
    const said = await fetch(`${base}${paths.say}?m=${number}`, {
      method: "POST",
      headers: more,
      body: text,
    });
    await said.text();
  };
  const speak = async () => {
    for (const line of lines.filter((each) => each.speaker === number)) {
      await until(config.start + line.at);
      await say(line.text);
    }
  };
  await until(config.start + config.offsets[number]);
  const path = paths[transport];
  let receiving;
  if (transport === "websocket") {
    const { WebSocket } = require("ws");
    const url = `${base.replace("http", "ws")}${path}?m=${number}`;
    socket = new WebSocket(url, { headers, perMessageDeflate: deflate });
    socket.on("message", arrive);
    await new Promise((done) => socket.on("open", done));
    receiving = until(end).then(
      () =>
        new Promise((done) => {
          socket.on("close", done);
          socket.close(1000);
        }),
    );
  } else if (transport === "short-poll") {
    receiving = (async () => {
      const first = now();
      for (let tick = 0; first + tick * config.interval < end; tick += 1) {
        await until(first + tick * config.interval);
        await ask(path);
      }
    })();
  } else if (transport === "long-poll") {
    receiving = (async () => {
      while (now() < end) await ask(path);
    })();
  } else {
    receiving = (async () => {
      const answered = await fetch(`${base}${path}?m=${number}`, { headers });
      let rest = "";
      const decoder = new TextDecoder();
      for await (const piece of answered.body) {
        rest += decoder.decode(piece, { stream: true });
        const rows = rest.split(transport === "sse" ? "\n\n" : "\n");
        rest = rows.pop();
        for (const _ of rows) arrive();
      }
    })();
  }
  await Promise.all([receiving, speak()]);
}

if (process.argv[2] === "serve") serve();
else member(Number(process.argv[4])).then(() => process.exit(0));
