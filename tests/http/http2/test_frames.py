"""Frame headers and contents against hyperframe's own encoder."""

import pytest
from hyperframe import frame as hyper
from hypothesis import given
from hypothesis import strategies as st

from analyzer.http.http2 import frames


@given(
    st.integers(0, 2**24 - 1), st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**31 - 1)
)
def test_header_is_read_as_it_is_written(length, kind, flags, stream):
    data = length.to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    assert frames.read_header(b"x" + data, 1) == (length, kind, flags, stream)


SAMPLES = [
    hyper.DataFrame(1, b"abc", flags=["END_STREAM"]),
    hyper.HeadersFrame(3, b"\x82", flags=["END_HEADERS"]),
    hyper.PriorityFrame(3, depends_on=1, stream_weight=5),
    hyper.RstStreamFrame(5, error_code=8),
    hyper.SettingsFrame(0, {1: 4096, 8: 1}),
    hyper.PushPromiseFrame(1, 2, b"\x82", flags=["END_HEADERS"]),
    hyper.PingFrame(0, b"12345678"),
    hyper.GoAwayFrame(0, 7, 0, b"bye"),
    hyper.WindowUpdateFrame(0, 10),
    hyper.ContinuationFrame(1, b"\x82", flags=["END_HEADERS"]),
]


@pytest.mark.parametrize("made", SAMPLES, ids=lambda made: type(made).__name__)
def test_what_hyperframe_writes_is_plausible_and_read(made):
    data = made.serialize()
    header = frames.read_header(data)
    assert frames.fault_of(header, frames.DEFAULT_FRAME_BYTES) == ""
    assert frames.is_plausible(header)
    assert frames.NAMES[header.kind].replace("_", "") == type(made).__name__[:-5].upper()
    if header.kind != frames.DATA:
        read = frames.parse_content(header, data[9:])
        assert read.serialize() == data


@pytest.mark.parametrize(
    "header",
    [
        (16_385, frames.DATA, 0, 1),
        (5, frames.DATA, 0, 0),
        (6, frames.SETTINGS, 0, 1),
        (5, frames.SETTINGS, 0, 0),
        (6, frames.SETTINGS, 1, 0),
        (7, frames.PING, 0, 0),
        (5, frames.RST_STREAM, 0, 1),
        (4, frames.PRIORITY, 0, 1),
        (3, frames.WINDOW_UPDATE, 0, 0),
        (7, frames.GOAWAY, 0, 0),
        (8, frames.GOAWAY, 0, 3),
    ],
)
def test_rules_of_headers(header):
    broken = frames.FrameHeader(*header)
    assert frames.fault_of(broken, frames.DEFAULT_FRAME_BYTES)
    assert not frames.is_plausible(broken)


def test_unknown_types_break_no_rule_but_are_not_searched_for():
    header = frames.FrameHeader(5, 0x10, 0, 1)
    assert frames.fault_of(header, frames.DEFAULT_FRAME_BYTES) == ""
    assert not frames.is_plausible(header)


def test_bad_content_is_a_sentence():
    header = frames.FrameHeader(3, frames.HEADERS, frames.PADDED, 1)
    assert "HEADERS" in frames.parse_content(header, b"\x09ab")
    assert "0x10" in frames.parse_content(frames.FrameHeader(0, 0x10, 0, 0), b"")


def test_error_names():
    assert [frames.error_name(code) for code in (0, 8, 13)] == [
        "NO_ERROR",
        "CANCEL",
        "HTTP_1_1_REQUIRED",
    ]
    assert frames.error_name(99) == "error 0x63"
