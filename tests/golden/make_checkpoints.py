#!/usr/bin/env python3
"""Writes tests/golden/checkpoints: small checkpoints of every kind that the library reads or refuses, and expected.txt, which says what
PyTorch finds in the good ones. Needs torch and safetensors. The bytes of .pth files differ from run to run (storage keys, ids).

Element i (row-major) of the tensor called NAME is k = (7 i + sum of NAME's bytes) mod 101 - 50: floats k / 8, signed integers k, uint8 k + 50,
bool k even. The test computes the same.
"""
import collections
import json
import os
import pathlib
import shutil
import struct
import warnings
import zipfile

import safetensors
import safetensors.torch
import torch
import torch.serialization

HERE = pathlib.Path(__file__).resolve().parent / "checkpoints"
FORMATS = {"zip": True, "old": False}
CODES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64", torch.int64: "I64",
         torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}


def clean(name):
    while name.startswith(("module.", "_orig_mod.")):
        name = name.split(".", 1)[1]
    return name


def tensor(name, shape, dtype=torch.float32):
    count = torch.Size(shape).numel()
    k = (7 * torch.arange(count) + sum(clean(name).encode())) % 101 - 50
    if dtype.is_floating_point:
        return (k.double() / 8).to(dtype).reshape(shape)
    if dtype == torch.uint8:
        k = k + 50
    return (k % 2 == 0 if dtype == torch.bool else k.to(dtype)).reshape(shape)


def tensors(shapes, dtype=torch.float32):
    return {name: tensor(name, shape, dtype) for name, shape in shapes.items()}


SMALL = {"conv.weight": (2, 3, 1, 1), "conv.bias": (2,)}


def all_dtypes():
    return {code.lower(): tensor(code.lower(), (2, 3), dtype) for dtype, code in CODES.items()}


def strided():
    """Views: each has the formula's values in its own row-major order, its storage another order, an offset, or a neighbour in it."""
    both = torch.zeros(20)
    first, second = both[2:8].view(2, 3), both[8:20].view(3, 4).t()
    first.copy_(tensor("shared.first", (2, 3)))
    second.copy_(tensor("shared.second", (4, 3)))
    steps = torch.zeros(4, 6)
    steps[::2, 1::2] = tensor("steps", (2, 3))
    tied = tensor("tied", (3,))  # "diet" has the same sum of bytes
    return {"transposed": tensor("transposed", (3, 5)).t().contiguous().t(), "shared.first": first, "shared.second": second,
            "steps": steps[::2, 1::2], "channels_last": tensor("channels_last", (2, 3, 2, 2)).contiguous(memory_format=torch.channels_last),
            "tied": tied, "diet": tied.view(3), "scalar": tensor("scalar", ()), "empty": tensor("empty", (0, 3)),
            "expanded": tensor("expanded", (1,)).expand(1)}


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 2, 1)
        self.bn = torch.nn.BatchNorm2d(2)

    def fill(self):
        with torch.no_grad():
            for name, value in self.state_dict(keep_vars=True).items():
                value.copy_(tensor(name, value.shape, value.dtype))
        return self


def thop():
    state = tensors({"module." + name: shape for name, shape in SMALL.items()})
    for name in ("total_ops", "total_params", "module.conv.total_ops", "module.conv.total_params"):
        state[name] = torch.zeros(1, dtype=torch.float64)
    return state


def training():
    """Several tensors one level deeper, and what training scripts put beside them."""
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([parameter])
    parameter.sum().backward()
    optimizer.step()
    return {"epoch": 3, "best": 0.79, "arch": "cgd", "step": torch.tensor(7), "optimizer": optimizer.state_dict(), "history": [1.0, 2.0, None, (True, 1 << 70)],
            "milestones": collections.Counter([30, 60]), "state_dict": Net().fill().state_dict()}


def with_attribute():
    parameter = torch.nn.Parameter(tensor("conv.bias", (2,)))
    parameter.note = "an attribute of a parameter"
    plain = tensor("conv.weight", (2, 3, 1, 1))
    plain.note = "an attribute of a tensor"
    return {"conv.weight": plain, "conv.bias": parameter, "_extra_state": None, "version": 2}


class Command:
    def __reduce__(self):
        return os.system, ("touch attack_was_run",)


def good():
    yield "dtypes", all_dtypes(), {}
    yield "strided", strided(), {}
    yield "prefix", tensors({"module." + name: shape for name, shape in SMALL.items()}), {}
    yield "compiled", tensors({"_orig_mod.module." + name: shape for name, shape in SMALL.items()}), {}
    yield "thop", thop(), {}
    yield "half", tensors(SMALL, torch.float16), {}
    yield "module", Net().fill().state_dict(), {}
    yield "parameters", Net().fill().state_dict(keep_vars=True), {}
    yield "attributes", with_attribute(), {}
    yield "training", training(), {}
    yield "model", {"model": tensors(SMALL), "optimizer": {}, "epoch": 1}, {}
    yield "net", {"epoch": 1, "net": {"module." + name: value for name, value in tensors(SMALL).items()}}, {}
    yield "other", {"epoch": 1, "weights_of_the_network": tensors(SMALL)}, {}
    yield "protocol4", {"state_dict": tensors(SMALL)}, {"pickle_protocol": 4}
    yield "protocol5", {"model_state_dict": tensors(SMALL)}, {"pickle_protocol": 5}
    yield "cuda", tensors(SMALL, torch.float16), {"location": "cuda:0"}


def bad():
    yield "attack", {"conv.weight": tensor("conv.weight", (2,)), "evil": Command()}
    yield "quantized", {"q": torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8)}
    yield "sparse", {"s": torch.eye(2).to_sparse()}
    yield "complex", {"c": torch.zeros(2, dtype=torch.complex64)}
    yield "uint16", {"u": torch.zeros(2, dtype=torch.uint16)}
    yield "no_tensors", {"epoch": 3, "optimizer": {"state": {}}}
    yield "two_dicts", {"first": tensors(SMALL), "second": tensors(SMALL)}


def save(value, path, zipped, location=None, **options):
    tag = torch.serialization.location_tag
    if location:
        torch.serialization.location_tag = lambda storage: location
    torch.save(value, path, _use_new_zipfile_serialization=zipped, **options)
    torch.serialization.location_tag = tag


def rezip(source, target, change=lambda name, data: data, method=zipfile.ZIP_STORED):
    """Copies an archive; change gives the new bytes of an entry, or None to leave it out."""
    with zipfile.ZipFile(HERE / source) as old, zipfile.ZipFile(HERE / target, "w", method) as new:
        for item in old.infolist():
            data = change(item.filename.split("/", 1)[1], old.read(item))
            if data is not None:
                new.writestr(item.filename, data)


def damaged():
    """Archives that another tool, or nobody sane, has written."""
    rezip("dtypes.zip.pth", "rezipped.zip.pth")
    rezip("half.zip.pth", "deflated.zip.pth", method=zipfile.ZIP_DEFLATED)
    rezip("half.zip.pth", "big_endian.zip.pth", lambda name, data: b"big" if name == "byteorder" else data)
    rezip("half.zip.pth", "missing_storage.zip.pth", lambda name, data: None if name == "data/1" else data)
    rezip("half.zip.pth", "small_storage.zip.pth", lambda name, data: data[:-1] if name == "data/0" else data)
    rezip("half.zip.pth", "no_pickle.zip.pth", lambda name, data: None if name == "data.pkl" else data)
    for name, entries in {"nameless": [""], "no_folder": ["data.pkl"], "twice": ["a/data.pkl", "a/data.pkl"], "long_name": ["a/" + "b" * 1100]}.items():
        with warnings.catch_warnings(), zipfile.ZipFile(HERE / f"{name}.zip.pth", "w") as new:
            warnings.simplefilter("ignore")  # of two entries of one name
            for entry in entries:
                new.writestr(zipfile.ZipInfo(entry), b"N.")
    old = (HERE / "half.old.pth").read_bytes()
    assert old.count(b"little_endianq\x02\x88") == 1
    (HERE / "big_endian.old.pth").write_bytes(old.replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89"))
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), HERE / "torchscript.zip.pth")


def written():
    """The bytes that the library's own writer must give: tensors in the order given, the header padded to a multiple of 64 bytes."""
    metadata = {"checksum": "0000000000000000", "graph": '{"a":["\\\\",1]}\n\x01', "\u00fcber": ""}
    state = {"b.weight": tensor("b.weight", (2, 3)), "a": tensor("a", (4,), torch.float16), "\u00e4 \"quoted\"": tensor("\u00e4 \"quoted\"", (), torch.int64),
             "empty": tensor("empty", (0, 3), torch.bfloat16), "flags": tensor("flags", (5,), torch.bool)}
    header, data = {"__metadata__": metadata}, b""
    for name, value in state.items():
        raw = value.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": CODES[value.dtype], "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).replace("\\n", "\\u000a").encode()
    text += b" " * (-(8 + len(text)) % 64)
    path = HERE / "written.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    loaded = safetensors.torch.load_file(path)
    assert loaded.keys() == state.keys() and all(torch.equal(loaded[name], state[name]) for name in state)
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata() == metadata


def inner(value):
    for key in ("state_dict", "model_state_dict", "model", "net", "weights_of_the_network"):
        if key in value:
            return value[key]
    return value


def describe(file, state):
    """One line a tensor: file, name as the library gives it, dtype, rank, dims; the values checked here too."""
    for name, value in state.items():
        if not isinstance(value, torch.Tensor) or name.endswith(("total_ops", "total_params")):
            continue
        name = clean(name)
        assert torch.equal(value.detach(), tensor(name, value.shape, value.dtype)), (file, name)
        yield " ".join([file, name, CODES[value.dtype], str(value.dim()), *map(str, value.shape)])


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    lines = []
    for suffix, zipped in FORMATS.items():
        for name, value, options in good():
            file = f"{name}.{suffix}.pth"
            save(value, HERE / file, zipped, **options)
            lines += describe(file, inner(torch.load(HERE / file, map_location="cpu", weights_only=False)))
        for name, value in bad():
            save(value, HERE / f"{name}.{suffix}.pth", zipped)
    torch.save(torch.nn.Linear(2, 2), HERE / "whole_module.zip.pth")  # the older format would embed its source and its path
    damaged()
    lines += describe("rezipped.zip.pth", torch.load(HERE / "rezipped.zip.pth"))
    safetensors.torch.save_file(all_dtypes() | {"scalar": tensor("scalar", ()), "empty": tensor("empty", (0, 3))}, HERE / "dtypes.safetensors",
                                metadata={"format": "pt", "\u00fcber": "a \"quoted\" value\n"})
    (HERE / "dtypes.safetensors").chmod(0o644)
    lines += describe("dtypes.safetensors", safetensors.torch.load_file(HERE / "dtypes.safetensors"))
    written()
    (HERE / "expected.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
