"""What the tests share: the toy model, pictures of the example gallery, a folder that goes away."""

import os
import tempfile
import unittest
from pathlib import Path

import numpy as np

import libretrieve

TOP = Path(__file__).resolve().parents[3]
TOYS = TOP / "tests/golden/models"
GALLERY = TOP / "examples/gallery"
SANITIZED = "RTV_SANITIZED" in os.environ


def toy(**options):
    """A network of base width 4 with descriptors of 12 and 5 classes, for pictures of 32x32."""
    return libretrieve.Model.from_checkpoint(TOYS / "cgd_sg.pth", input_size=(32, 32), **options)


def pictures(*classes):
    """Paths of gallery pictures, five a class."""
    return sorted(str(path) for name in classes for path in (GALLERY / name).glob("*.png"))


def pixels(height=40, width=50, channels=3):
    """Noise."""
    return np.random.default_rng(7).integers(0, 256, (height, width, channels), dtype=np.uint8)


def hashes(count, first=0):
    """The noise that every language computes: tests/golden/models/README.md."""
    i = np.arange(first, first + count, dtype=np.uint32)
    h = i * np.uint32(2654435761)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(2246822519)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(3266489917)
    return h ^ (h >> np.uint32(16))


def noise(count, first=0):
    """The same as float32."""
    return ((hashes(count, first) >> np.uint32(8)).astype(np.float64) / 4194304 - 2).astype(np.float32)


def unit_vectors(count, dim, seed=3):
    values = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


class TestCase(unittest.TestCase):
    """With a folder of its own in self.folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=os.getcwd(), prefix="test_folder.")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def refuses(self, kind, words, function, *arguments, **named):
        """The call raises this exception, and its text has these words."""
        with self.assertRaises(kind) as caught:
            function(*arguments, **named)
        self.assertIn(words, str(caught.exception))
        return caught.exception
