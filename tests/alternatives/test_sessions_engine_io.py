"""Sessions of Engine.IO: its own packets are frames over its WebSocket."""

from alternatives.test_sessions import batch, ended, exchange, post

from analyzer.alternatives.lanes import POSTS, PUSHES


def test_packets_of_engine_io_are_frames_over_websocket():
    """Open, ping and pong, and a type before each message; what closes a poll is polling's own."""
    io = {"kind": "long-poll", "transport": "engine.io"}
    polls = [
        exchange(0, carried=[110], **io),
        exchange(100, news=[20], carried=[21, 1], **io),
        exchange(200, carried=[], **io),
    ]
    posts = [
        post(150, sent=(30,), carried_up=[31], transport="engine.io"),
        post(160, sent=(), carried_up=[1], transport="engine.io"),
        post(300, sent=(), transport="engine.io"),
    ]
    found = ended(batch([*polls, *posts], [0]))
    (lanes,) = found.lanes
    assert (lanes["messages"][PUSHES], lanes["payload_bytes"][PUSHES]) == (3, 132)
    assert (lanes["messages"][POSTS], lanes["payload_bytes"][POSTS]) == (2, 32)
    # The POST that closes brings nothing, and was a request all the same.
    assert found.measured["requests"] == 6


def test_posts_without_messages_that_wait_are_bounded():
    some = [post(number, sent=(), transport="engine.io") for number in range(9)]
    poll = exchange(50, kind="long-poll")
    found = ended(batch([*some, poll], [0]), max_session_messages=4)
    assert found.measured["requests"] == 1 + 4
