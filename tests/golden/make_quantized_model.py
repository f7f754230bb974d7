#!/usr/bin/env python3
"""Writes tests/golden/modelfile/toy_quantized_v1.safetensors by the specification in docs/formats.md, not with the library, and
toy_quantized_v1.json with what every operation gives for the codes of the noise of golden/models/README.md, by the formulas of
docs/quantization.md: sums in Python's integers, float32 arithmetic in NumPy, the fused multiply-add and the cube root in fractions.

A network with every operation on codes, U8 and I8 ones, residual sums of both, zero points, ties in rounding, clipped codes, grouped and
dilated convolution and uneven padding. Needs NumPy and what make_model_file.py needs. Usage: make_quantized_model.py [FOLDER]
"""
import json
import pathlib
import sys
from fractions import Fraction

import numpy as np

import make_model_file as files
from make_model_file import hashed, text

HEIGHT, WIDTH = 9, 7
LIMITS = {"U8": (0, 255), "I8": (-128, 127)}


def exact(decimal):
    """The float32 of a number as it stands in the JSON."""
    return np.float32(decimal)


def codes(dtype, scale, zero_point=0):
    return {"dtype": dtype, "scale": scale, "zero_point": zero_point}


PIXELS = codes("U8", 0.018658448, 114)
GRAPH = {
    "input": {"name": "picture", "shape": [1, 3, HEIGHT, WIDTH], "codes": PIXELS},
    "nodes": [
        {"name": "stem", "op": "qconv", "inputs": ["picture", "stem.weight", "stem.weight_scale", "stem.bias"],
         "codes": codes("U8", 0.031372547), "attributes": {"pad": [1, 0, 2, 1], "activation": 1}},
        {"name": "pool", "op": "max_pool", "inputs": ["stem"], "attributes": {"kernel": [3, 2], "stride": [2, 1], "pad": [1, 0, 1, 1]}},
        {"name": "side", "op": "qconv", "inputs": ["pool", "side.weight", "side.weight_scale", "side.bias"],
         "codes": codes("I8", 0.041234568), "attributes": {"pad": [2, 2, 2, 2], "dilation": [2, 2], "groups": 2}},
        {"name": "signed_sum", "op": "qconv", "inputs": ["side", "signed_sum.weight", "signed_sum.weight_scale", "signed_sum.bias", "side"],
         "codes": codes("I8", 0.05), "attributes": {"residual": 1}},
        {"name": "sum", "op": "qconv", "inputs": ["pool", "sum.weight", "sum.weight_scale", "sum.bias", "side"],
         "codes": codes("U8", 0.03), "attributes": {"pad": [1, 1, 1, 1], "activation": 1, "residual": 1}},
        # Scales that are powers of two: half of the results lie between two codes.
        {"name": "ties", "op": "qconv", "inputs": ["sum", "ties.weight", "ties.weight_scale", "ties.bias"],
         "codes": codes("U8", 1), "attributes": {"stride": [2, 1], "pad": [1, 1, 1, 1]}},
        {"name": "signed_pool", "op": "max_pool", "inputs": ["signed_sum"], "attributes": {"kernel": [2, 2], "pad": [0, 1, 1, 0]}},
        {"name": "spoc", "op": "global_avg_pool", "inputs": ["sum"]},
        {"name": "mac", "op": "global_max_pool", "inputs": ["signed_pool"]},
        {"name": "gem", "op": "global_gem_pool", "inputs": ["signed_sum"]},
        {"name": "gem_of_ties", "op": "global_gem_pool", "inputs": ["ties"]},
        {"name": "floats", "op": "dequantize", "inputs": ["signed_sum"]},
        {"name": "again", "op": "quantize", "inputs": ["floats"], "codes": codes("U8", 0.037, 101)},
        {"name": "mean", "op": "global_avg_pool", "inputs": ["again"]},
        {"name": "short_in", "op": "quantize", "inputs": ["spoc"], "codes": codes("I8", 0.01)},
        {"name": "short", "op": "qlinear", "inputs": ["short_in", "short.weight", "short.weight_scale", "short.bias"]},
        {"name": "joined", "op": "concat", "inputs": ["spoc", "mac", "gem", "gem_of_ties", "mean"]},
        {"name": "head", "op": "linear", "inputs": ["joined", "head.weight"]},
        {"name": "descriptor", "op": "l2_normalize", "inputs": ["head"], "attributes": {"epsilon": 1e-12}},
    ],
    "outputs": [{"value": "descriptor", "role": "descriptor"}, {"value": "short", "role": "logits"}],
}
PREPROCESS = {"width": WIDTH, "height": HEIGHT, "resize": "squash", "apply_exif": 0, "fast_decode": 0, "mean": [0.485, 0.456, 0.406],
              "std": [0.229, 0.224, 0.225]}
QUANTIZATION = {"parent": "0" * 64, "samples": 3, "note": "hand-made"}


def weights():
    shapes = {"stem": (4, 3, 3, 3), "side": (4, 2, 3, 3), "signed_sum": (4, 4, 1, 1), "sum": (4, 4, 3, 3), "ties": (4, 4, 3, 3),
              "short": (5, 4)}
    tensors, start = {}, 5000
    for name, shape in shapes.items():
        count = int(np.prod(shape))
        values = (hashed(start, count) >> np.uint32(24)).astype(np.int32) - 128
        tensors[name + ".weight"] = np.maximum(values, -127).astype(np.int8).reshape(shape)
        scale = np.float32(0.5) + (hashed(start + count, shape[0]) >> np.uint32(8)).astype(np.float32) / np.float32(1 << 24)
        bias = (hashed(start + count + 100, shape[0]) >> np.uint32(8)).astype(np.float32) / np.float32(1 << 22) - np.float32(2)
        tensors[name + ".weight_scale"] = scale * np.float32(0.004)
        tensors[name + ".bias"] = bias
        start += count + 200
    tensors["ties.weight"] = np.sign(tensors["ties.weight"])
    tensors["ties.weight_scale"] = np.array([0.5, 0.25, 0.5, 0], np.float32) / exact(0.03)
    tensors["ties.bias"] = np.array([0, 30.5, -2, 17.5], np.float32)
    tensors["head.weight"] = ((hashed(start, 6 * 20) >> np.uint32(24)).astype(np.float32) / 128 - 1).reshape(6, 20)
    return tensors


# --- arithmetic ---

def to_float32(value):
    """A fraction rounded once, ties to even: of the candidates around the double's rounding the nearest, then the even one."""
    guess = np.float32(float(value))
    around = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    return min(around, key=lambda c: (abs(Fraction(float(c)) - value), int(c.view(np.uint32)) & 1))


def fma(a, b, c):
    return to_float32(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c)))


def clip(number, dtype):
    return max(LIMITS[dtype][0], min(LIMITS[dtype][1], number))


def round_half_even(value):
    return round(Fraction(float(value)))


class Value:
    """codes is an array of integers with its type, or floats."""

    def __init__(self, array, kind=None):
        self.array, self.kind = array, kind

    @property
    def centred(self):
        return self.array.astype(np.int64) - self.kind["zero_point"]

    @property
    def scale(self):
        return exact(self.kind["scale"])


def accumulate(x, weight, attr):
    """Sums of products, int64 [K][H][W] of x [C][H][W] with 0 for the padding."""
    top, left, bottom, right = attr.get("pad", [0] * 4)
    (down, across), (dy, dx), groups = attr.get("stride", [1, 1]), attr.get("dilation", [1, 1]), attr.get("groups", 1)
    x = np.pad(x, ((0, 0), (top, bottom), (left, right)))
    k, c, r, s = weight.shape
    height, width = (x.shape[1] - dy * (r - 1) - 1) // down + 1, (x.shape[2] - dx * (s - 1) - 1) // across + 1
    out = np.zeros((k, height, width), np.int64)
    for o, i, a, b in np.ndindex(k, c, r, s):
        plane = x[o // (k // groups) * c + i]
        rows, columns = a * dy + down * np.arange(height), b * dx + across * np.arange(width)
        out[o] += int(weight[o, i, a, b]) * plane[np.ix_(rows, columns)]
    return out


def qconv(node, x, w, scale, bias, residual=None):
    attr, kind = node.get("attributes", {}), node["codes"]
    acc = accumulate(x.centred[0], w.array, attr)
    out = np.zeros(acc.shape, np.int64)
    inverse = np.float32(1) / exact(kind["scale"])
    for k, i, j in np.ndindex(*acc.shape):
        v = np.float32(np.float32(acc[k, i, j]) * (x.scale * scale.array[k])) + bias.array[k]
        if residual is not None:
            v = fma(residual.array[0, k, i, j], residual.scale, v)
        if attr.get("activation"):
            v = max(v, np.float32(0))
        out[k, i, j] = clip(round_half_even(v * inverse), kind["dtype"])
    return Value(out[None], kind)


def qlinear(node, x, w, scale, bias):
    acc = w.array.astype(np.int64) @ x.centred[0]
    return Value((acc.astype(np.float32) * (x.scale * scale.array) + bias.array)[None])


def max_pool(node, x):
    attr = node["attributes"]
    (r, s), (down, across), (top, left, bottom, right) = attr["kernel"], attr.get("stride", [1, 1]), attr["pad"]
    planes = np.pad(x.array[0], ((0, 0), (top, bottom), (left, right)), constant_values=-1000)
    height, width = (planes.shape[1] - r) // down + 1, (planes.shape[2] - s) // across + 1
    out = np.zeros((planes.shape[0], height, width), np.int64)
    for c, i, j in np.ndindex(*out.shape):
        out[c, i, j] = planes[c, i * down:i * down + r, j * across:j * across + s].max()
    return Value(out[None], x.kind)


def cube_root(value):
    """Of a float32, correctly rounded: the candidate whose neighbours' midpoints, cubed, enclose the value."""
    if value == 0:
        return np.float32(value)
    root, target = np.float32(np.cbrt(float(value))), Fraction(float(value))
    for c in (np.nextafter(root, np.float32(-np.inf)), root, np.nextafter(root, np.float32(np.inf))):
        low = (Fraction(float(c)) + Fraction(float(np.nextafter(c, np.float32(-np.inf))))) / 2
        high = (Fraction(float(c)) + Fraction(float(np.nextafter(c, np.float32(np.inf))))) / 2
        if low ** 3 < target < high ** 3:
            return c
    raise ValueError(value)


def global_pool(node, x):
    planes = x.centred[0].reshape(x.centred.shape[1], -1)
    scale, count = float(x.scale), planes.shape[1]
    if node["op"] == "global_avg_pool":
        out = [np.float32(float(plane.sum()) * scale / count) for plane in planes]
    elif node["op"] == "global_max_pool":
        out = [np.float32(plane.max()) * x.scale for plane in planes]
    else:
        out = [cube_root(np.float32(float((plane ** 3).sum()) * (scale * scale * scale) / count)) for plane in planes]
    return Value(np.array(out, np.float32)[None])


def quantize(node, x):
    kind = node["codes"]
    quotients = x.array / exact(kind["scale"])
    out = [clip(round_half_even(q) + kind["zero_point"], kind["dtype"]) for q in quotients.flat]
    return Value(np.array(out, np.int64).reshape(x.array.shape), kind)


def dequantize(node, x):
    return Value(x.centred.astype(np.float32) * x.scale)


def concat(node, *inputs):
    return Value(np.concatenate([x.array for x in inputs], 1))


def linear(node, x, w):
    return Value((x.array.astype(np.float64) @ w.array.astype(np.float64).T).astype(np.float32))


def l2_normalize(node, x):
    wide = x.array.astype(np.float64)
    return Value((wide / np.sqrt((wide * wide).sum())).astype(np.float32))


RUN = {"qconv": qconv, "qlinear": qlinear, "max_pool": max_pool, "quantize": quantize, "dequantize": dequantize, "concat": concat,
       "linear": linear, "l2_normalize": l2_normalize, "global_avg_pool": global_pool, "global_max_pool": global_pool,
       "global_gem_pool": global_pool}


def run(tensors):
    pixels = (hashed(0, 3 * HEIGHT * WIDTH) >> np.uint32(24)).astype(np.int64)
    values = {name: Value(tensor) for name, tensor in tensors.items()}
    values["picture"] = Value(pixels.reshape(HEIGHT, WIDTH, 3).transpose(2, 0, 1)[None], PIXELS) # from [height][width][3]
    for node in GRAPH["nodes"]:
        values[node["name"]] = RUN[node["op"]](node, *[values[name] for name in node["inputs"]])
    return {node["name"]: values[node["name"]] for node in GRAPH["nodes"]}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "modelfile")
    tensors = weights()
    data, print_ = files.model_file(tensors, graph=GRAPH, preprocess=PREPROCESS, labels={
        "name": "toy quantized", "architecture": "hand_made", "descriptors": ""}, extra={"quantization": text(QUANTIZATION)})
    (folder / "toy_quantized_v1.safetensors").write_bytes(data)
    values = {name: [float(v) for v in value.array.flat] if value.kind is None else [int(v) for v in value.array.flat]
              for name, value in run(tensors).items()}
    lines = [f'  {json.dumps(name)}: {json.dumps(numbers)}' for name, numbers in values.items()]
    (folder / "toy_quantized_v1.json").write_text(
        f'{{\n "fingerprint": "{print_}",\n "values": {{\n' + ",\n".join(lines) + "\n }\n}\n")


if __name__ == "__main__":
    main()
