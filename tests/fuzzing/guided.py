"""Coverage-guided fuzzing of each parser of bytes, with atheris and uncompiled kernels.

Not collected by pytest: it runs as long as it is told to. Needs `pip install atheris`, and a
copy of the tree without compiled kernels, since only Python's own code is instrumented:

    python tests/fuzzing/guided.py heads --seconds 1800 --corpus /tmp/heads

Each target takes any bytes and must neither raise nor break what is said beside it.
"""

# ruff: noqa: E402, what is imported first is what atheris instruments
from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import atheris  # type: ignore[import-not-found]

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(TESTS / "tls")]

with atheris.instrument_imports(include=["analyzer", "hpack"]):
    import analyzer
    from analyzer.capture.pcap import PcapReader
    from analyzer.capture.pcapng import PcapngReader
    from analyzer.capture.records import RECORD, RecordBatch
    from analyzer.columns import empty
    from analyzer.errors import NotACaptureError
    from analyzer.http import head
    from analyzer.http.http2.heads import HeadDecoder, head_of
    from analyzer.http.stage import HttpStage
    from analyzer.options import Options
    from analyzer.packets.decode import PacketDecoder
    from analyzer.tcp.reassembly import Reassembler
    from analyzer.tls import hello
    from analyzer.tls.stage import TlsStage
    from analyzer.websocket import _frames  # noqa: F401, instrumented here for oracle.walks

from oracle import captures, streams, tls, walks, websocket
from oracle.chunks import Stream
from oracle.conversations import cut
from oracle.stages import REQUEST, RESPONSE

TIGHT = Options(max_held_bytes=4096, max_head_bytes=2048, max_probe_bytes=256)
LINK_TYPES = (0, 1, 9, 12, 50, 101, 105, 107, 109, 113, 117, 127, 192, 239, 242, 252, 258, 276)


def turns(data: bytes) -> list[tuple[int, bytes]]:
    """Split data at each byte 0xFE: what stands behind is of the side of the next byte."""
    steps, side = [], 0
    for part in data.split(b"\xfe"):
        if not part:
            continue
        side = part[0] & 1 if steps else side
        steps.append((side, part[1:] if steps else part))
    return [(side, part) for side, part in steps if part]


def heads(data: bytes) -> None:
    """A head is read or refused, whole and cut, and so is a conversation of them."""
    head.read_head(data)
    head.parse_cut(data)
    head.recognise(data)
    # Through tcp, since streams of HTTP/2 borrow its slots.
    tcp, stage = Reassembler(TIGHT), HttpStage(TIGHT)
    places, segments = [1000, 2000], [streams.segment(0, 999, flags=streams.SYN)]
    segments.append(streams.segment(1, 1999, ack=1000, flags=streams.SYN | streams.ACK))
    for side, part in turns(data):
        segments.append(streams.segment(side, places[side], part, ack=places[1 - side]))
        places[side] += len(part)
    for batch in streams.cut(segments, [len(data) % 3, 2]):
        stage.push(tcp.push(batch))
    stage.push(tcp.finish(), last=True)


def frames(data: bytes) -> None:
    """Every byte is in a frame or counted as unparsed."""
    stream = Stream()
    for side, part in turns(data):
        stream.data(side, part)
    walk = walks.opened(preview=8, pending=4, rsv_allowed=4 * (data[:1] > b"\x80"))
    walks.run(walk, stream, 1 + len(data) % 5)


def hpack(data: bytes) -> None:
    """Blocks decode to fields or to a sentence."""
    reader = HeadDecoder(4096, 65_536)
    for block in data.split(b"\xfe"):
        fields = reader.decode(block)
        if not isinstance(fields, str):
            head_of(fields, len(block))


def hellos(data: bytes) -> None:
    """A body of a handshake message is parsed or answered."""
    hello.parse_client_hello(data)
    hello.parse_server_hello(data)
    hello.parse_encrypted_extensions(data)
    hello.parse_encrypted_premaster(data)
    hello.parse_key_exchange(data)


def records(data: bytes) -> None:
    """Records in both directions, in batches."""
    stage = TlsStage(Options(max_hello_bytes=4096))
    for batch in cut(turns(data), [1, len(data) % 4]):
        stage.push(batch)


def pcapng(data: bytes) -> None:
    """Files of both formats give records within themselves."""
    for reader in (PcapngReader(Options()), PcapReader(Options())):
        try:
            batches = [reader.push(data[:40]), reader.push(data[40:]), reader.finish()]
        except NotACaptureError:
            continue
        for batch in batches:
            rows = batch.rows
            assert (rows["start"] + rows["captured"] <= len(batch.data)).all()


def link(data: bytes) -> None:
    """A packet gives one segment within itself, or one count."""
    if not data:
        return
    batch = RecordBatch()
    rows = empty(RECORD, 1)
    rows["packet"], rows["start"] = 1, batch.append(data[1:])
    rows["captured"] = rows["original"] = len(data) - 1
    rows["link_type"] = LINK_TYPES[data[0] % len(LINK_TYPES)]
    batch.rows = rows
    found = PacketDecoder(Options()).push(batch)
    assert len(found.rows) + sum(found.not_tcp.values()) == 1
    end = found.rows["start"] + found.rows["captured"]
    assert (end <= len(batch.data)).all()


def seeds(name: str) -> Iterator[bytes]:
    """Yield inputs to begin with: what each parser is made for."""
    masked = websocket.frame(1, b"hello", mask=b"abcd")
    small = [path for path in (TESTS / "cases").rglob("*.pcap*") if path.stat().st_size < 6000]
    if name == "heads":
        yield REQUEST + b"\r\n\xfe\x01" + RESPONSE + b"\r\n\xfe\x01" + websocket.frame(1, b"hi")
        yield b"POST /a?b=c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
        yield b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n\xfe\x01HTTP/1.1 200 OK\r\n\r\n"
        yield b"\x05\x01\x00\xfe\x01\x05\x00\xfe\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"
        yield b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + REQUEST + b"\r\n"
    elif name == "frames":
        yield masked + masked + b"\xfe\x01" + websocket.frame(2, bytes(200)) + b"\x88\x02\x03\xe8"
        yield websocket.frame(1, b"a", fin=False) + websocket.frame(9, b"p") + b"\x80\x01b"
    elif name == "hpack":
        from hpack import Encoder

        fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":path", "/"), ("a", "b")]
        encoder = Encoder()
        yield encoder.encode(fields) + b"\xfe" + encoder.encode(fields)
    elif name in ("hellos", "records"):
        found = [*tls.hellos_1_2(tls.sni(b"a.example")), (0, tls.data()), (1, tls.data(70))]
        for turn in (found, [*tls.hellos_1_3(tls.sni(b"a.example")), (1, tls.data(70))]):
            for _, part in turn:
                yield part[9:] if name == "hellos" else part
            yield b"".join(b"\xfe" + bytes([side]) + part for side, part in turn)
    elif name == "pcapng":
        for path in islice(small, 60):
            yield path.read_bytes()
        yield captures.section() + captures.interface(1, resolution=9) + captures.enhanced(5, b"x")
    else:
        for path in islice(small, 60):
            content = path.read_bytes()
            for place, kind in enumerate(LINK_TYPES):
                if len(content) > 24 and content[20] == kind:
                    length = int.from_bytes(content[32:36], "little")
                    yield bytes([place]) + content[40 : 40 + length]


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (heads, frames, hpack, hellos, records, pcapng, link)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--corpus", type=Path, help="folder that is read and added to")
    chosen = parser.parse_args()
    root = Path(analyzer.__file__).parent
    if next(root.rglob("*.so"), None):
        sys.exit(f"{root} holds compiled kernels: run in a copy without them")
    folder = chosen.corpus or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(chosen.target)):
        (folder / f"seed-{number}").write_bytes(seed)
    arguments = [sys.argv[0], f"-max_total_time={chosen.seconds}", "-rss_limit_mb=3000"]
    arguments += ["-timeout=20", "-max_len=4096", f"-artifact_prefix={folder}/", str(folder)]
    atheris.Setup(arguments, TARGETS[chosen.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
