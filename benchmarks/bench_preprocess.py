"""Compares bench_preprocess with Pillow, NumPy: first the bytes, then the time, the two taking turns on every picture.

    python3 bench_preprocess.py bytes BENCH_PREPROCESS DATA    every file of DATA/caltech101, 160x160 and 224x224
    python3 bench_preprocess.py time BENCH_PREPROCESS DATA     400 of them, and 12 megapixels with fast_decode against draft()

BENCH_PREPROCESS is the program built from bench_preprocess.c. Needs Pillow 13.0.0 and NumPy. Exit status: 0 fine, 1 not, 77 without data.
"""
import glob
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

ANY_ISA, PLAIN_C, SQUASH = 100, 1, 1
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


class Tool:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, command, path, size, fast=0, isa=ANY_ISA):
        self.process.stdin.write(f"{command} {size} {size} {SQUASH} 0 0 {fast} {isa} {path}\n".encode())
        self.process.stdin.flush()
        line = self.process.stdout.readline().decode().strip()
        if line.startswith("error"):
            raise SystemExit(f"{path}: {line}")
        return line

    def pixels(self, path, size, **options):
        width, height = map(int, self.ask("pixels", path, size, **options).split())
        return np.frombuffer(self.process.stdout.read(width * height * 3), np.uint8).reshape(height, width, 3)

    def milliseconds(self, path, size, **options):
        return int(self.ask("time", path, size, **options)) / 1e6


def pillow_pixels(path, size, draft=False):
    image = Image.open(path)
    if draft:
        image.draft("RGB", (2 * size, 2 * size))
    return image.convert("RGB").resize((size, size), Image.BILINEAR)


def pillow_milliseconds(path, size, draft=False):
    before = time.perf_counter()
    values = (np.asarray(pillow_pixels(path, size, draft)).astype(np.float32) / np.float32(255) - MEAN) / STD
    np.ascontiguousarray(values.transpose(2, 0, 1))
    return (time.perf_counter() - before) * 1e3


def compare_bytes(tool, files):
    wrong = 0
    for path in files:
        for size, isa in ((160, ANY_ISA), (160, PLAIN_C), (224, ANY_ISA)):
            if not np.array_equal(tool.pixels(path, size, isa=isa), np.asarray(pillow_pixels(path, size))):
                print(f"{path} at {size}x{size} differs (instruction set {isa})")
                wrong += 1
    print(f"bytes: {len(files)} files at 160x160 (best and plain C) and 224x224, {wrong} differ from Pillow")
    return wrong == 0


def compare_times(tool, name, files, size, limit, rounds=5, **options):
    """The best of some rounds for every file; a ratio of sums, so that large pictures count for more."""
    ours, theirs = [], []
    for path in files:
        pairs = [(tool.milliseconds(path, size, fast=int(options.get("draft", False))), pillow_milliseconds(path, size, **options)) for _ in range(rounds)]
        ours.append(min(p[0] for p in pairs))
        theirs.append(min(p[1] for p in pairs))
    ratio = sum(ours) / sum(theirs)
    print(f"{name}: {statistics.mean(ours):.3f} ms a picture, Pillow and NumPy {statistics.mean(theirs):.3f}, ratio {ratio:.3f} (wanted <= {limit})")
    return ratio <= limit


def twelve_megapixels(files, folder):
    """A wall of Caltech pictures, 4000 x 3000, as a camera would save it."""
    wall = Image.new("RGB", (4000, 3000))
    for i, path in enumerate(files[:80]):
        wall.paste(Image.open(path).convert("RGB").resize((400, 375), Image.BICUBIC), (i % 10 * 400, i // 10 * 375))
    paths = []
    for name, options in (("quality 90, 4:2:0", {"quality": 90}), ("quality 75, 4:2:0", {"quality": 75}), ("quality 90, progressive", {"quality": 90, "progressive": True})):
        paths.append((name, os.path.join(folder, f"{len(paths)}.jpg")))
        wall.save(paths[-1][1], "JPEG", **options)
    return paths


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("bytes", "time"):
        raise SystemExit(__doc__)
    files = sorted(glob.glob(os.path.join(sys.argv[3], "caltech101", "*", "*.jpg")))
    if not files:
        print(f"SKIPPED: no caltech101/*/*.jpg in {sys.argv[3]}")
        sys.exit(77)
    tool = Tool(sys.argv[2])
    if sys.argv[1] == "bytes":
        sys.exit(0 if compare_bytes(tool, files) else 1)
    fine = True
    for size in (160, 224):
        fine &= compare_times(tool, f"Caltech-101 at {size}x{size}", files[:: max(1, len(files) // 400)], size, 0.8)
    with tempfile.TemporaryDirectory() as folder:
        for name, path in twelve_megapixels(files[::40], folder):
            fine &= compare_times(tool, f"12 megapixels, {name}, at 224x224", [path], 224, 0.8, rounds=3)
            fine &= compare_times(tool, f"12 megapixels, {name}, fast_decode and draft, at 224x224", [path], 224, 1.2, rounds=7, draft=True)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
