#!/usr/bin/env python3
"""Checks a model file by the specification in docs/formats.md, not with the library: container, checksum, fingerprint, names.

Needs nothing but Python; the checksum is checked when libxxhash is there, and the safetensors package reads the file too when it is.
Usage: check_model_file.py FILE...; prints one line a file, exit status 1 when one is wrong.
"""
import ctypes
import ctypes.util
import hashlib
import json
import struct
import sys

BYTES = {"F32": 4, "F16": 2, "I8": 1}


def sized(data):
    return struct.pack("<Q", len(data)) + data


def expect(condition, what):
    if not condition:
        raise ValueError(what)


def read(data):
    (size,) = struct.unpack_from("<Q", data)
    expect(size <= len(data) - 8 and (8 + size) % 64 == 0, "size of the header")
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__")
    tensors, at = {}, 0
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        count = 1
        for dim in entry["shape"]:
            count *= dim
        expect(begin == at and end - begin == count * BYTES[entry["dtype"]], f"place of {name}")
        tensors[name] = (entry["dtype"], entry["shape"], data[8 + size + begin:8 + size + end])
        at = end
    expect(8 + size + at == len(data), "size of the file")
    expect(list(tensors) == sorted(tensors, key=str.encode), "order of the tensors")
    return metadata, tensors


def fingerprint(metadata, tensors):
    digest = hashlib.sha256(sized(b"libretrieve model") + struct.pack("<Q", 1))
    digest.update(sized(metadata["graph"].encode()) + sized(metadata["preprocess"].encode()) + struct.pack("<Q", len(tensors)))
    for name in sorted(tensors, key=str.encode):
        dtype, shape, data = tensors[name]
        digest.update(sized(name.encode()) + sized(dtype.encode()) + struct.pack(f"<{1 + len(shape)}Q", len(shape), *shape) + sized(data))
    return digest.hexdigest()


def check_codes(graph, tensors):
    """Codes have a scale and a zero point where the format wants them, weights of codes are codes with float32 beside them."""
    for place in [graph["input"], *graph["nodes"]]:
        expect(("codes" in place) == (place.get("op") in ("quantize", "qconv")) or place is graph["input"], f"codes of {place['name']}")
        codes = place.get("codes", {"dtype": "U8", "scale": 1, "zero_point": 0})
        limit = {"U8": 255, "I8": 0}[codes["dtype"]]
        expect(codes["scale"] > 0 and 0 <= codes["zero_point"] <= limit, f"scale and zero point of {place['name']}")
        if place.get("op") in ("qconv", "qlinear"):
            expect([tensors[name][0] for name in place["inputs"][1:4]] == ["I8", "F32", "F32"], f"weights of {place['name']}")


def check_names(metadata, tensors):
    graph, preprocess = json.loads(metadata["graph"]), json.loads(metadata["preprocess"])
    check_codes(graph, tensors)
    known, read_by_nodes = {graph["input"]["name"], *tensors}, set()
    expect(graph["input"]["shape"] == [1, 3, preprocess["height"], preprocess["width"]], "shape of the input")
    for node in graph["nodes"]:
        expect(known.issuperset(node["inputs"]), f"inputs of {node['name']}")
        expect(node["name"] not in known, f"{node['name']} stands twice")
        known.add(node["name"])
        read_by_nodes.update(node["inputs"])
    expect(read_by_nodes.issuperset(tensors), "tensors that no node reads")
    expect(all(output["value"] in known for output in graph["outputs"]), "outputs")
    expect(all(isinstance(name, str) for name in json.loads(metadata.get("class_names", "[]"))), "class names")
    return len(graph["nodes"])


def check_checksum(data, metadata):
    name = ctypes.util.find_library("xxhash")
    if not name:
        return "checksum not checked"
    library = ctypes.CDLL(name)
    library.XXH3_64bits.restype = ctypes.c_uint64
    library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    stored = metadata["checksum"].encode()
    expect(data.count(stored) == 1, "the checksum's text")
    zeros = data.replace(stored, b"xxh3:" + b"0" * 16)
    expect(stored == b"xxh3:%016x" % library.XXH3_64bits(zeros, len(zeros)), "checksum")
    return "checksum right"


def check_with_package(path, metadata, tensors):
    try:
        from safetensors import safe_open
    except ImportError:
        return "safetensors package not there"
    with safe_open(path, "np") as file:
        expect(file.metadata() == metadata, "metadata in the safetensors package")
        expect(sorted(file.keys()) == sorted(tensors), "tensors in the safetensors package")
        for name, (dtype, shape, data) in tensors.items():
            array = file.get_tensor(name)
            expect(list(array.shape) == shape and array.tobytes() == data, f"{name} in the safetensors package")
    return "safetensors package reads the same"


def check(path):
    with open(path, "rb") as file:
        data = file.read()
    metadata, tensors = read(data)
    expect(metadata["format"] == "libretrieve model" and metadata["version"] == "1", "format and version")
    expect(metadata["fingerprint"] == fingerprint(metadata, tensors), "fingerprint")
    nodes = check_names(metadata, tensors)
    return f"{nodes} nodes, {len(tensors)} tensors, {check_checksum(data, metadata)}, {check_with_package(path, metadata, tensors)}"


def main():
    wrong = False
    for path in sys.argv[1:]:
        try:
            print(f"{path}: {check(path)}")
        except (ValueError, KeyError, OSError, struct.error) as problem:
            wrong = True
            print(f"{path}: wrong: {problem!r}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
