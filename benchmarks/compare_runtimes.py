#!/usr/bin/env python3
"""One picture at a time: libretrieve, OpenVINO and ONNX Runtime on the same float32 network, in turns on the same threads.

    compare_runtimes.py --build build --checkpoint cgd_sg.pth [--input 224] [--threads 2] [--rounds 30]

Each runtime lives in a process of its own; rounds go round-robin, so that the machine's moods hit all alike. Printed: median latency and the
ratio round by round; from an open file to the first result (median of five fresh processes each, in turns); resident memory above the process
before loading. Needs torch, onnx, onnxscript, onnxruntime, openvino, numpy (the first run exports the network)."""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import cgd


def resident_kib():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def serve(run, start, before):
    """The other side of bench_latency.c: load line, memory line, then one run for each line read."""
    run()
    print(f"load {1e3 * (time.perf_counter() - start):.3f}\nrss {resident_kib() - before}", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(f"{1e3 * (time.perf_counter() - start):.3f}", flush=True)


def serve_openvino(path, size, threads):
    import numpy
    import openvino
    x = numpy.random.default_rng(0).standard_normal((1, 3, size, size), dtype=numpy.float32)
    before, start = resident_kib(), time.perf_counter()
    options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(path, "CPU", options).create_infer_request()
    serve(lambda: request.infer([x]), start, before)


def serve_onnxruntime(path, size, threads):
    import numpy
    import onnxruntime
    x = numpy.random.default_rng(0).standard_normal((1, 3, size, size), dtype=numpy.float32)
    before, start = resident_kib(), time.perf_counter()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    serve(lambda: session.run(None, {name: x}), start, before)


def export(checkpoint, size, path):
    import torch
    model = cgd.load_checkpoint(checkpoint)
    torch.onnx.export(model, (torch.zeros(1, 3, size, size),), path, dynamo=True, external_data=False, verbose=False)


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


def main():
    if len(sys.argv) == 6 and sys.argv[1] == "--serve":
        return {"openvino": serve_openvino, "onnxruntime": serve_onnxruntime}[sys.argv[2]](sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--input", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours, onnx = os.path.join(folder, "model.safetensors"), os.path.join(folder, "model.onnx")
        subprocess.run([os.path.join(options.build, "src", "retrieve"), "model", "convert", options.checkpoint, "-o", ours, "--input",
                        str(options.input)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        export(options.checkpoint, options.input, onnx)
        own = [sys.executable, os.path.abspath(__file__), "--serve"]
        rest = [onnx, str(options.input), str(options.threads)]
        runtimes = [Runtime("libretrieve", [os.path.join(options.build, "benchmarks", "bench_latency"), ours, str(options.threads)]),
                    Runtime("OpenVINO", own + ["openvino"] + rest), Runtime("ONNX Runtime", own + ["onnxruntime"] + rest)]
        for i in range(5):
            for runtime in runtimes:
                runtime.start()
                if i < 4:
                    runtime.stop()
        for i in range(options.rounds + 3):
            for runtime in runtimes:
                milliseconds = runtime.run()
                if i >= 3:  # three rounds to warm up
                    runtime.times.append(milliseconds)
        for runtime in runtimes:
            runtime.stop()
    print(f"float32, {options.input}x{options.input}, {options.threads} threads, {options.rounds} rounds")
    print(f"{'':14}{'median ms':>10}{'min':>8}{'ours/its':>10}{'load ms':>10}{'memory MB':>11}")
    for runtime in runtimes:
        ratio = statistics.median(a / b for a, b in zip(runtimes[0].times, runtime.times))
        print(f"{runtime.name:14}{statistics.median(runtime.times):10.2f}{min(runtime.times):8.2f}{ratio:10.3f}"
              f"{statistics.median(runtime.loads):10.1f}{statistics.median(runtime.rss) / 1024:11.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
