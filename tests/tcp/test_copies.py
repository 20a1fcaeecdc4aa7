"""Copies of packets: what is remembered belongs to a connection, whatever slot it has."""

from oracle.streams import ACK, Outcome, segment


def test_a_packet_is_no_copy_of_one_of_another_connection_that_had_its_slot():
    def quiet(port, **more):
        about = {"ack": 997, "flags": ACK, "identity": 0, "strong": 0, "window": 0, **more}
        return segment(0, about.pop("seq", 997), b"", port=port, **about)

    again = {"seq": 0, "ack": 0, "identity": 1}
    traffic = [*[quiet(1)] * 4, quiet(2, **again), quiet(3), *[quiet(1)] * 3, quiet(2)]
    traffic.append(quiet(2, **again, strong=1))
    options = {"max_connections": 2, "lost_after_segments": 3}
    whole = Outcome(traffic, **options)
    # Slots are free again at the end of a batch.
    for size in range(1, 6):
        assert Outcome(traffic, [2, size], **options).rows == whole.rows
