"""Rules: what is said so plainly that no statistics are needed, one pattern a line.

Invariant: a rule only ever raises a probability, and gives its reason; every gap in a pattern is bounded, so that
judging is linear in the text's length. Patterns see the views of moderation.views (lower case, unmasked).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from moderation.types import Direction

_ORDERS = (
    r"(?:instructions?|prompts?|rules|directives?|guidelines|orders|commands|programming|restrictions|constraints"
    r"|safety (?:rules|guidelines|protocols|checks)|content polic(?:y|ies)|training|information)"
)
_FREE_OF = r"(?:restrictions?|filters?|limits?|limitations?|guidelines|censorship|rules|ethics|morals|boundaries)"
_VIOLENT = (
    r"(?:kill|murder|stab|shoot|strangle|hurt|harm|beat|attack|slaughter|rape|torture|burn|behead|hunt(?: \w+)? down"
    r"|smash|destroy|choke|poison|bomb|cut(?! (?:you|him|her|them|my \w+) (?:off|out|loose|in|some)\b))"
)
# What a customer may want to kill, cut, beat or smash without harming anybody.
_THINGS = (
    r"(?:(?:standing |pay ?ment |direct )?(?:orders?|debits?|mandates?)|payments?|transfers?|transactions?|subscriptions?"
    r"|accounts?|cards?|overdraft|limits?|fees?|charges|costs?|bills?|expenses|spending|debts?|loans?|mortgage"
    r"|rates?|prices?|offers?|quotes?|budget|savings?|goals?|targets?|records?|positions?|portfolio|losses|exposure"
    r"|plans?|contract|policy|pension|sessions?|apps?|connections?|log-?in|password|tokens?|time|weekend)"
)
_WHOM = (
    r"(?:you|u|yourselves|him|them|everyone|everybody|all of you|people|somebody|someone"
    rf"|(?:ur|your|her|his|their|my(?= \w))(?! (?:\w+ ){{0,2}}?{_THINGS}\b)"
    r"|the (?:manager|staff|clerk|teller|adviser|advisor|agent"
    r"|guy|woman|man|employee|people|family|kids|children))"
)
_WILL = r"(?:will|'ll|'m going to|am going to|are going to|'re going to|gonna|shall|swear to|want to|would love to)"
_ASSET = (
    r"(?:stocks?|shares?|bonds?|funds?|etfs?|crypto|bitcoin|gold"
    r"|pension|portfolio|investments?|savings?|money|property"
    r"|options|futures|annuity|isa|equities|mortgage)"
)
_RETURN = r"(?:returns?|profits?|yields?|gains?|income|growth|interest|dividends?|appreciation)"


@dataclass(frozen=True)
class Rule:
    rail: str
    category: str
    probability: float
    pattern: re.Pattern[str]
    reason: str
    unless: re.Pattern[str] | None = None
    directions: tuple[Direction, ...] = (Direction.INPUT, Direction.OUTPUT)


@dataclass(frozen=True)
class Hit:
    category: str
    probability: float
    reason: str


def _rule(
    place: str, probability: float, pattern: str, reason: str, unless: str | None = None, only: Direction | None = None
) -> Rule:
    rail, _, category = place.partition("/")
    directions = (only,) if only else (Direction.INPUT, Direction.OUTPUT)
    excuse = re.compile(unless) if unless else None
    return Rule(rail, category or rail, probability, re.compile(pattern), reason, excuse, directions)


RULES: tuple[Rule, ...] = (
    # injection: setting orders aside
    _rule(
        "injection",
        0.97,
        r"\b(?:ignor(?:e|ing)|disregard|forget|override|overrule|bypass|neglect|abandon|drop|skip"
        r"|(?:do not|don't|stop|never) (?:follow|listen to|obey|heed)(?:ing)?)\b[^.!?\n]{0,25}?"
        rf"\b(?:all|any|every|your|previous(?:ly)?|prior|above"
        rf"|preceding|earlier|system|initial|original|given|safety)\b"
        rf"[^.!?\n]{{0,25}}?\b{_ORDERS}\b",
        "asks to set instructions aside",
        unless=r"\b(?:manual|recipe|how (?:do|can|to|should) (?:i|we|one))\b",
    ),
    _rule(
        "injection",
        0.97,
        r"\b(?:ignor(?:a|e|ez|er|iere|ieren)|vergiss|vergessen"
        r"|oublie[zr]?|olvida|dimentica|negeer|esquece|missachte)\b"
        r"[^.!?\n]{0,40}\b(?:istruzioni|instructions|anweisungen"
        r"|instrucciones|regles|regeln|reglas|regole|richtlinien"
        r"|instrucoes|instructies|consignes|vorgaben|indicaciones|alles, was)\b",
        "asks to set instructions aside (in another language)",
    ),
    _rule(
        "injection",
        0.9,
        r"\b(?:keine (?:regeln|richtlinien|einschrankungen|grenzen)|ohne (?:einschrankungen|einschraenkungen|regeln)"
        r"|uneingeschrankt|sans (?:aucune )?restrictions?"
        r"|sin (?:restricciones|filtros?|limites)|senza (?:restrizioni|filtri)"
        r"|modo desarrollador|mode developpeur|entwicklermodus)\b",
        "asks for an assistant without rules (in another language)",
    ),
    _rule(
        "injection",
        0.9,
        r"\b(?:revele(?:[- ]moi)?|revela|rivela|muestra|mostra"
        r"|zeig(?:e)?(?: mir)?|verrate|affiche|gib)\b[^.!?\n]{0,30}"
        r"\b(?:system-?prompt|prompt (?:systeme|de sistema|del sistema|di sistema)|(?:instructions?|instrucciones) "
        r"(?:systeme|del sistema)|systemanweisung(?:en)?|internen daten)\b",
        "asks for the system prompt (in another language)",
    ),
    # injection: asking for what it was set up with
    _rule(
        "injection",
        0.95,
        r"\b(?:reveal|show|print|output|repeat|display|tell|give"
        r"|leak|dump|recite|share|expose|write|list|summari[sz]e"
        r"|copy|what(?:'s| is| are| was| were))\b[^.!?\n]{0,40}\b(?:(?:system"
        r"|hidden|secret|initial|original|developer|internal)"
        r" (?:prompts?|instructions?|messages?|directives?|configuration)|your (?:exact |full |entire )?prompts?"
        r"|instructions you (?:were|have been|got)|instructions (?:so far|given)|operating instructions)\b",
        "asks for the system prompt",
        # A customer's own instructions are payments, and a system message is what an app shows.
        unless=r"\b(?:instructions?|configuration) (?:(?:for|on|about|of|in|regarding) (?:my|our|a|an)"
        r"|(?:that )?(?:i|we) (?:sent|gave|made|submitted|signed|placed))\b"
        r"|\bmessages? (?:(?:that |which )?(?:(?:i|we) (?:see|saw|get|got|receive|received)|appears?|pops? up|shows)"
        r"|on (?:my|the) (?:screen|app|phone|statement|atm)|about my)\b",
    ),
    _rule(
        "injection",
        0.9,
        r"\b(?:reveal|show|print|output|repeat|display|leak|dump|recite|tell me)\b(?: me| us| out| all)?"
        r"(?: of)?(?: the| your)? (?:(?:above|previous|prior|preceding) )?(?:your|above|previous|prior|preceding)?\s?"
        r"(?<=your |bove |ious |rior |ding )(?:instructions?|prompts?"
        r"|directives?|rules)\b(?! (?:for|on|about|to|how|in the))",
        "asks for its instructions",
    ),
    _rule(
        "injection",
        0.9,
        r"\bwhat (?:was|is) written above\b|\bstart(?:ing)? (?:with|your answer with) [\"']you are\b",
        "asks for the hidden prompt",
    ),
    _rule(
        "injection",
        0.85,
        r"\brepeat (?:your|the) (?:prompt|instructions)\b(?! (?:for (?!me|us)|on|about|to (?!me|us)|how|in the"
        r"|(?:that )?(?:you gave|you sent|i gave|i sent|we sent)))",
        "asks for its instructions",
    ),
    # injection: a persona without rules
    _rule(
        "injection",
        0.95,
        rf"\b(?:you|ai|model|assistant|bot|chatgpt|act|respond|answer"
        rf"|reply|behave|proceed|comply|speak)\b[^.!?\n]{{0,50}}?"
        rf"\b(?:no|without(?: any)?|free (?:of|from)|not bound by"
        rf"|not limited by|override(?:s)?(?: the)?|ignores?(?: all)?)"
        rf" (?:\w+ ){{0,2}}?{_FREE_OF}\b",
        "asks for an assistant without rules",
        unless=r"\b(?:card|account|transfer|withdraw|limit(?:s)? on|atm|payment)\b",
    ),
    _rule(
        "injection",
        0.93,
        r"\bdo anything now\b|\b(?:you are|act as|called|be|as"
        r"|become) (?:special agent )?dan\b|\bjailbr(?:eak|oken) (?:mode|prompt|yourself|ai)\b"
        r"|\b(?:developer|debug|god|admin|unrestricted|dan|evil) mode (?:is )?(?:now )?(?:enabled|activated|on)\b"
        r"|\b(?:enable|enter|activate|in|now in) (?:developer|god|unrestricted|jailbreak) mode\b"
        r"|\b(?:uncensored|unfiltered|unrestricted|amoral) (?:ai"
        r"|model|assistant|chatbot|bot|mode|response|language)\b",
        "asks for an unrestricted persona",
        unless=r"\bhow (?:do|can) i (?:enable|enter|activate)\b",
    ),
    _rule(
        "injection",
        0.85,
        r"\b(?:pretend|imagine)\b[^.!?\n]{0,40}\b(?:forgotten|forget|don't have|have no)\b[^.!?\n]{0,30}"
        r"\b(?:rules|guidelines|restrictions|instructions|polic(?:y|ies))\b",
        "asks to forget the rules",
    ),
    # injection: forged roles, orders in documents, tools
    _rule(
        "injection",
        0.9,
        r"<\|?(?:im_start|im_end|system|endoftext)\|?>|\[/?(?:inst"
        r"|system)\]|(?:^|\n)\W{0,6}system(?: note| update| message"
        r"| prompt)? ?: ?(?!windows|macos|linux|android|ios)|\b(?:begin"
        r"|end) of (?:document|user input|context|system prompt)\b",
        "imitates the system's own messages",
    ),
    _rule(
        "injection",
        0.8,
        r"^\W{0,3}assistant ?: ?sure\b|(?:^|\n)\W{0,3}note to (?:self|the (?:bot|ai|assistant|model))\b",
        "imitates the assistant",
    ),
    _rule(
        "injection",
        0.9,
        r"\b(?:here (?:are|is)|these are|this is|follow|obey|apply|adopt|accept|execute|given)(?: now)? (?:your|the|these)"
        r" (?:new|updated) (?:instructions?|directives?|rules|orders)\b(?! (?:for|on|about|in|of)\b)"
        r"|\b(?:your|the) (?:new|updated) (?:instructions?|directives?|rules|orders)"
        r"(?: (?:are|is|will be) (?:now |as follows|that you|to |simple)| ?:| from now on\b)"
        r"|\bnew (?:instructions?|directives?)\s?:"
        r"|\byour (?:rules|instructions|guidelines) have changed\b"
        r"|\bsupersedes? (?:all|any) (?:prior|previous|earlier)\b"
        r"|\b(?:safety|security) (?:protocols?|rules|filters?"
        r"|checks) (?:are |is )?(?:now )?(?:disabled|off|suspended)\b"
        r"|\b(?:skip|disable|turn off|bypass) (?:all |any |the "
        r"|your )?(?:safety|content|ethical) (?:checks?|filters?|protocols?)\b",
        "claims new orders",
    ),
    _rule(
        "injection",
        0.9,
        r"\b(?:send|email|forward|post|upload|leak|exfiltrate"
        r"|transmit)\b[^.!?\n]{0,40}\b(?:customer (?:list|emails|data|records)"
        r"|api keys?|environment variables|order data|user data|all (?:the )?(?:passwords|credentials)"
        r"|all (?:the )?(?:data|emails)(?! to (?:me|us|my|our)\b))\b"
        r"[^\n]{0,40}(?:@|https?:|\bexternal|\battacker|\bto \w+)|\bleak the api keys?\b",
        "asks to send data out",
    ),
    _rule(
        "injection",
        0.85,
        r"\b(?:call|invoke|use|run|execute) (?:the )?(?:function |tool )?[a-z]+_[a-z_]+ (?:on|to|with|and|tool)\b",
        "orders a tool to be called",
    ),
    _rule(
        "injection",
        0.85,
        r"\b(?:append|include|add|insert|repeat|end)\b[^\n]{0,90}\b(?:end of (?:your"
        r"|every|each)|every(?: future)?|all future|"
        r"in your next) (?:reply|response|answer|reports?|messages?|summary|tasks?)\b|\bappend \{",
        "plants text in the answers",
    ),
    _rule(
        "injection",
        0.9,
        r"\bdecode\b[^\n]{0,60}\b(?:do (?:exactly )?what|follow|execute|obey|run|comply|perform)\b",
        "orders hidden text to be decoded and obeyed",
    ),
    _rule(
        "injection",
        0.85,
        r"\b(?:i have|i've|already|habe ich|j'ai deja|ho gia) (?:already "
        r"|bereits )?(?:reasoned|concluded|established|determined"
        r"|festgestellt|etabli|stabilito)\b[^\n]{0,80}\b(?:guidelines"
        r"|restrictions|rules|exempt|richtlinien|regles|linee guida)\b",
        "forges the assistant's reasoning",
    ),
    _rule(
        "injection",
        0.85,
        r"\b(?:ai|assistant|bot|llm|language model|ai (?:coding )?agents?) reading this\b"
        r"|\bfor ai (?:coding )?agents?\b|\bgrant\b[^.!?\n]{0,30}\b(?:admin(?:istrator)?"
        r"|root) (?:access|rights|privileges)\b",
        "speaks to the machine from inside a text",
    ),
    # toxicity: threats and violence
    _rule(
        "toxicity/violence",
        0.96,
        rf"\b(?:i|we)(?: \w+)? ?{_WILL} (?:\w+ ){{0,3}}?{_VIOLENT} (?:and \w+ )?(?:\w+ ){{0,2}}?{_WHOM}\b",
        "threatens somebody",
        unless=r"\bkill (?:the|my) (?:process|lights|time|session)\b|\bwill not\b|\bnever (?:hurt|harm)\b",
    ),
    _rule(
        "toxicity/violence",
        0.93,
        r"\b(?:i|we)(?: \w+)? ?(?:will|'ll|'m going to|am going to) (?:\w+ ){0,2}(?:find"
        r"|come for|come after|get|visit) (?:you|your)\b"
        r"[^.!?\n]{0,40}\b(?:hurt|kill|pay|regret|sorry|family|kids|children|home|house)\b"
        r"|\byou(?:'re| are| will be|'ll be)(?: all)? (?:so )?(?:dead"
        r"|going to die|dead meat)\b|\bi know where (?:you|your \w+) lives?\b"
        r"|\b(?:bring|bringing|have|got) a (?:gun|knife|bomb"
        r"|weapon)\b[^.!?\n]{0,40}\b(?:branch|office|bank|building|you)\b"
        r"|\b(?:blow|burn|shoot) (?:up|down) (?:your|the"
        r"|this) (?:\w+ )?(?:branch|office|bank|building|house|place)\b",
        "threatens somebody",
    ),
    # toxicity: someone in danger from themselves
    _rule(
        "toxicity/self_harm",
        0.95,
        r"\b(?:kill(?:ing)?|hurt(?:ing)?|harm(?:ing)?|cut(?:ting)?"
        r"|hang(?:ing)?) myself\b|\b(?:end(?:ing)?|tak(?:e|ing)) my (?:own )?life\b"
        r"|\bend it all\b|\bi (?:just )?(?:want|wish|would like|'d like) to (?:die"
        r"|be dead|disappear forever)\b|\bwish i (?:was|were) dead\b"
        r"|\bi (?:really |just )?(?:don't|do not|can't) (?:want to"
        r"|wanna) (?:live|be alive|wake up|be here any ?more|exist)\b"
        r"|\bbetter off (?:dead|without me)\b|\bno reason (?:left )?to (?:live"
        r"|go on living)\b|\b(?:i(?:'m| am| feel)) suicidal\b",
        "somebody may be in danger from themselves",
    ),
    # toxicity: sexual exploitation of children
    _rule(
        "toxicity/minors",
        0.95,
        r"\b(?:child|kiddie|preteen|underage|toddler) (?:porn(?:ography)?|nudes?|sex)\b"
        r"|\b(?:sex|nudes?|naked (?:pics?|photos?|pictures?)) (?:with|of"
        r"|from) (?:\w+ ){0,2}(?:child(?:ren)?|kids?|minors?|preteens?)\b",
        "sexualises children",
        unless=r"\b(?:report|prevent|stop|protect|combat|detect|law|illegal|define|definition|victims?|fight)\w*\b",
    ),
    # advice
    _rule(
        "advice/personal_advice",
        0.9,
        rf"\bshould (?:i|we) (?:\w+ ){{0,2}}?(?:(?:buy|sell|invest|short|hold on to)\b[^.!?\n]{{0,50}}"
        rf"(?:\b{_ASSET}\b|\?|$)|(?:put|move|switch|pull|cash)\b[^.!?\n]{{0,50}}\b{_ASSET}\b)"
        rf"|\b(?:which|what) {_ASSET} (?:should (?:i"
        rf"|we)|would you|do you|is (?:best|right|good) for me)\b"
        rf"|\b(?:do|would|can|could) you (?:recommend|suggest|advise)\b[^.!?\n]{{0,40}}\b{_ASSET}\b"
        rf"|\b(?:is (?:it|now)|would it be) a good (?:time|idea|moment) to (?:buy|sell|invest)\b"
        rf"|\b(?:recommend|suggest|pick|choose|tell) me (?:\w+ ){{0,4}}{_ASSET} (?:to buy|for me|to invest)\b"
        rf"|\bwhat would you (?:do with|invest|buy)\b[^.!?\n]{{0,40}}\b(?:my|place|money)\b",
        "asks for personal advice",
        unless=r"\b(?:card|top ?up|pin|currency exchange|atm)\b",
        only=Direction.INPUT,
    ),
    _rule(
        "advice/personal_advice",
        0.9,
        rf"\byou (?:should|ought to|had better|must) (?:\w+ )?(?:buy|sell|invest|hold|switch)\b"
        rf"|\b(?:i|we)(?:'d| would)? (?:strongly |highly )?(?:recommend|suggest"
        rf"|advise)\b[^.!?\n]{{0,30}}\b(?:buy|sell|invest|hold)(?:ing)?\b"
        rf"|\b(?:best|right|perfect|ideal) (?:\w+ )?{_ASSET} for you\b"
        rf"|\bmy advice (?:is|would be) to (?:buy|sell|invest|hold)\b",
        "gives personal advice",
        unless=r"\b(?:can(?:no|')t|not|never) (?:\w+ )?(?:recommend|advise|suggest|say|tell)\b",
        only=Direction.OUTPUT,
    ),
    _rule(
        "advice/promissory",
        0.93,
        rf"\bguarantee(?:s|d)?\b[^.!?\n]{{0,40}}\b{_RETURN}\b"
        rf"|\b{_RETURN}\b[^.!?\n]{{0,25}}\b(?:are|is|be|being) guaranteed\b"
        rf"|\brisk[- ]free\b[^.!?\n]{{0,20}}\b(?:{_RETURN}|investment|profit)\b"
        rf"|\b(?:can(?:'t|not| not)|impossible to) lose(?: \w+)? money\b"
        rf"|\bdouble (?:your|my) (?:money|investment|savings)\b|\b(?:absolutely|completely|totally) no risk\b"
        rf"|\bwill (?:definitely|certainly|surely|always) (?:rise|double"
        rf"|go up|pay|grow|make)\b|\bsure[- ]fire (?:profit|investment)\b",
        "promises a return",
        unless=rf"\b(?:not?|never|nor|isn't|aren't|doesn't|don't|cannot|can't|no one|nobody|nothing)\b"
        rf"[^.!?\n]{{0,25}}\bguarantee"
        rf"|\bguaranteed? (?:no|against)\b|\bguarantee(?:s|d)? (?:\w+ )?neither\b"
        rf"|\b{_RETURN}\b[^.!?\n]{{0,20}}\bnot guaranteed\b",
    ),
    _rule(
        "advice/forward_looking",
        0.85,
        rf"\b(?:prices?|{_ASSET}|rates?|markets?|index|nav|revenues?"
        rf"|earnings|values?|it|they)\b[^.!?\n]{{0,25}}\b(?:will|is going to"
        r"|are going to|is expected to|is set to|is bound to)\b[^.!?\n]{0,15}\b(?:rise"
        r"|fall|reach|double|increase|climb|soar|drop"
        r"|outperform|hit|grow|go up|go down|crash)\b",
        "predicts prices or returns",
    ),
    _rule(
        "advice/forward_looking",
        0.85,
        r"\b(?:will|(?:is|are) (?:going|set|expected|bound) to) (?:\w+ )?(?:rise|fall|climb|drop|soar|increase|outperform"
        r"|go (?:up|down))\b[^.!?\n]{0,20}\d[\d.,]* ?(?:%|per ?cent)"
        r"|\b(?:expect|predict|forecast)s? (?:[\w&'-]+ ){1,6}?to (?:outperform|rise|fall|climb|soar|crash|double)\b"
        r"|\b(?:predict|forecast) (?:me )?(?:the|its|their) (?:\w+ )?(?:price|return|value|rate|yield)s?\b"
        r"|\bwhat will (?:the )?(?:\w+ )?(?:price|return|value|rate|yield|nav)s?\b[^.!?\n]{0,60}\bbe\b",
        "predicts a figure",
        unless=r"\b(?:fees?|charges?|costs?|vat|tax(?:es)?|premiums?)\b",  # what a firm itself sets and announces
    ),
)


def hits(rail: str, direction: Direction, views: Iterable[str]) -> list[Hit]:
    """Every rule of `rail` that fires in one of the views, the most probable first."""
    found: dict[tuple[str, str], Hit] = {}
    for rule in RULES:
        if rule.rail != rail or direction not in rule.directions:
            continue
        for view in views:
            if any(not _excused(rule, view, match) for match in rule.pattern.finditer(view)):
                found[rule.category, rule.reason] = Hit(rule.category, rule.probability, rule.reason)
                break
    return sorted(found.values(), key=lambda hit: -hit.probability)


def _excused(rule: Rule, view: str, match: re.Match[str]) -> bool:
    """Whether the match's surroundings (one sentence or so) make it harmless."""
    if rule.unless is None:
        return False
    return bool(rule.unless.search(view[max(0, match.start() - 60) : match.end() + 30]))
