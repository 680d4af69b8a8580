"""Rules of the toxicity and advice rails in German, French, Spanish, Italian, Portuguese and Dutch.

The heads know English; here stands what is said so plainly that nobody who answers in these languages may miss it: people
in danger from themselves, threats, promised returns, and what to buy or sell. Unlike in English, who speaks shows in the
verb's ending, so most patterns ask for the first person.
"""

from __future__ import annotations

from moderation.rules.base import Rule, rule
from moderation.types import Direction

_NEAR = r"[^.!?\n]{0,40}?"

_SELF_HARM = "|".join(
    (
        r"\bich (?:\w+ ){0,3}?(?:will|möchte|mag|kann) (?:\w+ ){0,3}?nicht mehr leben\b",
        r"\bmich (?:\w+ ){0,4}?(?:umbringen|töten|erhängen)\b",
        r"\bich (?:töte|erhänge|schneide|ritze) mich\b|\b(?:ich bringe? mich|ich mich) um\b",
        r"\bich (?:\w+ ){0,2}?(?:will|möchte) (?:\w+ ){0,2}?(?:sterben|tot sein|meinem leben ein ende)\b",
        r"\bmein(?:em)? leben (?:zu )?(?:beenden|ein ende)\b|\bich (?:\w+ ){0,2}?denke an (?:selbstmord|suizid)\b",
        r"\bje (?:\w+ ){0,2}?me (?:suicider|tuer|pendre)\b|\bje (?:\w+ ){0,2}?(?:veux|voudrais) (?:\w+ )?mourir\b",
        r"\bje ne veux plus vivre\b|\b(?:mettre fin à|en finir avec) (?:mes jours|ma vie|la vie)\b",
        r"\bje veux en finir(?: maintenant| ce soir)?(?=[.!]|$)|\bje me (?:fais du mal|scarifie|mutile)\b",
        r"\b(?:suicidarme|matarme|ahorcarme|quitarme la vida|hacerme daño)\b|\bme (?:voy a|quiero) (?:matar|suicidar)\b",
        r"\b(?:me quiero|quiero|quisiera) morir(?:me)?\b",
        r"\bno quiero (?:seguir )?(?:vivir|viviendo)\b",
        r"\bacabar con mi vida\b",
        r"\b(?:suicidarmi|uccidermi|ammazzarmi|impiccarmi|togliermi la vita|farmi del male)\b",
        r"\bmi (?:voglio )?(?:ammazzo|uccido|uccidere|ammazzare|tolgo la vita)\b",
        r"\b(?:voglio|vorrei) (?:solo )?morire\b|\bnon voglio (?:più|piu) vivere\b|\bvoglio farla finita\b",
        r"\b(?:me matar|matar-me|suicidar-me|me suicidar|enforcar-me|tirar a (?:minha )?(?:própria )?vida)\b",
        r"\b(?:quero|queria) (?:só )?morrer\b|\bnão quero (?:mais )?viver\b|\bacabar com a minha vida\b",
        r"\bik (?:\w+ ){0,3}?(?:wil|kan) (?:\w+ ){0,2}?niet meer (?:leven|verder leven)\b|\bik (?:\w+ ){0,2}?wil dood\b",
        r"\bik (?:\w+ ){0,3}?(?:mezelf|me) (?:\w+ ){0,2}?(?:van kant maken|doden|ophangen|doodmaken)\b|\bzelfmoord plegen\b",
        r"\b(?:mijn leven beëindigen|een eind aan mijn leven)\b",
    )
)
_THREAT = "|".join(
    (
        rf"\bich (?:werde|will|komme und) {_NEAR}\b(?:dich|euch|sie|ihn|deine \w+|eure \w+|ihre? \w+) {_NEAR}"
        r"\b(?:umbringen|töten|erschießen|erstechen|abstechen|verprügeln|zusammenschlagen|totschlagen)\b",
        r"\bich (?:bring|bringe|schlag|schlage|stech|steche) (?:dich|euch|sie|ihn) (?:um|tot|ab|zusammen)\b",
        r"\bje vais (?:\w+ ){0,2}?(?:te|vous|le|la|les|l') ?(?:tuer|buter|égorger|frapper|casser la gueule|massacrer)\b",
        r"\b(?:te|os|le|la|lo|les) (?:voy|vamos) a (?:matar|pegar un tiro|apuñalar|partir la cara|dar una paliza)\b",
        r"\bvoy a (?:matarte|mataros|matarle|matarlos|apuñalarte|pegarte)\b",
        r"\b(?:ti|vi|lo|la|li) (?:ammazzo|uccido|ammazzerò|ucciderò|faccio fuori|accoltello)\b",
        r"\b(?:vou|vamos) (?:te matar|matar-te|matá-l[oa]s?|matar vocês?|esfaquear)\b|\beu (?:te mato|mato-te)\b",
        rf"\bik (?:ga|zal) {_NEAR}\b(?:je|jou|jullie|u|hem|haar) {_NEAR}"
        r"\b(?:vermoorden|doodmaken|doden|neersteken|neerschieten|afmaken)\b",
        r"\bik (?:vermoord (?:je|jou|jullie|u|hem|haar)|(?:steek|schiet"
        r"|maak) (?:je|jou|jullie|u|hem|haar) (?:neer|dood|kapot|af))\b",
    )
)
_NOT_PROMISED = (
    r"\b(?:nicht|kein\w{0,4}|keinerlei|ohne gewähr|pas|aucun\w{0,2}|sans garantie|no|ningun\w{0,3}|nunca|non|nessun\w{0,3}"
    r"|mai|não|nenhum\w{0,3}|niet|geen|nooit|jamais|einlagen\w{0,20}|dépôts?|depositos?|depositi|tegoeden|gesetzlich\w{0,2}|sparkonto)\b"
)
_PROMISED = "|".join(
    (
        rf"\b(?:garantier\w{{1,6}}|versprech\w{{1,4}}) {_NEAR}(?:\w{{0,20}}rendite|gewinn\w{{0,2}}|ertrag|erträge)\b",
        r"\bsichere[rns]? (?:\w{0,20}rendite|gewinne?|erträge)\b",
        r"\b(?:ohne (?:jedes |jegliches |das geringste )?(?:verlust)?risiko|völlig risikofrei|risikolos\w{0,2})\b",
        rf"\bgaranti[est]\w{{0,4}} {_NEAR}\b(?:rendements?|gains?|bénéfices?|profits?)\b",
        r"\b(?:rendements?|gains?) garantis?\b",
        r"\bsans (?:aucun |le moindre )?risque(?: de perte)?\b",
        rf"\bgarantiz\w{{1,5}} {_NEAR}\b(?:rentabilidad|rendimientos?|ganancias?|beneficios?)\b",
        r"\brentabilidad garantizada\b",
        r"\bsin (?:ningún |el menor )?riesgo\b|\bsenza (?:alcun |nessun )?rischio\b|\bsem (?:qualquer |nenhum )?risco\b",
        rf"\bgarant\w{{1,7}} {_NEAR}\b(?:rendiment[oi]|guadagn[oi]|profitt[oi]"
        rf"|utili|retornos?|lucros?|ganhos?|rendimentos?)\b",
        r"\b(?:rendiment[oi]|guadagni?|retorno|lucro|rendimento) garanti[td][oa]s?\b",
        rf"\bgarandeer\w{{0,4}} {_NEAR}\b(?:rendement|winst|opbrengst)\b",
        r"\bgegarandeerd (?:rendement|winst)\b",
        r"\bzonder (?:enig )?risico\b",
    )
)
_TRADE_DE = r"(?:kaufen|verkaufen|investieren|anlegen|abstoßen|umschichten)"
_TRADE_FR = r"(?:acheter|vendre|investir|placer|souscrire)"
_TRADE_ES = r"(?:comprar|vender|invertir|suscribir)\w{0,3}"
_TRADE_IT = r"(?:comprare|vendere|investire|sottoscrivere)"
_TRADE_PT = r"(?:comprar|vender|investir|subscrever)"
_TRADE_NL = r"(?:kopen|verkopen|beleggen|investeren)"
_ASKED = "|".join(
    (
        rf"\b(?:soll|sollte|würden sie (?:mir )?empfehlen\W|raten sie mir\W) ?(?:ich )?{_NEAR}\b{_TRADE_DE}\b",
        rf"\b(?:dois|devrais)-?(?: )?je {_NEAR}\b{_TRADE_FR}\b",
        rf"\bfaut-il {_NEAR}\b{_TRADE_FR}\b",
        rf"\bje devrais {_NEAR}\b{_TRADE_FR}\b",
        rf"\b(?:debo|debería|deberia|me conviene|me aconseja) {_NEAR}\b{_TRADE_ES}\b",
        rf"\b(?:devo|dovrei|mi conviene|mi consiglia(?: di)?) {_NEAR}\b{_TRADE_IT}\b",
        rf"\b(?:devo|deveria|convém-me|aconselha-me a) {_NEAR}\b{_TRADE_PT}\b",
        rf"\b(?:moet|zal) ik (?:beter )?{_NEAR}\b{_TRADE_NL}\b",
    )
)
_TOLD = "|".join(
    (
        rf"\b(?:sie|du) (?:sollten|solltest|müssen|musst) {_NEAR}\b{_TRADE_DE}\b",
        rf"\bich (?:empfehle|rate) (?:ihnen|dir) {_NEAR}\b(?:zu {_TRADE_DE}|zum (?:ver)?kauf)\b",
        rf"\b(?:vous devriez|tu devrais|je vous (?:conseille|recommande) d[e'] ?){_NEAR}\b{_TRADE_FR}\b",
        rf"\b(?:debería|deberías|usted debe|le (?:recomiendo|aconsejo)(?: que)?) {_NEAR}\b(?:{_TRADE_ES}"
        rf"|compre|venda|invierta)\b",
        rf"\b(?:dovrebbe|dovresti|le consiglio di|ti consiglio di) {_NEAR}\b{_TRADE_IT}\b",
        rf"\b(?:você deveria|devia|aconselho-o a|recomendo que) {_NEAR}\b(?:{_TRADE_PT}|compre|venda|invista)\b",
        rf"\b(?:u|je|jij) (?:zou moeten|moet) {_NEAR}\b{_TRADE_NL}\b",
        rf"\bik (?:raad|adviseer) (?:u|je) {_NEAR}\bte {_TRADE_NL}\b",
    )
)
# What one buys, signs or fills in at a counter without asking for advice.
_AT_THE_COUNTER = (
    r"\b(?:formular|unterlagen|karte|briefmarke|devisen|fremdwährung|formulaire|carte|timbre|devises|formulario|tarjeta"
    r"|divisas|modulo|carta|valuta|formulário|cartão|moeda|formulier|pas|kaart|wo|où|dónde|dove|onde|waar)\b"
)

ABROAD: tuple[Rule, ...] = (
    rule("toxicity/self_harm", 0.95, _SELF_HARM, "somebody may be in danger from themselves (in another language)"),
    rule("toxicity/violence", 0.95, _THREAT, "threatens somebody (in another language)",
         unless=r"\b(?:nie|niemals|jamais|nunca|mai|nooit)\b"),
    rule("advice/promissory", 0.9, _PROMISED, "promises a return or no risk (in another language)",
         unless=_NOT_PROMISED, only=Direction.OUTPUT),
    rule("advice/personal_advice", 0.9, _ASKED, "asks what to buy or sell (in another language)",
         unless=_AT_THE_COUNTER, only=Direction.INPUT),
    rule("advice/personal_advice", 0.9, _TOLD, "says what to buy or sell (in another language)",
         unless=_AT_THE_COUNTER, only=Direction.OUTPUT),
)  # fmt: skip
