"""Outcomes and layers can be told apart, and each outcome is counted under a name."""

from analyzer.packets import decode, layers


def test_outcomes_are_below_all_layers():
    outcomes = set(decode._LABELS) | {layers.SEGMENT, layers.OTHER}
    assert outcomes == set(range(layers.OUTCOMES))
    assert layers.OUTCOMES <= layers.LAYERS


def test_layers_are_distinct():
    names = ("ETHERNET", "IPV4", "IPV6", "TCP", "UDP_HEADER", "GRE", "MPLS", "PPP", "RAW_IP")
    values = [getattr(layers, name) for name in (*names, "ETHERIP", "PPPOE")]
    assert len(set(values)) == len(values)
    assert min(values) >= layers.LAYERS
