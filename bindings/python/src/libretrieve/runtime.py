"""What the library runs on: threads, log, instruction set."""

from __future__ import annotations

import ctypes
import logging
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple, Union

from . import _ffi
from ._library import Handle, Owned, call, lib

__all__ = ["CpuInfo", "Runtime", "build_info", "cpu_info", "version"]

#: The instruction sets, each with all before it, for `Runtime`'s max_isa.
_ISA = {
    "scalar": _ffi.RTV_ISA_SCALAR,
    "avx2": _ffi.RTV_ISA_AVX2,
    "avx512": _ffi.RTV_ISA_AVX512,
    "avx512_vnni": _ffi.RTV_ISA_AVX512_VNNI,
    "amx": _ffi.RTV_ISA_AMX,
    "any": _ffi.RTV_ISA_ANY,
}
_LEVELS = {
    _ffi.RTV_LOG_ERROR: logging.ERROR,
    _ffi.RTV_LOG_WARNING: logging.WARNING,
    _ffi.RTV_LOG_INFO: logging.INFO,
    _ffi.RTV_LOG_DEBUG: logging.DEBUG,
}
#: A logger, or a callable that gets a level of `logging` and a line. Called from any thread.
Log = Union[logging.Logger, Callable[[int, str], object]]


def choice(table: Dict[str, int], value: str, what: str) -> int:
    """The number for one of several words."""
    try:
        return table[value]
    except (KeyError, TypeError):
        raise ValueError(f"{what}: got {value!r}, expected one of {', '.join(map(repr, table))}") from None


def initialised(kind: Any, init: Callable[..., None]) -> Any:
    """An option struct with the defaults."""
    options = kind()
    init(ctypes.byref(options), ctypes.sizeof(kind))
    return options


class Runtime(Handle):
    """A team of threads and a log, which models and indexes may share.

    Models and indexes that are made without one have one of their own, with the defaults. After ``fork`` the child may make new ones;
    what the parent made raises `ForkedError` there.

    Parameters
    ----------
    threads : int, optional
        Number of threads; by default that of the processors this process may use.
    log : logging.Logger or callable, optional
        Gets the lines of the log, from any thread: a callable as ``log(level, line)`` with the levels of `logging`.
    log_level : int, optional
        The lowest level of `logging` that is passed on.
    max_isa : str, optional
        ``"scalar"``, ``"avx2"``, ``"avx512"``, ``"avx512_vnni"``, ``"amx"`` or ``"any"``. A cap below any holds for the whole process and has
        to come before everything else.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        threads: Optional[int] = None,
        log: Optional[Log] = None,
        log_level: int = logging.WARNING,
        max_isa: str = "any",
    ) -> None:
        self._owned = None
        options = initialised(_ffi.rtv_runtime_options, lib.rtv_runtime_options_init_sized)
        if threads is not None:
            options.threads = threads
        options.max_isa = choice(_ISA, max_isa, "max_isa")
        options.log_level = max(theirs for theirs, ours in _LEVELS.items() if ours >= min(log_level, logging.ERROR))
        write: Any = log.log if isinstance(log, logging.Logger) else log
        log_function = _ffi.rtv_log_fn()
        if write is not None:
            log_function = _ffi.rtv_log_fn(lambda _, level, line: write(_LEVELS[level], line.decode("utf-8", "replace")))
        options.log = log_function
        pointer = ctypes.c_void_p()
        call(lib.rtv_runtime_create, ctypes.byref(options), ctypes.byref(pointer))
        self._take(pointer, lib.rtv_runtime_free, log_function)


def runtime_owned(runtime: Optional[Runtime]) -> Tuple[Optional[Owned], Optional[int]]:
    """A runtime for a new object: what it has to keep, and the address for C, NULL for the defaults."""
    if runtime is None:
        return None, None
    owned = runtime._use()
    return owned, owned.address


class CpuInfo(NamedTuple):
    """What a processor can do."""

    name: str
    #: the best instruction set, such as ``"AVX-512 VNNI"``
    isa: str
    #: sums of products of 8-bit codes do not saturate at any weight
    int8_exact: bool
    #: int8 networks run faster than float32
    int8_fast: bool
    #: number of processors that this process may use
    processors: int


def cpu_info() -> CpuInfo:
    """What this processor can do."""
    info = _ffi.rtv_cpu_info(struct_size=ctypes.sizeof(_ffi.rtv_cpu_info))
    call(lib.rtv_cpu_info_get, ctypes.byref(info))
    return CpuInfo(
        info.name.decode("utf-8", "replace"),
        lib.rtv_isa_name(info.isa).decode(),
        bool(info.int8_exact),
        bool(info.int8_fast),
        info.processors,
    )


def version() -> str:
    """Version of the shared library."""
    number = lib.rtv_version()
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def build_info() -> str:
    """One line on how the shared library was built: compiler, oneDNN and decoders."""
    return str(lib.rtv_build_info().decode("utf-8", "replace"))
