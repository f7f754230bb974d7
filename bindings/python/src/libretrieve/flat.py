"""As much of faiss's IndexFlatIP as its users need to come here: the same names, shapes and conversions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Tuple

import numpy as np

from .errors import InvalidArgumentError
from .index import Index
from .runtime import Runtime

if TYPE_CHECKING:
    from ._arrays import Floats, Ids

__all__ = ["IndexFlatIP"]


class IndexFlatIP:
    """Exact inner-product search with faiss's interface.

    Unlike the rest of this package, and like faiss, it converts arrays to float32 as needed. Equal scores come in the order of their ids.

    Parameters
    ----------
    d : int
        Floats in a vector.
    runtime : Runtime, optional
        The threads to run on.

    Attributes
    ----------
    index : Index
        What is behind it: for keys, classes, filters and files.
    """

    metric_type = 0  #: METRIC_INNER_PRODUCT
    is_trained = True

    def __init__(self, d: int, *, runtime: Optional[Runtime] = None) -> None:
        self._runtime = runtime
        self.index = Index.create(d, runtime=runtime)

    @property
    def d(self) -> int:
        """Floats in a vector."""
        return self.index.dim

    @property
    def ntotal(self) -> int:
        """Number of vectors."""
        return len(self.index)

    def train(self, x: Any) -> None:
        """Nothing to train."""

    def add(self, x: Any) -> None:
        """Add vectors [n, d]; they get ids one after the other, from 0."""
        self.index.add(None, self._vectors(x))

    def add_with_ids(self, x: Any, ids: Any) -> None:
        """Add vectors [n, d] with ids [n] of their own, which in faiss takes an IndexIDMap."""
        self.index.add(np.asarray(ids), self._vectors(x))

    def search(self, x: Any, k: int) -> Tuple[Floats, Ids]:
        """The k best for each of n queries.

        Returns
        -------
        distances : numpy.ndarray
            [n, k] float32, falling; the least float32 behind the last hit.
        labels : numpy.ndarray
            [n, k] int64, the ids; -1 behind the last hit.
        """
        ids, scores = self.index.search(self._vectors(x), k)
        distances = np.where(ids >= 0, scores, np.finfo(np.float32).min).astype(np.float32)
        return distances, np.ascontiguousarray(ids)

    def reset(self) -> None:
        """Remove everything."""
        self.index = Index.create(self.d, runtime=self._runtime)

    def _vectors(self, x: Any) -> Floats:
        array = np.ascontiguousarray(x, dtype=np.float32)
        if array.ndim != 2:
            raise InvalidArgumentError(f"x: shape: got {array.shape}, expected (n, {self.d})")
        return array

    def __repr__(self) -> str:
        return f"<IndexFlatIP: {self.ntotal} vectors of {self.d}>"
