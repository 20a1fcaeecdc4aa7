"use strict";
/* Tables and time charts of the report. All text from traffic is set as text, never as markup. */
(() => {
  const PAGE = 50;
  const el = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  };

  /* --- data: a header in JSON, then columns as typed arrays, all in gzip and base64 */
  function unpacked(text) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const plain = atob(text), bytes = new Uint8Array(plain.length);
    for (let at = 0; at < plain.length; at += 1) bytes[at] = plain.charCodeAt(at);
    return bytes;
  }
  async function read(id) {
    const text = document.getElementById(id).textContent.trim();
    const bytes = unpacked(text);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const buffer = await new Response(stream).arrayBuffer();
    const size = new DataView(buffer).getUint32(0, true);
    const decoder = new TextDecoder();
    const head = JSON.parse(decoder.decode(new Uint8Array(buffer, 4, size)));
    for (const column of head.columns) {
      const { kind, at, size: length } = column;
      if (kind === "text") column.values = JSON.parse(decoder.decode(new Uint8Array(buffer, at, length)));
      else if (kind === "u1") column.values = new Uint8Array(buffer, at, length);
      else if (kind === "i4") column.values = new Int32Array(buffer, at, length / 4);
      else column.values = new Float64Array(buffer, at, length / 8);
    }
    head.by = Object.fromEntries(head.columns.map((column) => [column.name, column]));
    return head;
  }
  const NULL_I4 = -2147483648;
  function value(column, row) {
    const raw = column.values[row];
    if (column.kind === "text") return raw;
    if (column.kind === "u1") return raw === 255 ? null : column.labels[raw];
    if (column.kind === "i4") return raw === NULL_I4 ? null : raw;
    return Number.isNaN(raw) ? null : raw;
  }
  const three = (x) => (x < 9.995 ? x.toFixed(2) : x < 99.95 ? x.toFixed(1) : x.toFixed(0));
  function duration(ns) {
    const sign = ns < 0 ? "-" : "";
    let x = Math.abs(ns);
    for (const [unit, length] of [["ns", 1], ["µs", 1e3], ["ms", 1e6], ["s", 1e9]])
      if (x < 999.5 * length && (unit !== "s" || x < 99.95e9))
        return `${sign}${unit === "ns" ? x.toFixed(0) : three(x / length)} ${unit}`;
    const s = Math.round(x / 1e9);
    return s < 3600 ? `${sign}${Math.floor(s / 60)} min ${s % 60} s` : `${sign}${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  }
  function size(count) {
    let unit = 0;
    const units = ["B", "kB", "MB", "GB", "TB", "PB"];
    while (count >= 999.5 && unit < units.length - 1) { count /= 1000; unit += 1; }
    return unit === 0 ? `${count} B` : `${three(count)} ${units[unit]}`;
  }
  function clock(us) {
    const whole = Math.floor(us / 1000);
    const date = new Date(whole);
    if (Number.isNaN(date.getTime())) return String(us);
    return date.toISOString().slice(11, 23) + String(Math.floor(us - whole * 1000)).padStart(3, "0");
  }
  function shown(column, row) {
    const v = value(column, row);
    if (v == null) return "";
    if (column.type === "time") return clock(v);
    if (column.type === "us") return duration(v * 1e3);
    if (column.type === "seconds") return duration(v * 1e9);
    if (column.type === "ratio") return v.toFixed(3);
    if (column.name.endsWith("_bytes")) return size(v);
    return String(v);
  }

  async function copy(text, button) {
    const before = button.textContent;
    try { await navigator.clipboard.writeText(text); } catch {
      const area = el("textarea", { "aria-hidden": "true" });
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    document.getElementById("said").textContent = `Copied: ${text}`;
    button.textContent = "copied";
    setTimeout(() => { button.textContent = before; }, 1200);
  }

  /* --- one table */
  class Table {
    constructor(host, data) {
      this.data = data;
      this.host = host;
      this.page = 0;
      this.sorted = null;
      this.up = true;
      this.columns = data.shown.map((name) => data.by[name]);
      this.hay = null;
      this.build();
      this.filter();
    }
    build() {
      const label = this.host.dataset.label;
      this.search = el("input", { type: "search", "aria-label": `Search ${label}`,
        placeholder: "search: words, column:text, column>number", oninput: () => this.later() });
      this.count = el("span", { class: "soft", role: "status" });
      this.selects = this.columns.filter((c) => c.kind === "u1").map((column) => {
        const used = new Set(column.values);
        const select = el("select", { "aria-label": `${column.name} of ${label}`, onchange: () => this.filter() },
          el("option", { value: "" }, `${column.name}: all`));
        column.labels.forEach((text, code) => used.has(code) && select.append(el("option", { value: code }, text)));
        return [column, select];
      });
      this.back = el("button", { type: "button", onclick: () => this.turn(-1) }, "previous");
      this.next = el("button", { type: "button", onclick: () => this.turn(1) }, "next");
      const heads = this.columns.map((column) => {
        const button = el("button", { type: "button", title: column.text, onclick: () => this.sort(column) });
        return el("th", { scope: "col", class: column.kind === "text" || column.kind === "u1" ? "" : "number" }, button);
      });
      this.heads = heads;
      this.body = el("tbody", { onkeydown: (event) => this.key(event), onfocusin: (event) => this.reach(event.target.closest("tr")) });
      const table = el("table", {},
        el("thead", {}, el("tr", {}, el("th", { class: "act", scope: "col", title: "copies a filter for Wireshark" }, "copy"), ...heads)), this.body);
      table.setAttribute("aria-label", label);
      this.host.append(el("div", { class: "controls" }, this.search, ...this.selects.map(([, s]) => s), this.back, this.next, this.count),
        el("div", { class: "scroll" }, table));
    }
    later() { clearTimeout(this.timer); this.timer = setTimeout(() => this.filter(), 120); }
    haystack() {
      this.hay ??= Array.from({ length: this.data.rows }, (_, row) =>
        this.data.columns.filter((c) => c.kind === "text" || c.kind === "u1").map((c) => value(c, row) ?? "").join("\u0001").toLowerCase());
      return this.hay;
    }
    tests() {
      return this.search.value.toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
        const asked = /^([a-z_0-9]+)([:<>])(.*)$/.exec(word);
        const column = asked && this.data.by[asked[1]];
        if (!column) return (row) => this.haystack()[row].includes(word);
        const [, , sign, text] = asked;
        if (sign === ":") {
          const exact = column.kind !== "text" && column.kind !== "u1";
          return (row) => { const v = value(column, row); return v != null && (exact ? String(v) === text : String(v).toLowerCase().includes(text)); };
        }
        const bar = Number(text);
        return (row) => { const v = value(column, row); return v != null && (sign === ">" ? v > bar : v < bar); };
      });
    }
    filter() {
      const tests = this.tests();
      for (const [column, select] of this.selects)
        if (select.value !== "") { const code = Number(select.value); tests.push((row) => column.values[row] === code); }
      this.order = Array.from({ length: this.data.rows }, (_, row) => row);
      if (tests.length) this.order = this.order.filter((row) => tests.every((test) => test(row)));
      this.page = 0;
      this.arrange();
    }
    sort(column) {
      this.up = this.sorted === column ? !this.up : column.kind === "text" || column.kind === "u1" || column.type === "time";
      this.sorted = column;
      this.page = 0;
      this.arrange();
    }
    arrange() {
      const column = this.sorted;
      if (column) {
        const way = this.up ? 1 : -1;
        const keys = new Map(this.order.map((row) => [row, value(column, row)]));
        this.order.sort((a, b) => {
          const x = keys.get(a), y = keys.get(b);
          if (x == null || y == null) return (x == null) - (y == null) || a - b;
          return x < y ? -way : x > y ? way : a - b;
        });
      }
      this.columns.forEach((each, place) => {
        const state = each === column ? (this.up ? "ascending" : "descending") : "none";
        this.heads[place].setAttribute("aria-sort", state);
        /* A name may be broken at its underscores, on paper. */
        const parts = each.name.split("_").flatMap((part, at) => (at ? ["_", el("wbr"), part] : [part]));
        this.heads[place].firstChild.replaceChildren(...parts, each === column ? (this.up ? " ▲" : " ▼") : "");
      });
      this.draw();
    }
    turn(step) { this.page += step; this.draw(); }
    draw() {
      const from = this.page * PAGE, rows = this.order.slice(from, from + PAGE);
      this.body.replaceChildren(...rows.map((row) => this.line(row)));
      this.reached = null;
      this.reach(this.body.firstChild);
      this.back.disabled = this.page === 0;
      this.next.disabled = from + PAGE >= this.order.length;
      const all = this.data.rows === this.order.length ? "" : ` of ${this.data.rows}`;
      this.count.textContent = this.order.length ? `${from + 1} to ${from + rows.length} of ${this.order.length}${all ? ` that match${all}` : ""}` : `0${all || " rows"}`;
    }
    line(row) {
      const cells = this.columns.map((column) => {
        const text = shown(column, row);
        return el("td", { class: column.kind === "text" || column.kind === "u1" ? "" : "number", title: column.kind === "text" ? text.slice(0, 2000) : false }, text.length > 300 ? text.slice(0, 300) + "…" : text);
      });
      const asked = this.wireshark(row);
      const button = asked && el("button", { type: "button", tabindex: -1, title: `copy the Wireshark filter: ${asked}`,
        onclick: (event) => { event.stopPropagation(); copy(asked, button); } }, "filter");
      const made = el("tr", { tabindex: -1, "aria-expanded": "false", onclick: () => this.open(made, row) },
        el("td", { class: "act" }, ...(asked ? [button] : [])), ...cells);
      made.row = row;
      return made;
    }
    /* One row of a table can be reached by Tab, with its button; arrow keys choose which. */
    reach(line) {
      if (!line || line.row === undefined || line === this.reached) return;
      for (const [each, index] of [[this.reached, -1], [line, 0]])
        for (const one of each ? [each, ...each.querySelectorAll("button")] : []) one.tabIndex = index;
      this.reached = line;
    }
    wireshark(row) {
      const get = (name) => (this.data.by[name] ? value(this.data.by[name], row) : null);
      const first = get("packet_first") ?? get("packet") ?? get("request_packet"), last = get("packet_last") ?? get("reply_packet") ?? get("response_packet");
      if (first != null && last != null && last > first) {
        const stream = get("tcp_stream");
        return `frame.number >= ${first} && frame.number <= ${last}` + (stream == null ? "" : ` && tcp.stream == ${stream}`);
      }
      if (first != null) return `frame.number == ${first}`;
      return get("tcp_stream") == null ? null : `tcp.stream == ${get("tcp_stream")}`;
    }
    open(line, row) {
      if (line.nextSibling && line.nextSibling.className === "detail") { line.nextSibling.remove(); line.setAttribute("aria-expanded", "false"); return; }
      const list = el("dl");
      for (const column of this.data.columns) {
        const text = shown(column, row);
        if (text !== "") list.append(el("dt", { title: column.text }, column.name), el("dd", {}, text));
      }
      line.after(el("tr", { class: "detail" }, el("td", { colspan: this.columns.length + 1 }, list)));
      line.setAttribute("aria-expanded", "true");
    }
    key(event) {
      const line = event.target.closest("tr");
      if (event.target.tagName === "BUTTON" || !line || line.row === undefined) return;
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); this.open(line, line.row); return; }
      const end = { Home: "firstElementChild", End: "lastElementChild" }[event.key];
      if (end) { event.preventDefault(); const at = this.body[end]; (at.row === undefined ? at.previousElementSibling : at).focus(); return; }
      const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
      if (!step) return;
      let other = line[step];
      while (other && other.className === "detail") other = other[step];
      if (other) { event.preventDefault(); other.focus(); }
    }
  }

  /* --- rates over time */
  function charts(series) {
    const host = document.getElementById("rate-charts");
    if (!host || !window.uPlot || series.rows < 2) return;
    const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const seconds = series.by.second.values.map((us) => us / 1e6);
    const every = series.by.seconds.values[0];
    const pick = (name, per) => Array.from(series.by[name].values, (v) => (v === NULL_I4 || Number.isNaN(v) ? null : v / per));
    const steps = [1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60);
    const incrs = [0.001, 0.01, 0.1, 1, 10].flatMap((ten) => [ten, 2 * ten, 5 * ten]).concat(steps, [1, 2, 4, 8, 24].map((hours) => hours * 3600))
      .filter((step) => step >= every).sort((a, b) => a - b);
    const whole = [1, 2, 5].flatMap((step) => [0, 1, 2, 3, 4, 5].map((power) => step * 10 ** power)).sort((a, b) => a - b);
    const draw = (fixed) => {
      host.replaceChildren();
      const axis = { stroke: css("--soft"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line") } };
      const utc = (seconds) => new Date(Math.round(seconds * 1e3)).toISOString().slice(11, every < 1 ? 23 : 19);
      const plans = [
        ["Messages a second", [["from client", "client_messages"], ["from server", "server_messages"]], (v) => String(+v.toFixed(2))],
        ["Bytes a second on the wire", [["from client", "client_wire_bytes"], ["from server", "server_wire_bytes"]], (v) => size(Math.round(v))],
        ["Connections open", [["open", "connections_open", 1]], (v) => String(+v.toFixed(2)), { incrs: whole }],
        ["Delivery", [["median", "delivery_us_median", 1e-3], ["95 %", "delivery_us_p95", 1e-3]], (v) => duration(v)],
      ].map(([title, columns, format, more]) => [title, columns.map(([label, name, per]) => [label, pick(name, per ?? every)]), format, more])
        /* Messages of one packet each have no time between first and last byte. */
        .filter(([title, columns]) => title !== "Delivery" || columns.some(([, values]) => values.some((v) => v)));
      /* All boxes first: how wide one is depends on how many there are. */
      const boxes = plans.map(([title]) => el("div", { class: "chart", role: "img", "aria-label": title }, el("h3", {}, title)));
      host.append(...boxes);
      plans.forEach(([, columns, format, more], at) => {
        const x = { ...axis, space: every < 1 ? 95 : 70, incrs, values: (_, ticks) => ticks.map(utc) };
        new uPlot({
          width: fixed || Math.max(240, boxes[at].clientWidth), height: fixed ? 160 : 190, padding: [null, every < 1 ? 40 : 28, null, null],
          axes: [x, { ...axis, size: 70, ...more, values: (_, ticks) => ticks.map(format) }],
          scales: { y: { range: (_, low, high) => uPlot.rangeNum(Math.min(0, low ?? 0), high || 1, 0.1, true) } },
          legend: { markers: { dash: (_, place) => (place > 1 ? "dotted" : "solid") } },
          series: [{ label: "UTC", value: (_, v) => (v == null ? "" : utc(v)) }, ...columns.map(([label], place) => ({
            label, stroke: css(place ? "--server" : "--client"), width: 2, dash: place ? [6, 3] : [], points: { show: series.rows < 60 },
            value: (_, v) => (v == null ? "" : format(v)) }))],
        }, [Array.from(seconds), ...columns.map(([, values]) => values)], boxes[at]);
      });
    };
    draw();
    let timer;
    addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(draw, 200, 0); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
    /* Paper: white, and two charts beside each other on A4 or Letter. */
    const paper = (printing) => { document.documentElement.classList.toggle("printing", printing); draw(printing ? 330 : 0); };
    addEventListener("beforeprint", () => paper(true));
    addEventListener("afterprint", () => paper(false));
  }

  async function start() {
    for (const host of document.querySelectorAll(".table[data-of]")) new Table(host, await read(`data-${host.dataset.of}`));
    if (document.getElementById("data-series")) charts(await read("data-series"));
    document.documentElement.dataset.ready = "yes";
  }
  start().catch((error) => {
    document.getElementById("said").textContent = `The tables could not be opened: ${error}`;
    throw error;
  });
})();
