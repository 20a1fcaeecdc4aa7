"""OCPP-J: charging stations, versions 1.6, 2.0.1 and 2.1.

Source: OCPP-J 1.6 and 2.0.1 Specification, section 4 ("RPC framework"): `[2, id, action,
payload]`, `[3, id, payload]`, `[4, id, code, description, details]`; 2.1 adds CALLRESULTERROR (5)
and SEND (6). Knows one connection's messages.
"""

from __future__ import annotations

from typing import Final

from analyzer.inside.item import Item
from analyzer.inside.json_text import elements, name_of
from analyzer.inside.protocol import ASK, HEARTBEAT, REPLY, REPLY_ERROR, Decoder, Setting

INNER: Final = "ocpp"

_KINDS: Final = {
    b"2": "CALL",
    b"3": "CALLRESULT",
    b"4": "CALLERROR",
    b"5": "CALLRESULTERROR",
    b"6": "SEND",
}
_LENGTHS: Final = {"CALL": 4, "CALLRESULT": 3, "CALLERROR": 5, "CALLRESULTERROR": 5, "SEND": 4}
_MAX_HEARTBEATS: Final = 16
"""Heartbeats of which the answer is still due."""


class Ocpp(Decoder):
    """Reads one connection."""

    inner = INNER

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._beats: dict[tuple[int, str], None] = {}

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        read = _read(payload)
        if read is None:
            return None
        kind, id_, action = read
        if kind in ("CALL", "SEND"):
            item = Item(kind, action, id_)
            if kind == "CALL":
                item.role, item.key = ASK, id_
            if action == "Heartbeat":
                item.kind = HEARTBEAT
                self._beats[sender, id_] = None
                if len(self._beats) > _MAX_HEARTBEATS:
                    del self._beats[next(iter(self._beats))]
            return [item]
        if kind == "CALLRESULTERROR":
            return [Item(kind, None, None, id_)]  # says that an answer was not understood
        role = REPLY if kind == "CALLRESULT" else REPLY_ERROR
        if (1 - sender, id_) in self._beats:
            del self._beats[1 - sender, id_]
            kind = HEARTBEAT
        return [Item(kind, None, None, id_, None, role, id_)]


def _read(payload: bytes) -> tuple[str, str, str | None] | None:
    """Return kind, id and action; None if it is no message of OCPP."""
    parts = elements(payload) if payload[:1] == b"[" else None
    if parts is None or len(parts) < 3:
        return None
    kind = _KINDS.get(bytes(parts[0]))
    id_ = name_of(parts[1])
    if kind is None or id_ is None or len(parts) != _LENGTHS[kind]:
        return None
    if bytes(parts[-1])[:1] != b"{":
        return None
    action = name_of(parts[2]) if kind in ("CALL", "SEND") else None
    return None if kind in ("CALL", "SEND") and action is None else (kind, id_, action)


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message has the shape, where path or subprotocol speak of OCPP."""
    return _read(payload) is not None


_ACTIONS: Final = {
    # 1.6, with its security extension.
    *("Authorize", "BootNotification", "CancelReservation", "CertificateSigned"),
    *("ChangeAvailability", "ChangeConfiguration", "ClearCache", "ClearChargingProfile"),
    *("DataTransfer", "DeleteCertificate", "DiagnosticsStatusNotification"),
    *("ExtendedTriggerMessage", "FirmwareStatusNotification", "GetCompositeSchedule"),
    *("GetConfiguration", "GetDiagnostics", "GetInstalledCertificateIds", "GetLocalListVersion"),
    *("GetLog", "Heartbeat", "InstallCertificate", "LogStatusNotification", "MeterValues"),
    *("RemoteStartTransaction", "RemoteStopTransaction", "ReserveNow", "Reset"),
    *("SecurityEventNotification", "SendLocalList", "SetChargingProfile", "SignCertificate"),
    *("SignedFirmwareStatusNotification", "SignedUpdateFirmware", "StartTransaction"),
    *("StatusNotification", "StopTransaction", "TriggerMessage", "UnlockConnector"),
    "UpdateFirmware",
    # Added by 2.0.1.
    *("ClearDisplayMessage", "ClearVariableMonitoring", "ClearedChargingLimit", "CostUpdated"),
    *("CustomerInformation", "Get15118EVCertificate", "GetBaseReport", "GetCertificateStatus"),
    *("GetChargingProfiles", "GetDisplayMessages", "GetMonitoringReport", "GetReport"),
    *("GetTransactionStatus", "GetVariables", "NotifyChargingLimit", "NotifyCustomerInformation"),
    *("NotifyDisplayMessages", "NotifyEVChargingNeeds", "NotifyEVChargingSchedule"),
    *("NotifyEvent", "NotifyMonitoringReport", "NotifyReport", "PublishFirmware"),
    *("PublishFirmwareStatusNotification", "ReportChargingProfiles", "RequestStartTransaction"),
    *("RequestStopTransaction", "ReservationStatusUpdate", "SetDisplayMessage"),
    *("SetMonitoringBase", "SetMonitoringLevel", "SetNetworkProfile", "SetVariableMonitoring"),
    *("SetVariables", "TransactionEvent", "UnpublishFirmware"),
}


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is a CALL of an action that the specifications have."""
    read = _read(payload)
    return read is not None and read[2] in _ACTIONS


"""Central systems do not have to name the subprotocol, nor do paths."""
