"""Columns of bodies in gzip, of connections and of their total."""

import math

import numpy as np
import pytest

from analyzer.alternatives.gzip_rows import DEFLATE, GzipSum, append_gzip
from analyzer.alternatives.gzip_rows import GZIP as GZIP_CODING
from analyzer.columns import NULL
from analyzer.tables.schema import ALTERNATIVES

OURS = {"application_bytes": np.array([100.0, 0.0]), "wire_bytes": np.array([200.0, 0.0])}
PLAIN = {"application_bytes": np.array([400.0, 50.0]), "wire_bytes": np.array([800.0, 90.0])}
PLAIN["packets"] = np.array([9.0, 4.0])
GZIP = {
    "application_bytes": np.array([150.4, np.nan]),
    "wire_bytes": np.array([500.0, np.nan]),
    "packets": np.array([6.4, np.nan]),
    "error": np.array([3.0, np.nan]),
}


def columns():
    return {column.name: [] for column in ALTERNATIVES.columns}


def test_rows():
    made = columns()
    append_gzip(made, GZIP, OURS)
    assert made["content_encoding"][0].tolist() == [0, -1]
    assert made["gzip_application_bytes"][0].tolist() == [150, NULL]
    assert made["gzip_wire_bytes"][0].tolist() == [500, NULL]
    assert made["gzip_packets"][0].tolist() == [6, NULL]
    assert made["gzip_ratio_wire"][0][0] == pytest.approx(2.5)
    assert np.isnan(made["gzip_ratio_wire"][0][1])
    assert made["gzip_error_bytes"][0][0] == 3


def test_of_a_transport_without_bodies_all_is_null():
    made = columns()
    append_gzip(made, {}, OURS)
    assert made["content_encoding"][0].tolist() == [-1, -1]
    assert made["gzip_wire_bytes"][0].tolist() == [NULL, NULL]
    total = GzipSum()
    total.add({}, PLAIN, OURS)
    cells = total.columns(GZIP_CODING)
    assert (cells["content_encoding"], cells["gzip_wire_bytes"]) == (-1, NULL)
    assert math.isnan(cells["gzip_ratio_wire"])


def test_in_a_total_what_is_not_known_stays_plain():
    total = GzipSum()
    total.add(GZIP, PLAIN, OURS)
    cells = total.columns(GZIP_CODING)
    assert cells["gzip_application_bytes"] == round(150.4 + 50)
    assert cells["gzip_wire_bytes"] == 500 + 90
    assert cells["gzip_packets"] == round(6.4 + 4)
    assert cells["gzip_ratio_wire"] == pytest.approx(590 / 200)
    assert cells["gzip_error_bytes"] == 3


def test_a_websocket_says_that_it_deflates():
    made = columns()
    append_gzip(made, GZIP, OURS, DEFLATE)
    codings = next(each for each in ALTERNATIVES.columns if each.name == "content_encoding").labels
    assert [codings[code] for code in made["content_encoding"][0][:1]] == ["permessage-deflate"]
