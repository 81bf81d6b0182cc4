"""Passwords, PINs and codes told in words: "my password is …", "PIN: …", ``DB_PASSWORD=…``.

A word for a password in one of fourteen languages, a link (a sign such as ``:`` or a verb such as "is"), and a
value. Talk about passwords has the same shape ("my password is too long"), so a value counts only if it
looks like one: quoted, or with digits or signs in it; a plain word only where nothing else follows it and it
is not one of the words that such talk goes on with.
"""

from __future__ import annotations

import re

from holdfast.core.policy.detectors.guards import is_code, is_placeholder, mentions, words_of
from holdfast.model.policy import Finding, Sensitive

_NEAR = 30
"""How far before the word a "my" may stand."""
STAND_INS = words_of(
    "password passwd pass passwort contraseña clave senha secret user username token none null nil true false str "
    "string bytes int bool any optional undefined empty required optional hidden unknown"
)
"""What documentation and code write where a password goes."""

_WORD = re.compile(
    r"(?:pass[ _-]?(?:word|phrase|code|wd)|pwd|passwort|kennwort|contraseña|clave(?! (?:de )?api)|mot de passe|senha"
    r"|palavra-passe|parola d'ordine|wachtwoord|hasło|lösenord|adgangskode|пароль|密码|密碼|パスワード"
    r"|şifre|parola|비밀번호|wi-?fi[ -](?:code|key)|(?<![A-Za-z])(?:pw|pass|psk)(?=[\"'`]{0,2}\s{0,2}[:=]))"
    r"(?![a-rt-zA-Z])",
    re.IGNORECASE,
)
_PASSWORD = (
    *(
        "passw",
        "passp",
        "passc",
        "pass_",
        "pass-",
        "pass ",
        "pwd",
        "kennwort",
        "contrase",
        "clave",
        "mot de",
        "senha",
        "palavra",
        "parola",
        "wachtwoord",
        "hasło",
    ),
    *(
        "wifi",
        "wi-fi",
        "pw",
        "pass:",
        "pass=",
        "psk",
        'pass"',
        "lösenord",
        "adgang",
        "пароль",
        "密",
        "パス",
        "şifre",
        "비밀",
    ),
)
_CODED = ("pin", "sim", "code", "otp", "código", "geheimzahl", "acceso", "verificación")
_OWN = re.compile(
    r"(?:\b(?:my|our|his|her|their|mi|mon|meine?|mia|minha|mijn|moje|mitt|мой)\b|我的|私の)", re.IGNORECASE
)
_FOR = re.compile(
    r"(?:\s{1,2}(?:for|to|of|at|on|in|para|für|pour|de|del|per|do|da|voor|till|для|du|des|vom|zum|della|al)(?:\s{1,2}[\w.@'/-]{1,30}+){1,4}?)"
    r"(?=\s{0,2}(?:[:=]|\s(?:is|was|es|est|ist|lautet|è|é|jest|är|er)\s))",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"[\"'`*\])]{0,3}\s{0,4}(?:(?P<sign>=>|:=|->|={1,2}|:)"
    r"|(?P<verb>(?:'s|is|was|are|set to|changed to|es|est|ist|lautet|è|é|jest|to|är|er|это)(?![\w-])"
    r"|[是は为為은는])\s{0,2}[:=]?"
    r"|(?P<dash>-(?=\s)|\s?\|))\s{0,4}",
    re.IGNORECASE,
)
_DIRECT = re.compile(r"\s{1,3}(?=[\"'`][^\s\"'`]{4,64}+[\"'`]|[^\s\"'`]{6,64}+(?!\S))")
_FLAG = re.compile(r"--(?:password|passwd|pass|token|secret|api-key)(?:\s{1,2}|=)(?=[^\s-])", re.IGNORECASE)
_QUOTED = re.compile(r"([\"'`])([^\"'`\n]{3,200}+)\1")
_BARE = re.compile(r"[^\s\"'`,;<>()\[\]{}。，、」]{3,200}+")
_CODE = re.compile(
    r"(?<![A-Za-z])(?:(?P<pin>pin|sim)(?:[ -]?(?:code|number|nummer|no\.?))?"
    r"|(?:door|gate|alarm|entry|lock|safe|garage|access|security|verification|one[- ]time|unlock|pass|login|auth"
    r"|backup|recovery"
    r"|2fa|mfa|otp|sms|bestätigungs|código de)[ -]?(?:code|verificación|acceso)|otp"
    r"|código pin|geheimzahl|code confidentiel|código de seguridad)(?![A-Za-z])"
    r"(?:\s{1,2}(?:for|to|of|at|on|in|für|para|pour)(?:\s{1,2}[\w.@'-]{1,20}+){1,4}?)?"
    r"\s{0,3}(?:[:=#]|(?:is|was|es|est|ist|lautet|è|é)(?![A-Za-z]):?)\s{0,3}[\"'`]?#?(\d{3,4}[ -]\d{3,4}"
    r"|\d{3,10}+)(?![\w%])(?!\.\d)",
    re.IGNORECASE,
)
_YOUR_CODE = re.compile(
    r"(?<![\w.])(?:[A-Z]-)?(\d{4,8}) is (?:your|the) (?:\w{1,16} ){0,3}?(?:code|otp|pin|passcode)\b", re.IGNORECASE
)
_BARE_PIN = re.compile(r"\bPIN(?: code)? (\d{4})(?![\w.%-])")
_RECOVERY = re.compile(
    r"\b(?:recovery|backup|2fa|mfa) codes?(?: is| are)?:?\s{1,3}"
    r"((?=[A-Za-z-]{0,40}\d)[A-Za-z0-9]{4,8}+(?:-[A-Za-z0-9]{4,8}+){1,5})(?![\w-])",
    re.IGNORECASE,
)
_SEED = re.compile(
    r"\b(?:seed|recovery|mnemonic|backup|secret)(?: (?:phrase|words))?(?: is| are)?\s{0,2}[:=]?\s{1,3}[\"']?"
    r"((?:[a-z]{3,8}+[ ,]{1,2}){11,23}[a-z]{3,8})\b"
)
"""BIP-39: 12 to 24 words of 3 to 8 letters."""
_COUNTED = re.compile(
    r"\s{1,2}(?:-\s)?(?:char|digit|letter|symbol|byte|bit|day|hour|minute|month|year|time|attempt|word"
    r"|zeichen)",
    re.IGNORECASE,
)
_TALK = words_of(
    """
    a about above accepted active added again all allowed already also always an and another asked at automatically
    available bad based been before being below better between both broken but by can cannot case-sensitive changed
    checked checking coming compromised correct created current default definitely different difficult done due easy
    either encrypted enforced enough entered even exactly expired fine first for forgotten from generated getting
    going good great had handled hard hashed has have here hers hidden his how huge i if important impossible in
    incorrect invalid it its just kept known least leaked less like locked long longer lost mandatory maybe mine
    missing more most much must my need needed never new nice no not nothing now null obvious of off ok okay old on
    one only or original our out outdated over permanent plain please possible private probably protected public
    random reset reused right safe same saved secure see sent set shared short should simple so some something
    sometimes somewhere stale still stolen stored strong stuck such super supposed temporary terrible that the their
    them then there these they this those to too tricky true two typed unchanged unique unsafe up updated used useless
    usually valid very visible was weak what when where which who why with without working wrong yes yet you your
    manager managers field prompt reset policy string str text unknown none required protected incorrecta correcta
    falsch richtig incorrect oublié vergessen fehlt segura débil larga corta
    """
)


def find(text: str) -> list[Finding]:
    """Passwords and codes told in words, in folded text."""
    found: list[Finding] = []
    for match in _WORD.finditer(text) if mentions(text, _PASSWORD) else ():
        after = _FOR.match(text, match.end())
        link = _LINK.match(text, after.end() if after else match.end())
        if link:
            own = _OWN.search(text, max(0, match.start() - _NEAR), link.start()) and link["verb"] != "'s"
            found += _value(text, link.end(), verbal=not link["sign"], own=bool(own))
        elif direct := _DIRECT.match(text, match.end()):
            # "log in with password …": nothing links the two, so the value must look like one.
            found += [
                one for one in _value(text, direct.end(), verbal=True, own=False) if _mixed(text[one.start : one.end])
            ]
    for match in _FLAG.finditer(text) if "--" in text else ():
        found += _value(text, match.end(), verbal=False, own=False)
    if mentions(text, _CODED):
        found += _codes(text)
    if mentions(text, ("phrase", "words", "mnemonic")):
        found += [Finding(Sensitive.CREDENTIAL, "seed phrase", *match.span(1), 0.9) for match in _SEED.finditer(text)]
    return found


def _codes(text: str) -> list[Finding]:
    """PINs and one-time codes, recovery codes, and codes told as messages do: "123456 is your code"."""
    found: list[Finding] = []
    for match in _CODE.finditer(text):
        label = "PIN" if match["pin"] else "access code"
        if len(match[2]) <= 8:
            found.append(Finding(Sensitive.CREDENTIAL, label, *match.span(2), 0.8))
    for shape in (_YOUR_CODE, _BARE_PIN, _RECOVERY):
        found += [Finding(Sensitive.CREDENTIAL, "access code", *match.span(1), 0.8) for match in shape.finditer(text)]
    return found


def _value(text: str, place: int, *, verbal: bool, own: bool) -> list[Finding]:
    """The password that stands there, if one does."""
    quoted = _QUOTED.match(text, place)
    if quoted:
        start, end = quoted.span(2)
        value = text[start:end]
        if _refused(value) or (" " in value and not _has_signs(value)):
            return []
        return [Finding(Sensitive.CREDENTIAL, "password", start, end, 0.9)]
    bare = _BARE.match(text, place)
    if not bare:
        return []
    value = bare[0].rstrip(".,:;|\\")
    # A sign at the end belongs to a password with digits, and to the sentence after a word.
    value = value.rstrip("!?*_") if value.rstrip("!?*_").isalpha() else value
    start, end = place, place + len(value)
    following = text[end : end + 24]
    if len(value) < 3 or _refused(value) or following[:1] in ("(", "[", "{") or _COUNTED.match(following):
        return []
    if _has_signs(value):
        if len(value) < 4 or (value.isdigit() and verbal and len(value) < 4):
            return []
        return [Finding(Sensitive.CREDENTIAL, "password", start, end, 0.9)]
    ends = not re.match(r"[.,!?;)\"']{0,3}[ \t]{1,3}[^\s]", following)
    plain = value.isalpha() and len(value) >= 4 and not re.search(r"(?:ed|ing|ly|able|ful|less|ous)$", value)
    if plain and ends and (own or not verbal) and value.lower() not in _TALK:
        return [Finding(Sensitive.CREDENTIAL, "password", start, end, 0.6)]
    return []


def _mixed(value: str) -> bool:
    return bool(re.search(r"[A-Za-z]", value) and re.search(r"\d|[!#$%^&*+=~]", value))


def _refused(value: str) -> bool:
    return is_placeholder(value) or is_code(value) or value.lower().strip("*_") in STAND_INS


def _has_signs(value: str) -> bool:
    """Digits or signs among letters: what people put in passwords and not in words."""
    return bool(re.search(r"\d|[!@#$%^&*+=~?§€£]", value)) and not re.fullmatch(
        r"https?:.{0,200}"
        r"|[\w-]{1,40}'s",
        value,
    )
