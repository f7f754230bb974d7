#!/usr/bin/env python3
"""Descriptors and recall of libretrieve against PyTorch on the same checkpoint and pictures.

    compare_pytorch.py --retrieve build/src/retrieve --checkpoint cgd_sg.pth --data FOLDER/caltech101 [--pictures 50] [--input 160]

The model is written from its definition (the CGD paper, arXiv 1903.10663), the preprocessing is Pillow's and torchvision's arithmetic. Protocol:
in each class every second file, beginning with the second, in sorted order; leave-one-out among them. --pictures 0 takes all and compares
recall@1 query by query. Needs torch, numpy and Pillow."""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy
import torch
import torch.nn.functional as functional
from PIL import Image
from torch import nn


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        if stride != 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x):
        shortcut = self.downsample(x) if hasattr(self, "downsample") else x
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        return functional.relu(self.bn3(self.conv3(y)) + shortcut)


class CgdResNet50(nn.Module):
    """ResNet-50 v1.5 with stride 1 in the third stage, descriptors SG."""

    def __init__(self, dim, classes):
        super().__init__()
        layers, inputs = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
        for width, depth, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 1), (512, 3, 2)):
            blocks = [Bottleneck(inputs if i == 0 else 4 * width, width, stride if i == 0 else 1) for i in range(depth)]
            layers.append(nn.Sequential(*blocks))
            inputs = 4 * width
        self.features = nn.Sequential(*layers)
        self.main_modules = nn.ModuleList([nn.Sequential(nn.Linear(2048, dim // 2, bias=False)) for _ in range(2)])
        self.auxiliary_module = nn.Sequential(nn.BatchNorm1d(2048), nn.Linear(2048, classes))

    def forward(self, x):
        x = self.features(x)
        mean = x.mean((2, 3))
        cubes = (x ** 3).mean((2, 3))
        gem = cubes.sign() * cubes.abs() ** (1 / 3)
        parts = [functional.normalize(linear(part)) for linear, part in zip(self.main_modules, (mean, gem))]
        return functional.normalize(torch.cat(parts, 1)), self.auxiliary_module(mean)


def load_checkpoint(path):
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = CgdResNet50(2 * state["main_modules.0.0.weight"].shape[0], state["auxiliary_module.1.weight"].shape[0])
    model.load_state_dict({name: value.float() if value.is_floating_point() else value for name, value in state.items()})
    return model.eval()


def preprocess(path, size):
    pixels = numpy.asarray(Image.open(path).convert("RGB").resize((size, size), Image.BILINEAR))
    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div(255)
    return x.sub(torch.tensor([0.485, 0.456, 0.406])[:, None, None]).div(torch.tensor([0.229, 0.224, 0.225])[:, None, None])


def evaluation_half(folder):
    paths, labels = [], []
    for label, name in enumerate(sorted(os.listdir(folder))):
        files = sorted(os.listdir(os.path.join(folder, name)))
        paths += [os.path.join(folder, name, file) for file in files[1::2]]
        labels += [label] * len(files[1::2])
    return paths, numpy.array(labels)


def torch_descriptors(model, paths, size):
    with torch.inference_mode():
        return numpy.concatenate([model(preprocess(path, size)[None])[0].numpy() for path in paths])


def retrieve_descriptors(program, checkpoint, paths, size, executor_options):
    with tempfile.TemporaryDirectory() as folder:
        model, out = os.path.join(folder, "model.safetensors"), os.path.join(folder, "out.npy")
        subprocess.run([program, "model", "convert", checkpoint, "-o", model, "--input", str(size)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        subprocess.run([program, "embed", *paths, "--model", model, "-o", out, *executor_options], check=True)
        return numpy.load(out)


def nearest(descriptors):
    """Best other item of each, and the gap between the two best scores (double, so that the order is the vectors' own)."""
    scores = descriptors.astype(numpy.float64) @ descriptors.astype(numpy.float64).T
    numpy.fill_diagonal(scores, -numpy.inf)
    order = numpy.argsort(-scores, axis=1, kind="stable")[:, :2]
    rows = numpy.arange(len(scores))
    return order[:, 0], scores[rows, order[:, 0]] - scores[rows, order[:, 1]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--retrieve", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--pictures", type=int, default=50)
    parser.add_argument("--input", type=int, default=160)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    paths, labels = evaluation_half(options.data)
    if options.pictures:
        chosen = numpy.linspace(0, len(paths) - 1, options.pictures).astype(int)
        paths, labels = [paths[i] for i in chosen], labels[chosen]
    ours = retrieve_descriptors(options.retrieve, options.checkpoint, paths, options.input,
                                ["--threads", str(options.threads)] if options.threads else [])
    theirs = torch_descriptors(load_checkpoint(options.checkpoint), paths, options.input)
    cosine = (ours.astype(numpy.float64) * theirs).sum(1) / numpy.linalg.norm(ours.astype(numpy.float64), axis=1) / numpy.linalg.norm(theirs, axis=1)
    difference = numpy.abs(ours - theirs).max()
    print(f"{len(paths)} pictures at {options.input}x{options.input}: smallest cosine {cosine.min():.9f}, largest difference {difference:.2e}")
    failed = cosine.min() < 0.99999 or difference > 2e-5
    if not options.pictures:
        (our_best, our_gap), (their_best, their_gap) = nearest(ours), nearest(theirs)
        print(f"recall@1: libretrieve {100 * (labels[our_best] == labels).mean():.4f} %, PyTorch {100 * (labels[their_best] == labels).mean():.4f} %")
        for i in numpy.flatnonzero(our_best != their_best):
            print(f"other nearest: {paths[i]}: gap between the two best {our_gap[i]:.1e} and {their_gap[i]:.1e}")
            failed |= max(our_gap[i], their_gap[i]) > 1e-6
    print("FAILED" if failed else "agrees")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
