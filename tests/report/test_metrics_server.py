"""The server of metrics: what it answers, and to whom."""

import http.client
import json
import socket

import pytest

from analyzer.errors import ReportError
from analyzer.report.metrics_server import STALLED_S, Health, Server

prometheus_client = pytest.importorskip("prometheus_client")


@pytest.fixture
def health():
    class Clocked(Health):
        now = 100.0

        def __init__(self):
            super().__init__(lambda: self.now)

    return Clocked()


@pytest.fixture
def server(health):
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Gauge("made_up", "Text.", registry=registry).set(7)
    made = Server(("127.0.0.1", 0), registry, health)
    yield made
    made.end()


def asked(server, method, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=120)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def test_metrics_by_get_and_head(server):
    status, headers, body = asked(server, "GET", "/metrics")
    assert status == 200
    assert b"made_up 7.0" in body
    assert int(headers["Content-Length"]) == len(body)
    status, head, nothing = asked(server, "HEAD", "/metrics?x=1")
    assert (status, nothing) == (200, b"")
    assert head["Content-Length"] == headers["Content-Length"]
    _, headers, body = asked(server, "GET", "/metrics", Accept="application/openmetrics-text")
    assert "openmetrics" in headers["Content-Type"]
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/healthzz", "/etc/passwd"])
def test_all_else_is_not_found(server, path):
    assert asked(server, "GET", path)[0] == 404
    assert asked(server, "HEAD", path)[0] == 404


def test_health(server, health):
    status, _, body = asked(server, "GET", "/healthz")
    assert status == 200
    assert json.loads(body) == {
        "capturing": True, "interface_up": True, "last_packet_age_s": None,
        "packets_received": 0, "packets_dropped": 0,
    }  # fmt: skip
    health.look(10, 2, is_up=True)
    health.now += 3
    health.look(10, 2, is_up=True)
    told = json.loads(asked(server, "GET", "/healthz")[2])
    assert (told["last_packet_age_s"], told["packets_dropped"]) == (3.0, 2)
    health.look(10, 2, is_up=False)
    assert asked(server, "GET", "/healthz")[0] == 503
    health.look(10, 2, is_up=True)
    health.now += STALLED_S + 1
    status, _, body = asked(server, "HEAD", "/healthz")
    assert (status, body) == (503, b"")


def test_a_port_in_use(server):
    with pytest.raises(ReportError, match="Address already in use") as caught:
        Server(("127.0.0.1", server.server_port), server, Health())
    assert "another program listens" in caught.value.hint


def test_ipv6(health):
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    try:
        made = Server(("::1", 0), prometheus_client.CollectorRegistry(), health)
    except ReportError:
        pytest.skip("no IPv6 here")
    made.end()
