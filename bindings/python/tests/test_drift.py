"""Reports on two models, against NumPy."""

import unittest

import numpy as np
import support

import libretrieve
from libretrieve import Drift, compare, quantize


class Comparing(support.TestCase):
    def setUp(self):
        super().setUp()
        self.model = support.toy()
        self.paths = support.pictures("ant", "key", "whale", "tram")
        self.labels = [i // 5 for i in range(20)]

    def test_is_the_definition(self):
        quantized = quantize(self.model, self.paths[:5])
        report = compare(self.model, quantized, self.paths, self.labels, ks=[1, 3])
        a, b = self.model.embed(self.paths).astype(np.float64), quantized.embed(self.paths).astype(np.float64)
        cosines = (a * b).sum(axis=1)
        info = report.info
        self.assertEqual((info.num_pictures, info.num_compared, info.num_queries, info.num_lone), (20, 20, 20, 0))
        self.assertEqual(info.num_calibrated, 5)
        self.assertAlmostEqual(info.cosine_mean, cosines.mean(), places=6)
        self.assertAlmostEqual(info.cosine_median, np.median(cosines), places=6)
        pictures = report.pictures()
        np.testing.assert_allclose([picture.cosine for picture in pictures], cosines, atol=1e-6)
        scores = a @ a.T - 9 * np.eye(20)
        self.assertEqual([picture.nearest_a for picture in pictures], scores.argmax(axis=1).tolist())
        right = np.mean([self.labels[i] == label for i, label in zip(scores.argmax(axis=1), self.labels)])
        recalls = report.recalls()
        self.assertEqual([recall.k for recall in recalls], [1, 3])
        self.assertAlmostEqual(recalls[0].recall_a, right)
        self.assertAlmostEqual(recalls[0].recall_b - recalls[0].recall_a, (recalls[0].gained - recalls[0].lost) / 20)
        layers = report.layers()
        self.assertEqual((layers[0].precision_a, layers[0].precision_b), ("f32", "int8"))
        self.assertAlmostEqual(layers[0].snr_db, 10 * np.log10(layers[0].signal / layers[0].noise))
        self.assertIn("20 pictures", repr(report))

    def test_parts(self):
        report = compare(self.model, self.model, iter(self.paths[:3]), layer_pictures=0)
        self.assertEqual((report.recalls(), report.layers()), ([], []))
        self.assertEqual(report.info.num_moved, 0)
        bad = compare(self.model, self.model, [self.paths[0], "missing.png"]).pictures()
        self.assertIsNone(bad[0].message)
        self.assertIn("missing.png", bad[1].message)

    def test_failures(self):
        self.refuses(TypeError, "compare", Drift)
        self.refuses(ValueError, "classes: shape", compare, self.model, self.model, self.paths, [1])
        self.refuses(ValueError, "ks[1]", compare, self.model, self.model, self.paths, self.labels, ks=[2, 1])
        self.refuses(libretrieve.RetrieveError, "missing", compare, self.model, self.model, "missing.png")

        def stop(done, total):
            raise KeyError("enough")

        self.refuses(KeyError, "enough", compare, self.model, self.model, self.paths, progress=stop)
        report = compare(self.model, self.model, self.paths[0])
        report.close()
        self.refuses(libretrieve.ClosedError, "Drift is closed", report.pictures)


if __name__ == "__main__":
    unittest.main()
