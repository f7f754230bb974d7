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

    def test_what_a_quantized_model_tells(self):
        self.assertIsNone(self.model.provenance)
        self.assertEqual({layer.precision for layer in self.model.quantized_layers()}, {"f32"})
        quantized = quantize(self.model, self.paths[:15], ignored="layer1.0.conv2")
        layers = {layer.name: layer for layer in quantized.quantized_layers()}
        self.assertEqual((layers["conv1"].precision, layers["conv1"].output), ("int8", "u8"))
        self.assertGreater(layers["conv1"].weight_snr_db, 20)
        self.assertEqual((layers["layer1.0.conv2"].precision, layers["layer1.0.conv2"].scale), ("f32", 0))
        self.assertIn("ignored", layers["layer1.0.conv2"].why)
        self.assertEqual((quantized.info.parent, self.model.info.parent), (self.model.info.fingerprint, ""))
        self.assertEqual((quantized.info.calibration_pictures, self.model.info.calibration_pictures), (15, 0))
        self.assertEqual(quantized.provenance["parent"]["fingerprint"], self.model.info.fingerprint)
        self.assertTrue(quantized.is_calibrated_with(self.paths[3]))
        self.assertFalse(quantized.is_calibrated_with(self.paths[17]))
        self.assertFalse(self.model.is_calibrated_with(self.paths[3]))
        self.refuses(FileNotFoundError, "none", quantized.is_calibrated_with, "none.png")
        index = libretrieve.Index.create(self.model)
        self.refuses(libretrieve.MismatchError, "PARENTS", libretrieve.Searcher, quantized, index)
        libretrieve.Searcher(quantized, index, accept="parents")
        self.refuses(ValueError, "accept: got 'all'", libretrieve.Searcher, quantized, index, accept="all")

    def test_simulation(self):
        quantized = quantize(self.model, self.paths)
        got = quantized.embed(self.paths)
        same = quantized.simulate().embed(self.paths)
        self.assertGreater((got * same).sum(axis=1).min(), 0.999)  # the same codes, but for roundings of single values
        coarse = quantized.simulate(weights="channel_symmetric", bits=3, parent=self.model).embed(self.paths)
        self.assertLess((got * coarse).sum(axis=1).mean(), 0.99)
        self.refuses(ValueError, "", quantized.simulate, weights="tensor_symmetric")
        self.refuses(ValueError, "bits", quantized.simulate, weights="tensor_symmetric", bits=9, parent=self.model)
        self.refuses(ValueError, "", self.model.simulate)
        self.refuses(libretrieve.MismatchError, "", quantized.simulate, weights="tensor_symmetric", parent=support.toy(descriptors="GS"))

    def test_accuracy_control(self):
        labels = [i // 5 for i in range(20)]
        quantizer = Quantizer(self.model, weights="half_range")
        quantizer.add(self.paths)
        made, steps = quantizer.finish_within(self.paths, labels, max_drop=1, ks=[1, 3])
        self.assertEqual([step.action for step in steps], ["float", "int8"])
        self.assertEqual([len(step.values) for step in steps], [2, 2])
        np.testing.assert_array_equal(made.embed(self.paths), quantizer.finish().embed(self.paths))
        want, kept = self.model.embed(self.paths), []

        def faithful(model):
            kept.append(model)
            return (model.embed(self.paths) * want).sum(axis=1).mean()

        done = []
        made, steps = quantizer.finish_within(
            self.paths, metric=faithful, max_drop=steps[1].drop - 1, max_layers=1, progress=lambda *now: done.append(now)
        )
        self.assertEqual([step.action for step in steps], ["float", "int8", "revert"])  # it cannot be enough
        self.assertGreater(steps[2].values[0], steps[1].values[0])
        self.assertAlmostEqual(steps[2].values[0], faithful(made))
        self.assertIn(steps[2].layer, [layer.name for layer in made.quantized_layers() if layer.precision == "f32"])
        self.assertGreater(len(done), 2)
        self.refuses(libretrieve.ClosedError, "Model is closed", kept[0].embed, self.paths)

        def broken(model):
            raise KeyError("metric")

        self.refuses(KeyError, "metric", quantizer.finish_within, self.paths, metric=broken)
        self.refuses(ValueError, "got 1 values, expected 2", quantizer.finish_within, self.paths, metric=lambda _: 1, num_values=2)
        self.refuses(libretrieve.CallbackError, "finite", quantizer.finish_within, self.paths, metric=lambda _: float("nan"))
        self.refuses(ValueError, "classes", quantizer.finish_within, self.paths)
        self.refuses(ValueError, "classes: shape", quantizer.finish_within, self.paths, [1])


if __name__ == "__main__":
    unittest.main()
