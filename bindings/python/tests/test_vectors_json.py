"""The cases of tests/vectors/vectors.json; the README there has the definitions."""

import json
import unittest

import numpy as np
import support

import libretrieve
from libretrieve import Index, Model, Pixels, Quantizer, Searcher, evaluate

TESTS = support.TOP / "tests"
CHANNELS = {"RGB8": 3, "BGR8": 3, "RGBA8": 4, "BGRA8": 4, "GRAY8": 1}


def file_of(where, name):
    """The path, or the bytes of a damaged file."""
    path = TESTS / where[name]
    if "keep_bytes" not in where and "flip_byte" not in where:
        return path
    data = bytearray(path.read_bytes()[: where.get("keep_bytes")])
    if "flip_byte" in where:
        data[where["flip_byte"]] ^= 1
    return bytes(data)


def picture(given):
    if "path" in given:
        return TESTS / given["path"]
    if "encoded" in given:
        source = file_of(given, "encoded")
        return source if isinstance(source, bytes) else source.read_bytes()
    if "pixels" in given:
        form = given["pixels"]
        channels = CHANNELS[form["format"]]
        values = (support.hashes(form["stride"] * form["height"], form["first"]) >> np.uint32(24)).astype(np.uint8)
        rows = values.reshape(form["height"], form["stride"])[:, : form["width"] * channels]
        array = np.lib.stride_tricks.as_strided(
            rows, (form["height"], form["width"], channels), (form["stride"], channels, 1), writeable=False
        )
        return Pixels(array, form["format"][:-1].lower())
    form = given["tensor"]
    values = support.noise(form["count"], form["first"])
    side = int(round((form["count"] / 3) ** 0.5))
    return values.reshape((3, side, side) if 3 * side * side == form["count"] else (1, 1, -1))


def open_model(given):
    source = file_of(given, "import" if "import" in given else "load")
    if "load" in given:
        return Model.load(source)
    size = (given["input_width"], given["input_height"]) if "input_width" in given else None
    return Model.from_checkpoint(source, architecture=given.get("architecture"), descriptors=given.get("descriptors"), input_size=size)


def floats(rows):
    return np.array([[float(value) for value in row] for row in rows], dtype=np.float32)


class Vectors(support.TestCase):
    def check_hits(self, result, expect):
        tolerance = expect.get("tolerance", 0)
        for query, row in enumerate(result.rows()):
            self.assertEqual([hit.id for hit in row], expect["ids"][query])
            got, want = (np.array(scores, np.float32) for scores in ([hit.score for hit in row], expect["scores"][query]))
            np.testing.assert_allclose(got, want, rtol=0, atol=tolerance)
            if "keys" in expect:
                self.assertEqual([hit.class_id for hit in row], expect["classes"][query])
                self.assertEqual([hit.key for hit in row], expect["keys"][query])

    def index_of(self, dim, adds):
        index = Index.create(dim)
        for add in adds:
            named = {name: add[name] for name in ("keys", "classes", "predicted") if name in add}
            index.add(add.get("ids"), floats(add["vectors"]), **named)
        return index

    def run_search(self, case, expect):
        index = self.index_of(case["dim"], case["add"])
        options = dict(case["options"])
        if "min_score" in options:
            options["min_score"] = float(options["min_score"])
        result = index.search(floats(case["queries"]), case["k"], **options)
        self.assertEqual(len(index), expect["count"])
        self.check_hits(result, expect)

    def run_open_index(self, case, expect):
        index = Index.open(file_of(case, "file"))
        self.assertEqual((index.dim, len(index)), (expect["dim"], expect["count"]))
        for number, key in expect["keys"]:
            self.assertEqual(index.key(number), key)

    def run_open_model(self, case, expect):
        info = open_model(case["model"]).info
        got = (info.descriptor_dim, info.num_classes, info.input_width, info.input_height)
        self.assertEqual(got, tuple(expect[name] for name in ("dim", "classes", "input_width", "input_height")))

    def run_embed(self, case, expect):
        found = open_model(case["model"]).describe([picture(given) for given in case["pictures"]])
        statuses = ["RTV_OK" if error is None else error.status_name for error in found.errors]
        self.assertEqual(statuses, expect["statuses"])
        self.assertEqual(found.classes.tolist(), expect["predicted"])
        for got, want in zip(found.descriptors, expect["descriptors"]):
            if want is not None:
                np.testing.assert_allclose(got, want, rtol=0, atol=expect["tolerance"] * np.abs(want).max())

    def run_similar(self, case, expect):
        model = open_model(case["model"])
        searcher = Searcher(model, Index.create(model))
        searcher.add([picture(given) for given in case["pictures"]])
        self.check_hits(searcher.search([picture(given) for given in case["queries"]], case["k"]), expect)

    def run_evaluate(self, case, expect):
        queries = self.index_of(case["queries_dim"], case["queries"]) if "queries" in case else None
        found = evaluate(self.index_of(case["dim"], case["add"]), queries=queries, ks=case["ks"], predicted=case["predicted"])
        for metric in expect["metrics"]:
            value = found.metric(metric["metric"], metric.get("k", 0), rule=metric["rule"]).value
            self.assertAlmostEqual(value, metric["value"], delta=expect["tolerance"])
        self.assertEqual((found.info.num_queries, found.info.num_answerable), (expect["queries"], expect["answerable"]))
        rows = found.queries()
        self.assertEqual([row.id for row in rows], expect["ids"])
        self.assertEqual([row.num_relevant for row in rows], expect["relevant"])
        self.assertEqual([row.first_rank for row in rows], expect["first_ranks"])

    def run_quantize(self, case, expect):
        quantizer = Quantizer(open_model(case["model"]), settings=case["settings"])
        for error in quantizer.add([picture(given) for given in case["pictures"]]).errors:
            if error is not None:
                raise error
        quantized = quantizer.finish()
        layers = {layer.name: layer.precision for layer in quantized.quantized_layers()}
        self.assertEqual({name: layers[name] for name in expect["layers"]}, expect["layers"])
        got = quantized.embed([picture(given) for given in case["queries"]]).astype(np.float64)
        want = np.array(expect["descriptors"])
        cosines = (got * want).sum(axis=1) / np.linalg.norm(got, axis=1) / np.linalg.norm(want, axis=1)
        self.assertGreaterEqual(cosines.min(), expect["least_cosine"])

    def test_all(self):
        table = json.loads((TESTS / "vectors/vectors.json").read_text(encoding="utf-8"))
        self.assertEqual(table["version"], 1)
        for case in table["cases"]:
            with self.subTest(case["name"]):
                expect = case["expect"]
                run = getattr(self, f"run_{case['op']}")
                if "status" not in expect:
                    run(case, expect)
                    continue
                error = self.refuses(libretrieve.RetrieveError, expect.get("says", ""), run, case, expect)
                self.assertEqual(error.status_name, expect["status"])


if __name__ == "__main__":
    unittest.main()
