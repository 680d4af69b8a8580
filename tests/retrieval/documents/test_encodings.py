"""Texts in the code pages of many countries: read as they were written, or refused; never as mojibake."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.documents.parse import parse
from retrieval.types import UnreadableDocument

_TEXTS = {
    "pl": "Fundusz Świerk pobiera opłatę za wyjście w wysokości 0,75 % wartości. Zarząd zbiera się w marcu i we wrześniu.",
    "cs": "Fond Modřín účtuje výstupní poplatek 0,75 % z hodnoty. Představenstvo se schází v březnu a v září.",
    "hu": "A Vörösfenyő Alap kilépési díja 0,75 %. Az igazgatóság márciusban és szeptemberben ülésezik, őszintén.",
    "ru": "Фонд Лиственница взимает комиссию за выход в размере 0,75 %. Совет собирается в марте и сентябре.",
    "el": "Το ταμείο Λάριξ χρεώνει προμήθεια εξόδου 0,75 %. Το συμβούλιο συνεδριάζει τον Μάρτιο και τον Σεπτέμβριο.",
    "tr": "Karaçam Fonu yüzde 0,75 çıkış ücreti alır. Yönetim kurulu mart ve eylül aylarında toplanır, şubeler açıktır.",
    "ja": "カラマツ基金の解約手数料は0.75%です。理事会は三月と九月に開かれます。保管銀行は北港銀行です。",
    "ko": "낙엽송 펀드의 환매수수료는 0.75%입니다. 이사회는 3월과 9월에 열립니다.",
    "zh": "落叶松基金的赎回费率为0.75%，托管人为北港银行。董事会于三月和九月召开会议。",
    "he": "קרן הארזית גובה עמלת יציאה של 0.75%. הדירקטוריון מתכנס במרץ ובספטמבר.",
    "fr": "Le fonds Mélèze prélève des frais de sortie de 0,75 %. Le conseil se réunit en mars et en septembre.",
    "de": "Der Lärchenfonds erhebt eine Rücknahmegebühr von 0,75 %. Der Vorstand tagt im März und im September.",
}
_PAGES = {
    "pl": ("cp1250", "iso8859_2"),
    "cs": ("cp1250", "iso8859_2"),
    "hu": ("cp1250", "iso8859_2"),
    "ru": ("cp1251", "koi8_r", "iso8859_5", "cp866"),
    "el": ("cp1253", "iso8859_7"),
    "tr": ("cp1254", "iso8859_9"),
    "ja": ("shift_jis", "euc_jp"),
    "ko": ("cp949", "euc_kr"),
    "zh": ("gbk", "gb18030"),
    "he": ("cp1255",),
    "fr": ("cp1252", "mac_roman"),
    "de": ("cp1252", "mac_roman"),
}
_PAIRS = [(language, page) for language, pages in _PAGES.items() for page in pages]


@pytest.mark.parametrize(("language", "page"), _PAIRS)
def test_a_code_page_is_read_as_it_was_written_or_refused(tmp_path: Path, language: str, page: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\n\n".join([_TEXTS[language]] * 3).encode(page))
    try:
        parsed = parse(path)
    except UnreadableDocument as error:
        refused = str(error)
    else:
        refused = ""
        assert [block.text for block in parsed.blocks] == [_TEXTS[language]] * 3
        assert page == "cp1252" or "told by its letters alone" in parsed.notes[0]
    assert not refused or "save it as UTF-8" in refused


_COMMON = [("pl", "cp1250"), ("cs", "cp1250"), ("hu", "cp1250"), ("pl", "iso8859_2"), ("cs", "iso8859_2"), ("cs", "cp852"),
           ("tr", "cp1254"), ("ru", "cp1251"), ("ja", "shift_jis"), ("ja", "euc_jp"), ("zh", "gb18030"), ("zh", "gbk"),
           ("ko", "euc_kr"), ("fr", "mac_roman"), ("de", "cp850")]  # fmt: skip


@pytest.mark.parametrize(("language", "page"), _COMMON)
def test_the_commonest_code_pages_are_read_and_named(tmp_path: Path, language: str, page: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(_TEXTS[language].encode(page))
    parsed = parse(path)
    assert parsed.blocks[0].text == _TEXTS[language]
    assert "told by its letters alone" in parsed.notes[0]


@pytest.mark.parametrize("language", _TEXTS)
@pytest.mark.parametrize("page", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_read(tmp_path: Path, language: str, page: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(f"{_TEXTS[language]}\n\n{_TEXTS[language]}\n".encode(page))
    assert [block.text for block in parse(path).blocks] == [_TEXTS[language]] * 2


@pytest.mark.parametrize(
    "content",
    [
        _TEXTS["fr"].encode("utf-16-le")[:-1],
        b"".join(bytes([level, 0]) for level in range(1, 250)),  # small numbers of two bytes
        b"".join(bytes([level, 0, 0, 0]) for level in range(32, 120)),
        b"plain text\x00with a stray byte in it.",
        b"plain text with a tail\n\x00\x01\x02\x03",
    ],
)
def test_what_is_no_utf_16_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(UnreadableDocument, match=r"looks binary.*check its suffix"):
        parse(path)


@pytest.mark.parametrize(
    "text",
    [
        "The fund’s managers are Søren Müller and Zoë Nuñez, of Málaga and Besançon. The fee is 1 % – and the cap £9.",
        "Die Gebühr beträgt 1 %. La commission prélevée à l’échéance est de 1 %. La comisión de España es del 1 %.",
        "Þóknunin er 0,75 % af verðmæti sjóðsins og stjórnin fundar í mars. Það er gert ráð fyrir því.",
        "Avgiften är 0,75 % av värdet. Styrelsen möts i mars och i september på Åland.",
        "La araña come moscas.",
        "Aurora® funds: ½ of the fee, ©2024",
    ],
)
def test_western_texts_stay_western(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode("cp1252"))
    parsed = parse(path)
    assert (parsed.blocks[0].text, parsed.notes) == (text, ())


def test_a_list_of_names_is_read_by_the_letters_of_their_language(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_bytes("Ad;Şehir\nYılmaz Öztürk;İstanbul\nAyşe Çelik;Eskişehir\nDoğan Şahin;Muğla\n".encode("cp1254"))
    assert any("Ayşe Çelik" in block.text and "Eskişehir" in block.text for block in parse(path).blocks)


@pytest.mark.parametrize(("language", "page"), [("fr", "cp1252"), ("cs", "cp1250"), ("ja", "shift_jis"), ("ru", "cp1251")])
def test_a_page_that_declares_no_encoding_is_read_by_its_letters(tmp_path: Path, language: str, page: str) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(f"<html><body><h1>0.75</h1><p>{_TEXTS[language]}</p></body></html>".encode(page))
    assert _TEXTS[language] in [block.text for block in parse(path).blocks]
