#!/usr/bin/env python3
"""Writes tests/golden/index/format0.rtvi and format0_empty.rtvi by the specification in docs/formats.md, not with the library.

Needs NumPy and libxxhash (for XXH3-64 through ctypes). Usage: make_index.py [FOLDER]
"""
import ctypes
import ctypes.util
import pathlib
import struct
import sys

import numpy as np

MAGIC = b"\x89RTVIX\r\n"
HEADER, ENTRY, ALIGN = 64, 32, 64

xxhash = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
xxhash.XXH3_64bits.restype = ctypes.c_uint64
xxhash.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def checksum(data):
    return xxhash.XXH3_64bits(data, len(data))


def texts(strings):
    encoded = [s.encode() for s in strings]
    offsets = np.cumsum([0] + [len(e) for e in encoded])
    return [offsets.astype("<u8").tobytes(), b"".join(encoded)]


def index_file(fingerprint, model, ids, classes, predicted, keys, class_names, predicted_names, vectors):
    sections = [fingerprint.encode(), model.encode(), np.array(ids, "<i8").tobytes(), np.array(classes, "<i4").tobytes(),
                np.array(predicted, "<i4").tobytes(), *texts(keys), *texts(class_names), *texts(predicted_names),
                vectors.astype("<f4").tobytes()]
    offset = HEADER + ENTRY * len(sections)
    table, body = b"", b""
    for kind, data in enumerate(sections, 1):
        gap = -offset % ALIGN
        offset += gap
        table += struct.pack("<QQQQ", kind, offset, len(data), checksum(data))
        body += b"\0" * gap + data
        offset += len(data)

    def header(total):
        return struct.pack("<8sIIIIQQQ16x", MAGIC, 0, 1, vectors.shape[1], len(sections), len(ids), offset, total)

    return header(checksum(header(0) + table)) + table + body


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "index")
    folder.mkdir(parents=True, exist_ok=True)
    vectors = np.array([[(i * 5 + j) % 7 - 3 + 0.25 * j for j in range(5)] for i in range(6)])
    (folder / "format0.rtvi").write_bytes(index_file(
        "0123456789abcdef" * 4, "toy SG", [0, 7, 3, 1 << 40, 12, 13], [0, 1, 1, -1, 2, 0], [5, -1, 5, 0, 5, 1],
        ["birds/a.jpg", "birds/\u00e4 b.png", "", "x", "", "\U0001f600"], ["ant", "bee", "cat"], ["zero", "", "two"], vectors))
    (folder / "format0_empty.rtvi").write_bytes(index_file("", "", [], [], [], [], [], [], np.zeros((0, 3))))


main()
