"""Quantizers: calibration from anything, settings, and what goes wrong."""

import re
import unittest

import numpy as np
import support

import libretrieve
from libretrieve import Model, Quantizer, Subgraph, quantize


class Quantizing(support.TestCase):
    def setUp(self):
        super().setUp()
        self.model = support.toy()
        self.paths = support.pictures("ant", "key", "whale", "tram")

    def test_is_near_the_model_and_a_model_like_any_other(self):
        want = self.model.embed(self.paths)
        with Quantizer(self.model) as quantizer:
            self.assertEqual(quantizer.add(self.paths).added, 20)
            quantized = quantizer.finish()
        got = quantized.embed(self.paths)
        self.assertGreater((got * want).sum(axis=1).min(), 0.9)  # random weights quantize badly: trained ones stay above 0.99
        self.assertTrue((got != want).any())
        path = self.folder / "int8.safetensors"
        quantized.save(path)
        np.testing.assert_array_equal(Model.load(path).embed(self.paths), got)
        self.assertNotEqual(quantized.info.fingerprint, self.model.info.fingerprint)
        np.testing.assert_array_equal(quantize(self.model, iter(self.paths)).embed(self.paths), got)

    def test_any_iterable(self):
        read = []

        def endless():
            while True:
                read.append(1)
                yield support.pixels()

        quantizer = Quantizer(self.model, max_samples=7)
        found = quantizer.add([self.paths[0], "missing.png", self.paths[1]])
        self.assertEqual(found.added, 2)
        self.assertEqual((found.errors[1].index, found.errors[1].file, found.errors[0]), (1, "missing.png", None))
        self.assertEqual(quantizer.add(endless()).added, 5)
        self.assertEqual(len(read), 5)
        self.assertEqual(quantizer.add(endless()).added, 0)
        quantizer.configure(max_samples=9)
        self.assertEqual(quantizer.add(endless()).added, 2)

    def test_settings(self):
        quantizer = Quantizer(
            self.model, preset="performance", weights="pair_safe", ignored=[{"op": "linear"}], max_samples=50, equalize=True
        )
        settings = quantizer.settings
        self.assertEqual((settings["preset"], settings["weights"], settings["max_samples"]), ("performance", "pair_safe", 50))
        self.assertEqual(len(settings["ignored"]), 1)
        again = Quantizer(self.model, settings=settings)
        self.assertEqual(again.settings, settings)
        quantizer.configure(ignored=re.compile(".*conv.*"))
        self.assertEqual(quantizer.settings["preset"], "mixed")
        self.refuses(libretrieve.NotFoundError, "nothing", Quantizer, self.model, ignored="nothing")
        Quantizer(self.model, ignored="nothing", relaxed_scopes=True)
        self.refuses(libretrieve.NotFoundError, "", Quantizer, self.model, ignored=[Subgraph("a", "b")])
        self.refuses(ValueError, "weights: got 'best'", Quantizer, self.model, weights="best")
        self.refuses(TypeError, "no setting 'size'", Quantizer, self.model, size=3)
        self.refuses(TypeError, "a scope is", Quantizer, self.model, ignored=[3])
        self.refuses(ValueError, "max_samples", Quantizer, self.model, max_samples=0)

    def test_failures(self):
        quantizer = Quantizer(self.model)
        self.refuses(libretrieve.StateError, "", quantizer.finish)

        def stop(done, total):
            raise KeyError("enough")

        self.refuses(KeyError, "enough", quantizer.add, self.paths, progress=stop)
        quantizer.add(self.paths)
        self.refuses(KeyError, "enough", quantizer.finish, progress=stop)
        seen = []
        quantized = quantizer.finish(progress=lambda *now: seen.append(now))
        self.assertGreater(len(seen), 0)
        self.refuses(ValueError, "", Quantizer, quantized)
        path = self.folder / "statistics"
        quantizer.save_statistics(path)
        self.refuses(libretrieve.StateError, "", quantizer.load_statistics, path)
        again = Quantizer(self.model)
        again.load_statistics(path)
        self.refuses(FileNotFoundError, "none", Quantizer(self.model).load_statistics, self.folder / "none")
        quantizer.close()
        self.refuses(libretrieve.ClosedError, "Quantizer is closed", quantizer.add, self.paths)
        self.model.close()
        self.refuses(libretrieve.ClosedError, "Model is closed", Quantizer, self.model)


if __name__ == "__main__":
    unittest.main()
