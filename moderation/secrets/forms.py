"""The published forms of keys and tokens: one line a form, found by a literal that stands in every one of its kind.

Every quantifier is bounded or runs over one class of characters, so that finding is linear in the text's length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from moderation.secrets.strength import crc32_base62, json_web_token

KEY, PRIVATE_KEY, PASSWORD = "key", "private_key", "password"
_EDGE = r"(?<![A-Za-z0-9_])"
_END = r"(?![A-Za-z0-9_])"


@dataclass(frozen=True)
class SecretForm:
    """hints: one of them stands in every secret of the form. proves: a checksum or a structure, where the form has one."""

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    proves: Callable[[str], bool] | None = None
    category: str = KEY


def _form(name: str, hints: str, pattern: str, proves: Callable[[str], bool] | None = None) -> SecretForm:
    return SecretForm(name, tuple(hints.split()), re.compile(_EDGE + rf"(?:{pattern})" + _END), proves)


FORMS: tuple[SecretForm, ...] = (
    # cloud providers
    _form("AWS access key", "AKIA ASIA ABIA ACCA", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    _form("Google API key", "AIza", r"AIza[\w-]{35}"),
    _form("Google OAuth secret", "GOCSPX- ya29.", r"GOCSPX-[\w-]{28}|ya29\.[\w-]{20,4000}"),
    _form("Azure client secret", "Q~", r"[\w~.-]{3}[78]Q~[\w~.-]{31,34}"),
    _form("DigitalOcean token", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _form("Heroku token", "HRKU-", r"HRKU-[\w-]{36,64}"),
    _form("Vault token", "hvs. hvb. hvr.", r"hv[sbr]\.[\w-]{24,2000}"),
    _form("Terraform token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,70}"),
    _form("Databricks token", "dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    _form("Pulumi token", "pul-", r"pul-[0-9a-f]{40}"),
    # code hosts and package registries
    _form("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36}", crc32_base62),
    _form("GitHub fine-grained token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _form(
        "GitLab token",
        "glpat- gldt- glrt- glptt- glcbt- glsoat-",
        r"gl(?:pat|dt|rt|ptt|cbt|soat)-[\w-]{20,60}(?:\.\w{2}\.\w{9})?",
    ),
    _form("Atlassian token", "ATATT3 ATBB", r"ATATT3[\w=-]{60,2000}|ATBB[A-Za-z0-9]{32}"),
    _form("npm token", "npm_", r"npm_[A-Za-z0-9]{36}", crc32_base62),
    _form("PyPI token", "pypi-", r"pypi-AgE[\w-]{50,2000}"),
    _form("RubyGems key", "rubygems_", r"rubygems_[0-9a-f]{48}"),
    _form("Docker token", "dckr_", r"dckr_(?:pat|oat)_[\w-]{27,32}"),
    # payments
    _form("Stripe key", "sk_live_ sk_test_ rk_live_ rk_test_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,120}"),
    _form("webhook signing secret", "whsec_", r"whsec_[A-Za-z0-9+/]{24,64}=*"),
    _form("Square token", "sq0 EAAA", r"sq0(?:atp|csp|idp)-[\w-]{22,43}|EAAA[\w-]{60}"),
    _form("Braintree token", "access_token$", r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    _form("Shopify token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _form(
        "Plaid token", "access-", r"access-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    ),
    # chat and mail
    _form("Slack token", "xox xapp-", r"xox[abeoprs](?:-[A-Za-z0-9]{1,80}){2,6}|xapp-\d(?:-[A-Za-z0-9]{1,80}){3}"),
    _form("Slack webhook", "hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/]{30,90}"),
    _form("Discord webhook", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d{17,20}/[\w-]{60,80}"),
    _form("Discord token", ".", r"[MNO][A-Za-z\d_-]{23,27}\.[\w-]{6}\.[\w-]{27,40}"),
    _form("Telegram token", ":AA", r"\d{8,10}:AA[\w-]{33}"),
    _form("Twilio key", "SK", r"SK[0-9a-f]{32}"),
    _form("SendGrid key", "SG.", r"SG\.[\w-]{22}\.[\w-]{43}"),
    _form("Mailgun key", "key-", r"key-[0-9a-f]{32}"),
    _form("Mailchimp key", "-us", r"[0-9a-f]{32}-us\d{1,2}"),
    # models and tools
    _form("model provider's key", "sk-", r"sk-(?:(?:proj|svcacct|admin|ant|or|lf)-)?[A-Za-z0-9_-]{20,4000}"),
    _form("Hugging Face token", "hf_", r"hf_[A-Za-z]{34}"),
    _form("Groq key", "gsk_", r"gsk_[A-Za-z0-9]{52}"),
    _form("Replicate token", "r8_", r"r8_[A-Za-z0-9]{37}"),
    _form("xAI key", "xai-", r"xai-[A-Za-z0-9]{70,90}"),
    _form("Grafana token", "glsa_ glc_", r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|glc_[A-Za-z0-9+/]{32,2000}={0,2}"),
    _form("New Relic key", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _form("Sentry token", "sntr", r"sntry[su]_[\w=+/-]{40,2000}"),
    _form("Postman key", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _form("Linear key", "lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    _form("Notion token", "ntn_", r"ntn_[A-Za-z0-9]{40,50}"),
    _form("Supabase token", "sbp_", r"sbp_[0-9a-f]{40}"),
    _form("Countersign key", "cs_", r"cs_[\w-]{30,80}"),
    _form("age secret key", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    # JSON Web Tokens; the third part is not demanded, so that one that a segment cuts in two is known by its first half
    _form("JSON Web Token", "eyJ", r"eyJ[\w-]{8,2000}\.eyJ[\w-]{8,8000}(?:\.[\w-]{0,8000})?", json_web_token),
)

# With its end, or as far as its body goes: an answer's segment may hold the beginning alone. Possessive, so linear.
PRIVATE_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:\s|\\[nr])*+[A-Z][A-Za-z-]{2,20}: [^\n]{0,200})*+(?:(?:\s|\\[nr])*+[A-Za-z0-9+/=]{16,}+)++"
    r"(?:(?:\s|\\[nr])*+[A-Za-z0-9+/=]{1,15})?(?:(?:\s|\\[nr])*+-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
    r"|PuTTY-User-Key-File-\d[^\n]{0,100}(?:\n[^\n]{1,200}){1,100}"
)
# The lines of a key's body, for an answer's segments after the one that held the key's first line.
KEY_BODY = re.compile(r"(?:(?<=\s)|^)(?:[A-Za-z0-9+/]{60,80}[ \t]*\r?\n){1,200}(?:[A-Za-z0-9+/]{1,80}={0,2}(?=\s|$))?", re.M)
KEY_ENDS = re.compile(r"(?:[A-Za-z0-9+/]{1,80}={0,2}\s{1,3})?-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
PUBLIC_BLOCK = re.compile(r"-----BEGIN (?![A-Z0-9 ]{0,40}PRIVATE)[A-Z0-9 ]{4,40}-----")

# One of these stands in every match of the patterns below, in lower case: looking for them first is ten times cheaper.
REQUEST_WORDS = ("bearer ", "basic ", "token ", "apikey ")
NAME_WORDS = (
    "pass", "pwd", "kennwort", "contrase", "secret", "key", "token", "credential", "sig=", "sig:",
)  # fmt: skip
CODE_WORDS = ("pin", "cvv", "cvc", "code", "otp", "tan", "one-time", "one time")

CONNECTION = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,30}://[^\s:/@'\"<>]{0,80}:(?P<value>[^\s/@'\"<>]{3,120}(?:/[^\s/@'\"<>]{1,60}){0,2})@[\w.\[-]",
    re.I,
)
AUTHORIZATION = re.compile(r"\b(?P<kind>bearer|basic|token|apikey)\s{1,3}(?P<value>[A-Za-z0-9._~+/-]{16,4000}={0,2})", re.I)
# Everybody who is invited knows the code of a call: it keeps nothing secret.
CONFERENCE = re.compile(
    r"\b(?:(?:conference|earnings|investors?|analysts?|webcast|audio|video) (?:call|id|line|number|meeting)|webcast|replay"
    r"|dial(?:ing)?[- ]?in|toll[- ]free|meeting (?:id|code|passcode|pass ?word)|zoom|webex)\b",
    re.I,
)
_NAMED = (
    r"(?P<name>(?:[A-Za-z0-9]{1,30}[_.-]){0,4}(?:pass(?:word|wd|phrase|code)?|pwd|passwort|kennwort|mot de passe|contraseña"
    r"|secret|api[_ -]?key|apikey|access[_ -]?key(?:[_ -]?id)?|account[_ -]?key|client[_ -]?secret|auth[_ -]?token"
    r"|(?:access|refresh|bearer|session|id)[_ -]?token|token|private[_ -]?key|secret[_ -]?key|encryption[_ -]?key"
    r"|signing[_ -]?key|credentials?|sharedaccesskey|sig)(?:[_.-][A-Za-z0-9]{1,20}){0,2})"
)
ASSIGNED = re.compile(
    rf"(?<![A-Za-z0-9]){_NAMED}[\"'`*]{{0,3}}\s{{0,3}}(?P<op>:=|=>|==?|:|→)\s{{0,3}}[*]{{0,2}}"
    r"(?:\"(?P<dq>[^\"\n]{4,400})\"|'(?P<sq>[^'\n]{4,400})'|`(?P<bq>[^`\n]{4,400})`|(?P<bare>[^\s\"'`,;<>|]{4,400}))",
    re.I,
)
SAID = re.compile(
    rf"(?<![A-Za-z0-9]){_NAMED}(?: (?:for|to|of|von|für) [^.!?\n]{{1,40}}?)? (?:is|was|are|lautet|ist|est|es)(?: now)?:?\s"
    r"{0,3}[\"'“”`«]{0,2}(?P<value>[^\s\"'“”`»,;<>]{4,200})",
    re.I,
)
ONE_TIME = re.compile(
    r"\b(?:pin(?! ?-?code)|cvv2?|cvc2?|(?:card )?security code|otp"
    r"|one[- ]time (?:code|pass(?:word|code)|pin)|(?:sms|mobile)[- ]?tan|verification code"
    r"|passcode|tan)\b(?: (?:number|code))?(?: (?:for|of|to|on) [^.!?\n\d]{1,40}?)?"
    r"(?:\s{0,2}(?:is|was|=|:)|,? it(?: is|'s)| ist)\s{0,3}[\"'“]?"
    r"(?P<value>\d{3,8})(?![\d.,%/-]*\d|\s?(?:%|digits?|characters?|times))",
    re.I,
)
