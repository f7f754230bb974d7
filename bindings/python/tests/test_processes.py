"""multiprocessing, by fork and by spawn."""

import multiprocessing
import os
import unittest

import numpy as np
import support

import libretrieve
from libretrieve import Index


def embed_in_child(path):
    """What a worker does: its own model."""
    return support.toy().embed(path)


def fail_in_child(path):
    return support.toy().embed(path)


def in_fork(work):
    """What work returns in a child made by fork, or its exception as text."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = str(work())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        text = file.read()
    _, status = os.waitpid(child, 0)
    return f"status {status}" if status else text


class Processes(support.TestCase):
    def test_workers(self):
        path = support.pictures("ant")[0]
        want = support.toy().embed(path)
        for method in ("fork", "spawn"):
            with multiprocessing.get_context(method).Pool(2) as pool:
                for got in pool.map(embed_in_child, [path] * 3):
                    np.testing.assert_array_equal(got, want)

    def test_exceptions_cross_processes(self):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            error = self.refuses(libretrieve.MissingFileError, "missing.png", pool.map, fail_in_child, ["missing.png"])
        self.assertEqual((error.file, error.index, error.status_name), ("missing.png", 0, "RTV_E_IO"))
        self.assertEqual(error.filename, "missing.png")

    def test_objects_of_the_parent(self):
        model, index = support.toy(), Index.create(12)
        index.add(None, np.eye(12, dtype=np.float32))
        picture = support.pixels()
        model.embed(picture)
        self.assertIn("ForkedError", in_fork(lambda: model.embed(picture)))
        self.assertIn("ForkedError", in_fork(lambda: index.search(np.eye(12, dtype=np.float32), 1)))
        self.assertIn("ForkedError", in_fork(lambda: len(index)))
        self.assertEqual(in_fork(lambda: model.info.descriptor_dim), "12")
        self.assertEqual(in_fork(lambda: (model.close(), index.close())), "(None, None)")
        self.assertEqual(in_fork(lambda: support.toy().embed(picture).shape), "(1, 12)")
        self.assertEqual(model.embed(picture).shape, (1, 12))


if __name__ == "__main__":
    unittest.main()
