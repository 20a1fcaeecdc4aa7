"""Values of labels: templates of paths, and which values are frequent."""

import random

import pytest

from analyzer.report.label_values import (
    HALF_LIFE_NS,
    MAX_CHILDREN,
    MAX_PLACES,
    MostFrequent,
    Templates,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/chat", "/chat"),
        ("/room/17", "/room/*"),
        ("/room/17/users?token=x", "/room/*/users"),
        ("/v1/ws", "/v1/ws"),
        ("/socket.io/", "/socket.io/"),
        ("/echo/550e8400-e29b-41d4-a716-446655440000", "/echo/*"),
        ("/sockjs/123/ab3xk9q2zt8w/websocket", "/sockjs/*/*/websocket"),
        ("/d41d8cd98f00b204", "/*"),
        ("/", "/"),
        ("", ""),
        ("*", "*"),
        ("/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/*"),
        ("/" + "x" * 200, "/*"),
    ],
)
def test_templates(path, expected):
    assert Templates().of(path) == expected


def test_names_without_end_are_ids():
    templates = Templates()
    made = [templates.of(f"/room/{name}") for name in ("ada", "bob", "eve")]
    assert made == ["/room/ada", "/room/bob", "/room/eve"]
    many = {templates.of(f"/room/x{chr(97 + n // 26)}{chr(97 + n % 26)}") for n in range(100)}
    assert len(many) <= MAX_CHILDREN + 1
    assert templates.of("/room/ada") == "/room/*"
    assert templates.of("/other/ada") == "/other/ada"


def test_memory_is_bounded_by_places():
    templates = Templates()
    names = random.Random(1)
    for _ in range(20 * MAX_PLACES):
        templates.of("/".join(["", *("".join(names.choices("abcdef", k=4)) for _ in range(4))]))
    assert len(templates._children) <= MAX_PLACES


def test_the_first_have_labels_until_there_are_too_many():
    seen = MostFrequent(2)
    assert [seen.take(name) for name in "aab"] == [(True, None)] * 3
    assert seen.take("c") == (False, None)
    assert not seen.has_label("c")


def test_who_is_twice_as_frequent_takes_the_rarest_ones_label():
    seen = MostFrequent(2)
    seen.take("a", 10)
    seen.take("b", 3)
    answers = [seen.take("c") for _ in range(7)]
    assert answers == [(False, None)] * 6 + [(True, "b")]
    # And b must be twice as frequent again.
    assert seen.take("b") == (False, None)


def test_what_was_frequent_makes_room():
    seen = MostFrequent(1)
    seen.tick(0)
    seen.take("old", 1000)
    for step in range(1, 12):
        seen.tick(step * HALF_LIFE_NS)
    assert seen.take("new", 2) == (True, "old")


def test_candidates_are_bounded():
    seen = MostFrequent(3)
    for number in range(10_000):
        seen.take(number)
    assert len(seen._own) == 3
    assert len(seen._others) <= 30
