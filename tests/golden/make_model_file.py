#!/usr/bin/env python3
"""Writes tests/golden/modelfile/toy_v1.safetensors and toy_v1_f16.safetensors by the specification in docs/formats.md, not with the library,
and toy_v1.json with PyTorch's results (float64) for the noise of golden/models/README.md.

A network with every operation, grouped and dilated convolution, uneven padding and two outputs. Needs NumPy, PyTorch and libxxhash (for
XXH3-64 through ctypes). Usage: make_model_file.py [FOLDER]
"""
import ctypes
import ctypes.util
import hashlib
import json
import pathlib
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

xxhash = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
xxhash.XXH3_64bits.restype = ctypes.c_uint64
xxhash.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]

HEIGHT, WIDTH = 9, 7
CLASS_NAMES = ["plain", 'with "quotes" and \\', "Käse", "猫"]
EPSILON = float(np.float32(1e-3))

GRAPH = {
    "input": {"name": "picture", "shape": [1, 3, HEIGHT, WIDTH]},
    "nodes": [
        {"name": "conv", "op": "conv", "inputs": ["picture", "conv.weight"], "attributes": {"pad": [1, 0, 2, 1]}},
        {"name": "bn", "op": "batch_norm", "inputs": ["conv", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"],
         "attributes": {"epsilon": 0.001}},
        {"name": "relu", "op": "relu", "inputs": ["bn"]},
        {"name": "pool", "op": "max_pool", "inputs": ["relu"], "attributes": {"kernel": [3, 2], "stride": [2, 1], "pad": [1, 0, 1, 1]}},
        {"name": "grouped", "op": "conv", "inputs": ["pool", "grouped.weight", "grouped.bias", "pool"],
         "attributes": {"pad": [2, 2, 2, 2], "dilation": [2, 2], "groups": 2, "activation": 1, "residual": 1}},
        {"name": "sum", "op": "add", "inputs": ["grouped", "pool"]},
        {"name": "spoc", "op": "global_avg_pool", "inputs": ["sum"]},
        {"name": "mac", "op": "global_max_pool", "inputs": ["sum"]},
        {"name": "gem", "op": "global_gem_pool", "inputs": ["conv"]},
        {"name": "short", "op": "linear", "inputs": ["mac", "short.weight"]},
        {"name": "joined", "op": "concat", "inputs": ["spoc", "short", "gem"]},
        {"name": "descriptor", "op": "l2_normalize", "inputs": ["joined"], "attributes": {"epsilon": 1e-12}},
        {"name": "logits", "op": "linear", "inputs": ["spoc", "logits.weight", "logits.bias"]},
    ],
    "outputs": [{"value": "descriptor", "role": "descriptor"}, {"value": "logits", "role": "logits"}],
}
PREPROCESS = {"width": WIDTH, "height": HEIGHT, "resize": "center_crop", "resize_shorter": 12, "apply_exif": 1, "fast_decode": 0,
              "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def text(value):
    """JSON without spaces, text as it is. Python and the library both write the shortest decimal of these numbers."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def hashed(start, count):
    h = (np.arange(start, start + count, dtype=np.uint64) * 2654435761 & 0xFFFFFFFF).astype(np.uint32)
    h = (h ^ h >> np.uint32(15)) * np.uint32(2246822519)
    h = (h ^ h >> np.uint32(13)) * np.uint32(3266489917)
    return h ^ h >> np.uint32(16)


def weights():
    """Multiples of 1/128 in [-1, 1): the same in float16."""
    shapes = {"conv.weight": (4, 3, 3, 3), "bn.weight": (4,), "bn.bias": (4,), "bn.running_mean": (4,), "bn.running_var": (4,),
              "grouped.weight": (4, 2, 3, 3), "grouped.bias": (4,), "short.weight": (2, 4), "logits.weight": (4, 4), "logits.bias": (4,)}
    tensors, start = {}, 1000
    for name, shape in shapes.items():
        count = int(np.prod(shape))
        values = (hashed(start, count) >> np.uint32(24)).astype(np.float32) / 128 - 1
        tensors[name] = np.abs(values).reshape(shape) + np.float32(0.5) if name == "bn.running_var" else values.reshape(shape)
        start += count
    return tensors


def sized(data):
    return struct.pack("<Q", len(data)) + data


DTYPES = {"float32": "F32", "float16": "F16", "int8": "I8"}


def fingerprint(graph, preprocess, tensors):
    digest = hashlib.sha256()
    digest.update(sized(b"libretrieve model") + struct.pack("<Q", 1) + sized(graph.encode()) + sized(preprocess.encode()))
    digest.update(struct.pack("<Q", len(tensors)))
    for name in sorted(tensors, key=str.encode):
        tensor = tensors[name]
        digest.update(sized(name.encode()) + sized(DTYPES[str(tensor.dtype)].encode()) + struct.pack("<Q", tensor.ndim))
        digest.update(struct.pack(f"<{tensor.ndim}Q", *tensor.shape) + sized(tensor.tobytes()))
    return digest.hexdigest()


def model_file(tensors, graph, preprocess, labels, extra):
    graph, preprocess = text(graph), text(preprocess)
    print_ = fingerprint(graph, preprocess, tensors)
    header, body = {"__metadata__": {"format": "libretrieve model", "version": "1", "checksum": "xxh3:" + "0" * 16, "fingerprint": print_,
                                     **labels, "graph": graph, "preprocess": preprocess, **extra}}, b""
    for name in sorted(tensors, key=str.encode):
        data = tensors[name].tobytes()
        header[name] = {"dtype": DTYPES[str(tensors[name].dtype)], "shape": list(tensors[name].shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    encoded = text(header).encode()
    encoded += b" " * (-(8 + len(encoded)) % 64)
    data = struct.pack("<Q", len(encoded)) + encoded + body
    return data.replace(b"xxh3:" + b"0" * 16, b"xxh3:%016x" % xxhash.XXH3_64bits(data, len(data)), 1), print_


def run(tensors):
    w = {name: torch.from_numpy(tensor.astype(np.float64)) for name, tensor in tensors.items()}
    count = 3 * HEIGHT * WIDTH
    x = torch.from_numpy((hashed(0, count) >> np.uint32(8)).astype(np.float64) / 4194304 - 2).reshape(1, 3, HEIGHT, WIDTH)
    conv = F.conv2d(F.pad(x, (0, 1, 1, 2)), w["conv.weight"])
    bn = F.batch_norm(conv, w["bn.running_mean"], w["bn.running_var"], w["bn.weight"], w["bn.bias"], eps=EPSILON)
    pool = F.max_pool2d(F.pad(torch.relu(bn), (0, 1, 1, 1), value=-torch.inf), (3, 2), (2, 1))
    grouped = torch.relu(F.conv2d(pool, w["grouped.weight"], w["grouped.bias"], padding=2, dilation=2, groups=2) + pool)
    summed = grouped + pool
    spoc, mac = summed.mean((2, 3)), summed.amax((2, 3))
    cubes = (conv ** 3).mean((2, 3))
    joined = torch.cat([spoc, F.linear(mac, w["short.weight"]), torch.sign(cubes) * torch.abs(cubes) ** (1 / 3)], 1)
    return F.normalize(joined)[0].tolist(), F.linear(spoc, w["logits.weight"], w["logits.bias"])[0].tolist()


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "modelfile")
    folder.mkdir(parents=True, exist_ok=True)
    tensors = weights()
    rest = {"graph": GRAPH, "preprocess": PREPROCESS, "labels": {"name": "toy", "architecture": "hand_made", "descriptors": ""},
            "extra": {"class_names": text(CLASS_NAMES)}}
    data, print_ = model_file(tensors, **rest)
    halves, print_halves = model_file({name: tensor.astype(np.float16) for name, tensor in tensors.items()}, **rest)
    (folder / "toy_v1.safetensors").write_bytes(data)
    (folder / "toy_v1_f16.safetensors").write_bytes(halves)
    descriptor, logits = run(tensors)
    (folder / "toy_v1.json").write_text(json.dumps(
        {"fingerprint": print_, "fingerprint_f16": print_halves, "descriptor": descriptor, "logits": logits}, indent=1) + "\n")


if __name__ == "__main__":
    main()
