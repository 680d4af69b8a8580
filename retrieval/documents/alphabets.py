"""Languages of the Latin alphabet: the letters beside a to z that each one has, and its commonest words.

A code page that is not the text's own turns letters into such as no language has side by side: "pøíští" (Czech, read as
windows-1252) is neither Danish nor French.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WESTERN = ("cp1252", "cp850", "mac_roman")
_CENTRAL = ("cp1250", "iso8859_2", "cp852", "mac_latin2")
_TURKISH = ("cp1254", "cp857")
_BALTIC = ("cp1257", "iso8859_4")
_ROWS = (
    (_WESTERN, "äöüß", "der die und das in den von mit ist für nicht auf ein eine zu im des sich werden oder"),
    (_WESTERN, "àâæçéèêëîïôœùûüÿ", "le la les de des et en un une du est pour que dans sur par au à qui pas"),
    (_WESTERN, "áéíñóúüªº", "el la los las de y en un una que por con para es del se al no su más"),
    (_WESTERN, "áâãàçéêíóôõúüªº", "o a os as de e em um uma que por com para é do da no na não se"),
    (_WESTERN, "àèéìíîòóùú", "il la le di e in un una che per con del della è non si da al sono come"),
    (_WESTERN, "àçèéíïòóúü·", "el la els les de i en un una que per amb és del al no es són com més"),
    (_WESTERN, "áèéëïíóöüú", "de het een en van in is op te dat voor met zijn niet aan er door naar bij of"),
    (_WESTERN, "åäöé", "och i att det som en på är av för med den till inte har om ett ja on ei se että oli hän mutta kun"),
    (_WESTERN, "æøåéòóôü", "og i at det som en på er av af for med den til ikke har om et ble blev"),
    (_WESTERN, "áéíóúýðþæö", "og í að á er sem til um það við en með ekki var af fyrir hann eru frá þess"),
    (_CENTRAL, "ąćęłńóśźż", "i w na z do się nie jest że o od za po przez oraz dla co jak to są"),
    (_CENTRAL, "áčďéěíňóřšťúůýž", "a v na je se že s z do o k i po ve za od pro jak by to"),
    (_CENTRAL, "áäčďéíĺľňóôŕšťúýž", "a v na je sa že s z do o k aj po vo za od pre ako by to"),
    (_CENTRAL, "áéíóöőúüű", "a az és hogy nem is egy meg van volt de ha csak el ez még már vagy lesz mint"),
    (_CENTRAL, "čćđšž", "i u na je se da za od su s o ne in v po ki so pri kako bi"),
    (_CENTRAL, "ăâîşţșțé", "și şi de în la a cu o un pe că din nu este mai care pentru sunt al ce"),
    (_TURKISH, "çğıİöşüâîû", "ve bir bu da de için ile olarak çok daha ne gibi en olan sonra kadar var ki o mi"),
    (_BALTIC, "ąčęėįšųūž", "ir yra kad su į iš o bet tai kaip ar jo už nuo apie per savo jis buvo dėl"),
    (_BALTIC, "āčēģīķļņšūž", "un ir no ar par uz ka kas kā bet vai to lai viņš pie es tas pēc būs līdz"),
    (("cp1257", "cp1252"), "äõöüšž", "ja on ei et see ka oma mis kui oli aga ta või kes nii selle ning seda ma veel"),
    (("cp1258",), "ăâđêôơưàáãèéìíòóùúýõ\u0300\u0301\u0303\u0309\u0323", "là và của có cho không các một trong được ở"),
)
# What every language uses beside letters.
_SIGNS = frozenset(
    "\u00a0\u2013\u2014\u2018\u2019\u201a\u201c\u201d\u201e\u2026\u2039\u203a€£§°«»©®™•·±×½¼¾²³µ¿¡%‰†ªº\u00ad"
)
_WORD = re.compile(r"[^\W\d_]+")
_CAPITALS = "".join(sorted({c for _, letters, _ in _ROWS for c in letters.upper() if c.isupper()}))
_LETTER = r"[^\W\d_]"
# What stands in no word: a sign in the middle (but an apostrophe) or before it, a capital between small letters.
_NO_WORD = re.compile(
    rf"(?<={_LETTER})[^\w\s\x00-\x7f\u0300-\u036f\u2018\u2019\u00ad](?={_LETTER})|(?<=[a-z])[ªº{_CAPITALS}](?=[a-z])"
    rf"|[©®¹²³±×¤¦¨¸](?={_LETTER})"
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
EXPLAINED = 0.97
"""So many of the letters beside a to z must be a language's own: a text may hold a foreign name."""


@dataclass(frozen=True)
class Language:
    pages: tuple[str, ...]
    letters: frozenset[str]
    words: frozenset[str]


LANGUAGES = tuple(
    Language(pages, frozenset(letters + letters.upper()), frozenset(words.split())) for pages, letters, words in _ROWS
)
PAGES = tuple(dict.fromkeys(page for language in LANGUAGES for page in language.pages))


def spoken(text: str, page: str) -> float | None:
    """How well the text reads in a language that is written in this code page: the share of its words that are among the
    commonest of that language. None where no language explains the letters."""
    if _CONTROL.search(text):
        return None
    beside = [c for c in text if not c.isascii() and c not in _SIGNS]
    inside = len(_NO_WORD.findall(text))
    if not beside and not inside:
        return None
    words = _WORD.findall(text.lower())
    return max(
        (
            sum(word in language.words for word in words) / max(len(words), 1)
            for language in _written_in(page)
            if sum(c in language.letters for c in beside) >= EXPLAINED * (len(beside) + inside)
        ),
        default=None,
    )


def _written_in(page: str) -> Iterator[Language]:
    return (language for language in LANGUAGES if page in language.pages)
