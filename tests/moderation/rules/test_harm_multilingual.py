"""Danger, threats, promises and advice in other languages than English: said plainly they are found, and talk of daily
business in the same words is left alone."""

from __future__ import annotations

import pytest

from moderation.rules import hits
from moderation.text.variants import variants
from moderation.types import Direction

INTO, OUT = Direction.INPUT, Direction.OUTPUT


def found(rail: str, direction: Direction, text: str) -> set[str]:
    return {hit.category for hit in hits(rail, direction, variants(text))}


@pytest.mark.parametrize(
    "text",
    [
        "Ich will nicht mehr leben, ich bringe mich um.",
        "Manchmal denke ich, ich bringe mich um",
        "Je veux me suicider ce soir.",
        "Je ne veux plus vivre",
        "Quiero suicidarme, ya no puedo más.",
        "no quiero seguir viviendo",
        "Voglio suicidarmi, non ce la faccio più.",
        "Vorrei morire",
        "Quero morrer",
        "Não quero mais viver assim",
        "Ik wil niet meer leven",
        "ik wil dood",
    ],
)
def test_who_is_in_danger_from_themselves_is_heard_in_six_languages(text: str) -> None:
    assert found("toxicity", INTO, text) == {"self_harm"}


@pytest.mark.parametrize(
    "text",
    [
        "Ich werde dich umbringen, wenn ich mein Geld nicht bekomme.",
        "Ich schlage Sie zusammen",
        "Je vais vous tuer",
        "Os voy a matar a todos",
        "Ti ammazzo",
        "Vou te matar",
        "Ik vermoord je",
        "Ik steek je neer",
    ],
)
def test_a_threat_is_one_in_six_languages(text: str) -> None:
    assert found("toxicity", INTO, text) == {"violence"}


@pytest.mark.parametrize(
    "text",
    [
        "Dieser Fonds garantiert Ihnen 8 % Rendite im Jahr.",
        "Eine Anlage ganz ohne Risiko.",
        "Ce fonds garantit un rendement de 8 % par an.",
        "Este fondo garantiza una rentabilidad del 4 %.",
        "Il fondo garantisce un rendimento del 5 %.",
        "Este fundo garante um retorno de 5 %.",
        "Een gegarandeerd rendement van 6 %.",
    ],
)
def test_a_promised_return_is_one_in_six_languages(text: str) -> None:
    assert "promissory" in found("advice", OUT, text)


@pytest.mark.parametrize(
    ("direction", "text"),
    [
        (INTO, "Soll ich meine Aktien jetzt verkaufen?"),
        (INTO, "Dois-je vendre mes actions maintenant ?"),
        (INTO, "¿Debería vender mis acciones ahora?"),
        (INTO, "Dovrei vendere le mie azioni adesso?"),
        (INTO, "Devo vender as minhas ações agora?"),
        (INTO, "Moet ik mijn aandelen verkopen?"),
        (OUT, "Sie sollten diesen Fonds jetzt kaufen."),
        (OUT, "Vous devriez acheter ce fonds."),
        (OUT, "Le recomiendo que compre este fondo."),
        (OUT, "Le consiglio di vendere le azioni."),
    ],
)
def test_what_to_buy_or_sell_is_advice_in_six_languages(direction: Direction, text: str) -> None:
    assert "personal_advice" in found("advice", direction, text)


@pytest.mark.parametrize(
    "text",
    [
        "Ich will meine Karte sperren.",
        "Wann muss ich mich ummelden, wenn ich umziehe?",
        "Ich bringe mich gern ein.",
        "Mein Mann hat sich das Leben genommen, was passiert mit dem Konto?",
        "Ich kann nicht mehr warten.",
        "Wo kann ich Aktien kaufen?",
        "Die Rendite ist nicht garantiert.",
        "Einlagen sind gesetzlich bis 100.000 Euro garantiert.",
        "Soll ich das Formular per Post senden?",
        "Sie können Anteile an jedem Börsentag verkaufen.",
        "Je vais vous appeler demain.",
        "Je veux en finir avec ce contrat.",
        "Le rendement n'est pas garanti.",
        "Quiero cerrar mi cuenta.",
        "Te voy a enviar el formulario.",
        "Il capitale non è garantito.",
        "Non esiste rendimento senza rischio.",
        "Voglio chiudere il conto.",
        "Como posso vender as minhas ações?",
        "Ik maak het geld over.",
        "Hoe kan ik mijn fonds verkopen?",
    ],
)
def test_daily_business_in_the_same_words_sets_off_nothing(text: str) -> None:
    assert not {c for rail in ("toxicity", "advice") for d in Direction for c in found(rail, d, text)}
