"""Secrets in texts that come from heads."""

from __future__ import annotations

from time import process_time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.tables.secrets import hide, hide_subprotocols, is_secret_name

NAMES = (
    *("token", "access_token", "key", "api_key", "apikey", "auth", "password", "passwd"),
    *("secret", "sig", "signature", "session", "sid", "jwt", "code", "X-Amz-Signature"),
    *("sessionId", "API_KEY", "accessToken", "authToken", "access%5Ftoken", "SID", "pw"),
    *("state", "jsessionid", "PHPSESSID", "csrftoken", "connectionToken", "connectionId"),
)
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP"


@pytest.mark.parametrize("name", NAMES)
def test_value_of_a_secret_is_hidden(name: str) -> None:
    assert hide(f"/a?x=1&{name}=s3cr3t&y=2") == f"/a?x=1&{name}=***&y=2"
    assert hide(f"/a?{name}=s3cr3t;y=2") == f"/a?{name}=***;y=2"
    assert hide(f"/a;{name}=s3cr3t?y=2") == f"/a;{name}=***?y=2"
    assert hide(f"/a#{name}=s3cr3t&y=2") == f"/a#{name}=***&y=2"
    nested = quote(f"wss://h/?{name}=s3cr3t", safe="")
    assert "s3cr3t" not in hide(f"/a?next={nested}&y=2")
    assert hide(f"/a?next=wss://h/?{name}=s3cr3t&y=2") == f"/a?next=wss://h/?{name}=***&y=2"


@pytest.mark.parametrize(
    "text",
    [
        "/a?keyboard=us&codec=opus&side=left&room=4&transport=websocket&EIO=4&id=42",
        "/auth/login",
        "/session/list",
        "/a?token",
        "/a?token=",
        "",
        "*",
        # A key, an Accept, extensions, a browser: nothing of them is a secret.
        "dGhlIHNhbXBsZSBub25jZQ==",
        "AAAPw== instead of s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "permessage-deflate; client_max_window_bits=15",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0",
        "The server asks for credentials (401), scheme Bearer.",
        '{"code":3,"message":"Bad request"}',
        "Basic authentication required",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert hide(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"/live/{JWT}/x", "/live/***/x"),
        ("/ws/token/monkey/room", "/ws/token/***/room"),
        ("/session/1f0a9c77b3d2", "/session/***"),
        ("ws://user:pass@host/x", "ws://***@host/x"),
        ("https://ghp_16C7e42F@host/x", "https://***@host/x"),
        ("/hub?id=Bxx_6zI1fs0n7yN6Wp1WAw", "/hub?id=***"),
        ("/?token%3Dabc", "/?token%3D***"),
        ("/?next=token%253Dabc", "/?next=token%253D***"),
        ('{"token":"abc","x":[1]}', '{"token":"***","x":[1]}'),
        ('{"access_token":"ab\\"c","y":1}', '{"access_token":"***","y":1}'),
        ('{"token":"cut off', '{"token":"***"'),
        ('"{\\"token\\":\\"abc\\"}"', '"{\\"token\\":\\"***\\"}"'),
        ("<token>abc</token>", "<token>***</token>"),
        ('<input name="csrf_token" value="abc">', '<input name="csrf_token" value="***">'),
        ('<input value="abc" name="csrf_token">', '<input value="***" name="csrf_token">'),
        ("Cookie: a=b; c=d", "Cookie: ***"),
        ("x-api-key: abc", "x-api-key: ***"),
        ("Bearer abc123", "Bearer ***"),
        (
            "Redirected (302) to https://h/login?state=ab,c&x=1; the request has no Upgrade.",
            "Redirected (302) to https://h/login?state=***&x=1; the request has no Upgrade.",
        ),
    ],
)
def test_forms(text: str, shown: str) -> None:
    assert hide(text) == shown
    assert hide(shown) == shown


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


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text(alphabet="abc123.-_~%", min_size=4))
def test_anything_goes_and_nothing_leaks(prefix: str, value: str) -> None:
    hide_subprotocols(prefix)
    assert hide("/?token=" + value) == "/?token=***"
    assert hide(hide(prefix)) == hide(prefix)


@settings(max_examples=200, deadline=None)
@given(st.text("/?;&=#%:\"'<>{}[]\\, aeyJtoken.", max_size=60), st.integers(0, 60))
def test_a_token_is_hidden_wherever_it_stands(text: str, at: int) -> None:
    at = min(at, len(text))
    # Behind a letter or a digit it is part of a longer word, which may be anything.
    begin = text[:at] + ("/" if text[:at][-1:].isalnum() else "")
    assert JWT not in hide(begin + JWT + text[at:])


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "a=",
            "/a",
            "token/",
            "%41",
            "%25",
            '"a":',
            "<a b=",
            "a:",
            "eyJ",
            "\\",
            "token==",
            "://@",
        ),
        *("<a name='x' ", "name='x' ", "value='x' ", "-token", '\\"token\\":\\"', "bearer ", "id="),
    ],
)
def test_hostile_text_takes_time_in_proportion(unit: str) -> None:
    """A head may have 64 KiB; what took their square took a minute.

    Processor time, not time, and a hundred times what it takes: no busy machine fails it.
    """
    for begin in ("", ":<a ", "/?"):
        started = process_time()
        hide(begin + unit * (64_000 // len(unit)))
        assert process_time() - started < 30


def test_names() -> None:
    assert is_secret_name("id_token")
    assert not is_secret_name("tokenizer")


RANDOM = "Zq8xV4tL0pWm2"


@pytest.mark.parametrize(
    "text",
    [
        f'{{"list":[{{"token":"{RANDOM}"}}]}}',
        f'{{"a":{{"b":{{"token":"{RANDOM}"}}}}}}',
        f'{{"token":{{"value":"{RANDOM}","for":"x"}},"b":2}}',
        f"<input type=hidden name=csrf value={RANDOM}>",
        f'<input value="{RANDOM}" type=hidden name=csrf_token>',
        f"<meta name=csrf-token content={RANDOM}>",
        f"Invalid token {RANDOM}",
        f'The password was "{RANDOM}".',
        f"invalid api key: {RANDOM}",
        f"passcode:{RANDOM}",
        f"/ws?authentication={RANDOM}&appkey={RANDOM}",
        f"/ws?code_verifier={RANDOM}&refresh={RANDOM}&ott={RANDOM}",
        f"/ws?passwort={RANDOM}",
    ],
)
def test_secrets_of_bodies_and_sentences_are_hidden(text: str) -> None:
    assert RANDOM not in hide(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"state":"open","code":4001,"message":"token expired"}',
        "Invalid token, please log in again",
        "signature mismatch",
        "secret garden 2024",
        "/ws?hash=abc&login=bob",
        '{"access":"denied"}',
        '<input name="q" value="hello">',
    ],
)
def test_what_only_reads_like_a_secret_is_shown(text: str) -> None:
    assert hide(text) == text


def test_a_token_joined_to_the_name_of_a_subprotocol() -> None:
    assert hide_subprotocols(f"v1, auth-{RANDOM}") == "v1, auth-***"
    assert hide_subprotocols("v1, auth-v2, jwt_basic") == "v1, auth-v2, jwt_basic"
