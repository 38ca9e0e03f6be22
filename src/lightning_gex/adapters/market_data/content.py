"""The bytes of a file, unpacked and named, or one clear error: the door through which every reader opens files."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightning_gex.core.errors import InputError, shown

_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_EDGE_BYTES = 65_536
_UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Content:
    """What a file held, after gzip was taken off. Two are never equal: whoever keeps facts about one holds it weakly.

    Parameters
    ----------
    source : its name for messages.
    data : the bytes, never empty.
    """

    source: str
    data: bytes

    @property
    def is_parquet(self) -> bool:
        """Whether the bytes begin as a Parquet file does."""
        return self.data.startswith(_PARQUET_MAGIC)

    @property
    def edges(self) -> bytes:
        """The beginning and the end, without a mark and blanks before it: enough to tell what the whole is."""
        return self.data[:_EDGE_BYTES].removeprefix(_UTF8_MARK).lstrip() + self.data[_EDGE_BYTES:][-_EDGE_BYTES:]

    def text(self) -> str:
        """The bytes as UTF-8 text with plain line ends. Raises ``InputError`` naming the line that is not text."""
        return self.text_bytes().decode("utf-8")

    def text_bytes(self, *, both_ends: bool = False) -> bytes:
        """The bytes of UTF-8 text without a mark before it.

        Parameters
        ----------
        both_ends : leave a line end of two bytes (``\\r\\n``) as it is, for readers that take it so.

        Raises
        ------
        InputError : as ``text``.
        """
        if self.data.startswith(_UTF16_MARKS):
            raise InputError("is UTF-16 text: save it as UTF-8", source=self.source)
        data = self.data.removeprefix(_UTF8_MARK)
        if (at := data.find(b"\0")) >= 0:
            raise InputError(
                "is a binary file, not text and not Parquet", source=self.source, row=data.count(b"\n", 0, at) + 1
            )
        if not data.isascii():
            self._demand_utf8(data)
        if b"\r" not in data:
            return data
        text = np.frombuffer(data, dtype=np.uint8)
        returns = text == ord("\r")
        alone = np.count_nonzero(returns) - np.count_nonzero(returns[:-1] & (text[1:] == ord("\n")))
        if alone:
            return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data if both_ends else data.translate(None, b"\r")

    def _demand_utf8(self, data: bytes) -> None:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            row = data.count(b"\n", 0, error.start) + 1
            raise InputError(
                f"byte {data[error.start]:#04x} is not UTF-8: the file is binary or in another encoding; save as UTF-8",
                source=self.source,
                row=row,
            ) from None


def read_content(path: str | Path) -> Content:
    """The bytes of a file, unpacked where they are gzip (told by content, not by name).

    Parameters
    ----------
    path : the file.

    Raises
    ------
    InputError : it is missing, a folder, unreadable, empty, or its gzip is damaged or cut.
    """
    if not isinstance(path, str | Path):
        raise InputError(f"must name a file, not {shown(path)}", field="path")
    source = str(path)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError("there is no such file", source=source) from None
    except IsADirectoryError:
        raise InputError("is a folder; name a file in it", source=source) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL inside the path
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", source=source) from None
    return unpacked(data, source)


def unpacked(data: bytes, source: str) -> Content:
    """Bytes from anywhere as ``Content``. Raises ``InputError`` where they are empty or their gzip is cut."""
    if data.startswith(_GZIP_MAGIC):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(f"the gzip is damaged or cut ({error}): fetch the file again", source=source) from None
    if not data.strip():
        raise InputError("the file is empty", source=source)
    return Content(source, data)
