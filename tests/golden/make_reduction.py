#!/usr/bin/env python3
"""Writes tests/golden/reduction/pca.data: vectors and what a PCA makes of them, by NumPy's eigh, not with the library. Little-endian:

  int32 count, dim, kept
  float32 vectors [count][dim]
  float64 covariance [dim][dim], eigenvalues [dim] (largest first), directions [kept][dim] (the largest coordinate positive)
  float32 mean [dim], then kept vectors [count][kept] four times: as they come out, scaled to unit length, whitened, both

Needs NumPy. Usage: make_reduction.py [FOLDER]
"""
import pathlib
import sys

import numpy as np

COUNT, DIM, KEPT = 90, 21, 6


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "reduction")
    random = np.random.default_rng(5)
    spread = random.standard_normal((COUNT, DIM)) * 0.8 ** np.arange(DIM)  # eigenvalues well apart: directions are well defined
    turned = spread @ np.linalg.qr(random.standard_normal((DIM, DIM)))[0] + random.standard_normal(DIM)
    vectors = unit(turned).astype("<f4")
    mean = vectors.astype(np.float64).mean(axis=0).astype("<f4")
    centred = (vectors - mean).astype(np.float64)
    covariance = centred.T @ centred / COUNT
    values, directions = np.linalg.eigh(covariance)
    values, directions = values[::-1], directions.T[::-1][:KEPT]
    largest = directions[np.arange(KEPT), np.abs(directions).argmax(axis=1)]
    directions = directions * np.sign(largest)[:, None]
    plain = centred @ directions.T
    white = plain / np.sqrt(values[:KEPT])
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "pca.data", "wb") as file:
        np.array([COUNT, DIM, KEPT], "<i4").tofile(file)
        vectors.tofile(file)
        for block in (covariance, values, directions):
            np.ascontiguousarray(block, "<f8").tofile(file)
        mean.tofile(file)
        for block in (plain, unit(plain), white, unit(white)):
            np.ascontiguousarray(block, "<f4").tofile(file)


if __name__ == "__main__":
    main()
