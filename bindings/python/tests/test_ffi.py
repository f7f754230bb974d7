"""The table for ctypes against the headers and the compiler."""

import ast
import ctypes
import os
import subprocess
import sys
import unittest

import support

from libretrieve import _ffi, _library

PACKAGE = support.TOP / "bindings/python/src/libretrieve"


class Table(support.TestCase):
    def test_is_what_the_headers_say(self):
        script = support.TOP / "bindings/python/make_ffi.py"
        run = subprocess.run([sys.executable, str(script), "--check"], stderr=subprocess.PIPE, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_sizes_and_offsets_are_the_compilers(self):
        """A C program prints them all."""
        places = [
            (struct.__name__, field, getattr(struct, field).offset, getattr(struct, field).size)
            for struct in _ffi.STRUCTS
            for field, *_ in struct._fields_
        ]
        lines = [f'printf("%zu %zu\\n", offsetof({s}, {f}), sizeof((({s} *)0)->{f}));' for s, f, _, _ in places]
        lines += [f'printf("%zu\\n", sizeof({struct.__name__}));' for struct in _ffi.STRUCTS]
        source = self.folder / "sizes.c"
        headers = "".join(f"#include <retrieve/{path.name}>\n" for path in sorted((support.TOP / "include/retrieve").glob("*.h")))
        source.write_text(f"{headers}#include <stddef.h>\n#include <stdio.h>\nint main(void) {{ {''.join(lines)} return 0; }}\n")
        program = self.folder / "sizes"
        compiler = os.environ.get("RTV_C_COMPILER", "cc")
        subprocess.run([compiler, f"-I{support.TOP / 'include'}", str(source), "-o", str(program)], check=True)
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        got = subprocess.run([str(program)], check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout.split()
        expected = [number for _, _, offset, size in places for number in (offset, size)]
        expected += [ctypes.sizeof(struct) for struct in _ffi.STRUCTS]
        self.assertEqual([int(number) for number in got], expected)

    def test_every_function_is_in_the_library(self):
        exports = (support.TOP / "lib/exports.txt").read_text().splitlines()
        listed = {line.split()[0] for line in exports if line.startswith("rtv_")}
        self.assertEqual(listed, set(_ffi.FUNCTIONS))
        for name in listed:
            self.assertTrue(hasattr(_library.lib, name), name)

    def test_every_status_has_a_class_of_exceptions(self):
        from libretrieve import errors

        codes = {value for name, value in vars(_ffi).items() if name.startswith("RTV_E_")}
        self.assertEqual(codes - {_ffi.RTV_E_BUFFER_TOO_SMALL}, set(errors._CLASSES))
        for code in codes:
            self.assertEqual(_library.lib.rtv_status_name(code).decode(), errors._NAMES[code])

    def test_sources_are_good_for_python_3_9(self):
        for path in sorted(PACKAGE.glob("*.py")):
            ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 9))


if __name__ == "__main__":
    unittest.main()
