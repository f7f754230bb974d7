"""Exact search over descriptors."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Any, Callable, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from . import _arrays, _ffi
from ._callbacks import Progress, Watch
from ._library import Handle, Owned, Path_, call, fields, lib, path_bytes, read_text, text_bytes
from .errors import InvalidArgumentError, NotFoundError, RetrieveError
from .model import Model
from .results import HIT, Hit, SearchResult
from .runtime import Runtime, choice, initialised, runtime_owned

if TYPE_CHECKING:
    from ._arrays import Floats, Ids, IdsLike, Numbers, VectorsLike

__all__ = ["Index", "IndexInfo", "Pairs", "Range", "Reduction"]

_STORAGE = {"float32": _ffi.RTV_STORAGE_FLOAT32, "float16": _ffi.RTV_STORAGE_FLOAT16, "int8": _ffi.RTV_STORAGE_INT8}
_STORAGE_NAMES = {number: word for word, number in _STORAGE.items()}
_METHODS = {"pca": _ffi.RTV_REDUCE_PCA, "truncate": _ffi.RTV_REDUCE_TRUNCATE}
_METHOD_NAMES = {number: word for word, number in _METHODS.items()}
_FORMATS = {"npy": _ffi.RTV_VECTORS_NPY, "fvecs": _ffi.RTV_VECTORS_FVECS, "faiss": _ffi.RTV_VECTORS_FAISS}
#: whose vectors are taken
ORIGINS = {"own": _ffi.RTV_ACCEPT_OWN, "any": _ffi.RTV_ACCEPT_ANY, "parents": _ffi.RTV_ACCEPT_PARENTS}
_KINDS = {"label": _ffi.RTV_CLASSES_LABEL, "predicted": _ffi.RTV_CLASSES_PREDICTED}
_PAIR = np.dtype([("a", "<i8"), ("b", "<i8"), ("score", "<f4"), ("reserved", "<i4")])  # rtv_pair
#: A class by number or by name.
Class = Union[int, str]
#: Says whether an item may be a hit of a query.
Accept = Callable[[int, Hit], object]


class IndexInfo(NamedTuple):
    """What an index is."""

    #: floats of a vector as it is given
    dim: int
    #: floats of a vector as it is kept; fewer in a reduced index
    kept_dim: int
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
    #: ``"float32"``, ``"float16"`` or ``"int8"``
    storage: str
    #: vectors are divided by their lengths when they are added
    normalize: bool
    #: open for writing
    writable: bool
    num_segments: int
    #: items that are removed and still take space
    num_removed: int
    #: of the file as committed; 0 in memory
    file_bytes: int
    #: of these, what `Index.compact` would give back, about
    reclaim_bytes: int
    #: items added since the last commit
    uncommitted: int
    #: since the file was made
    commits: int
    #: as set by `Index.set_min_score`; minus infinity for none
    min_score: float


class Reduction(NamedTuple):
    """How an index makes of a vector that it is given the one that it keeps."""

    #: ``"pca"`` or ``"truncate"``
    method: str
    dim: int
    kept_dim: int
    whiten: bool
    #: what is kept has unit length
    normalize: bool
    #: PCA: share of the fitted items' variance that lies in the kept directions
    variance: float
    #: it was fitted on; 0 for a truncation
    fit_items: int


class Pairs(NamedTuple):
    """Pairs of items and their scores."""

    #: [n] int64, the one that was added first
    a: Ids
    #: [n] int64
    b: Ids
    #: [n] float32
    scores: Floats


class Range(NamedTuple):
    """The hits of n queries, one behind the other; those of query i are ``ids[limits[i] : limits[i + 1]]``."""

    #: [n + 1] int64
    limits: Ids
    #: int64
    ids: Ids
    #: float32, falling for each query
    scores: Floats
    #: int32
    classes: Numbers


class Items:
    """What is added to an index, as the library takes it, and what has to live as long."""

    def __init__(
        self,
        count: Optional[int],
        ids: Optional[IdsLike],
        keys: Optional[Iterable[Optional[str]]],
        classes: Optional[IdsLike],
        predicted: Optional[IdsLike] = None,
        payloads: Optional[Iterable[bytes]] = None,
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
        self.payloads: Any = None
        if payloads is not None:
            self._kept = [bytes(payload) for payload in payloads]
            if count is not None and len(self._kept) != count:
                raise InvalidArgumentError(f"payloads: length: got {len(self._kept)}, expected {count}")
            self.payloads = (_ffi.rtv_bytes * len(self._kept))(*map(_bytes, self._kept))
        self.struct = self._struct()

    def part(self, at: slice) -> Items:
        """Some of them."""
        part = Items.__new__(Items)
        for field in ("ids", "classes", "predicted"):
            array = getattr(self, field)
            setattr(part, field, None if array is None else array[at])
        part.keys = part.payloads = None
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
            payloads=None if self.payloads is None else ctypes.addressof(self.payloads),
        )


def _bytes(data: bytes) -> Any:
    """data as an rtv_bytes, which does not keep it alive."""
    return _ffi.rtv_bytes(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data))


def _address(array: Any) -> Optional[int]:
    return None if array is None else array.ctypes.data


class Index(Handle):
    """Items of an id, a vector, and, each optional, a key, a class, a predicted class and a payload of bytes. Any thread may use it at any
    time: every call sees one consistent state.

    ::

        index = Index.create(model)                       # or Index.create(1536)
        index.add(None, descriptors, keys=paths)
        ids, scores = index.search(query, 10)
        index.save("pictures.rtvx")

    Over a file, changes are made durable by `commit`::

        with Index.open("pictures.rtvx", writable=True) as index:
            index.remove([3, 5])
            index.commit()
    """

    __slots__ = ("_dim",)
    _dim: int

    def __init__(self) -> None:
        raise TypeError("use Index.open(...) or Index.create(...)")

    @classmethod
    def create(
        cls,
        dim: Union[int, Model],
        *,
        path: Optional[Path_] = None,
        storage: str = "float32",
        normalize: bool = False,
        runtime: Optional[Runtime] = None,
    ) -> Index:
        """An empty index.

        Parameters
        ----------
        dim : int or Model
            Floats in a vector; or the model whose descriptors these will be: other models are refused later.
        path : path, optional
            Make a new file, open for writing; by default the index is in memory.
        storage : {"float32", "float16", "int8"}
            How vectors are kept; what is searched and given back is what is kept.
        normalize : bool
            Divide vectors by their lengths when they are added.
        runtime : Runtime, optional
            The threads to run on.

        Raises
        ------
        ExistsError
            The file is there already.
        """
        model = dim._use() if isinstance(dim, Model) else None
        options = initialised(_ffi.rtv_index_options, lib.rtv_index_options_init_sized)
        if model is not None:
            options.model = model.address
        elif dim == 0:  # which means the model's, in C
            raise InvalidArgumentError("dim: got 0, expected 1..65536")
        else:
            options.dim = dim
        options.storage = choice(_STORAGE, storage, "storage")
        options.normalize = normalize
        if path is None:
            return cls._make(lib.rtv_index_create_with, [ctypes.byref(options)], runtime)
        return cls._make(lib.rtv_index_create_file, [path_bytes(path), ctypes.byref(options)], runtime, file=os.fspath(path))

    @classmethod
    def open(cls, source: Union[Path_, bytes], *, writable: bool = False, runtime: Optional[Runtime] = None) -> Index:
        """Open an index file, or the bytes of one, as its last commit left it.

        Parameters
        ----------
        source : path or bytes
        writable : bool
            For changes that `commit` makes durable, by one writer at a time; by default changes stay in memory.
        runtime : Runtime, optional
            The threads to run on.

        Raises
        ------
        FileError, FormatError, ChecksumError, UnsupportedError
        BusyError
            Another writer has the file.
        """
        if isinstance(source, (bytes, bytearray, memoryview)):
            if writable:
                raise InvalidArgumentError("writable: bytes in memory cannot be written to")
            data = np.frombuffer(source, dtype=np.uint8)
            return cls._make(lib.rtv_index_open_bytes, [data.ctypes.data, data.size], runtime)
        function = lib.rtv_index_open_writable if writable else lib.rtv_index_open
        return cls._make(function, [path_bytes(source)], runtime, file=os.fspath(source))

    @staticmethod
    def verify(path: Path_, *, progress: Progress = None) -> None:
        """Read a whole index file and check all of it; the exception names what is damaged, and where."""
        with Watch(progress) as watch:
            watch.call(lib.rtv_index_verify, path_bytes(path), None, watch.function, None, file=os.fspath(path))

    @classmethod
    def _make(cls, function: Any, arguments: List[Any], runtime: Optional[Runtime], file: Optional[str] = None) -> Index:
        owned, address = runtime_owned(runtime)
        pointer = ctypes.c_void_p()
        call(function, *arguments, address, ctypes.byref(pointer), file=file)
        index = cls.__new__(cls)
        index._take(pointer, lib.rtv_index_free, owned)
        index._dim = index.info.dim
        return index

    def reduce(
        self,
        dim: Optional[int] = None,
        *,
        method: str = "pca",
        whiten: bool = False,
        normalize: bool = True,
        storage: Optional[str] = None,
        fit_items: int = 100000,
        like: Optional[Index] = None,
        path: Optional[Path_] = None,
        progress: Progress = None,
    ) -> Index:
        """A new index of the same items with fewer dimensions. It is used like any other and with the same model: queries and what is
        added have the old dimension and are reduced on their way in, the same way on every processor. ::

            small = index.reduce(256)
            evaluate(index).recall(1), evaluate(small).recall(1)

        Parameters
        ----------
        dim : int
            Dimensions to keep; None with ``like``.
        method : {"pca", "truncate"}
            The directions along which the items differ most, or the first coordinates.
        whiten : bool
            PCA: divide each coordinate by its standard deviation.
        normalize : bool
            Scale what is kept to unit length.
        storage : {"float32", "float16", "int8"}, optional
            By default as in this index.
        fit_items : int
            PCA: fit it on at most so many items, evenly spread.
        like : Index, optional
            Take the reduction of an index that was reduced before.
        path : path, optional
            Make a new file, open for writing; by default the index is in memory.
        progress : callable, tqdm bar, or tqdm, optional

        Raises
        ------
        ExistsError
            The file is there already.
        MismatchError
            ``like`` is not reduced, or has another dimension.
        """
        owned = self._use()
        options = initialised(_ffi.rtv_reduce_options, lib.rtv_reduce_options_init_sized)
        if (dim is None) == (like is None):
            raise InvalidArgumentError("dim: expected a number, or like")
        options.kept_dim = 0 if dim is None else dim
        options.method = choice(_METHODS, method, "method")
        options.whiten = whiten
        options.normalize = normalize
        options.fit_items = fit_items
        options.storage = 0 if storage is None else choice(_STORAGE, storage, "storage")
        kept = None if like is None else like._use()
        options.like = None if kept is None else kept.address
        pointer = ctypes.c_void_p()
        where = None if path is None else path_bytes(path)
        with Watch(progress) as watch:
            options.progress = watch.function
            file = None if path is None else os.fspath(path)
            watch.call(lib.rtv_index_reduce, owned.address, ctypes.byref(options), where, ctypes.byref(pointer), file=file)
        index = type(self).__new__(type(self))
        index._take(pointer, lib.rtv_index_free)
        index._dim = self._dim
        return index

    @property
    def reduction(self) -> Optional[Reduction]:
        """How the index was reduced; None when it was not."""
        owned = self._use()
        info = _ffi.rtv_reduction_info(struct_size=ctypes.sizeof(_ffi.rtv_reduction_info))
        call(lib.rtv_reduction_info_get, owned.address, ctypes.byref(info))
        if info.method == 0:
            return None
        values = fields(info, set(Reduction._fields))
        values.update(method=_METHOD_NAMES[info.method], whiten=bool(info.whiten), normalize=bool(info.normalize))
        return Reduction(**values)

    def project(self, vectors: VectorsLike) -> Floats:
        """Vectors in the form in which a reduced index keeps them: [n, kept_dim] float32."""
        owned = self._use()
        array = _arrays.vectors(vectors, self._dim, "vectors")
        kept = np.empty((array.shape[0], self.info.kept_dim), dtype=np.float32)
        call(lib.rtv_index_project, owned.address, array.ctypes.data, array.shape[0], kept.ctypes.data)
        return kept

    def save(self, path: Path_) -> None:
        """Write the whole index and replace the file at once: after a failure or a crash the old one is there."""
        owned = self._use()
        call(lib.rtv_index_save, owned.address, path_bytes(path), file=os.fspath(path))

    def commit(self) -> None:
        """Make every change since the last commit durable, all or nothing. Changes that were not are dropped by `close`.

        Raises
        ------
        StateError
            The index is not open for writing.
        """
        owned = self._use()
        call(lib.rtv_index_commit, owned.address)

    def compact(self) -> None:
        """Give the space of removed and replaced items back; over a file that is open for writing, with a commit."""
        owned = self._use()
        call(lib.rtv_index_compact, owned.address)

    def export(self, path: Path_, *, format: str = "npy", with_ids: bool = False) -> None:
        """Write the vectors to a file for others: NumPy's, faiss's flat index, or .fvecs; the order is that of `ids`.

        Parameters
        ----------
        path : path
        format : {"npy", "fvecs", "faiss"}
        with_ids : bool
            faiss: as an IndexIDMap.
        """
        owned = self._use()
        kind = choice(_FORMATS, format, "format")
        call(lib.rtv_index_export, owned.address, path_bytes(path), kind, int(with_ids), file=os.fspath(path))

    def add_file(self, path: Path_, *, ids: Optional[IdsLike] = None, classes: Optional[IdsLike] = None) -> None:
        """Add the vectors of a .npy, .fvecs or .ivecs file, of faiss's flat index, or of the feature database of the CGD code, with the
        ids, keys and classes that the file has, or with those given."""
        owned = self._use()
        pointer = ctypes.c_void_p()
        call(lib.rtv_vectors_open, path_bytes(path), None, ctypes.byref(pointer), file=os.fspath(path))
        vectors = Owned(int(pointer.value or 0), lib.rtv_vectors_free, None)
        info = _ffi.rtv_vectors_info(struct_size=ctypes.sizeof(_ffi.rtv_vectors_info))
        call(lib.rtv_vectors_info_get, vectors.address, ctypes.byref(info))
        own_ids = None if ids is None else _arrays.integers(ids, np.int64, info.count, "ids")
        own_classes = None if classes is None else _arrays.integers(classes, np.int32, info.count, "classes")
        where = (_address(own_ids), _address(own_classes))
        call(lib.rtv_index_import, owned.address, vectors.address, *where, file=os.fspath(path))

    @property
    def info(self) -> IndexInfo:
        """What the index is."""
        owned = self._use()
        info = _ffi.rtv_index_info(struct_size=ctypes.sizeof(_ffi.rtv_index_info))
        call(lib.rtv_index_info_get, owned.address, ctypes.byref(info))
        values = fields(info, set(IndexInfo._fields) - {"num_items"})
        values.update({name: bool(values[name]) for name in ("has_classes", "has_predicted", "normalize", "writable")})
        values.update(num_items=info.count, storage=_STORAGE_NAMES[info.storage])
        return IndexInfo(**values)

    @property
    def dim(self) -> int:
        """Floats in a vector as it is given; a reduced index keeps `IndexInfo.kept_dim`."""
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
        payloads: Optional[Iterable[bytes]] = None,
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
        payloads : iterable of bytes
            [n] kept with the items and given back by `payload`.

        Raises
        ------
        ExistsError
            An id is there already, or comes twice.
        MismatchError
            The vectors have another dimension.
        InvalidArgumentError
            Not finite, a negative id, another shape; the message tells which item.
        """
        self._put(lib.rtv_index_add, vectors, ids, keys, classes, predicted, payloads)

    def replace(
        self,
        ids: IdsLike,
        vectors: VectorsLike,
        *,
        keys: Optional[Iterable[Optional[str]]] = None,
        classes: Optional[IdsLike] = None,
        predicted: Optional[IdsLike] = None,
        payloads: Optional[Iterable[bytes]] = None,
    ) -> None:
        """As `add`, but an item whose id is there already takes its place."""
        self._put(lib.rtv_index_replace, vectors, ids, keys, classes, predicted, payloads)

    def _put(self, function: Any, vectors: VectorsLike, *parts: Any) -> None:
        owned = self._use()
        array = _arrays.vectors(vectors, self._dim, "vectors")
        items = Items(array.shape[0], *parts)
        items.struct.vectors = array.ctypes.data
        call(function, owned.address, ctypes.byref(items.struct), array.shape[0])

    def remove(self, ids: IdsLike) -> int:
        """Remove items by id; one that is not there is no error. Gives how many were."""
        owned = self._use()
        array = _arrays.integers(ids, np.int64, None, "ids")
        removed = ctypes.c_int64()
        call(lib.rtv_index_remove, owned.address, array.ctypes.data, array.shape[0], ctypes.byref(removed))
        return removed.value

    def merge(self, other: Index, *, new_ids: bool = False) -> None:
        """Add the items of another index, with their ids or with new ones. Named classes keep their names."""
        owned, theirs = self._use(), other._use()
        call(lib.rtv_index_merge, owned.address, theirs.address, int(new_ids))

    def search(
        self,
        queries: VectorsLike,
        k: int = 10,
        *,
        class_id: Optional[Class] = None,
        predicted_class: Optional[Class] = None,
        min_score: Optional[float] = None,
        exclude_ids: Optional[IdsLike] = None,
        only_ids: Optional[IdsLike] = None,
        accept: Optional[Accept] = None,
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
        only_ids : array of integers, optional
            Only these items.
        accept : callable, optional
            ``accept(query, hit)``, with the number of the query and a `Hit`, says whether an item may be a hit; asked from the best on.
        progress : callable or tqdm, optional
            As for `Model.embed`.

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
        filters = class_id is not None or predicted_class is not None or exclude_ids is not None or only_ids is not None
        if not filters and min_score is None and accept is None and progress is None and count <= _SHORT:
            call(*first, None, *where)
        else:
            given = (class_id, predicted_class, min_score, exclude_ids, only_ids, accept, progress)
            with Options(owned, count, *given) as options:
                options.call(*first, options.byref(), *where)
        return SearchResult(hits, counts, IndexNames(owned))

    def search_ids(
        self,
        ids: IdsLike,
        k: int = 10,
        *,
        class_id: Optional[Class] = None,
        predicted_class: Optional[Class] = None,
        min_score: Optional[float] = None,
        only_ids: Optional[IdsLike] = None,
        accept: Optional[Accept] = None,
        progress: Progress = None,
    ) -> SearchResult:
        """As `search`, with items of the index as queries; an item does not find itself."""
        owned = self._use()
        array = _arrays.integers(ids, np.int64, None, "ids")
        count = array.shape[0]
        hits, counts = hit_arrays(count, k)
        with Options(owned, count, class_id, predicted_class, min_score, None, only_ids, accept, progress) as options:
            where = (array.ctypes.data, count, k, options.byref(), hits.ctypes.data, counts.ctypes.data)
            options.call(lib.rtv_index_search_ids, owned.address, *where)
        return SearchResult(hits, counts, IndexNames(owned))

    def search_blend(
        self,
        vectors: Optional[VectorsLike] = None,
        ids: Optional[IdsLike] = None,
        k: int = 10,
        *,
        vector_weights: Optional[Sequence[float]] = None,
        id_weights: Optional[Sequence[float]] = None,
        keep_length: bool = False,
        keep_items: bool = False,
        class_id: Optional[Class] = None,
        predicted_class: Optional[Class] = None,
        min_score: Optional[float] = None,
        only_ids: Optional[IdsLike] = None,
        accept: Optional[Accept] = None,
    ) -> SearchResult:
        """One query from several: like this, unlike that.

        Parameters
        ----------
        vectors, ids : array, optional
            [n, dim] vectors, and items of the index; at least one of them.
        k : int
            At most so many hits.
        vector_weights, id_weights : sequence of float, optional
            Negative for "unlike"; by default 1 each.
        keep_length : bool
            Take the sum as it is; by default it is scaled to unit length.
        keep_items : bool
            The items named by ids may be hits.
        class_id, predicted_class, min_score, only_ids, accept
            As for `search`.
        """
        owned = self._use()
        own_vectors = _arrays.vectors([] if vectors is None else vectors, self._dim, "vectors")
        own_ids = _arrays.integers([] if ids is None else ids, np.int64, None, "ids")
        weights = [
            None if given is None else _arrays.vectors(np.asarray(given, dtype=np.float32), len(of), "weights")
            for given, of in ((vector_weights, own_vectors), (id_weights, own_ids))
        ]
        blend = _ffi.rtv_blend(
            struct_size=ctypes.sizeof(_ffi.rtv_blend),
            keep_length=int(keep_length),
            vectors=own_vectors.ctypes.data,
            vector_weights=_address(weights[0]),
            num_vectors=len(own_vectors),
            ids=own_ids.ctypes.data,
            id_weights=_address(weights[1]),
            num_ids=len(own_ids),
            keep_items=int(keep_items),
        )
        hits, counts = hit_arrays(1, k)
        with Options(owned, 1, class_id, predicted_class, min_score, None, only_ids, accept, None) as options:
            where = (k, options.byref(), hits.ctypes.data, counts.ctypes.data)
            options.call(lib.rtv_index_search_blend, owned.address, ctypes.byref(blend), *where)
        return SearchResult(hits, counts, IndexNames(owned))

    def search_range(
        self,
        queries: VectorsLike,
        min_score: float,
        *,
        class_id: Optional[Class] = None,
        predicted_class: Optional[Class] = None,
        exclude_ids: Optional[IdsLike] = None,
        only_ids: Optional[IdsLike] = None,
        accept: Optional[Accept] = None,
        progress: Progress = None,
    ) -> Range:
        """Every item with at least this score, for each query; the parameters are those of `search`."""
        owned = self._use()
        array = _arrays.vectors(queries, self._dim, "queries")
        count = array.shape[0]
        rows: List[Any] = []
        given = (class_id, predicted_class, min_score, exclude_ids, only_ids, accept, progress)
        with Options(owned, count, *given) as options:

            def take(_user: object, query: int, hits: int, size: int) -> int:
                rows.append((query, _copied(hits, size, HIT)))
                return 0

            found = _ffi.rtv_hits_fn(options.guard(take))
            where = (array.ctypes.data, count, options.byref(), found, None)
            options.call(lib.rtv_index_search_range, owned.address, *where)
        sizes = np.zeros(count, dtype=np.int64)
        for query, hits in rows:
            sizes[query] += len(hits)
        together = np.concatenate([hits for _, hits in rows] or [np.empty(0, dtype=HIT)])
        limits = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
        return Range(limits, together["id"], together["score"], together["class_id"])

    def neighbors(
        self,
        k: int = 10,
        *,
        class_id: Optional[Class] = None,
        predicted_class: Optional[Class] = None,
        min_score: Optional[float] = None,
        only_ids: Optional[IdsLike] = None,
        progress: Progress = None,
    ) -> Tuple[Ids, SearchResult]:
        """Every item's k best among the others, in half the time that searching for each would take.

        Returns
        -------
        ids : numpy.ndarray
            [n] the items, in the order in which they were added.
        result : SearchResult
            A row for each.
        """
        owned = self._use()
        count = ctypes.c_int64(len(self))
        while True:
            capacity = count.value
            ids = np.empty(capacity, dtype=np.int64)
            hits, counts = hit_arrays(capacity, k)
            with Options(owned, None, class_id, predicted_class, min_score, None, only_ids, None, progress) as options:
                where = (ids.ctypes.data, hits.ctypes.data, counts.ctypes.data, capacity, ctypes.byref(count))
                if options.fits(lib.rtv_index_neighbors, owned.address, k, options.byref(), *where):
                    break
        n = count.value
        return ids[:n], SearchResult(hits[:n], counts[:n], IndexNames(owned))

    def pairs(
        self,
        min_score: float,
        *,
        class_id: Optional[Class] = None,
        predicted_class: Optional[Class] = None,
        only_ids: Optional[IdsLike] = None,
        progress: Progress = None,
    ) -> Pairs:
        """Every pair of items with at least this score, near-duplicates, each once."""
        owned = self._use()
        parts: List[Any] = [np.empty(0, dtype=_PAIR)]
        with Options(owned, None, class_id, predicted_class, min_score, None, only_ids, None, progress) as options:

            def take(_user: object, pairs: int, size: int) -> int:
                parts.append(_copied(pairs, size, _PAIR))
                return 0

            found = _ffi.rtv_pairs_fn(options.guard(take))
            options.call(lib.rtv_index_pairs, owned.address, options.byref(), found, None)
        together = np.concatenate(parts)
        return Pairs(together["a"], together["b"], together["score"])

    def key(self, id: int) -> str:
        """The key of an item; empty when it has none."""
        return IndexNames(self._use()).key(id)

    def payload(self, id: int) -> bytes:
        """The payload of an item; empty when it has none."""
        owned = self._use()
        buffer = ctypes.create_string_buffer(_ffi.RTV_PAYLOAD_MAX)
        size = ctypes.c_uint64()
        call(lib.rtv_index_payload, owned.address, id, buffer, len(buffer), ctypes.byref(size))
        return buffer.raw[: size.value]

    def find(self, key: str) -> int:
        """The id of the item with this key, the smallest when there are several. Raises NotFoundError."""
        owned = self._use()
        number = ctypes.c_int64()
        call(lib.rtv_index_find, owned.address, text_bytes(key), ctypes.byref(number))
        return number.value

    def vectors(self, ids: IdsLike) -> Floats:
        """The vectors of items, as they are kept: [n, kept_dim] float32."""
        owned = self._use()
        array = _arrays.integers(ids, np.int64, None, "ids")
        vectors = np.empty((array.shape[0], self.info.kept_dim), dtype=np.float32)
        call(lib.rtv_index_vectors, owned.address, array.ctypes.data, array.shape[0], vectors.ctypes.data)
        return vectors

    def ids(self) -> Ids:
        """The ids of all items, in the order in which they were added."""
        owned = self._use()
        count = ctypes.c_int64(len(self))
        while True:
            ids = np.empty(count.value, dtype=np.int64)
            if fits(call, lib.rtv_index_ids, owned.address, ids.ctypes.data, count.value, ctypes.byref(count)):
                return ids[: count.value]

    def set_min_score(self, min_score: float) -> None:
        """Keep with the index the score below which nothing is similar; for the application, see `IndexInfo.min_score`."""
        owned = self._use()
        call(lib.rtv_index_set_min_score, owned.address, min_score)

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


class Options:
    """Search options with all that has to live as long, around a call::

    with Options(owned, count, ...) as options:
        options.call(function, ..., options.byref(), ...)
    """

    def __init__(
        self,
        index: Owned,
        count: Optional[int],
        class_id: Optional[Class],
        predicted_class: Optional[Class],
        min_score: Optional[float],
        exclude_ids: Optional[IdsLike],
        only_ids: Optional[IdsLike],
        accept: Optional[Accept],
        progress: Progress,
    ) -> None:
        self.struct = options = initialised(_ffi.rtv_search_options, lib.rtv_search_options_init_sized)
        if class_id is not None:
            options.class_id = _class_number(index, class_id, "label")
        if predicted_class is not None:
            options.predicted_class = _class_number(index, predicted_class, "predicted")
        if min_score is not None:
            options.min_score = min_score
        self.exclude_ids = None if exclude_ids is None else _arrays.integers(exclude_ids, np.int64, count, "exclude_ids")
        options.exclude_ids = _address(self.exclude_ids)
        self._only_ids = None if only_ids is None else _arrays.integers(only_ids, np.int64, None, "only_ids")
        if self._only_ids is not None:
            options.only_ids = self._only_ids.ctypes.data
            options.num_only_ids = len(self._only_ids)
        self.watch = Watch(progress)
        self.guard = self.watch.guard
        self.call = self.watch.call
        options.progress = self.watch.function
        self.first = 0  # the number of the first query, of a search in parts
        if accept is not None:
            options.filter = _ffi.rtv_filter_fn(self.guard(self._filter(index, accept), otherwise=0))

    def _filter(self, index: Owned, accept: Accept) -> Any:
        names = IndexNames(index)

        def filter(_user: object, query: int, at: int) -> int:
            hit = _ffi.rtv_hit.from_address(at)
            return int(bool(accept(self.first + query, Hit(hit.id, hit.score, hit.class_id, names.key(hit.id)))))

        return filter

    def byref(self) -> Any:
        """The struct, as an argument."""
        return ctypes.byref(self.struct)

    def fits(self, *arguments: Any) -> bool:
        """Whether the arrays of a call were large enough."""
        return fits(self.call, *arguments)

    def __enter__(self) -> Options:
        return self

    def __exit__(self, *details: object) -> None:
        self.watch.__exit__(*details)


def fits(call: Callable[..., None], *arguments: Any) -> bool:
    """Whether the arrays of a call were large enough: another thread may have added items meanwhile."""
    try:
        call(*arguments)
    except RetrieveError as error:
        if error.status != _ffi.RTV_E_BUFFER_TOO_SMALL:
            raise
        return False
    return True


def _copied(at: int, count: int, dtype: Any) -> Any:
    """An array of what lies in the library's memory now."""
    return np.frombuffer(ctypes.string_at(at, count * dtype.itemsize), dtype=dtype)


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
