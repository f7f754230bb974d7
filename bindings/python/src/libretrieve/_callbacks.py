"""Progress of long work: Python's callables, tqdm's bars, and exceptions on their way through C."""

from __future__ import annotations

from typing import Any, Callable, Optional, Union

from . import _ffi
from ._library import call
from .errors import RetrieveError

#: A callable that gets (done, total), total None while unknown; or a tqdm bar; or tqdm's class, which makes the bar. To stop the work,
#: raise an exception: it comes out of the call.
Progress = Union[Callable[[int, Optional[int]], object], Any, None]


class Watch:
    """The C side of a progress callback, around calls::

        with Watch(progress) as watch:
            options.progress = watch.function
            watch.call(...)

    What the callback raises stops the call and comes out of it. There is a C callback even without a progress, so that Ctrl-C is heard
    between two steps of the work.
    """

    def __init__(self, progress: Progress) -> None:
        if progress is not None and not callable(progress) and not hasattr(progress, "update"):
            raise TypeError(f"progress is a callable or a tqdm bar, not {type(progress).__name__}")
        is_bar = hasattr(progress, "update")
        self._own_bar: Any = progress() if is_bar and isinstance(progress, type) else None
        self._bar: Any = self._own_bar if self._own_bar is not None else progress if is_bar else None
        self._progress: Any = progress if self._bar is None else None
        self._raised: Optional[BaseException] = None
        #: Work in parts: what was done before this part, and the whole, -1 while unknown.
        self.before = 0
        self.whole: Optional[int] = None
        self.step = self.guard(self._step)
        self.function = _ffi.rtv_progress_fn(self.step)

    def guard(self, function: Callable[..., int], otherwise: int = 1) -> Callable[..., int]:
        """The function as C may call it: `otherwise` when it raises, and the exception is kept; nothing more is asked of it then."""

        def guarded(*arguments: Any) -> int:
            if self._raised is not None:
                return otherwise
            try:
                return function(*arguments)
            except BaseException as error:  # also KeyboardInterrupt and SystemExit: there is no way through C's frames
                self._raised = error
                return otherwise

        return guarded

    def _step(self, _user: object, done: int, total: int) -> int:
        done += self.before
        total = total if self.whole is None else self.whole
        if self._progress is not None:
            self._progress(done, total if total >= 0 else None)
        elif self._bar is not None:
            if total >= 0 and self._bar.total != total:
                self._bar.total = total
                self._bar.refresh()
            self._bar.update(done - self._bar.n)
        return 0

    def call(self, function: Callable[..., int], *arguments: Any, file: Optional[str] = None) -> None:
        """`call`, with the callback's exception in place of the CANCELLED that it caused; also when the work was done all the same."""
        failed: Optional[BaseException] = None
        try:
            call(function, *arguments, file=file)
        except RetrieveError as error:
            failed = error
        raised, self._raised = self._raised or failed, None
        if raised is not None:
            raise raised

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        del self.step
        self.function = _ffi.rtv_progress_fn()  # the callback refers to this object: an end to the circle
        if self._own_bar is not None:
            self._own_bar.close()
