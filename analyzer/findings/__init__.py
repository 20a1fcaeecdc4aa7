"""Every finding: a stable id, a severity, the rule it breaks, and a sentence.

A finding is an oddity seen in traffic or in a capture file. Ids are stable: scripts filter on
them. Each stage has a file of its own here. A stage makes a finding with `Finding(findings.KIND,
...)`; only the tables stage turns findings into rows and counts floods of one kind.
"""

from analyzer.findings.capture import *
from analyzer.findings.compared import *
from analyzer.findings.deflate import *
from analyzer.findings.diagnosis import *
from analyzer.findings.handshake import *
from analyzer.findings.http import *
from analyzer.findings.http2 import *
from analyzer.findings.inside import *
from analyzer.findings.kinds import BY_ID as BY_ID
from analyzer.findings.kinds import ERROR as ERROR
from analyzer.findings.kinds import INFO as INFO
from analyzer.findings.kinds import KINDS as KINDS
from analyzer.findings.kinds import NOTE as NOTE
from analyzer.findings.kinds import SEVERITIES as SEVERITIES
from analyzer.findings.kinds import WARNING as WARNING
from analyzer.findings.kinds import Finding as Finding
from analyzer.findings.kinds import Kind as Kind
from analyzer.findings.names import *
from analyzer.findings.packets import *
from analyzer.findings.tcp import *
from analyzer.findings.tls import *
from analyzer.findings.websocket import *
