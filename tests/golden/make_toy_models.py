"""make_toy_models.py - writes models/: toy checkpoints with random weights, and what PyTorch makes of them (models/README.md).

Usage: python make_toy_models.py (needs torch, numpy, safetensors). Every number comes from a fixed seed.
"""
import json
import pathlib
import zlib

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent / "models"
CONFIGURATIONS = "S M G SM MS SG GS MG GM SMG MSG GSM".split()
WIDTH, DIM, CLASSES = 4, 12, 5


def conv(inputs, outputs, kernel, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


class Block(nn.Module):
    """A residual block in torchvision's parameter names: bottleneck (three convolutions) or basic (two)."""

    def __init__(self, inputs, widths, kernels, strided, stride, groups):
        super().__init__()
        channels = [inputs, *widths]
        self.depth = len(widths)
        for i, kernel in enumerate(kernels):
            here = groups if kernel == 3 and self.depth == 3 else 1
            setattr(self, f"conv{i + 1}", conv(channels[i], channels[i + 1], kernel, stride if i == strided else 1, here))
            setattr(self, f"bn{i + 1}", nn.BatchNorm2d(channels[i + 1]))
        if stride != 1 or inputs != channels[-1]:
            self.downsample = nn.Sequential(conv(inputs, channels[-1], 1, stride), nn.BatchNorm2d(channels[-1]))

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.depth:
                y = F.relu(y)
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


def stages(blocks, strides, basic=False, groups=1, group_width=None):
    """The four stages; group_width is the ResNeXt paper's d of the first stage (None: an ordinary ResNet)."""
    inputs, result = WIDTH, []
    for i, (count, stride) in enumerate(zip(blocks, strides)):
        planes = WIDTH << i
        inner = planes if group_width is None else groups * (group_width << i)
        widths, kernels, strided = ([planes, planes], [3, 3], 0) if basic else ([inner, inner, 4 * planes], [1, 3, 1], 1)
        stage = []
        for block in range(count):
            stage.append(Block(inputs, widths, kernels, strided, stride if block == 0 else 1, groups))
            inputs = widths[-1]
        result.append(nn.Sequential(*stage))
    return result, inputs


def pool(letter, x):
    if letter == "S":
        return x.mean((2, 3))
    if letter == "M":
        return x.amax((2, 3))
    s = (x**3).mean((2, 3))
    return s.sign() * s.abs() ** (1 / 3)


class Cgd(nn.Module):
    def __init__(self, letters, blocks=(1, 1, 1, 1), **trunk):
        super().__init__()
        layers, channels = stages(blocks, (1, 2, 1, 2), **trunk)
        self.letters = letters
        self.features = nn.Sequential(conv(3, WIDTH, 7, 2), nn.BatchNorm2d(WIDTH), nn.ReLU(), nn.MaxPool2d(3, 2, 1), *layers)
        self.main_modules = nn.ModuleList(
            nn.Sequential(nn.Linear(channels, DIM // len(letters), bias=False)) for _ in letters)
        self.auxiliary_module = nn.Sequential(nn.BatchNorm1d(channels), nn.Linear(channels, CLASSES))

    def forward(self, x):
        x = self.features(x)
        pooled = [pool(letter, x) for letter in self.letters]
        branches = [F.normalize(module(p)) for module, p in zip(self.main_modules, pooled)]
        return F.normalize(torch.cat(branches, 1)), self.auxiliary_module(pooled[0])


class Classifier(nn.Module):
    """torchvision's ResNet; its descriptor is the pooled feature, L2-normalised."""

    def __init__(self, blocks, **trunk):
        super().__init__()
        layers, channels = stages(blocks, (1, 2, 2, 2), **trunk)
        self.conv1, self.bn1 = conv(3, WIDTH, 7, 2), nn.BatchNorm2d(WIDTH)
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        self.fc = nn.Linear(channels, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))
        return F.normalize(x), self.fc(x)


def randomize(model, seed, dtype):
    """Weights that keep activations near unit size and batch norms far from the identity, some with a negative gamma."""
    draw = np.random.RandomState(seed)
    for name, tensor in model.state_dict().items():
        shape = tuple(tensor.shape)
        if name.endswith("num_batches_tracked"):
            values = np.array(1000)
        elif name.endswith("running_var"):
            values = draw.uniform(0.3, 2.0, shape)
        elif name.endswith("running_mean") or name.endswith("bias"):
            values = draw.normal(0, 0.3, shape)
        elif len(shape) == 1:  # gamma
            values = draw.uniform(0.5, 1.5, shape) * draw.choice([1, 1, 1, -1], shape)
        else:
            values = draw.normal(0, 1, shape) * np.sqrt(2 / np.prod(shape[1:]))
        values = torch.from_numpy(values)
        tensor.copy_(values.to(dtype) if tensor.is_floating_point() else values)


def noise(shape, first=0):
    """The input every side computes: value i hashes its position; each is a multiple of 2^-22 in [-2, 2), exact in float32."""
    i = np.arange(int(np.prod(shape)), dtype=np.uint32) + np.uint32(first)
    h = i * np.uint32(2654435761)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(2246822519)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(3266489917)
    h ^= h >> np.uint32(16)
    return torch.from_numpy(((h >> np.uint32(8)).astype(np.float64) / 4194304.0 - 2.0).reshape(shape))


def save(model, name, dtype, form):
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in model.state_dict().items()}
    if form == "safetensors":
        save_file(state, HERE / name)
        return
    if form == "wrapped":  # DataParallel's prefix, a trainer's wrapper, thop's buffers
        state = {"module." + k: v for k, v in state.items()}
        state["module.total_ops"] = torch.zeros(1, dtype=torch.float64)
        state["module.total_params"] = torch.zeros(1, dtype=torch.float64)
        state = {"epoch": 3, "state_dict": state}
    torch.save(state, HERE / name, _use_new_zipfile_serialization=form != "legacy")


def results(run, height, width):
    """What a network gives for the noise, in float64; float32 must come close, so that a tolerance of 1e-5 means something."""
    x = noise((1, 3, height, width))
    exact = run(x, torch.float64)
    for a, b in zip(exact, run(x.float(), torch.float32)):
        assert (a - b).abs().max() < 2e-6 * a.abs().max()
    descriptor, logits = ([float(f"{v:.9g}") for v in a[0].tolist()] for a in exact)
    return {"input_height": height, "input_width": width, "descriptor": descriptor, "logits": logits}


def case(name, model, dtype, form, sizes=((32, 32),), **options):
    """One checkpoint; an entry for each input size, (height, width)."""
    model = model.eval()
    randomize(model, zlib.crc32(name.split(".")[0].encode()), dtype)
    save(model, name, dtype, form)
    assert (HERE / name).stat().st_size < 200_000, name
    return [{"model": name, **options, **results(lambda x, dtype: model.to(dtype)(x), height, width)} for height, width in sizes]


def toy_graph():
    """The network of tests/unit/toy_graph.h."""

    def constant(n, scale, shift, *shape):
        return (np.float32(scale) * (noise(shape, 10000 * n).float() + np.float32(shift))).double()

    def run(x, c):
        x = F.conv2d(x, c[0], c[1], stride=2, padding=1)
        x = F.relu(F.batch_norm(x, c[4], c[5], c[2], c[3], eps=float(np.float32(1e-5))))
        grouped = F.conv2d(x, c[6], padding=(2, 1), dilation=(2, 1), groups=4)
        wide = F.conv2d(x, c[7], padding=(0, 2)) + x
        x = F.max_pool2d(torch.cat([grouped, wide], 1), (3, 2), 2, (1, 0))
        return F.normalize(pool("M", x)), F.linear(pool("G", x), c[8], c[9])

    constants = [constant(0, 0.25, 0, 8, 3, 3, 3), constant(1, 0.25, 0, 8), constant(2, 0.5, 0, 8), constant(3, 0.25, 0, 8),
                 constant(4, 0.25, 0, 8), constant(5, 0.5, 2.5, 8), constant(6, 0.25, 0, 12, 2, 3, 3),
                 constant(7, 0.125, 0, 8, 8, 1, 5), constant(8, 0.25, 0, 5, 20), constant(9, 0.25, 0, 5)]
    return results(lambda x, dtype: run(x, [c.to(dtype) for c in constants]), 20, 24)


@torch.no_grad()
def main():
    HERE.mkdir(exist_ok=True)
    f16, f32 = torch.float16, torch.float32
    cases = []
    for letters in CONFIGURATIONS:
        cgd = {"architecture": "cgd_resnet", "descriptors": letters, "layer3_stride": 1}
        name = f"cgd_{letters.lower()}"
        if letters == "SG":  # the reference configuration, in every form a checkpoint has
            sizes = ((32, 32), (45, 67))
            cases += case(f"{name}.pth", Cgd(letters), f32, "zip", sizes, **cgd)
            cases += case(f"{name}.legacy.pth", Cgd(letters), f32, "legacy", **cgd)
            cases += case(f"{name}.wrapped.pth", Cgd(letters), f16, "wrapped", **cgd)
        else:
            dtype = torch.bfloat16 if letters == "GSM" else f16
            cases += case(f"{name}.safetensors", Cgd(letters), dtype, "safetensors", **cgd)
    resnext = Cgd("SG", (2, 1, 1, 1), groups=4, group_width=1)
    cases += case("cgd_sg_resnext.pth", resnext, f16, "zip", architecture="cgd_resnet", descriptors="SG", layer3_stride=1)
    classifier = {"architecture": "resnet_classifier", "descriptors": "", "layer3_stride": 2}
    cases += case("classifier_bottleneck.pth", Classifier((2, 1, 1, 1)), f32, "zip", ((64, 64),), **classifier)
    cases += case("classifier_basic.legacy.pth", Classifier((2, 1, 1, 1), basic=True), f32, "legacy", ((64, 48),), **classifier)
    for name, entries in (("expected.json", cases), ("toy_graph.json", [toy_graph()])):
        lines = ",\n".join(json.dumps(entry) for entry in entries)
        (HERE / name).write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
