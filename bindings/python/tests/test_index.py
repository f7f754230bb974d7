"""Indexes: adding, searching, files, and what goes wrong."""

import pickle
import unittest

import numpy as np
import support

import libretrieve
from libretrieve import Index


def brute_force(vectors, query, k):
    """The definition: score falling, then id rising."""
    scores = vectors.astype(np.float64) @ query.astype(np.float64)
    order = np.lexsort((np.arange(len(vectors)), -scores))[:k]
    return order, scores[order]


class Searching(support.TestCase):
    def setUp(self):
        super().setUp()
        self.vectors = support.unit_vectors(200, 24)
        self.index = Index.create(24)
        self.index.add(None, self.vectors, keys=[f"é{i}.jpg" for i in range(200)], classes=np.arange(200) % 5)

    def test_is_the_definition(self):
        queries = support.unit_vectors(9, 24, seed=4)
        ids, scores = self.index.search(queries, 7)
        for row, query in enumerate(queries):
            want, want_scores = brute_force(self.vectors, query, 7)
            self.assertEqual(ids[row].tolist(), want.tolist())
            np.testing.assert_allclose(scores[row], want_scores, rtol=1e-6)
        self.assertEqual((ids.dtype, scores.dtype, ids.shape), (np.int64, np.float32, (9, 7)))

    def test_one_vector_lists_and_other_arrays(self):
        want = self.index.search(self.vectors[:1], 3).ids.tolist()
        for query in (self.vectors[0], self.vectors[0].tolist(), [self.vectors[0].tolist()], np.asfortranarray(self.vectors[:1])):
            self.assertEqual(self.index.search(query, 3).ids.tolist(), want)
        read_only = self.vectors[:1].copy()
        read_only.flags.writeable = False
        self.assertEqual(self.index.search(read_only, 3).ids.tolist(), want)
        self.assertEqual(self.index.search(np.zeros((0, 24), np.float32), 3).ids.shape, (0, 3))
        self.assertEqual(self.index.search([], 3).num_queries, 0)

    def test_results(self):
        result = self.index.search(self.vectors[:2], 3)
        self.assertEqual(result.classes[:, 0].tolist(), [0, 1])
        self.assertEqual(result.counts.tolist(), [3, 3])
        hit = result.hits(1)[0]
        self.assertEqual((hit.id, hit.key, hit.class_id), (1, "é1.jpg", 1))
        self.assertAlmostEqual(hit.score, 1, places=6)
        self.assertEqual([row[0].id for row in result.rows()], [0, 1])
        self.assertEqual(result.keys[0][0], "é0.jpg")
        self.index.close()
        self.assertEqual(result.keys[0][0], "é0.jpg")  # a result keeps what it needs
        again = pickle.loads(pickle.dumps(result))
        self.assertEqual(again.keys, result.keys)
        self.assertIn("2 queries, 6 hits", repr(again))

    def test_filters(self):
        search = self.index.search
        self.assertEqual(set((search(self.vectors[0], 50, class_id=3).ids % 5).ravel().tolist()), {3, 4})  # -1 % 5: the empty rest
        self.assertEqual(search(self.vectors[0], 50, class_id=3).counts.tolist(), [40])
        self.index.set_class_names(["a", "b", "c", "d", "ü"])
        self.assertEqual(search(self.vectors[4], 1, class_id="ü").ids.tolist(), [[4]])
        self.assertEqual(self.index.class_name(4), "ü")
        self.assertEqual(self.index.class_id("ü"), 4)
        self.assertEqual(search(self.vectors[:1], 1).class_name(4), "ü")
        self.assertIsNone(search(self.vectors[:1], 1).class_name(-1))
        self.assertEqual(search(self.vectors[0], 9, min_score=0.999).counts.tolist(), [1])
        self.assertNotEqual(search(self.vectors[:2], 1, exclude_ids=[0, -1]).ids.tolist()[0], [0])
        self.assertEqual(search(self.vectors[:2], 1, exclude_ids=[0, -1]).ids.tolist()[1], [1])
        self.assertEqual(search(self.vectors[0], 1, predicted_class=2).counts.tolist(), [0])
        self.refuses(libretrieve.NotFoundError, "nothing", search, self.vectors[0], 1, class_id="nothing")

    def test_fewer_hits_than_asked_for(self):
        result = self.index.search(self.vectors[0], 300)
        self.assertEqual(result.counts.tolist(), [200])
        self.assertEqual(result.ids[0, 200:].tolist(), [-1] * 100)
        self.assertTrue(np.isneginf(result.scores[0, 200:]).all())

    def test_refusals(self):
        search = self.index.search
        self.refuses(libretrieve.MismatchError, "queries: dimension: got 23, expected 24", search, np.zeros((1, 23), np.float32))
        self.refuses(TypeError, "queries: dtype: got float64, expected float32", search, self.vectors.astype(float))
        self.refuses(ValueError, "queries: strides", search, np.zeros((24, 3), np.float32).T)
        self.refuses(ValueError, "queries: strides", search, np.zeros((3, 48), np.float32)[:, ::2])
        self.refuses(ValueError, "queries: shape: got (1, 1, 24)", search, np.zeros((1, 1, 24), np.float32))
        self.refuses(ValueError, "k: got 0", search, self.vectors, 0)
        self.refuses(ValueError, "finite", search, np.full((1, 24), np.nan, np.float32))
        self.refuses(ValueError, "exclude_ids: shape: got (1,), expected (2,)", search, self.vectors[:2], exclude_ids=[1])
        self.refuses(TypeError, "exclude_ids: dtype: got float64", search, self.vectors[:1], exclude_ids=[1.0])
        self.refuses(TypeError, "Index.open", Index)
        self.refuses(ValueError, "dim", Index.create, 0)

    def test_progress(self):
        seen = []
        self.index.search(self.vectors, 5, progress=lambda *now: seen.append(now))
        self.assertEqual(seen[-1], (200, 200))

        def stop(done, total):
            raise KeyError("enough")

        self.refuses(KeyError, "enough", self.index.search, self.vectors, 5, progress=stop)
        self.refuses(libretrieve.BusyError, "callback", self.index.search, self.vectors, 5, progress=lambda *_: len(self.index))
        self.assertEqual(self.index.search(self.vectors, 1).ids[3, 0], 3)


class Items(support.TestCase):
    def setUp(self):
        super().setUp()
        self.index = Index.create(4)
        self.vectors = np.eye(4, dtype=np.float32)

    def test_ids_keys_and_classes(self):
        self.index.add([7, 2**40], self.vectors[:2], keys=["a", None], classes=np.array([1, -1], np.int8), predicted=[-1, 3])
        self.index.add(None, self.vectors[2:])
        ids, _ = self.index.search(self.vectors, 1)
        self.assertEqual(ids.ravel().tolist(), [7, 2**40, 2**40 + 1, 2**40 + 2])
        self.assertEqual((self.index.key(7), self.index.key(2**40)), ("a", ""))
        info = self.index.info
        self.assertEqual((info.num_items, info.has_classes, info.has_predicted, info.fingerprint), (4, True, True, ""))
        self.assertEqual(len(self.index), 4)
        self.assertTrue(Index.create(3))
        self.assertIn("4 items of dimension 4", repr(self.index))
        self.index.set_class_names(["x", "y"], kind="predicted")
        self.assertEqual(self.index.class_name(1, kind="predicted"), "y")

    def test_all_or_nothing(self):
        add = self.index.add
        self.refuses(libretrieve.ExistsError, "id 1", add, [1, 1], self.vectors[:2])
        self.refuses(ValueError, "id of item 0: got -1", add, [-1, 1], self.vectors[:2])
        self.refuses(ValueError, "", add, None, np.full((1, 4), np.inf, np.float32))
        self.refuses(ValueError, "ids: shape: got (3,), expected (2,)", add, [1, 2, 3], self.vectors[:2])
        self.refuses(ValueError, "keys: length: got 1, expected 2", add, None, self.vectors[:2], keys=["a"])
        self.refuses(ValueError, "classes: a value is out of the range of int32", add, None, self.vectors[:1], classes=[2**31])
        self.refuses(ValueError, "null byte", add, None, self.vectors[:1], keys=["a\0b"])
        self.refuses(UnicodeEncodeError, "surrogates", add, None, self.vectors[:1], keys=["\udcff"])
        self.refuses(ValueError, "", add, None, self.vectors[:1], keys=["a\nb"])
        self.refuses(KeyError, "id 1", self.index.key, 1)
        self.assertEqual(len(self.index), 0)

    def test_files(self):
        self.index.add(None, self.vectors, keys=list("abcd"))
        path = self.folder / "é.rtvx"
        self.index.save(path)
        for source in (path, str(path), path.read_bytes()):
            with Index.open(source) as again:
                self.assertEqual([again.key(i) for i in range(4)], list("abcd"))
                self.assertEqual(again.search(self.vectors, 1).ids.ravel().tolist(), [0, 1, 2, 3])
        error = self.refuses(FileNotFoundError, "none.rtvx", Index.open, self.folder / "none.rtvx")
        self.assertEqual(error.file, str(self.folder / "none.rtvx"))
        data = bytearray(path.read_bytes())
        data[16] ^= 1  # of the header, which has a checksum
        damaged = self.refuses(libretrieve.ChecksumError, "", Index.open, bytes(data))
        self.assertIsInstance(damaged.offset, int)
        self.refuses(libretrieve.FileError, "", self.index.save, self.folder / "no folder" / "x")
        self.refuses(ValueError, "null byte", self.index.save, "a\0b")
        self.refuses(TypeError, "PathLike", self.index.save, 3)

    def test_closed(self):
        self.index.close()
        for use in (lambda: len(self.index), lambda: self.index.add(None, self.vectors), lambda: self.index.search(self.vectors, 1)):
            self.refuses(libretrieve.ClosedError, "Index is closed", use)
        self.refuses(libretrieve.ClosedError, "Index is closed", self.index.__enter__)
        self.refuses(TypeError, "cannot pickle Index", pickle.dumps, self.index)


if __name__ == "__main__":
    unittest.main()
