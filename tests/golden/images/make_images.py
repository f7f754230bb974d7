"""Makes the pictures of this folder and what Pillow makes of them.

    python3 make_images.py [DATA]

Needs Pillow 13.0.0 (its resize rounds differently before), NumPy, PyTorch and cjpeg (libjpeg-turbo). Writes *.jpg and *.png, and
  images.txt   NAME WIDTH HEIGHT CRC           convert("RGB"): CRC-32 of the pixels
  upright.txt  NAME WIDTH HEIGHT CRC           the same after ImageOps.exif_transpose
  resize.txt   IN_W IN_H OUT_W OUT_H CRC       resize(BILINEAR) of pattern(IN_W, IN_H)
  draft.txt    NAME OUT_W OUT_H WIDTH HEIGHT CRC  convert("RGB") after draft("RGB", (2 * OUT_W, 2 * OUT_H))
  input.txt    IN_W IN_H KIND SHORTER OUT_W OUT_H CRC_PIXELS CRC_VALUES  pattern(IN_W, IN_H) squashed, cropped or letterboxed, and normalised
and with DATA, the folder that has caltech101/,
  caltech.txt  CLASS FILES CRC160 CRC224       resize(BILINEAR) to 160x160 and 224x224 of a class's files in order, one CRC-32 over all of them
"""
import io
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import torch
from PIL import Image, ImageOps

FOLDER = os.path.dirname(os.path.abspath(__file__))


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def pattern(width, height):
    """The test computes the same."""
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    return ((x * x * 3 + y * 7 + x * y // 5 + c * 85 + (x // 9 + y // 7) % 2 * 90) % 256).astype(np.uint8)


def photo(width, height, channels=3, seed=1):
    """Smooth with some noise, so that JPEG keeps most of it."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin(x / 5 + y / 9), 127 + 120 * np.cos(x / 7 - y / 4), 127 + 120 * np.sin(x / 3), 127 + 100 * np.cos(y / 5 + x / 11)]
    noise = np.random.default_rng(seed).normal(0, 12, (height, width, channels))
    return np.clip(np.stack(waves[:channels], -1) + noise, 0, 255).astype(np.uint8)


def write(name, data):
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(data)


def jpeg(array, *options):
    height, width = array.shape[:2]
    return subprocess.run(["cjpeg", *options], input=b"P6\n%d %d\n255\n" % (width, height) + array.tobytes(), capture_output=True, check=True).stdout


def cmyk_jpeg(array, **options):
    out = io.BytesIO()
    Image.fromarray(array, "CMYK").save(out, "JPEG", quality=80, **options)
    return out.getvalue()


def without_adobe(data):
    at = data.index(b"Adobe") - 4
    return data[:at] + data[at + 16 :]


def with_transform(data, transform):
    at = data.index(b"Adobe") + 11
    return data[:at] + bytes([transform]) + data[at + 1 :]


def exif(orientation, big_endian):
    order = ">" if big_endian else "<"
    entries = [(0x010F, 2, 4, b"abc\0"), (0x0112, 3, 1, struct.pack(order + "HH", orientation, 0))]
    body = struct.pack(order + "H", len(entries)) + b"".join(struct.pack(order + "HHI", *e[:3]) + e[3] for e in entries) + bytes(4)
    return (b"MM" if big_endian else b"II") + struct.pack(order + "HI", 42, 8) + body


def with_exif(data, tiff):
    segment = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]


def make_jpegs():
    base = photo(37, 29)
    for name, options in {
        "444": ["-sample", "1x1"],
        "422": ["-sample", "2x1"],
        "420": ["-sample", "2x2"],
        "411": ["-sample", "4x1"],
        "440": ["-sample", "1x2"],
        "441": ["-sample", "1x4"],
        "410": ["-sample", "4x2"],
        "mixed": ["-sample", "2x2,1x2,2x1"],
        "gray": ["-grayscale"],
        "gray_2x2": ["-grayscale", "-sample", "2x2"],
        "rgb": ["-rgb"],
        "progressive_420": ["-progressive", "-sample", "2x2"],
        "progressive_440": ["-progressive", "-sample", "1x2"],
        "progressive_gray": ["-progressive", "-grayscale"],
        "restart": ["-restart", "1", "-sample", "2x2"],
        "restart_progressive": ["-restart", "2B", "-progressive"],
        "arithmetic": ["-arithmetic"],
        "low_quality": ["-quality", "3"],
        "best_quality": ["-quality", "100", "-sample", "1x1"],
    }.items():
        write(name + ".jpg", jpeg(base, *options))
    write("one.jpg", jpeg(photo(1, 1)))
    write("tall.jpg", jpeg(photo(1, 300)))
    write("wide.jpg", jpeg(photo(300, 1)))
    inks = photo(37, 29, 4)
    write("cmyk.jpg", cmyk_jpeg(inks))
    write("cmyk_progressive.jpg", cmyk_jpeg(inks, progressive=True))
    write("cmyk_no_marker.jpg", without_adobe(cmyk_jpeg(inks)))
    write("ycck.jpg", with_transform(cmyk_jpeg(inks), 2))
    for orientation in range(1, 9):
        write(f"exif_{orientation}.jpg", with_exif(jpeg(photo(20, 12)), exif(orientation, orientation % 2 == 0)))
    write("exif_9.jpg", with_exif(jpeg(photo(20, 12)), exif(9, False)))
    write("large.jpg", jpeg(photo(161, 83), "-quality", "60"))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def pack_row(samples, depth):
    """[width * channels] samples of depth bits to bytes."""
    if depth == 16:
        return samples.astype(">u2").tobytes()
    if depth == 8:
        return samples.astype(np.uint8).tobytes()
    bits = (samples[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def rows(samples, depth):
    height = samples.shape[0] if samples.size else 0
    return b"".join(bytes([0]) + pack_row(samples[y].reshape(-1), depth) for y in range(height))


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, kind, depth, interlaced=False, extra=b"", late=b""):
    """samples [height][width][channels]; extra stands before IDAT, late after it."""
    height, width = samples.shape[:2]
    if interlaced:
        data = b"".join(rows(samples[y0::dy, x0::dx], depth) for x0, y0, dx, dy in ADAM7)
    else:
        data = rows(samples, depth)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data, 9)) + late + chunk(b"IEND", b"")


def make_pngs():
    width, height = 21, 17
    rng = np.random.default_rng(2)
    palette = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    kinds = {"gray": (0, 1, (1, 2, 4, 8, 16)), "rgb": (2, 3, (8, 16)), "palette": (3, 1, (1, 2, 4, 8)), "gray_alpha": (4, 2, (8, 16)), "rgba": (6, 4, (8, 16))}
    for name, (kind, channels, depths) in kinds.items():
        for depth in depths:
            samples = rng.integers(0, 1 << depth, (height, width, channels))
            if name == "gray" and depth == 16:
                samples[:, ::2] %= 300  # around the clip at 255
            extra = chunk(b"PLTE", palette[: 1 << depth].tobytes()) if kind == 3 else b""
            write(f"{name}_{depth}.png", png(samples, kind, depth, extra=extra))
            write(f"{name}_{depth}_interlaced.png", png(samples, kind, depth, True, extra))
    gray, rgb, index = (rng.integers(0, 256, (height, width, c)) for c in (1, 3, 1))
    gray16 = rng.integers(0, 600, (height, width, 1))
    write("gray_8_trns.png", png(gray, 0, 8, extra=chunk(b"tRNS", struct.pack(">H", gray[3, 3, 0]))))
    write("gray_16_trns.png", png(gray16, 0, 16, extra=chunk(b"tRNS", struct.pack(">H", gray16[3, 3, 0]))))
    write("gray_1_trns.png", png(gray % 2, 0, 1, extra=chunk(b"tRNS", struct.pack(">H", 1))))
    write("rgb_8_trns.png", png(rgb, 2, 8, extra=chunk(b"tRNS", struct.pack(">HHH", *rgb[2, 2]))))
    write("palette_8_trns.png", png(index, 3, 8, extra=chunk(b"PLTE", palette.tobytes()) + chunk(b"tRNS", bytes(range(0, 256, 2)))))
    write("palette_8_short.png", png(index, 3, 8, extra=chunk(b"PLTE", palette[:100].tobytes())))
    write("palette_4_short.png", png(index % 16, 3, 4, extra=chunk(b"PLTE", palette[:5].tobytes())))
    color = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"bKGD", struct.pack(">HHH", 9, 9, 9)) + chunk(b"tEXt", b"Title\0text")
    write("rgba_8_gamma.png", png(rng.integers(0, 256, (height, width, 4)), 6, 8, extra=color))
    write("one.png", png(rgb[:1, :1], 2, 8))
    write("exif_6.png", png(rgb, 2, 8, extra=chunk(b"eXIf", exif(6, True))))
    write("exif_5_late.png", png(rgb, 2, 8, late=chunk(b"eXIf", exif(5, False))))


def expect_images():
    names = sorted(n for n in os.listdir(FOLDER) if n.endswith((".jpg", ".png")))
    with open(os.path.join(FOLDER, "images.txt"), "w") as images, open(os.path.join(FOLDER, "upright.txt"), "w") as upright:
        for name in names:
            image = Image.open(os.path.join(FOLDER, name))
            turned = ImageOps.exif_transpose(image).convert("RGB")
            for out, picture in ((images, Image.open(os.path.join(FOLDER, name)).convert("RGB")), (upright, turned)):
                print(name, *picture.size, crc(np.asarray(picture)), file=out)


def expect_resizes():
    sizes = [(37, 29, 11, 13), (37, 29, 37, 13), (37, 29, 11, 29), (37, 29, 37, 29), (5, 3, 64, 47), (1, 1, 9, 7), (1, 200, 8, 8), (200, 1, 8, 8)]
    sizes += [(1, 20000, 16, 16), (20000, 1, 16, 16), (3, 301, 2, 300), (3, 300, 9, 8), (3, 900, 9, 8), (10, 1000, 3, 50), (640, 480, 160, 160)]
    # on both sides of Pillow 13's rule for the order of the passes: 2 * (in_w - out_w) against in_h - out_h
    sizes += [(60, 101, 40, 60), (60, 100, 40, 60), (60, 99, 40, 60), (300, 200, 160, 160), (200, 300, 160, 160), (199, 301, 224, 224)]
    sizes += [(2000, 31, 7, 5), (1023, 767, 224, 224), (64, 64, 63, 65), (65, 63, 1, 1), (33, 2, 31, 3), (2, 33, 3, 31)]
    with open(os.path.join(FOLDER, "resize.txt"), "w") as out:
        for in_w, in_h, out_w, out_h in sizes:
            result = Image.fromarray(pattern(in_w, in_h)).resize((out_w, out_h), Image.BILINEAR)
            print(in_w, in_h, out_w, out_h, crc(np.asarray(result)), file=out)


def expect_drafts():
    with open(os.path.join(FOLDER, "draft.txt"), "w") as out:
        for name in ("large.jpg", "440.jpg", "411.jpg", "gray.jpg", "ycck.jpg", "progressive_420.jpg"):
            for target in ((1, 1), (3, 2), (5, 4), (8, 8), (10, 5), (20, 10), (40, 20), (41, 21)):
                image = Image.open(os.path.join(FOLDER, name))
                image.draft("RGB", (2 * target[0], 2 * target[1]))
                image = image.convert("RGB")
                print(name, *target, *image.size, crc(np.asarray(image)), file=out)


def resize_shorter(image, size):
    """torchvision.transforms.functional.resize(image, size)"""
    width, height = image.size
    short, long = (width, height) if width <= height else (height, width)
    longer = int(size * long / short)
    return image.resize((size, longer) if width <= height else (longer, size), Image.BILINEAR)


def center_crop(image, width, height):
    """torchvision.transforms.functional.center_crop(image, (height, width))"""
    wide, high = max(width - image.width, 0), max(height - image.height, 0)
    image = ImageOps.expand(image, (wide // 2, high // 2, (wide + 1) // 2, (high + 1) // 2), 0)
    left, top = int(round((image.width - width) / 2.0)), int(round((image.height - height) / 2.0))
    return image.crop((left, top, left + width, top + height))


def normalize(image):
    """torchvision's to_tensor and normalize"""
    values = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return values.sub_(mean[:, None, None]).div_(std[:, None, None]).numpy()


def expect_inputs():
    shapes = [(300, 200), (200, 300), (37, 29), (29, 37), (160, 160), (1, 50), (50, 1), (500, 333), (333, 500), (101, 100), (64, 200)]
    with open(os.path.join(FOLDER, "input.txt"), "w") as out:
        for in_w, in_h in shapes:
            image = Image.fromarray(pattern(in_w, in_h))
            for width, height in ((160, 160), (32, 24), (25, 31)):
                results = [("squash", 0, image.resize((width, height), Image.BILINEAR))]
                for shorter in (max(width, height) * 256 // 224, 20):
                    results.append(("crop", shorter, center_crop(resize_shorter(image, shorter), width, height)))
                if min(ImageOps.contain(image, (width, height)).size) > 0:  # else ImageOps.pad leaves the picture out
                    results.append(("letterbox", 0, ImageOps.pad(image, (width, height), Image.BILINEAR, (114, 114, 114))))
                for kind, shorter, result in results:
                    assert result.size == (width, height)
                    print(in_w, in_h, kind, shorter, width, height, crc(np.asarray(result)), crc(normalize(result)), file=out)


def expect_caltech(data):
    root = os.path.join(data, "caltech101")
    with open(os.path.join(FOLDER, "caltech.txt"), "w") as out:
        for name in sorted(os.listdir(root)):
            files = sorted(f for f in os.listdir(os.path.join(root, name)) if f.endswith(".jpg"))
            sums = [0, 0]
            for file in files:
                image = Image.open(os.path.join(root, name, file)).convert("RGB")
                for i, size in enumerate((160, 224)):
                    sums[i] = zlib.crc32(image.resize((size, size), Image.BILINEAR).tobytes(), sums[i])
            print(name, len(files), *sums, file=out)


if __name__ == "__main__":
    make_jpegs()
    make_pngs()
    expect_images()
    expect_resizes()
    expect_drafts()
    expect_inputs()
    if len(sys.argv) > 1:
        expect_caltech(sys.argv[1])
