"""Pictures as Python has them, for the library: files, encoded bytes, arrays, PIL images."""

from __future__ import annotations

import ctypes
import itertools
import os
from typing import Any, Iterable, Iterator, List, Optional, Union

import numpy as np

from . import _ffi
from ._arrays import _array
from ._library import path_bytes
from .errors import InvalidArgumentError
from .runtime import choice

__all__ = ["Pixels"]

#: A path; the bytes of a JPEG or PNG file; uint8 pixels [height, width, 3 (RGB) | 4 (RGBA) | 1] or [height, width]; a PIL image; or float32
#: [3, input_height, input_width], normalised already, as PyTorch's transforms make it.
Picture = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, Any]
#: One picture or many; arrays with one axis more are many.
Pictures = Union[Picture, Iterable[Picture]]


class Pixels:
    """Pixels whose channels are not in the order R, G, B: those of OpenCV, of cameras.

    Parameters
    ----------
    array : numpy.ndarray
        uint8 [height, width, channels], or [height, width] for gray; rows may have gaps, or go backwards.
    order : {"rgb", "bgr", "rgba", "bgra", "gray"}
        What the channels are. Alpha is dropped.
    """

    __slots__ = ("array", "format", "_order")

    def __init__(self, array: Any, order: str = "bgr") -> None:
        self.array = array
        self.format = choice(_ORDERS, order, "order")
        self._order = order

    def as_rgb(self) -> Any:
        """The array, R first; for showing."""
        array = np.asarray(self.array)
        return array[..., 2::-1] if self._order.startswith("bgr") else array


CHUNK = 512  # pictures handed over at once: few enough to be held decoded, enough to keep every thread busy
_FORMATS = {1: _ffi.RTV_PIXEL_GRAY8, 3: _ffi.RTV_PIXEL_RGB8, 4: _ffi.RTV_PIXEL_RGBA8}
_ORDERS = {
    "rgb": _ffi.RTV_PIXEL_RGB8,
    "bgr": _ffi.RTV_PIXEL_BGR8,
    "rgba": _ffi.RTV_PIXEL_RGBA8,
    "bgra": _ffi.RTV_PIXEL_BGRA8,
    "gray": _ffi.RTV_PIXEL_GRAY8,
}
_CHANNELS = {_ffi.RTV_PIXEL_RGB8: 3, _ffi.RTV_PIXEL_BGR8: 3, _ffi.RTV_PIXEL_RGBA8: 4, _ffi.RTV_PIXEL_BGRA8: 4, _ffi.RTV_PIXEL_GRAY8: 1}
_MODES = ("RGB", "RGBA", "L")  # of PIL, which we take as they are


def is_pil(value: object) -> bool:
    return hasattr(value, "tobytes") and hasattr(value, "mode") and hasattr(value, "convert")


def is_one(value: object) -> bool:
    """Whether this is a picture, and not many."""
    if isinstance(value, (str, os.PathLike, bytes, bytearray, memoryview, Pixels)) or is_pil(value):
        return True
    array = None if isinstance(value, (list, tuple)) else _array(value)
    if array is None:
        return False
    return bool(array.ndim == 3 or (array.ndim == 2 and array.dtype == np.uint8))


def chunks(pictures: Any, size: int = CHUNK) -> Iterator[List[Any]]:
    """One picture or many, in lists."""
    if is_one(pictures):
        yield [pictures]
        return
    if hasattr(pictures, "__array__") and not isinstance(pictures, np.ndarray):
        pictures = np.asarray(pictures)
    if isinstance(pictures, np.ndarray) and pictures.ndim != 4 and pictures.dtype.kind not in "OU":
        raise InvalidArgumentError(
            f"pictures: shape: got {pictures.shape}, expected (n, height, width, channels) or (height, width, channels)"
        )
    if not hasattr(pictures, "__iter__"):
        raise TypeError(f"pictures are paths, bytes, arrays or PIL images, not {type(pictures).__name__}")
    iterator = iter(pictures)
    while True:
        part = list(itertools.islice(iterator, size))
        if not part:
            return
        yield part


def count(pictures: Any) -> Optional[int]:
    """How many, where that can be told beforehand."""
    if is_one(pictures):
        return 1
    try:
        return len(pictures)
    except TypeError:
        return None


def as_list(pictures: Any) -> List[Any]:
    """One picture or many, in one list."""
    return [picture for part in chunks(pictures) for picture in part]


def name(picture: object) -> Optional[str]:
    """The file of a picture, for messages."""
    return os.fspath(picture) if isinstance(picture, (str, os.PathLike)) else None


class Block:
    """Pictures as the library takes them, and what has to live as long."""

    def __init__(self, pictures: List[Any]) -> None:
        self.count = len(pictures)
        self.array = (_ffi.rtv_picture * self.count)()
        self._kept: List[Any] = []
        for i, picture in enumerate(pictures):
            try:
                self._fill(self.array[i], picture)
            except (TypeError, ValueError) as error:
                if self.count > 1:
                    error.args = (f"picture {i}: {error.args[0] if error.args else error}", *error.args[1:])
                    if isinstance(error, InvalidArgumentError):
                        error.message = str(error.args[0])
                raise

    def _fill(self, to: Any, picture: Any) -> None:
        if isinstance(picture, (str, os.PathLike)):
            to.kind = _ffi.RTV_PICTURE_PATH
            to.path = path_bytes(picture)
        elif isinstance(picture, (bytes, bytearray, memoryview)):
            self._fill_bytes(to, picture)
        elif isinstance(picture, Pixels):
            self._fill_array(to, np.asarray(picture.array), picture.format)
        elif is_pil(picture):
            self._fill_pil(to, picture)
        else:
            array = _array(picture)
            if array is None:
                raise TypeError(f"a picture is a path, bytes, an array or a PIL image, not {type(picture).__name__}")
            self._fill_array(to, array)

    def _fill_bytes(self, to: Any, data: Union[bytes, bytearray, memoryview]) -> None:
        flat = np.frombuffer(data, dtype=np.uint8)
        self._kept.append(flat)
        to.kind = _ffi.RTV_PICTURE_ENCODED
        to.data = flat.ctypes.data
        to.size_bytes = flat.size

    def _fill_pil(self, to: Any, image: Any) -> None:
        if image.mode not in _MODES:
            image = image.convert("RGB")
        pixels = np.frombuffer(image.tobytes(), dtype=np.uint8)
        width, height = image.size
        self._fill_array(to, pixels.reshape(height, width, -1))

    def _fill_array(self, to: Any, array: Any, order: Optional[int] = None) -> None:
        if array.dtype == np.float32 and array.ndim == 3 and order is None:
            if not array.flags.c_contiguous:
                raise InvalidArgumentError(f"tensor: strides: got {array.strides}, expected C-contiguous (numpy.ascontiguousarray(x))")
            to.kind = _ffi.RTV_PICTURE_TENSOR
            to.size_bytes = array.nbytes
        else:
            self._describe_pixels(to, array, order)
        to.data = array.ctypes.data
        self._kept.append(array)

    def _describe_pixels(self, to: Any, array: Any, order: Optional[int]) -> None:
        if array.dtype != np.uint8:
            raise TypeError(f"pixels: dtype: got {array.dtype}, expected uint8 (or float32 for a normalised tensor)")
        channels = 1 if array.ndim == 2 else array.shape[2] if array.ndim == 3 else 0
        if channels not in _FORMATS or array.shape[0] < 1 or array.shape[1] < 1:
            raise InvalidArgumentError(f"pixels: shape: got {array.shape}, expected (height, width), or with 1, 3 or 4 channels at the end")
        order = _FORMATS[channels] if order is None else order
        if _CHANNELS[order] != channels:
            raise InvalidArgumentError(f"pixels: channels: got {channels}, expected {_CHANNELS[order]} for their order")
        inner = array.strides[1:] if array.ndim == 3 else (array.strides[1],)
        wanted = (channels, 1) if array.ndim == 3 else (1,)
        sizes = array.shape[1:]
        if any(size > 1 and stride != want for size, stride, want in zip(sizes, inner, wanted)):
            raise InvalidArgumentError(f"pixels: strides: got {array.strides}, expected {wanted} within a row (numpy.ascontiguousarray(x))")
        to.kind = _ffi.RTV_PICTURE_PIXELS
        to.pixel_format = order
        to.height_px, to.width_px = array.shape[:2]
        to.stride_bytes = array.strides[0] if array.shape[0] > 1 else array.shape[1] * channels

    def byref(self) -> Any:
        return ctypes.byref(self.array)
