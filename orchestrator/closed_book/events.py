"""Tells a sentence about an event, which happened once and is a fact, from one about a notion, which holds at all times.

A general notion is asked for in the present: a verb in the past, or in the future, speaks of what somebody must know.
Invariant: the tenses of six languages are read by their endings and small words, never by what happened.
"""

from __future__ import annotations

import re

_PAST = {
    "en": r"did|has (?:\w+ ){0,3}(?:been|changed|risen|fallen|raised|lowered)"
    r"|have (?:\w+ ){0,3}(?:been|risen|fallen)|(?:good|right) time to",
    "de": r"wurden?|worden|hatten?|waren?|gab|kam|kamen|ging|gingen|stieg|stiegen|fiel|fielen|sank|sanken|geschah"
    r"|entstand(?:en)?|(?:hat|haben) (?:[\w-]+ ){1,6}ge\w{3,}(?:t|en)(?= *$)"
    r"|(?:hat|haben|ist|sind) (?:[\w-]+ ){1,6}\w+(?:höht|ändert|wickelt|senkt|sunken|stiegen|fallen)(?= *$)",
    "fr": r"(?<!y )(?:a|ont)(?:-t)?-(?:il|elle|on|ils|elles) (?:\w+ ){0,2}\w{3,}(?:é|ée|és|i|u|is|it)"
    r"|(?:s'est|se sont)(?:-ils?|-elles?)? \w+"
    r"|(?:a|ont) (?:été|provoqué|causé|fait|eu)|va-t-(?:il|elle)|vont-(?:ils|elles)|aura-t-\w+|où en (?:est|sont)",
    "es": r"(?!cómo)\w{3,}(?:ó|aron|ieron)|fue|fueron|había|hubo|ha \w+[ai]do|han \w+[ai]do"
    r"|habrá|van? a \w+r|(?:buen|mal) momento",
    "it": r"(?!però|ciò)\w{3,}ò|\w{3,}(?:arono|irono|erono)|fu|furono|(?:ha|hanno) \w+(?:at|ut|it)o"
    r"|(?:è|sono) (?:stat|cambiat|sces|salit|aumentat"
    r"|cresciut|diminuit|crollat|andat|nat)[oaie]|\w+erà|\w+eranno|\w+iranno|sarà|saranno|ci sarà|(?:buon|cattivo) momento",
    "nl": r"werd(?:en)?|geworden|hadden|waren|viel|vielen|steeg|stegen|daalde|daalden|ontstond|eindigde|veroorzaakte",
}
_EVENT = {language: re.compile(rf"(?<!\w)(?:{past})(?!\w)", re.I) for language, past in _PAST.items()}


def tells_of_an_event(sentence: str, language: str) -> bool:
    """Whether a verb of a sentence speaks of what was or will be, or of a moment."""
    return bool(_EVENT[language].search(sentence))
