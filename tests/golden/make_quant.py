#!/usr/bin/env python3
"""Writes quant/params.txt and quant/rounding.txt: the formulas of quantization in NumPy, for test_quant_params.c and test_quant_weights.c.

A line: what it is, whole numbers, then float32 bits in hexadecimal. The formulas are those of NNCF's fake_quantize.py (symmetric_range,
asymmetric_range, tune_range), of OpenVINO's FakeQuantize, and of GPTQ's algorithm (arXiv 2210.17323, with the inverse written out), in
float32 or float64 as they have it. Needs NumPy. Usage: make_quant.py [FOLDER]"""
import pathlib
import sys

import numpy as np

F = np.float32
random = np.random.default_rng(20)


def bits(values):
    return " ".join(f"{b:08x}" for b in np.asarray(values, F).ravel().view(np.uint32))


# --- parameters ---

def fake(x, lo, hi, levels):
    inner = np.round((x - lo) / (hi - lo) * F(levels - 1)) / F(levels - 1) * (hi - lo) + lo
    return np.where(x <= lo, lo, np.where(x > hi, hi, inner)).astype(F)


def tune(lo, hi, num_bits):
    high = 2**num_bits - 1
    s = F(high) / (hi - lo)
    q = np.round(-lo * s)
    ra = q / (q - F(high)) * hi if q < high else lo
    rb = (q - F(high)) / q * lo if q > 0 else hi
    return (ra, hi) if hi - ra > rb - lo else (lo, rb)


def asymmetric(lo, hi, num_bits):
    if hi - lo <= F(8e-4):
        lo, hi = lo - F(8e-4), hi + F(8e-4)
    return tune(min(lo, F(0)), max(hi, F(0)), num_bits)


def symmetric(lo, hi, num_bits):
    levels = F(2**num_bits)
    high = max(abs(lo), abs(hi), F(8e-5))
    return (F(0) if lo >= 0 else -high * levels / (levels - F(2)), high)


def highs(weights, per_tensor):
    m = np.abs(weights).max(1)
    high = np.maximum(m, max(F(0.01) * m.max(), F(8e-5)))
    return np.full_like(high, max(m.max(), F(8e-5))) if per_tensor else high


def fake_weights(weights, scheme, num_bits):
    per_tensor, is_asymmetric = scheme % 2 == 1, scheme >= 2
    if not is_asymmetric:
        return np.stack([fake(row, -h, h, 2**num_bits - 1) for row, h in zip(weights, highs(weights, per_tensor))])
    ranges = [asymmetric(weights.min(), weights.max(), num_bits)] * len(weights) if per_tensor else [
        asymmetric(row.min(), row.max(), num_bits) for row in weights]
    return np.stack([fake(row, lo, hi, 2**num_bits) for row, (lo, hi) in zip(weights, ranges)])


def write_params(file):
    ranges = [(0, 1), (-1, 1), (-0.1, 3), (-3, 0.1), (2, 3), (-3, -2), (0, 0), (-1e-4, 2e-4), (0, 8e-4), (-4e-4, 4e-4), (1e-5, 1e-5),
              (-1, 254), (-254, 1), (-2.117904, 2.64), (-1e-6, 6), (-1e30, 1e30)]
    ranges += [tuple(np.sort(random.normal(size=2) * 10.0**random.integers(-3, 3))) for _ in range(60)]
    for lo, hi in ranges:
        lo, hi = F(lo), F(hi)
        for num_bits in (8, 4, 2):
            a, b = asymmetric(lo, hi, num_bits)
            scale = (b - a) / F(2**num_bits - 1)
            zero = int(np.clip(-np.round(a / scale), 0, 2**num_bits - 1))
            print("asymmetric", num_bits, zero, bits([lo, hi, a, b, scale]), file=file)
            print("symmetric", num_bits, 0, bits([lo, hi, *symmetric(lo, hi, num_bits)]), file=file)
    for _ in range(300):
        lo, hi = np.sort(random.normal(size=2)).astype(F)
        x = F(random.normal() * 2)
        levels = int(random.choice([3, 4, 15, 16, 127, 255, 256]))
        print("fake", levels, 0, bits([lo, hi, x, fake(x, lo, hi, levels)]), file=file)
    weights = (random.normal(size=(5, 12)) * np.array([[1], [0.3], [0.001], [0], [2]])).astype(F)
    print("weights", 5, 12, bits(weights), file=file)
    for per_tensor in (0, 1):
        print("highs", per_tensor, 0, bits(highs(weights, per_tensor)), file=file)
    for scheme in range(4):
        for num_bits in range(2, 9):
            print("schemes", scheme, num_bits, bits(fake_weights(weights, scheme, num_bits)), file=file)


# --- rounding ---

def nearest(weights, limit):
    scale = highs(weights, False) / F(limit)
    return np.clip(np.round(weights / scale[:, None]), -limit, limit).astype(int), scale


def gptq(weights, moments, damping, limit):
    """Columns in order; the error of each pushed onto those after it through the inverse of what is left of H."""
    scale = highs(weights, False) / F(limit)
    work = (weights / scale[:, None]).astype(np.float64)
    n = len(moments)
    inverse = np.linalg.inv(moments + damping * np.mean(np.diag(moments)) * np.eye(n))
    codes = np.zeros(weights.shape, int)
    for i in range(n):
        codes[:, i] = np.clip(np.round(work[:, i]), -limit, limit)
        error = (work[:, i] - codes[:, i]) / inverse[i, i]
        work -= np.outer(error, inverse[i])
        inverse -= np.outer(inverse[:, i], inverse[i]) / inverse[i, i]
        inverse[i, :] = inverse[:, i] = 0
        inverse[i, i] = 1
    return codes


def write_rounding(file):
    outputs, inputs, samples = 6, 16, 64
    weights = random.normal(size=(outputs, inputs)).astype(F)
    print("weights", outputs, inputs, bits(weights), file=file)
    codes, scale = nearest(weights, 127)
    print("nearest", 127, 0, " ".join(map(str, codes.ravel())), file=file)
    print("scales", 127, 0, bits(scale), file=file)
    print("nearest", 64, 0, " ".join(map(str, nearest(weights, 64)[0].ravel())), file=file)
    x = np.clip(np.round(random.normal(size=(samples, 4)) @ random.normal(size=(4, inputs)) * 20 + random.normal(size=(samples, inputs)) * 8 + 60),
                0, 255)
    print("inputs", samples, inputs, " ".join(str(int(v)) for v in x.ravel()), file=file)
    moments = x.T @ x / samples
    print("moments", 0, 0, bits(np.tril(moments)), file=file)
    centered = moments - np.outer(x.mean(0), x.mean(0))
    print("moments", 1, 0, bits(np.tril(centered)), file=file)
    print("gptq", 0, 0, " ".join(map(str, gptq(weights, moments, 0.01, 127).ravel())), file=file)
    print("gptq", 1, 0, " ".join(map(str, gptq(weights, centered, 0.01, 127).ravel())), file=file)


folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "quant")
folder.mkdir(exist_ok=True)
with open(folder / "params.txt", "w") as out:
    write_params(out)
with open(folder / "rounding.txt", "w") as out:
    write_rounding(out)
