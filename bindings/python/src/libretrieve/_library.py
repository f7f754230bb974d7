"""The shared library: where it is, its functions, how they are called, and who gives their objects back."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Union

from . import _ffi
from .errors import ClosedError, from_status

Path_ = Union[str, "os.PathLike[str]"]

_HERE = Path(__file__).resolve().parent
_CARRIED = _HERE / "lib"  # what a wheel brings along


def _onednn_folders() -> Iterator[Path]:
    """Where pip puts the library of the wheel onednn-cpu-gomp: into lib/ of the environment, of the user, or of --target."""
    yield Path(sys.prefix) / "lib"
    yield _HERE.parent / "lib"
    from importlib.metadata import PackageNotFoundError, files

    try:
        found = files("onednn-cpu-gomp") or []
    except PackageNotFoundError:
        return
    yield from (Path(str(file.locate())).resolve().parent for file in found if file.name == "libdnnl.so.3")


def _load_one(name: str, candidates: Iterator[Path]) -> None:
    """Loads a library that ours needs, so that the loader finds it by its SONAME: the system's or one that is there already, or the
    first candidate. Without any, loading ours will tell."""
    try:
        ctypes.CDLL(name)
    except OSError:
        for candidate in candidates:
            if candidate.exists():
                ctypes.CDLL(str(candidate))
                return


def _load() -> ctypes.CDLL:
    path = os.environ.get("LIBRETRIEVE")  # for those who build it themselves
    if path is None:
        carried = sorted(_CARRIED.glob("libretrieve.so*"))
        path = str(carried[0]) if carried else f"libretrieve.so.{_ffi.RTV_ABI_VERSION}"
        # GNU OpenMP has to be one for the whole process: oneDNN and we share its threads' settings.
        _load_one("libgomp.so.1", iter([_CARRIED / "libgomp.so.1"]))
        _load_one("libdnnl.so.3", (folder / "libdnnl.so.3" for folder in _onednn_folders()))
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"libretrieve: the shared library cannot be loaded: {error}", path=path) from error


def _bind(library: ctypes.CDLL) -> None:
    for name, (result, arguments) in _ffi.FUNCTIONS.items():
        function = getattr(library, name, None)  # an older library has fewer
        if function is not None:
            function.restype = result
            function.argtypes = arguments
    if library.rtv_abi_version() != _ffi.RTV_ABI_VERSION:
        raise ImportError(
            f"libretrieve: ABI version of the shared library: got {library.rtv_abi_version()}, expected {_ffi.RTV_ABI_VERSION}"
        )


lib = _load()
_bind(lib)


def call(function: Callable[..., int], *arguments: Any, file: Optional[str] = None) -> None:
    """Calls a function whose last parameter is the error, and raises what it says. The GIL is free meanwhile."""
    error = _ffi.rtv_error()
    if function(*arguments, ctypes.byref(error)):
        raise from_status(error, file)


def path_bytes(path: Path_) -> bytes:
    """A path as the library takes it. File names that are not UTF-8 keep their bytes, as everywhere in Python."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"a path is a str or os.PathLike of str, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError("embedded null byte in a path")
    return text.encode("utf-8", "surrogateescape")


def text_bytes(text: str) -> bytes:
    """A text as the library takes it."""
    if "\0" in text:
        raise ValueError("embedded null byte in a text")
    return text.encode("utf-8")


def read_text(function: Callable[..., int], *arguments: Any) -> str:
    """Asks a function of the form (..., buffer, capacity, size) for a text of any size."""
    size = ctypes.c_uint64(0)
    capacity = 256
    while True:
        buffer = ctypes.create_string_buffer(capacity)
        error = _ffi.rtv_error()
        status = function(*arguments, buffer, capacity, ctypes.byref(size), ctypes.byref(error))
        if status == _ffi.RTV_OK:
            return buffer.value.decode("utf-8", "surrogateescape")
        if status != _ffi.RTV_E_BUFFER_TOO_SMALL:
            raise from_status(error)
        capacity = size.value


def rows(kind: Any, function: Callable[..., int], *arguments: Any, most: Optional[int] = None) -> List[Any]:
    """The structs that a function of the form (..., array, capacity, count) writes: all, or up to `most`."""
    count = ctypes.c_int64()
    call(function, *arguments, None, 0, ctypes.byref(count))
    capacity = count.value if most is None else max(min(count.value, most), 0)
    if capacity == 0:
        return []
    array = (kind * capacity)()
    if hasattr(kind, "struct_size"):
        array[0].struct_size = ctypes.sizeof(kind)
    call(function, *arguments, ctypes.byref(array), capacity, ctypes.byref(count))
    return list(array)


def fields(struct: ctypes.Structure, names: Iterable[str]) -> Dict[str, Any]:
    """Fields of a struct by name, with texts as str."""
    values = {name: getattr(struct, name) for name in names}
    return {name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value for name, value in values.items()}


class Owned:
    """A reference to an object of the library, given back when nobody holds this one any more: not while a call still runs with it,
    whoever closes meanwhile."""

    __slots__ = ("address", "_free", "_keep")

    def __init__(self, address: int, free: Callable[[int], None], keep: object) -> None:
        self.address = address
        self._free = free
        self._keep = keep  # what C refers to: callbacks, other objects with callbacks

    def __del__(self) -> None:
        self._free(self.address)


class Handle:
    """What all objects of the library have in common: closing, by hand, at the end of a ``with`` block, or when forgotten."""

    __slots__ = ("_owned", "__weakref__")
    _owned: Optional[Owned]

    def _take(self, pointer: ctypes.c_void_p, free: Callable[[int], None], keep: object = None) -> None:
        assert pointer.value is not None
        self._owned = Owned(pointer.value, free, keep)

    def _use(self) -> Owned:
        """The object, for as long as the caller keeps it."""
        owned = self._owned
        if owned is None:
            raise ClosedError(f"{type(self).__name__} is closed")
        return owned

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._owned is None

    def close(self) -> None:
        """Give the object back. Calls that run meanwhile end as usual; later ones raise `ClosedError`. May be called twice."""
        self._owned = None

    def __enter__(self) -> Any:
        self._use()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle {type(self).__name__}: load it in every process")
