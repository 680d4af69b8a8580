"""Rules of the advice rail: personal recommendations, promised returns, predicted figures, one-sided praise, and
results of a product without the words that belong to them.

The line is drawn after FINRA Rule 2210(d)(1): communications are fair and balanced, make no false, exaggerated,
unwarranted, promissory or misleading claim, and (F) do not predict or project performance, imply that past
performance will recur, or make an exaggerated or unwarranted claim, opinion or forecast; and after MiFID II article
24(3) with article 44 of Delegated Regulation (EU) 2017/565: information is fair, clear and not misleading, a benefit
stands beside "a fair and prominent indication of any relevant risks" (44(2)(b)), past performance comes with a
prominent warning that it is no reliable indicator of future results (44(4)(d)). A rule here supports a reviewer; it
is no legal judgement.

What passes: a charge that a firm sets and announces, figures of the past in a document, an issuer's guidance in a
sentence that cites its source, warnings of every kind. A result in a sentence that cites its document passes too:
the reader is led to a page that carries the warnings.
"""

from __future__ import annotations

from moderation.rules.base import Rule, rule
from moderation.types import Direction

_ASSET = (
    r"(?:stocks?|shares?|bonds?|funds?|etfs?|crypto|bitcoin|gold"
    r"|pension|portfolio|investments?|savings?|money|property"
    r"|options|futures|annuity|isa|equities|mortgage)"
)
_FEES = (
    r"\b(?:fees?|charges?|costs?|vat|tax(?:es)?|premiums?|tariffs?|price of (?:a|the|your) (?:card|parcel|account"
    r"|stamp|statement)"
    r"|minimum (?:deposit|investment|payment)|overdraft|deposit rate|allowance)\b"
)
_CITED = r"\[\d{1,3}\]"
_REPORTED = (
    r"\b(?:according to|(?:said|says|states?|stated|reported|reports|expects?|guidance|outlook|management)\b[^.!?\n]{0,60}"
    r"\b(?:report|release|filing|10-k|prospectus|statement|guidance|document))\b"
)
_PRODUCT = (
    r"(?:(?:the|our|this|that|your|its|a|an) (?:[\w'&-]{1,30} ){0,4}?(?:funds?|portfolio|bond|note|tracker|etf"
    r"|trust|certificate|strategy"
    r"|share class|annuity|plan)|(?:[\w'&-]{1,30} ){1,4}(?:fund|portfolio|etf|tracker|trust))"
)
_PERCENT = r"\d[\d.,]{0,8} ?(?:%|per ?cent|percent)"
_SHARE = rf"(?:{_PERCENT}|(?:five|eight|ten|twelve|fifteen|twenty|thirty|fifty) ?(?:%|per ?cent|percent))"
_YEARLY = rf"{_SHARE} ?(?:(?:a|per|each|every) (?:year|annum|month|quarter|week)|p\.? ?a\b|annually|yearly|monthly)"
_RETURN = r"(?:returns?|profits?|yields?|gains?|income|growth|interest|dividends?|appreciation)"

ADVICE: tuple[Rule, ...] = (
    # advice
    rule(
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
    rule(
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
    rule(
        "advice/personal_advice",
        0.85,
        rf"\b(?:buy|sell|hold)(?:,? hold)?,? or (?:buy|sell|hold|wait|keep)\b|\b(?:do|shall) i (?:buy|sell|hold"
        rf"|keep|invest|cash in)\b"
        rf"|\b(?:{_ASSET}|note|option|tracker)\b[^.!?\n]{{0,30}}\b(?:right|good|suitable|suited|best"
        rf"|better) for (?:me|us|someone (?:like me|of my|in my))\b"
        rf"|\b(?:{_ASSET}|note|tracker)\b[^.!?\n]{{0,25}}\bsuits? (?:me|us)\b|\b(?:smartest|best|safest"
        rf"|right) (?:investment|place)\b[^.!?\n]{{0,20}}\bfor\b"
        rf"|\bwhat (?:do|should|shall|would) (?:i|we|you) do with (?:it|this|my (?:{_ASSET}|inheritance|bonus))\b"
        rf"|\bhow (?:should|do|shall) (?:i|we) (?:split|divide|allocate|invest)\b",
        "asks for personal advice",
        unless=r"\b(?:card|top ?up|pin|bill|rent|according to|prospectus|form)\b",
        only=Direction.INPUT,
    ),
    rule(
        "advice/personal_advice",
        0.85,
        rf"\bi(?:'d| would| suggest| recommend)(?: that you)? (?:\w+ )?(?:go for|buy|sell|put|choose|pick|take|move"
        rf"|shift|switch|cash in)\b"
        rf"|\bgo ahead and (?:buy|sell|invest)\b|\b(?:suits|fits) (?:you|your (?:situation|needs|goals))\b"
        rf"|\b(?:hold on to|keep|sell|add to) your (?:units|{_ASSET})\b|\bbetter off (?:selling|buying|holding"
        rf"|switching|moving|in|with)\b"
        rf"|\b(?:this|now) is the (?:right |perfect |best )?(?:moment|time) to (?:get in|buy|sell|invest|switch)\b"
        rf"|\b(?:put|shift|move) (?:half|all|most|some|everything)\b[^.!?\n]{{0,25}}\b(?:in"
        rf"|into) (?:\w+ ){{0,3}}{_ASSET}\b",
        "gives personal advice",
        unless=r"\b(?:can(?:no|')t|cannot|not|never|whether|if|to see|depends|until|receipt|form)\b",
        only=Direction.OUTPUT,
    ),
    rule(
        "advice/promissory",
        0.9,
        rf"\b(?:{_RETURN}|coupon|{_PERCENT})\b[^.!?\n]{{0,25}}\b(?:is|are|be) (?:\w+ )?(?:assured|certain|locked in"
        rf"|promised|sure)\b"
        rf"|\b(?:promise|assure)s? (?:you|me|us|them) (?:of |that )?[^.!?\n]{{0,40}}\b(?:{_RETURN}|money|lose"
        rf"|{_PERCENT}|per cent)\b"
        r"|\bcan only (?:go up|rise|gain|grow)\b|\b(?:a|is a) (?:sure|safe) (?:thing|bet|win)\b"
        r"|\b(?:nobody|no one) (?:has )?(?:ever )?los(?:es|t)\b|\balways (?:makes?|made|earns?) money\b"
        r"|\bno way (?:to|you can|of) los(?:e|ing)\b|\b(?:money|capital) is (?:absolutely|completely|perfectly"
        r"|totally|100 ?%) safe\b",
        "promises a return",
        unless=r"\b(?:not|no one can|nobody can|never|cannot|can't|isn't|aren't|deposit|scheme)\b",
    ),
    rule(
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
    rule(
        "advice/promissory",
        0.92,
        # a rate with its period, promised in half a sentence: the other half may be as sober as it likes
        rf"\b(?:guarantee(?:s|d|ing)?|promis(?:es?|ed|ing)|assur(?:es?|ed|ing)|ensur(?:es?|ed|ing))\b[^.!?\n]{{0,30}}?{_YEARLY}"
        rf"|\b(?:sure|certain|safe|definite|secure) {_YEARLY}"
        rf"|\b{_YEARLY}[^.!?\n]{{0,15}}\b(?:guaranteed|for (?:sure|certain)|without fail|no matter what|whatever happens)\b"
        r"|\bguarantee(?:s|d) to (?:double|triple|grow|rise|pay|return|gain|make|earn)\b",
        "promises a return",
        unless=r"\b(?:not?|never|nor|neither|isn't|aren't|doesn't|don't|cannot|can't|no one|nobody|nothing|without|whether"
        r"|if)\b"
        r"[^.!?\n]{0,25}\b(?:guarantee|promis|assur|ensur|sure|certain|safe)"
        r"|\b(?:deposit (?:protection|guarantee|insurance)|compensation scheme|term deposit|savings account)\b"
        r"|\b(?:is|are) not\b[^.!?\n]{0,10}\bguaranteed\b",
        only=Direction.OUTPUT,
    ),
    rule(
        "advice/forward_looking",
        0.85,
        rf"\b(?:prices?|{_ASSET}|rates?|markets?|index|nav|revenues?"
        rf"|earnings|values?|it|they)\b[^.!?\n]{{0,25}}\b(?:will|is going to"
        r"|are going to|is expected to|is set to|is bound to)\b[^.!?\n]{0,15}\b(?:rise"
        r"|fall|reach|double|increase|climb|soar|drop"
        r"|outperform|hit|grow|go up|go down|crash)\b",
        "predicts prices or returns",
        unless=rf"{_FEES}|{_CITED}|{_REPORTED}|\b(?:no(?:body| one)|not|cannot|can't|whether|if)\b",
    ),
    rule(
        "advice/forward_looking",
        0.85,
        r"\b(?:will|(?:is|are) (?:going|set|expected|bound) to) (?:\w+ )?(?:rise|fall|climb|drop|soar|increase|outperform"
        r"|go (?:up|down))\b[^.!?\n]{0,20}\d[\d.,]{0,20} ?(?:%|per ?cent)"
        r"|\b(?:expect|predict|forecast)s? (?:[\w&'-]{1,30} ){1,6}?to (?:outperform|rise|fall|climb|soar|crash|double)\b"
        r"|\b(?:predict|forecast) (?:me )?(?:the|its|their) (?:\w+ )?(?:price|return|value|rate|yield)s?\b"
        r"|\bwhat will (?:the )?(?:\w+ )?(?:price|return|value|rate|yield|nav)s?\b[^.!?\n]{0,60}\bbe\b",
        "predicts a figure",
        unless=rf"{_FEES}|{_CITED}|{_REPORTED}",  # what a firm itself sets and announces, what a source is quoted for
    ),
    rule(
        "advice/forward_looking",
        0.85,
        r"\b(?:(?:will|should|could|would) (?:probably |likely |soon |well )?(?:trade|reach|recover|gain|exceed"
        r"|weaken|strengthen|return|climb"
        r"|surge|rally|double|have become|outperform)|(?:is|are|looks?|seems?) (?:likely|bound|poised|about|set"
        r"|headed|due) to (?:\w+ ){0,2}?"
        r"(?:rise|fall|gain|recover|drop|climb|come down|go (?:up|down)|weaken|strengthen|exceed|double|reach|rally|ease)"
        r"|(?:is|are) heading (?:for|to|towards) \d|we see [^.!?\n]{1,40} (?:at|returning|gaining|rising|falling"
        r"|reaching))\b",
        "predicts prices or returns",
        unless=rf"{_FEES}|{_CITED}|{_REPORTED}|\b(?:no(?:body| one)|not|cannot|can't|whether|if|cards?|parcel"
        rf"|letter|transfer|refund"
        r"|you should (?:return|reach)|branch|form)\b",
        only=Direction.OUTPUT,
    ),
    rule(
        "advice/unbalanced",
        0.88,
        rf"\b(?:low|little|no|minimal|zero|hardly any|almost no|without(?: any)?)(?: or no)?[- ]risks?\b[^.!?\n]{{0,50}}"
        rf"\b(?:high|great|strong|outstanding|attractive|excellent|superb|top)\b[^.!?\n]{{0,20}}\b(?:{_RETURN}|rewards?)\b"
        rf"|\b(?:high|great|strong|outstanding|attractive|excellent|superb|top)\b[^.!?\n]{{0,20}}\b(?:{_RETURN}"
        rf"|rewards?)\b[^.!?\n]{{0,40}}"
        rf"\b(?:low|little|no|minimal|zero|hardly any|almost no|without(?: any)?"
        rf"|none of the)(?: or no)?[- ](?:risks?|worry|worries)\b"
        rf"|\ball (?:of )?the (?:upside|gains?|profits?)\b[^.!?\n]{{0,40}}\bnone of the (?:downside|loss(?:es)?|risks?)\b",
        "praises a return without its risk",
        unless=r"\b(?:no such|beware|usually|typically|generally|there is no|does not|do not|claims?|too good|scam|not)\b",
        only=Direction.OUTPUT,
    ),
    rule(
        "advice/unbalanced",
        0.85,
        rf"\b(?:best|safest|smartest|most (?:profitable|successful|lucrative)|number one|unbeatable|unrivalled"
        rf"|unmatched)\b[^.!?\n]{{0,25}}"
        rf"\b(?:{_ASSET}|{_RETURN}|way to (?:invest|grow|earn)|on the market|in the (?:market|business|industry))\b"
        r"|\b(?:don't|do not) miss (?:out|this|the)\b|\bonce[- ]in[- ]a[- ]lifetime\b|\bget rich\b"
        r"|\b(?:a must|ideal|perfect|right) (?:\w+ )?for (?:every|any|all) (?:investor|saver|customer)s?\b"
        rf"|\b(?:unbeatable|exceptional|outstanding|fantastic|amazing|incredible) (?:\w+ )?{_RETURN}\b"
        r"|\bsafe as (?:a |your )?(?:savings|bank|the bank|houses)\b",
        "praises in superlatives",
        unless=r"\b(?:which|what|whether|depends?|known|price|execution|practice|estimate|interests?|no (?:single"
        r"|one)|not|never"
        r"|advert(?:isement)?s?|claims?)\b",
        only=Direction.OUTPUT,
    ),
    rule(
        "advice/missing_disclosure",
        0.85,
        rf"\b{_PRODUCT}(?:'s)? (?:[\w'-]{{1,20}} ){{0,3}}?(?:has |have |had |was up |is up )?(?:returned|gained"
        rf"|rose|risen|grew|grown|made|achieved|delivered"
        rf"|earned|yields|yielded|pays(?: out)?|paid(?: out)?|outperformed|beat|up|added)\b[^.!?\n]{{0,50}}?{_PERCENT}"
        rf"|\b(?:performance|return|yield|coupon|gain|growth) (?:[\w'-]{{1,20}} ){{0,2}}?(?:of|on|since|over"
        rf"|for) [^.!?\n]{{0,60}}?"
        rf"\b(?:was|is|came to|stands? at|reached|totalled)\b[^.!?\n]{{0,20}}?{_PERCENT}"
        rf"|\b{_PRODUCT}'s (?:[\w'-]{{1,20}} ){{0,2}}?(?:performance|return|yield|coupon)\b[^.!?\n]{{0,40}}?{_PERCENT}"
        rf"|\b(?:in|over) (?:the )?(?:last|past)?\b[^.!?\n]{{0,30}}\b{_PRODUCT} (?:has |have )?(?:returned|gained"
        rf"|made|earned|risen|grown)\b"
        rf"[^.!?\n]{{0,40}}?{_PERCENT}",
        "names a product's result without its risks or costs",
        unless=r"\b(?:tax rate|gross margin|operating|fees?|charges?|revenue|net sales|charged)\b",
        beside=r"\bpast performance|\b(?:previous|earlier|historical|past) (?:performance|results?|returns)"
        r"|\bnot? (?:a )?(?:reliable )?(?:guide|guarantee|indicat|predict)|\bfall as well as rise|\bget back less"
        r"|\blose (?:money|some|all|your|value|part)|\bat risk\b|\brisks?\b|\bloss(?:es)?\b|\b(?:fees?|costs?|charges?)\b"
        rf"|\b(?:can|may|might) (?:also )?(?:fall|lose|decline)\b|{_CITED}",
        only=Direction.OUTPUT,
    ),
)
