"""examples/nearest.py, which is also the program in the READMEs."""

import re
import subprocess
import sys
import unittest

import support

from libretrieve import Index, Searcher

EXAMPLE = support.TOP / "examples/nearest.py"


class Example(support.TestCase):
    def test_runs(self):
        model = support.toy()
        model.save(self.folder / "toy.safetensors")
        index = Index.create(model)
        paths = support.pictures("ant", "key")
        Searcher(model, index).add(paths)
        index.save(self.folder / "pictures.rtvx")
        files = [str(self.folder / "toy.safetensors"), str(self.folder / "pictures.rtvx"), paths[2]]
        run = subprocess.run([sys.executable, str(EXAMPLE), *files], stdout=subprocess.PIPE, text=True, check=True)
        lines = run.stdout.splitlines()
        self.assertEqual(len(lines), 10)
        self.assertEqual(lines[0], f"1.0000  {paths[2]}")

    def test_is_the_readmes(self):
        program = EXAMPLE.read_text().split('"""\n\n', 1)[1]
        for readme in (support.TOP / "README.md", support.TOP / "bindings/python/README.md"):
            first = re.findall(r"```python\n(.*?)```", readme.read_text(), re.S)[0]
            self.assertEqual(first, program, readme)


if __name__ == "__main__":
    unittest.main()
