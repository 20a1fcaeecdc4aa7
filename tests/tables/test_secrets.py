"""Secrets in paths and subprotocols."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.tables.secrets import hide_query, hide_subprotocols, is_secret_name

NAMES = (
    *("token", "access_token", "key", "api_key", "apikey", "auth", "password", "passwd"),
    *("secret", "sig", "signature", "session", "sid", "jwt", "code", "X-Amz-Signature"),
    *("sessionId", "API_KEY", "accessToken", "authToken", "access%5Ftoken", "SID"),
)


@pytest.mark.parametrize("name", NAMES)
def test_value_of_a_secret_is_hidden(name: str) -> None:
    assert hide_query(f"/a?x=1&{name}=s3cr3t&y=2") == f"/a?x=1&{name}=***&y=2"
    assert hide_query(f"/a?{name}=s3cr3t;y=2") == f"/a?{name}=***;y=2"


@pytest.mark.parametrize(
    "path",
    [
        "/a?keyboard=us&codec=opus&side=left&room=4&transport=websocket&EIO=4",
        "/token/monkey",
        "/a?token",
        "/a?token=",
        "",
        "*",
    ],
)
def test_the_rest_stays(path: str) -> None:
    assert hide_query(path) == path


def test_tokens_that_show_what_they_are() -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP"
    assert hide_query(f"/live/{jwt}/x") == "/live/***/x"
    assert hide_query("ws://user:pass@host/x") == "ws://user:***@host/x"


@pytest.mark.parametrize(
    ("offered", "shown"),
    [
        ("chat, superchat", "chat, superchat"),
        ("graphql-transport-ws", "graphql-transport-ws"),
        ("bearer.abc123", "bearer.***"),
        (
            "base64url.bearer.authorization.k8s.io.Zm9v, base64.binary.k8s.io",
            "base64url.bearer.authorization.k8s.io.***, base64.binary.k8s.io",
        ),
        ("access_token, s3cr3t", "access_token, ***"),
        ("v1, eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBj", "v1, ***"),
    ],
)
def test_subprotocols(offered: str, shown: str) -> None:
    assert hide_subprotocols(offered) == shown


@settings(max_examples=100, deadline=None)
@given(st.text(), st.text(alphabet="abc123.-_~%", min_size=4))
def test_anything_goes_and_nothing_leaks(prefix: str, value: str) -> None:
    hide_subprotocols(prefix)
    shown = hide_query("/?token=" + value)
    assert shown == "/?token=***"
    assert hide_query(hide_query(prefix)) == hide_query(prefix)


def test_names() -> None:
    assert is_secret_name("id_token")
    assert not is_secret_name("tokenizer")
