"""Text in German, French, Spanish, Italian, Dutch and Portuguese: people are found by their cues, ordinary nouns stay."""

from __future__ import annotations

import pytest

from moderation.pii.recognisers.people.language import other_language
from moderation.pii.redactor import PSEUDONYMISED, Redactor

pytest_plugins = ("tests.support.pii_fixtures",)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wie hoch ist die Gebühr für den Fonds?", "de"),
        ("Quels sont les frais de gestion du fonds ?", "fr"),
        ("¿Cuál es la comisión anual de mi fondo?", "es"),
        ("Quali sono le spese correnti del fondo?", "it"),
        ("What is the NAV of the Aurora Global Equity Fund?", None),
        ("Send it to Rua Graciliano Ramos 1950, Jacareí", None),
        ("My name is Ludwig van der Berg and I live in Las Palmas de Gran Canaria", None),
        ("My name is Wat Tyler and I hold a quanto option", None),
        ("Call Jan van der Berg", None),
        ("Hoe lang moet een wachtwoord zijn?", "nl"),
        ("Qual é a comissão anual do fundo?", "pt"),
        ("", None),
    ],
)
def test_a_language_is_told_by_its_small_words(text: str, language: str | None) -> None:
    assert other_language(text) == language


@pytest.mark.models
@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("Ich heiße Sabine Vogt und wohne in München.", ["Sabine Vogt"]),
        ("Bitte senden Sie die Unterlagen an Frau Bergmann.", ["Frau Bergmann"]),
        ("Je m'appelle Camille Dubreuil et je veux fermer mon compte.", ["Camille Dubreuil"]),
        ("Est-ce que monsieur Lefèvre est là ?", ["monsieur Lefèvre"]),
        ("Me llamo Lucía Ortega y quiero cerrar mi cuenta.", ["Lucía Ortega"]),
        ("El señor Ibáñez quiere cerrar su cuenta.", ["señor Ibáñez"]),
        ("Mi chiamo Giulia Ferraro e non posso pagare.", ["Giulia Ferraro"]),
        ("Il signor Conti vuole chiudere il conto.", ["signor Conti"]),
    ],
)
def test_a_person_is_found_by_the_languages_own_cues(redactor: Redactor, text: str, people: list[str]) -> None:
    assert [text[s.start : s.end] for s in redactor.find(text) if s.entity == "PERSON"] == people


@pytest.mark.models
@pytest.mark.parametrize(
    "text",
    [
        "Wie hoch ist die Gebühr für den Fonds im Jahr 2023?",
        "Meine Karte wurde gestohlen, was soll ich tun?",
        "Die Rendite der Anleihe lag im März bei 3,2 Prozent.",
        "Quels sont les frais de gestion du fonds en 2023 ?",
        "Ma carte est bloquée, que puis-je faire ?",
        "¿Cuál es la comisión anual de mi fondo?",
        "La mia carta è bloccata, può aiutarmi?",
        "Quali sono le spese correnti del fondo?",
        "¿Quién gestiona el fondo?",
        "Entro quanti giorni ricevo la risposta finale a un reclamo?",
        "Hoe lang moet een wachtwoord voor het klantenportaal zijn?",
        "Wanneer wordt het dividend uitbetaald?",
        "Quand recevrai-je la réponse ?",
        "Wer verwaltet den Fonds?",
        "Qual é a comissão anual do fundo?",
    ],
)
def test_an_ordinary_question_of_another_language_is_left_alone(redactor: Redactor, text: str) -> None:
    assert [text[s.start : s.end] for s in redactor.find(text) if s.entity in PSEUDONYMISED] == []
