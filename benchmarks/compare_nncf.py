#!/usr/bin/env python3
"""int8 of libretrieve against int8 of NNCF (run by OpenVINO), both against libretrieve's float32: descriptors, recall, time, files.

    compare_nncf.py --retrieve build/src/retrieve --checkpoint cgd_sg.pth --data FOLDER [--samples 300] [--input 160] [--cache FOLDER]
                    [--ours 'NAME=OPTIONS']... [--sets caltech,emoji] [--skip-nncf] [--json OUT.json]

FOLDER holds caltech101/<class>/<picture> and emoji/<class>/<picture>. Calibration: pictures spread evenly over the training half of Caltech-101
(in each class every second file, beginning with the first). Sets: caltech, the other half; emoji, every second file; training, the training half
less what calibrated, for choosing settings. Leave-one-out within a set. --ours gives `retrieve quantize` options, several times for several
models ('default=' for none). NNCF: preset mixed; the pooling powers and means and the L2 normalisations are ignored. --cache keeps
NNCF's model and the descriptors that do not depend on libretrieve's quantizer, for the next run. Needs nncf, openvino, torch, numpy, Pillow."""
import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time

import numpy

import protocols

DEPTHS = (1, 2, 4, 8)


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


class Cache:
    """Arrays and files by name; a folder of the user's, or one that goes with the run."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def array(self, name, make):
        path = self.path(name + ".npy")
        if not os.path.exists(path):
            numpy.save(path, make())
        return numpy.load(path)


# --- NNCF ----------------------------------------------------------------------------------------------------------------------------------


def openvino_model(checkpoint, size):
    import openvino
    import torch

    import cgd

    class Descriptor(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = cgd.load_checkpoint(checkpoint)

        def forward(self, x):
            return self.network(x)[0]

    return openvino.convert_model(Descriptor(), example_input=torch.zeros(1, 3, size, size), input=[1, 3, size, size])


def ignored_scope(model):
    """Powers, their means and the normalisations behind the last convolution; the plain mean (SPoC) and the linear layers are not ignored."""
    import nncf
    types = {"Power", "ReduceMean", "Sign", "Abs", "Multiply", "ReduceL2", "Maximum", "Divide", "Concat"}
    operations = model.get_ordered_ops()
    last = max(i for i, operation in enumerate(operations) if operation.get_type_name() == "Convolution")
    names = [operation.get_friendly_name() for operation in operations[last:]
             if operation.get_type_name() in types and operation.input_value(0).get_node().get_type_name() != "Relu"
             or operation.get_type_name() == "Power"]
    return nncf.IgnoredScope(names=names)


def nncf_quantize(checkpoint, size, calibration, path):
    """The int8 model at path (OpenVINO's two files); seconds from the float model in memory to the files."""
    import nncf
    import openvino

    import cgd
    model = openvino_model(checkpoint, size)
    start = time.perf_counter()
    data = nncf.Dataset(calibration, lambda file: cgd.preprocess(file, size)[None].numpy())
    quantized = nncf.quantize(model, data, preset=nncf.QuantizationPreset.MIXED, subset_size=len(calibration), ignored_scope=ignored_scope(model))
    openvino.save_model(quantized, path, compress_to_fp16=False)
    return time.perf_counter() - start


def openvino_descriptors(path, paths, size):
    import openvino

    import cgd
    compiled = openvino.Core().compile_model(path, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})
    request, rows = compiled.create_infer_request(), []
    for file in paths:
        rows.append(request.infer([cgd.preprocess(file, size)[None].numpy()])[0][0].copy())
    return numpy.stack(rows)


def measure_nncf(options, cache, calibration, sets):
    path, note = cache.path("nncf.xml"), cache.path("nncf.json")
    if not os.path.exists(note):
        say("NNCF quantizes")
        seconds = nncf_quantize(options.checkpoint, options.input, calibration, path)
        with open(note, "w") as file:
            json.dump({"seconds": seconds}, file)
    with open(note) as file:
        seconds = json.load(file)["seconds"]
    descriptors = {}
    for name, (paths, _) in sets.items():
        say(f"NNCF's model on {name}, {len(paths)} pictures")
        descriptors[name] = cache.array(f"nncf_{name}", lambda: openvino_descriptors(path, paths, options.input))
    return {"seconds": seconds, "bytes": os.path.getsize(path) + os.path.getsize(path[:-3] + "bin")}, descriptors


# --- libretrieve ---------------------------------------------------------------------------------------------------------------------------


def link_pictures(paths, folder):
    """A folder with a sub-folder a class that holds these pictures."""
    for path in paths:
        target = os.path.join(folder, os.path.basename(os.path.dirname(path)))
        os.makedirs(target, exist_ok=True)
        os.symlink(os.path.abspath(path), os.path.join(target, os.path.basename(path)))


def measure_ours(options, model, arguments, calibration, sets):
    with tempfile.TemporaryDirectory() as folder:
        path, pictures = os.path.join(folder, "int8.safetensors"), os.path.join(folder, "pictures")
        link_pictures(calibration, pictures)
        start = time.perf_counter()
        subprocess.run([options.retrieve, "quantize", model, pictures, "-o", path, "--samples", str(len(calibration)), *arguments], check=True,
                       stdout=subprocess.DEVNULL)
        facts = {"seconds": time.perf_counter() - start, "bytes": os.path.getsize(path)}
        return facts, {name: protocols.embed(options.retrieve, path, paths) for name, (paths, _) in sets.items()}


# --- the comparison ------------------------------------------------------------------------------------------------------------------------


def compare(float_descriptors, descriptors, labels):
    before, after = protocols.found(float_descriptors, labels, DEPTHS), protocols.found(descriptors, labels, DEPTHS)
    cosines = protocols.cosines(float_descriptors, descriptors)
    return {"queries": len(labels), "cosine_mean": float(cosines.mean()), "cosine_min": float(cosines.min()),
            "recall": {k: 100 * float(after[:, i].mean()) for i, k in enumerate(DEPTHS)},
            "flips": {k: protocols.flips(before[:, i], after[:, i]) for i, k in enumerate(DEPTHS)}}


def print_set(name, rows):
    print(f"\n{name}, {next(iter(rows.values()))['queries']} queries, leave-one-out")
    print(f"{'':24}{'cosine mean':>12}{'min':>8}" + "".join(f"{f'R@{k}':>8}" for k in DEPTHS) + f"{'change of R@1 (95 %)':>24}{'lost':>6}{'won':>5}")
    for model, row in rows.items():
        flips = row["flips"][1]
        change = f"{flips['change']:+.2f} +- {flips['interval']:.2f}"
        print(f"{model:24}{row['cosine_mean']:12.4f}{row['cosine_min']:8.4f}" + "".join(f"{row['recall'][k]:8.2f}" for k in DEPTHS)
              + f"{change:>24}{flips['lost']:6}{flips['won']:5}")


def choose_sets(options, calibration_half, calibration):
    data = os.path.join(options.data, "caltech101")
    left = [i for i, path in enumerate(calibration_half[0]) if path not in set(calibration)]
    known = {"caltech": lambda: protocols.half(data, 1), "emoji": lambda: protocols.every_second(os.path.join(options.data, "emoji")),
             "training": lambda: ([calibration_half[0][i] for i in left], calibration_half[1][left])}
    return {name: known[name]() for name in options.sets.split(",")}


def run(options, folder):
    cache = Cache(options.cache or os.path.join(folder, "cache"))
    training = protocols.half(os.path.join(options.data, "caltech101"), 0)
    calibration = protocols.spread(training[0], options.samples)
    sets = choose_sets(options, training, calibration)
    model = cache.path("float32.safetensors")
    protocols.convert(options.retrieve, options.checkpoint, model, options.input)
    floats = {}
    for name, (paths, _) in sets.items():
        say(f"float32 on {name}, {len(paths)} pictures")
        floats[name] = cache.array(f"float32_{name}", lambda: protocols.embed(options.retrieve, model, paths))
    facts, descriptors = {"float32": {"bytes": os.path.getsize(model)}}, {"float32": floats}
    if not options.skip_nncf:
        facts["NNCF"], descriptors["NNCF"] = measure_nncf(options, cache, calibration, sets)
    for setting in options.ours or ["default="]:
        name, arguments = setting.split("=", 1)
        say(f"libretrieve quantizes: {name}")
        facts[name], descriptors[name] = measure_ours(options, model, shlex.split(arguments), calibration, sets)
        say(f"{name}: {facts[name]['seconds']:.1f} s")
    results = {name: {which: compare(floats[name], of[name], labels) for which, of in descriptors.items()} for name, (_, labels) in sets.items()}
    return {"input": options.input, "samples": len(calibration), "models": facts, "sets": results}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--retrieve", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--input", type=int, default=160)
    parser.add_argument("--sets", default="caltech,emoji")
    parser.add_argument("--ours", action="append")
    parser.add_argument("--skip-nncf", action="store_true")
    parser.add_argument("--cache")
    parser.add_argument("--json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run(options, folder)
    for name, rows in report["sets"].items():
        print_set(name, rows)
    print(f"\n{'':24}{'quantized in s':>16}{'file MB':>10}")
    for name, facts in report["models"].items():
        print(f"{name:24}{facts.get('seconds', float('nan')):16.1f}{facts['bytes'] * 1e-6:10.2f}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(report, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
