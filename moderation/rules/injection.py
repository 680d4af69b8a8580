"""Rules of the injection rail: orders set aside, hidden prompts asked for, personas without rules, forged roles."""

from __future__ import annotations

from moderation.rules.base import Rule, rule

_ORDERS = (
    r"(?:instructions?|prompts?|rules|directives?|guidelines|orders|commands|programming|restrictions|constraints"
    r"|safety (?:rules|guidelines|protocols|checks)|content polic(?:y|ies)|training|information)"
)
_FREE_OF = r"(?:restrictions?|filters?|limits?|limitations?|guidelines|censorship|rules|ethics|morals|boundaries)"

INJECTION: tuple[Rule, ...] = (
    # injection: setting orders aside
    rule(
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
    rule(
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
        unless=r"\bwhat(?:'s| is| are| [1l]s) (?:an?|4) (?:system|hidden) "
        r"|\b(?:instructions?|configuration) (?:(?:for|on|about|of|in|regarding) (?:my|our|a|an)"
        r"|(?:that )?(?:i|we) (?:sent|gave|made|submitted|signed|placed))\b"
        r"|\bmessages? (?:(?:that |which )?(?:(?:i|we) (?:see|saw|get|got|receive|received)|appears?|pops? up|shows)"
        r"|on (?:my|the) (?:screen|app|phone|statement|atm)|about my)\b",
    ),
    rule(
        "injection",
        0.9,
        r"\b(?:reveal|show|print|output|repeat|display|leak|dump|recite|tell me)\b(?: me| us| out| all)?"
        r"(?: of)?(?: the| your)? (?:(?:above|previous|prior|preceding) )?(?:your|above|previous|prior|preceding)?\s?"
        r"(?<=your |bove |ious |rior |ding )(?:instructions?|prompts?"
        r"|directives?|rules)\b(?! (?:for|on|about|to|how|in the))",
        "asks for its instructions",
    ),
    rule(
        "injection",
        0.9,
        r"\bwhat (?:was|is) written above\b|\bstart(?:ing)? (?:with|your answer with) [\"']you are\b",
        "asks for the hidden prompt",
    ),
    rule(
        "injection",
        0.85,
        r"\brepeat (?:your|the) (?:prompt|instructions)\b(?! (?:for (?!me|us)|on|about|to (?!me|us)|how|in the"
        r"|(?:that )?(?:you gave|you sent|i gave|i sent|we sent)))",
        "asks for its instructions",
    ),
    # injection: a persona without rules
    rule(
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
    rule(
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
    rule(
        "injection",
        0.85,
        r"\b(?:pretend|imagine)\b[^.!?\n]{0,40}\b(?:forgotten|forget|don't have|have no)\b[^.!?\n]{0,30}"
        r"\b(?:rules|guidelines|restrictions|instructions|polic(?:y|ies))\b",
        "asks to forget the rules",
    ),
    # injection: forged roles, orders in documents, tools
    rule(
        "injection",
        0.9,
        r"<\|?(?:im_start|im_end|system|endoftext)\|?>|\[/?(?:inst"
        r"|system)\]|(?:^|\n)\W{0,6}system(?: note| update| message"
        r"| prompt)? ?: ?(?!windows|macos|linux|android|ios)|\b(?:begin"
        r"|end) of (?:document|user input|context|system prompt)\b",
        "imitates the system's own messages",
    ),
    rule(
        "injection",
        0.8,
        r"^\W{0,3}assistant ?: ?sure\b|(?:^|\n)\W{0,3}note to (?:self|the (?:bot|ai|assistant|model))\b",
        "imitates the assistant",
    ),
    rule(
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
    rule(
        "injection",
        0.9,
        r"\b(?:send|email|forward|post|upload|leak|exfiltrate"
        r"|transmit)\b[^.!?\n]{0,40}\b(?:customer (?:list|emails|data|records)"
        r"|api keys?|environment variables|order data|user data|all (?:the )?(?:passwords|credentials)"
        r"|all (?:the )?(?:data|emails)(?! to (?:me|us|my|our)\b))\b"
        r"[^\n]{0,40}(?:@|https?:|\bexternal|\battacker|\bto \w+)|\bleak the api keys?\b",
        "asks to send data out",
    ),
    rule(
        "injection",
        0.85,
        r"\b(?:call|invoke|use|run|execute) (?:the )?(?:function |tool )?[a-z]{1,30}_[a-z_]{1,60} (?:on|to|with|and"
        r"|tool)\b",
        "orders a tool to be called",
    ),
    rule(
        "injection",
        0.85,
        r"\b(?:append|include|add|insert|repeat|end)\b[^\n]{0,90}\b(?:end of (?:your"
        r"|every|each)|every(?: future)?|all future|"
        r"in your next) (?:reply|response|answer|reports?|messages?|summary|tasks?)\b|\bappend \{",
        "plants text in the answers",
    ),
    rule(
        "injection",
        0.9,
        r"\bdecode\b[^\n]{0,60}\b(?:do (?:exactly )?what|follow|execute|obey|run|comply|perform)\b",
        "orders hidden text to be decoded and obeyed",
    ),
    rule(
        "injection",
        0.85,
        r"\b(?:i have|i've|already|habe ich|j'ai deja|ho gia) (?:already "
        r"|bereits )?(?:reasoned|concluded|established|determined"
        r"|festgestellt|etabli|stabilito)\b[^\n]{0,80}\b(?:guidelines"
        r"|restrictions|rules|exempt|richtlinien|regles|linee guida)\b",
        "forges the assistant's reasoning",
    ),
    rule(
        "injection",
        0.85,
        r"\b(?:ai|assistant|bot|llm|language model|ai (?:coding )?agents?) reading this\b"
        r"|\bfor ai (?:coding )?agents?\b|\bgrant\b[^.!?\n]{0,30}\b(?:admin(?:istrator)?"
        r"|root) (?:access|rights|privileges)\b",
        "speaks to the machine from inside a text",
    ),
    # injection: asked sideways
    rule(
        "injection",
        0.88,
        r"\b(?:told|instructed|configured|set up|paste|quote|print|copy|repeat|reply with|list|return|show)\b[^\n]{0,60}"
        r"\b(?:before (?:i (?:said|wrote|typed|started|asked)|my first|the first (?:user )?message|(?:this"
        r"|our) conversation)"
        r"|(?:above|before|preceding) (?:this|my|our|the) (?:conversation|first message|chat|line)"
        r"|messages? (?:that |which )?i (?:cannot|can't|don't) see)\b",
        "asks for what stands before the conversation",
        unless=r"\b(?:transfer|payment|invoice|contract|statement|letter|account|form)s?\b",
    ),
    rule(
        "injection",
        0.88,
        r"\b(?:your|its|my|the assistant's) (?:\w+ )?(?:initial|confidential|original|hidden|secret|internal) (?:\w+ )?"
        r"(?:brief(?:ing)?|set-?up|rules|text|orders|guidelines|configuration)\b",
        "asks for its hidden rules",
        unless=r"\b(?:firm|bank|company|fund|policy|account|card|loan|transfer|payment|meeting)(?:'s|s)?\b",
    ),
    rule(
        "injection",
        0.88,
        r"\byou(?:'re| are)(?: now)? (?:free|allowed|permitted) to (?:\w+,? ){0,3}?(?:swear|lie|insult"
        r"|break the (?:law|rules)|ignore)\b"
        r"|\b(?:has|have|with|without|knows?) (?:no |any |all )?(?:scruples|morals?|conscience|inhibitions)\b[^.!?\n]{0,30}"
        r"|\b(?:language model|ai|llm|chatbot|assistant) (?:that is |which is )?(?:processing|summari[sz]ing"
        r"|parsing|screening|handling) this\b"
        r"|\b(?:your|the) (?:rules|guidelines|restrictions|policies|safety \w+) (?:have |has )?"
        r"(?:expired|no longer (?:apply|applies|count|bind)|do(?:es)? not apply|been (?:lifted|suspended|removed))\b"
        r"|\bswitch (?:the |your )?(?:moderation|filters?|safety) off\b"
        r"|\b(?:never refuse|(?:you )?(?:must|may|can) not refuse|refusing is forbidden)\b",
        "lifts the rules",
        unless=r"\b(?:overdraft|savings|mortgage|card|insurance|transfer)\b",
    ),
)
