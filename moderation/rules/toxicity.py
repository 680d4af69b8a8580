"""Rules of the toxicity rail: threats, people in danger from themselves, exploitation of children."""

from __future__ import annotations

from moderation.rules.base import Rule, rule

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

TOXICITY: tuple[Rule, ...] = (
    # toxicity: threats and violence
    rule(
        "toxicity/violence",
        0.96,
        rf"\b(?:i|we)(?: \w+)? ?{_WILL} (?:\w+ ){{0,3}}?{_VIOLENT} (?:and \w+ )?(?:\w+ ){{0,2}}?{_WHOM}\b",
        "threatens somebody",
        unless=r"\bkill (?:the|my) (?:process|lights|time|session)\b|\bwill not\b|\bnever (?:hurt|harm)\b",
    ),
    rule(
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
    rule(
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
    rule(
        "toxicity/minors",
        0.95,
        r"\b(?:child|kiddie|preteen|underage|toddler) (?:porn(?:ography)?|nudes?|sex)\b"
        r"|\b(?:sex|nudes?|naked (?:pics?|photos?|pictures?)) (?:with|of"
        r"|from) (?:\w+ ){0,2}(?:child(?:ren)?|kids?|minors?|preteens?)\b",
        "sexualises children",
        unless=r"\b(?:report|prevent|stop|protect|combat|detect|law|illegal|define|definition|victims?|fight)\w{0,30}\b",
    ),
)
