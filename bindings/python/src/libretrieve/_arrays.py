"""Arrays for the library: what has the right form is passed as it lies, everything else is refused with a word on how to mend it."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Optional, Sequence, Union

import numpy as np

from .errors import InvalidArgumentError, MismatchError

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Ids = npt.NDArray[np.int64]
    Numbers = npt.NDArray[np.int32]
    #: float32 arrays, C-contiguous; or nested sequences of numbers, which are copied
    VectorsLike = Union[npt.NDArray[np.float32], Sequence[Sequence[float]], Sequence[float], Any]
    IdsLike = Union[npt.NDArray[np.integer[Any]], Sequence[int]]


_FLOAT32 = np.dtype(np.float32)


def pointer(array: Any) -> Any:
    """Where a contiguous array lies, as an argument for C. The way over the buffer takes a fifth of `array.ctypes.data`, but is closed to
    arrays that are empty or read-only."""
    try:
        return ctypes.byref(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError):
        return array.ctypes.data


def _array(values: Any) -> Any:
    """An array, without a copy where values has one inside (a tensor of PyTorch, a data frame)."""
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "__array__") or hasattr(values, "__array_interface__"):
        return np.asarray(values)
    return None


def vectors(values: VectorsLike, dim: int, what: str) -> Floats:
    """values as float32 [n, dim]; one vector becomes n = 1."""
    array = _array(values)
    if array is None:
        array = np.array(values, dtype=np.float32, ndmin=1)
        if array.size == 0:
            array = array.reshape(0, dim)
    if array.dtype != _FLOAT32:
        raise TypeError(f"{what}: dtype: got {array.dtype}, expected float32 (x.astype(numpy.float32))")
    if array.ndim == 1:
        array = array.reshape(1, -1)
    if array.ndim != 2:
        raise InvalidArgumentError(f"{what}: shape: got {array.shape}, expected (n, {dim})")
    if array.shape[1] != dim:
        raise MismatchError(f"{what}: dimension: got {array.shape[1]}, expected {dim}")
    if not array.flags.c_contiguous:
        raise InvalidArgumentError(f"{what}: strides: got {array.strides}, expected C-contiguous (numpy.ascontiguousarray(x))")
    return array  # type: ignore[no-any-return]


def integers(values: Any, dtype: Any, count: Optional[int], what: str) -> Any:
    """values as a C-contiguous array [count] of an integer type; other integer types are converted when they fit."""
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(dtype)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what}: dtype: got {array.dtype}, expected integers")
    if array.ndim != 1 or (count is not None and array.shape[0] != count):
        raise InvalidArgumentError(f"{what}: shape: got {array.shape}, expected ({'n' if count is None else count},)")
    if array.dtype != dtype:
        limits = np.iinfo(dtype)
        if array.size and (int(array.min()) < limits.min or int(array.max()) > limits.max):
            raise InvalidArgumentError(f"{what}: a value is out of the range of {np.dtype(dtype)}")
    return np.ascontiguousarray(array, dtype=dtype)
