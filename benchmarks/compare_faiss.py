#!/usr/bin/env python3
"""Exact search: libretrieve and faiss-cpu's flat index on the same vectors, in turns in one process.

    compare_faiss.py --build build [--threads 2] [--isa any|avx2|avx512|vnni] [--rounds 7] [--leave-one-out]

Printed: milliseconds for each query (medians) of 1, 64 and 1024 queries together, top 10 of 60,502 x 1536, and the ratio round by round; the same for
faiss's 8-bit scalar quantizer, which is approximate; what faiss finds differently (its scores are rounded otherwise). With
--leave-one-out the published evaluation job besides: 60,502 x 1024 in 11,316 classes, every item against all others: lists of 10 by
libretrieve and by faiss (extrapolated from 2,048 queries), and ranks by counting. Needs faiss-cpu and numpy."""
import argparse
import ctypes
import os
import statistics
import subprocess
import tempfile
import time

import faiss
import numpy

from clustered import clustered

K = 10
ISAS = {"any": 1000, "scalar": 10, "avx2": 20, "avx512": 30, "vnni": 40}


class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("threads", ctypes.c_int32), ("max_isa", ctypes.c_int32), ("onednn_quiet", ctypes.c_int32),
                ("allocator", ctypes.c_void_p), ("log", ctypes.c_void_p), ("log_user", ctypes.c_void_p), ("log_level", ctypes.c_int32),
                ("reserved", ctypes.c_int32)]


class Items(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("reserved", ctypes.c_int32), ("vectors", ctypes.c_void_p), ("ids", ctypes.c_void_p),
                ("keys", ctypes.c_void_p), ("classes", ctypes.c_void_p), ("predicted", ctypes.c_void_p)]


HIT = numpy.dtype([("id", "<i8"), ("score", "<f4"), ("class_id", "<i4")])


class Library:
    """The few functions that are measured."""

    def __init__(self, build, threads, isa):
        self.c = ctypes.CDLL(os.path.join(build, "lib", "libretrieve.so"))
        self.runtime, options = ctypes.c_void_p(), Options()
        self.c.rtv_runtime_options_init_sized(ctypes.byref(options), ctypes.sizeof(options))
        options.threads, options.max_isa = threads, isa
        self.check(self.c.rtv_runtime_create(ctypes.byref(options), ctypes.byref(self.runtime), None))

    @staticmethod
    def check(status):
        if status != 0:
            raise RuntimeError(f"status {status}")

    def index(self, x, labels):
        index = ctypes.c_void_p()
        self.check(self.c.rtv_index_create(x.shape[1], self.runtime, ctypes.byref(index), None))
        items = Items(ctypes.sizeof(Items), 0, x.ctypes.data, None, None, labels.ctypes.data, None)
        self.check(self.c.rtv_index_add(index, ctypes.byref(items), ctypes.c_int64(len(x)), None))
        return index

    def search(self, index, queries):
        hits, num = numpy.empty((len(queries), K), HIT), numpy.empty(len(queries), numpy.int64)
        self.check(self.c.rtv_index_search(index, queries.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(len(queries)), ctypes.c_int64(K), None,
                                           hits.ctypes.data_as(ctypes.c_void_p), num.ctypes.data_as(ctypes.c_void_p), None))
        return hits

    def neighbors(self, index, count):
        ids, hits, num = numpy.empty(count, numpy.int64), numpy.empty((count, K), HIT), numpy.empty(count, numpy.int64)
        got = ctypes.c_int64()
        self.check(self.c.rtv_index_neighbors(index, ctypes.c_int64(K), None, ids.ctypes.data_as(ctypes.c_void_p),
                                              hits.ctypes.data_as(ctypes.c_void_p), num.ctypes.data_as(ctypes.c_void_p),
                                              ctypes.c_int64(count), ctypes.byref(got), None))
        return hits


def timed(run):
    time.sleep(0.02)  # threads of the one before fall asleep
    start = time.perf_counter()
    result = run()
    return 1e3 * (time.perf_counter() - start), result


def in_turns(rounds, **runs):
    """Milliseconds by name, one list entry a round; and the last results."""
    times, results = {name: [] for name in runs}, {}
    for name, run in runs.items():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            ms, results[name] = timed(run)
            times[name].append(ms)
    return times, results


def ratio(times, name, against):
    return statistics.median(a / b for a, b in zip(times[name], times[against]))


def search(library, rounds):
    x, labels = clustered(60502 + 1024, 1536, 11316)
    x, queries = x[:60502], x[60502:]
    flat, quantizer = faiss.IndexFlatIP(1536), faiss.IndexScalarQuantizer(1536, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    ms, index = timed(lambda: library.index(x, labels))
    ms_faiss, _ = timed(lambda: flat.add(x))
    quantizer.train(x[:10000])
    quantizer.add(x)
    print(f"adding 60,502 x 1536: {ms:.0f} ms, faiss {ms_faiss:.0f} ms, times {ms / ms_faiss:.2f}")
    print("queries  libretrieve      faiss flat  times faster       faiss SQ8  times faster  other ids than faiss flat")
    for count in (1, 8, 64, 256, 1024):
        q = numpy.ascontiguousarray(queries[:count])
        runs = {"ours": lambda: library.search(index, q), "flat": lambda: flat.search(q, K)}
        if count <= 64:
            runs["sq8"] = lambda: quantizer.search(q, K)
        times, results = in_turns(rounds if count <= 64 else 3, **runs)
        each = {name: statistics.median(values) / count for name, values in times.items()}
        other = (results["ours"]["id"] != results["flat"][1]).mean()
        sq8 = f"{each['sq8']:11.3f} ms  {ratio(times, 'sq8', 'ours'):12.1f}" if "sq8" in each else " " * 28
        print(f"{count:7}  {each['ours']:8.3f} ms  {each['flat']:11.3f} ms  {ratio(times, 'flat', 'ours'):12.1f}  {sq8}  {100 * other:.3f} %",
              flush=True)


def leave_one_out(library, build, threads, isa):
    x, labels = clustered(60502, 1024, 11316)
    index, flat = library.index(x, labels), faiss.IndexFlatIP(1024)
    flat.add(x)
    library.search(index, x[:64])
    ms, hits = timed(lambda: library.neighbors(index, len(x)))
    ms_faiss, (_, ids) = timed(lambda: flat.search(x[:2048], K + 1))
    ms_faiss *= len(x) / 2048
    same = (ids[:, 1:] == hits["id"][:2048]).mean()
    print(f"leave-one-out, 60,502 x 1024, all lists of 10: {ms / 1e3:.2f} s, faiss about {ms_faiss / 1e3:.0f} s, times faster {ms_faiss / ms:.1f}; "
          f"{100 * same:.2f} % of the ids are faiss's")
    with tempfile.TemporaryDirectory() as folder:
        x.tofile(os.path.join(folder, "vectors"))
        labels.tofile(os.path.join(folder, "classes"))
        line = subprocess.run([os.path.join(build, "benchmarks", "bench_ranks"), os.path.join(folder, "vectors"), "1024",
                               os.path.join(folder, "classes"), str(threads), str(ISAS[isa])], check=True, capture_output=True, text=True).stdout
    print(f"ranks of the relevant items by counting: {line.strip()}; faiss's search alone / this: {ms_faiss / 1e3 / float(line.split()[0]):.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--isa", choices=ISAS, default="any")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--leave-one-out", action="store_true")
    args = parser.parse_args()
    faiss.omp_set_num_threads(args.threads)
    library = Library(args.build, args.threads, ISAS[args.isa])
    print(f"libretrieve capped to {args.isa}, faiss-cpu {faiss.__version__} uncapped, {args.threads} threads")
    if args.leave_one_out:
        leave_one_out(library, args.build, args.threads, args.isa)
    else:
        search(library, args.rounds)


if __name__ == "__main__":
    main()
