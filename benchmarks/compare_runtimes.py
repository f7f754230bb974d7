#!/usr/bin/env python3
"""libretrieve, OpenVINO and ONNX Runtime on the same network, in turns on the same threads, in float32 or in int8.

    compare_runtimes.py --build build --checkpoint cgd_sg.pth [--int8 PICTURES] [--streams] [--cache FOLDER]
                        [--input 224] [--threads 2] [--rounds 30]

Each runtime lives in a process of its own; rounds go round-robin, so that the machine's moods hit all alike. Printed: median time a picture and
the ratio round by round; from an open file to the first result (median of five fresh processes each, in turns); resident memory above the
process before loading. One picture over all threads, or, with --streams, one picture a thread. --int8 quantizes with the pictures of that folder
(a few are enough, for the time does not depend on them): ours by retrieve quantize, OpenVINO's by NNCF, ONNX Runtime's by its own static
quantizer; our float32 runs along. --cache FOLDER keeps the models for the next run. ONEDNN_MAX_CPU_ISA caps libretrieve and OpenVINO, not ONNX Runtime. Needs torch, onnx, onnxscript,
onnxruntime, openvino, numpy, with --int8 also nncf."""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import protocols


def resident_kib():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


BATCH = 8  # pictures a stream


def serve(run, start, before, count=1):
    """The other side of bench_latency.c: load line, memory line, then one run for each line read, of count pictures."""
    run()
    print(f"load {1e3 * (time.perf_counter() - start):.3f}\nrss {resident_kib() - before}", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(f"{1e3 * (time.perf_counter() - start) / count:.3f}", flush=True)


def noise(size):
    import numpy
    return numpy.random.default_rng(0).standard_normal((1, 3, size, size), dtype=numpy.float32)


def serve_openvino(path, size, threads, streams):
    import openvino
    x, before, start = noise(size), resident_kib(), time.perf_counter()
    options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": streams or 1, "PERFORMANCE_HINT": "THROUGHPUT" if streams else "LATENCY",
               "INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(path, "CPU", options)
    if not streams:
        request = model.create_infer_request()
        return serve(lambda: request.infer([x]), start, before)
    queue = openvino.AsyncInferQueue(model, streams)

    def run():
        for _ in range(BATCH * streams):
            queue.start_async([x])
        queue.wait_all()

    return serve(run, start, before, BATCH * streams)


def serve_onnxruntime(path, size, threads, streams):
    import onnxruntime
    from concurrent.futures import ThreadPoolExecutor
    x, before, start = noise(size), resident_kib(), time.perf_counter()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1 if streams else threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    if not streams:
        return serve(lambda: session.run(None, {name: x}), start, before)
    pool = ThreadPoolExecutor(streams)
    return serve(lambda: list(pool.map(lambda _: session.run(None, {name: x}), range(BATCH * streams))), start, before, BATCH * streams)


# --- the models ----------------------------------------------------------------------------------------------------------------------------


def export(checkpoint, size, path):
    import torch

    import cgd
    model = cgd.load_checkpoint(checkpoint)
    torch.onnx.export(model, (torch.zeros(1, 3, size, size),), path, dynamo=True, external_data=False, verbose=False)


def quantize_onnx(path, pictures, size, to):
    """Per-channel weights, u8 activations, QDQ: what ONNX Runtime advises for x86 with VNNI."""
    import onnx
    from onnxruntime import quantization

    import cgd
    name = onnx.load(path).graph.input[0].name

    class Pictures(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = iter(pictures)

        def get_next(self):
            picture = next(self.left, None)
            return None if picture is None else {name: cgd.preprocess(picture, size)[None].numpy()}

    prepared = to + ".prepared"
    quantization.quant_pre_process(path, prepared, skip_symbolic_shape=True)
    quantization.quantize_static(prepared, to, Pictures(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                                 activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8)


def make_files(options, files):
    """Models that are not there yet."""
    def need(name, make):
        if not os.path.exists(files[name]):
            make(files[name])

    retrieve = os.path.join(options.build, "src", "retrieve")
    need("own", lambda to: protocols.convert(retrieve, options.checkpoint, to, options.input))
    need("onnx", lambda to: export(options.checkpoint, options.input, to))
    if not options.int8:
        return
    import compare_nncf
    pictures = protocols.spread(sorted(str(file) for file in Path(options.int8).rglob("*") if file.is_file()), 20)
    with tempfile.TemporaryDirectory() as folder:
        compare_nncf.link_pictures(pictures, folder)
        need("own8", lambda to: subprocess.run([retrieve, "quantize", files["own"], folder, "-o", to], check=True, stdout=subprocess.DEVNULL,
                                               stderr=subprocess.DEVNULL))
    need("openvino8", lambda to: compare_nncf.nncf_quantize(options.checkpoint, options.input, pictures, to))
    need("onnx8", lambda to: quantize_onnx(files["onnx"], pictures, options.input, to))


def commands(options, folder):
    """What serves: name -> program and model."""
    names = {"own": "float32.safetensors", "onnx": "float32.onnx", "own8": "int8.safetensors", "openvino8": "int8.xml", "onnx8": "int8.onnx"}
    files = {key: os.path.join(folder, f"{options.input}_{name}") for key, name in names.items()}
    bench = os.path.join(options.build, "benchmarks", "bench_latency")
    serve_own = [sys.executable, os.path.abspath(__file__), "--serve"]
    os.makedirs(folder, exist_ok=True)
    make_files(options, files)
    if not options.int8:
        return {"libretrieve": [bench, files["own"]], "OpenVINO": serve_own + ["openvino", files["onnx"]],
                "ONNX Runtime": serve_own + ["onnxruntime", files["onnx"]]}
    return {"libretrieve": [bench, files["own8"]], "OpenVINO": serve_own + ["openvino", files["openvino8"]],
            "ONNX Runtime": serve_own + ["onnxruntime", files["onnx8"]], "our float32": [bench, files["own"]]}


# --- taking turns --------------------------------------------------------------------------------------------------------------------------


class Runtime:
    def __init__(self, name, command):
        self.name, self.command, self.times, self.loads, self.rss = name, command, [], [], []
        self.process = None

    def start(self):
        time.sleep(0.1)
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.loads.append(float(self.process.stdout.readline().split()[1]))
        self.rss.append(int(self.process.stdout.readline().split()[1]))

    def run(self):
        time.sleep(0.1)  # until the threads of whoever ran before have stopped spinning
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def take_turns(runtimes, rounds):
    for i in range(5):
        for runtime in runtimes:
            runtime.start()
            if i < 4:
                runtime.stop()
    for i in range(rounds + 3):
        for runtime in runtimes:
            milliseconds = runtime.run()
            if i >= 3:  # three rounds to warm up
                runtime.times.append(milliseconds)
    for runtime in runtimes:
        runtime.stop()


def main():
    if len(sys.argv) == 7 and sys.argv[1] == "--serve":
        serves = {"openvino": serve_openvino, "onnxruntime": serve_onnxruntime}
        return serves[sys.argv[2]](sys.argv[3], *map(int, sys.argv[4:]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--int8")
    parser.add_argument("--streams", action="store_true")
    parser.add_argument("--cache")
    parser.add_argument("--input", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    streams = options.threads if options.streams else 0
    with tempfile.TemporaryDirectory() as folder:
        runtimes = []
        for name, command in commands(options, options.cache or folder).items():
            numbers = [options.input] if "--serve" in command else []
            runtimes.append(Runtime(name, command + [str(number) for number in numbers + [options.threads, streams]]))
        take_turns(runtimes, options.rounds)
    print(f"{'int8' if options.int8 else 'float32'}, {options.input}x{options.input}, {options.threads} threads, "
          f"{'one picture a thread' if streams else 'one picture at a time'}, {options.rounds} rounds")
    print(f"{'':14}{'median ms':>10}{'min':>8}{'ours/its':>10}{'load ms':>10}{'memory MB':>11}")
    for runtime in runtimes:
        ratio = statistics.median(a / b for a, b in zip(runtimes[0].times, runtime.times))
        print(f"{runtime.name:14}{statistics.median(runtime.times):10.2f}{min(runtime.times):8.2f}{ratio:10.3f}"
              f"{statistics.median(runtime.loads):10.1f}{statistics.median(runtime.rss) / 1024:11.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
