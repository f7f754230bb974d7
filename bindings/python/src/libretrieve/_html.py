"""Search results as a table of pictures, for notebooks."""

from __future__ import annotations

import base64
import html
import io
import os
import struct
import zlib
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from . import _pictures
from ._arrays import _array

if TYPE_CHECKING:
    from .results import SearchResult

_QUERIES = 20  # rows shown
_HITS = 20  # in a row
_SIDE = 96  # pixels
_WHOLE_FILE = 1 << 18  # bytes: files up to this size go into the page as they are


def _png(pixels: Any) -> bytes:
    """uint8 [height, width, 3] as a PNG file."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + width * 3), dtype=np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")


def _from_array(array: Any) -> Optional[bytes]:
    if array.dtype != np.uint8 or array.ndim not in (2, 3):
        return None
    step = max(1, max(array.shape[:2]) // (2 * _SIDE))
    pixels = array[::step, ::step]
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return _png(np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3])


def _from_pil(image: Any) -> bytes:
    small = image.convert("RGB")
    small.thumbnail((2 * _SIDE, 2 * _SIDE))
    to = io.BytesIO()
    small.save(to, "PNG")
    return to.getvalue()


def _from_file(source: Any, size: int) -> Optional[bytes]:
    if size > _WHOLE_FILE:
        try:
            from PIL import Image
        except ImportError:
            return None
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return _from_pil(image)
    if isinstance(source, bytes):
        return source
    with open(source, "rb") as file:
        return file.read()


def _small(picture: Any) -> Optional[bytes]:
    """A picture as a file for a browser; None when there is no way to make one here."""
    try:
        if isinstance(picture, (str, os.PathLike)):
            return _from_file(picture, os.path.getsize(picture))
        if isinstance(picture, (bytes, bytearray, memoryview)):
            return _from_file(bytes(picture), len(picture))
        if isinstance(picture, _pictures.Pixels):
            return _from_array(picture.as_rgb())
        if _pictures.is_pil(picture):
            return _from_pil(picture)
        return _from_array(_array(picture))
    except Exception:  # a picture that cannot be shown must not spoil the table
        return None


def _img(picture: Any, title: str) -> str:
    data = _small(picture)
    title = html.escape(title, quote=True)
    if data is None or not data.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", b"RIFF")):
        return f'<span title="{title}">&#9634;</span>'
    kind = {b"\x89": "png", b"\xff": "jpeg", b"G": "gif", b"R": "webp"}[data[:1]]
    text = base64.b64encode(data).decode("ascii")
    return f'<img style="max-width:{_SIDE}px;max-height:{_SIDE}px" title="{title}" src="data:image/{kind};base64,{text}">'


def _cell(content: str, caption: str) -> str:
    return f'<td style="text-align:center;vertical-align:top">{content}<br><small>{html.escape(caption)}</small></td>'


def _shown(text: str) -> str:
    """A text for a page: file names that are not UTF-8 have lone surrogates, which no page can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _row(result: SearchResult, query: int) -> str:
    error = result.errors[query] if result.errors else None
    picture = result.queries[query] if result.queries is not None else None
    title = _shown(_pictures.name(picture) or f"query {query}")
    cells = [_cell("" if picture is None else _img(picture, title), title[-24:])]
    if error is not None:
        cells.append(_cell("", _shown(str(error))))
    for hit in result.hits(query)[:_HITS]:
        name = result.class_name(hit.class_id) or (f"class {hit.class_id}" if hit.class_id >= 0 else "")
        key = _shown(hit.key)
        cells.append(_cell(_img(hit.key, key) if key else f"#{hit.id}", " ".join(filter(None, [f"{hit.score:.4f}", _shown(name)]))))
    return f"<tr>{''.join(cells)}</tr>"


def render(result: SearchResult) -> str:
    """The table."""
    rows = "".join(_row(result, query) for query in range(min(result.num_queries, _QUERIES)))
    more = result.num_queries - _QUERIES
    return f"<table>{rows}</table>" + (f"<p>and {more} more queries</p>" if more > 0 else "")
