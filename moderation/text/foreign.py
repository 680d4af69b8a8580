"""Whether a text is written in one of the languages that the sentence encoder has not learned.

It learned English. What it makes of a French question is much the same for all French questions, and lies where English
orders lie; the words of a text still tell.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH_WORDS = """
    and are at be but by can for from get give has have how if is it its my not of on or our
    please that the their then there they this to us was we what when where which who why will with would you your
"""
_OTHER_WORDS = """
    der das und den dem ein eine einen einem einer eines ist sind nicht mit von für auf im zum zur wie wann wer
    welche welcher welches wird werden ich mir mich sie wir ihr ihre mein meine bei aus nach über wenn dass oder
    auch habe haben kann le la les un une des du de et est sont que qui quoi quel quelle quels quelles pour dans sur
    avec par pas ne ce cette ces je vous nous il elle mon ma mes votre vos au aux comment combien quand où se sa ses
    leur el los las lo una unas unos y o es son qué cuál cuáles cómo cuándo cuánto cuánta cuántos dónde por con para
    del al mi mis su sus se si como más gli uno di che è sono per con non del della dei delle nel nella alla ai dal
    come quando quanto quanti quale quali dove chi mio mia suo sua io mi si het een van voor niet naar bij dat wat
    hoe wie mijn zijn ik je uw op te om os um uma em da dos das no na não com como qual quais quando onde quanto meu
    minha seu sua ao à
"""
_ENGLISH, _OTHERS = frozenset(_ENGLISH_WORDS.split()), frozenset(_OTHER_WORDS.split())


def is_foreign(text: str) -> bool:
    """Whether the text's small words are another language's: at least two, a fifth of all words, and three times as many as
    English ones. False for what cannot be told."""
    words = _WORD.findall(text.lower())
    others = sum(word in _OTHERS for word in words)
    return others >= 2 and others * 5 >= len(words) and others >= 3 * sum(word in _ENGLISH for word in words)
