"""Every limit and switch of an analysis: its default, and the reason for it.

Limits bound memory on hostile or endless input. What a limit cuts is counted and
becomes a finding; nothing is dropped in silence.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Literal

from analyzer import ranges

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from analyzer.frozen import dataclass

KIB = 1024
MIB = 1024 * KIB

PayloadPolicy = Literal["none", "preview", "full"]
OverlapPolicy = Literal["first", "last"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings and limits of an analysis. Sizes are bytes, times are seconds."""

    # --- what to keep
    payload: PayloadPolicy = "preview"
    """How much of each message's payload reaches the tables."""
    preview_bytes: int = 96
    """Enough to recognise a message, little enough for a line of a terminal."""
    show_secrets: bool = False
    """Show tokens in paths and subprotocols, which are hidden else. Cookie and
    Authorization are never kept."""

    # --- capture
    batch_bytes: int = 1 * MIB
    """Read at a time: big enough to make a batch's fixed cost vanish, small enough
    for the rows of one batch to stay in a processor's cache. Payload of nothing but
    frames of one byte makes 300,000 rows of a MiB, and 300 MB of memory."""
    max_record_bytes: int = 64 * MIB
    """A longer record is damage: captures of offloaded traffic stay below 256 KiB."""

    max_interfaces: int = 65_536
    """Interfaces described in one section of a pcapng file; packets of further ones
    are skipped. `dumpcap -i any` writes one, a busy container host a few hundred."""
    max_secret_bytes: int = 16 * MIB
    """TLS key logs kept from a pcapng file's Decryption Secrets Blocks: about 80,000
    TLS 1.3 sessions."""

    # --- live
    live_buffer_bytes: int = 64 * MIB
    """The kernel's ring of captured packets, of each interface: what it holds while a batch
    is analysed. At 100 MB/s, a busy gigabit link, 0.6 s. A full ring drops, and counts."""
    live_block_bytes: int = 128 * KIB
    """The ring's unit. A block is handed over when it is full or live_block_ms old, however
    little is in it, so that 512 of them bridge 12.8 s in which the process stands still. One must
    hold the largest packet: 64 KiB, as segmentation offload makes them; what is longer is cut."""
    live_block_ms: int = 25
    """A packet waits no longer for its block to fill."""
    live_queue_bytes: int = 64 * MIB
    """Packets of each interface that a thread took out of the ring while the analysis was busy:
    10 s of 5,000 packets a second of 200 bytes are 15 MB. A full queue leaves them in the ring."""
    live_pace_s: float = 0.04
    """From batch to batch while packets are few: a batch costs a millisecond however small,
    so that 25 a second are 3 % of a processor, and a message is out within 0.1 s. Where batches
    take more than 8 %, they come less often, at least each 0.08 s."""
    live_end_s: float = 6.0
    """After SIGTERM. Half of it is for packets that wait, of which there may be 128 MiB on a
    machine that is too slow; then the comparison is left out where it is not done. A container is
    killed 10 s after SIGTERM: the rest is for rows of what is open, and files."""

    # --- the screen of a live run
    max_screen_connections: int = 65_536
    """Open connections with a line, half a kB each; the oldest loses its line first."""
    max_screen_ended: int = 2_000
    """Ended connections that still can be looked at; the one that ended first goes first."""
    max_screen_events: int = 20_000
    """Messages, pings and closes that are remembered, about 800 B each; of the connection that
    was silent longest they go first."""
    max_screen_payload_bytes: int = 32 * MIB
    """Whole payloads of the last messages. Half of it belongs to the connection that is looked
    at, so that others do not push out what is read."""

    # --- packets
    max_fragmented_datagrams: int = 1024
    """IP datagrams that wait for fragments at once; the oldest goes first."""
    fragment_timeout_s: float = 30.0
    """Linux gives a datagram 30 s (net.ipv4.ipfrag_time)."""
    max_fragments: int = 256
    """Fragments of one datagram: 65,535 bytes over the smallest IPv4 path of 576
    bytes are 119; tiny fragments are an attack."""
    max_tunnel_depth: int = 4
    """GRE in VXLAN in IPv6 is real; deeper nesting is an attack."""

    # --- tcp
    max_connections: int = 65_536
    """TCP connections kept at once. Finished ones go first, then idle ones."""
    max_finished_connections: int = 4096
    """Finished connections remembered, so that a packet that comes late still gets their
    tcp_stream. The oldest is forgotten first: each one takes 7 kB."""
    max_remembered_packets: int = 1024
    """Packets of a direction among which the original of a copy is sought, however long ago it
    came: merged captures of two hosts may differ by seconds. Below 65,536, after which an IPv4
    identification comes again."""
    max_held_bytes: int = 4 * MIB
    """Out-of-order bytes kept per direction: the usual largest receive window
    (net.ipv4.tcp_rmem is 6 MiB); a hole that outlives them is lost."""
    max_held_bytes_total: int = 64 * MIB
    """The same for all directions together."""
    lost_after_segments: int = 16
    """A hole whose bytes the receiver has acknowledged was lost by the capture, not
    by the network. Captures on several queues swap packets by a few places, so the
    verdict waits for this many further segments of the connection."""
    overlap_policy: OverlapPolicy = "first"
    """Which bytes count where segments overlap with other content: those seen
    first (Linux, Windows, Wireshark) or last."""
    duplicate_window_s: float = 0.02
    """Two packets alike to the last header byte are one packet captured twice if
    they lie this close together; a true retransmission takes at least a round trip
    and carries another IP identification or TCP timestamp."""
    max_idle_s: float | None = None
    """How long a TCP connection may be silent before it is dropped, the oldest first; None:
    as long as the capture lasts. For live runs, an hour: half-open connections would stay
    forever, while what lives sends pings or keep-alives every few minutes."""
    closed_linger_s: float = 10.0
    """How long a finished connection waits for late packets before its rows leave."""

    # --- tls
    max_hello_bytes: int = 64 * KIB
    """Handshake messages looked at per direction, until the hello is read: Go's crypto/tls
    takes none that is longer, and one with keys for post-quantum groups has 2 KiB."""
    max_hello_bytes_total: int = 16 * MIB
    """Unfinished handshake messages of all connections together; the oldest goes first."""
    keys: str | PathLike[str] | tuple[str | PathLike[str], ...] = ()
    """TLS key logs (SSLKEYLOGFILE) to decrypt with: one or several."""
    follow_keys: bool = False
    """Whether the key logs may grow while the capture is read: for live captures."""
    max_held_tls_bytes: int = 32 * MIB
    """Records that are not whole, and those of sessions whose keys are not known, where keys
    may still come (a pcapng file can have them anywhere); the session that waits longest is
    given up first."""
    max_encrypted_attempts: int = 16_384
    """Encrypted connections taken for WebSockets whose rows in `handshakes` wait for the end
    of the capture, where they get their numbers. About 1 kB each."""

    max_key_log_secrets: int = 262_144
    """Secrets of TLS key logs kept; those of the session logged longest ago go first. Five
    each for 50,000 sessions of TLS 1.3, and 80 MB."""
    max_key_log_line_bytes: int = 4 * KIB
    """A longer line of a key log is bad. Lines have about 200 bytes; a pre-master secret of
    the largest Diffie-Hellman group (8,192 bits) makes one of 2,140."""
    max_skipped_records: int = 1024
    """Sequence numbers tried after a gap until one fits a record. A gap of 1 MiB holds 64
    full records; small ones (WebSocket messages of 100 bytes) come 10 to a packet."""

    # --- http
    max_head_bytes: int = 64 * KIB
    """Request line and fields. Apache allows 8 KiB a line, nginx 32 KiB in all."""
    max_early_bytes: int = 1 * MIB
    """Bytes a client may send after its upgrade request before the 101 is seen."""
    max_held_head_bytes_total: int = 64 * MIB
    """Unfinished headers, and rows kept until it is clear what they are, of all connections
    together; the connection that keeps some longest is handed on first."""
    max_pipelined: int = 1024
    """Requests on a connection that wait for their responses."""
    max_remembered_keys: int = 65_536
    """Values of Sec-WebSocket-Key remembered to see one used again; the oldest goes
    first. About 10 MB."""
    max_delivery_body_bytes: int = 256 * KIB
    """Content kept of one HTTP answer, or of a request's body, to find its messages; a longer
    one counts as one message. Answers that bring news are small: a chat's are below 1 KiB."""
    max_delivery_bytes_total: int = 64 * MIB
    """The same for all bodies in progress together."""
    max_deliveries: int = 4096
    """Messages of one HTTP exchange whose time and size are kept; further ones are counted."""
    max_held_exchanges: int = 4096
    """Exchanges that wait until it is known whether they are polls; the group that was used
    longest ago is decided first, on what was seen of it. About 5 kB each; each 64 messages of
    an exchange, and each 4 KiB of headers, count as one more."""
    max_group_exchanges: int = 64
    """Exchanges of one group before its kind is decided: enough to see an interval."""
    max_http_lanes: int = 16_384
    """Groups of requests for the same that are remembered; the one used longest ago goes
    first. About 1 kB each."""
    max_http_clients: int = 65_536
    """Client identities remembered; the one seen longest ago goes first, and gets a new
    number if it comes again."""
    max_http2_streams: int = 1024
    """Streams of one HTTP/2 connection at once, with those that wait for their last ACK:
    servers announce 100 to 250 as SETTINGS_MAX_CONCURRENT_STREAMS. 2 kB each, and 3 kB more
    for a WebSocket."""
    max_http2_frame_bytes: int = 64 * KIB
    """Payload kept of one HTTP/2 frame that is no DATA; a longer one is not read. Senders
    keep to 16 KiB unless the peer allows more."""
    max_http2_control_frames: int = 1000
    """SETTINGS, PING, RST_STREAM or PRIORITY frames of one sender within a second, before they
    are called a flood."""
    max_header_block_bytes: int = 64 * KIB
    """Header block of HTTP/2 with its CONTINUATIONs, as sent. A longer one is not decoded,
    and neither is one of 1,000 frames."""
    max_header_list_bytes: int = 256 * KIB
    """Fields of one HTTP/2 header section, decoded, with 32 bytes for each
    (SETTINGS_MAX_HEADER_LIST_SIZE):
    a block of 64 KiB can name 256 MiB."""
    max_hpack_table_bytes: int = 64 * KIB
    """HPACK's dynamic table, by direction. Chromium and Firefox announce 64 KiB, others keep
    to the default of 4 KiB."""

    # --- websocket
    max_pending_messages: int = 1024
    """Messages of one direction that wait for the ACK that completes their cost;
    the oldest leaves without it (a capture of one direction has no ACKs)."""
    max_message_bytes: int = 64 * MIB
    """Payload kept of one message when it must be kept (inflating, full payload)."""
    max_inflated_bytes: int = 64 * MIB
    """Output of one compressed message; the rest of a bomb is not inflated."""
    max_probe_bytes: int = 64 * KIB
    """Bytes of one direction searched for a frame boundary (a capture that starts in
    the middle of a connection, or resumes after a gap) before giving up on it."""
    max_probe_bytes_total: int = 64 * MIB
    """The same for all unknown connections together; the oldest is given up first."""
    resync_frames: int = 3
    """Frames that must follow each other without a fault before a boundary counts.
    Random bytes pass as one small valid unmasked header in about 1 of 50 places,
    so three in a row, each ending where the next begins, are 1 in 10^5, and the
    segment boundary rule on top makes it rarer still."""
    news_wait_s: float = 0.04
    """How long who watches a live run is not told of a message, for the ACK that completes its
    cost: Linux sends a delayed ACK after 40 ms. Tables are not changed by it."""
    max_pending_pings: int = 64
    """Pings of one direction that wait for their pong, or for their ACK."""
    max_names: int = 4_096
    """Names that clients look up, and addresses found for them, of which it is remembered when
    and by whom: DNS is small, and a connect follows its look-up within a second."""
    max_connect_attempts: int = 4_096
    """Servers (address and port) whose last connects are remembered, to find those that a client
    made before at other addresses of the same name."""
    max_leg_messages: int = 1024
    """Messages of a direction that wait for their like on the other leg of a conversation, the
    last ones: a hop hands a message on within its round trips."""
    leg_connect_s: float = 5.0
    """How long after the request before it a proxy opens the leg behind, at most: it connects when
    it is asked, or with the first message."""
    max_leg_candidates: int = 4
    """Connections that a new one is compared with by payload, those that opened next to it: a
    proxy opens the leg behind within milliseconds."""
    max_leg_pairs: int = 1_024
    """Pairs of connections that are compared so at one time: 30 kB each at most, as long as
    nobody knows whether they are legs."""
    max_stream_legs: int = 128
    """Streams of plain HTTP that wait for their other leg, the last ones that ended, and pairs of
    them; up to 150 kB each, with the marks of 1,024 messages."""
    max_early_legs: int = 1_024
    """Connections that opened lately among which the other leg of a new one is looked for."""
    max_early_messages: int = 16_384
    """Messages of those that are kept until the other leg opens, 250 bytes each."""
    max_undecided_messages: int = 16_384
    """Messages that are not counted yet, since it is not known whether another leg counts them."""
    max_path_connections: int = 16_384
    """Connections of a capture that are looked for in the other one, with their heads: 100 MB."""
    max_path_messages: int = 1_000_000
    """Messages of a capture that are looked for in the other one, the first ones: 250 MB."""
    max_handshakes_per_key: int = 8
    """Open connections of one Sec-WebSocket-Key among which the other leg of a new one is looked
    for, the last ones. A key is meant for one handshake, which passes few hops; a client that
    uses one for all its connections would make each compared with all others."""
    max_ping_intervals: int = 256
    """Intervals of a connection from which its `keepalive_s` is the median: a program that
    pings does so by a timer, so the first ones tell, and 2 KiB a connection hold them."""
    max_estimated_connections: int = 32
    """Connections on which it is estimated what permessage-deflate would save: the first
    whose client offered it in vain. Each takes two zlib contexts of 256 KiB."""
    max_estimated_messages: int = 2048
    """Messages deflated for that, all connections together: 10 microseconds each, 20 ms
    in all. The analysis of a million packets takes a good second."""
    max_estimated_bytes: int = 256 * KIB
    """Payload deflated for that, per direction: eight times zlib's window of 32 KiB,
    after which savings change no more unless the messages do."""
    max_estimated_bytes_total: int = 1 * MIB
    """The same for all connections together: 50 ms at zlib's 15 to 35 MB/s."""

    # --- inside
    inside: bool = True
    """Whether what messages say is read at all."""
    max_inside_bytes: int = 1 * MIB
    """Payload of one message that is read, and bytes kept of packets that are not whole. Socket.IO
    closes a connection at 1 MB of payload, SignalR at 32 KiB, by default."""
    inside_wait_messages: int = 1024
    """Messages whose rows wait until it is clear what their connection speaks: mostly the
    first of each. Beyond it the rows that wait longest leave, without what they say."""
    max_inside_wait_bytes: int = 16 * MIB
    """Payload of those messages, all together."""
    max_inside_names: int = 16_384
    """Different names (with kind and topic) that are counted by themselves. Further ones stand
    in their rows, and count as one. About 500 B each."""
    max_inside_calls: int = 1024
    """Calls of one connection that wait for an answer; the oldest is given up first. Clients
    rarely have more than some dozens under way. About 500 B each."""
    max_inside_sessions: int = 4096
    """Sessions of Engine.IO and SockJS over plain HTTP that are remembered; the one used longest
    ago goes first. About 3 kB each."""
    max_inside_topics: int = 4096
    """Topics of which publishers, subscribers and times are kept. Up to 40 kB each."""
    max_inside_subscriptions: int = 262_144
    """Publishers and subscribers of all topics together. About 100 B each."""
    max_inside_publications: int = 16_384
    """Publications of the last minute whose deliveries may still come. About 250 B each."""

    # --- alternatives
    alternatives: bool = True
    """Whether messages are compared with other transports at all."""
    poll_intervals_s: tuple[float, ...] = (1.0,)
    """Intervals of the modelled short polling, start to start."""
    long_poll_hold_s: float = 30.0
    """How long a modelled long poll is held without news: 20 to 60 s are common, below
    the time-outs of proxies."""
    keep_alive: bool = True
    """Modelled requests share a TCP connection; else each opens its own."""
    buffered: tuple[int, float] | None = None
    """Bytes and seconds for which a proxy holds a modelled stream back, whichever comes first; of
    infinite seconds until the buffer is full or the stream closes, as nginx does with 4 or 8 kB."""
    clients: tuple[int, ...] = ()
    """Numbers of clients for which `scaling` states rates."""
    max_compared_connections: int = 2048
    """Ended connections that wait for the end of the capture, since an exchange with the
    same host may still show real headers; when one more ends, they all get the headers of their
    own handshakes. 1.5 kB each."""
    max_observed_hosts: int = 4096
    """Hosts whose real exchanges provide headers for the model; those of further hosts do
    not. 1 kB each."""
    max_observed_head_bytes: int = 16 * MIB
    """Headers of real exchanges kept for HPACK, up to 16 of a host and kind; of further ones
    the mean size in HTTP/1.1 is known."""
    max_hpack_bytes: int = 4 * MIB
    """Header sections encoded for HTTP/2, each shape four times or real ones in their order;
    further ones are taken to shrink as these did. 0.1 to 0.9 microseconds a byte."""
    max_gzip_connections: int = 256
    """Connections whose payload is deflated to see what gzip would make of it; others take the
    mean of these. 300 kB each while they are open: zlib's window and hash chains. As many clients
    of plain HTTP, of which payload is kept until the capture ends."""
    max_gzip_bytes: int = 64 * 1024
    """Payload of the server that is deflated of each, of plain HTTP of each direction; zlib's
    window is half of that. The message that passes the limit is taken whole."""
    max_gzip_bytes_total: int = 2 * MIB
    """The same of all. Deflated three to four times over, at about 50 MB/s. Of plain HTTP as much,
    with bodies besides their messages about twice that."""
    max_gzip_messages: int = 512
    """The same in messages of each connection, and `max_gzip_messages_total` of all: a short
    message takes 60 us for all ways to carry it."""
    max_gzip_messages_total: int = 2048
    """A tenth of a second."""
    max_sessions: int = 1024
    """Sessions of plain HTTP that are compared; later ones are not."""
    max_session_messages: int = 16_384
    """Messages of plain HTTP kept until the capture ends, of one session and direction;
    100 bytes each. As many requests wait for their client to become known for a session."""
    max_calls_compared: int = 65_536
    """Plain requests that ask and are answered, kept until the capture ends to be compared with one
    WebSocket for each client; 200 bytes each."""
    max_session_connections: int = 16_384
    """Ended connections with HTTP whose counts are kept, the last ones. 3 kB each."""

    # --- diagnosis
    diagnosis: bool = True
    """Whether causes are looked for at all."""
    late_us: float = 20_000.0
    """A message held up for as long is late: a frame of a screen is 17 ms, voice notices 20."""
    idle_timeout_min_s: float = 2.0
    """Shorter silences and lives prove no timer: programs that are done pause as long."""
    same_time_share: float = 0.02
    """Silences count as equal within this share, or same_time_s: proxies check timers rarely."""
    same_time_s: float = 0.05
    """The same for short ones: a busy event loop runs its timers as late."""
    same_moment_s: float = 0.1
    """Ends closer together are one event: a server that stops ends a thousand in that time."""
    max_chance: float = 0.02
    """Silences that are equal by chance more often prove no timer; see docs/diagnosis.md."""
    long_silence_s: float = 25.0
    """After a shorter silence no flow was forgotten: firewalls and NATs take 30 s at least."""
    slow_handshake_s: float = 0.5
    """Handshakes that took as long are explained: people notice."""
    ping_wait_min_s: float = 1.0
    """A Ping that waited less long proves nothing: time-outs of libraries begin at 5 s."""
    nagle_messages: int = 3
    """Messages held up by delayed ACKs before it is a pattern: any connection has one or two."""
    unused_life_s: float = 1.0
    """A connection without a frame that lasted longer had time for one: it ended otherwise."""
    unused_connections: int = 3
    """Of them, where the handshake does not say why: fewer are port checks, or users who left."""
    slow_reader_s: float = 1.0
    """A closed window counts from here on: who reads empties a full buffer in milliseconds."""
    stall_s: float = 0.2
    """A server that answers nobody for as long is blocked: a path would show TCP's repetitions."""
    stall_connections: int = 3
    """Connections that must wait at once: two calls that end together are chance."""
    stall_together_s: float = 0.025
    """Answers within this, or a fifth of the wait, come together; so do questions within this."""
    stall_prompt_share: float = 0.7
    """Share of answers within a quarter of stall_s; below it, what follows may be no answer."""
    max_stall_sends: int = 262_144
    """Times of servers' messages kept until silences are judged; 16 bytes each."""
    max_stall_waits: int = 16_384
    """Slow answers kept for the same; the oldest goes first. 100 bytes each."""
    chatty_us: float = 10_000.0
    """Messages as close could go together: what a person sends or sees comes less often."""
    chatty_messages: int = 100
    """Such messages of one side of a connection before it is a habit."""
    chatty_bytes: int = 64 * KIB
    """Bytes of headers that going together would save before it is talked of."""
    buffered_messages: int = 10
    """Messages that a hop let go together with a later one before it is a habit."""
    buffered_share: float = 0.5
    """Their share of the messages of that direction: a hop that is busy does it now and then."""
    storm_connections: int = 5
    """Times that a client is thrown out in a row before it is a storm."""
    storm_life_s: float = 30.0
    """Connections that lasted longer are no storm, whoever ended them."""
    storm_wait_s: float = 60.0
    """A client that waits longer than this before it comes again has backed off."""
    waste_bytes: int = 4 * KIB
    """Bytes of one sender below which compression is not talked of: three packets."""
    waste_messages: int = 20
    """Messages made larger before it is a habit."""
    missed_share: float = 0.2
    """Part of payload that compression must save: it costs time and 256 KiB a connection."""
    slow_reply_s: float = 1.0
    """A reply that takes as long is slow: people lose their train of thought."""
    slow_reply_times: float = 10.0
    """The worst reply must take so many medians of its name: some calls are always slow."""
    slow_reply_calls: int = 10
    """Replies to calls of a name before one of them is unusual."""
    max_reply_names: int = 512
    """Names of calls whose replies are compared; those of further names are not. 33 kB each."""
    max_diagnosed_connections: int = 32_768
    """Ended and noted open connections that rules look at, the last ones. About 2.5 kB each."""
    max_diagnosed_attempts: int = 4096
    """Odd handshakes, loose findings, rows of small tables that rules look at. 2 kB each."""
    max_diagnoses: int = 100
    """Rows of `diagnoses`; those that cost least go first."""

    # --- anonymized captures
    max_anonymized_held_bytes: int = 32 * MIB
    """Bytes of a direction that wait for what comes before them, such as the end of a message over
    HTTP/2: beyond it, they become noise. One compressed message may have half of it; in TLS half
    as much again may wait, for keys."""
    max_anonymized_held_bytes_total: int = 256 * MIB
    """The same for all directions together; the one that holds most becomes noise first."""

    # --- tables
    series_every_s: float = 1.0
    """Length of an interval of `series`."""
    max_series_rows: int = 100_000
    """Intervals of `series`: a day and a bit in seconds; over a longer time they become longer,
    twice, four times as long and so on. Up to 1 kB each."""
    max_series_delays: int = 1 << 20
    """Delays kept for the medians of `series`; of more, counts in classes of 1.1 % are. 8 MiB."""
    findings_per_connection: int = 10
    """Rows of one kind of finding per connection; further ones are counted."""
    max_http_groups: int = 4096
    """Groups of deliveries counted at once, for `http_groups`; the row of the one that got an
    exchange longest ago leaves first. At most 30 kB each."""
    max_samples: int = 262_144
    """Values kept for each median of the summary; of more, every second, fourth. 8 bytes each."""
    max_failed_connects: int = 65_536
    """Failed TCP connects remembered for the handshake table."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            OptionError: a number of the model of other transports is out of range.
        """
        ranges.seconds("--interval (poll_intervals_s)", self.poll_intervals_s)
        ranges.interval("--hold (long_poll_hold_s)", self.long_poll_hold_s)
        ranges.interval("--every (series_every_s)", self.series_every_s)
        ranges.buffer("--buffered (buffered)", self.buffered)
        ranges.idle("--idle (max_idle_s)", self.max_idle_s)
        ranges.clients("--clients (clients)", self.clients)


DEFAULT = Options()
