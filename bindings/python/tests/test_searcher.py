"""Searchers, and results as pages."""

import pickle
import unittest
from pathlib import Path

import numpy as np
import support

import libretrieve
from libretrieve import Index, Pixels, Searcher


class Searching(support.TestCase):
    def setUp(self):
        super().setUp()
        self.model = support.toy()
        self.index = Index.create(self.model)
        self.searcher = Searcher(self.model, self.index)
        self.paths = support.pictures("ant", "key")

    def test_adds_and_finds(self):
        added = self.searcher.add([*self.paths, "missing.png"], classes=[0] * 5 + [1] * 5 + [2])
        self.assertEqual(len(self.index), 10)
        self.assertEqual((added.errors[10].index, added.errors[10].file), (10, "missing.png"))
        result = self.searcher.search(self.paths, k=3)
        self.assertEqual(result.ids[:, 0].tolist(), list(range(10)))
        self.assertEqual([row[0] for row in result.keys], self.paths)
        self.assertEqual(result.classes[:, 0].tolist(), [0] * 5 + [1] * 5)
        np.testing.assert_array_equal(result.ids, self.index.search(self.model.embed(self.paths), 3).ids)
        ids, _ = self.searcher.search(self.paths, 2, exclude_ids=np.arange(10), class_id=1)
        self.assertTrue((ids[5:, 0] != np.arange(5, 10)).all() and (ids >= 5).all())
        own = self.searcher.search(self.paths, 1, own_class=True)
        self.assertEqual(own.ids[:, 0].tolist(), list(range(10)))

    def test_many_parts(self):
        noise = [np.full((8, 8, 3), i % 256, np.uint8) for i in range(530)]
        seen = []
        self.searcher.add(noise, ids=np.arange(530)[::-1].copy(), keys=map(str, range(530)), progress=lambda *now: seen.append(now))
        self.assertEqual(seen[-1], (530, 530))
        self.assertEqual(self.index.key(0), "529")
        result = self.searcher.search(noise, 1, exclude_ids=np.arange(530)[::-1].copy())
        self.assertFalse((result.ids[:, 0] == np.arange(530)[::-1]).any())
        self.assertEqual(result.counts.sum(), 530)

    def test_failures(self):
        self.searcher.add(self.paths)
        error = self.refuses(libretrieve.FileError, "missing.png", self.searcher.search, [self.paths[0], "missing.png"])
        self.assertEqual(error.index, 1)
        result = self.searcher.search([self.paths[0], "missing.png"], on_error="keep")
        self.assertEqual(result.counts.tolist(), [10, 0])
        self.assertEqual((result.errors[0], str(result.errors[1])), (None, str(error)))
        self.refuses(ValueError, "on_error", self.searcher.search, self.paths, on_error="ignore")
        self.refuses(ValueError, "ids: shape", self.searcher.add, self.paths, ids=[1])
        self.refuses(ValueError, "keys: length", self.searcher.add, self.paths, keys=["a"])

        def stop(done, total):
            raise KeyError("enough")

        self.refuses(KeyError, "enough", self.searcher.search, self.paths * 4, progress=stop)
        self.refuses(KeyError, "enough", self.searcher.add, self.paths * 4, progress=stop)
        self.assertEqual(len(self.index), 10)

    def test_the_index_has_to_be_the_models(self):
        foreign = Index.create(12)
        self.refuses(libretrieve.MismatchError, "RTV_ACCEPT_ANY", Searcher, self.model, foreign)
        Searcher(self.model, foreign, accept="any")
        self.refuses(libretrieve.MismatchError, "dimension", Searcher, self.model, Index.create(11), accept="any")

    def test_closing_in_any_order(self):
        self.searcher.add(self.paths)
        self.model.close()
        self.index.close()
        self.assertEqual(self.searcher.search(self.paths[3], 1).keys, [[self.paths[3]]])
        self.searcher.close()
        self.refuses(libretrieve.ClosedError, "Searcher is closed", self.searcher.search, self.paths[0])
        self.refuses(libretrieve.ClosedError, "Index is closed", Searcher, support.toy(), self.index)


class Pages(support.TestCase):
    def setUp(self):
        super().setUp()
        self.model = support.toy()
        self.index = Index.create(self.model)
        self.searcher = Searcher(self.model, self.index)
        self.paths = support.pictures("ant")

    def test_pictures_scores_and_names(self):
        self.searcher.add(self.paths, classes=[0] * 5)
        self.index.set_class_names(["<ant>"])
        page = self.searcher.search([self.paths[0], support.pixels(500, 300)], 2)._repr_html_()
        self.assertEqual(page.count("<img style="), 6)
        self.assertEqual(page.count("data:image/png;base64,"), 6)
        self.assertIn("&lt;ant&gt;", page)
        self.assertIn("1.0000", page)
        self.assertNotIn("<ant>", page)

    def test_every_kind_of_query(self):
        self.searcher.add(self.paths[:1])
        data = Path(self.paths[0]).read_bytes()
        gray = support.pixels(channels=1)
        queries = [data, Pixels(support.pixels()), gray, gray[:, :, 0], self.model.preprocess(self.paths[0]), "missing.png"]
        result = self.searcher.search(queries, 1, on_error="keep")
        page = result._repr_html_()
        self.assertEqual(page.count("<tr>"), 6)
        self.assertIn("cannot open", page)
        self.assertEqual(pickle.loads(pickle.dumps(result))._repr_html_(), page)

    def test_names_that_lie(self):
        """A key may be anything: a page must stay whole."""
        vectors = self.model.embed(self.paths)
        self.index.add(None, vectors, keys=['"><script>alert(1)</script>', "missing.png", "/", "é" * 100, ""])
        page = self.searcher.search(self.paths[0], 5)._repr_html_()
        self.assertNotIn("<script>", page)
        page.encode("utf-8")
        page = self.searcher.search(["\udcff.png"], 1, on_error="keep")._repr_html_()
        page.encode("utf-8")
        many = self.index.search(np.repeat(vectors, 5, axis=0), 1)._repr_html_()
        self.assertIn("and 5 more queries", many)


if __name__ == "__main__":
    unittest.main()
