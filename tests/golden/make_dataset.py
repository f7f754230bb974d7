#!/usr/bin/env python3
"""Writes tests/golden/dataset/cars_annos.mat and cars_plain.mat: the form of Cars-196's annotations, with seven made-up pictures.

Needs NumPy and SciPy. Usage: make_dataset.py [FOLDER]
"""
import pathlib
import sys

import numpy as np
from scipy.io import savemat

NAMES = ["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "smart fortwo Convertible 2012", "Fisker"]
PICTURES = [("car_ims/000001.jpg", 112, 7, 853, 717, 1, 0), ("car_ims/000002.jpg", 48, 24, 441, 202, 1, 1),
            ("car_ims/000003.jpg", 7, 4, 277, 180, 2, 0), ("car_ims/000004.jpg", 33, 50, 197, 150, 3, 1),
            ("car_ims/000005.jpg", 5, 8, 83, 58, 4, 0), ("car_ims/000006.jpg", 20, 1, 1700, 1000, 4, 1),
            ("car_ims/7.jpg", 1, 1, 70000, 255, 4, 1)]
FIELDS = ["relative_im_path", "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "test"]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "dataset")
    folder.mkdir(exist_ok=True)
    annotations = np.zeros((1, len(PICTURES)), dtype=[(field, object) for field in FIELDS])
    for i, picture in enumerate(PICTURES):
        for field, value in zip(FIELDS, picture):
            # as in the original: the least type that holds the number
            annotations[0, i][field] = value if isinstance(value, str) else np.array([[value]], np.min_scalar_type(value))
    names = np.zeros((1, len(NAMES)), dtype=object)
    names[0, :] = NAMES
    contents = {"annotations": annotations, "class_names": names}
    savemat(folder / "cars_annos.mat", contents, do_compression=True)
    savemat(folder / "cars_plain.mat", contents)
    savemat(folder / "cars_doubles.mat", {"annotations": np.array([[(PICTURES[0][0], 112.5, 7.0, 853.0, 717.0, 1.0)]],
                                                                  dtype=[(field, object) for field in FIELDS[:-1]]), "class_names": names},
            do_compression=True)


main()
