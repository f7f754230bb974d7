"""From a float32 model and some hundred pictures to a model on 8-bit codes."""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import re
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from . import _ffi, _pictures
from ._callbacks import Progress, Watch
from ._library import Handle, Path_, call, fields, lib, path_bytes, read_text, text_bytes
from ._pictures import Pictures
from .errors import InvalidArgumentError, RetrieveError, from_status
from .model import _EXECUTORS, Model
from .runtime import choice, initialised

__all__ = ["AccuracyStep", "Calibration", "Quantizer", "Subgraph", "quantize"]

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
_ACTIONS = {
    _ffi.RTV_ACCURACY_FLOAT: "float",
    _ffi.RTV_ACCURACY_INT8: "int8",
    _ffi.RTV_ACCURACY_REVERT: "revert",
    _ffi.RTV_ACCURACY_RESTORE: "restore",
    _ffi.RTV_ACCURACY_KEEP: "keep",
}
_FLAGS = ("equalize", "quantize_auxiliary", "drop_auxiliary", "relaxed_scopes")


class Subgraph(NamedTuple):
    """All layers on a way between two."""

    start: str
    end: str


class AccuracyStep(NamedTuple):
    """One model that `Quantizer.finish_within` measured on its way."""

    #: "float", "int8" (all of it), "revert" (a layer goes back to float32), "restore" (in int8 after all) or "keep" (tried so, and needed)
    action: str
    #: the layer; empty for the first two
    layer: str
    #: [m] of the metric
    values: List[float]
    #: the most that a value fell below the float32 model's
    drop: float
    #: how much the layer's being alone in float32 raises the mean cosine to the float32 model's descriptors
    gain: float
    #: of the multiply-adds that are in float32
    float_share: float
    #: multiply-adds of the layer
    layer_macs: float


class Calibration(NamedTuple):
    """What became of the pictures given to `Quantizer.add`."""

    #: how many are new
    added: int
    #: [n] what was wrong with a picture, None where nothing was
    errors: List[Optional[RetrieveError]]


#: Layers: a name; a compiled regular expression (POSIX extended) for whole names; ``{"op": "conv"}``; or a `Subgraph`.
Scope = Union[str, "re.Pattern[str]", Mapping[str, str], Subgraph]


#: Measures a model: a number, or several.
Measure = Callable[[Model], Union[float, Sequence[float]]]


def _step(step: _ffi.rtv_accuracy_step, num_values: int) -> AccuracyStep:
    values = fields(step, ("layer", "drop", "gain", "float_share", "layer_macs"))
    return AccuracyStep(_ACTIONS.get(step.action, str(step.action)), values=list(step.values[:num_values]), **values)


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
        options = self._model_options(executor)
        pointer = ctypes.c_void_p()
        with Watch(progress) as watch:
            self._call(watch, lib.rtv_quantizer_finish, owned.address, ctypes.byref(options), ctypes.byref(pointer))
        return Model._wrap(pointer, self._model._decoder, self._model._runtime)

    def _model_options(self, executor: str) -> Any:
        options = initialised(_ffi.rtv_model_options, lib.rtv_model_options_init_sized)
        options.executor = choice(_EXECUTORS, executor, "executor")
        if self._model._decoder is not None:
            options.decode = self._model._decoder.function
        return options

    def finish_within(
        self,
        pictures: Pictures,
        classes: Optional[Sequence[int]] = None,
        *,
        max_drop: Optional[float] = None,
        ks: Optional[Sequence[int]] = None,
        metric: Optional[Measure] = None,
        num_values: int = 1,
        max_layers: Optional[int] = None,
        ranking_pictures: Optional[int] = None,
        executor: str = "auto",
        progress: Progress = None,
    ) -> Tuple[Model, List[AccuracyStep]]:
        """As `finish`, but layers go back to float32, those that hurt most first, until little enough is lost.

        ::

            quantized, steps = quantizer.finish_within(paths, labels, max_drop=0.001)

        Parameters
        ----------
        pictures : picture, or iterable of pictures
            What the layers are ranked on and the default metric looks at; best none that calibrated.
        classes : sequence of int, optional
            [n], -1 for none; needed without a metric of one's own.
        max_drop : float, optional
            No value of the metric may fall by more; 0.0016 by default, 0.16 points of recall.
        ks : sequence of int, optional
            Of the default metric, recall@k, leave-one-out among the pictures: 1, 2, 4, 8.
        metric : callable, optional
            ``metric(model)`` gives a number, of which more is better, or `num_values` of them. The model is there during the call only.
        num_values : int
            Of a metric of one's own.
        max_layers : int, optional
            That may go back.
        ranking_pictures : int, optional
            The layers are ranked on so many of the pictures; 100 by default.
        executor : {"auto", "onednn", "reference"}
            Of the new model.
        progress : callable or tqdm, optional
            Called before each model that is made; how many there will be is not known.

        Returns
        -------
        Model
            The best that was found: where `max_layers` ended it, the last step's drop tells.
        list of AccuracyStep
            What was measured on the way.
        """
        owned = self._use()
        block = _pictures.Block([picture for part in _pictures.chunks(pictures) for picture in part])
        options = initialised(_ffi.rtv_accuracy_options, lib.rtv_accuracy_options_init_sized)
        options.pictures = ctypes.addressof(block.array)
        options.count = block.count
        labels = None if classes is None else np.ascontiguousarray(classes, dtype=np.int32)
        if labels is not None:
            if labels.shape != (block.count,):
                raise InvalidArgumentError(f"classes: shape: got {labels.shape}, expected ({block.count},)")
            options.classes = labels.ctypes.data
        numbers = None if ks is None else np.array(list(ks), dtype=np.int64)
        if numbers is not None:
            options.ks, options.num_ks = numbers.ctypes.data, len(numbers)
        for name, number in {"max_drop": max_drop, "max_layers": max_layers, "ranking_pictures": ranking_pictures}.items():
            if number is not None:
                setattr(options, name, number)
        how = self._model_options(executor)
        pointer = ctypes.c_void_p()
        count = ctypes.c_int64()
        steps = (_ffi.rtv_accuracy_step * (2 + 2 * len(self._model.quantized_layers())))()
        steps[0].struct_size = ctypes.sizeof(_ffi.rtv_accuracy_step)
        with Watch(progress) as watch:
            options.progress = watch.function
            if metric is not None:
                options.metric = _ffi.rtv_metric_fn(watch.guard(self._metric(metric)))
                options.num_values = num_values
            what = (owned.address, ctypes.byref(options), ctypes.byref(how), ctypes.byref(pointer))
            watch.call(lib.rtv_quantizer_finish_within, *what, ctypes.byref(steps), len(steps), ctypes.byref(count))
            options.metric = _ffi.rtv_metric_fn()
        measured = num_values if metric is not None else int(options.num_ks)
        model = Model._wrap(pointer, self._model._decoder, self._model._runtime)
        return model, [_step(step, measured) for step in steps[: count.value]]

    def _metric(self, metric: Measure) -> Callable[..., int]:
        """The metric as C calls it."""

        def measure(_user: object, address: int, values: int, num_values: int) -> int:
            with Model._borrow(address, self._model._decoder, self._model._runtime) as model:
                found = np.asarray(metric(model), dtype=np.float64).reshape(-1)
            if len(found) != num_values:
                raise ValueError(f"metric: got {len(found)} values, expected {num_values}")
            ctypes.memmove(values, found.ctypes.data, found.nbytes)
            return 0

        return measure


def quantize(model: Model, pictures: Pictures, *, progress: Progress = None, **settings: Any) -> Model:
    """A quantized model, calibrated with pictures, in one call; the settings are those of `Quantizer`."""
    with Quantizer(model, **settings) as quantizer:
        quantizer.add(pictures, progress=progress)
        quantized: Model = quantizer.finish(progress=progress)
    return quantized
