"""What the operator is told at once."""

import io

from analyzer.findings import BY_ID, CAPTURE_DROPS, CAPTURE_INTERFACE_DOWN, TCP_LOST, Finding
from analyzer.options import Options
from analyzer.report.notices import SAID, Notices
from analyzer.tables.finding_log import FindingLog
from analyzer.tables.schema import CONNECTIONS, TableRows


def test_findings_of_the_capture_are_said_once_each():
    log, file = FindingLog(Options()), io.StringIO()
    notices = Notices(file)
    log.add(
        [
            Finding(CAPTURE_INTERFACE_DOWN, detail="eth0\x1b[2J"),
            Finding(TCP_LOST, detail=5),
            Finding(CAPTURE_DROPS, detail="3 of 9 so far"),
        ],
        {},
    )
    notices.write(log.take())
    notices.write(TableRows(CONNECTIONS, {}, 0))
    notices.close()
    one, two = file.getvalue().splitlines()
    assert one.startswith("wsanalyze: The interface went down or away")
    assert "\x1b" not in one
    assert two.endswith("3 of 9 so far.")


def test_ids_exist():
    assert set(BY_ID) >= SAID
