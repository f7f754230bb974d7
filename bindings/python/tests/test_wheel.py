"""The wheel: built from this build, installed into a folder, and used from there by an interpreter that knows nothing of the sources."""

import os
import subprocess
import sys
import unittest
import zipfile
from pathlib import Path

import support

USE = """
import sys
import numpy as np
import libretrieve
model = libretrieve.Model.from_checkpoint(sys.argv[1], input_size=(32, 32))
index = libretrieve.Index.create(model)
index.add(None, model.embed(sys.argv[2]), keys=["picture"])
print(libretrieve.__file__, libretrieve.Searcher(model, index).search(sys.argv[2], 1).keys[0][0])
"""


@unittest.skipIf(support.SANITIZED, "a wheel is not made from a build with sanitizers")
class Wheel(support.TestCase):
    def run_python(self, *arguments, **variables):
        keep = ("PATH", "HOME", "LANG", "OMP_WAIT_POLICY")
        environment = {name: os.environ[name] for name in keep if name in os.environ}
        run = subprocess.run(
            [sys.executable, *arguments], env={**environment, **variables}, cwd=self.folder, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.assertEqual(run.returncode, 0, run.stdout)
        return run.stdout

    def test_is_built_installed_and_used(self):
        backend = "import build_backend, sys; print(build_backend.build_wheel(sys.argv[1], {'build-dir': sys.argv[2]}))"
        source = str(support.TOP / "bindings/python")
        built = self.run_python(
            "-c", backend, str(self.folder), os.environ["RTV_BUILD_DIR"], PYTHONPATH=source, PYTHONDONTWRITEBYTECODE="1"
        )
        wheel = self.folder / built.split()[-1]
        names = zipfile.ZipFile(wheel).namelist()
        self.assertIn("libretrieve/lib/libretrieve.so", names)
        self.assertIn("libretrieve/py.typed", names)
        self.assertTrue(any("libjpeg.so" in name for name in names), names)
        self.assertFalse(any("libdnnl" in name or "libc.so" in name for name in names), names)

        target = self.folder / "site"
        try:
            import pip  # noqa: F401

            self.run_python(
                "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-index", "--no-deps", f"--target={target}", str(wheel)
            )
        except ImportError:
            zipfile.ZipFile(wheel).extractall(target)
        onednn = Path(os.environ["RTV_ONEDNN_FOLDER"]) / "libdnnl.so.3"
        if onednn.exists():  # where pip would put it with --target
            (target / "lib").mkdir(exist_ok=True)
            (target / "lib/libdnnl.so.3").symlink_to(onednn)
        picture = support.pictures("ant")[0]
        out = self.run_python("-c", USE, str(support.TOYS / "cgd_sg.pth"), picture, PYTHONPATH=str(target))
        self.assertEqual(out.split(), [str(target / "libretrieve/__init__.py"), "picture"])


if __name__ == "__main__":
    unittest.main()
