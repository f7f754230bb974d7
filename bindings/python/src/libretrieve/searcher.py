"""A model and an index together: pictures in, similar pictures out."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Iterable, List, Optional

from . import _ffi, _pictures
from ._callbacks import Progress, Watch
from ._library import Handle, call, lib
from ._pictures import Pictures
from .index import ORIGINS, Accept, Class, Index, IndexNames, Items, Options, hit_arrays
from .model import _MODES, Embedding, Model, ResultArrays, _join
from .results import SearchResult
from .runtime import choice, initialised

if TYPE_CHECKING:
    from ._arrays import IdsLike

__all__ = ["Searcher"]


class Searcher(Handle):
    """A model and an index, which stay alive as long. Any thread may use it at any time.

    ::

        searcher = Searcher(Model.load("cgd.safetensors"), Index.open("pictures.rtvx"))
        result = searcher.search("photo.jpg", k=10)

    Parameters
    ----------
    model : Model
    index : Index
    accept : {"own", "any", "parents"}
        Whose index is taken: one made with this model, any of the same dimension, or also one made with the float32 model that this one
        was quantized from.

    Raises
    ------
    MismatchError
        The index was made with another model.
    """

    __slots__ = ("_dim", "_index", "_decoder")

    def __init__(self, model: Model, index: Index, *, accept: str = "own") -> None:
        self._owned = None
        of_model, of_index = model._use(), index._use()
        pointer = ctypes.c_void_p()
        call(lib.rtv_searcher_create, of_model.address, of_index.address, choice(ORIGINS, accept, "accept"), ctypes.byref(pointer))
        self._take(pointer, lib.rtv_searcher_free, (of_model, of_index))
        self._dim = model.dim
        self._index = of_index
        self._decoder = model._decoder

    def search(
        self,
        pictures: Pictures,
        k: int = 10,
        *,
        class_id: Optional[Class] = None,
        predicted_class: Optional[Class] = None,
        own_class: bool = False,
        min_score: Optional[float] = None,
        exclude_ids: Optional[IdsLike] = None,
        only_ids: Optional[IdsLike] = None,
        accept: Optional[Accept] = None,
        mode: str = "auto",
        on_error: str = "raise",
        progress: Progress = None,
    ) -> SearchResult:
        """The k most similar items for each picture.

        Parameters
        ----------
        pictures : picture, or iterable of pictures
            As for `Model.embed`.
        k, class_id, predicted_class, min_score, exclude_ids, only_ids, accept
            As for `Index.search`.
        own_class : bool
            Only items that are predicted as the class that is predicted for the query.
        mode : {"auto", "latency", "throughput"}
            As for `Model.embed`.
        on_error : {"raise", "keep"}
            A picture that fails raises, or has no hits and its exception in ``result.errors``.
        progress : callable or tqdm, optional
            As for `Model.embed`.
        """
        owned = self._use()
        strict = choice({"raise": 1, "keep": 0}, on_error, "on_error")
        queries = _pictures.as_list(pictures)
        count = len(queries)
        hits, counts = hit_arrays(count, k)
        errors: List[Any] = []
        given = (class_id, predicted_class, min_score, exclude_ids, only_ids, accept, progress)
        with Options(self._index, count, *given) as options:
            if own_class:
                options.struct.predicted_class = _ffi.RTV_PREDICTED_OWN
            options.struct.mode = choice(_MODES, mode, "mode")
            options.watch.whole = count
            for part in _pictures.chunks(queries):
                first = options.first
                block = _pictures.Block(part)
                result = ResultArrays(block.count, self._dim)
                if options.exclude_ids is not None:
                    options.struct.exclude_ids = options.exclude_ids[first:].ctypes.data
                options.call(
                    lib.rtv_searcher_search,
                    owned.address,
                    block.byref(),
                    block.count,
                    k,
                    options.byref(),
                    hits[first:].ctypes.data,
                    counts[first:].ctypes.data,
                    ctypes.byref(result.embedding),
                )
                errors += result.take(part, first, bool(strict), self._decoder).errors
                options.first += len(part)
                options.watch.before = options.first
        return SearchResult(hits, counts, IndexNames(self._index), queries, errors)

    def add(
        self,
        pictures: Pictures,
        *,
        ids: Optional[IdsLike] = None,
        keys: Optional[Iterable[Optional[str]]] = None,
        classes: Optional[IdsLike] = None,
        mode: str = "auto",
        progress: Progress = None,
    ) -> Embedding:
        """Embed pictures and add those that succeed, in order, with their predicted classes.

        Parameters
        ----------
        pictures : picture, or iterable of pictures
            As for `Model.embed`. They are added 512 at a time.
        ids, classes : array of integers, optional
            [n], as for `Index.add`.
        keys : iterable of str or None, optional
            [n]; by default the paths of pictures that are given as paths.

        Returns
        -------
        Embedding
            Its `errors` tell which failed and were not added.
        """
        owned = self._use()
        whole = _pictures.as_list(pictures)
        names = [_pictures.name(picture) for picture in whole] if keys is None else list(keys)
        items = Items(len(whole), ids, names, classes)  # checked before anything is done
        results: List[Embedding] = []
        with Watch(progress) as watch:
            options = initialised(_ffi.rtv_embed_options, lib.rtv_embed_options_init_sized)
            options.mode = choice(_MODES, mode, "mode")
            options.progress = watch.function
            watch.whole = len(whole)
            for part in _pictures.chunks(whole):
                at = slice(watch.before, watch.before + len(part))
                block = _pictures.Block(part)
                result = ResultArrays(block.count, self._dim)
                some = items.part(at)
                watch.call(
                    lib.rtv_searcher_add,
                    owned.address,
                    block.byref(),
                    block.count,
                    ctypes.byref(some.struct),
                    ctypes.byref(options),
                    ctypes.byref(result.embedding),
                )
                results.append(result.take(part, at.start, False, self._decoder))
                watch.before += len(part)
        return _join(results, self._dim)

    def __repr__(self) -> str:
        return "<Searcher, closed>" if self.closed else f"<Searcher: descriptors of {self._dim}>"
