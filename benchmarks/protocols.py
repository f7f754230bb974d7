"""Pictures, descriptors and recall, as the scripts beside it measure them: which files of a folder with one sub-folder a class, leave-one-out
among them, and what two sets of descriptors of the same pictures have in common."""
import os
import subprocess
import tempfile

import numpy


def half(folder, first):
    """In each class every second file in sorted order, from number `first` on: 0 to calibrate with, 1 to evaluate."""
    paths, labels = [], []
    for label, name in enumerate(sorted(os.listdir(folder))):
        files = sorted(os.listdir(os.path.join(folder, name)))[first::2]
        paths += [os.path.join(folder, name, file) for file in files]
        labels += [label] * len(files)
    return paths, numpy.array(labels)


def every_second(folder):
    """Of the paths of all files, sorted, every second; where that leaves a class with one file, it counts as a miss."""
    classes = {name: label for label, name in enumerate(sorted(os.listdir(folder)))}
    paths = sorted(os.path.join(folder, name, file) for name in classes for file in os.listdir(os.path.join(folder, name)))[::2]
    return paths, numpy.array([classes[os.path.basename(os.path.dirname(path))] for path in paths])


def spread(items, count):
    """count of them, evenly spread."""
    return [items[i] for i in numpy.linspace(0, len(items) - 1, min(count, len(items))).astype(int)]


def convert(program, checkpoint, path, size):
    subprocess.run([program, "model", "convert", checkpoint, "-o", path, "--input", str(size)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def embed(program, model, paths, options=()):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.npy")
        subprocess.run([program, "embed", *paths, "--model", model, "-o", out, *options], check=True)
        return numpy.load(out)


def cosines(a, b):
    a, b = a.astype(numpy.float64), b.astype(numpy.float64)
    return (a * b).sum(1) / numpy.linalg.norm(a, axis=1) / numpy.linalg.norm(b, axis=1)


def ranking(descriptors, depth):
    """The nearest others of each, and their scores (double, so that the order is the vectors' own)."""
    scores = descriptors.astype(numpy.float64) @ descriptors.astype(numpy.float64).T
    numpy.fill_diagonal(scores, -numpy.inf)
    order = numpy.argsort(-scores, axis=1, kind="stable")[:, :depth]
    return order, numpy.take_along_axis(scores, order, 1)


def nearest(descriptors):
    """Best other item of each, and the gap between the two best scores."""
    order, scores = ranking(descriptors, 2)
    return order[:, 0], scores[:, 0] - scores[:, 1]


def found(descriptors, labels, depths):
    """Whether each query has an item of its class among the first k, for each k of depths: bool [queries][depths]."""
    hits = labels[ranking(descriptors, max(depths))[0]] == labels[:, None]
    return numpy.stack([hits[:, :k].any(1) for k in depths], 1)


def flips(before, after):
    """Queries lost and won, the change of recall in points, and half the width of its 95 % interval: the queries are the same, so only those
    that changed vary (normal approximation of McNemar's)."""
    lost, won, queries = int((before & ~after).sum()), int((after & ~before).sum()), len(before)
    deviation = numpy.sqrt(lost + won - (won - lost) ** 2 / queries) / queries
    return {"lost": lost, "won": won, "change": 100 * (won - lost) / queries, "interval": 100 * 1.96 * float(deviation)}
