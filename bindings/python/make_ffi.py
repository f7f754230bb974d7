#!/usr/bin/env python3
"""Writes src/libretrieve/_ffi.py, what ctypes has to know of the public headers: constants, structs, callbacks, functions.

Usage: make_ffi.py [--check]

The headers keep to few forms (see "the five forms" below), and whatever is in none of them is an error here, so nothing is left out
silently. --check writes nothing and fails when the committed file is not what the headers say.
"""

import re
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

HERE = Path(__file__).resolve().parent
HEADERS = HERE.parent.parent / "include" / "retrieve"
TARGET = HERE / "src" / "libretrieve" / "_ffi.py"

SCALARS = {
    "float": "c_float", "double": "c_double", "char": "c_char", "size_t": "c_size_t",
    **{f"{sign}int{bits}_t": f"c_{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip


class Table:
    """What was read so far; every part in the order of the headers."""

    def __init__(self) -> None:
        self.constants: Dict[str, int] = {}
        self.structs: Dict[str, List[Tuple[str, str]]] = {}
        self.callbacks: Dict[str, List[str]] = {}
        self.functions: Dict[str, Tuple[str, List[str]]] = {}
        self.opaque: List[str] = []
        self.order: List[str] = []  # structs and callbacks, which may use one another

    def number(self, text: str) -> int:
        text = re.sub(r"\b[A-Z]\w*", lambda name: str(self.constants[name.group()]), text)
        if not re.fullmatch(r"[-+*()\s\dxa-fA-F]+", text):
            raise ValueError(f"not a number: {text}")
        return int(eval(text))  # digits, signs and brackets only, as just checked

    def type(self, text: str) -> str:
        """The ctypes expression for a type as it stands before a name."""
        words = text.replace("*", " * ").split()
        plain = [word for word in words if word not in ("const", "struct")]
        if "*" in plain:
            return "c_char_p" if plain == ["char", "*"] else "c_void_p"
        name = " ".join(plain)
        if name == "void":
            return "None"
        if name in self.structs or name in self.callbacks:
            return name
        if name in SCALARS:
            return SCALARS[name]
        raise ValueError(f"unknown type: {text}")

    def arguments(self, text: str) -> List[str]:
        if text.strip() == "void":
            return []
        return [self.type(re.sub(r"\w+\s*$", "", argument)) for argument in text.split(",")]

    def fields(self, body: str) -> Iterator[Tuple[str, str]]:
        for declaration in filter(None, (part.strip() for part in body.split(";"))):
            pointer = re.fullmatch(r"[\w\s*]+?\(\*(\w+)\)\s*\(.*\)", declaration, re.S)
            if pointer:  # a function pointer of its own type: the allocator's
                yield pointer.group(1), "c_void_p"
                continue
            first, *others = declaration.split(",")
            match = re.fullmatch(r"(.*?)(\w+)\s*((?:\[[^]]*\])*)", first.strip(), re.S)
            if not match:
                raise ValueError(f"unknown field: {declaration}")
            base = match.group(1)
            for declarator in [match.group(2) + match.group(3), *others]:
                part = re.fullmatch(r"\s*(\**)(\w+)\s*((?:\[[^]]*\])*)\s*", declarator)
                if not part:
                    raise ValueError(f"unknown declarator: {declaration}")
                kind = self.type(base + part.group(1))
                for size in reversed(re.findall(r"\[([^]]*)\]", part.group(3))):
                    kind = f"{kind} * {self.number(size)}"
                yield part.group(2), kind


def read_header(path: Path, table: Table) -> None:
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", path.read_text(encoding="utf-8"), flags=re.S)
    text = text.replace("\\\n", " ")
    for name, value in re.findall(r"^#define (RTV_\w+) (\(?[-\dA-Z(][^\n]*)$", text, re.M):
        table.constants[name] = table.number(value.strip())
    text = re.sub(r"^#[^\n]*$", "", text, flags=re.M)
    text = text.replace('extern "C" {', "")
    position = 0
    # The five forms.
    forms = re.compile(
        r"\s*(?:enum\s*\{(?P<enum>[^}]*)\}"
        r"|typedef struct (?P<struct>\w+) \{(?P<body>[^}]*)\} \w+"
        r"|typedef struct (?P<opaque>\w+) \w+"
        r"|typedef (?P<result>[\w\s]+\**)\s*\(\*(?P<callback>\w+)\)\s*\((?P<callback_arguments>[^;]*)\)"
        r"|(?P<api>RTV_API )?(?P<type>(?!typedef)\w[\w\s]*[\s*]+?)(?P<function>rtv_\w+)\((?P<arguments>[^;]*)\))\s*;",
        re.S,
    )
    while text[position:].strip(" \n}"):
        match = forms.match(text, position)
        if not match:
            raise ValueError(f"{path.name}: unknown form: {text[position:].strip()[:80]}")
        position = match.end()
        add(match, table)


def add(match: "re.Match[str]", table: Table) -> None:
    if match["enum"]:
        for entry in filter(None, (part.strip() for part in match["enum"].split(","))):
            name, value = entry.split("=")
            table.constants[name.strip()] = table.number(value.strip())
    elif match["struct"]:
        table.structs[match["struct"]] = list(table.fields(match["body"]))
        table.order.append(match["struct"])
    elif match["opaque"]:
        table.opaque.append(match["opaque"])
    elif match["callback"]:
        table.callbacks[match["callback"]] = [table.type(match["result"]), *table.arguments(match["callback_arguments"])]
        table.order.append(match["callback"])
    elif match["api"]:  # a function that is declared but not exported yet has no RTV_API
        table.functions[match["function"]] = (table.type(match["type"]), table.arguments(match["arguments"]))


def in_order() -> List[Path]:
    """The headers, each after those that it includes."""
    done: List[Path] = []

    def visit(path: Path) -> None:
        for name in re.findall(r"^#include <retrieve/(\w+\.h)>", path.read_text(encoding="utf-8"), re.M):
            if HEADERS / name not in done and HEADERS / name != path:
                visit(HEADERS / name)
        if path not in done:
            done.append(path)

    for path in sorted(HEADERS.glob("*.h")):
        visit(path)
    return done


def write(table: Table) -> str:
    lines = [
        '"""What ctypes has to know of the public headers. Written by make_ffi.py from include/retrieve; not by hand."""',
        "",
        "from ctypes import CFUNCTYPE, Structure",
        "from ctypes import c_char, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p",
        "",
    ]
    lines += [f"{name} = {value}" for name, value in table.constants.items()]
    for name in table.order:
        if name in table.callbacks:
            lines += ["", f"{name} = CFUNCTYPE({', '.join(table.callbacks[name])})"]
            continue
        lines += ["", "", f"class {name}(Structure):", "    _fields_ = ["]
        lines += [f'        ("{field}", {kind}),' for field, kind in table.structs[name]]
        lines += ["    ]", ""]
    lines += ["", "STRUCTS = (", *(f"    {name}," for name in table.structs), ")", ""]
    lines += ["# name: result, arguments; a missing one is a function that the loaded library does not have yet", "FUNCTIONS = {"]
    for name, (result, arguments) in sorted(table.functions.items()):
        lines.append(f'    "{name}": ({result}, [{", ".join(arguments)}]),')
    lines += ["}", ""]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines))


def main() -> int:
    table = Table()
    for path in in_order():
        read_header(path, table)
    text = write(table)
    if sys.argv[1:] == ["--check"]:
        if TARGET.read_text(encoding="utf-8") == text:
            return 0
        print(f"{TARGET.name} is not what include/retrieve says; run bindings/python/make_ffi.py", file=sys.stderr)
        return 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
