"""Runs one test file: run.py test_x.py. Exit status 77 and a line say what is missing when nothing could be run."""

import sys
import unittest
from pathlib import Path


def main() -> int:
    try:
        import numpy  # noqa: F401
    except ImportError:
        print("skipped: NumPy is not installed for this python3 (Debian package python3-numpy)")
        return 77
    path = Path(sys.argv[1])
    sys.path.insert(0, str(path.parent))
    program = unittest.main(module=path.stem, argv=[path.stem, *sys.argv[2:]], exit=False, verbosity=1)
    for test, why in program.result.skipped:
        print(f"skipped: {str(test).split()[0]}: {why}")
    sys.stdout.flush()
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
