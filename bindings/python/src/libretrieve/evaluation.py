"""How good retrieval is: recall@k and its relatives, leave-one-out or queries against a gallery."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from . import _ffi
from ._arrays import vectors
from ._callbacks import Progress, Watch
from ._library import Handle, call, fields, lib, rows
from .errors import InvalidArgumentError
from .index import ORIGINS, Index
from .runtime import choice, initialised

if TYPE_CHECKING:
    from ._arrays import Ids, IdsLike, VectorsLike

__all__ = ["ClassResult", "Evaluation", "EvaluationInfo", "Metric", "QueryResult", "Threshold", "evaluate"]

_METRICS = {
    "recall": _ffi.RTV_METRIC_RECALL,
    "precision": _ffi.RTV_METRIC_PRECISION,
    "r_precision": _ffi.RTV_METRIC_R_PRECISION,
    "map_at_r": _ffi.RTV_METRIC_MAP_AT_R,
    "map": _ffi.RTV_METRIC_MAP,
    "mrr": _ffi.RTV_METRIC_MRR,
}
_RULES = {"miss": _ffi.RTV_RULE_MISS, "left_out": _ffi.RTV_RULE_LEFT_OUT}
_SCORES = {
    "nearest_same": _ffi.RTV_SCORES_NEAREST_SAME,
    "nearest_other": _ffi.RTV_SCORES_NEAREST_OTHER,
    "pairs_same": _ffi.RTV_SCORES_PAIRS_SAME,
    "pairs_other": _ffi.RTV_SCORES_PAIRS_OTHER,
}


class Metric(NamedTuple):
    """A mean over queries and its confidence interval; NaN where there is nothing to take a mean of."""

    value: float
    low: float
    high: float


class EvaluationInfo(NamedTuple):
    """What was evaluated."""

    leave_one_out: bool
    #: items that rankings are made of, the query itself included
    num_gallery: int
    #: items with a class
    num_queries: int
    #: queries with at least one relevant item
    num_answerable: int
    #: items without a class, which are no queries
    num_unlabelled: int
    num_classes: int
    num_score_queries: int
    predicted: bool
    bootstrap_samples: int
    confidence: float
    seed: int


class ClassResult(NamedTuple):
    """One class."""

    #: in the gallery's numbers; one that only the queries have: -2 - its number there
    class_id: int
    num_queries: int
    num_answerable: int
    #: the metric's mean over the queries of the class
    value: float


class QueryResult(NamedTuple):
    """One query."""

    id: int
    class_id: int
    #: how many relevant items there are
    num_relevant: int
    #: of the first relevant item, from 1; 0 when none is found
    first_rank: int
    average_precision: float


class Threshold(NamedTuple):
    """A score for "nothing similar here"."""

    min_score: float
    #: share of queries whose best item of another class has it
    false_accept_rate: float
    #: share of answerable queries whose best relevant item has less
    false_reject_rate: float


class Evaluation(Handle):
    """The outcome of `evaluate`; it never changes. docs/evaluation.md has the definitions and their sources."""

    __slots__ = ("_ks",)
    _ks: Tuple[int, ...]

    def __init__(self) -> None:
        raise TypeError("use evaluate(...)")

    @property
    def info(self) -> EvaluationInfo:
        """What was evaluated."""
        owned = self._use()
        info = _ffi.rtv_evaluation_info(struct_size=ctypes.sizeof(_ffi.rtv_evaluation_info))
        call(lib.rtv_evaluation_info_get, owned.address, ctypes.byref(info))
        values = fields(info, EvaluationInfo._fields)
        values.update(leave_one_out=bool(info.leave_one_out), predicted=bool(info.predicted))
        return EvaluationInfo(**values)

    @property
    def ks(self) -> Tuple[int, ...]:
        """The k for which there is recall@k and precision@k."""
        return self._ks

    def metric(self, name: str, k: int = 0, *, rule: str = "miss") -> Metric:
        """A metric over all queries.

        Parameters
        ----------
        name : {"recall", "precision", "r_precision", "map_at_r", "map", "mrr"}
        k : int
            For recall and precision, one of `ks`.
        rule : {"miss", "left_out"}
            Queries without relevant items count as 0 (CGD's rule), or not at all (pytorch-metric-learning's).

        Raises
        ------
        NotFoundError
            k is none of `ks`.
        """
        owned = self._use()
        value = _ffi.rtv_metric_value()
        numbers = (choice(_METRICS, name, "metric"), k, choice(_RULES, rule, "rule"))
        call(lib.rtv_evaluation_metric, owned.address, *numbers, ctypes.byref(value))
        return Metric(value.value, value.low, value.high)

    def recall(self, k: int, *, rule: str = "miss") -> float:
        """recall@k: the share of queries with a relevant item among the first k."""
        return self.metric("recall", k, rule=rule).value

    def as_dict(self, *, rule: str = "miss") -> Dict[str, float]:
        """Every metric by name: recall@1 ..., r_precision, map_at_r, map, mrr."""
        with_k = {f"{name}@{k}": self.metric(name, k, rule=rule).value for name in ("recall", "precision") for k in self._ks}
        return {**with_k, **{name: self.metric(name, rule=rule).value for name in ("r_precision", "map_at_r", "map", "mrr")}}

    def classes(self, name: str = "recall", k: Optional[int] = None, *, rule: str = "miss") -> List[ClassResult]:
        """A metric for each class; k is the first of `ks` by default."""
        owned = self._use()
        numbers = (choice(_METRICS, name, "metric"), self._ks[0] if k is None else k, choice(_RULES, rule, "rule"))
        counts = rows(_ffi.rtv_class_count, lib.rtv_evaluation_classes, owned.address)
        values = rows(ctypes.c_double, lib.rtv_evaluation_class_values, owned.address, *numbers)
        return [ClassResult(row.class_id, row.num_queries, row.num_answerable, value) for row, value in zip(counts, values)]

    def queries(self) -> List[QueryResult]:
        """Every query, in the order of the items."""
        owned = self._use()
        found = rows(_ffi.rtv_query_result, lib.rtv_evaluation_queries, owned.address)
        return [QueryResult(**fields(row, QueryResult._fields)) for row in found]

    def hardest(self, count: int = 20) -> List[QueryResult]:
        """Queries with relevant items that are found late or not at all, the hardest first."""
        owned = self._use()
        if count < 0:
            raise InvalidArgumentError(f"count: got {count}, expected 0 or more")
        found = rows(_ffi.rtv_query_result, lib.rtv_evaluation_hardest, owned.address, most=count)
        return [QueryResult(**fields(row, QueryResult._fields)) for row in found]

    def histogram(self, scores: str = "nearest_same", bins: int = 100, range: Tuple[float, float] = (-1.0, 1.0)) -> Ids:
        """Scores in bins of equal width; those outside the range go to the first and the last.

        Parameters
        ----------
        scores : {"nearest_same", "nearest_other", "pairs_same", "pairs_other"}
            Of each query's best item of its class or of another class; or of all relevant and of drawn other items.
        """
        owned = self._use()
        if bins < 1:
            raise InvalidArgumentError(f"bins: got {bins}, expected at least 1")
        counts = np.zeros(bins, dtype=np.int64)
        kind = choice(_SCORES, scores, "scores")
        call(lib.rtv_evaluation_histogram, owned.address, kind, *range, bins, counts.ctypes.data, None)
        return counts

    def threshold(self, false_accept_rate: float = 0.01) -> Threshold:
        """The least score that accepts no more than this share of queries that have nothing similar.

        Raises
        ------
        StateError
            No scores were looked at.
        """
        owned = self._use()
        value = _ffi.rtv_threshold()
        call(lib.rtv_evaluation_threshold, owned.address, false_accept_rate, ctypes.byref(value))
        return Threshold(**fields(value, Threshold._fields))

    def __repr__(self) -> str:
        if self.closed:
            return "<Evaluation, closed>"
        return f"<Evaluation of {self.info.num_queries} queries: recall@{self._ks[0]} {self.recall(self._ks[0]):.4f}>"


def evaluate(
    gallery: Union[Index, VectorsLike],
    classes: Optional[IdsLike] = None,
    *,
    queries: Optional[Index] = None,
    ks: Sequence[int] = (1, 10, 100, 1000),
    predicted: bool = False,
    accept: str = "own",
    bootstrap_samples: Optional[int] = None,
    score_queries: Optional[int] = None,
    confidence: Optional[float] = None,
    seed: Optional[int] = None,
    progress: Progress = None,
) -> Evaluation:
    """Search for every query and see how many hits have its class.

    ::

        evaluate(index).recall(1)                       # leave-one-out, with the classes that the items have
        evaluate(descriptors, labels).recall(1)         # the same for arrays
        evaluate(gallery, queries=other).recall(1)      # queries against a gallery

    Parameters
    ----------
    gallery : Index, or array
        Items with classes; or float32 descriptors [n, d], whose classes are `classes`.
    classes : array of integers, optional
        [n], -1 for none; only with descriptors.
    queries : Index, optional
        By default every item of the gallery is a query among all the others.
    ks : sequence of int
        Of recall@k and precision@k, rising.
    predicted : bool
        A query's ranking holds only items that are predicted as its own predicted class.
    accept : {"own", "any"}
        "any" takes two indexes of different models.
    bootstrap_samples, confidence, seed : optional
        Of the confidence intervals.
    score_queries : int, optional
        So many queries are searched for scores, for `Evaluation.histogram` and `threshold`; -1 for all.
    progress : callable or tqdm, optional
        As for `Model.embed`.
    """
    if not isinstance(gallery, Index):
        gallery = _index_of(gallery, classes)
    elif classes is not None:
        raise InvalidArgumentError("classes: an index has its own")
    of_gallery, of_queries = gallery._use(), None if queries is None else queries._use()
    options = initialised(_ffi.rtv_evaluation_options, lib.rtv_evaluation_options_init_sized)
    given = np.array(list(ks), dtype=np.int64)
    options.ks = given.ctypes.data
    options.num_ks = len(given)
    options.predicted = predicted
    options.accept = choice(ORIGINS, accept, "accept")
    numbers = {"bootstrap_samples": bootstrap_samples, "score_queries": score_queries, "confidence": confidence, "seed": seed}
    for name, number in numbers.items():
        if number is not None:
            setattr(options, name, number)
    pointer = ctypes.c_void_p()
    with Watch(progress) as watch:
        options.progress = watch.function
        addresses = (of_gallery.address, None if of_queries is None else of_queries.address)
        watch.call(lib.rtv_evaluation_create, *addresses, ctypes.byref(options), ctypes.byref(pointer))
    evaluation = Evaluation.__new__(Evaluation)
    evaluation._ks = tuple(given.tolist())
    evaluation._take(pointer, lib.rtv_evaluation_free)
    return evaluation


def _index_of(descriptors: Any, classes: Any) -> Index:
    """An index of descriptors that lie in an array."""
    array = np.asarray(descriptors)
    if array.ndim != 2 or classes is None:
        raise InvalidArgumentError(f"descriptors: shape: got {array.shape}, expected (n, d), and classes (n,)")
    index = Index.create(array.shape[1])
    index.add(None, vectors(array, array.shape[1], "descriptors"), classes=classes)
    return index
