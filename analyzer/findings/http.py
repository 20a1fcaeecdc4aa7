"""Findings of HTTP/1.1 messages and of plain HTTP deliveries."""

from __future__ import annotations

from analyzer.findings.kinds import INFO, NOTE, WARNING
from analyzer.findings.kinds import kind_of as _kind

HTTP_MALFORMED = _kind(
    "http-malformed",
    WARNING,
    "RFC 9112 2.2",
    "A start line or header field is malformed: {detail}.",
)
HTTP_HEAD_LIMIT = _kind(
    "http-head-limit",
    WARNING,
    "RFC 9112 2.3",
    "The headers of a message are longer than max_head_bytes: {detail}.",
)
HTTP_PIPELINE_LIMIT = _kind(
    "http-pipeline-limit", WARNING, "", "More requests wait for a response than max_pipelined."
)
HTTP_EARLY_LIMIT = _kind(
    "http-early-limit", WARNING, "", "More bytes follow an unanswered upgrade than max_early_bytes."
)
HTTP_DELIVERY_LIMIT = _kind(
    "http-delivery-limit",
    INFO,
    "",
    "An answer is longer than max_delivery_body_bytes: it counts as one message.",
)
HTTP_GROUP_LIMIT = _kind(
    "http-group-limit",
    NOTE,
    "",
    "More plain HTTP is in progress than {detail}: its kinds are derived from only a part of it.",
)
HTTP_GROUPS_LIMIT = _kind(
    "http-groups-limit",
    NOTE,
    "",
    "There are more groups of deliveries than max_http_groups: rows of old groups "
    "were written early.",
)
HTTP_PROXIED = _kind(
    "http-proxied",
    INFO,
    "",
    "A balancer's PROXY protocol header names the client: {detail}.",
    has_culprit=False,
)
HTTP_LOST = _kind("http-lost", WARNING, "", "Bytes of an HTTP message were not captured: {detail}.")
