"""Metrics: what they count beside the tables, and what Prometheus itself makes of them.

The tests with Prometheus need its programs (Debian: prometheus), which are too large to be
installed for every run of the tests.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from oracle.live import STATS, Recorder, replay, snapshot
from oracle.rows import table_rows
from oracle.sample import connection, handshake, message
from prometheus_client.parser import text_string_to_metric_families

from analyzer.columns import NULL
from analyzer.errors import OptionError, ReportError
from analyzer.inside.calls import LOST, OK, Call, DoneCall, Moment
from analyzer.options import Options
from analyzer.report.metrics import MAX_CODES, MetricsServer, address_of, labels_of
from analyzer.report.observer import CaptureStats
from analyzer.tables.inside import call_rows
from analyzer.tables.schema import CONNECTIONS, HANDSHAKES, MESSAGES

DOCS = Path(__file__).parents[2] / "docs"
S = 1_000_000_000
T = 1_800_000_000 * S
NAMES = ["npm-ws-basic.pcap", "npm-ws-pings.pcap", "handshakes.pcap", "npm-ws-closes.pcap"]


@pytest.fixture
def server():
    made = MetricsServer(("127.0.0.1", 0))
    yield made
    made.close()


def text_of(server, path="/metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=120) as answer:
        return answer.read().decode()


def values_of(server):
    """Return samples by name and sorted labels, as a scraper reads them."""
    found = {}
    for family in text_string_to_metric_families(text_of(server)):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def sums_of(server, name, label=None):
    """Return a metric summed up by one of its labels."""
    sums = Counter()
    for (found, labels), value in values_of(server).items():
        if found == name:
            sums[dict(labels).get(label, "")] += value
    return {key: value for key, value in sums.items() if value}


@pytest.mark.parametrize("name", NAMES)
def test_counts_are_those_of_the_tables(server, name):
    recorder = Recorder()
    pipeline = replay(name, [server, recorder])
    pipeline.finish()
    server.tick(2 * T, CaptureStats(90, 4, 80))
    rows = recorder.rows_of
    direction = "direction"
    assert sums_of(server, "wsanalyze_messages_total", direction) == Counter(
        row[direction] for row in rows("messages")
    )
    assert sums_of(server, "wsanalyze_handshakes_total", "outcome") == Counter(
        row["outcome"] for row in recorder.news_of("handshakes")
    )
    assert sums_of(server, "wsanalyze_closes_total", "kind") == Counter(
        row["close_kind"] for row in rows("connections")
    )
    assert sum(sums_of(server, "wsanalyze_findings_total").values()) == sum(
        row["count"] for row in rows("findings")
    )
    payload, wire, headers = Counter(), Counter(), Counter()
    for row in rows("messages"):
        known = row["payload_bytes"]
        payload[row[direction]] += row["transfer_bytes"] if known is None else known
    for row in rows("ledger"):
        if row["connection"] is not None:
            wire[row[direction]] += row["wire_bytes"]
            headers[row[direction]] += row["ws_header_bytes"]
    assert sums_of(server, "wsanalyze_payload_bytes_total", direction) == +payload
    assert sums_of(server, "wsanalyze_wire_bytes_total", direction) == wire
    assert sums_of(server, "wsanalyze_part_bytes_total", direction) == wire
    assert sums_of(server, "wsanalyze_frame_header_bytes_total", direction) == +headers
    times = [row["rtt_us"] / S for row in rows("pings") if row["rtt_us"] is not None]
    total = sum(sums_of(server, "wsanalyze_ping_round_trip_seconds_sum").values())
    assert total == pytest.approx(sum(times))
    assert sum(sums_of(server, "wsanalyze_ping_round_trip_seconds_count").values()) == len(times)
    timed = [row for row in recorder.news_of("handshakes") if row["total_us"] is not None]
    assert sum(sums_of(server, "wsanalyze_handshake_seconds_count").values()) == len(timed)
    assert sums_of(server, "wsanalyze_packets_dropped_total") == {"": 4}


def test_state_of_the_run(server):
    server.attach(snapshot)
    server.tick(T, CaptureStats(10, 1, 9, interface_up=False))
    values = values_of(server)
    assert values["wsanalyze_open_connections", ()] == 3
    assert values["wsanalyze_tracked_connections", ()] == 7
    assert values["wsanalyze_let_go_connections_total", (("reason", "idle"),)] == 2
    assert values["wsanalyze_held_bytes", (("stage", "tcp"),)] == 1000
    assert values["wsanalyze_interface_up", ()] == 0
    assert values["process_resident_memory_bytes", ()] > 1e6


def test_counters_never_fall(server):
    server.tick(T, CaptureStats(10, 0, 10))
    server.tick(T + S, CaptureStats(4, 0, 4))
    server.tick(T + 2 * S, CaptureStats(12, 0, 12))
    assert values_of(server)["wsanalyze_packets_received_total", ()] == 12


def test_codes_are_bounded(server):
    rows = [connection(code, close_code=code) for code in range(1000, 5000)]
    server.write(table_rows(CONNECTIONS, [*rows, connection(1, close_code=None)]))
    codes = sums_of(server, "wsanalyze_closes_total", "code")
    assert len(codes) < 20 + MAX_CODES
    assert sum(code.isdigit() and int(code) >= 3000 for code in codes) == MAX_CODES
    assert codes["none"] == 1
    assert codes["1006" if "1006" in codes else "other"] > 3900
    assert sum(codes.values()) == 4001


def test_host_and_path_are_bounded_and_only_on_request():
    server = MetricsServer(("127.0.0.1", 0), ("host", "path"), max_labels=3)
    try:
        for number in range(10):
            path = f"/{'abcdefghij'[number]}?token=***"
            server.news(table_rows(CONNECTIONS, [connection(number, path=path)]))
            server.news(table_rows(HANDSHAKES, [handshake(number, number, path=path)]))
            server.news(table_rows(MESSAGES, [message(0, "client", connection=number)] * 2))
        paths = sums_of(server, "wsanalyze_messages_total", "path")
        assert paths == {"/a": 2, "/b": 2, "/c": 2, "other": 14}
        assert sums_of(server, "wsanalyze_handshakes_total", "path")["other"] == 7
        assert set(sums_of(server, "wsanalyze_messages_total", "host")) == {
            "chat.example.com",
            "other",
        }
        server.write(table_rows(CONNECTIONS, [connection(number) for number in range(10)]))
        assert server._chosen == {}
    finally:
        server.close()


def test_paths_are_templates_and_the_busiest_have_labels():
    server = MetricsServer(("127.0.0.1", 0), ("path",), max_labels=2)
    try:
        paths = ["/room/1", "/room/2", "/quiet", "/busy"]
        for number, path in enumerate(paths):
            server.news(table_rows(CONNECTIONS, [connection(number, path=path)]))
            server.news(table_rows(HANDSHAKES, [handshake(number, number, path=path)]))
        for number, count in ((0, 3), (1, 4), (2, 1), (3, 50)):
            rows = [message(0, "client", connection=number)] * count
            server.news(table_rows(MESSAGES, rows))
        counts = sums_of(server, "wsanalyze_messages_total", "path")
        # /quiet was there first, and lost its label to who is twice as busy.
        assert counts == {"/room/*": 7, "/busy": 50}
        assert sums_of(server, "wsanalyze_handshakes_total", "path") == {"/room/*": 2, "other": 1}
    finally:
        server.close()


def test_a_frequent_code_takes_the_label_of_a_rare_one(server):
    rare = [connection(code, close_code=code) for code in range(3000, 3000 + MAX_CODES)]
    server.write(table_rows(CONNECTIONS, rare))
    server.write(table_rows(CONNECTIONS, [connection(n, close_code=4999) for n in range(9)]))
    codes = sums_of(server, "wsanalyze_closes_total", "code")
    assert codes["4999"] == 7  # two were counted as others before
    assert codes["other"] == 2
    assert "3000" not in codes
    assert len(codes) == MAX_CODES + 1


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)")
def test_alert_rules_are_valid_and_fire(tmp_path):
    fires = tmp_path / "test.yml"
    fires.write_text(alert_tests(), encoding="utf-8")
    for words in (["check", "rules", RULES], ["test", "rules", fires]):
        done = subprocess.run(
            ["promtool", *words], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_alert_rules_ask_for_metrics_and_labels_that_there_are(server):
    for name in ("json-rpc.pcap", "why-hung-peer.pcap"):
        replay(name, [server]).finish()
    server.tick(T, STATS)
    text = RULES.read_text(encoding="utf-8")
    there: dict[str, set[str]] = {}
    for name, labels in values_of(server):
        there.setdefault(name, set()).update(dict(labels))
    for name, chosen in re.findall(r"(wsanalyze_\w+)(?:\{(.*?)\})?", text):
        assert name in there, name
        assert set(re.findall(r"(\w+)=", chosen)) <= there[name], name
    # Each has a case in which it fires, and one in which it stays silent.
    assert set(re.findall(r"alert: (\w+)", text)) == {name for name, *_ in FIRES}


RULES = DOCS.parent / "contrib" / "alerts.yml"
BAD, WELL = "bad", "well"
SERIES = {
    'wsanalyze_packets_dropped_total{instance="I"}': ("0+60x90", "5+0x90"),
    'wsanalyze_interface_up{instance="I"}': ("0+0x90", "1+0x90"),
    'wsanalyze_handshakes_total{instance="I",outcome="refused"}': ("0+10x90", "0+4x90"),
    'wsanalyze_handshakes_total{instance="I",outcome="accepted"}': ("0+90x90", "0+96x90"),
    'wsanalyze_closes_total{instance="I",kind="reset",code="none"}': ("0+30x90", "0+10x90"),
    'wsanalyze_closes_total{instance="I",kind="clean",code="1000"}': ("0+70x90", "0+90x90"),
    'wsanalyze_diagnosed_connections_total{instance="I",id="idle-timeout",severity="warning"}': (
        "0+1x90",
        "4+0x90",
    ),
}
for name, labels, bounds in (
    ("ping_round_trip", 'direction="client"', ("1", "2", "+Inf")),
    ("call", 'inner="json-rpc",name="get"', ("2.5", "5", "+Inf")),
):
    for bound in bounds:
        low = bound == bounds[0]
        SERIES[f'wsanalyze_{name}_seconds_bucket{{instance="I",{labels},le="{bound}"}}'] = (
            "0+0x90" if low else "0+10x90",
            "0+9x90",
        )
"""Values each minute where something is wrong, and where all is well."""
FIRES = (
    ("WsanalyzeLosesPackets", "warning", {}, "The capture on bad loses 1 packets/s"),
    ("WsanalyzeInterfaceDown", "warning", {}, "An interface that bad captures on is down"),
    (
        "WebSocketHandshakesRefused",
        "warning",
        {},
        "More than one in twenty WebSocket handshakes is refused",
    ),
    (
        "WebSocketAbnormalCloses",
        "warning",
        {},
        "More than a fifth of WebSocket connections end without Close frames both ways",
    ),
    (
        "WebSocketPingsSlow",
        "warning",
        {"direction": "client"},
        "Pings of the client take 1.95s (95th percentile)",
    ),
    (
        "WebSocketIdleTimeouts",
        "info",
        {"id": "idle-timeout", "severity": "info"},
        "Something between client and server ends silent connections",
    ),
    (
        "WebSocketCallsSlow",
        "warning",
        {"inner": "json-rpc", "name": "get"},
        "json-rpc get takes 4.875s (95th percentile)",
    ),
)
"""Alerts, their severity, labels and summary."""
DESCRIPTION = "What is said of connections is not whole. A narrower filter helps."


def alert_tests():
    """Return tests for promtool, in JSON, which is YAML: at `bad` all fire, at `well` none."""
    series = [
        {"series": name.replace('"I"', f'"{instance}"'), "values": values[instance == WELL]}
        for name, values in SERIES.items()
        for instance in (BAD, WELL)
    ]
    expected = []
    for name, severity, labels, summary in FIRES:
        more = {"description": DESCRIPTION} if name == "WsanalyzeLosesPackets" else {}
        alert = {
            "exp_labels": {"severity": severity, "instance": BAD, **labels},
            "exp_annotations": {"summary": summary, **more},
        }
        expected.append({"eval_time": "80m", "alertname": name, "exp_alerts": [alert]})
    tests = [{"interval": "1m", "input_series": series, "alert_rule_test": expected}]
    return json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests})


def test_names_of_calls_are_bounded():
    server = MetricsServer(("127.0.0.1", 0), max_labels=2)
    asked = Moment(0, 0, 1, 1, 1_000_000, 1_000_000)
    answered = Moment(1, 1, 2, 2, 3_000_000, 3_000_000)
    done = [
        Call(number, "request", f"m{number % 4}", 0, asked, 0, outcome=OK, answered=answered)
        for number in range(8)
    ]
    done.append(Call(8, "request", "m0", 0, asked, 0, outcome=LOST))
    try:
        calls = [DoneCall(0, NULL, "json-rpc", call) for call in done]
        server.write(call_rows(calls, Options()))
        counts = sums_of(server, "wsanalyze_call_seconds_count", "name")
        assert counts == {"m0": 2, "m1": 2, "other": 4}
        assert sums_of(server, "wsanalyze_calls_failed_total", "outcome") == {"lost": 1}
    finally:
        server.close()


def test_hostile_labels_are_escaped():
    server = MetricsServer(("127.0.0.1", 0), ("path",))
    try:
        evil = '/"}\n wsanalyze_fake_total 1\n\x1b\\'
        server.news(table_rows(HANDSHAKES, [handshake(0, 0, path=evil)]))
        values = values_of(server)
        assert not any("fake" in name for name, _ in values)
        assert any(dict(labels).get("path") == evil for _, labels in values)
    finally:
        server.close()


def test_a_port_that_is_taken_is_one_clear_line(server):
    with pytest.raises(ReportError, match=f"127.0.0.1:{server.port}.*in use"):
        MetricsServer(("127.0.0.1", server.port))


def test_a_scraper_that_hangs_does_not_hold_up_the_run(server):
    with socket.create_connection(("127.0.0.1", server.port)) as hanging:
        hanging.sendall(b"GET /metrics HT")
        server.tick(T, STATS)
        assert "wsanalyze_packets_received_total 10.0" in text_of(server)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9123", ("127.0.0.1", 9123)),
        (":9123", ("127.0.0.1", 9123)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::1]:9123", ("::1", 9123)),
        ("host.example:1", ("host.example", 1)),
    ],
)
def test_addresses(text, address):
    assert address_of(text) == address


@pytest.mark.parametrize("text", ["", ":", "host", ":x", ":65536", ":-1", ":\uff11"])
def test_addresses_that_are_none(text):
    with pytest.raises(OptionError):
        address_of(text)


def test_labels():
    assert labels_of("") == ()
    assert labels_of("path, host,path") == ("path", "host")
    with pytest.raises(OptionError, match="user"):
        labels_of("user")


def test_the_page_names_every_metric(server):
    page = (DOCS / "prometheus.md").read_text(encoding="utf-8")
    names = {
        line.split()[2] for line in text_of(server).splitlines() if line.startswith("# TYPE wsan")
    }
    # A histogram's and a counter's _created go without saying.
    assert {name for name in names if name not in page and not name.endswith("_created")} == set()


# --- Prometheus


def queries():
    """Return every query of the dashboard, its variables filled in."""
    board = json.loads((DOCS / "grafana.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "1m")
            expression = expression.replace("$__range", "5m")
            yield panel["title"], re.sub(r'=~"\$\w+"', '=~".+"', expression)


def run_all(server):
    for name in NAMES:
        replay(name, [server]).finish()


def ask(port, path, **query):
    url = f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=120) as answer:
        return json.load(answer)["data"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)")
def test_names_and_help_are_as_prometheus_wants_them(server):
    run_all(server)
    ours = "\n".join(line for line in text_of(server).splitlines() if "wsanalyze_" in line)
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=f"{ours}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""


@pytest.fixture
def prometheus(server, tmp_path):
    """A Prometheus of its own that scrapes the server; its port."""
    if shutil.which("prometheus") is None:
        pytest.skip("needs prometheus (Debian: prometheus)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "prometheus.yml"
    page = (DOCS / "prometheus.md").read_text(encoding="utf-8")
    written = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1]
    config.write_text(
        written.replace("9123", str(server.port)).replace("interval: 5s", "interval: 1s")
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(60)


def test_every_query_of_the_dashboard_has_an_answer(server, prometheus):
    limit = time.monotonic() + 300
    # Calls, failed ones among them, and a diagnosis.
    names = [*NAMES, "json-rpc.pcap", "why-hung-peer.pcap"]
    replayed = iter([*names, *names])
    turn = 0
    # A rate needs counts that rise between scrapes.
    while time.monotonic() < limit:
        for name in [next(replayed, None)]:
            if name is not None:
                replay(name, [server]).finish()
        turn += 1
        server.attach(lambda count=turn: grown(count))
        server.tick(T + turn * S, CaptureStats(100 * turn, turn, 90 * turn))
        time.sleep(1)
        try:
            empty = [
                (title, query)
                for title, query in queries()
                if not is_answered(ask(prometheus, "/api/v1/query", query=query))
            ]
        except (urllib.error.URLError, ConnectionError):
            continue
        if not empty:
            break
    assert empty == []
    health = ask(prometheus, "/api/v1/targets")["activeTargets"]
    assert [target["health"] for target in health] == ["up"]


def is_answered(data):
    return any(sample["value"][1] not in ("NaN", "+Inf") for sample in data["result"])


def grown(count):
    ledger = {name: 1000 * count + value for name, value in snapshot().ledger[0].items()}
    ledger["wire_bytes"] = sum(v for k, v in ledger.items() if k not in ("wire_bytes", "packets"))
    return snapshot(ledger=(ledger, ledger), let_go={"idle": count, "limit": count})


def test_the_dashboard_asks_for_every_metric(server):
    asked = " ".join(query for _, query in queries())
    names = {
        line.split()[2] for line in text_of(server).splitlines() if line.startswith("# TYPE wsan")
    }
    missing = {name for name in names if name not in asked and not name.endswith("_created")}
    assert missing == set()
