"""Findings of HTTP/2 stand among all others."""

from analyzer import findings
from analyzer.findings import http2


def test_all_are_found_where_all_findings_are():
    own = {name for name in vars(http2) if name.startswith("HTTP2_")}
    assert len(own) == 15
    for name in own:
        kind = getattr(findings, name)
        assert kind is getattr(http2, name)
        assert findings.BY_ID[kind.id] is kind
        assert kind.id.startswith("http2-")
        assert kind.rfc.startswith(("RFC 9113", "RFC 8441", "RFC 7541")) or kind.rfc == ""
