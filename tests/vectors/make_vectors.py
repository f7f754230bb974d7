#!/usr/bin/env python3
"""make_vectors.py - writes vectors.json: inputs and what every binding must make of them (README.md).

Usage: make_vectors.py (needs numpy, torch, safetensors, Pillow). Nothing here comes from the library: scores follow the canonical sum of
lib/kernels/kernels_dot.h, descriptors are PyTorch's in float64 on Pillow's pixels, error codes are those of the headers.
"""
import json
import pathlib
import sys

import numpy as np
import torch
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent
sys.path.insert(0, str(TESTS / "golden"))
import make_toy_models  # noqa: E402

MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
SIDE = 32
MODEL = "golden/models/cgd_sg.pth"
CHANNELS = {"RGB8": [0, 1, 2], "BGR8": [2, 1, 0], "RGBA8": [0, 1, 2], "BGRA8": [2, 1, 0], "GRAY8": [0, 0, 0]}
TOLERANCE = 1e-5  # of the largest element; as for the toy models: ten times what float32 in PyTorch differs from float64


# --- noise that every language computes (golden/models/README.md) ---------------------------------------------------------------------

def hashes(count, first):
    i = np.arange(count, dtype=np.uint32) + np.uint32(first)
    h = i * np.uint32(2654435761)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(2246822519)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(3266489917)
    return h ^ (h >> np.uint32(16))


def noise(count, first):
    """Multiples of 2^-22 in [-2, 2), exact in float32."""
    return ((hashes(count, first) >> np.uint32(8)).astype(np.float64) / 4194304 - 2).astype(np.float32)


# --- search ---------------------------------------------------------------------------------------------------------------------------

def canonical_score(a, b):
    lanes = [0.0] * 8
    for i, (x, y) in enumerate(zip(a, b)):
        lanes[i % 8] += float(x) * float(y)
    return np.float32(((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7])))


def number(value):
    """A float32 as the shortest number from which every JSON parser gets the same float32 back."""
    return float(f"{float(value):.9g}")


def numbers(rows):
    return [[number(value) for value in row] for row in rows]


def search(name, adds, queries, k, options=None, dim=None):
    """A case of op search; adds are dicts of vectors, ids, keys, classes, predicted. The expected hits are found by a plain loop."""
    items = []
    for add in adds:
        for i, vector in enumerate(add["vectors"]):
            taken = max((item["id"] for item in items), default=-1)
            items.append({"id": add["ids"][i] if "ids" in add else taken + 1, "vector": np.float32(vector),
                          "key": (add["keys"][i] or "") if "keys" in add else "",
                          "class": add["classes"][i] if "classes" in add else -1,
                          "predicted": add["predicted"][i] if "predicted" in add else -1})
    options = options or {}
    rows = []
    for q, query in enumerate(queries):
        hits = [(canonical_score(np.float32(query), item["vector"]), item) for item in items]
        hits = [(score, item) for score, item in hits if item["class"] == options.get("class_id", item["class"])
                and item["predicted"] == options.get("predicted_class", item["predicted"])
                and score >= options.get("min_score", -np.inf)
                and item["id"] != options.get("exclude_ids", [-1] * len(queries))[q]]
        rows.append(sorted(hits, key=lambda hit: (-hit[0], hit[1]["id"]))[:k])
    return {"name": name, "op": "search", "dim": dim or len(adds[0]["vectors"][0]),
            "add": [{**add, "vectors": numbers(add["vectors"])} for add in adds], "queries": numbers(queries), "k": k, "options": options,
            "expect": {"count": len(items), "ids": [[item["id"] for _, item in row] for row in rows],
                       "scores": [[number(score) for score, _ in row] for row in rows],
                       "classes": [[item["class"] for _, item in row] for row in rows],
                       "keys": [[item["key"] for _, item in row] for row in rows]}}


def unit(rows):
    rows = np.asarray(rows, np.float64)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def search_cases():
    axes = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0.5, 0.5, 0]]
    labelled = {"vectors": unit(noise(24 * 11, 1000).reshape(24, 11)).tolist(), "ids": [3 * i + 5 for i in range(24)],
                "classes": [i % 4 - 1 for i in range(24)], "predicted": [i % 3 - 1 for i in range(24)],
                "keys": [None if i % 5 == 4 else f"folder/\u00e4 {i}.jpg" for i in range(24)]}
    asked = unit(noise(3 * 11, 5000).reshape(3, 11)).tolist()
    yield search("ids are given out in order; equal scores come by id", [{"vectors": axes}], [[0, 1, 0], [1, 1, 1]], 4)
    yield search("fewer items than k", [{"vectors": axes[:2]}], [[1, 0, 0]], 5)
    yield search("an empty index", [], [[1, 0, 0]], 2, dim=3)
    yield search("two additions; ids go on from the largest", [{"vectors": axes[:2], "ids": [7, 1 << 40]}, {"vectors": axes[2:4]}],
                 [[0.25, 0.5, 1]], 4)
    yield search("canonical scores of unit vectors", [{"vectors": unit(noise(40 * 27, 0).reshape(40, 27)).tolist()}],
                 unit(noise(5 * 27, 9000).reshape(5, 27)).tolist(), 40)
    yield search("large and small terms", [{"vectors": [[1e10, 1, -1e10, 1e-10] * 4, [1e-30] * 16]}], [[1e10, 1e-3, 1e10, 1e-10] * 4], 2)
    yield search("keys and classes", [labelled], asked, 5)
    yield search("one class", [labelled], asked, 5, {"class_id": 2})
    yield search("one predicted class", [labelled], asked, 5, {"predicted_class": 1})
    yield search("a least score", [labelled], asked, 24, {"min_score": 0.125})
    yield search("each query leaves itself out", [labelled], labelled["vectors"][:3], 2, {"exclude_ids": labelled["ids"][:3]})
    yield search("one query leaves nothing out", [labelled], labelled["vectors"][:2], 2, {"exclude_ids": [-1, labelled["ids"][1]]})


def fails(name, status, op="search", says=None, **fields):
    expect = {"status": status}
    if says:
        expect["says"] = says
    return {"name": name, "op": op, **fields, "expect": expect}


def search_failures():
    one, ask = {"vectors": [[1, 0]]}, {"queries": [[1, 0]], "k": 1, "options": {}}
    yield fails("dimension 0", "RTV_E_INVALID_ARGUMENT", dim=0, add=[], **ask)
    yield fails("an id twice in one call", "RTV_E_EXISTS", says="7", dim=2, add=[{"vectors": [[1, 0], [0, 1]], "ids": [7, 7]}], **ask)
    yield fails("an id that is there", "RTV_E_EXISTS", dim=2, add=[{**one, "ids": [7]}, {**one, "ids": [7]}], **ask)
    yield fails("a negative id", "RTV_E_INVALID_ARGUMENT", dim=2, add=[{**one, "ids": [-2]}], **ask)
    yield fails("a vector with NaN", "RTV_E_INVALID_ARGUMENT", dim=2, add=[{"vectors": [[1, "nan"]]}], **ask)
    yield fails("a vector with infinity", "RTV_E_INVALID_ARGUMENT", dim=2, add=[{"vectors": [[1, 0], ["-inf", 0]]}], **ask)
    yield fails("a query with NaN", "RTV_E_INVALID_ARGUMENT", dim=2, add=[one], queries=[["nan", 0]], k=1, options={})
    yield fails("k = 0", "RTV_E_INVALID_ARGUMENT", says="k: got 0", dim=2, add=[one], queries=[[1, 0]], k=0, options={})
    yield fails("a control character in a key", "RTV_E_INVALID_ARGUMENT", dim=2, add=[{**one, "keys": ["a\nb"]}], **ask)
    yield fails("class -3", "RTV_E_INVALID_ARGUMENT", dim=2, add=[one], queries=[[1, 0]], k=1, options={"class_id": -3})
    yield fails("a least score of NaN", "RTV_E_INVALID_ARGUMENT", dim=2, add=[one], queries=[[1, 0]], k=1, options={"min_score": "nan"})


# --- files ----------------------------------------------------------------------------------------------------------------------------

def file_cases():
    yield {"name": "an index file", "op": "open_index", "file": "golden/index/format0.rtvi",
           "expect": {"dim": 5, "count": 6, "keys": [[0, "birds/a.jpg"], [7, "birds/\u00e4 b.png"], [3, ""], [13, "\U0001f600"]]}}
    yield fails("an index file that is not there", "RTV_E_IO", "open_index", "no/such", file="no/such.rtvi")
    yield fails("an index file cut short", "RTV_E_FORMAT", "open_index", file="golden/index/format0.rtvi", keep_bytes=100)
    yield fails("an index file with a changed byte", "RTV_E_CHECKSUM", "open_index", file="golden/index/format0.rtvi", flip_byte=-1)
    yield fails("a picture as an index file", "RTV_E_FORMAT", "open_index", file="golden/images/444.jpg")
    yield {"name": "a checkpoint", "op": "open_model", "model": {"import": MODEL, "input_width": SIDE, "input_height": SIDE},
           "expect": {"dim": make_toy_models.DIM, "classes": make_toy_models.CLASSES, "input_width": SIDE, "input_height": SIDE}}
    yield fails("a model file that is not there", "RTV_E_IO", "open_model", "no/such", model={"load": "no/such.rtvm"})
    yield fails("a model file cut short", "RTV_E_FORMAT", "open_model",
                model={"load": "golden/modelfile/toy_v1.safetensors", "keep_bytes": 1000})
    yield fails("a model file with a changed byte", "RTV_E_CHECKSUM", "open_model",
                model={"load": "golden/modelfile/toy_v1.safetensors", "flip_byte": -1})
    yield fails("a picture as a model file", "RTV_E_FORMAT", "open_model", model={"load": "golden/images/444.jpg"})
    yield fails("a checkpoint as another network", "RTV_E_MISMATCH", "open_model", model={"import": MODEL, "descriptors": "SMG"})
    yield fails("a checkpoint with an unknown network", "RTV_E_INVALID_ARGUMENT", "open_model", model={"import": MODEL, "architecture": "x"})


# --- pictures ---------------------------------------------------------------------------------------------------------------------------

def pixels_of(picture):
    """What a picture of the cases looks like: uint8 [h][w][3]."""
    if "path" in picture or "encoded" in picture:
        return np.asarray(Image.open(TESTS / (picture.get("path") or picture["encoded"])).convert("RGB"))
    p = picture["pixels"]
    per_pixel = {"GRAY8": 1, "RGB8": 3, "BGR8": 3}.get(p["format"], 4)
    data = (hashes(p["stride"] * p["height"], p["first"]) >> np.uint32(24)).astype(np.uint8).reshape(p["height"], p["stride"])
    data = data[:, :per_pixel * p["width"]].reshape(p["height"], p["width"], per_pixel)
    return data[:, :, CHANNELS[p["format"]]]


def tensor_of(picture):
    if "tensor" in picture:
        return noise(3 * SIDE * SIDE, picture["tensor"]["first"]).reshape(3, SIDE, SIDE)
    resized = np.asarray(Image.fromarray(pixels_of(picture)).resize((SIDE, SIDE), Image.BILINEAR))
    return ((resized.astype(np.float32) / np.float32(255) - MEAN) / STD).transpose(2, 0, 1)


def toy_model():
    model = make_toy_models.Cgd("SG")
    model.load_state_dict(torch.load(TESTS / MODEL))
    return model.eval().double()


@torch.no_grad()
def embed(model, picture):
    descriptor, logits = model(torch.from_numpy(tensor_of(picture).astype(np.float64))[None])
    return descriptor[0].numpy(), logits[0].softmax(0).numpy()


PICTURES = [
    {"path": "golden/images/444.jpg"},
    {"path": "golden/images/420.jpg"},
    {"encoded": "golden/images/rgb_8.png"},
    {"encoded": "golden/images/palette_8.png"},
    {"pixels": {"format": "RGB8", "width": 40, "height": 30, "stride": 120, "first": 100}},
    {"pixels": {"format": "BGR8", "width": 33, "height": 50, "stride": 100, "first": 200}},
    {"pixels": {"format": "BGRA8", "width": 64, "height": 48, "stride": 320, "first": 300}},
    {"pixels": {"format": "RGBA8", "width": 10, "height": 10, "stride": 40, "first": 400}},
    {"pixels": {"format": "GRAY8", "width": 21, "height": 32, "stride": 32, "first": 500}},
    {"tensor": {"count": 3 * SIDE * SIDE, "first": 0}},
]
BAD_PICTURES = [
    ({"path": "no/such.jpg"}, "RTV_E_IO"),
    ({"encoded": "golden/index/format0.rtvi"}, "RTV_E_UNSUPPORTED"),
    ({"encoded": "golden/images/444.jpg", "keep_bytes": 200}, "RTV_E_FORMAT"),
    ({"tensor": {"count": 12, "first": 0}}, "RTV_E_MISMATCH"),
    ({"pixels": {"format": "RGB8", "width": 4, "height": 4, "stride": 11, "first": 0}}, "RTV_E_INVALID_ARGUMENT"),
]


def picture_cases(model):
    toy = {"import": MODEL, "input_width": SIDE, "input_height": SIDE}
    answers = [embed(model, picture) for picture in PICTURES]
    good = {"descriptors": [[float(f"{value:.9g}") for value in descriptor] for descriptor, _ in answers],
            "predicted": [int(np.argmax(p)) for _, p in answers], "tolerance": TOLERANCE}
    for descriptor, probabilities in answers:  # no result hangs on the last bits
        first, second = np.sort(probabilities)[:-3:-1]
        assert first - second > 1e-3
    yield {"name": "pictures of every kind", "op": "embed", "model": toy, "pictures": PICTURES,
           "expect": {**good, "statuses": ["RTV_OK"] * len(PICTURES)}}
    yield {"name": "one bad picture fails alone", "op": "embed", "model": toy,
           "pictures": [PICTURES[0]] + [picture for picture, _ in BAD_PICTURES] + [PICTURES[9]],
           "expect": {"statuses": ["RTV_OK"] + [status for _, status in BAD_PICTURES] + ["RTV_OK"], "tolerance": TOLERANCE,
                      "descriptors": [good["descriptors"][0]] + [None] * len(BAD_PICTURES) + [good["descriptors"][9]],
                      "predicted": [good["predicted"][0]] + [-1] * len(BAD_PICTURES) + [good["predicted"][9]]}}
    yield {"name": "the same network from the older stream", "op": "embed",
           "model": {**toy, "import": "golden/models/cgd_sg.legacy.pth"}, "pictures": PICTURES[4:5],
           "expect": {"statuses": ["RTV_OK"], "tolerance": TOLERANCE, "descriptors": good["descriptors"][4:5],
                      "predicted": good["predicted"][4:5]}}
    descriptors = np.array([descriptor for descriptor, _ in answers])
    scores = descriptors @ descriptors.T
    for row in np.sort(scores[:4])[:, :-6:-1]:
        assert np.diff(row).max() < -10 * TOLERANCE, row  # no order hangs on the last bits
    order = np.argsort(-scores, axis=1)[:, :4]
    yield {"name": "similar pictures", "op": "similar", "model": toy, "pictures": PICTURES, "queries": PICTURES[:4], "k": 4,
           "expect": {"ids": order[:4].tolist(), "scores": [[float(f"{scores[q][i]:.9g}") for i in order[q]] for q in range(4)],
                      "tolerance": TOLERANCE}}


# --- evaluation -----------------------------------------------------------------------------------------------------------------------

def labelled_rows(adds):
    """(id, vector, class, predicted class) of every item, in order; ids are given."""
    return [(add["ids"][i], np.float32(vector), add["classes"][i], add["predicted"][i] if "predicted" in add else -1)
            for add in adds for i, vector in enumerate(add["vectors"])]


def metrics_of(relevant, count, ks):
    """Every metric of one query. relevant: the ranking, 1 where an item is relevant; count: how many relevant items there are."""
    ranks = np.flatnonzero(relevant) + 1
    precisions = np.arange(1, len(ranks) + 1) / ranks
    out = {("recall", k): float(np.any(ranks <= k)) for k in ks}
    out.update({("precision", k): np.sum(ranks <= k) / k for k in ks})
    within = ranks <= count
    out.update({("r_precision", None): np.sum(within) / max(count, 1), ("map_at_r", None): precisions[within].sum() / max(count, 1),
                ("map", None): precisions.sum() / max(count, 1), ("mrr", None): 1 / ranks[0] if len(ranks) else 0.0})
    return out, int(ranks[0]) if len(ranks) else 0


def evaluate(name, adds, ks, queries=None, predicted=False):
    """A case of op evaluate; the definitions of docs/evaluation.md, written out."""
    gallery = labelled_rows(adds)
    asked = [row for row in (labelled_rows(queries) if queries else gallery) if row[2] >= 0]
    table, ranks, counts = [], [], []
    for own_id, vector, own_class, own_predicted in asked:
        others = [row for row in gallery if queries or row[0] != own_id]
        counts.append(sum(row[2] == own_class for row in others))
        if predicted and own_predicted >= 0:
            others = [row for row in others if row[3] == own_predicted]
        others.sort(key=lambda row: (-canonical_score(vector, row[1]), row[0]))
        values, first = metrics_of(np.array([row[2] == own_class for row in others], bool), counts[-1], ks)
        table.append(values)
        ranks.append(first)
    metrics = []
    for rule, kept in (("miss", range(len(asked))), ("left_out", [i for i, count in enumerate(counts) if count > 0])):
        for metric, k in table[0]:
            value = float(np.mean([table[i][metric, k] for i in kept]))
            metrics.append({"metric": metric, **({} if k is None else {"k": k}), "rule": rule, "value": value})
    case = {"name": name, "op": "evaluate", "dim": len(adds[0]["vectors"][0]), "ks": ks, "predicted": predicted,
            "add": [{**add, "vectors": numbers(add["vectors"])} for add in adds]}
    if queries:
        case.update(queries_dim=case["dim"], queries=[{**add, "vectors": numbers(add["vectors"])} for add in queries])
    return {**case, "expect": {"queries": len(asked), "answerable": sum(count > 0 for count in counts), "metrics": metrics,
                               "ids": [row[0] for row in asked], "relevant": counts, "first_ranks": ranks,
                               "tolerance": 1e-12}}  # sums of doubles in another order


def evaluate_cases():
    def rows(first, count, classes):
        """Vectors in bunches, half of them by class, so that some queries are easy and some are not."""
        vectors = noise(count * 6, first).reshape(count, 6).astype(np.float64)
        vectors[:, 0] += np.arange(count) % classes
        return {"vectors": unit(vectors).tolist(), "ids": [7 * i + first for i in range(count)],
                "classes": [i % classes if i % 9 else -1 for i in range(count)], "predicted": [i // 2 % 3 - 1 for i in range(count)]}
    gallery, others = rows(0, 40, 5), rows(3000, 12, 6)
    lone = {"vectors": unit(noise(6, 7000).reshape(1, 6)).tolist(), "ids": [1 << 40], "classes": [77], "predicted": [0]}
    yield evaluate("leave-one-out; a class with one item cannot be found", [gallery, lone], [1, 3, 10])
    yield evaluate("queries against a gallery", [gallery], [1, 5], queries=[others])
    yield evaluate("rankings within the predicted class", [gallery, lone], [1, 3], predicted=True)
    yield evaluate("equal scores come by id", [{"vectors": [[1, 0]] * 4, "ids": [5, 3, 9, 1], "classes": [0, 1, 0, 1]}], [1, 2, 3])
    one = {"vectors": [[1, 0]], "ids": [4], "classes": [-1]}
    good = {**one, "classes": [0]}
    what = {"op": "evaluate", "predicted": False, "ks": [1]}
    yield fails("an evaluation without classes", "RTV_E_INVALID_ARGUMENT", says="class", dim=2, add=[one], **what)
    yield fails("an evaluation of falling k", "RTV_E_INVALID_ARGUMENT", says="ks[1]", dim=2, add=[good], **{**what, "ks": [2, 1]})
    yield fails("queries of another dimension", "RTV_E_MISMATCH", says="dimension", dim=2, add=[good], queries_dim=3,
                queries=[{"vectors": [[1, 0, 0]], "ids": [0], "classes": [0]}], **what)


# --- quantization -----------------------------------------------------------------------------------------------------------------------

def quantize_cases(model):
    toy = {"import": MODEL, "input_width": SIDE, "input_height": SIDE}
    what = {"op": "quantize", "model": toy, "pictures": PICTURES, "queries": PICTURES[:3]}
    descriptors = [[float(f"{value:.9g}") for value in embed(model, picture)[0]] for picture in PICTURES[:3]]
    # Mean ranges of pictures so far apart clip the widest: 0.95. Ranges that cover all give 0.997; a wrong scale anywhere leaves nothing.
    expect = {"descriptors": descriptors}
    yield {"name": "a quantized network", **what, "settings": {},
           "expect": {**expect, "least_cosine": 0.9, "layers": {"conv1": "int8", "logits": "f32"}}}
    yield {"name": "other settings, and a layer that stays in float32", **what,
           "settings": {"preset": "performance", "estimator": "min_max", "weights": "pair_safe", "bias_correction": "none",
                        "ignored": [{"name": "layer1.0.conv2"}]},
           "expect": {**expect, "least_cosine": 0.98, "layers": {"conv1": "int8", "layer1.0.conv2": "f32", "layer1.0.conv3": "int8"}}}
    yield fails("a scope that matches nothing", "RTV_E_NOT_FOUND", says="no/such", settings={"ignored": [{"name": "no/such"}]}, **what)
    yield fails("a setting that is not known", "RTV_E_INVALID_ARGUMENT", says="presett", settings={"presett": "mixed"}, **what)
    yield fails("a setting out of range", "RTV_E_INVALID_ARGUMENT", says="max_samples", settings={"max_samples": 0}, **what)
    yield fails("nothing to calibrate with", "RTV_E_STATE", settings={}, **{**what, "pictures": []})
    yield fails("a bad picture to calibrate with", "RTV_E_IO", says="no/such", settings={},
                **{**what, "pictures": [PICTURES[0], BAD_PICTURES[0][0]]})


def main():
    toy = toy_model()
    cases = [*search_cases(), *search_failures(), *file_cases(), *picture_cases(toy), *evaluate_cases(), *quantize_cases(toy)]
    assert len({case["name"] for case in cases}) == len(cases)
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    (HERE / "vectors.json").write_text(f'{{"version": 1, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
