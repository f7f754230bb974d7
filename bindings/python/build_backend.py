"""Builds the wheel: PEP 517's part of it, with nothing but the standard library, CMake and a C compiler.

The wheel carries libretrieve.so and the libraries it needs, each under its own name in libretrieve/lib, but for the C library's own and
oneDNN, which comes as the wheel onednn-cpu-gomp. Settings (pip's --config-settings): build-dir=DIR takes a build of the library that is
there already; by default cmake/setup.sh prepares one in build/wheel.
"""

import base64
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
NAME = "libretrieve"
# What every Linux has (PEP 600), and oneDNN.
ELSEWHERE = re.compile(r"^(lib(c|m|pthread|dl|rt|util|gcc_s|stdc\+\+|dnnl)\.so|ld-linux|linux-vdso)")


def output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def version() -> str:
    text = (TOP / "include/retrieve/version.h").read_text()
    return ".".join(re.findall(r"#define RTV_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", text))


def requirements(library: Path) -> List[str]:
    """oneDNN in the version that the build took, and NumPy."""
    found = ["numpy>=1.21"]
    if "libdnnl" in output("ldd", str(library)):
        pins = re.findall(r"^(onednn-cpu-gomp==\S+)", (TOP / "cmake/onednn-wheels.txt").read_text(), re.M)
        found += pins
    return found


def build(settings: Optional[Dict[str, str]]) -> Path:
    """The shared library, built for the wheel: its libraries are looked for beside it."""
    given = (settings or {}).get("build-dir")
    if given:
        folder = Path(given).resolve()
    else:
        folder = TOP / "build" / "wheel"
        outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}  # pip hides itself from us by these
        subprocess.run([str(TOP / "cmake/setup.sh")], check=True, env=outside)
        options = ["-DRTV_BUILD_PROGRAM=OFF", "-DRTV_BUILD_EXAMPLES=OFF", "-DRTV_BUILD_TESTS=OFF", "-DRTV_BUILD_BENCHMARKS=OFF"]
        subprocess.run(["cmake", "--preset", "release", "-S", str(TOP), "-B", str(folder), *options], check=True, cwd=TOP)
    subprocess.run(["cmake", "--build", str(folder), "--target", "python_library"], check=True)
    return folder / "bindings" / "python" / "lib" / "libretrieve.so"


def carried(library: Path) -> Iterator[Tuple[str, Path]]:
    """(name, file) of the libraries that go along."""
    for name, path in re.findall(r"^\s*(\S+) => (/\S+)", output("ldd", str(library)), re.M):
        if not ELSEWHERE.match(name):
            yield name, Path(path).resolve()


def platform_tag(files: List[Path]) -> str:
    """manylinux with the C library that the files need at least."""
    symbols = "".join(output("objdump", "-T", str(file)) for file in files)
    newest = max((int(minor) for minor in re.findall(r"\bGLIBC_2\.(\d+)", symbols)), default=17)
    return f"manylinux_2_{max(newest, 17)}_{os.uname().machine}"


def licences(files: List[Path]) -> Iterator[Tuple[str, bytes]]:
    """The licences of what goes along, as Debian keeps them."""
    yield "LICENSE", (TOP / "LICENSE").read_bytes()
    for file in files:
        for candidate in (file, Path(re.sub("^/usr", "", str(file)))):  # a merged /usr has two names for a file
            found = subprocess.run(["dpkg", "-S", str(candidate)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            if found.returncode == 0:
                package = found.stdout.split(":")[0]
                yield f"{package}.txt", Path("/usr/share/doc", package, "copyright").read_bytes()
                break
        else:
            print(f"{NAME}: no licence found for {file}, which goes into the wheel", file=sys.stderr)


def metadata(library: Path) -> str:
    text = (HERE / "README.md").read_text(encoding="utf-8")
    project = (HERE / "pyproject.toml").read_text(encoding="utf-8")
    summary = re.findall(r'^description = "(.*)"$', project, re.M)[0]
    lines = ["Metadata-Version: 2.1", f"Name: {NAME}", f"Version: {version()}", f"Summary: {summary}", "License: Apache-2.0"]
    lines += [f"Classifier: {line}" for line in re.findall(r'^    "(.* :: .*)",$', project, re.M)]
    lines += ["Requires-Python: >=3.9", *(f"Requires-Dist: {line}" for line in requirements(library))]
    return "\n".join([*lines, "Description-Content-Type: text/markdown", "", text])


def contents(library: Path) -> Tuple[str, Dict[str, bytes]]:
    """The wheel's tag and its files."""
    libraries = dict(carried(library))
    info = f"{NAME}-{version()}.dist-info"
    tag = f"py3-none-{platform_tag([library, *libraries.values()])}"
    files = {
        f"{NAME}/{file.name}": file.read_bytes() for file in sorted((HERE / "src" / NAME).iterdir()) if file.suffix in (".py", ".typed")
    }
    files[f"{NAME}/lib/{library.name}"] = library.read_bytes()
    files.update((f"{NAME}/lib/{name}", file.read_bytes()) for name, file in libraries.items())
    files.update((f"{info}/licenses/{name}", text) for name, text in licences(list(libraries.values())))
    files[f"{info}/METADATA"] = metadata(library).encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: {NAME}\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    return tag, files


def record_line(name: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"


def build_wheel(wheel_directory: str, config_settings: Optional[Dict[str, str]] = None, metadata_directory: Optional[str] = None) -> str:
    """PEP 517. The same files give the same wheel: every entry has the same time."""
    library = build(config_settings)
    tag, files = contents(library)
    record = f"{NAME}-{version()}.dist-info/RECORD"
    files[record] = ("".join(record_line(name, data) for name, data in files.items()) + f"{record},,\n").encode()
    wheel = f"{NAME}-{version()}-{tag}.whl"
    with zipfile.ZipFile(Path(wheel_directory) / wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return wheel


def build_sdist(sdist_directory: str, config_settings: Optional[Dict[str, str]] = None) -> str:
    """PEP 517."""
    raise RuntimeError("there is no source distribution of the Python package alone: the library's sources lie above it")
