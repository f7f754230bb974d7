"""The interfaces of scikit-learn, faiss and PyTorch, none of which need be there."""

import pickle
import unittest

import numpy as np
import support

import libretrieve
from libretrieve import DescriptorDataset, ImageEmbedder, IndexFlatIP


class Transformer(support.TestCase):
    def test_as_scikit_learn_uses_it(self):
        model = support.toy()
        paths = support.pictures("ant")
        embedder = ImageEmbedder(model)
        self.assertIs(embedder.fit(paths, [0] * 5), embedder)
        np.testing.assert_array_equal(embedder.fit_transform(paths), model.embed(paths))
        clone = type(embedder)(**embedder.get_params())
        self.assertIs(clone.model, model)
        self.assertEqual(embedder.set_params(mode="latency").mode, "latency")
        self.refuses(ValueError, "no parameter 'size'", embedder.set_params, size=3)
        self.assertEqual(embedder.get_feature_names_out()[11], "descriptor11")
        self.refuses(TypeError, "cannot pickle", pickle.dumps, embedder)

    def test_a_path_travels(self):
        path = str(self.folder / "toy.safetensors")
        support.toy().save(path)
        embedder = ImageEmbedder(path, mode="throughput").fit(None)
        again = pickle.loads(pickle.dumps(embedder))
        np.testing.assert_array_equal(again.transform(support.pixels()), embedder.transform(support.pixels()))
        self.assertIn("throughput", repr(again))
        self.refuses(FileNotFoundError, "nothing", ImageEmbedder("nothing").fit, [])


class Flat(support.TestCase):
    def test_as_faiss_users_use_it(self):
        vectors = support.unit_vectors(30, 8)
        index = IndexFlatIP(8)
        index.train(vectors)
        self.assertTrue(index.is_trained)
        index.add(vectors.astype(np.float64))
        self.assertEqual((index.ntotal, index.d, index.metric_type), (30, 8, 0))
        distances, labels = index.search(vectors[::2], 3)  # not contiguous
        self.assertEqual(labels[:, 0].tolist(), list(range(0, 30, 2)))
        self.assertEqual((distances.dtype, labels.dtype, labels.shape), (np.float32, np.int64, (15, 3)))
        np.testing.assert_allclose(distances[:, 0], 1, rtol=1e-6)
        distances, labels = index.search(vectors[:1], 32)
        self.assertEqual(labels[0, 30:].tolist(), [-1, -1])
        self.assertEqual(distances[0, 31], np.finfo(np.float32).min)
        index.reset()
        self.assertEqual(index.ntotal, 0)
        index.add_with_ids(vectors[:2], np.array([9, 4], np.int32))
        self.assertEqual(index.search(vectors[:2], 1)[1].tolist(), [[9], [4]])
        self.refuses(libretrieve.MismatchError, "dimension", index.add, vectors[:, :7])
        self.refuses(ValueError, "shape: got (8,)", index.search, vectors[0], 1)
        self.assertIn("2 vectors of 8", repr(index))


class Dataset(support.TestCase):
    def test_as_a_data_loader_uses_it(self):
        model = support.toy()
        paths = support.pictures("ant")
        dataset = DescriptorDataset.embed(model, paths, [0, 1, 2, 3, 4], transform=lambda row: row * 2)
        self.assertEqual(len(dataset), 5)
        descriptor, label = dataset[3]
        np.testing.assert_array_equal(descriptor, model.embed(paths[3])[0] * 2)
        self.assertEqual((label, type(label)), (3, int))
        again = pickle.loads(pickle.dumps(DescriptorDataset(dataset.descriptors)))
        self.assertEqual(again[0][1], -1)
        with self.assertRaises(IndexError):
            dataset[5]
        self.refuses(ValueError, "classes: shape", DescriptorDataset, dataset.descriptors, [1])
        self.refuses(ValueError, "descriptors: shape", DescriptorDataset, dataset.descriptors[0])
        self.refuses(TypeError, "float64", DescriptorDataset, dataset.descriptors.astype(float))


if __name__ == "__main__":
    unittest.main()
