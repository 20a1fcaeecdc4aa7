"""Captures of OCPP 1.6 and 2.0.1: a charge point and its central system, by the package ocpp."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ocpp
import recording
import websockets
from asked import asked
from ocpp.routing import on
from ocpp.v16 import ChargePoint as Point16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import ChargePoint as Point201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from said import Said, Watched
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

PORT = 9026
INNER = "ocpp"
KINDS = {2: "CALL", 3: "CALLRESULT", 4: "CALLERROR"}


def now() -> str:
    return datetime.now(UTC).isoformat()


class Told(Watched):
    """A connection that also logs kind, id and action of each message it sends."""

    def __init__(self, end: Any, who: str, log: Said, actions: dict[str, str]) -> None:
        super().__init__(end, who, log)
        self.actions = actions

    async def send(self, data: str | bytes) -> None:
        number, unique_id, *rest = json.loads(data)
        if number == 2:
            self.actions[unique_id] = rest[0]
        name = self.actions.get(unique_id)
        kind = "heartbeat" if name == "Heartbeat" else KINDS[number]
        self.log.say(self.port, self.who, INNER, kind, name, id=unique_id)
        await super().send(data)


class Central16(Point16):
    @on("BootNotification")
    def boot(self, **_: Any) -> Any:
        return result16.BootNotification(current_time=now(), interval=10, status="Accepted")

    @on("Heartbeat")
    def beat(self) -> Any:
        return result16.Heartbeat(current_time=now())

    @on("Authorize")
    async def authorize(self, **_: Any) -> Any:
        await asyncio.sleep(0.06)
        return result16.Authorize(id_tag_info={"status": "Accepted"})

    @on("StartTransaction")
    def start_transaction(self, **_: Any) -> Any:
        return result16.StartTransaction(transaction_id=7, id_tag_info={"status": "Accepted"})

    @on("MeterValues")
    def meter(self, **_: Any) -> Any:
        return result16.MeterValues()


class Charger16(Point16):
    @on("Reset")
    async def reset(self, **_: Any) -> Any:
        await asyncio.sleep(0.03)
        return result16.Reset(status="Accepted")


class Central201(Point201):
    @on("BootNotification")
    def boot(self, **_: Any) -> Any:
        return result201.BootNotification(current_time=now(), interval=10, status="Accepted")

    @on("Heartbeat")
    def beat(self) -> Any:
        return result201.Heartbeat(current_time=now())

    @on("Authorize")
    async def authorize(self, **_: Any) -> Any:
        await asyncio.sleep(0.06)
        return result201.Authorize(id_token_info={"status": "Accepted"})

    @on("TransactionEvent")
    def transaction(self, **_: Any) -> Any:
        return result201.TransactionEvent()


class Charger201(Point201):
    @on("Reset")
    async def reset(self, **_: Any) -> Any:
        await asyncio.sleep(0.03)
        return result201.Reset(status="Accepted")


METER = [{"timestamp": "2026-11-28T12:00:00Z", "sampledValue": [{"value": "11000"}]}]
SEEN = "2026-11-28T12:00:00Z"
TALKS: dict[str, tuple[Any, Any, list[Any], Any]] = {
    "ocpp1.6": (
        Central16,
        Charger16,
        [
            call16.BootNotification(charge_point_model="M1", charge_point_vendor="Maker"),
            call16.Heartbeat(),
            call16.Authorize(id_tag="s3cret-tag"),
            call16.StartTransaction(
                connector_id=1, id_tag="s3cret-tag", meter_start=10, timestamp=SEEN
            ),
            *[
                call16.MeterValues(connector_id=1, transaction_id=7, meter_value=METER)
                for _ in range(3)
            ],
            # Nothing answers this: CALLERROR NotImplemented.
            call16.StopTransaction(meter_stop=90, timestamp=SEEN, transaction_id=7),
            call16.Heartbeat(),
        ],
        call16.Reset(type="Soft"),
    ),
    "ocpp2.0.1": (
        Central201,
        Charger201,
        [
            call201.BootNotification(
                charging_station={"model": "M2", "vendorName": "Maker"}, reason="PowerUp"
            ),
            call201.Heartbeat(),
            call201.Authorize(id_token={"idToken": "s3cret-tag", "type": "ISO14443"}),
            *[
                call201.TransactionEvent(
                    event_type="Updated",
                    timestamp=SEEN,
                    trigger_reason="MeterValuePeriodic",
                    seq_no=number,
                    transaction_info={"transactionId": "t7"},
                )
                for number in range(3)
            ],
            # Nothing answers this: CALLERROR NotImplemented.
            call201.LogStatusNotification(status="Uploaded"),
            call201.Heartbeat(),
        ],
        call201.Reset(type="Immediate"),
    ),
}


async def talk(version: str, log: Said) -> None:
    central, charger, calls, command = TALKS[version]
    actions: dict[str, str] = {}

    async def ask(point: Any, end: Told, payload: Any) -> None:
        name = type(payload).__name__
        await log.call(end.port, end.who, INNER, name, point.call(payload, suppress=False))

    async def handle(connection: ServerConnection) -> None:
        end = Told(connection, "server", log, actions)
        system = central("CP-1", end)
        listening = asyncio.create_task(system.start())
        await asyncio.sleep(0.3)
        await ask(system, end, command)
        with contextlib.suppress(websockets.ConnectionClosed):
            await listening

    async with serve(handle, "127.0.0.1", PORT, subprotocols=[version], compression=None):
        url = f"ws://127.0.0.1:{PORT}/ocpp/CP-1"
        async with connect(url, subprotocols=[version], compression=None) as connection:
            end = Told(connection, "client", log, actions)
            point = charger("CP-1", end)
            listening = asyncio.create_task(point.start())
            for payload in calls:
                await ask(point, end, payload)
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.5)
            listening.cancel()
            await end.close(1000, "")


def main() -> None:
    asked(__doc__)
    recording.isolate()
    programs = [f"Python ocpp {ocpp_version()}", f"Python websockets {websockets.__version__}"]
    with tempfile.TemporaryDirectory() as folder:
        for version in TALKS:
            path = Path(folder) / (version.replace(".", "").replace("ocpp", "ocpp-") + ".pcap")
            log = Said()
            with recording.capture(path):
                asyncio.run(talk(version, log))
            recording.publish(
                path,
                path.name,
                description=f"OCPP {version.removeprefix('ocpp')}: calls of the charge point and"
                " of the central system, a CALLERROR, heart-beats",
                generator="inside_ocpp.py",
                programs=programs,
                events=log.events,
            )


def ocpp_version() -> str:
    from importlib.metadata import version

    assert ocpp
    return version("ocpp")


if __name__ == "__main__":
    main()
