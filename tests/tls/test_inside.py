"""What is kept of a decrypted session."""

from analyzer.columns import NULL
from analyzer.tls.inside import Unwrapped


def test_a_session_is_open_once_a_record_of_either_side_was_read():
    session = Unwrapped(0, None)
    assert not session.is_open
    assert session.finished == session.first_data == [NULL, NULL]
    session.records[1] = 1
    assert session.is_open
    # Each session has lists of its own.
    assert not Unwrapped(0, None).is_open
