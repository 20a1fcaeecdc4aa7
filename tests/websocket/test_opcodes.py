"""Expected values: RFC 6455 5.2, 7.4 and the IANA close code registry."""

import pytest

from analyzer import findings
from analyzer.tables import schema
from analyzer.websocket import opcodes


def test_labels_stand_at_their_numbers() -> None:
    assert len(opcodes.OPCODES) == 16
    assert opcodes.OPCODES[opcodes.CONTINUATION] == "continuation"
    assert opcodes.OPCODES[opcodes.TEXT] == "text"
    assert opcodes.OPCODES[opcodes.BINARY] == "binary"
    assert opcodes.OPCODES[3] == "reserved-3"
    assert opcodes.OPCODES[opcodes.CLOSE] == "close"
    assert opcodes.OPCODES[opcodes.PING] == "ping"
    assert opcodes.OPCODES[opcodes.PONG] == "pong"
    assert opcodes.OPCODES[15] == "reserved-15"


def test_tables_use_the_same_labels() -> None:
    assert opcodes.OPCODES == schema.OPCODES


def test_control_opcodes_have_their_highest_bit_set() -> None:
    assert [number for number in range(16) if opcodes.is_control(number)] == list(range(8, 16))


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (1000, "Normal Closure"),
        (1006, "Abnormal Closure"),
        (1012, "Service Restart"),
        (1014, "Bad Gateway"),
        (1016, "Unassigned"),
        (2999, "Unassigned"),
        (3000, "Unauthorized"),
        (3003, "Forbidden"),
        (3008, "Timeout"),
        (3999, "Library or framework"),
        (4000, "Private use"),
        (4999, "Private use"),
        (999, "Out of range"),
        (5000, "Out of range"),
    ],
)
def test_close_code_names(code: int, name: str) -> None:
    assert opcodes.close_code_name(code) == name


def test_codes_that_may_be_sent() -> None:
    sendable = {code for code in range(65536) if opcodes.may_be_sent(code)}
    protocol = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}
    assert sendable == protocol | set(range(3000, 5000))


@pytest.mark.parametrize(
    ("body", "code", "reason", "faults"),
    [
        (b"", None, None, ()),
        (b"\x03", None, None, (findings.WEBSOCKET_CLOSE_BODY,)),
        (b"\x03\xe8", 1000, "", ()),
        (b"\x03\xe9gone \xe2\x82\xac", 1001, "gone €", ()),
        (b"\x03\xee", 1006, "", (findings.WEBSOCKET_CLOSE_CODE,)),
        (b"\x00\x00", 0, "", (findings.WEBSOCKET_CLOSE_CODE,)),
        (b"\x03\xe8\xff", 1000, "\ufffd", (findings.WEBSOCKET_CLOSE_UTF8,)),
        (b"\x03\xe8\xe2\x82", 1000, "\ufffd", (findings.WEBSOCKET_CLOSE_UTF8,)),
        (
            b"\x03\xed\xff",
            1005,
            "\ufffd",
            (findings.WEBSOCKET_CLOSE_CODE, findings.WEBSOCKET_CLOSE_UTF8),
        ),
    ],
)
def test_parse_close(
    body: bytes, code: int | None, reason: str | None, faults: tuple[findings.Kind, ...]
) -> None:
    assert opcodes.parse_close(body) == (code, reason, faults)


def test_a_reason_that_is_cut_may_end_within_a_character() -> None:
    body = b"\x03\xe8ab\xe2\x82"
    assert opcodes.parse_close(body, is_whole=False) == (1000, "ab", ())


@pytest.mark.parametrize("code", [1000, 1001, 3000, 3999, 4000, 4999, 1006, 999, 5000])
def test_no_error_is_said_of_these_codes(code: int) -> None:
    """They say nothing of an error, or may not be sent, which is another fault."""
    assert not opcodes.is_error(code)


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014])
def test_codes_of_errors(code: int) -> None:
    assert opcodes.is_error(code)
