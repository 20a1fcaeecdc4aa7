"""What connections share: keys, numbers, who has left."""

from analyzer.http.collector import Results
from analyzer.options import Options


def note(results, key, time=100) -> bool:
    used = results.was_used(key, time)
    results.note_key(key)
    return used


def test_key_counts_as_used_once_it_was_answered():
    results = Results(Options())
    assert not note(results, "a")
    assert not note(results, "a")
    results.answered("a", 99)
    assert note(results, "a")
    results.answered(None, 99)
    results.answered("never asked", 99)


def test_a_key_in_a_request_from_before_the_answer_is_the_same_handshake():
    # A proxy's other leg, of which the request is read late.
    results = Results(Options())
    note(results, "a")
    results.answered("a", 99)
    assert not note(results, "a", 98)


def test_keys_are_bounded_and_the_oldest_goes_first():
    results = Results(Options(max_remembered_keys=2))
    for key in "abc":
        note(results, key)
        results.answered(key, 99)
    assert not note(results, "a")
    assert note(results, "c")


def test_numbers_and_leaving():
    results = Results(Options())
    assert [results.next_handshake(), results.next_handshake()] == [0, 1]
    results.reserve(4)
    results.leave(1, search=True)
    assert results.handed_on.tolist()[:4] == [False, False, True, True]
    assert results.searched.tolist()[:4] == [False, False, True, True]
    results.reserve(6)
    results.stay(1)
    assert not results.handed_on.any()
    assert len(results.http_bytes) >= 6
