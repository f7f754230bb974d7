"""Evaluation against the definitions, written out."""

import unittest

import numpy as np
import support

import libretrieve
from libretrieve import Evaluation, Index, evaluate


def rankings(vectors, classes):
    """For each item the classes of the others, best first: score falling, then position rising."""
    scores = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    for i in range(len(vectors)):
        order = np.lexsort((np.arange(len(vectors)), -scores[i]))
        yield classes[order[order != i]]


class Evaluating(support.TestCase):
    def setUp(self):
        super().setUp()
        self.vectors = support.unit_vectors(60, 8)
        self.classes = np.arange(60) // 3
        self.classes[-1] = 99  # alone in its class
        self.evaluation = evaluate(self.vectors, self.classes, ks=(1, 5))

    def test_is_the_definition(self):
        found = {1: [], 5: []}
        reciprocal, at_r = [], []
        for own, others in zip(self.classes, rankings(self.vectors, self.classes)):
            relevant = others == own
            for k in found:
                found[k].append(relevant[:k].any())
            ranks = np.flatnonzero(relevant) + 1
            reciprocal.append(1 / ranks[0] if len(ranks) else 0)
            first = ranks[ranks <= len(ranks)]
            at_r.append((np.arange(1, len(first) + 1) / first).sum() / max(len(ranks), 1))
        for k, hits in found.items():
            self.assertAlmostEqual(self.evaluation.recall(k), np.mean(hits), places=12)
            self.assertAlmostEqual(self.evaluation.recall(k, rule="left_out"), np.sum(hits) / 59, places=12)
        self.assertAlmostEqual(self.evaluation.metric("mrr").value, np.mean(reciprocal), places=12)
        self.assertAlmostEqual(self.evaluation.metric("map_at_r").value, np.mean(at_r), places=12)

    def test_what_it_tells(self):
        info = self.evaluation.info
        self.assertEqual((info.leave_one_out, info.num_gallery, info.num_queries, info.num_answerable), (True, 60, 60, 59))
        metric = self.evaluation.metric("recall", 5)
        self.assertLessEqual(metric.low, metric.value)
        self.assertLessEqual(metric.value, metric.high)
        table = self.evaluation.as_dict()
        self.assertEqual(table["recall@5"], metric.value)
        self.assertIn("map_at_r", table)
        classes = self.evaluation.classes("recall", 5)
        self.assertEqual(len(classes), 21)
        self.assertAlmostEqual(sum(row.value * row.num_queries for row in classes) / 60, metric.value)
        queries = self.evaluation.queries()
        self.assertEqual([query.id for query in queries], list(range(60)))
        self.assertEqual(queries[59].num_relevant, 0)
        hardest = self.evaluation.hardest(3)
        self.assertEqual(hardest[0].first_rank, max(query.first_rank for query in queries))
        self.assertEqual(self.evaluation.histogram("nearest_other", 10).sum(), 60)
        self.assertGreater(self.evaluation.threshold(0.0).min_score, self.evaluation.threshold(1.0).min_score)
        self.assertIn("60 queries", repr(self.evaluation))

    def test_queries_against_a_gallery(self):
        gallery, queries = Index.create(8), Index.create(8)
        gallery.add(None, self.vectors, classes=self.classes)
        queries.add(None, self.vectors[:5], classes=self.classes[:5])
        seen = []
        evaluation = evaluate(gallery, queries=queries, ks=[1], progress=lambda *now: seen.append(now))
        self.assertEqual(evaluation.recall(1), 1)  # nothing is left out: each finds itself
        self.assertFalse(evaluation.info.leave_one_out)
        self.assertGreater(len(seen), 0)
        self.assertEqual(evaluate(gallery, ks=(1, 5)).as_dict(), self.evaluation.as_dict())

    def test_failures(self):
        index = Index.create(8)
        index.add(None, self.vectors)
        self.refuses(ValueError, "class", evaluate, index)
        self.refuses(ValueError, "an index has its own", evaluate, index, self.classes)
        self.refuses(ValueError, "and classes (n,)", evaluate, self.vectors)
        self.refuses(ValueError, "", evaluate, self.vectors, self.classes, ks=(5, 1))
        self.refuses(libretrieve.MismatchError, "", evaluate, self.evaluation_index(), queries=Index.create(7))
        self.refuses(KeyError, "", self.evaluation.recall, 7)
        self.refuses(ValueError, "metric: got 'best'", self.evaluation.metric, "best")
        self.refuses(ValueError, "rule: got 'x'", self.evaluation.recall, 1, rule="x")
        self.refuses(ValueError, "bins: got 0", self.evaluation.histogram, bins=0)
        without = evaluate(self.vectors, self.classes, score_queries=0)
        self.refuses(libretrieve.StateError, "", without.threshold)
        self.refuses(TypeError, "evaluate", Evaluation)

        def stop(done, total):
            raise KeyError("enough")

        self.refuses(KeyError, "enough", evaluate, self.vectors, self.classes, progress=stop)
        self.evaluation.close()
        self.refuses(libretrieve.ClosedError, "Evaluation is closed", self.evaluation.recall, 1)

    def evaluation_index(self):
        index = Index.create(8)
        index.add(None, self.vectors, classes=self.classes)
        return index


if __name__ == "__main__":
    unittest.main()
