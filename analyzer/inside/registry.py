"""All inner protocols, in the order in which they are tried.

A protocol is one file and one line here. Knows their names alone. Used by inside.recognition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analyzer.inside import (
    action_cable,
    any_json,
    cdp,
    centrifugo,
    ddp,
    engine_io,
    graphql,
    home_assistant,
    json_rpc,
    jupyter,
    kubernetes,
    mqtt,
    ocpp,
    phoenix,
    pusher,
    signalr,
    sip,
    sockjs,
    stomp,
    tunnels,
    wamp,
    xmpp,
)
from analyzer.inside.item import Protocol

PROTOCOLS: Final[Sequence[Protocol]] = (
    engine_io.BY_PATH,
    engine_io.PROTOCOL,
    stomp.PROTOCOL,
    mqtt.PROTOCOL,
    signalr.PROTOCOL,
    wamp.PROTOCOL,
    graphql.PROTOCOL,
    json_rpc.PROTOCOL,
    cdp.BY_PATH,
    cdp.PROTOCOL,
    phoenix.BY_PATH,
    phoenix.PROTOCOL,
    action_cable.PROTOCOL,
    pusher.BY_PATH,
    pusher.PROTOCOL,
    centrifugo.PROTOCOL,
    ocpp.BY_PATH,
    ocpp.PROTOCOL,
    jupyter.PROTOCOL,
    kubernetes.PROTOCOL,
    sip.PROTOCOL,
    xmpp.PROTOCOL,
    ddp.PROTOCOL,
    home_assistant.PROTOCOL,
    *tunnels.PROTOCOLS,
    sockjs.PROTOCOL,
)
"""What is clearest comes first."""

JOINED: Final[Sequence[Protocol]] = tuple(
    each.in_the_middle() for each in PROTOCOLS if each.middle is not None or not each.needs_path
)
"""The same for connections whose beginning was not captured, so that no path names one."""

GENERIC: Final[Protocol] = any_json.PROTOCOL
"""What reads any JSON, where nothing better fits."""
