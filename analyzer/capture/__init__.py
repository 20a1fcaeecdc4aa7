"""Capture: from files, pipes and interfaces to records."""
