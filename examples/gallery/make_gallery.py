#!/usr/bin/env python3
"""make_gallery.py - renders the example gallery and its queries from six open emoji sets.

    python3 examples/gallery/make_gallery.py [OUTPUT_FOLDER]

Fetches the sets with `npm pack`, renders the classes below with rsvg-convert at 96x96 on white and squeezes the files with optipng.
Five sets are the gallery (gallery/<class>/<set>.png), the sixth, which is drawn in a style of its own, asks the questions
(queries/<class>/<set>.png). The output folder defaults to examples/.

A class is an icon's name without "-face". The example model was trained on the classes whose name has an even SHA-256; only the others
may be here, or the example would show what the model has memorised rather than what it has learnt.
"""
import hashlib
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile

GALLERY_SETS = {  # name in the gallery: npm package
    "noto": "@iconify-json/noto@1.2.9",
    "blob": "@iconify-json/noto-v1@1.2.5",
    "twemoji": "@iconify-json/twemoji@1.2.5",
    "emojione": "@iconify-json/emojione@1.2.3",
    "fxemoji": "@iconify-json/fxemoji@1.2.2",
}
QUERY_SETS = {"fluent": "@iconify-json/fluent-emoji@1.2.7"}
CLASSES = """
    ambulance anchor ant bathtub bird blossom boar bomb books bowling bread chipmunk church cow custard dango doughnut
    dress elephant fish headphone key koala lemon lipstick melon microscope monkey motorcycle mushroom newspaper octopus oden peach
    pencil postbox pushpin rainbow ring rose sailboat saxophone seedling shortcake skull snail snake snowflake spider sushi
    telescope television tent toilet tram tulip turtle volcano watch watermelon whale wrench
""".split()
SIZE_PX = 96


def is_held_out(name):
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2 == 1


def fetch_icons(package, folder):
    """The table of icons of an npm package: by class name, {"body": SVG, "width": ..., "height": ...}."""
    packed = subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True)
    with tarfile.open(pathlib.Path(folder, packed.stdout.split()[-1])) as archive:
        table = json.load(archive.extractfile("package/icons.json"))
    size = {"width": table["width"], "height": table["height"]}
    return {name.removesuffix("-face"): size | icon for name, icon in table["icons"].items()}


def render(icon, path):
    box = f'{icon.get("left", 0)} {icon.get("top", 0)} {icon["width"]} {icon["height"]}'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box}">{icon["body"]}</svg>'
    size = str(SIZE_PX)
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["rsvg-convert", "-w", size, "-h", size, "-b", "white", "-o", path], input=svg.encode(), check=True)
    subprocess.run(["optipng", "-quiet", "-o2", "-strip", "all", path], check=True)


def main():
    output = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    trained_on = [name for name in CLASSES if not is_held_out(name)]
    if trained_on:
        sys.exit(f"classes the model was trained on: {' '.join(trained_on)}")
    for folder, sets in (("gallery", GALLERY_SETS), ("queries", QUERY_SETS)):
        for set_name, package in sets.items():
            with tempfile.TemporaryDirectory() as scratch:
                icons = fetch_icons(package, scratch)
            for name in CLASSES:
                render(icons[name], output / folder / name / f"{set_name}.png")
            print(f"{folder}: {len(CLASSES)} pictures from {package}")


if __name__ == "__main__":
    main()
