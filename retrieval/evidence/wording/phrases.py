"""The words of answers, by language: templates and the names of operations, scales and units.

Invariant: every language has every template, with the same places in braces (a test holds them equal).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """Templates of one language. `scales` by power of ten; `operations` by a plan's name; `above` to `equal` stand before a
    figure."""

    both: str
    within: str
    upon: str
    moved: str
    apart: str
    over: str
    derived: str
    from_to: str
    extreme: str
    extreme_row: str
    bounded: str
    unbounded: str
    counted: str
    given: str
    column: str
    nothing: str
    highest: str
    lowest: str
    above: str
    below: str
    equal: str
    points: str
    basis_points: str
    total: str
    scales: dict[int, str]
    operations: dict[str, str]


_ENGLISH = Phrases(
    both="and",
    within="in {}",
    upon="on {}",
    moved="{name}: {value}, from {a} to {b}",
    apart="Difference between {names}: {value} ({a} against {b})",
    over="{what} of {a_name} to {b_name}: {value} ({a} over {b})",
    derived="{what} of {names}: {value}, from {cells}",
    from_to="{what}, {names}: {value}, from {a} to {b}",
    extreme="{name} was {extreme} {period}: {cell}",
    extreme_row="{name}: {cell}, the {extreme} of {n}",
    bounded="{name} was {relation} {bound} in {periods}",
    unbounded="{name} was {relation} {bound} in none of the periods shown",
    counted="{n} of {all}{periods}: {name} {relation} {bound}",
    given="{name} is given for {periods}",
    column="{name}, {n} rows",
    nothing="None",
    highest="highest",
    lowest="lowest",
    above="above",
    below="below",
    equal="equal to",
    points="percentage points",
    basis_points="basis points",
    total="total",
    scales={3: "thousand", 6: "million", 9: "billion", 12: "trillion"},
    operations={
        "average": "Average",
        "sum": "Sum",
        "ratio": "Ratio",
        "share": "Share",
        "difference_of_averages": "Change of the average",
        "product": "Product",
    },
)
_GERMAN = Phrases(
    both="und",
    within="{}",
    upon="am {}",
    moved="{name}: {value}, von {a} auf {b}",
    apart="Unterschied zwischen {names}: {value} ({a} gegenüber {b})",
    over="{what} von {a_name} zu {b_name}: {value} ({a} zu {b})",
    derived="{what} von {names}: {value}, aus {cells}",
    from_to="{what}, {names}: {value}, von {a} auf {b}",
    extreme="{name} war {period} am {extreme}: {cell}",
    extreme_row="{name}: {cell}, der {extreme} Wert von {n}",
    bounded="{name} war {relation} {bound}: {periods}",
    unbounded="{name} war in keinem der gezeigten Zeiträume {relation} {bound}",
    counted="{n} von {all}{periods}: {name} {relation} {bound}",
    given="{name} ist angegeben für {periods}",
    column="{name}, {n} Zeilen",
    nothing="Keine",
    highest="höchsten",
    lowest="niedrigsten",
    above="über",
    below="unter",
    equal="gleich",
    points="Prozentpunkte",
    basis_points="Basispunkte",
    total="Summe",
    scales={3: "Tausend", 6: "Millionen", 9: "Milliarden", 12: "Billionen"},
    operations={
        "average": "Durchschnitt",
        "sum": "Summe",
        "ratio": "Verhältnis",
        "share": "Anteil",
        "difference_of_averages": "Veränderung des Durchschnitts",
        "product": "Produkt",
    },
)
_FRENCH = Phrases(
    both="et",
    within="en {}",
    upon="le {}",
    moved="{name} : {value}, de {a} à {b}",
    apart="Différence entre {names} : {value} ({a} contre {b})",
    over="{what} de {a_name} sur {b_name} : {value} ({a} sur {b})",
    derived="{what} de {names} : {value}, à partir de {cells}",
    from_to="{what}, {names} : {value}, de {a} à {b}",
    extreme="{name} : valeur la plus {extreme} {period}, {cell}",
    extreme_row="{name} : {cell}, valeur la plus {extreme} sur {n}",
    bounded="{name}, {relation} {bound} : {periods}",
    unbounded="{name} : {relation} {bound} dans aucune des périodes présentées",
    counted="{n} sur {all}{periods} : {name} {relation} {bound}",
    given="{name} est indiqué pour {periods}",
    column="{name}, {n} lignes",
    nothing="Aucun",
    highest="élevée",
    lowest="basse",
    above="au-dessus de",
    below="au-dessous de",
    equal="égal à",
    points="points de pourcentage",
    basis_points="points de base",
    total="total",
    scales={3: "milliers", 6: "millions", 9: "milliards", 12: "billions"},
    operations={
        "average": "Moyenne",
        "sum": "Somme",
        "ratio": "Rapport",
        "share": "Part",
        "difference_of_averages": "Variation de la moyenne",
        "product": "Produit",
    },
)
_SPANISH = Phrases(
    both="y",
    within="en {}",
    upon="el {}",
    moved="{name}: {value}, de {a} a {b}",
    apart="Diferencia entre {names}: {value} ({a} frente a {b})",
    over="{what} de {a_name} sobre {b_name}: {value} ({a} sobre {b})",
    derived="{what} de {names}: {value}, a partir de {cells}",
    from_to="{what}, {names}: {value}, de {a} a {b}",
    extreme="{name}: el valor más {extreme} {period}, {cell}",
    extreme_row="{name}: {cell}, el valor más {extreme} de {n}",
    bounded="{name}, {relation} {bound}: {periods}",
    unbounded="{name}: {relation} {bound} en ninguno de los períodos mostrados",
    counted="{n} de {all}{periods}: {name} {relation} {bound}",
    given="{name} se indica para {periods}",
    column="{name}, {n} filas",
    nothing="Ninguno",
    highest="alto",
    lowest="bajo",
    above="por encima de",
    below="por debajo de",
    equal="igual a",
    points="puntos porcentuales",
    basis_points="puntos básicos",
    total="total",
    scales={3: "miles", 6: "millones", 9: "miles de millones", 12: "billones"},
    operations={
        "average": "Promedio",
        "sum": "Suma",
        "ratio": "Relación",
        "share": "Proporción",
        "difference_of_averages": "Variación del promedio",
        "product": "Producto",
    },
)
_ITALIAN = Phrases(
    both="e",
    within="nel {}",
    upon="il {}",
    moved="{name}: {value}, da {a} a {b}",
    apart="Differenza tra {names}: {value} ({a} contro {b})",
    over="{what} di {a_name} su {b_name}: {value} ({a} su {b})",
    derived="{what} di {names}: {value}, da {cells}",
    from_to="{what}, {names}: {value}, da {a} a {b}",
    extreme="{name}: il valore più {extreme} {period}, {cell}",
    extreme_row="{name}: {cell}, il valore più {extreme} di {n}",
    bounded="{name}, {relation} {bound}: {periods}",
    unbounded="{name}: {relation} {bound} in nessuno dei periodi indicati",
    counted="{n} di {all}{periods}: {name} {relation} {bound}",
    given="{name} è indicato per {periods}",
    column="{name}, {n} righe",
    nothing="Nessuno",
    highest="alto",
    lowest="basso",
    above="sopra",
    below="sotto",
    equal="uguale a",
    points="punti percentuali",
    basis_points="punti base",
    total="totale",
    scales={3: "migliaia", 6: "milioni", 9: "miliardi", 12: "bilioni"},
    operations={
        "average": "Media",
        "sum": "Somma",
        "ratio": "Rapporto",
        "share": "Quota",
        "difference_of_averages": "Variazione della media",
        "product": "Prodotto",
    },
)
_DUTCH = Phrases(
    both="en",
    within="in {}",
    upon="op {}",
    moved="{name}: {value}, van {a} naar {b}",
    apart="Verschil tussen {names}: {value} ({a} tegenover {b})",
    over="{what} van {a_name} tot {b_name}: {value} ({a} op {b})",
    derived="{what} van {names}: {value}, uit {cells}",
    from_to="{what}, {names}: {value}, van {a} naar {b}",
    extreme="{name} was {period} het {extreme}: {cell}",
    extreme_row="{name}: {cell}, de {extreme} waarde van {n}",
    bounded="{name} was {relation} {bound}: {periods}",
    unbounded="{name} was in geen van de getoonde perioden {relation} {bound}",
    counted="{n} van {all}{periods}: {name} {relation} {bound}",
    given="{name} is gegeven voor {periods}",
    column="{name}, {n} rijen",
    nothing="Geen",
    highest="hoogste",
    lowest="laagste",
    above="boven",
    below="onder",
    equal="gelijk aan",
    points="procentpunten",
    basis_points="basispunten",
    total="totaal",
    scales={3: "duizend", 6: "miljoen", 9: "miljard", 12: "biljoen"},
    operations={
        "average": "Gemiddelde",
        "sum": "Som",
        "ratio": "Verhouding",
        "share": "Aandeel",
        "difference_of_averages": "Verandering van het gemiddelde",
        "product": "Product",
    },
)
PHRASES = {"en": _ENGLISH, "de": _GERMAN, "fr": _FRENCH, "es": _SPANISH, "it": _ITALIAN, "nl": _DUTCH}


def phrases(language: str) -> Phrases:
    """The templates of a language ("de", "de-AT"), English where there are none."""
    return PHRASES.get(language.lower().split("-")[0], _ENGLISH)
