"""Exact search over descriptors."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Any, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from . import _arrays, _ffi
from ._callbacks import Progress, Watch
from ._library import Handle, Owned, Path_, call, fields, lib, path_bytes, read_text, text_bytes
from .errors import InvalidArgumentError, NotFoundError
from .model import Model
from .results import HIT, SearchResult
from .runtime import Runtime, choice, initialised, runtime_owned

if TYPE_CHECKING:
    from ._arrays import IdsLike, VectorsLike

__all__ = ["Index", "IndexInfo"]

_KINDS = {"label": _ffi.RTV_CLASSES_LABEL, "predicted": _ffi.RTV_CLASSES_PREDICTED}
#: A class by number or by name.
Class = Union[int, str]


class IndexInfo(NamedTuple):
    """What an index is."""

    dim: int
    #: items
    num_items: int
    memory_bytes: int
    #: names of classes
    num_classes: int
    #: names of predicted classes
    num_predicted: int
    #: of the file
    format: int
    #: some item has a class
    has_classes: bool
    #: some item has a predicted class
    has_predicted: bool
    #: of the model whose descriptors these are; empty for none
    fingerprint: str
    model_name: str


class Items:
    """What is added to an index, as the library takes it, and what has to live as long."""

    def __init__(
        self,
        count: Optional[int],
        ids: Optional[IdsLike],
        keys: Optional[Iterable[Optional[str]]],
        classes: Optional[IdsLike],
        predicted: Optional[IdsLike] = None,
    ) -> None:
        self.ids = None if ids is None else _arrays.integers(ids, np.int64, count, "ids")
        self.classes = None if classes is None else _arrays.integers(classes, np.int32, count, "classes")
        self.predicted = None if predicted is None else _arrays.integers(predicted, np.int32, count, "predicted")
        self.keys: Any = None
        if keys is not None:
            encoded = [None if key is None else text_bytes(os.fspath(key)) for key in keys]
            if count is not None and len(encoded) != count:
                raise InvalidArgumentError(f"keys: length: got {len(encoded)}, expected {count}")
            self.keys = (ctypes.c_char_p * len(encoded))(*encoded)
        self.struct = self._struct()

    def part(self, at: slice) -> Items:
        """Some of them."""
        part = Items.__new__(Items)
        for field in ("ids", "classes", "predicted"):
            array = getattr(self, field)
            setattr(part, field, None if array is None else array[at])
        part.keys = None
        if self.keys is not None:
            some = self.keys[at]
            part.keys = (ctypes.c_char_p * len(some))(*some)
        part.struct = part._struct()
        return part

    def _struct(self) -> Any:
        return _ffi.rtv_items(
            struct_size=ctypes.sizeof(_ffi.rtv_items),
            ids=_address(self.ids),
            keys=None if self.keys is None else ctypes.addressof(self.keys),
            classes=_address(self.classes),
            predicted=_address(self.predicted),
        )


def _address(array: Any) -> Optional[int]:
    return None if array is None else array.ctypes.data


class Index(Handle):
    """Items of an id, a vector, and, each optional, a key, a class and a predicted class. Any thread may use it at any time.

    ::

        index = Index.create(model)                       # or Index.create(1536)
        index.add(None, descriptors, keys=paths)
        ids, scores = index.search(query, 10)
        index.save("pictures.rtvx")
    """

    __slots__ = ("_dim",)
    _dim: int

    def __init__(self) -> None:
        raise TypeError("use Index.open(...) or Index.create(...)")

    @classmethod
    def create(cls, dim: Union[int, Model], *, runtime: Optional[Runtime] = None) -> Index:
        """An empty index.

        Parameters
        ----------
        dim : int or Model
            Floats in a vector; or the model whose descriptors these will be: other models are refused later.
        runtime : Runtime, optional
            The threads to run on.
        """
        if isinstance(dim, Model):
            model = dim._use()
            return cls._make(lib.rtv_index_create_for_model, [model.address], runtime)
        return cls._make(lib.rtv_index_create, [dim], runtime)

    @classmethod
    def open(cls, source: Union[Path_, bytes], *, runtime: Optional[Runtime] = None) -> Index:
        """Read an index file, or the bytes of one.

        Raises
        ------
        FileError, FormatError, ChecksumError, UnsupportedError
        """
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = np.frombuffer(source, dtype=np.uint8)
            return cls._make(lib.rtv_index_open_bytes, [data.ctypes.data, data.size], runtime)
        return cls._make(lib.rtv_index_open, [path_bytes(source)], runtime, file=os.fspath(source))

    @classmethod
    def _make(cls, function: Any, arguments: List[Any], runtime: Optional[Runtime], file: Optional[str] = None) -> Index:
        owned, address = runtime_owned(runtime)
        pointer = ctypes.c_void_p()
        call(function, *arguments, address, ctypes.byref(pointer), file=file)
        index = cls.__new__(cls)
        index._take(pointer, lib.rtv_index_free, owned)
        index._dim = index.info.dim
        return index

    def save(self, path: Path_) -> None:
        """Write the whole index and replace the file at once: after a failure or a crash the old one is there."""
        owned = self._use()
        call(lib.rtv_index_save, owned.address, path_bytes(path), file=os.fspath(path))

    @property
    def info(self) -> IndexInfo:
        """What the index is."""
        owned = self._use()
        info = _ffi.rtv_index_info(struct_size=ctypes.sizeof(_ffi.rtv_index_info))
        call(lib.rtv_index_info_get, owned.address, ctypes.byref(info))
        values = fields(info, set(IndexInfo._fields) - {"num_items"})
        values.update(num_items=info.count, has_classes=bool(info.has_classes), has_predicted=bool(info.has_predicted))
        return IndexInfo(**values)

    @property
    def dim(self) -> int:
        """Floats in a vector."""
        return self._dim

    def __len__(self) -> int:
        return self.info.num_items

    def __bool__(self) -> bool:
        return True  # also an empty index is one

    def add(
        self,
        ids: Optional[IdsLike],
        vectors: VectorsLike,
        *,
        keys: Optional[Iterable[Optional[str]]] = None,
        classes: Optional[IdsLike] = None,
        predicted: Optional[IdsLike] = None,
    ) -> None:
        """Add items, all or none.

        Parameters
        ----------
        ids : array of integers or None
            [n], 0 and above, none there yet; None: one more than the largest so far, on and on.
        vectors : array
            [n, dim] float32, C-contiguous, finite. Of unit length, if scores are to be cosines.
        keys : iterable of str or None
            [n] what the items are called, for example paths.
        classes, predicted : array of integers
            [n], -1 for none.

        Raises
        ------
        ExistsError
            An id is there already, or comes twice.
        MismatchError
            The vectors have another dimension.
        InvalidArgumentError
            Not finite, a negative id, another shape; the message tells which item.
        """
        owned = self._use()
        array = _arrays.vectors(vectors, self._dim, "vectors")
        items = Items(array.shape[0], ids, keys, classes, predicted)
        items.struct.vectors = array.ctypes.data
        call(lib.rtv_index_add, owned.address, ctypes.byref(items.struct), array.shape[0])

    def search(
        self,
        queries: VectorsLike,
        k: int = 10,
        *,
        class_id: Optional[Class] = None,
        predicted_class: Optional[Class] = None,
        min_score: Optional[float] = None,
        exclude_ids: Optional[IdsLike] = None,
        progress: Progress = None,
    ) -> SearchResult:
        """The k items with the highest scores for each query: score falling, then id rising.

        Parameters
        ----------
        queries : array
            [n, dim] float32, C-contiguous; or one vector, [dim].
        k : int
            At most so many hits for each.
        class_id, predicted_class : int or str, optional
            Only items of this class, or predicted as this class; by number or name.
        min_score : float, optional
            Only hits with at least this score.
        exclude_ids : array of integers, optional
            [n] the item that each query must not find, usually itself; -1 for none.
        progress : callable or tqdm, optional
            As for `Model.embed`; it must not use this index.

        Returns
        -------
        SearchResult
            Unpacks as ``ids, scores``, both [n, k].
        """
        owned = self._use()
        array = _arrays.vectors(queries, self._dim, "queries")
        count = array.shape[0]
        hits, counts = hit_arrays(count, k)
        where = (_arrays.pointer(hits), _arrays.pointer(counts))
        first = (lib.rtv_index_search, owned.address, _arrays.pointer(array), count, k)
        plain = class_id is None and predicted_class is None and min_score is None and exclude_ids is None
        if plain and progress is None and count <= _SHORT:
            call(*first, None, *where)
        else:
            options, kept = search_options(owned, class_id, predicted_class, min_score, exclude_ids, count)
            with Watch(progress, owned) as watch:
                options.progress = watch.function
                watch.call(*first, ctypes.byref(options), *where)
            del kept
        return SearchResult(hits, counts, IndexNames(owned))

    def key(self, id: int) -> str:
        """The key of an item; empty when it has none."""
        return IndexNames(self._use()).key(id)

    def set_class_names(self, names: Sequence[str], *, kind: str = "label") -> None:
        """Name the classes 0, 1, 2 ...; ``kind="predicted"``: the predicted classes."""
        owned = self._use()
        encoded = (ctypes.c_char_p * len(names))(*map(text_bytes, names))
        call(lib.rtv_index_set_class_names, owned.address, choice(_KINDS, kind, "kind"), ctypes.byref(encoded), len(names))

    def class_name(self, class_id: int, *, kind: str = "label") -> str:
        """The name of a class. Raises NotFoundError when it has none."""
        owned = self._use()
        return read_text(lib.rtv_index_class_name, owned.address, choice(_KINDS, kind, "kind"), class_id)

    def class_id(self, name: str, *, kind: str = "label") -> int:
        """The number of a class name. Raises NotFoundError."""
        return _class_number(self._use(), name, kind)

    def __repr__(self) -> str:
        return "<Index, closed>" if self.closed else f"<Index: {len(self)} items of dimension {self._dim}>"


_SHORT = 16  # queries: a search for so many is over before anybody presses Ctrl-C


def hit_arrays(count: int, k: int) -> Tuple[Any, Any]:
    """Where the hits of count queries and their numbers go."""
    if k < 1:
        raise InvalidArgumentError(f"k: got {k}, expected at least 1")
    return np.empty((count, k), dtype=HIT), np.empty(count, dtype=np.int64)


def search_options(
    index: Owned,
    class_id: Optional[Class],
    predicted_class: Optional[Class],
    min_score: Optional[float],
    exclude_ids: Optional[IdsLike],
    count: int,
) -> Tuple[Any, Any]:
    """Search options, and what has to live as long."""
    options = initialised(_ffi.rtv_search_options, lib.rtv_search_options_init_sized)
    kept = None
    if class_id is not None:
        options.class_id = _class_number(index, class_id, "label")
    if predicted_class is not None:
        options.predicted_class = _class_number(index, predicted_class, "predicted")
    if min_score is not None:
        options.min_score = min_score
    if exclude_ids is not None:
        kept = _arrays.integers(exclude_ids, np.int64, count, "exclude_ids")
        options.exclude_ids = kept.ctypes.data
    return options, kept


def _class_number(index: Owned, given: Class, kind: str) -> int:
    if not isinstance(given, str):
        return given
    number = ctypes.c_int32()
    call(lib.rtv_index_class_id, index.address, choice(_KINDS, kind, "kind"), text_bytes(given), ctypes.byref(number))
    return number.value


class IndexNames:
    """Tells the names of things in an index, also after it was closed."""

    __slots__ = ("_owned",)

    def __init__(self, owned: Owned) -> None:
        self._owned = owned

    def key(self, id: int) -> str:
        """The key of an item."""
        return read_text(lib.rtv_index_key, self._owned.address, id)

    def class_name(self, class_id: int) -> Optional[str]:
        """The name of a class, None when it has none."""
        if class_id < 0:
            return None
        try:
            return read_text(lib.rtv_index_class_name, self._owned.address, _ffi.RTV_CLASSES_LABEL, class_id)
        except NotFoundError:
            return None
