"""Rules of the injection rail in other languages than English: orders set aside, rules lifted, hidden prompts asked for.

German, French, Spanish, Italian, Portuguese and Dutch by the same three patterns; short forms in Russian, Chinese,
Japanese, Arabic, Turkish and Polish. A customer's own earlier message or order may always be set aside, so a pattern
asks for "all", "your" or "earlier" beside the word for instructions.
"""

from __future__ import annotations

from moderation.rules.base import Rule, rule

_ASIDE = "asks to set instructions aside (in another language)"
_FREE = "asks for an assistant without rules (in another language)"
_PROMPT = "asks for the system prompt (in another language)"


def _aside(verbs: str, whose: str, orders: str) -> str:
    return (
        rf"\b(?:{verbs})\b[^.!?\n]{{0,30}}?\b(?:{whose})\b(?:[^.!?\n]{{0,25}}?\b(?:{orders})|(?<=alles)[.!?\n]|(?<=alles),)"
    )


_SET_ASIDE = "|".join(
    (
        _aside(
            "ignorier(?:e|en|st|t)?|vergiss|vergesst|vergessen|missachte[nt]?|übergeh(?:e|en)?|umgeh(?:e|en)?|lass",
            "alle[ns]?|deine[nr]?|bisherigen?|vorherigen?|vorigen?|früheren?|obigen?|internen?|sämtliche[nr]?|jegliche",
            r"\w{0,20}anweisung(?:en)?|\w{0,12}regeln|\w{0,20}vorgaben|\w{0,20}richtlinien|instruktionen|befehle"
            r"|filter|was|davor",
        ),
        _aside(
            "oublie[zr]?|ignore[zr]?|ne (?:tiens|tenez) (?:pas|aucun) compte|contourne[zr]?|passe[rz]? outre",
            "toutes?|tous|tout|tes|précédente?s?|initiale?s?|internes?",
            "instructions?|règles?|consignes?|directives?|filtres?|restrictions?|ce qu[ie']|dit|dites?|précédentes?",
        ),
        _aside(
            "olvida|olvide|olvídate|ignora|ignore|omite|sáltate|pasa por alto|descarta|no hagas caso",
            "todas?|todos?|todo|tus|anteriores|previas|iniciales|internas",
            "instrucciones|reglas|indicaciones|directrices|órdenes|filtros|restricciones|lo (?:que|anterior)",
        ),
        _aside(
            "dimentica|ignora|aggira|scarta|trascura|non tenere conto",
            "tutt[eoi]|tue|tuoi|precedenti|iniziali|interne",
            "istruzioni|regole|indicazioni|direttive|filtri|restrizioni|quello|quanto|ciò",
        ),
        _aside(
            "esqueça|esquece|ignore|ignora|desconsidere|contorne|descarte",
            "todas?|todos?|tudo|suas|seus|tuas|teus|anteriores|iniciais|internas",
            "instruções|regras|indicações|diretrizes|diretivas|ordens|filtros|restrições|o que",
        ),
        _aside(
            "vergeet|negeer|omzeil|overtreed|let niet op|sla",
            "alle|alles|je|jouw|eerdere|vorige|oorspronkelijke|interne",
            "instructies|regels|richtlijnen|filters|beperkingen|wat|hiervoor|systeeminstructies",
        ),
        r"(?:игнорируй|забудь|не обращай внимания на)(?:те)?\b[^.!?\n]{0,40}(?:инструкци|указани|правил|команд)",
        r"(?:忽略|无视|忘记|忽視|無視)[^。！？\n]{0,12}(?:之前|以上|先前|所有|前面|你的|此前)[^。！？\n]{0,12}(?:指令|指示|规则|規則|提示|命令|设定)",
        r"(?:指示|命令|ルール|規則)(?:を|は)?(?:すべて|全て|全部)?(?:無視|忘れ)",
        r"(?:تجاهل|انس)[^.!؟\n]{0,25}(?:التعليمات|القواعد|الأوامر|تعليماتك|قواعدك)",
        r"\b(?:talimat|kural|yönerge|komut)\w{0,12}\b[^.!?\n]{0,25}\b(?:unut|yok say|görmezden gel|dikkate alma\b)",
        r"\b(?:zignoruj|ignoruj|zapomnij|pomiń|lekceważ)\b[^.!?\n]{0,30}\b(?:polece|instrukcj|zasad|wytyczn|reguł)",
    )
)
_ANSWER = (
    r"\b(?:antworte\w{0,3}|sprich|du bist|ab (?:jetzt|sofort)|réponds?|parle|tu es|à partir de maintenant|responde"
    r"|habla|eres"
    r"|desde ahora|a partir de ahora|rispondi|parla|sei|d'ora in poi|da adesso|responda|fale|você é|és|a partir de agora"
    r"|antwoord|praat|je bent|ben (?:jij|je)|vanaf nu)\b"
)
_WITHOUT = (
    r"\b(?:ohne|keine[nr]?|frei von|sans|sin|senza|sem|zonder|geen)(?: (?:jede|jegliche|alle|aucune?|ningún|ninguna"
    r"|alcun[ao]?|nenhuma?|enige|de))?"
    r" (?:regeln|einschränkung(?:en)?|grenzen|zensur|filter|moral|richtlinien|règles?|restrictions?|limites?"
    r"|censure|filtres?|morale"
    r"|reglas|límites?|censura|filtros?|restricciones|regole|limit[ie]|filtri|restrizioni|regras|restrições|regels"
    r"|beperking(?:en)?"
    r"|censuur|moraal)\b"
)
_WITHOUT_RULES = "|".join(
    (
        rf"{_ANSWER}[^.!?\n]{{0,45}}?{_WITHOUT}",
        r"\b(?:deine (?:regeln|vorgaben|richtlinien) (?:gelten|zählen) (?:nicht|ab)|(?:gelten"
        r"|zählen) deine regeln (?:nicht|ab))",
        r"\bt(?:es|a) règles? ne (?:s'appliquent|valent|comptent) plus\b|\btus reglas ya no\b|\b(?:le )?tue regole non\b",
        r"\b(?:as )?(?:suas|tuas) regras já não\b|\bje regels (?:gelden|tellen) niet\b",
        r"\b(?:modo desarrollador|mode développeur|entwicklermodus|modalità sviluppatore|modo desenvolvedor"
        r"|ontwikkelaarsmodus)\b",
        r"\b(?:schalte|désactive|desactiva|disattiva|desative|schakel) (?:deine|tes|tus|i tuoi|os (?:seus|teus)"
        r"|je) (?:filt|sicherheits)",
        r"(?:теперь ты|отвечай)[^.!?\n]{0,40}без (?:правил|ограничений|цензуры)",
        r"(?:没有|不受)(?:任何)?(?:限制|约束)的?(?:人工智能|ai|助手|机器人)|(?:现在起|现在)[^。！？\n]{0,10}(?:没有|不受)[^。！？\n]{0,4}(?:限制|约束)",
        r"制限(?:の)?(?:ない|なし)[^。！？\n]{0,6}(?:ai|答え|ボット|アシスタント)",
        r"أجب[^.!؟\n]{0,12}(?:بلا|بدون) (?:قيود|حدود|رقابة)",
        r"\b(?:sınırsız|kısıtlamasız|sansürsüz) (?:cevap|yanıt)|\bkuralsız (?:bir )?(?:bot|yapay|asistan)",
        r"\b(?:odpowiadaj|jesteś)\b[^.!?\n]{0,40}\bbez (?:ograniczeń|zasad|cenzury|filtrów)\b",
    )
)
_SHOW = (
    r"\b(?:zeig(?:e|en)?|gib|nenn(?:e|en)?|verrat(?:e|en)?|wiederhol(?:e|en)?|affiche[rz]?|montre[rz]?|révèle[rz]?"
    r"|donne[rz]?|répète[rz]?"
    r"|muéstr[ae](?:me)?|muestra(?:me)?|revela(?:me)?|dame|repite|mostra(?:mi)?|rivela(?:mi)?|dammi|ripeti|mostre"
    r"|mostra|revele|dê|repita"
    r"|toon|onthul|geef|herhaal|laat|wie lautet|quel(?:le)?s? (?:est|sont)|cuál(?:es)? (?:es|son)|qual(?:i)? (?:è|é"
    r"|sono|são))\b"
)
_HIDDEN = (
    r"(?:system-?prompts?|systemanweisung(?:en)?|prompt (?:système|de sistema|del sistema|di sistema|do sistema)"
    r"|systeemprompt"
    r"|(?:versteckten?|geheimen?|internen?|verborgen|geheime|interne) (?:anweisung(?:en)?|vorgaben|regeln|auftrag"
    r"|text|instructies|regels|configuratie|istruzioni|regole|configurazione|daten)"
    r"|(?:instructions?|consignes?|règles|configuration|données) (?:système|cachées?|internes?|secrètes?|du système)"
    r"|(?:instrucciones|reglas|configuración|instruções|regras|configuração|istruzioni|regole|configurazione) "
    r"(?:del sistema|do sistema|di sistema|ocultas?|internas?|interna|secretas?|nascoste|interne|segrete))"
)
_HIDDEN_PROMPT = "|".join(
    (
        rf"{_SHOW}[^.!?\n]{{0,45}}?\b{_HIDDEN}\b",
        r"\b(?:wort für wort|im wortlaut|wörtlich|mot pour mot|palabra por palabra|parola per parola"
        r"|palavra por palavra|woord voor woord)\b"
        r"[^.!?\n]{0,40}\b(?:deine|tes|tus|tue|suas|tuas|je|au-dessus|de arriba|qui sopra|acima|hierboven|über dieser)\b",
        r"\b(?:text|texte|texto|testo|tekst)\b[^.!?\n]{0,12}\b(?:au-dessus|de arriba|qui sopra|acima|hierboven"
        r"|über dieser)\b",
        r"(?:покажи|выведи|раскрой|повтори)(?:те)?\b[^.!?\n]{0,30}системн\w{0,5} (?:промпт|инструкц|подсказк)",
        r"(?:你的|输出|告诉我|显示|透露|说出)[^。！？\n]{0,8}(?:系统|系統)(?:提示词|提示詞|提示|指令)",
        r"(?:システムプロンプト|システムの指示)[^。！？\n]{0,10}(?:表示|出力|教え|見せ)",
        r"(?:اعرض|اكشف|أظهر|أخبرني)[^.!؟\n]{0,20}(?:تعليمات|موجه|أوامر) النظام",
        r"\bsistem (?:istem|talimat|yönerge|prompt)\w{0,12}\b[^.!?\n]{0,20}\b(?:göster|yaz|açıkla|paylaş)",
        r"\b(?:pokaż|wypisz|ujawnij|podaj)\b[^.!?\n]{0,30}\b(?:prompt\w{0,3} systemow|(?:ukryt"
        r"|systemow)\w{0,4} (?:instrukcj|polece|prompt)"
        r"|instrukcj\w{0,3} systemow)",
    )
)

LANGUAGES: tuple[Rule, ...] = (
    rule(
        "injection",
        0.95,
        _SET_ASIDE,
        _ASIDE,
        unless=r"\b(?:vergiss|vergessen sie|n'oublie[zr]?|vergeet) (?:bitte )?(?:nicht|pas|niet)\b"
        r"|\bnon dimenticare\b|\bno olvide[s]?\b",
    ),
    rule("injection", 0.92, _WITHOUT_RULES, _FREE),
    rule("injection", 0.92, _HIDDEN_PROMPT, _PROMPT),
)
