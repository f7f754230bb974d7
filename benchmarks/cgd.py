"""CGD on ResNet-50 in PyTorch, written from its definition (the CGD paper, arXiv 1903.10663), and the preprocessing in Pillow's and
torchvision's arithmetic. What the scripts beside it compare with."""
import numpy
import torch
import torch.nn.functional as functional
from PIL import Image
from torch import nn


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        if stride != 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x):
        shortcut = self.downsample(x) if hasattr(self, "downsample") else x
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        return functional.relu(self.bn3(self.conv3(y)) + shortcut)


class CgdResNet50(nn.Module):
    """ResNet-50 v1.5 with stride 1 in the third stage, descriptors SG."""

    def __init__(self, dim, classes):
        super().__init__()
        layers, inputs = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
        for width, depth, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 1), (512, 3, 2)):
            blocks = [Bottleneck(inputs if i == 0 else 4 * width, width, stride if i == 0 else 1) for i in range(depth)]
            layers.append(nn.Sequential(*blocks))
            inputs = 4 * width
        self.features = nn.Sequential(*layers)
        self.main_modules = nn.ModuleList([nn.Sequential(nn.Linear(2048, dim // 2, bias=False)) for _ in range(2)])
        self.auxiliary_module = nn.Sequential(nn.BatchNorm1d(2048), nn.Linear(2048, classes))

    def forward(self, x):
        x = self.features(x)
        mean = x.mean((2, 3))
        cubes = (x ** 3).mean((2, 3))
        gem = cubes.sign() * cubes.abs() ** (1 / 3)
        parts = [functional.normalize(linear(part)) for linear, part in zip(self.main_modules, (mean, gem))]
        return functional.normalize(torch.cat(parts, 1)), self.auxiliary_module(mean)


def load_checkpoint(path):
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = CgdResNet50(2 * state["main_modules.0.0.weight"].shape[0], state["auxiliary_module.1.weight"].shape[0])
    model.load_state_dict({name: value.float() if value.is_floating_point() else value for name, value in state.items()})
    return model.eval()


def preprocess(path, size):
    pixels = numpy.asarray(Image.open(path).convert("RGB").resize((size, size), Image.BILINEAR))
    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div(255)
    return x.sub(torch.tensor([0.485, 0.456, 0.406])[:, None, None]).div(torch.tensor([0.229, 0.224, 0.225])[:, None, None])


def descriptors(model, paths, size):
    with torch.inference_mode():
        return numpy.concatenate([model(preprocess(path, size)[None])[0].numpy() for path in paths])
