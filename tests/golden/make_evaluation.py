#!/usr/bin/env python3
"""Writes tests/golden/evaluation: labelled vectors and what evaluation has to say about them, by the definitions in docs/evaluation.md
written down in NumPy, not with the library. Where there are no ties the script holds its own values against pytorch-metric-learning and
scikit-learn and stops at a difference.

  NAME.data   int32 counts (gallery, queries, dim; queries 0: leave-one-out), then for the gallery and the queries int32 classes, int32
              predicted classes (-1 for none), float32 vectors
  NAME.txt    "filter rule metric k value low high" a line; filter 0 or 1 (predicted), rule and metric RTV_RULE_* and RTV_METRIC_*

Needs NumPy, torch, pytorch-metric-learning, scikit-learn. Usage: make_evaluation.py [FOLDER]
"""
import pathlib
import sys

import numpy as np
import torch
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from sklearn.metrics import average_precision_score

KS = (1, 2, 5, 10, 1000)
SAMPLES, SEED, CONFIDENCE = 200, 7, 0.9
RECALL, PRECISION, R_PRECISION, MAP_AT_R, MAP, MRR = 1, 2, 3, 4, 5, 6
MISS, LEFT_OUT = 1, 2
MASK = 2**64 - 1


def split_mix(state):
    """SplitMix64: the next state and number."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    x = state
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return state, x ^ x >> 31


def rankings(gallery, queries, alone):
    """For each query the gallery's rows, best first: score descending, then row ascending; [queries][gallery]."""
    scores = queries.astype(np.float64) @ gallery.astype(np.float64).T
    scores = scores.astype(np.float32)
    if alone:
        np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")
    return (order[:, :-1] if alone else order), scores


def metrics_of(hits, relevant):
    """hits: whether the item at each rank is relevant; relevant: how many are, found or not."""
    ranks = np.flatnonzero(hits) + 1
    precisions = np.arange(1, len(ranks) + 1) / ranks
    row = {(RECALL, k): float((ranks <= k).any()) for k in KS}
    row.update({(PRECISION, k): (ranks <= k).sum() / k for k in KS})
    row[R_PRECISION, 0] = (ranks <= relevant).sum() / relevant if relevant else 0
    row[MAP_AT_R, 0] = precisions[ranks <= relevant].sum() / relevant if relevant else 0
    row[MAP, 0] = precisions.sum() / relevant if relevant else 0
    row[MRR, 0] = 1 / ranks[0] if len(ranks) else 0
    return row


def rows_of(data, filtered):
    """A metrics_of for each query with a class, the class, and whether it has relevant items."""
    order, _ = rankings(data["gallery"], data["queries"], data["alone"])
    rows = []
    for q, own in enumerate(data["query_classes"]):
        if own < 0:
            continue
        items = order[q]
        relevant = (data["classes"][items] == own).sum()
        if filtered and data["query_predicted"][q] >= 0:
            items = items[data["predicted"][items] == data["query_predicted"][q]]
        rows.append((own, relevant > 0, metrics_of(data["classes"][items] == own, relevant)))
    return rows


def means(rows, rule):
    kept = [row for _, answerable, row in rows if rule == MISS or answerable]
    return {key: np.mean([row[key] for row in kept]) if kept else np.nan for key in rows[0][2]}


def bootstrap(rows, rule):
    """Percentile bootstrap over classes, in ascending order of their numbers."""
    classes = sorted({own for own, _, _ in rows})
    keys = list(rows[0][2])
    sums = np.array([[sum(row[key] for own, _, row in rows if own == c) for key in keys] for c in classes])
    counts = np.array([sum(own == c and (rule == MISS or answerable) for own, answerable, _ in rows) for c in classes])
    state, drawn = SEED, []
    for _ in range(SAMPLES):
        places = []
        for _ in classes:
            state, x = split_mix(state)
            places.append((x >> 32) * len(classes) >> 32)
        if counts[places].sum() > 0:
            drawn.append(sums[places].sum(axis=0) / counts[places].sum())
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return {key: (low[i], high[i]) for i, key in enumerate(keys)}


def check_against_others(data):
    """Leave-one-out or not, without ties: the packages leave queries without relevant items out."""
    order, scores = rankings(data["gallery"], data["queries"], data["alone"])
    finite = np.sort(scores[np.isfinite(scores)].reshape(len(scores), -1), axis=1)
    assert np.diff(finite, axis=1).min() > 1e-7, "ties"
    own = means(rows_of(data, False), LEFT_OUT)

    def neighbours(query, k, reference, ref_includes_query):
        return torch.zeros(order.shape), torch.from_numpy(order)

    found = AccuracyCalculator(include=("precision_at_1", "r_precision", "mean_average_precision_at_r", "mean_average_precision",
                                        "mean_reciprocal_rank"), k=order.shape[1], knn_func=neighbours, device=torch.device("cpu")
                               ).get_accuracy(torch.from_numpy(data["queries"]), torch.from_numpy(data["query_classes"]),
                                              torch.from_numpy(data["gallery"]), torch.from_numpy(data["classes"]), data["alone"])
    for key, name in (((RECALL, 1), "precision_at_1"), ((PRECISION, 1), "precision_at_1"), ((R_PRECISION, 0), "r_precision"),
                      ((MAP_AT_R, 0), "mean_average_precision_at_r"), ((MAP, 0), "mean_average_precision"),
                      ((MRR, 0), "mean_reciprocal_rank")):
        assert abs(own[key] - found[name]) < 1e-6, (name, own[key], found[name])  # the package sums reciprocal ranks in float32
    precisions = []
    for q, own_class in enumerate(data["query_classes"]):
        same = data["classes"][order[q]] == own_class
        if same.any():
            precisions.append(average_precision_score(same, scores[q, order[q]]))
    assert abs(own[MAP, 0] - np.mean(precisions)) < 1e-12


def write(folder, name, data):
    with open(folder / f"{name}.data", "wb") as f:
        num_queries = 0 if data["alone"] else len(data["queries"])
        np.array([len(data["gallery"]), num_queries, data["gallery"].shape[1]], "<i4").tofile(f)
        for prefix, vectors in (("", "gallery"), ("query_", "queries"))[: 1 if data["alone"] else 2]:
            data[prefix + "classes"].astype("<i4").tofile(f)
            data[prefix + "predicted"].astype("<i4").tofile(f)
            data[vectors].astype("<f4").tofile(f)
    with open(folder / f"{name}.txt", "w") as f:
        for filtered in (0, 1):
            rows = rows_of(data, filtered)
            for rule in (MISS, LEFT_OUT):
                mean, bounds = means(rows, rule), bootstrap(rows, rule)
                for metric, k in mean:
                    f.write(f"{filtered} {rule} {metric} {k} {mean[metric, k]:.17g} {bounds[metric, k][0]:.17g} "
                            f"{bounds[metric, k][1]:.17g}\n")


def labelled(random, count, dim, num_classes, noise, coarse, centres):
    """Vectors around the centres of their classes; a tenth has no class, predicted classes are right four times in five."""
    classes = np.where(np.arange(count) % 10 == 9, -1, random.integers(0, num_classes, count))
    vectors = centres[np.maximum(classes, 0)] + noise * random.standard_normal((count, dim))
    predicted = np.where(random.random(count) < 0.8, np.maximum(classes, 0) % 5, random.integers(-1, 5, count))
    if coarse:
        vectors = np.clip(np.round(vectors), -1, 1)  # equal scores everywhere
    else:
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), classes.astype(np.int32), predicted.astype(np.int32)


def make(random, count, num_queries, dim, num_classes, noise, coarse=False):
    centres = random.standard_normal((num_classes, dim))
    gallery, classes, predicted = labelled(random, count, dim, num_classes, noise, coarse, centres)
    data = {"alone": num_queries == 0, "gallery": gallery, "classes": classes, "predicted": predicted}
    if num_queries == 0:
        data.update(queries=gallery, query_classes=classes, query_predicted=predicted)
    else:
        queries, query_classes, query_predicted = labelled(random, num_queries, dim, num_classes + 3, noise, coarse,
                                                           np.vstack([centres, random.standard_normal((3, dim))]))
        data.update(queries=queries, query_classes=query_classes, query_predicted=query_predicted)
    return data


def without_unlabelled(data):
    """What the packages can be asked about: every item has a class."""
    kept, kept_queries = data["classes"] >= 0, data["query_classes"] >= 0
    return {"alone": data["alone"], "gallery": data["gallery"][kept], "classes": data["classes"][kept],
            "predicted": data["predicted"][kept], "queries": data["queries"][kept_queries],
            "query_classes": data["query_classes"][kept_queries], "query_predicted": data["query_predicted"][kept_queries]}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "evaluation")
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(20260101)
    sets = {"alone": without_unlabelled(make(random, 180, 0, 12, 60, 0.9)),
            "alone_ties": make(random, 150, 0, 6, 40, 0.8, coarse=True),
            "gallery": without_unlabelled(make(random, 120, 50, 12, 30, 0.9)),
            "gallery_ties": make(random, 120, 60, 6, 30, 0.8, coarse=True)}
    for name, data in sets.items():
        if "ties" not in name:
            check_against_others(data)
        assert name[:5] != "alone" or 1 in np.unique(data["classes"][data["classes"] >= 0], return_counts=True)[1]
        write(folder, name, data)


main()
