#!/usr/bin/env python3
"""Opens a safetensors file with the Python package; with a second file (.pth or .safetensors), compares the tensors of the same name.

    check_safetensors.py MODEL.safetensors [CHECKPOINT]

A file whose tensors were rounded to float16 is compared after the same rounding. Exits with 1 on the first difference.
"""
import sys

import safetensors
import safetensors.torch
import torch


def load(path):
    if path.endswith(".safetensors"):
        return safetensors.torch.load_file(path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    state = next((state[key] for key in ("state_dict", "model_state_dict", "model", "net") if key in state), state)
    return {name.removeprefix("module."): value for name, value in state.items() if isinstance(value, torch.Tensor)}


def main(model, checkpoint=None):
    with safetensors.safe_open(model, "pt") as file:
        print(f"{model}: {len(file.keys())} tensors, metadata {sorted(file.metadata() or {})}")
        ours = {name: file.get_tensor(name) for name in file.keys()}
    if checkpoint is None:
        return 0
    theirs = load(checkpoint)
    common = sorted(ours.keys() & theirs.keys())
    for name in common:
        if not torch.equal(ours[name], theirs[name].to(ours[name].dtype)):
            print(f"{name}: differs")
            return 1
    print(f"{len(common)} of {len(theirs)} tensors of {checkpoint} are the same")
    return 0 if common else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
