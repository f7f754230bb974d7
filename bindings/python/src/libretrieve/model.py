"""A network with its preprocessing: from pictures to descriptors."""

from __future__ import annotations

import ctypes
import json
import os
import threading
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Union

import numpy as np

from . import _ffi, _pictures
from ._callbacks import Progress, Watch
from ._library import Handle, Owned, Path_, call, fields, lib, path_bytes, read_text, rows, text_bytes
from ._pictures import Picture, Pictures
from .errors import CallbackError, RetrieveError, from_status
from .runtime import Runtime, choice, initialised, runtime_owned

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._arrays import Floats, Numbers

__all__ = ["Embedding", "Layer", "Model", "ModelInfo", "QuantizedLayer"]

_EXECUTORS = {"auto": _ffi.RTV_EXECUTOR_AUTO, "reference": _ffi.RTV_EXECUTOR_REFERENCE, "onednn": _ffi.RTV_EXECUTOR_ONEDNN}
_MODES = {"auto": _ffi.RTV_MODE_AUTO, "latency": _ffi.RTV_MODE_LATENCY, "throughput": _ffi.RTV_MODE_THROUGHPUT}
_RESIZE = {"squash": _ffi.RTV_RESIZE_SQUASH, "center_crop": _ffi.RTV_RESIZE_CENTER_CROP, "letterbox": _ffi.RTV_RESIZE_LETTERBOX}
_SIMULATED = {
    "codes": _ffi.RTV_SIMULATE_CODES,
    "channel_symmetric": _ffi.RTV_SIMULATE_CHANNEL_SYMMETRIC,
    "tensor_symmetric": _ffi.RTV_SIMULATE_TENSOR_SYMMETRIC,
    "channel_asymmetric": _ffi.RTV_SIMULATE_CHANNEL_ASYMMETRIC,
    "tensor_asymmetric": _ffi.RTV_SIMULATE_TENSOR_ASYMMETRIC,
}
_STORE = {"float32": _ffi.RTV_STORE_FLOAT32, "float16": _ffi.RTV_STORE_FLOAT16}

#: Gets the bytes of a file that is neither JPEG nor PNG; gives uint8 pixels [height, width, 3], a PIL image, or None when the format is not
#: its own. Called from several threads at once.
Decode = Callable[[bytes], Any]


class ModelInfo(NamedTuple):
    """What a model is."""

    name: str
    architecture: str
    #: letters of the branches of a CGD network, such as ``"SG"``; empty for a classifier
    descriptors: str
    #: floats in a descriptor
    descriptor_dim: int
    #: of the classifier, 0 without one
    num_classes: int
    input_width: int
    input_height: int
    #: one line
    preprocessing: str
    #: SHA-256 of what decides the descriptors, in hexadecimal
    fingerprint: str
    #: the fingerprint of the float32 model that a quantized one was made of; empty for a float32 model
    parent: str
    #: that a quantized model was made with
    calibration_pictures: int
    #: ``"onednn"`` or ``"reference"``
    executor: str
    num_parameters: int
    weights_bytes: int
    resident_bytes: int
    activation_bytes: int
    #: multiply-adds for one picture
    macs: float


class Layer(NamedTuple):
    """One step of the compiled network."""

    name: str
    op: str
    kernel: str
    precision: str
    shape: str
    macs: float
    #: median of the profiled runs, 0 without runs
    milliseconds: float


class QuantizedLayer(NamedTuple):
    """One layer of the network, and what it computes on."""

    name: str
    op: str
    #: "int8" or "f32"
    precision: str
    #: of the result: "u8", "s8" or "f32"
    output: str
    #: why it computes on that
    why: str
    #: of the result's codes: (code - zero_point) * scale; 0 when it is floats
    scale: float
    zero_point: int
    #: pairs of weights that gave way to the pair-sum rule
    pairs_mended: int
    #: of the rounding of the weights; 0 where nothing was rounded
    weight_snr_db: float


class Embedding(NamedTuple):
    """What `Model.describe` finds out about n pictures."""

    #: [n, d] float32, of unit length; zeros for a picture that failed
    descriptors: Floats
    #: [n] int32, the predicted class; -1 without a classifier or on failure
    classes: Numbers
    #: [n] float32, its probability
    class_scores: Floats
    #: [n] what was wrong with a picture, None where nothing was
    errors: List[Optional[RetrieveError]]

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """[n] which pictures succeeded."""
        return np.array([error is None for error in self.errors], dtype=bool)


class _Decoder:
    """The C side of a decoder written in Python. It is asked twice for every picture, so what it gave to each thread is remembered."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._last: Dict[int, Any] = {}  # by thread; threading.local forgets between two calls from a thread that Python did not start
        self.raised: Optional[BaseException] = None
        self.function = _ffi.rtv_decode_fn(self._call)

    def _pixels(self, data: bytes) -> Optional[Any]:
        image = self._decode(data)
        if image is None:
            return None
        if _pictures.is_pil(image):
            image = np.asarray(image.convert("RGB"))
        pixels = np.ascontiguousarray(image)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise ValueError(f"decode: got {pixels.dtype} {pixels.shape}, expected uint8 (height, width, 3)")
        return pixels

    def _call(self, _user: object, data: int, size: int, width: int, height: int, to: Optional[int]) -> int:
        try:
            if to is None:
                pixels = self._pixels(ctypes.string_at(data, size))
                if pixels is None:
                    return 1
                self._last[threading.get_ident()] = pixels
            else:
                pixels = self._last.pop(threading.get_ident())
            ctypes.c_int32.from_address(width).value = pixels.shape[1]
            ctypes.c_int32.from_address(height).value = pixels.shape[0]
            if to is not None:
                ctypes.memmove(to, pixels.ctypes.data, pixels.nbytes)
            return 0
        except BaseException as error:
            self.raised = error
            return -1


class Model(Handle):
    """A loaded network. Any thread may use it at any time; all that takes long happens outside the GIL.

    Made by `load` (a model file) or `from_checkpoint` (trained weights)::

        model = Model.load("cgd.safetensors")
        descriptors = model.embed(["a.jpg", "b.jpg"])       # float32 [2, d], of unit length
    """

    __slots__ = ("_decoder", "_info", "_runtime")
    _decoder: Optional[_Decoder]
    _info: ModelInfo
    _runtime: Optional[Owned]

    def __init__(self) -> None:
        raise TypeError("use Model.load(...) or Model.from_checkpoint(...)")

    @classmethod
    def load(
        cls,
        source: Union[Path_, bytes],
        *,
        runtime: Optional[Runtime] = None,
        executor: str = "auto",
        max_pixels: Optional[int] = None,
        max_picture_bytes: Optional[int] = None,
        decode: Optional[Decode] = None,
    ) -> Model:
        """Load a model file.

        Parameters
        ----------
        source : path or bytes
            The file, or what is in it. A file stays mapped as long as the model is there: replace it, but do not write into it.
        runtime : Runtime, optional
            The threads to run on; by default one of the model's own.
        executor : {"auto", "onednn", "reference"}
            What runs the network.
        max_pixels, max_picture_bytes : int, optional
            Limits for one picture; by default those of Pillow, and 256 MB.
        decode : callable, optional
            Asked for formats other than JPEG and PNG: gets bytes, gives uint8 pixels [height, width, 3], a PIL image, or None.

        Raises
        ------
        FileError, FormatError, ChecksumError, UnsupportedError
        """
        given = (runtime, executor, max_pixels, max_picture_bytes, decode)
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = np.frombuffer(source, dtype=np.uint8)
            return cls._make(lib.rtv_model_load_bytes, [data.ctypes.data, data.size], *given)
        return cls._make(lib.rtv_model_load, [path_bytes(source)], *given, file=os.fspath(source))

    @classmethod
    def from_checkpoint(
        cls,
        source: Union[Path_, bytes],
        *,
        architecture: Optional[str] = None,
        descriptors: Optional[str] = None,
        input_size: Optional[Sequence[int]] = None,
        layer3_stride: Optional[int] = None,
        resize: str = "squash",
        resize_shorter: Optional[int] = None,
        letterbox_value: Optional[int] = None,
        apply_exif: bool = False,
        fast_decode: bool = False,
        mean: Optional[Sequence[float]] = None,
        std: Optional[Sequence[float]] = None,
        store: str = "float32",
        name: Optional[str] = None,
        class_names: Optional[Sequence[str]] = None,
        runtime: Optional[Runtime] = None,
        executor: str = "auto",
        max_pixels: Optional[int] = None,
        max_picture_bytes: Optional[int] = None,
        decode: Optional[Decode] = None,
    ) -> Model:
        """Make a model from trained weights: a PyTorch ``state_dict`` (``.pth``; no code in it is run) or safetensors.

        Parameters
        ----------
        source : path or bytes
            The checkpoint.
        architecture : {"cgd_resnet", "resnet_classifier"}, optional
            By default told from the names of the tensors.
        descriptors : str, optional
            Letters of the branches of a CGD network, S (SPoC), M (MAC), G (GeM), in order; by default ``"SG"``.
        input_size : (width, height), optional
            By default 224 x 224.
        layer3_stride : int, optional
            Stride of the third stage; by default that of the architecture.
        resize : {"squash", "center_crop", "letterbox"}
            How a picture gets to the size of the input.
        resize_shorter : int, optional
            ``center_crop``: the shorter side before the crop.
        letterbox_value : int, optional
            ``letterbox``: the gray around the picture.
        apply_exif : bool
            Turn pictures by their EXIF orientation.
        fast_decode : bool
            Let the JPEG decoder shrink large pictures; faster, and no longer the bits of Pillow.
        mean, std : three floats, optional
            Of R, G and B; by default ImageNet's.
        store : {"float32", "float16"}
            How `save` writes the weights.
        name : str, optional
            Of the model.
        class_names : sequence of str, optional
            Of the classifier, one for each class.
        runtime, executor, max_pixels, max_picture_bytes, decode
            As for `load`.

        Raises
        ------
        FileError, FormatError, UnsupportedError
        MismatchError
            Tensors are missing, surplus, or of another shape; all are named as far as the message holds.
        """
        options = initialised(_ffi.rtv_import_options, lib.rtv_import_options_init_sized)
        numbers = {"layer3_stride": layer3_stride, "resize_shorter": resize_shorter, "letterbox_value": letterbox_value}
        if input_size is not None:
            numbers["input_width"], numbers["input_height"] = input_size
        for field, number in numbers.items():
            if number is not None:
                setattr(options, field, number)
        for field, text in {"architecture": architecture, "descriptors": descriptors, "name": name}.items():
            if text is not None:
                setattr(options, field, text_bytes(text))
        for field, three in {"mean": mean, "std": std}.items():
            if three is not None:
                setattr(options, field, (ctypes.c_float * 3)(*three))
        options.resize = choice(_RESIZE, resize, "resize")
        options.store = choice(_STORE, store, "store")
        options.apply_exif = apply_exif
        options.fast_decode = fast_decode
        names = (ctypes.c_char_p * len(class_names or ()))(*map(text_bytes, class_names or ()))
        if class_names is not None:
            options.class_names = ctypes.addressof(names)
            options.num_class_names = len(names)
        given = (runtime, executor, max_pixels, max_picture_bytes, decode)
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = np.frombuffer(source, dtype=np.uint8)
            return cls._make(lib.rtv_model_import_bytes, [data.ctypes.data, data.size, ctypes.byref(options)], *given)
        return cls._make(lib.rtv_model_import, [path_bytes(source), ctypes.byref(options)], *given, file=os.fspath(source))

    @classmethod
    def _make(
        cls,
        function: Callable[..., int],
        arguments: List[Any],
        runtime: Optional[Runtime],
        executor: str,
        max_pixels: Optional[int],
        max_picture_bytes: Optional[int],
        decode: Optional[Decode],
        file: Optional[str] = None,
    ) -> Model:
        options = initialised(_ffi.rtv_model_options, lib.rtv_model_options_init_sized)
        options.executor = choice(_EXECUTORS, executor, "executor")
        if max_pixels is not None:
            options.max_pixels = max_pixels
        if max_picture_bytes is not None:
            options.max_picture_bytes = max_picture_bytes
        decoder = None if decode is None else _Decoder(decode)
        if decoder is not None:
            options.decode = decoder.function
        owned, address = runtime_owned(runtime)
        pointer = ctypes.c_void_p()
        call(function, *arguments, address, ctypes.byref(options), ctypes.byref(pointer), file=file)
        return cls._wrap(pointer, decoder, owned)

    @classmethod
    def _wrap(cls, pointer: ctypes.c_void_p, decoder: Optional[_Decoder], runtime: Optional[Owned]) -> Model:
        model = cls.__new__(cls)
        model._decoder = decoder
        model._runtime = runtime
        model._take(pointer, lib.rtv_model_free, (decoder, runtime))
        model._info = _info(model._use())
        return model

    @classmethod
    def _borrow(cls, address: int, decoder: Optional[_Decoder], runtime: Optional[Owned]) -> Model:
        """A model that somebody else gives back; the caller closes this object before."""
        model = cls.__new__(cls)
        model._decoder = decoder
        model._runtime = runtime
        model._take(ctypes.c_void_p(address), lambda _: None, (decoder, runtime))
        model._info = _info(model._use())
        return model

    def save(self, path: Path_) -> None:
        """Write the model file, whole or not at all."""
        owned = self._use()
        call(lib.rtv_model_save, owned.address, path_bytes(path), file=os.fspath(path))

    @property
    def info(self) -> ModelInfo:
        """What the model is."""
        self._use()
        return self._info

    @property
    def dim(self) -> int:
        """Floats in a descriptor."""
        return self._info.descriptor_dim

    def class_name(self, class_id: int) -> Optional[str]:
        """The name of a class of the classifier, None when it has none."""
        owned = self._use()
        name = lib.rtv_model_class_name(owned.address, class_id)
        return None if name is None else str(name.decode("utf-8", "replace"))

    @property
    def class_names(self) -> List[Optional[str]]:
        """The names of all classes of the classifier."""
        return [self.class_name(i) for i in range(self.info.num_classes)]

    def embed(self, pictures: Pictures, *, mode: str = "auto", progress: Progress = None) -> Floats:
        """Descriptors of pictures.

        Parameters
        ----------
        pictures : picture, or iterable of pictures
            Paths; ``bytes`` of JPEG or PNG files; uint8 pixels [height, width, 3 (RGB) | 4 (RGBA)] or [height, width] (gray), `Pixels` for
            other orders; PIL images; or float32 [3, input_height, input_width], normalised already. A generator is read as the
            work goes on. Arrays are not copied.
        mode : {"auto", "latency", "throughput"}
            One picture at a time over all threads, or one picture a thread; by default latency for a single one.
        progress : callable or tqdm, optional
            Called as ``progress(done, total)``, or a bar of tqdm, or ``tqdm.tqdm`` itself. What it raises stops the work.

        Returns
        -------
        numpy.ndarray
            [n, d] float32, of unit length.

        Raises
        ------
        RetrieveError
            For the first picture that fails; `index` and `file` tell which. `describe` goes on instead.
        """
        return self._describe(pictures, mode, progress, strict=True).descriptors

    def describe(self, pictures: Pictures, *, mode: str = "auto", progress: Progress = None) -> Embedding:
        """Descriptors and predicted classes of pictures; one that fails leaves zeros and its exception in `Embedding.errors`.

        The parameters are those of `embed`.
        """
        return self._describe(pictures, mode, progress, strict=False)

    def _describe(self, pictures: Pictures, mode: str, progress: Progress, *, strict: bool) -> Embedding:
        owned = self._use()
        results: List[Embedding] = []
        with Watch(progress) as watch:
            options = initialised(_ffi.rtv_embed_options, lib.rtv_embed_options_init_sized)
            options.mode = choice(_MODES, mode, "mode")
            options.progress = watch.function
            whole = _pictures.count(pictures)
            watch.whole = -1 if whole is None else whole
            for part in _pictures.chunks(pictures):
                results.append(self._describe_part(owned, part, options, watch, strict))
                watch.before += len(part)
        return _join(results, self.dim)

    def _describe_part(self, owned: Owned, part: List[Any], options: Any, watch: Watch, strict: bool) -> Embedding:
        block = _pictures.Block(part)
        result = ResultArrays(block.count, self.dim)
        watch.call(lib.rtv_model_embed, owned.address, block.byref(), block.count, ctypes.byref(options), ctypes.byref(result.embedding))
        return result.take(part, watch.before, strict, self._decoder)

    def preprocess(self, picture: Picture) -> Floats:
        """The network's input for one picture: float32 [3, input_height, input_width]."""
        owned = self._use()
        block = _pictures.Block([picture])
        values = np.empty((3, self.info.input_height, self.info.input_width), dtype=np.float32)
        call(lib.rtv_model_preprocess, owned.address, block.byref(), values.ctypes.data, values.size, file=_pictures.name(picture))
        return values

    def profile(self, runs: int = 0) -> List[Layer]:
        """The layers of the compiled network, timed in as many runs."""
        owned = self._use()
        count = ctypes.c_int64()
        capacity = 1024
        while True:
            layers = (_ffi.rtv_layer_info * capacity)()
            layers[0].struct_size = ctypes.sizeof(_ffi.rtv_layer_info)
            call(lib.rtv_model_profile, owned.address, runs, ctypes.byref(layers), capacity, ctypes.byref(count))
            if count.value <= capacity:
                break
            capacity = count.value
        return [Layer(**fields(layer, Layer._fields)) for layer in layers[: count.value]]

    def quantized_layers(self) -> List[QuantizedLayer]:
        """Every layer of the network in execution order; a float32 model's all compute in float32."""
        owned = self._use()
        found = rows(_ffi.rtv_quantized_layer, lib.rtv_model_quantized_layers, owned.address)
        return [QuantizedLayer(**fields(layer, QuantizedLayer._fields)) for layer in found]

    @property
    def provenance(self) -> Optional[Dict[str, Any]]:
        """Where a quantized model comes from: parent, pictures, settings, versions, layers (docs/formats.md); None for a float32 model."""
        owned = self._use()
        text = read_text(lib.rtv_model_provenance, owned.address)
        return json.loads(text) if text else None

    def is_calibrated_with(self, picture: Picture) -> bool:
        """Whether this quantized model was calibrated with a picture that is the same to the network."""
        owned = self._use()
        block = _pictures.Block([picture])
        number = ctypes.c_uint64()
        call(lib.rtv_model_picture_hash, owned.address, block.byref(), ctypes.byref(number), file=_pictures.name(picture))
        return bool(lib.rtv_model_is_calibrated_with(owned.address, number.value))

    def simulate(
        self, *, weights: str = "codes", bits: Optional[int] = None, parent: Optional[Model] = None, executor: str = "auto"
    ) -> Model:
        """The fake-quantize run of this quantized model: float32 layers on what the codes stand for, for comparing.

        Parameters
        ----------
        weights : {"codes", "channel_symmetric", "tensor_symmetric", "channel_asymmetric", "tensor_asymmetric"}
            The model's own codes, or the parent's weights rounded in one of four ways.
        bits : int, optional
            2 to 8, of weights other than "codes".
        parent : Model, optional
            The float32 model, needed for all but "codes".
        executor : {"auto", "onednn", "reference"}
            Of the new model.
        """
        owned = self._use()
        of_parent = None if parent is None else parent._use()
        options = initialised(_ffi.rtv_simulate_options, lib.rtv_simulate_options_init_sized)
        options.weights = choice(_SIMULATED, weights, "weights")
        options.parent = None if of_parent is None else of_parent.address
        if bits is not None:
            options.bits = bits
        how = initialised(_ffi.rtv_model_options, lib.rtv_model_options_init_sized)
        how.executor = choice(_EXECUTORS, executor, "executor")
        if self._decoder is not None:
            how.decode = self._decoder.function
        pointer = ctypes.c_void_p()
        call(lib.rtv_model_simulate, owned.address, ctypes.byref(options), ctypes.byref(how), ctypes.byref(pointer))
        return Model._wrap(pointer, self._decoder, self._runtime)

    def dump(self) -> str:
        """The graph as text, one line a value."""
        owned = self._use()
        return read_text(lib.rtv_model_dump, owned.address)

    def __repr__(self) -> str:
        if self.closed:
            return "<Model, closed>"
        info = self.info
        return f"<Model {info.name!r}: {info.input_width}x{info.input_height} -> {info.descriptor_dim}, {info.fingerprint[:16]}>"


def _info(model: Owned) -> ModelInfo:
    info = _ffi.rtv_model_info(struct_size=ctypes.sizeof(_ffi.rtv_model_info))
    call(lib.rtv_model_info_get, model.address, ctypes.byref(info))
    values = fields(info, ModelInfo._fields)
    values["executor"] = next(word for word, number in _EXECUTORS.items() if number == info.executor)
    return ModelInfo(**values)


class ResultArrays:
    """The arrays behind an rtv_embedding for count pictures."""

    def __init__(self, count: int, dim: int) -> None:
        self.descriptors = np.empty((count, dim), dtype=np.float32)
        self.statuses = np.empty(count, dtype=np.int32)
        self.classes = np.empty(count, dtype=np.int32)
        self.class_scores = np.empty(count, dtype=np.float32)
        self.errors = (_ffi.rtv_error * count)()
        self.embedding = _ffi.rtv_embedding(
            struct_size=ctypes.sizeof(_ffi.rtv_embedding),
            descriptors=self.descriptors.ctypes.data,
            statuses=self.statuses.ctypes.data,
            errors=ctypes.addressof(self.errors),
            classes=self.classes.ctypes.data,
            class_scores=self.class_scores.ctypes.data,
        )

    def take(self, pictures: List[Any], first: int, strict: bool, decoder: Optional[_Decoder]) -> Embedding:
        """The result; strict: the first failure is raised."""
        errors: List[Optional[RetrieveError]] = [None] * len(pictures)
        for i in np.flatnonzero(self.statuses).tolist():
            error = errors[i] = from_status(self.errors[i], _pictures.name(pictures[i]), first + i)
            if isinstance(error, CallbackError) and decoder is not None:
                error.__cause__ = decoder.raised
            if strict:
                raise error
        return Embedding(self.descriptors, self.classes, self.class_scores, errors)


def _join(parts: List[Embedding], dim: int) -> Embedding:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return ResultArrays(0, dim).take([], 0, False, None)
    descriptors, classes, class_scores = (np.concatenate(arrays) for arrays in list(zip(*parts))[:3])
    return Embedding(descriptors, classes, class_scores, [error for part in parts for error in part.errors])
