"""Recognises work on language: translating, rewriting, summarising and composing out of what the caller gave.

Invariant: what is asked outside the given text is read as strictly as any question, so that no question for a fact rides
on a text; inside the given text names and figures do not matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.closed_book.general_notions import Setting, name_in, objection, vocabulary
from orchestrator.closed_book.request_forms import Forms, Slot, bare

_QUOTED = re.compile(r'```.+?```|"[^"]+"|(?<!\w)\'[^\n]+?\'(?!\w)', re.S)
_MARKS = tuple(re.compile(mark) for mark in (r":(?=\s)", r" [-–] ", r"\n"))
_LONGEST_WORK = 45  # words that a request for work may have outside the given text
_SHORTEST_TEXT, _SHORTEST_BEFORE = 2, 5
_TERM = 3  # words of a quotation that is a term whose meaning is asked, rather than a text
_STATEMENTS = re.compile(
    r"[.!?;]+\s+(?=\S)|\n+|,\s+(?=(?:please|kindly|could you|can you|draft|write|bitte|schreib|entwirf|verfass|formulier"
    r"|écri|rédige|pouvez|peux|por favor|escrib|redact|scriv|redig|potre|schrijf|stel|kunt|kun)\w*\b)", re.I
)  # fmt: skip
_MOST_SENTENCES = 6
_SECOND = re.compile(r"[.!?]\s+(?=\S)")
_GIVEN = "\u25a0"


@dataclass(frozen=True)
class Parts:
    """A message as the work asked for and the text to work on; `text` is empty where none is given."""

    work: str
    text: str


def parts(message: str, forms: Forms) -> Parts:
    """Divides a message: quoted text, else what follows a colon or the first line, else what stands before the last line
    or the last sentence, where what is left begins as a request for work does."""
    quoted = " ".join(found.group() for found in _QUOTED.finditer(message))
    if quoted:
        return Parts(bare(_QUOTED.sub(f" {_GIVEN} ", message).replace(_GIVEN, " ")), quoted)
    for mark in _MARKS:
        if not (end := mark.search(message)):
            continue
        work, text = message[: end.start()], message[end.end() :]
        if _begins_work(bare(work), forms) and len(text.split()) >= 1:
            return _without_rider(work, text.strip(), forms)
    before, found, work = message.rpartition("\n")
    if found and _begins_work(bare(work), forms) and len(before.split()) >= _SHORTEST_TEXT:
        return Parts(bare(work), before)
    ends = list(_SECOND.finditer(message))
    if ends and "?" not in message[ends[-1].start() :]:
        before, work = message[: ends[-1].end()].strip(), message[ends[-1].end() :]
        if _begins_work(bare(work), forms) and len(before.split()) >= _SHORTEST_BEFORE:
            return Parts(bare(work), before)
    return Parts(bare(message), "")


def _without_rider(work: str, text: str, forms: Forms) -> Parts:
    """A last paragraph or sentence of the text that asks for more belongs to the work."""
    first, found, rider = text.rpartition("\n")
    if found and rider.strip().endswith("?") and first.strip():
        return Parts(bare(f"{work} {rider}"), first)
    sentences = _SECOND.split(text)
    if len(sentences) > 1 and _asks_more(sentences[-1], forms):
        return Parts(bare(f"{work} {sentences[-1]}"), " ".join(sentences[:-1]))
    return Parts(bare(work), text)


_RIDER = re.compile(
    r"(?:and|also|then|plus|finally|afterwards|besides|und|außerdem|dann|danach|et|ensuite|aussi|puis|y|además|también|luego"
    r"|e|inoltre|poi|anche|en|daarna|ook|verder)\b", re.I
)  # fmt: skip


def _asks_more(sentence: str, forms: Forms) -> bool:
    return bool(_RIDER.match(sentence) and (sentence.strip().endswith("?") or forms.words["injects"].search(sentence)))


def _begins_work(work: str, forms: Forms) -> bool:
    sentences = [bare(sentence) for sentence in re.split(r"[.!?:]\s+", work)]
    return any(forms.words["strong"].match(variant) for sentence in sentences for variant in forms.variants(sentence))


GIVEN_TEXT = "works on the text that the caller gave"
"""The rule of work that needs nothing but the message itself."""


def _speaks_of_text(work: str, forms: Forms) -> bool:
    """Whether words around a quoted text ask for anything that is done with words."""
    words = forms.words
    return any(words["task"].match(variant) and words["verbs"].search(variant) for variant in forms.variants(work))


def language_work(message: str, forms: Forms, setting: Setting, history_turns: int) -> str | None:
    """Which work on language a message asks for, in words for the record, or None."""
    divided = parts(message, forms)
    if divided.text and _only_work(divided, forms, setting):
        return GIVEN_TEXT
    whole = bare(message)
    for variant in forms.variants(whole):
        if any(_phrase(slots, setting) for slots in forms.phrases(variant)):
            return "asks for wording in a language"
        if not divided.text and (found := _on_previous(variant, forms, setting, history_turns)):
            return found
    return _composition(message, forms, setting)


def _only_work(divided: Parts, forms: Forms, setting: Setting) -> bool:
    """Whether what stands outside the given text asks for work on it and for nothing else."""
    work, words = divided.work, forms.words
    if len(work.split()) > _LONGEST_WORK or words["injects"].search(work):
        return False
    if any(words["asks"].search(sentence) for sentence in _SECOND.split(work)[1:]):
        return False
    if _begins_work(work, forms):
        return True
    if len(divided.text.split()) <= _TERM and name_in(divided.text, setting.own):
        return False
    return _speaks_of_text(work, forms) and not (
        name_in(work, setting.own) or words["asks"].search(work) or words["time"].search(work)
    )


def _phrase(slots: tuple[Slot, ...], setting: Setting) -> bool:
    """Words to be put into another language or form: any, if they name nothing of the firm and no document of it."""
    return all(
        len(slot.text.split()) <= 25
        and not name_in(slot.text, setting.own)
        and not (_OF_THE_FIRM.match(slot.text) and len(slot.text.split()) > 1)
        for slot in slots
    )


_OF_THE_FIRM = re.compile(
    r"(?:your|our|the|ihre?n?|eure|unsere?n?|die|der|das|den|votre|vos|notre|nos|la|le|les|su|sus|nuestr[oa]s?|el|los|las|il|i|gli"
    r"|vostr[oaie]|nostr[oaie]|uw|onze|ons|de|het)\b", re.I
)  # fmt: skip


def _on_previous(work: str, forms: Forms, setting: Setting, history_turns: int) -> str | None:
    words = forms.words
    if len(work.split()) > 16 or not words["strong"].match(work):
        return None
    beside = words["history"].sub(" ", work) if history_turns else work
    if words["injects"].search(beside) or words["asks"].search(beside) or name_in(work, setting.own):
        return None
    if name_in(work, vocabulary().named - _languages()) or re.search(r"\d{4}|[%€$£]", work):
        return None
    if history_turns and words["history"].search(work) and not words["specific"].search(work):
        return "works on the previous answer"
    if words["given"].search(work) and words["plain"].search(work) and not words["specific"].search(work):
        return "offers a text to work on"
    return None


def _languages() -> frozenset[tuple[str, ...]]:
    return frozenset(name for name in vocabulary().named if len(name) == 1)


def _composition(message: str, forms: Forms, setting: Setting) -> str | None:
    """A letter, a note, a greeting out of what the caller says, in one sentence or beside what the caller tells in others
    ("My name is … . Draft a reminder."); a text on a subject is no work on language."""
    if found := _composed(bare(message), forms, setting):
        return found
    sentences = [sentence for part in _STATEMENTS.split(message) if (sentence := bare(part))]
    if not 1 < len(sentences) <= _MOST_SENTENCES:
        return None
    asked = [sentence for sentence in sentences if _composed(sentence, forms, setting)]
    told = [sentence for sentence in sentences if sentence not in asked]
    if len(asked) == 1 and "?" not in message.rstrip("? ") and all(_tells(one, forms, setting) for one in told):
        return "composes a message out of what the caller says"
    return None


def _tells(sentence: str, forms: Forms, setting: Setting) -> bool:
    """Whether a sentence beside a request for a message only tells something: it asks for nothing and names nothing of the
    firm's."""
    words = forms.words
    if len(sentence.split()) > _LONGEST_WORK or name_in(sentence, setting.own):
        return False
    sentence = _INTRODUCES.sub(" ", sentence)
    return not any(words[key].search(sentence) for key in ("asks", "injects", "specific")) and not _wants_figure(sentence)


_INTRODUCES = re.compile(
    r"^(?i:my name is|i am|i'm|this is|ich heiße|mein name ist|ich bin|je m'appelle|je suis|mon nom est|me llamo|soy"
    r"|mi nombre es|mi chiamo|sono|il mio nome è|ik heet|mijn naam is|ik ben)"
    r" (?:<PERSON_\d+>|[A-ZÀ-Þ][\w'-]+(?: [A-ZÀ-Þ][\w'-]+){0,2})"
)
_RELATIVE = re.compile(
    r"\b(?:an?|the|my|some|every|all|two|three) (?:[\w-]+ ){1,2}who\b", re.I
)  # "a client who has not paid"
_OFFERED = re.compile(
    r"\b(?:fees?|charges?|commissions?|yield|nav|isin|minimum|cut-?off|settlement (?:cycle|period)|notice period|ex-?date"
    r"|coupon|dividend\w*|ausschüttung\w*|kontostand|sald[oi]|solde|dos(?:e|age|is)|fax|hotline"
    r"|opening hours|(?:interest|exchange) rates?|gebühr\w*|entgelt\w*|\w*kosten|rendite"
    r"|zinssatz|mindest\w+|kündigungsfrist|\w+nummer|öffnungszeiten|dosierung|frais|tarifs?|taux|rendement|délais? de \w+"
    r"|numéro|horaires|posologie|comisi(?:ón|ones)|gastos|tarifas?|tipos? de interés|rentabilidad|plazo de \w+|horario"
    r"|commission[ei]|spese|tariff[ae]|tass[oi]|rendimento|cedola|stacco|preavviso|orari|dosaggio|posologia|tarie(?:f|ven)"
    r"|\w*vergoeding|rente|opzegtermijn|openingstijden|dosering)\b", re.I
)  # fmt: skip


_OPEN = re.compile(
    r"\b(?:which|what|how (?:much|many|long)|(?:until|by) when|when (?:he|she|they|it|the client)|welche[nrms]?"
    r"|(?:bis|ab) wann|wie (?:viel|viele|lange|hoch)|quel(?:le)?s?|quand|combien|qué|cuál(?:es)?|cuándo|cuánt[oa]s?|qual[ei]"
    r"|quant[oaie]|welke|wanneer|hoeveel)\b(?! (?:i|i'm|we|ich|wir|je|nous|ik)\b)", re.I
)  # fmt: skip
_ASKING = re.compile(
    r"\b(?:ask|request|enquir|inquir|wonder|frag|gefragt|demand|pregunt|ped[ií]|pid|chied|domand|vra(?:ag|g))", re.I
)


def _leaves_open(text: str) -> bool:
    """Whether a message shall tell something that the caller does not say ("telling him which documents he must bring"),
    rather than ask for it."""
    return _OPEN.search(text) is not None and _ASKING.search(text) is None


def _wants_figure(text: str) -> bool:
    """Whether a message shall hold a figure of what the firm offers, which the caller does not give."""
    return _OFFERED.search(text) is not None and re.search(r"\d", text) is None


def _composed(work: str, forms: Forms, setting: Setting) -> str | None:
    words = forms.words
    for variant in forms.variants(work):
        found = re.match(rf"(?P<lead>{words['compose'].pattern})(?:{words['letter'].pattern})(?!\w)", variant, re.I)
        leading = found and re.search(rf"(?<![\w-])(?:{words['about'].pattern})(?![\w-])", found["lead"], re.I)
        weak = found and _WEAK.match(found["lead"]) and _wants_thing(variant[found.end() :], forms)
        if found and not leading and not weak and _out_of_what_is_said(variant[found.end() :], forms, setting):
            return "composes a message out of what the caller says"
    return None


_WEAK = re.compile(
    r"(?:i need|send|give|ich brauche|il me faut|j'ai besoin|necesito|dame|deme|ho bisogno|mi serve|geef|ik heb)\b", re.I
)


def _wants_thing(rest: str, forms: Forms) -> bool:
    """Whether "I need …" goes on with a thing of a firm rather than with what a message shall say."""
    return any(forms.words[key].search(rest) for key in ("definite", "service", "specific"))


def _out_of_what_is_said(rest: str, forms: Forms, setting: Setting) -> bool:
    words = forms.words
    if len(rest.split()) > _LONGEST_WORK or name_in(rest, setting.own) or words["injects"].search(rest):
        return False
    if words["asks"].search(_RELATIVE.sub(" ", rest)) or _wants_figure(rest) or _leaves_open(rest):
        return False
    about = re.search(rf"(?<!\w)(?:{words['about'].pattern})(?!\w)", rest, re.I)
    stated = re.search(rf"(?<!\w)(?:{words['stated'].pattern})(?!\w)", rest, re.I)
    if not about or (stated and stated.start() < about.start()):
        return True
    subject = rest[about.end() :].strip()
    return bool(words["everyday"].search(" ".join(subject.split()[:4]))) or objection(subject, forms, setting) is None


def subject(request: str, forms: Forms) -> str | None:
    """The subject of a text to be written ("a paragraph about inflation"), or None where no such text is asked for."""
    words = forms.words
    wanted = rf"(?:{words['compose'].pattern})(?:{words['essay'].pattern})(?!\w)"
    on = rf"(?: [\w-]+){{0,4}}? (?:{words['about'].pattern})(?!\w)\s*(.+)"
    found = re.match(wanted + on, request, re.I)
    return found[1] if found else None
