#!/usr/bin/env python3
"""bench_python_overhead.py - what a search in 1,000 items costs from Python above C. Usage: bench_python_overhead.py BUILD

The same search in the same index, in turns: bench_call in C, the raw call over ctypes, Index.search, and Index.search with its arrays taken.
The index is small and narrow, so that the search itself takes little; the differences are medians over the rounds.
"""

import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BUILD = Path(sys.argv[1]).resolve()
os.environ.setdefault("LIBRETRIEVE", str(BUILD / "lib/libretrieve.so"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bindings/python/src"))

from libretrieve import Index, _ffi, _library  # noqa: E402
from libretrieve.results import HIT  # noqa: E402

ITEMS, DIM, K, CALLS, ROUNDS = 1000, 16, 10, 500, 41


def per_call(function):
    """Nanoseconds."""
    start = time.perf_counter_ns()
    for _ in range(CALLS):
        function()
    return (time.perf_counter_ns() - start) / CALLS


def main():
    query = (np.arange(DIM) % 7 / 7).astype(np.float32).reshape(1, DIM)
    index = Index.create(DIM)
    index.add(None, np.random.default_rng(1).standard_normal((ITEMS, DIM)).astype(np.float32))
    hits, counts, error = np.empty((1, K), HIT), np.empty(1, np.int64), _ffi.rtv_error()
    raw = (index._owned.address, query.ctypes.data, 1, K, None, hits.ctypes.data, counts.ctypes.data, ctypes.byref(error))
    ways = {
        "ctypes alone": lambda: _library.lib.rtv_index_search(*raw),
        "Index.search": lambda: index.search(query, K),
        "ids, scores = Index.search": lambda: tuple(index.search(query, K)),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "index")
        index.save(path)
        program = [str(BUILD / "benchmarks/bench_call"), path, str(DIM)]
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as child:

            def in_c():
                child.stdin.write(f"{CALLS}\n")
                return float(child.stdout.readline())

            rounds = [(in_c(), *(per_call(way) for way in ways.values())) for _ in range(ROUNDS)]
            child.stdin.close()
    print(f"{ITEMS} items of {DIM}, one query, k = {K}; Python {sys.version.split()[0]}, NumPy {np.__version__}")
    print(f"{'C':28} {statistics.median(row[0] for row in rounds) / 1000:6.2f} us")
    for number, name in enumerate(ways, 1):
        took = statistics.median(row[number] for row in rounds) / 1000
        above = statistics.median(row[number] - row[0] for row in rounds) / 1000
        print(f"{name:28} {took:6.2f} us, {above:5.2f} above C")


if __name__ == "__main__":
    main()
