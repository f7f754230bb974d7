"""What a search found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, NamedTuple, Optional, Protocol, Sequence

import numpy as np

from .errors import RetrieveError

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._arrays import Floats, Ids, Numbers

__all__ = ["Hit", "SearchResult"]

#: The layout of rtv_hit.
HIT = np.dtype([("id", "<i8"), ("score", "<f4"), ("class_id", "<i4")])


class Hit(NamedTuple):
    """One item that was found."""

    id: int
    #: inner product of query and item
    score: float
    #: class of the item, -1 when it has none
    class_id: int
    #: what the item is called, usually a path; empty when it has no key
    key: str


class SearchResult:
    """The best items for each of n queries; unpacks as ``ids, scores = result``. In a notebook it shows the pictures.

    Attributes
    ----------
    counts : numpy.ndarray
        [n] int64, how many hits each query has. Behind them, rows end in id -1, score minus infinity, class -1.
    queries : list or None
        The pictures that were searched for.
    errors : list of RetrieveError or None, or None
        [n] what was wrong with a query picture; it has no hits then.
    """

    __slots__ = ("_hits", "counts", "queries", "errors", "_names")

    def __init__(
        self,
        hits: npt.NDArray[Any],
        counts: Ids,
        names: Names,
        queries: Optional[Sequence[Any]] = None,
        errors: Optional[List[Optional[RetrieveError]]] = None,
    ) -> None:
        self._hits = hits
        self.counts = counts
        self.queries = queries
        self.errors = errors
        self._names = names

    @property
    def ids(self) -> Ids:
        """[n, k] int64, score falling, then id rising."""
        return self._hits["id"]

    @property
    def scores(self) -> Floats:
        """[n, k] float32."""
        return self._hits["score"]

    @property
    def classes(self) -> Numbers:
        """[n, k] int32, -1 for items without a class."""
        return self._hits["class_id"]

    @property
    def num_queries(self) -> int:
        """n."""
        return int(self._hits.shape[0])

    def hits(self, query: int = 0) -> List[Hit]:
        """The hits of one query, with the keys that the index has for them now."""
        row = self._hits[query]
        return [Hit(id, score, class_id, self._names.key(id)) for id, score, class_id in row[: self.counts[query]].tolist()]

    def rows(self) -> Iterator[List[Hit]]:
        """The hits of every query in turn."""
        return (self.hits(query) for query in range(self.num_queries))

    @property
    def keys(self) -> List[List[str]]:
        """The keys of all hits; the index is asked now."""
        return [[hit.key for hit in row] for row in self.rows()]

    def __iter__(self) -> Iterator[Any]:
        return iter((self.ids, self.scores))

    def class_name(self, class_id: int) -> Optional[str]:
        """The name that the index has for a class."""
        return self._names.class_name(class_id)

    def __getstate__(self) -> Dict[str, Any]:
        """Another process gets the numbers and the keys as they are now, and no index."""
        keys = {hit.id: hit.key for row in self.rows() for hit in row}
        names = {number: self.class_name(number) for number in np.unique(self.classes).tolist() if number >= 0}
        return {"hits": self._hits, "counts": self.counts, "queries": self.queries, "errors": self.errors, "keys": keys, "names": names}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        keys, names = state["keys"], state["names"]
        self.__init__(state["hits"], state["counts"], _Known(keys, names), state["queries"], state["errors"])  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"<SearchResult: {self.num_queries} queries, {int(self.counts.sum())} hits>"

    def _repr_html_(self) -> str:
        from ._html import render

        return render(self)


class Names(Protocol):
    """What tells the names of things: an index."""

    def key(self, id: int) -> str: ...

    def class_name(self, class_id: int) -> Optional[str]: ...


class _Known:
    """What stands for the index in another process."""

    def __init__(self, keys: Dict[int, str], class_names: Dict[int, Optional[str]]) -> None:
        self._keys = keys
        self._class_names = class_names

    def key(self, id: int) -> str:
        return self._keys.get(id, "")

    def class_name(self, class_id: int) -> Optional[str]:
        return self._class_names.get(class_id)
