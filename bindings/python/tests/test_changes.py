"""Indexes that change: files, commits, removal, and the further ways to search."""

import unittest

import numpy as np
import support

import libretrieve
from libretrieve import Index


class Changes(support.TestCase):
    def setUp(self):
        super().setUp()
        self.vectors = support.unit_vectors(20, 8)
        self.path = self.folder / "é.rtvx"

    def test_replacing_and_removing(self):
        index = Index.create(8)
        index.add(None, self.vectors[:4], keys=list("abcd"), payloads=[b"1", b"", b"\0two", b"3"])
        self.assertEqual([index.payload(i) for i in range(4)], [b"1", b"", b"\0two", b"3"])
        index.replace([2, 9], self.vectors[4:6], keys=["C", "x"])
        self.assertEqual((index.key(2), index.payload(2), index.find("x")), ("C", b"", 9))
        self.assertEqual(index.remove([0, 77]), 1)
        self.assertEqual(sorted(index.ids().tolist()), [1, 2, 3, 9])
        np.testing.assert_array_equal(index.vectors([9, 1]), self.vectors[[5, 1]])
        self.refuses(libretrieve.NotFoundError, "a", index.find, "a")
        self.refuses(libretrieve.NotFoundError, "0", index.vectors, [0])
        self.refuses(libretrieve.NotFoundError, "0", index.payload, 0)
        self.refuses(ValueError, "payloads: length: got 1, expected 2", index.add, None, self.vectors[:2], payloads=[b""])
        other = Index.create(8)
        other.add(None, self.vectors[:2])
        self.refuses(libretrieve.ExistsError, "", index.merge, other)
        index.merge(other, new_ids=True)
        self.assertEqual(len(index), 6)
        index.compact()
        self.assertEqual(index.info.num_removed, 0)

    def test_fewer_dimensions(self):
        index = Index.create(8)
        index.add(None, self.vectors, keys=[str(i) for i in range(20)], classes=[i % 3 for i in range(20)])
        self.assertIsNone(index.reduction)
        small = index.reduce(5, path=self.path)
        self.assertEqual((small.dim, small.info.kept_dim, small.info.num_items, small.key(3)), (8, 5, 20, "3"))
        self.assertEqual(small.reduction[:5] + small.reduction[6:], ("pca", 8, 5, False, True, 20))
        kept = small.vectors(small.ids())
        self.assertEqual(kept.shape, (20, 5))
        np.testing.assert_array_equal(kept, small.project(self.vectors))
        centred = self.vectors - self.vectors.mean(axis=0, dtype=np.float64)
        values, directions = np.linalg.eigh(centred.T @ centred)
        expected = centred @ directions[:, ::-1][:, :5]
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(np.abs(kept), np.abs(expected), atol=1e-5)  # float32; here signs are left aside
        self.assertAlmostEqual(small.reduction.variance, values[3:].sum() / values.sum(), places=6)
        ids, _ = small.search(self.vectors, 1)
        self.assertEqual(ids.ravel().tolist(), list(range(20)))
        small.close()
        small = Index.open(self.path)
        np.testing.assert_array_equal(small.vectors([7]), kept[7:8])
        like = index.reduce(like=small, storage="float16")
        self.assertEqual((like.reduction, like.info.storage), (small.reduction, "float16"))
        cut = index.reduce(3, method="truncate", normalize=False)
        np.testing.assert_array_equal(cut.vectors([2]), self.vectors[2:3, :3])
        self.refuses(ValueError, "dim: expected a number, or like", index.reduce)
        self.refuses(ValueError, "reduced already", small.reduce, 2)
        self.refuses(libretrieve.ExistsError, "", index.reduce, 2, path=self.path)
        self.refuses(libretrieve.MismatchError, "", index.reduce, like=index)

        def stop(done, total):
            raise RuntimeError("enough")

        self.refuses(RuntimeError, "enough", index.reduce, 2, progress=stop)

    def test_a_file_and_its_commits(self):
        with Index.create(8, path=self.path) as index:
            index.add(None, self.vectors)
            self.assertEqual((index.info.writable, index.info.uncommitted), (True, 20))
            self.refuses(libretrieve.BusyError, "", Index.open, self.path, writable=True)
            index.commit()
            index.remove([3])
        self.refuses(libretrieve.ExistsError, "", Index.create, 8, path=self.path)
        self.assertEqual(len(Index.open(self.path)), 20)  # what was not committed is dropped
        with Index.open(self.path, writable=True) as index:
            index.remove([3])
            index.set_min_score(0.25)
            index.commit()
            index.compact()
        again = Index.open(self.path)
        self.assertEqual((len(again), again.info.min_score), (19, 0.25))
        self.refuses(libretrieve.StateError, "", again.commit)
        self.refuses(ValueError, "writable", Index.open, self.path.read_bytes(), writable=True)
        seen = []
        Index.verify(self.path, progress=lambda *now: seen.append(now))
        data = bytearray(self.path.read_bytes())
        data[len(data) // 2] ^= 1
        self.path.write_bytes(data)
        error = self.refuses(libretrieve.FormatError, "", Index.verify, self.path)
        self.assertEqual(error.file, str(self.path))

    def test_storage(self):
        for storage in ("float16", "int8"):
            index = Index.create(8, storage=storage, normalize=True)
            index.add(None, self.vectors * 3)
            self.assertEqual((index.info.storage, index.info.normalize), (storage, True))
            np.testing.assert_allclose(index.vectors([0])[0], self.vectors[0], atol=0.01)  # 8 bits of at most 1
            self.assertEqual(index.search(self.vectors, 1).ids.ravel().tolist(), list(range(20)))
        self.refuses(ValueError, "storage: got 'bits'", Index.create, 8, storage="bits")

    def test_files_of_others(self):
        np.save(self.folder / "x.npy", self.vectors)
        index = Index.create(8)
        index.add_file(self.folder / "x.npy", ids=np.arange(20)[::-1].copy(), classes=[1] * 20)
        np.testing.assert_array_equal(index.vectors([19]), self.vectors[:1])
        index.export(self.folder / "y.npy")
        np.testing.assert_array_equal(np.load(self.folder / "y.npy"), self.vectors)
        index.export(self.folder / "y.faiss", format="faiss", with_ids=True)
        again = Index.create(8)
        again.add_file(self.folder / "y.faiss")
        self.assertEqual(again.ids().tolist(), index.ids().tolist())
        self.refuses(ValueError, "format: got 'csv'", index.export, self.folder / "z", format="csv")
        self.refuses(FileNotFoundError, "none", index.add_file, self.folder / "none.npy")
        self.refuses(ValueError, "ids: shape", index.add_file, self.folder / "x.npy", ids=[1])


class Ways(support.TestCase):
    def setUp(self):
        super().setUp()
        self.vectors = support.unit_vectors(30, 8)
        self.index = Index.create(8)
        self.index.add(None, self.vectors, keys=map(str, range(30)), classes=np.arange(30) % 3)
        self.scores = self.vectors.astype(np.float64) @ self.vectors.T

    def test_items_as_queries(self):
        want = self.index.search(self.vectors[4:6], 3, exclude_ids=[4, 5])
        got = self.index.search_ids([4, 5], 3)
        np.testing.assert_array_equal(got.ids, want.ids)
        np.testing.assert_array_equal(got.scores, want.scores)
        self.assertTrue((self.index.search_ids([4], 3, class_id=0).classes == 0).all())
        self.refuses(libretrieve.NotFoundError, "99", self.index.search_ids, [99])
        ids, everything = self.index.neighbors(3)
        self.assertEqual(ids.tolist(), list(range(30)))
        np.testing.assert_array_equal(everything.ids, self.index.search_ids(np.arange(30), 3).ids)

    def test_filters(self):
        best = self.index.search(self.vectors[:1], 30).ids[0]
        self.assertEqual(self.index.search(self.vectors[:1], 9, only_ids=[7, 3, 99]).counts.tolist(), [2])
        even = self.index.search(self.vectors[:1], 30, accept=lambda query, hit: int(hit.key) % 2 == 0)
        self.assertEqual(even.ids[0, :15].tolist(), [i for i in best.tolist() if i % 2 == 0])

        def stop(query, hit):
            raise KeyError("enough")

        self.refuses(KeyError, "enough", self.index.search, self.vectors, 3, accept=stop)

    def test_a_range(self):
        found = self.index.search_range(self.vectors[:3], 0.2)
        for query in range(3):
            ids = found.ids[found.limits[query] : found.limits[query + 1]]
            self.assertEqual(sorted(ids.tolist()), np.flatnonzero(self.scores[query] >= 0.2).tolist())
        self.assertEqual(found.limits[-1], len(found.scores))
        self.assertTrue((found.scores >= 0.2).all())
        self.assertEqual(self.index.search_range(self.vectors[:0], 0.2).limits.tolist(), [0])

    def test_a_blend(self):
        query = self.vectors[3] - 0.5 * self.vectors[8]
        query /= np.linalg.norm(query)
        order = np.argsort(-(self.vectors @ query))
        result = self.index.search_blend(None, [3, 8], 5, id_weights=[1, -0.5])
        self.assertEqual(result.ids[0].tolist(), [i for i in order if i not in (3, 8)][:5])
        result = self.index.search_blend(self.vectors[[3, 8]], k=5, vector_weights=[1, -0.5])
        self.assertEqual(result.ids[0].tolist(), order[:5].tolist())
        self.refuses(ValueError, "", self.index.search_blend)
        self.refuses(ValueError, "weights", self.index.search_blend, None, [3], id_weights=[1, 2])

    def test_pairs(self):
        found = self.index.pairs(0.5)
        a, b = np.nonzero(np.triu(self.scores >= 0.5, 1))
        self.assertEqual(sorted(zip(found.a.tolist(), found.b.tolist())), sorted(zip(a.tolist(), b.tolist())))
        np.testing.assert_allclose(found.scores, self.scores[found.a, found.b], rtol=1e-5)
        self.assertEqual(len(self.index.pairs(2).a), 0)


if __name__ == "__main__":
    unittest.main()
