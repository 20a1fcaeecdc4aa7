"""What a finding is, and a kind of finding.

The kinds themselves are in analyzer.findings, which re-exports this.
"""

from __future__ import annotations

from typing import Final

from analyzer.lazy_dataclass import dataclass

INFO: Final = "info"
NOTE: Final = "note"
WARNING: Final = "warning"
ERROR: Final = "error"
SEVERITIES: Final = (INFO, NOTE, WARNING, ERROR)
"""From harmless to grave. error: a rule (MUST) broken or data lost; warning: likely a
problem; note: worth knowing when something else is wrong; info: plain fact."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of finding.

    Attributes:
        code: its place in KINDS, for kernels.
        id: stable, in kebab case, its first word the stage.
        severity: one of SEVERITIES.
        rfc: document and section of the rule, or "".
        text: a sentence; `{detail}` is replaced by the finding's detail.
        has_culprit: one of the two ends is at fault, or has done what the sentence says;
            False where the capture lacks bytes, or a limit was reached.
        none: the sentence where the detail is 0, if it differs.
        one: the sentence where the detail is 1, if it differs.
        total: the sentence for several connections together; `{detail}` is replaced by the sum,
            `{where}` by "on N connections". "" where details are not added up.
    """

    code: int
    id: str
    severity: str
    rfc: str
    text: str
    has_culprit: bool = True
    one: str = ""
    total: str = ""
    none: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One oddity.

    Attributes:
        kind: what it is.
        slot: the TCP connection's slot, or -1 where it concerns no connection.
        packet: number in the capture; 0 where no packet is to blame.
        frame: WebSocket frame number in its connection, of a row in `frames`; -1 where none.
        detail: replaces `{detail}` in the kind's text.
        count: how many cases this one represents.
        direction: who is at fault, 2 * slot + side; -1 where neither is, or it is not known.
        rfc: document and section, where the rule is another than the kind's; else "".
    """

    kind: Kind
    slot: int = -1
    packet: int = 0
    frame: int = -1
    detail: str | int = ""
    count: int = 1
    direction: int = -1
    rfc: str = ""

    @property
    def text(self) -> str:
        """The sentence, with its detail."""
        if self.kind.one and self.detail in (1, "1"):
            return self.kind.one
        if self.kind.none and self.detail in (0, "0"):
            return self.kind.none
        return self.kind.text.replace("{detail}", str(self.detail))


KINDS: list[Kind] = []
BY_ID: dict[str, Kind] = {}


def kind_of(
    id_: str,
    severity: str,
    rfc: str,
    text: str,
    *,
    has_culprit: bool = True,
    one: str = "",
    total: str = "",
    none: str = "",
) -> Kind:
    """Declare a kind."""
    kind = Kind(len(KINDS), id_, severity, rfc, text, has_culprit, one, total, none)
    KINDS.append(kind)
    BY_ID[id_] = kind
    return kind
