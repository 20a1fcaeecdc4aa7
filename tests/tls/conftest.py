"""Sessions that several tests read."""

from __future__ import annotations

import pytest
from oracle.tls_sessions import WITHOUT_ENCRYPT_THEN_MAC, V, spoken


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def talk13(folder):
    return spoken(folder)


@pytest.fixture(scope="module")
def talk12(folder):
    return spoken(folder, V.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256")


@pytest.fixture(scope="module")
def talk_cbc(folder):
    return spoken(folder, V.TLSv1_2, "AES128-SHA256", WITHOUT_ENCRYPT_THEN_MAC)


@pytest.fixture(scope="module")
def talk10(folder):
    return spoken(folder, V.TLSv1, "AES128-SHA")
