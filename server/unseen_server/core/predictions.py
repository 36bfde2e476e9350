"""The prediction file: one grammar, a fast path for a clean file, and a careful path that explains a bad one."""

from __future__ import annotations

from unseen_server.core.careful_path import read_carefully
from unseen_server.core.containers import unpack
from unseen_server.core.expected import Expected, canonical_order
from unseen_server.core.fast_path import read_quickly
from unseen_server.core.metrics import Floats

__all__ = ["Expected", "canonical_order", "read_predictions"]


def read_predictions(data: bytes, file_name: str, expected: Expected) -> Floats:
    """The predictions in `data`, float64 (n_test,), aligned to the canonical order of the test ids.

    Raises UnsupportedFile for a name that is neither .csv, .csv.gz nor .zip, FileTooLarge above `expected.max_bytes`
    after unpacking, and BadFile with every problem found. Nothing here ever sees a label.
    """
    text = unpack(data, file_name, expected.max_bytes)
    predictions = read_quickly(text, expected)
    return read_carefully(text, expected) if predictions is None else predictions
