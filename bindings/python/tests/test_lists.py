"""Lists of customary data sets."""

import unittest

import support

import libretrieve
from libretrieve import Dataset

GOLDEN = support.TOP / "tests/golden/dataset"


class Lists(support.TestCase):
    def test_csv(self):
        path = self.folder / "list.csv"
        path.write_text("path,class,split\nb/1.jpg,bee,train\na/2.jpg,ant,test\na/3.jpg,ant,test\nx.jpg,,\n", encoding="utf-8")
        with Dataset.read(path, "csv") as dataset:
            self.assertEqual((len(dataset), dataset.splits), (4, {"none": 1, "train": 1, "test": 2}))
            self.assertEqual(dataset.class_names, ["ant", "bee"])
            self.assertEqual([entry.path for entry in dataset.split("test")], ["a/2.jpg", "a/3.jpg"])
            first, last = dataset[0], dataset[-1]
            self.assertEqual(
                (first.class_id, first.class_name, first.split, first.listed_split, first.box), (1, "bee", "train", "train", None)
            )
            self.assertEqual((last.class_id, last.class_name, last.split), (-1, None, "none"))
            self.assertEqual(len(list(dataset)), 4)
            self.assertIn("4 pictures", repr(dataset))
            self.refuses(IndexError, "got 4", dataset.__getitem__, 4)
            self.refuses(ValueError, "split: got 'all'", dataset.split, "all")
        self.refuses(libretrieve.ClosedError, "Dataset is closed", len, dataset)

    def test_boxes(self):
        dataset = Dataset.read(GOLDEN / "cars_plain.mat", "cars")
        boxes = [entry.box for entry in dataset]
        self.assertGreater(len(boxes), 1)
        self.assertTrue(all(box is not None and len(box) == 4 for box in boxes))

    def test_failures(self):
        self.refuses(TypeError, "Dataset.read", Dataset)
        self.refuses(FileNotFoundError, "none", Dataset.read, self.folder / "none", "sop")
        path = self.folder / "list.txt"
        path.write_text("nothing of this kind\n", encoding="utf-8")
        self.refuses(libretrieve.FormatError, "list.txt", Dataset.read, path, "sop")
        self.refuses(ValueError, "format: got 'voc'", Dataset.read, path, "voc")


if __name__ == "__main__":
    unittest.main()
