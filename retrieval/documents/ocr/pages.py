"""Which pages of a PDF are pictures of text, and how they are shown to the program that reads them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from retrieval.documents.ocr.layout import ReadPage, laid_out
from retrieval.documents.ocr.tesseract import missing, seen_in
from retrieval.types import UnreadableDocument

DOTS = 300
_MOST_PIXELS = 40_000_000
_COVERS = 0.5  # of the page: a picture that is the page itself, whatever is stamped onto it
_FEW = 15  # words of such a stamp
_PATHS = 50  # letters drawn as outlines
MOST_S = 420.0  # of one file; what is left then is named
_IMAGE, _PATH = 3, 2


@dataclass
class Scanner:
    """Reads the pages of one file that hold no text. unread: pages for which there was no program or no time left."""

    sure: dict[int, int] = field(default_factory=dict)
    unread: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    spent: float = 0.0
    late: bool = False

    def read(self, page: Any, number: int, words: int) -> ReadPage | None:
        """The page (pypdfium2's) as read; None where it is no picture, or could not be read. words: it holds as text."""
        if not is_picture(page, words):
            return None
        self.late = self.late or self.spent > MOST_S
        if self.late or missing():
            self.unread.append(number)
            return None
        start = time.monotonic()
        try:
            content, dots = _shown(page)
            (picture,) = seen_in(content, dots=dots)[:1]
        except (UnreadableDocument, ValueError):
            self.failed.append(number)
            return None
        finally:
            self.spent += time.monotonic() - start
        found = laid_out(picture, number, dots)
        if found.lines:
            self.sure[number] = found.sure
        return found


def is_picture(page: Any, words: int) -> bool:
    """A page without text that shows something, or one that a picture covers and that has a stamp's few words."""
    import pypdfium2.raw as pdfium

    if words > _FEW:
        return False
    width, height = page.get_size()
    paths = 0
    covered = 0.0
    for one in page.get_objects(max_depth=4):
        if one.type == _IMAGE:
            left, bottom, right, top = one.get_bounds()
            covered += max(0.0, right - left) * max(0.0, top - bottom)
        paths += one.type == pdfium.FPDF_PAGEOBJ_PATH
    if words:
        return bool(covered > _COVERS * width * height)
    return bool(covered > 0.01 * width * height or paths > _PATHS)


def _shown(page: Any) -> tuple[bytes, int]:
    """The page as a grey picture (PGM), and its dots an inch."""
    width, height = page.get_size()
    dots = DOTS
    while dots > 72 and width * height * (dots / 72) ** 2 > _MOST_PIXELS:
        dots //= 2
    bitmap = page.render(scale=dots / 72, grayscale=True)
    try:
        pixels = bitmap.to_numpy()
        pixels = pixels[:, :, 0] if pixels.ndim == 3 else pixels
        head = f"P5 {pixels.shape[1]} {pixels.shape[0]} 255\n".encode()
        return head + pixels.tobytes(), dots
    finally:
        bitmap.close()
