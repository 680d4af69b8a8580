"""What was filled into the fields of a PDF's form: each value with the name that the form gives its field.

A value also stands on the page, where its label is printed; a field without a label has its name here alone.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_MOST = 2_000  # fields of one page
# What tools call a field that nobody named: "f1_02[0]", "Text7", "Check Box 12", "undefined_3".
_NAMELESS = re.compile(
    r"(?:[a-z]{0,2}|text ?(?:field|box|feld)?|field|feld|fill|check ?box|kontrollkästchen|combo ?box|drop ?down|list ?box"
    r"|radio ?button|group|undefined|untitled|row|page)[\s_.-]*\d*(?:[\s_.-]\d+)*",
    re.I,
)


def filled_fields(pdf: Any, page: Any) -> Iterator[tuple[str, str]]:
    """(name, value) of each named field that holds something, in the page's order; a ticked box holds "yes" or what it
    stands for."""
    import pypdfium2.raw as pdfium

    if pdf.formenv is None:
        return
    form, seen = pdf.formenv.raw, set[tuple[str, str]]()
    for at in range(min(_MOST, pdfium.FPDFPage_GetAnnotCount(page))):
        note = pdfium.FPDFPage_GetAnnot(page, at)
        try:
            if pdfium.FPDFAnnot_GetSubtype(note) != pdfium.FPDF_ANNOT_WIDGET:
                continue
            found = _name(form, note), _value(form, note)
        finally:
            pdfium.FPDFPage_CloseAnnot(note)
        if all(found) and found not in seen:
            seen.add(found)
            yield found


def unlabelled(fields: Sequence[tuple[str, str]], lines: Sequence[str]) -> list[str]:
    """ "name: value" of the fields whose name and value do not stand in one line of the page."""
    shown = [_plain(line) for line in lines]
    return [
        f"{name}: {value}"
        for name, value in fields
        if not any(_plain(name) in line and _plain(value) in line for line in shown)
    ]


def _name(form: Any, note: Any) -> str:
    """What the form shows as its name, else its own name where a person gave it; '' else."""
    import pypdfium2.raw as pdfium

    shown = _said(pdfium.FPDFAnnot_GetFormFieldAlternateName, form, note)
    own = re.sub(r"\[\d+\]", "", _said(pdfium.FPDFAnnot_GetFormFieldName, form, note)).rpartition(".")[2]
    named = " ".join((shown or own.replace("_", " ")).split()).rstrip(" :")
    return "" if not shown and _NAMELESS.fullmatch(named) else named


def _value(form: Any, note: Any) -> str:
    import pypdfium2.raw as pdfium

    kind = pdfium.FPDFAnnot_GetFormFieldType(form, note)
    if kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
        if not pdfium.FPDFAnnot_IsChecked(form, note):
            return ""
        stands_for = _said(pdfium.FPDFAnnot_GetFormFieldExportValue, form, note)
        return "yes" if stands_for.lower() in ("", "on", "1", "true") else stands_for
    if kind in (pdfium.FPDF_FORMFIELD_TEXTFIELD, pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX):
        return " ".join(_said(pdfium.FPDFAnnot_GetFormFieldValue, form, note).split())
    return ""


def _said(ask: Callable[..., int], form: Any, note: Any) -> str:
    """What PDFium writes as UTF-16 into a buffer of the size that it asks for, with two bytes at the end."""
    size = ask(form, note, None, 0)
    if size <= 2:
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    ask(form, note, buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", "replace")


def _plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
