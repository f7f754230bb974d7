"""Models: every kind of picture, right descriptors, and what goes wrong."""

import json
import struct
import unittest
import zlib

import numpy as np
import support

import libretrieve
from libretrieve import Model, Pixels, Runtime


def png(pixels):
    """uint8 [height, width, 3] as a PNG file."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Loading(support.TestCase):
    def test_checkpoints_give_pytorchs_descriptors(self):
        for expected in json.loads((support.TOYS / "expected.json").read_text())[:4]:
            with Model.from_checkpoint(
                support.TOYS / expected["model"],
                architecture=expected["architecture"],
                descriptors=expected["descriptors"],
                layer3_stride=expected["layer3_stride"],
                input_size=(expected["input_width"], expected["input_height"]),
            ) as model:
                info = model.info
                values = support.noise(3 * info.input_height * info.input_width).reshape(3, info.input_height, info.input_width)
                want = np.array(expected["descriptor"])
                tolerance = 1e-5 * np.abs(want).max()  # float32 sums in another order: tests/golden/models/README.md
                np.testing.assert_allclose(model.embed(values)[0], want, rtol=0, atol=tolerance)
                np.testing.assert_allclose(model.embed(np.stack([values, values]))[1], want, rtol=0, atol=tolerance)

    def test_a_file_and_its_bytes(self):
        picture = support.pixels()
        path = self.folder / "toy.safetensors"
        with support.toy(name="toy", class_names=["a", "b", "c", "d", "é"]) as model:
            model.save(path)
            want = model.embed(picture)
            info = model.info
        for source in (path, str(path), path.read_bytes()):
            with Model.load(source) as again:
                np.testing.assert_array_equal(again.embed(picture), want)
                self.assertEqual(again.info, info)
                self.assertEqual(again.class_names, ["a", "b", "c", "d", "é"])
        again = Model.from_checkpoint((support.TOYS / "cgd_sg.pth").read_bytes(), input_size=(32, 32))
        np.testing.assert_array_equal(again.embed(picture), want)

    def test_what_it_is(self):
        model = support.toy(store="float16", mean=[0.5, 0.5, 0.5], resize="letterbox", apply_exif=True)
        info = model.info
        self.assertEqual((info.descriptor_dim, info.num_classes, info.input_width, info.descriptors), (12, 5, 32, "SG"))
        self.assertIn("letterbox", info.preprocessing)
        self.assertEqual(model.dim, 12)
        self.assertEqual(len(info.fingerprint), 64)
        self.assertIn(info.fingerprint[:16], repr(model))
        self.assertIsNone(model.class_name(0))
        self.assertIn("conv", model.dump())
        layers = model.profile(1)
        self.assertGreater(len(layers), 10)
        self.assertGreater(layers[0].milliseconds, 0)
        self.assertAlmostEqual(sum(layer.macs for layer in layers), info.macs)

    def test_executors_and_runtimes(self):
        lines = []
        with Runtime(threads=2, log=lambda level, line: lines.append((level, line)), log_level=20) as runtime:
            model = support.toy(runtime=runtime, executor="reference")
        self.assertEqual(model.info.executor, "reference")
        self.assertTrue(any(level == 20 and "steps" in line for level, line in lines), lines)
        picture = support.pixels()
        np.testing.assert_allclose(model.embed(picture), support.toy().embed(picture), atol=1e-5)  # sums in another order
        self.assertGreaterEqual(libretrieve.cpu_info().processors, 1)
        self.assertIn(libretrieve.version(), libretrieve.build_info())

    def test_refusals(self):
        self.refuses(TypeError, "Model.load", Model)
        missing = self.refuses(FileNotFoundError, "nothing.safetensors", Model.load, self.folder / "nothing.safetensors")
        self.assertEqual((missing.status_name, missing.os_error), ("RTV_E_IO", 2))
        self.assertEqual(missing.file, str(self.folder / "nothing.safetensors"))
        self.assertEqual(missing.filename, missing.file)
        bad = self.folder / "bad.safetensors"
        model = support.toy()
        model.save(bad)
        data = bytearray(bad.read_bytes())
        data[-1] ^= 1
        self.refuses(libretrieve.ChecksumError, "checksum", Model.load, bytes(data))
        cut = self.refuses(libretrieve.FormatError, "", Model.load, bytes(data[:100]))
        self.assertIsInstance(cut, ValueError)
        self.refuses(
            libretrieve.MismatchError, "fc.weight", Model.from_checkpoint, support.TOYS / "cgd_sg.pth", architecture="resnet_classifier"
        )
        self.refuses(ValueError, "executor: got 'gpu'", support.toy, executor="gpu")
        self.refuses(ValueError, "resize: got 'x'", support.toy, resize="x")
        self.refuses(libretrieve.InvalidArgumentError, "threads", Runtime, threads=0)


class Pictures(support.TestCase):
    def setUp(self):
        super().setUp()
        self.model = support.toy()
        self.pixels = support.pixels()
        self.want = self.model.embed(self.pixels)

    def same(self, picture):
        np.testing.assert_array_equal(self.model.embed(picture), self.want)

    def test_all_kinds_are_one_picture(self):
        data = png(self.pixels)
        path = self.folder / "é.png"
        path.write_bytes(data)
        for picture in (path, str(path), data, bytearray(data), memoryview(data), self.pixels, [self.pixels], (path,), self.pixels[None]):
            self.same(picture)
        self.same(np.asarray(str(path)).reshape(1))
        self.same(self.model.preprocess(path))
        self.assertEqual(self.model.embed([path, data, self.pixels]).shape, (3, 12))

    def test_orders_of_channels(self):
        rgba = np.dstack([self.pixels, np.full((40, 50), 9, np.uint8)])
        self.same(rgba)
        self.same(Pixels(np.ascontiguousarray(self.pixels[:, :, ::-1])))
        self.same(Pixels(np.ascontiguousarray(rgba[:, :, [2, 1, 0, 3]]), "bgra"))
        gray = self.pixels[:, :, 0].copy()
        want = self.model.embed(np.repeat(gray[:, :, None], 3, axis=2))
        for picture in (gray, gray[:, :, None], Pixels(gray, "gray")):
            np.testing.assert_array_equal(self.model.embed(picture), want)
        self.refuses(ValueError, "order: got 'gbr'", Pixels, gray, "gbr")
        self.refuses(ValueError, "channels: got 1, expected 3", self.model.embed, Pixels(gray, "bgr"))

    def test_rows_may_have_gaps_and_go_backwards(self):
        wide = np.zeros((40, 70, 3), np.uint8)
        wide[:, 10:60] = self.pixels
        self.same(wide[:, 10:60])
        self.same(np.ascontiguousarray(self.pixels[::-1])[::-1])

    def test_refused_arrays(self):
        embed = self.model.embed
        self.refuses(TypeError, "dtype: got float64, expected uint8", embed, self.pixels.astype(float))
        self.refuses(ValueError, "within a row", embed, self.pixels[:, :, ::-1])
        self.refuses(ValueError, "within a row", embed, self.pixels[:, ::2])
        self.refuses(ValueError, "shape: got (40, 50, 2)", embed, self.pixels[:, :, :2])
        self.refuses(ValueError, "shape", embed, np.zeros((0, 5, 3), np.uint8))
        self.refuses(ValueError, "shape: got (4,)", embed, np.zeros(4, np.uint8))
        self.refuses(ValueError, "C-contiguous", embed, self.model.preprocess(self.pixels)[:, ::-1])
        self.refuses(libretrieve.MismatchError, "", embed, np.zeros((3, 31, 32), np.float32))
        error = self.refuses(ValueError, "picture 1: pixels", embed, [self.pixels, self.pixels[:, ::2]])
        self.assertEqual(error.status_name, "RTV_E_INVALID_ARGUMENT")
        self.refuses(TypeError, "not int", embed, 3)
        self.refuses(TypeError, "not NoneType", embed, [None])

    def test_paths_that_are_none(self):
        self.refuses(ValueError, "null byte", self.model.embed, "a\0b")
        self.refuses(FileNotFoundError, "cannot open", self.model.embed, "not utf-8: \udcff")
        name = self.folder / "\udcff.png"
        try:
            name.write_bytes(png(self.pixels))
        except OSError:
            self.skipTest("the file system takes UTF-8 names only")
        self.same(name)

    def test_one_bad_picture_fails_alone(self):
        found = self.model.describe([self.pixels, "missing.png", b"no picture", self.pixels])
        self.assertEqual(found.ok.tolist(), [True, False, False, True])
        np.testing.assert_array_equal(found.descriptors[3], self.want[0])
        self.assertFalse(found.descriptors[1].any())
        self.assertEqual(found.classes[1], -1)
        self.assertIn(found.classes[0], range(5))
        self.assertGreater(found.class_scores[0], 0)
        self.assertEqual((found.errors[1].index, found.errors[1].file), (1, "missing.png"))
        self.assertIsInstance(found.errors[2], libretrieve.UnsupportedError)
        error = self.refuses(libretrieve.FileError, "missing.png", self.model.embed, [self.pixels, "missing.png"])
        self.assertEqual(error.index, 1)

    def test_none_and_many(self):
        self.assertEqual(self.model.embed([]).shape, (0, 12))
        seen, again = [], []
        many = self.model.embed((self.pixels for _ in range(520)), progress=lambda done, total: seen.append((done, total)))
        self.assertEqual(many.shape, (520, 12))
        self.assertTrue((many == self.want).all())
        self.assertEqual(seen[-1], (520, None))
        self.model.embed([self.pixels] * 520, mode="throughput", progress=lambda *now: again.append(now))
        self.assertEqual(again[-1], (520, 520))
        self.assertEqual(sorted(seen), seen)
        self.assertEqual(sorted(again), again)

    def test_pil_images(self):
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("Pillow is not installed (Debian package python3-pil)")
        image = Image.fromarray(self.pixels)
        self.same(image)
        self.same(image.convert("RGBA"))
        gray = image.convert("L")
        np.testing.assert_array_equal(self.model.embed(gray), self.model.embed(gray.convert("RGB")))
        palette = image.convert("P")
        np.testing.assert_array_equal(self.model.embed([palette]), self.model.embed(palette.convert("RGB")))

    def test_tensors_of_others_need_no_copy(self):
        class Tensor:  # as much of PyTorch's as is asked for
            def __init__(self, array):
                self.array = array

            def __array__(self, dtype=None, copy=None):
                return self.array

        values = self.model.preprocess(self.pixels)
        self.same(Tensor(values))
        self.same(Tensor(values[None]))


class Callbacks(support.TestCase):
    def test_progress_may_raise(self):
        model = support.toy()

        def stop(done, total):
            raise KeyError("enough")

        for mode in ("latency", "throughput"):
            self.refuses(KeyError, "enough", model.embed, [support.pixels()] * 40, progress=stop, mode=mode)
        self.refuses(TypeError, "progress", model.embed, [], progress=3)
        self.refuses(ValueError, "mode: got 'fast'", model.embed, support.pixels(), mode="fast")

    def test_keyboard_interrupt_comes_through(self):
        def interrupt(done, total):
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            support.toy().embed([support.pixels()] * 9, progress=interrupt)

    def test_bars_like_tqdms(self):
        class Bar:
            made = []

            def __init__(self, total=None):
                self.n, self.total, self.closed = 0, total, False
                self.made.append(self)

            def update(self, n):
                self.n += n

            def refresh(self):
                pass

            def close(self):
                self.closed = True

        model = support.toy()
        bar = Bar()
        model.embed([support.pixels()] * 7, progress=bar)
        self.assertEqual((bar.n, bar.total, bar.closed), (7, 7, False))
        model.embed([support.pixels()] * 7, progress=Bar)
        self.assertEqual((Bar.made[1].n, Bar.made[1].total, Bar.made[1].closed), (7, 7, True))

    def test_decoders(self):
        own = support.pixels()

        def decode(data):
            if data == b"own format":
                return own
            if data == b"shape":
                return own[0]
            if data == b"raise":
                raise KeyError("decoder")
            return None

        model = support.toy(decode=decode)
        np.testing.assert_array_equal(model.embed([b"own format"] * 9), np.repeat(model.embed(own), 9, axis=0))
        self.refuses(libretrieve.UnsupportedError, "", model.embed, b"other")
        error = self.refuses(libretrieve.CallbackError, "", model.embed, b"raise")
        self.assertIsInstance(error.__cause__, KeyError)
        error = self.refuses(libretrieve.CallbackError, "", model.embed, b"shape")
        self.assertIn("expected uint8 (height, width, 3)", str(error.__cause__))


class Closing(support.TestCase):
    def test_closed_models(self):
        with support.toy() as model:
            self.assertFalse(model.closed)
        self.assertTrue(model.closed)
        model.close()
        self.assertEqual(repr(model), "<Model, closed>")
        for use in (lambda: model.embed([]), lambda: model.info, lambda: model.save("x"), lambda: model.class_name(0)):
            self.refuses(libretrieve.ClosedError, "Model is closed", use)

    def test_closing_while_a_call_runs(self):
        model = support.toy()
        want = model.embed(support.pixels())
        found = model.embed([support.pixels()] * 600, progress=lambda done, total: model.close())  # two parts
        self.assertTrue((found == want).all())


if __name__ == "__main__":
    unittest.main()
