#!/usr/bin/env python3
"""Descriptors and recall of libretrieve against PyTorch on the same checkpoint and pictures.

    compare_pytorch.py --retrieve build/src/retrieve --checkpoint cgd_sg.pth --data FOLDER/caltech101 [--pictures 50] [--input 160]

Pictures: in each class every second file, beginning with the second, in sorted order; leave-one-out among them. --pictures 0 takes all and
compares recall@1 query by query. Needs torch, numpy and Pillow."""
import argparse
import os
import sys
import tempfile

import numpy

import cgd
import protocols


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--retrieve", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--pictures", type=int, default=50)
    parser.add_argument("--input", type=int, default=160)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    paths, labels = protocols.half(options.data, 1)
    if options.pictures:
        chosen = numpy.linspace(0, len(paths) - 1, options.pictures).astype(int)
        paths, labels = [paths[i] for i in chosen], labels[chosen]
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model.safetensors")
        protocols.convert(options.retrieve, options.checkpoint, model, options.input)
        ours = protocols.embed(options.retrieve, model, paths, ["--threads", str(options.threads)] if options.threads else [])
    theirs = cgd.descriptors(cgd.load_checkpoint(options.checkpoint), paths, options.input)
    cosine = protocols.cosines(ours, theirs)
    difference = numpy.abs(ours - theirs).max()
    print(f"{len(paths)} pictures at {options.input}x{options.input}: smallest cosine {cosine.min():.9f}, largest difference {difference:.2e}")
    failed = cosine.min() < 0.99999 or difference > 2e-5
    if not options.pictures:
        (our_best, our_gap), (their_best, their_gap) = protocols.nearest(ours), protocols.nearest(theirs)
        print(f"recall@1: libretrieve {100 * (labels[our_best] == labels).mean():.4f} %, PyTorch {100 * (labels[their_best] == labels).mean():.4f} %")
        for i in numpy.flatnonzero(our_best != their_best):
            print(f"other nearest: {paths[i]}: gap between the two best {our_gap[i]:.1e} and {their_gap[i]:.1e}")
            failed |= max(our_gap[i], their_gap[i]) > 1e-6
    print("FAILED" if failed else "agrees")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
