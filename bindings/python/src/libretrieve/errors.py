"""What can go wrong. Every exception of the library is a :class:`RetrieveError`; where Python has a kind of its own for it, also that."""

from __future__ import annotations

import errno
from typing import Any, Dict, Optional, Tuple, Type

from . import _ffi

__all__ = [
    "BusyError",
    "CallbackError",
    "CancelledError",
    "ChecksumError",
    "ClosedError",
    "DeniedFileError",
    "ExistsError",
    "FileError",
    "ForkedError",
    "FormatError",
    "InternalError",
    "InvalidArgumentError",
    "LimitError",
    "MismatchError",
    "MissingFileError",
    "NotFoundError",
    "OutOfMemoryError",
    "RetrieveError",
    "StateError",
    "UnsupportedError",
]


class RetrieveError(Exception):
    """Base of all exceptions of the library.

    Attributes
    ----------
    message : str
        What is wrong with what, in one line.
    status : int
        The library's code, ``RTV_E_...``; its name is in `status_name`.
    os_error : int
        The operating system's ``errno``, or 0.
    file : str or None
        The file that the call was about.
    offset : int or None
        Where in the file or buffer, in bytes.
    index : int or None
        Which of several pictures.
    """

    status: int = _ffi.RTV_E_INTERNAL

    def __init__(
        self,
        message: str = "",
        *,
        status: Optional[int] = None,
        os_error: int = 0,
        file: Optional[str] = None,
        offset: Optional[int] = None,
        index: Optional[int] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status
        self.os_error = os_error
        self.file = file
        self.offset = offset
        self.index = index

    @property
    def status_name(self) -> str:
        """The name of the status, such as ``"RTV_E_FORMAT"``."""
        return _NAMES.get(self.status, "RTV_E_?")

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> Tuple[Any, ...]:  # exceptions cross processes, and keyword arguments would get lost
        return type(self), (self.message,), dict(self.__dict__)


class InvalidArgumentError(RetrieveError, ValueError):
    """The call itself is wrong."""

    status = _ffi.RTV_E_INVALID_ARGUMENT


class ClosedError(InvalidArgumentError):
    """The object was closed before."""


class OutOfMemoryError(RetrieveError, MemoryError):
    """The system has no more memory."""

    status = _ffi.RTV_E_OUT_OF_MEMORY


class FileError(RetrieveError, OSError):
    """The operating system said no; `errno` and `filename` are those of :class:`OSError`."""

    status = _ffi.RTV_E_IO

    def __init__(self, message: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.errno = self.os_error or None
        self.filename = self.file

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self.message,), dict(self.__dict__, errno=self.errno, filename=self.filename)


class MissingFileError(FileError, FileNotFoundError):
    """There is no such file."""


class DeniedFileError(FileError, PermissionError):
    """The file may not be read or written."""


class FormatError(RetrieveError, ValueError):
    """Bytes that do not follow their format."""

    status = _ffi.RTV_E_FORMAT


class ChecksumError(FormatError):
    """The stored checksum is not that of the bytes."""

    status = _ffi.RTV_E_CHECKSUM


class UnsupportedError(RetrieveError):
    """Well-formed, but nothing here can handle it."""

    status = _ffi.RTV_E_UNSUPPORTED


class LimitError(RetrieveError, ValueError):
    """Larger than an option allows; the message names the option."""

    status = _ffi.RTV_E_LIMIT


class MismatchError(RetrieveError, ValueError):
    """Two things that do not belong together: model and index, vectors and dimension."""

    status = _ffi.RTV_E_MISMATCH


class NotFoundError(RetrieveError, KeyError):
    """No such id or name in an index."""

    status = _ffi.RTV_E_NOT_FOUND


class ExistsError(RetrieveError, ValueError):
    """An id, or a file to be made, that is already there."""

    status = _ffi.RTV_E_EXISTS


class CancelledError(RetrieveError):
    """The work was stopped."""

    status = _ffi.RTV_E_CANCELLED


class BusyError(RetrieveError, RuntimeError):
    """Called from inside a callback, or by a second caller of an object for one thread."""

    status = _ffi.RTV_E_BUSY


class ForkedError(RetrieveError, RuntimeError):
    """The object was made before ``fork()``, in the parent process."""

    status = _ffi.RTV_E_FORKED


class CallbackError(RetrieveError, RuntimeError):
    """A callback failed; ``__cause__`` is what it raised."""

    status = _ffi.RTV_E_CALLBACK


class StateError(RetrieveError, RuntimeError):
    """The right call at the wrong time."""

    status = _ffi.RTV_E_STATE


class InternalError(RetrieveError, RuntimeError):
    """A defect of the library or of one it uses; please report."""


_NAMES: Dict[int, str] = {value: name for name, value in vars(_ffi).items() if name.startswith("RTV_E_") or name == "RTV_OK"}
_CLASSES: Dict[int, Type[RetrieveError]] = {
    kind.status: kind
    for kind in (
        InvalidArgumentError,
        OutOfMemoryError,
        FileError,
        FormatError,
        ChecksumError,
        UnsupportedError,
        LimitError,
        MismatchError,
        NotFoundError,
        ExistsError,
        CancelledError,
        BusyError,
        ForkedError,
        CallbackError,
        StateError,
        InternalError,
    )
}


def from_status(error: _ffi.rtv_error, file: Optional[str] = None, index: Optional[int] = None) -> RetrieveError:
    """The exception for a failed call."""
    kind = _CLASSES.get(error.status, RetrieveError)
    if kind is FileError and error.os_error == errno.ENOENT:
        kind = MissingFileError
    elif kind is FileError and error.os_error in (errno.EACCES, errno.EPERM):
        kind = DeniedFileError
    return kind(
        error.message.decode("utf-8", "replace"),
        status=error.status,
        os_error=error.os_error,
        file=file,
        offset=error.byte_offset if error.byte_offset >= 0 else None,
        index=index,
    )
