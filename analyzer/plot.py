"""Pictures of an analysis with matplotlib (extra `[plot]`): rates, delays, sizes, handshakes.

    >>> from analyzer import plot
    >>> plot.rate(analyzer.analyze("capture.pcapng")).figure.savefig("rate.png")

Each takes an analysis, or tables that were read back, and an Axes to draw on (default: a new one),
and returns the Axes. Colours are those of Okabe and Ito, which the colour-blind can tell apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from analyzer.errors import OptionError
from analyzer.tables.schema import LEDGER_PARTS

if TYPE_CHECKING:
    from analyzer.analysis import Tables

CLIENT, SERVER, OTHER = "#0072B2", "#D55E00", "#009E73"
_PARTS: Final = {
    "dns_us": ("look-up", "#CC79A7"),
    "attempts_us": ("failed attempts", "#999999"),
    "tcp_us": ("TCP", "#56B4E9"),
    "tls_us": ("TLS", "#009E73"),
    "idle_us": ("client between", "#F0E442"),
    "upgrade_us": ("request to 101", "#D55E00"),
}
MOST_HANDSHAKES: Final = 40
"""Lines that a picture has room for; the slowest are shown."""


def rate(tables: Tables, ax: Any = None) -> Any:
    """Draw messages by second (or Options.series_every_s), the server's below the line.

    Args:
        tables: an analysis; uses `series`.
        ax: matplotlib Axes.

    Raises:
        OptionError: matplotlib is not installed.
    """
    ax = _axes(ax)
    series = tables.series
    width = series["seconds"] / 86_400  # matplotlib counts days
    for side, sign, color in (("client", 1, CLIENT), ("server", -1, SERVER)):
        counts = sign * series[f"{side}_messages"].astype("int64")
        ax.bar(series["second"], counts, width, color=color, label=side, align="edge")
    ax.axhline(0, color="black", linewidth=0.5)
    ax.set_ylabel("messages by interval")
    if ax.patches:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        # Full times of day would overlap: the date once, of each tick what differs.
        locator = AutoDateLocator()
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        ax.legend()
    return ax


def delays(tables: Tables, ax: Any = None) -> Any:
    """Draw which share of deliveries, pings and calls took at most so long.

    Args:
        tables: an analysis; uses `messages`, `pings` and `calls`.
        ax: matplotlib Axes.

    Raises:
        OptionError: matplotlib is not installed.
    """
    ax = _axes(ax)
    drawn = (
        ("delivery", tables.messages["delivery_us"], CLIENT),
        ("ping", tables.pings["rtt_us"], OTHER),
        ("call", tables.calls["reply_us"], SERVER),
    )
    for name, values, color in drawn:
        some = values.dropna().sort_values()
        some = some[some > 0]
        if len(some):
            share = [(place + 1) / len(some) for place in range(len(some))]
            ax.step(some / 1000, share, where="post", label=f"{name} ({len(some):,})", color=color)
    ax.set(xscale="log", xlabel="ms", ylabel="share", ylim=(0, 1.02))
    if ax.lines:
        ax.legend()
    return ax


def sizes(tables: Tables, ax: Any = None) -> Any:
    """Draw how many messages have which payload, by powers of two.

    Args:
        tables: an analysis; uses `messages`.
        ax: matplotlib Axes.

    Raises:
        OptionError: matplotlib is not installed.
    """
    ax = _axes(ax)
    messages = tables.messages
    known = messages[messages["payload_bytes"].notna()]
    sides = [
        known.loc[known["direction"] == side, "payload_bytes"].astype("int64")
        for side in ("client", "server")
    ]
    most = max((int(each.max()) for each in sides if len(each)), default=1)
    edges = [0, *(2**power for power in range(most.bit_length() + 1))]
    ax.hist(sides, bins=edges, color=[CLIENT, SERVER], label=["client", "server"])
    ax.set_xscale("symlog", base=2, linthresh=1)
    ax.set(xlabel="payload in bytes", ylabel="messages")
    ax.legend()
    return ax


def handshakes(tables: Tables, ax: Any = None) -> Any:
    """Draw the parts of the slowest opening handshakes, one line each.

    Args:
        tables: an analysis; uses `handshakes`.
        ax: matplotlib Axes.

    Raises:
        OptionError: matplotlib is not installed.
    """
    ax = _axes(ax)
    rows = tables.handshakes
    parts = rows[list(_PARTS)].fillna(0.0) / 1000
    order = parts.sum(axis=1).nlargest(MOST_HANDSHAKES).index[::-1]
    parts, labels = parts.loc[order], rows.loc[order, "handshake"].astype(str).tolist()
    left = parts.iloc[:, 0] * 0
    for column, (name, color) in _PARTS.items():
        if parts[column].any():
            ax.barh(labels, parts[column], left=left, label=name, color=color)
        left = left + parts[column]
    ax.set(xlabel="ms", ylabel="handshake")
    if ax.patches:
        ax.legend()
    return ax


def ledger(tables: Tables, ax: Any = None) -> Any:
    """Draw where the bytes of the WebSocket connections went, both directions together.

    Other connections are left out, as in the report.

    Args:
        tables: an analysis; uses `ledger`.
        ax: matplotlib Axes.

    Raises:
        OptionError: matplotlib is not installed.
    """
    ax = _axes(ax)
    rows = tables.ledger.dropna(subset=["connection"])
    sums = rows[list(LEDGER_PARTS)].sum().astype("int64").sort_values()
    sums = sums[sums > 0]
    labels = [name.removesuffix("_bytes").replace("_", " ") for name in sums.index]
    ax.barh(labels, sums, color=CLIENT)
    ax.set_xlabel("bytes")
    return ax


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise OptionError("pictures need matplotlib", hint="pip install matplotlib") from error
    # Without pyplot: no window, no global state.
    return Figure(figsize=(8, 4.5), layout="constrained").subplots()
