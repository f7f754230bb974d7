#!/usr/bin/env python3
"""Writes tests/golden/exchange: the same five vectors as faiss, NumPy and the public CGD code write them; or checks what the library wrote.

Needs NumPy, faiss-cpu and PyTorch. Usage: make_exchange.py [FOLDER]
       make_exchange.py --check RETRIEVE WORK_FOLDER   (exports with the program, reads with faiss and NumPy, and the other way round)
"""
import pathlib
import subprocess
import sys

import faiss
import numpy as np
import torch

VECTORS = np.array([[(i * 3 + j) % 7 - 3 + 0.25 * j for j in range(3)] for i in range(5)], np.float32)
IDS = np.array([10, 3, 1 << 40, 7, 8], np.int64)
NAMES = ["data/a.jpg", "data/b.jpg", "data/\u00e4.jpg", "data/d.jpg", "data/e.jpg"]
LABELS = [4, 4, 0, 1, 1]


def fvecs(matrix, dtype):
    rows = np.empty((len(matrix), matrix.shape[1] + 1), dtype)
    rows[:, 1:] = matrix
    rows.view(np.int32)[:, 0] = matrix.shape[1]
    return rows.tobytes()


def id_map():
    index = faiss.IndexIDMap(faiss.IndexFlatIP(3))
    index.add_with_ids(VECTORS, IDS)
    return index


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    flat = faiss.IndexFlatIP(3)
    flat.add(VECTORS)
    faiss.write_index(flat, str(folder / "flat.faiss"))
    faiss.write_index(id_map(), str(folder / "ids.faiss"))
    other = faiss.IndexFlatL2(3)
    other.add(VECTORS)
    faiss.write_index(other, str(folder / "l2.faiss"))
    for dtype in (np.float32, np.float16, np.float64):
        np.save(folder / f"{np.dtype(dtype).name}.npy", VECTORS.astype(dtype))
    np.save(folder / "columns.npy", np.asfortranarray(VECTORS))
    np.save(folder / "one.npy", VECTORS[0])
    (folder / "a.fvecs").write_bytes(fvecs(VECTORS, np.float32))
    (folder / "a.ivecs").write_bytes(fvecs(np.round(VECTORS * 4).astype(np.int32), np.int32))
    features = torch.from_numpy(VECTORS)
    base = {"test_images": NAMES[:2], "test_labels": LABELS[:2], "test_features": features[:2],
            "gallery_images": NAMES, "gallery_labels": LABELS, "gallery_features": features}
    torch.save(base, folder / "cgd_data_base.pth")
    torch.save(base, folder / "cgd_data_base_old.pth", _use_new_zipfile_serialization=False)


def check(retrieve, work):
    def run(*args):
        subprocess.run([retrieve, *map(str, args)], check=True)

    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((1000, 48)).astype(np.float32)
    ids = rng.permutation(5000)[:1000]
    index = faiss.IndexIDMap(faiss.IndexFlatIP(48))
    index.add_with_ids(vectors, ids)
    faiss.write_index(index, str(work / "in.faiss"))
    run("import", work / "in.faiss", "-o", work / "a.rtvx")
    run("export", work / "a.rtvx", work / "out.faiss", "--with-ids")
    assert (work / "in.faiss").read_bytes() == (work / "out.faiss").read_bytes()
    back = faiss.read_index(str(work / "out.faiss"))
    assert (faiss.vector_to_array(back.id_map) == ids).all()
    assert (back.index.reconstruct_n(0, 1000) == vectors).all()
    run("export", work / "a.rtvx", work / "flat.faiss")
    assert (faiss.read_index(str(work / "flat.faiss")).reconstruct_n(0, 1000) == vectors).all()
    run("export", work / "a.rtvx", work / "out.npy")
    assert (np.load(work / "out.npy") == vectors).all()
    run("export", work / "a.rtvx", work / "out.fvecs")
    assert (work / "out.fvecs").read_bytes() == fvecs(vectors, np.float32)
    print("faiss", faiss.__version__, "and NumPy", np.__version__, "agree in both directions")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        check(sys.argv[2], pathlib.Path(sys.argv[3]))
    else:
        make(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "exchange")
