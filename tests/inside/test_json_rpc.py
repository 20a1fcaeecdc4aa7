"""JSON-RPC 2.0: the examples of its specification, section 7."""

import pytest

from analyzer.inside.json_rpc import JsonRpc, looks
from analyzer.inside.protocol import ASK, REPLY, REPLY_ERROR, Setting


def take(text):
    items = JsonRpc(Setting()).take(text.encode(), 0, True)
    return None if items is None else [(i.kind, i.name, i.id, i.reply_to, i.role) for i in items]


@pytest.mark.parametrize(
    ("text", "item"),
    [
        (
            '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
            ("request", "subtract", "1", None, ASK),
        ),
        ('{"jsonrpc": "2.0", "result": 19, "id": 1}', ("response", None, None, "1", REPLY)),
        (
            '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}',
            ("notification", "update", None, None, 0),
        ),
        (
            '{"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, '
            '"id": "1"}',
            ("error", None, None, "1", REPLY_ERROR),
        ),
        (
            '{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}',
            ("error", None, None, None, REPLY_ERROR),
        ),
        ('{"jsonrpc": "2.0", "result": null, "id": "x"}', ("response", None, None, "x", REPLY)),
    ],
)
def test_calls(text, item):
    assert take(text) == [item]


def test_batch():
    text = (
        '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},'
        '{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},'
        '{"foo": "boo"},'
        '{"jsonrpc": "2.0", "method": "get_data", "id": "9"}]'
    )
    assert [item[:3] for item in take(text)] == [
        ("request", "sum", "1"),
        ("notification", "notify_hello", None),
        ("request", "get_data", "9"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "[1,2,3]", '{"jsonrpc":"1.0","method":"a"}', "1"),
        *("", "{", '{"jsonrpc":"2.0"}', '{"jsonrpc":"2.0","method":1}', "[" * 100_000),
    ],
)
def test_others(text):
    assert take(text) is None
    assert not looks(text.encode(), 0, True)


def test_an_id_of_text_is_not_that_of_a_number():
    one, other = (
        JsonRpc(Setting()).take(b'{"jsonrpc":"2.0","method":"a","id":%s}' % each, 0, True)[0].key
        for each in (b"1", b'"1"')
    )
    assert one != other


def test_looks():
    assert looks(b'{"method":"a","jsonrpc":"2.0"}', 0, True)
    assert looks(b'[{"method":"a","jsonrpc":"2.0"}]', 0, True)


@pytest.mark.parametrize("text", ["{}", '{"notification":"price","params":["EURUSD",1]}'])
def test_objects_without_a_version_are_no_calls_and_no_fault(text):
    assert take(text) == []
    assert not looks(text.encode(), 0, True)


def test_behind_the_head_of_lsp():
    """Bridges to language servers pass it on, in the same message or in one before."""
    asked = b'{"jsonrpc":"2.0","id":1,"method":"initialize"}'
    head = b"Content-Length: %d\r\n\r\n" % len(asked)
    decoder = JsonRpc(Setting())
    for typed in (head, b"Content-Type: utf-8\r\n" + head):
        (item,) = decoder.take(typed + asked, 0, True)
        assert (item.name, item.id) == ("initialize", "1")
        assert looks(typed + asked, 0, True)
    assert decoder.take(head, 0, True) == []
    assert not looks(head, 0, True)
    assert decoder.take(b"Content-Length: 1\r\nhello", 0, True) is None
