"""Name look-ups seen in the capture: DNS over UDP and TCP (RFC 1035)."""
