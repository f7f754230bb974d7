"""From a float32 model and some hundred pictures to a model on 8-bit codes."""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import re
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Union

import numpy as np

from . import _ffi, _pictures
from ._callbacks import Progress, Watch
from ._library import Handle, Path_, call, lib, path_bytes, read_text, text_bytes
from ._pictures import Pictures
from .errors import RetrieveError, from_status
from .model import _EXECUTORS, Model
from .runtime import choice, initialised

__all__ = ["Calibration", "Quantizer", "Subgraph", "quantize"]

_PRESETS = {"mixed": _ffi.RTV_PRESET_MIXED, "performance": _ffi.RTV_PRESET_PERFORMANCE}
_ESTIMATORS = {
    "mean_min_max": _ffi.RTV_ESTIMATOR_MEAN_MIN_MAX,
    "min_max": _ffi.RTV_ESTIMATOR_MIN_MAX,
    "median": _ffi.RTV_ESTIMATOR_MEDIAN,
    "quantile": _ffi.RTV_ESTIMATOR_QUANTILE,
    "no_outliers": _ffi.RTV_ESTIMATOR_NO_OUTLIERS,
    "squared_error": _ffi.RTV_ESTIMATOR_SQUARED_ERROR,
}
_WEIGHTS = {
    "compensated": _ffi.RTV_WEIGHTS_COMPENSATED,
    "pair_safe": _ffi.RTV_WEIGHTS_PAIR_SAFE,
    "half_range": _ffi.RTV_WEIGHTS_HALF_RANGE,
    "nearest": _ffi.RTV_WEIGHTS_NEAREST,
}
_BIAS = {"none": _ffi.RTV_BIAS_NONE, "fast": _ffi.RTV_BIAS_FAST, "full": _ffi.RTV_BIAS_FULL}
_TABLES: Dict[str, Dict[str, int]] = {"preset": _PRESETS, "estimator": _ESTIMATORS, "weights": _WEIGHTS, "bias_correction": _BIAS}
_FLAGS = ("equalize", "quantize_auxiliary", "drop_auxiliary", "relaxed_scopes")


class Subgraph(NamedTuple):
    """All layers on a way between two."""

    start: str
    end: str


class Calibration(NamedTuple):
    """What became of the pictures given to `Quantizer.add`."""

    #: how many are new
    added: int
    #: [n] what was wrong with a picture, None where nothing was
    errors: List[Optional[RetrieveError]]


#: Layers: a name; a compiled regular expression (POSIX extended) for whole names; ``{"op": "conv"}``; or a `Subgraph`.
Scope = Union[str, "re.Pattern[str]", Mapping[str, str], Subgraph]


def _scope(given: Scope) -> Any:
    if isinstance(given, str):
        return _ffi.rtv_scope(kind=_ffi.RTV_SCOPE_NAME, text=text_bytes(given))
    if isinstance(given, re.Pattern):
        return _ffi.rtv_scope(kind=_ffi.RTV_SCOPE_REGEX, text=text_bytes(given.pattern))
    if isinstance(given, Subgraph):
        return _ffi.rtv_scope(kind=_ffi.RTV_SCOPE_SUBGRAPH, text=text_bytes(given.start), to=text_bytes(given.end))
    if isinstance(given, Mapping) and set(given) == {"op"}:
        return _ffi.rtv_scope(kind=_ffi.RTV_SCOPE_OP, text=text_bytes(given["op"]))
    raise TypeError(f"a scope is a name, a compiled regular expression, {{'op': ...}} or a Subgraph, not {given!r}")


class _Relay:
    """The progress callback that the C quantizer keeps, for the watch of the call that runs."""

    def __init__(self) -> None:
        self.watch: Optional[Watch] = None
        self.function = _ffi.rtv_progress_fn(self._step)

    def _step(self, user: object, done: int, total: int) -> int:
        return 0 if self.watch is None else self.watch.step(user, done, total)


class Quantizer(Handle):
    """Collects pictures and makes quantized models of them. For one thread at a time: a second caller gets `BusyError`.

    ::

        quantizer = Quantizer(model)
        quantizer.add(paths)                    # some hundred, such as the model will see; any iterable
        quantizer.finish().save("int8.safetensors")

    Parameters
    ----------
    model : Model
        In float32; it stays alive as long.
    preset : {"mixed", "performance"}
    estimator : {"mean_min_max", "min_max", "median", "quantile", "no_outliers", "squared_error"}
        From what the pictures' activations were to the range that codes cover.
    weights : {"compensated", "pair_safe", "half_range", "nearest"}
        How weights become codes; all but the last are exact on every processor.
    bias_correction : {"none", "fast", "full"}
    equalize, quantize_auxiliary, drop_auxiliary, relaxed_scopes : bool
    max_samples : int
        Pictures that can be added.
    moment_samples : int
        Pictures that compensated weights look at.
    ignored : iterable of scopes
        Layers that stay in float32: a name, a compiled regular expression, ``{"op": "conv"}`` or a `Subgraph`.
    settings : dict or str
        The same settings as a dict or JSON, as `settings` gives them; they count more than the others.

    Raises
    ------
    NotFoundError
        A scope matches nothing.

    Notes
    -----
    docs/quantization.md explains the settings; what is None has the library's default.
    """

    __slots__ = ("_model", "_relay", "_room")

    def __init__(self, model: Model, **settings: Any) -> None:
        self._owned = None
        self._model = model
        self._relay = _Relay()
        of_model = model._use()
        options, kept = self._options(settings)
        pointer = ctypes.c_void_p()
        call(lib.rtv_quantizer_create, of_model.address, ctypes.byref(options), ctypes.byref(pointer))
        del kept
        self._take(pointer, lib.rtv_quantizer_free, (self._relay, of_model))
        self._room = int(self.settings["max_samples"])

    def _options(self, settings: Dict[str, Any]) -> Any:
        options = initialised(_ffi.rtv_quantizer_options, lib.rtv_quantizer_options_init_sized)
        options.progress = self._relay.function
        kept = None
        for name, value in settings.items():
            if value is None:
                continue
            if name in _TABLES:
                setattr(options, name, choice(_TABLES[name], value, name))
            elif name in _FLAGS:
                setattr(options, name, int(bool(value)))
            elif name in ("max_samples", "moment_samples"):
                setattr(options, name, value)
            elif name == "ignored":
                scopes = [_scope(given) for given in ([value] if isinstance(value, (str, re.Pattern, Mapping, Subgraph)) else value)]
                kept = (_ffi.rtv_scope * len(scopes))(*scopes)
                options.ignored = ctypes.addressof(kept)
                options.num_ignored = len(scopes)
            elif name == "settings":
                options.json = text_bytes(value if isinstance(value, str) else json.dumps(value))
            else:
                raise TypeError(f"Quantizer has no setting {name!r}")
        return options, kept

    def configure(self, **settings: Any) -> None:
        """Other settings for the same pictures: those not named go back to their defaults. What they have in common with the old ones is
        not computed again. The parameters are those of the constructor."""
        owned = self._use()
        options, kept = self._options(settings)
        before = int(self.settings["max_samples"])
        call(lib.rtv_quantizer_configure, owned.address, ctypes.byref(options))
        del kept
        self._room += int(self.settings["max_samples"]) - before

    @property
    def settings(self) -> Dict[str, Any]:
        """The settings in use, complete."""
        owned = self._use()
        settings: Dict[str, Any] = json.loads(read_text(lib.rtv_quantizer_settings, owned.address))
        return settings

    def add(self, pictures: Pictures, *, progress: Progress = None) -> Calibration:
        """Read pictures: decoded, resized, kept. One that fails is left out alone.

        Parameters
        ----------
        pictures : picture, or iterable of pictures
            As for `Model.embed`. Of a generator no more is read than there is room for.
        progress : callable or tqdm, optional
            As for `Model.embed`.
        """
        owned = self._use()
        added = 0
        errors: List[Optional[RetrieveError]] = []
        with Watch(progress) as watch:
            whole = _pictures.count(pictures)
            watch.whole = -1 if whole is None else min(whole, self._room)
            for part in self._parts(pictures):
                block = _pictures.Block(part)
                statuses = np.zeros(block.count, dtype=np.int32)
                details = (_ffi.rtv_error * block.count)()
                new = ctypes.c_int64()
                where = (owned.address, block.byref(), block.count, statuses.ctypes.data, ctypes.byref(details), ctypes.byref(new))
                self._call(watch, lib.rtv_quantizer_add, *where)
                for i, picture in enumerate(part):
                    failed = None if statuses[i] == _ffi.RTV_OK else from_status(details[i], _pictures.name(picture), watch.before + i)
                    errors.append(failed)
                watch.before += len(part)
                added += new.value
                self._room -= new.value
        return Calibration(added, errors)

    def _parts(self, pictures: Pictures) -> Iterable[List[Any]]:
        """Lists of pictures while there is room."""
        source = itertools.chain.from_iterable(_pictures.chunks(pictures, 1))
        while self._room > 0:
            part = list(itertools.islice(source, min(self._room, _pictures.CHUNK)))
            if not part:
                return
            yield part

    def _call(self, watch: Watch, function: Any, *arguments: Any, file: Optional[str] = None) -> None:
        self._relay.watch = watch
        try:
            watch.call(function, *arguments, file=file)
        finally:
            self._relay.watch = None

    def save_statistics(self, path: Path_, *, progress: Progress = None) -> None:
        """Write the statistics of the activations to a file; they are collected when they are not there yet."""
        owned = self._use()
        with Watch(progress) as watch:
            self._call(watch, lib.rtv_quantizer_save_statistics, owned.address, path_bytes(path), file=os.fspath(path))

    def load_statistics(self, path: Path_) -> None:
        """Read statistics, before the first picture is added."""
        owned = self._use()
        call(lib.rtv_quantizer_load_statistics, owned.address, path_bytes(path), file=os.fspath(path))

    def finish(self, *, executor: str = "auto", progress: Progress = None) -> Model:
        """A quantized model of what was added; as often as wanted.

        Parameters
        ----------
        executor : {"auto", "onednn", "reference"}
            Of the new model.
        progress : callable or tqdm, optional
            As for `Model.embed`.

        Raises
        ------
        StateError
            No picture was added.
        """
        owned = self._use()
        options = initialised(_ffi.rtv_model_options, lib.rtv_model_options_init_sized)
        options.executor = choice(_EXECUTORS, executor, "executor")
        decoder = self._model._decoder
        if decoder is not None:
            options.decode = decoder.function
        pointer = ctypes.c_void_p()
        with Watch(progress) as watch:
            self._call(watch, lib.rtv_quantizer_finish, owned.address, ctypes.byref(options), ctypes.byref(pointer))
        return Model._wrap(pointer, decoder, self._model._runtime)


def quantize(model: Model, pictures: Pictures, *, progress: Progress = None, **settings: Any) -> Model:
    """A quantized model, calibrated with pictures, in one call; the settings are those of `Quantizer`."""
    with Quantizer(model, **settings) as quantizer:
        quantizer.add(pictures, progress=progress)
        quantized: Model = quantizer.finish(progress=progress)
    return quantized
