"""How far one model is from another on the same pictures: an int8 model from its float parent, or any two of one dimension."""

from __future__ import annotations

import ctypes
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from . import _ffi, _pictures
from ._callbacks import Progress, Watch
from ._library import Handle, call, fields, lib, rows
from ._pictures import Pictures
from .errors import InvalidArgumentError
from .model import _MODES, Model
from .runtime import choice, initialised

__all__ = ["Drift", "DriftInfo", "LayerDrift", "PictureDrift", "RecallDrift", "compare"]


class DriftInfo(NamedTuple):
    """The whole of a report."""

    descriptor_dim: int
    #: given
    num_pictures: int
    #: that both models could embed; all that follows is about these
    num_compared: int
    #: with a class
    num_queries: int
    #: queries whose class no other picture has: they count as misses
    num_lone: int
    #: that one of the models was calibrated with: on those a quantized model looks better than it is
    num_calibrated: int
    #: pictures whose nearest other picture is not the same in both
    num_moved: int
    cosine_mean: float
    cosine_min: float
    cosine_1_percent: float
    cosine_5_percent: float
    cosine_median: float


class RecallDrift(NamedTuple):
    """Recall at one k: of A among A's descriptors, B among B's, and mixed, B's among A's."""

    k: int
    recall_a: float
    recall_b: float
    recall_mixed: float
    #: queries right in B and wrong in A
    gained: int
    #: wrong in B and right in A
    lost: int
    #: the 95 % interval of recall_b - recall_a
    low: float
    high: float
    #: of McNemar's exact test of "no difference"
    p_value: float
    mixed_gained: int
    mixed_lost: int
    mixed_low: float
    mixed_high: float
    mixed_p_value: float


class LayerDrift(NamedTuple):
    """One value that both networks compute."""

    name: str
    op: str
    precision_a: str
    precision_b: str
    #: mean square of A's numbers
    signal: float
    #: mean square of B's minus A's
    noise: float
    #: infinite where they are equal
    snr_db: float


class PictureDrift(NamedTuple):
    """One picture."""

    cosine: float
    #: whether it has a class
    is_query: bool
    #: the place of the first of its class, from 1; 0 for none among the first of the largest k
    rank_a: int
    rank_b: int
    rank_mixed: int
    #: the number of the nearest other picture, -1 for none
    nearest_a: int
    nearest_b: int
    nearest_mixed: int
    #: whether a model was calibrated with it
    is_calibrated: bool
    #: why a model could not embed it; then the rest says nothing
    message: Optional[str]


class Drift(Handle):
    """A finished report, made by `compare`; it never changes."""

    __slots__ = ()

    def __init__(self) -> None:
        raise TypeError("use compare(a, b, pictures)")

    @property
    def info(self) -> DriftInfo:
        """The whole of it."""
        owned = self._use()
        info = _ffi.rtv_drift_info(struct_size=ctypes.sizeof(_ffi.rtv_drift_info))
        call(lib.rtv_drift_info_get, owned.address, ctypes.byref(info))
        return DriftInfo(**fields(info, DriftInfo._fields))

    def recalls(self) -> List[RecallDrift]:
        """Recall at each k; nothing without classes."""
        owned = self._use()
        found = rows(_ffi.rtv_recall_drift, lib.rtv_drift_recalls, owned.address)
        return [RecallDrift(**fields(row, RecallDrift._fields)) for row in found]

    def layers(self) -> List[LayerDrift]:
        """What both networks compute under one name, in the order of A's."""
        owned = self._use()
        found = rows(_ffi.rtv_layer_drift, lib.rtv_drift_layers, owned.address)
        return [LayerDrift(**fields(row, LayerDrift._fields)) for row in found]

    def pictures(self) -> List[PictureDrift]:
        """Every picture, in the order given."""
        owned = self._use()
        found = rows(_ffi.rtv_picture_drift, lib.rtv_drift_pictures, owned.address)
        return [self._picture(owned.address, i, row) for i, row in enumerate(found)]

    @staticmethod
    def _picture(address: int, number: int, row: _ffi.rtv_picture_drift) -> PictureDrift:
        message = None
        if row.status != _ffi.RTV_OK:
            message = lib.rtv_drift_picture_message(address, number).decode("utf-8", "replace")
        values = fields(row, PictureDrift._fields[:-1])
        values.update(is_query=bool(row.is_query), is_calibrated=bool(row.is_calibrated))
        return PictureDrift(**values, message=message)

    def __repr__(self) -> str:
        if self.closed:
            return "<Drift, closed>"
        return f"<Drift over {self.info.num_compared} pictures: mean cosine {self.info.cosine_mean:.6f}>"


def compare(
    a: Model,
    b: Model,
    pictures: Pictures,
    classes: Optional[Sequence[int]] = None,
    *,
    ks: Sequence[int] = (1, 2, 4, 8),
    layer_pictures: Optional[int] = None,
    mode: str = "auto",
    progress: Progress = None,
) -> Drift:
    """Embed pictures with both models and compare.

    ::

        compare(model, quantized, paths, labels).recalls()

    Parameters
    ----------
    a : Model
        The one to be faithful to.
    b : Model
        Of the same dimension.
    pictures : picture, or iterable of pictures
        As for `Model.embed`, all at once. One that fails is left out alone.
    classes : sequence of int, optional
        [n], -1 for none: each picture with a class is a query among all the others. Without them no recall is measured.
    ks : sequence of int
        Rising, of recall@k.
    layer_pictures : int, optional
        The networks are compared layer by layer on the first so many; 0 for none.
    mode : {"auto", "latency", "throughput"}
        As for `Model.embed`.
    progress : callable or tqdm, optional
        As for `Model.embed`.

    Raises
    ------
    MismatchError
        Descriptors of other dimensions.
    FormatError
        No picture could be embedded.
    """
    of_a, of_b = a._use(), b._use()
    block = _pictures.Block([picture for part in _pictures.chunks(pictures) for picture in part])
    labels = None if classes is None else np.ascontiguousarray(classes, dtype=np.int32)
    if labels is not None and labels.shape != (block.count,):
        raise InvalidArgumentError(f"classes: shape: got {labels.shape}, expected ({block.count},)")
    numbers = np.array(list(ks), dtype=np.int64)
    options = initialised(_ffi.rtv_drift_options, lib.rtv_drift_options_init_sized)
    options.mode = choice(_MODES, mode, "mode")
    options.classes = None if labels is None else labels.ctypes.data
    options.ks = numbers.ctypes.data
    options.num_ks = len(numbers)
    if layer_pictures is not None:
        options.layer_pictures = layer_pictures
    pointer = ctypes.c_void_p()
    with Watch(progress) as watch:
        options.progress = watch.function
        what = (of_a.address, of_b.address, block.byref(), block.count, ctypes.byref(options), ctypes.byref(pointer))
        watch.call(lib.rtv_drift_measure, *what)
    drift = Drift.__new__(Drift)
    drift._take(pointer, lib.rtv_drift_free)
    return drift
