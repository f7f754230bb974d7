"""The lists that come with customary data sets: which pictures there are, their classes, what is for training and what for testing."""

from __future__ import annotations

import ctypes
import os
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from . import _ffi
from ._library import Handle, Path_, call, lib, path_bytes
from .errors import InvalidArgumentError
from .runtime import Runtime, choice, runtime_owned

__all__ = ["Dataset", "DatasetEntry"]

_FORMATS = {
    "sop": _ffi.RTV_DATASET_SOP,
    "cub": _ffi.RTV_DATASET_CUB,
    "cars": _ffi.RTV_DATASET_CARS,
    "inshop": _ffi.RTV_DATASET_INSHOP,
    "csv": _ffi.RTV_DATASET_CSV,
}
_SPLITS = {
    "none": _ffi.RTV_SPLIT_NONE,
    "train": _ffi.RTV_SPLIT_TRAIN,
    "test": _ffi.RTV_SPLIT_TEST,
    "query": _ffi.RTV_SPLIT_QUERY,
    "gallery": _ffi.RTV_SPLIT_GALLERY,
}
_SPLIT_NAMES = {number: word for word, number in _SPLITS.items()}


class DatasetEntry(NamedTuple):
    """One picture of a list."""

    #: as listed, below the folder that the list belongs to
    path: str
    #: the number of its class in the sorted order of the names; -1 for none
    class_id: int
    class_name: Optional[str]
    #: as retrieval is evaluated: "train", "test", "query", "gallery" or "none"
    split: str
    #: as the list itself says
    listed_split: str
    #: left, top, width, height in pixels, where the list has it
    box: Optional[Tuple[float, float, float, float]]


class Dataset(Handle):
    """A list, read; a sequence of `DatasetEntry`.

    ::

        dataset = Dataset.read("Stanford_Online_Products/Ebay_test.txt", "sop")
        paths = ["Stanford_Online_Products/" + entry.path for entry in dataset.split("test")]
    """

    __slots__ = ("_count", "_splits")
    _count: int
    _splits: Dict[str, int]

    def __init__(self) -> None:
        raise TypeError("use Dataset.read(path, format)")

    @classmethod
    def read(cls, path: Path_, format: str, *, runtime: Optional[Runtime] = None) -> Dataset:
        """Read a list; nothing is asked of the pictures.

        Parameters
        ----------
        path : path
            "sop": Ebay_train.txt or Ebay_test.txt; "cub": the folder with images.txt; "cars": cars_annos.mat; "inshop":
            list_eval_partition.txt; "csv": a file whose header line names the columns path and, each optional, class and split.
        format : {"sop", "cub", "cars", "inshop", "csv"}
        runtime : Runtime, optional
            Whose memory is taken.

        Raises
        ------
        FormatError
            The file is no such list; the message has the line.
        """
        _, address = runtime_owned(runtime)
        pointer = ctypes.c_void_p()
        kind = choice(_FORMATS, format, "format")
        call(lib.rtv_dataset_read, path_bytes(path), kind, address, ctypes.byref(pointer), file=os.fspath(path))
        dataset = cls.__new__(cls)
        dataset._take(pointer, lib.rtv_dataset_free)
        info = _ffi.rtv_dataset_info(struct_size=ctypes.sizeof(_ffi.rtv_dataset_info))
        call(lib.rtv_dataset_info_get, dataset._use().address, ctypes.byref(info))
        dataset._count = int(info.count)
        dataset._splits = {word: int(info.splits[number]) for word, number in _SPLITS.items() if info.splits[number] > 0}
        return dataset

    @property
    def splits(self) -> Dict[str, int]:
        """How many pictures each split has."""
        self._use()
        return dict(self._splits)

    @property
    def class_names(self) -> List[str]:
        """The names of all classes, by number."""
        owned = self._use()
        info = _ffi.rtv_dataset_info(struct_size=ctypes.sizeof(_ffi.rtv_dataset_info))
        call(lib.rtv_dataset_info_get, owned.address, ctypes.byref(info))
        return [lib.rtv_dataset_class_name(owned.address, i).decode("utf-8", "replace") for i in range(info.num_classes)]

    def __len__(self) -> int:
        self._use()
        return self._count

    def __getitem__(self, number: int) -> DatasetEntry:
        owned = self._use()
        place = number + len(self) if number < 0 else number
        if not 0 <= place < len(self):
            raise IndexError(f"entry: got {number}, expected one of {len(self)}")
        entry = _ffi.rtv_dataset_entry(struct_size=ctypes.sizeof(_ffi.rtv_dataset_entry))
        call(lib.rtv_dataset_entry_get, owned.address, place, ctypes.byref(entry))
        name = lib.rtv_dataset_class_name(owned.address, entry.class_id)
        return DatasetEntry(
            entry.path.decode("utf-8", "surrogateescape"),
            entry.class_id,
            None if name is None else name.decode("utf-8", "replace"),
            _SPLIT_NAMES.get(entry.split, str(entry.split)),
            _SPLIT_NAMES.get(entry.listed_split, str(entry.listed_split)),
            tuple(entry.box) if entry.has_box else None,
        )

    def __iter__(self) -> Iterator[DatasetEntry]:
        return (self[i] for i in range(len(self)))

    def split(self, name: str) -> List[DatasetEntry]:
        """The pictures of a split."""
        if name not in _SPLITS:
            raise InvalidArgumentError(f"split: got {name!r}, expected one of {', '.join(map(repr, _SPLITS))}")
        return [entry for entry in self if entry.split == name]

    def __repr__(self) -> str:
        return "<Dataset, closed>" if self.closed else f"<Dataset of {len(self)} pictures: {self.splits}>"
