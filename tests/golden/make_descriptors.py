#!/usr/bin/env python3
"""Writes descriptors/: what PyTorch and Pillow make of pictures with the embedded model, for test_descriptors.c.

    make_descriptors.py [FOLDER/caltech101]

descriptors/embedded.txt  class scores and descriptors of pictures of the project's own gallery
descriptors/caltech.txt   descriptors of 50 Caltech-101 pictures at 160x160 (only with the folder)
A line: the file, the predicted class, its probability, then the 1536 floats in hexadecimal. Needs torch, numpy, Pillow, safetensors."""
import os
import sys

import numpy
import torch
from safetensors.torch import load_file

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "benchmarks"))
import compare_pytorch  # noqa: E402

MODEL = os.path.join(ROOT, "examples", "models", "cgd-resnet50-sg.safetensors")
GALLERY = ["examples/gallery/anchor/noto.png", "examples/gallery/koala/twemoji.png"]


def embedded_model():
    model = compare_pytorch.CgdResNet50(1536, 99)
    missing = model.load_state_dict({name: value.float() for name, value in load_file(MODEL).items()}, strict=False)
    assert not missing.unexpected_keys and all(key.endswith("num_batches_tracked") for key in missing.missing_keys)
    return model.eval()


def write(model, root, files, out):
    with open(out, "w") as file, torch.inference_mode():
        for name in files:
            descriptor, logits = model(compare_pytorch.preprocess(os.path.join(root, name), 160)[None])
            probability, best = logits[0].softmax(0).max(0)
            values = descriptor[0].numpy().astype("<f4").view(numpy.uint32)
            file.write(f"{name} {int(best)} {float(probability):.6f} " + " ".join(f"{value:08x}" for value in values) + "\n")


def main():
    model, folder = embedded_model(), os.path.join(HERE, "descriptors")
    os.makedirs(folder, exist_ok=True)
    write(model, ROOT, GALLERY, os.path.join(folder, "embedded.txt"))
    if len(sys.argv) > 1:
        paths, _ = compare_pytorch.evaluation_half(sys.argv[1])
        chosen = [os.path.relpath(paths[i], sys.argv[1]) for i in numpy.linspace(0, len(paths) - 1, 50).astype(int)]
        write(model, sys.argv[1], chosen, os.path.join(folder, "caltech.txt"))


if __name__ == "__main__":
    main()
