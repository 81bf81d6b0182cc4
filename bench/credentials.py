"""Credentials that are none, made from a seed: ``true_samples`` hold one, ``false_samples`` only look like it.

Every value is drawn at run time, so no string in the repository can be taken for a key. The formats are
the providers' public ones; the sentences around them are ways people and machines hand such things on.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_LOWER, _UPPER, _DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
_B62 = _LOWER + _UPPER + _DIGITS
_WEB = _B62 + "-_"
_HEX = "0123456789abcdef"
_WORDS = [
    "river",
    "amber",
    "falcon",
    "cedar",
    "winter",
    "copper",
    "meadow",
    "violet",
    "harbor",
    "lantern",
    "pepper",
    "saddle",
    "marble",
    "orchid",
    "thunder",
    "velvet",
    "maple",
    "canyon",
    "ember",
    "willow",
]
_HOSTS = "db.internal mail.corp.test 10.2.3.4 cache.local queue.example.org".split()  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Sample:
    """A text with its secret, None where it holds none, and the family it belongs to."""

    family: str
    text: str
    secret: str | None


class _Draw:
    """Draws from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self, length: int, alphabet: str = _B62) -> str:
        """Characters of an alphabet, with at least one digit and one letter where it has both."""
        while True:
            made = "".join(self.random.choices(alphabet, k=length))
            both = any(c in _DIGITS for c in alphabet) and any(c.isalpha() for c in alphabet) and length >= 12
            if not both or (any(c.isdigit() for c in made) and any(c.isalpha() for c in made)):
                return made

    def one(self, values: list[str] | tuple[str, ...]) -> str:
        """One of the values."""
        return self.random.choice(values)

    def code(self, length: int) -> str:
        """Digits."""
        return self.text(length, _DIGITS)

    def password(self) -> str:
        """A password as people make them: words with digits and signs, or random characters."""
        word, other, number = self.one(_WORDS), self.one(_WORDS), self.random.randint(10, 9999)
        return self.one(
            [
                f"{word.title()}{number}{self.one(list('!#$%&*?'))}",
                f"{word}{number}",
                f"{word}-{other}-{number}",
                f"{word[:3]}{self.one(list('@!$'))}{other.title()}{number}",
                self.text(12, _B62 + "!#%*+"),
                f"{word.title()}_{other.title()}{number}",
            ]
        )


_FORMATS: dict[str, Callable[[_Draw], str]] = {
    "AWS access key": lambda d: d.one(["AKIA", "ASIA"]) + d.text(16, _UPPER + "234567"),
    "GitHub token": lambda d: d.one(["ghp_", "gho_", "ghs_", "ghu_", "ghr_"]) + d.text(36),
    "GitHub fine-grained": lambda d: "github_pat_" + d.text(22) + "_" + d.text(59),
    "GitLab": lambda d: "glpat-" + d.text(20, _WEB),
    "Slack": lambda d: f"xoxb-{d.code(12)}-{d.code(13)}-{d.text(24)}",
    "Slack webhook": lambda d: (
        f"https://hooks.slack.com/services/T{d.text(8, _UPPER + _DIGITS)}/B{d.text(8, _UPPER + _DIGITS)}/{d.text(24)}"
    ),
    "Stripe": lambda d: d.one(["sk_live_", "rk_live_", "sk_test_"]) + d.text(24),
    "OpenAI": lambda d: d.one(["sk-proj-", "sk-"]) + d.text(48),
    "Anthropic": lambda d: "sk-ant-api03-" + d.text(93, _WEB) + "AA",
    "Google": lambda d: "AIza" + d.text(35, _WEB),
    "Google OAuth": lambda d: "GOCSPX-" + d.text(28, _WEB),
    "npm": lambda d: "npm_" + d.text(36),
    "PyPI": lambda d: "pypi-AgEIcHlwaS5vcmc" + d.text(80, _WEB),
    "SendGrid": lambda d: "SG." + d.text(22, _WEB) + "." + d.text(43, _WEB),
    "Mailgun": lambda d: "key-" + d.text(32, _HEX),
    "Telegram": lambda d: d.code(9).replace("0", "7") + ":AA" + d.text(33, _WEB),
    "DigitalOcean": lambda d: "dop_v1_" + d.text(64, _HEX),
    "Shopify": lambda d: "shpat_" + d.text(32, _HEX),
    "Hugging Face": lambda d: "hf_" + d.text(34),
    "Databricks": lambda d: "dapi" + d.text(32, _HEX),
    "Vault": lambda d: "hvs." + d.text(90, _WEB),
    "Groq": lambda d: "gsk_" + d.text(52),
    "Linear": lambda d: "lin_api_" + d.text(40),
    "Notion": lambda d: "ntn_" + d.text(46),
    "Postman": lambda d: "PMAK-" + d.text(24, _HEX) + "-" + d.text(34, _HEX),
    "Docker": lambda d: "dckr_pat_" + d.text(27, _WEB),
    "Grafana": lambda d: "glsa_" + d.text(32) + "_" + d.text(8, _HEX),
    "Supabase": lambda d: "sbp_" + d.text(40, _HEX),
    "Twilio": lambda d: "SK" + d.text(32, _HEX),
    "Replicate": lambda d: "r8_" + d.text(37),
}  # fmt: skip
_HANDED_ON = (
    "Here is the key: {}",
    "export TOKEN={}",
    "use {} for the staging account, please",
    '{{"auth": "{}"}}',
    "I accidentally committed {} yesterday.",
    "the bot should log in with {}",
    "curl https://api.service.test/v1/items -H 'X-Key: {}'",
    "key={}\nregion=eu-west-1",
    "`{}` works, the old one is revoked",
    "Ключ: {}",
)
_TOLD = (
    ("my password is {}", "phrase"),
    ("The wifi password is {}", "phrase"),
    ("My Netflix password is {}, don't tell anyone.", "phrase"),
    ("password: {}", "phrase"),
    ("user: ada password: {}", "phrase"),
    ("the password for the shared drive is {}", "phrase"),
    ("Log in as admin with password {!r}".replace("{!r}", "'{}'"), "phrase"),
    ("mi contraseña es {}", "phrase, other language"),
    ("mein Passwort ist {}", "phrase, other language"),
    ("mon mot de passe est {}", "phrase, other language"),
    ("la mia password è {}", "phrase, other language"),
    ("minha senha é {}", "phrase, other language"),
    ("mijn wachtwoord is {}", "phrase, other language"),
    ("мой пароль: {}", "phrase, other language"),
    ("我的密码是{}", "phrase, other language"),
    ("DB_PASSWORD={}", "configuration"),
    ('  "password": "{}",', "configuration"),
    ("spring.datasource.password={}", "configuration"),
    ("  password: '{}'", "configuration"),
    ("Server=tcp:db.test;User Id=app;Password={};Encrypt=true", "configuration"),
    ("mysqldump -u root --password={} shop", "configuration"),
    ("passphrase: {}", "phrase"),
    ("pw: {}", "phrase"),
    ("my password's {} btw", "phrase"),
    ("the password to my old laptop is {}", "phrase"),
    ("le mot de passe du wifi est {}", "phrase, other language"),
    ("router login is admin / {}", "phrase, nothing named"),
)


def true_samples(seed: int = 7, per_format: int = 6) -> Iterator[Sample]:
    """Yield texts that hold one credential each: 30 key formats, and eight other families."""
    draw = _Draw(seed)
    for make in _FORMATS.values():
        for _ in range(per_format):
            key = make(draw)
            yield Sample("key of a provider", draw.one(_HANDED_ON).format(key), key.rpartition("services/")[2])
    for phrase, family in _TOLD:
        for _ in range(per_format // 2):
            password = draw.password()
            yield Sample(family, phrase.format(password), password)
    for _ in range(per_format * 3):
        yield from _structured(draw)


def _structured(draw: _Draw) -> Iterator[Sample]:
    def part(content: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    header, claims = part({"alg": "HS256", "typ": "JWT"}), part({"sub": draw.code(8), "name": draw.one(_WORDS)})
    token = f"{header}.{claims}.{draw.text(43, _WEB)}"
    yield Sample(
        "JSON web token", draw.one(("Authorization: Bearer {}", "the session is {} until noon")).format(token), token
    )
    kind = draw.one(
        ("RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY", "PGP PRIVATE KEY BLOCK")
    )
    body = "\n".join(draw.text(64, _B62 + "+/") for _ in range(6))
    pem = f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"
    yield Sample("private key", draw.one(("{}", "server.key:\n{}\n", "paste this:\n{}")).format(pem), pem)
    password, host = draw.text(16), draw.one(_HOSTS)
    scheme = draw.one(("postgresql", "mysql", "mongodb+srv", "redis", "amqp", "https", "ftp"))
    yield Sample("address with a password", f"connect to {scheme}://app:{password}@{host}:5432/main", password)
    pin = draw.code(draw.random.choice((4, 6)))
    yield Sample(
        "PIN or code",
        draw.one(("My PIN is {}.", "PIN: {}", "The door code is {}", "Verification code: {}")).format(pin),
        pin,
    )
    value, name = (
        draw.text(draw.random.choice((32, 40, 64))),
        draw.one(("API_KEY", "client_secret", "accessToken", "api key")),
    )
    link = draw.one(("=", ": ", " = ", '": "'))
    yield Sample("named random value", f"{name}{link}{value}", value)
    value = draw.text(32, _HEX)
    yield Sample(
        "named random value", draw.one(("my api key is {}", "X-Api-Key: {}", 'secret_key = "{}"')).format(value), value
    )
    value = draw.text(32)
    yield Sample("named random value", f"The API token for {draw.one(_WORDS)} is {value}", value)
    yield Sample("PIN or code", draw.one((f"{(pin := draw.code(6))} is your login code", f"my PIN is {pin}")), pin)
    words = " ".join(draw.random.choices([word for word in _WORDS if len(word) <= 8], k=12))
    yield Sample("seed phrase", f"seed phrase: {words}", words)
    basic = base64.b64encode(f"ada:{draw.password()}".encode()).decode()
    yield Sample("authorization header", f"Authorization: Basic {basic}", basic)


_PROSE = (
    "My password is too long to remember.",
    "The password is required before you continue.",
    "I forgot my password again, can you help?",
    "A good password is at least 12 characters long.",
    "Please reset the password for my account.",
    "The secret is to knead the dough twice.",
    "She said the key to the house is under the mat.",
    "Our token of appreciation is a small gift.",
    "The password field is hidden on mobile.",
    "Is your password stored safely? Mine is.",
    "The PIN is wrong, try again tomorrow.",
    "My password is the same everywhere, I know it's bad.",
    "Password managers are a good idea.",
    "He kept the secret for thirty years.",
    "The API key is missing from the settings page.",
    "Each token costs 0.002 cents, we used 123456 tokens.",
    "Password: see the vault entry",
    "my password is expired and locked",
    "The password was changed yesterday.",
    "Mi contraseña es demasiado larga.",
    "Mein Passwort ist falsch, sagt die Seite.",
    "Mon mot de passe est oublié.",
    "API keys are rotated every 90 days.",
    "authentication is handled by the gateway",
    "The door code is changed every month.",
)
_CODE = (
    'password = os.environ["DB_PASSWORD"]',
    "password = getpass.getpass()",
    "def login(user: str, password: str) -> Token:",
    "token = tokens[i]",
    "token = tokenizer.encode(text)[0]",
    "api_key = settings.api_key",
    "const apiKey = process.env.OPENAI_API_KEY;",
    "if password == confirm_password:",
    "password: ${{ secrets.DEPLOY_PASSWORD }}",
    "secret = config.get('secret')",
    "self.password = password",
    "access_token = response.json()['access_token']",
    "public_key = load_public_key(path)",
    "primary_key=True, foreign_key='user.id'",
    "private String password;",
    "password VARCHAR(255) NOT NULL",
    "cache_key = f'{user}:{page}'",
    "headers = {'Authorization': f'Bearer {token}'}",
    "auth_token = generate_token(user_id)",
    "SECRET_KEY = os.getenv('SECRET_KEY')",
    "<input type='password' name='password' id='password'>",
    "password = input('Password: ')",
    "key = lambda item: item.score",
    "client = Client(api_key=api_key, timeout=30)",
    "token_type: bearer",
)
_PLACEHOLDERS = (
    "api_key = 'your_api_key_here'",
    "export OPENAI_API_KEY=sk-...",
    "API_KEY=<your-api-key>",
    "password: ********",
    "password=changeme",
    "token: xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "api_key: 'INSERT_YOUR_KEY'",
    "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
    "postgresql://user:password@localhost:5432/db",
    "https://user:pass@example.com/",
    "mongodb://<user>:<password>@cluster0.example.net",
    "Authorization: Bearer YOUR_ACCESS_TOKEN",
    "SECRET_KEY={{ secret_key }}",
    "password = 'example_password'",
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "token: $TOKEN",
    "my password is [credential]",
    "secret: REPLACE_ME_WITH_A_SECRET",
    "api_key: dummy-key-for-tests-0001",
    "redis://:${REDIS_PASSWORD}@cache:6379/0",
)


def false_samples(seed: int = 7, each: int = 20) -> Iterator[Sample]:
    """Yield texts without a credential: digests, identifiers, code, talk, placeholders, images, products."""
    for family, texts in (("talk", _PROSE), ("code", _CODE), ("placeholder", _PLACEHOLDERS)):
        yield from (Sample(family, text, None) for text in texts)
    draw = _Draw(seed)
    for number in range(each):
        digest = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()
        name = str(uuid.UUID(int=draw.random.getrandbits(128), version=4))
        image = base64.b64encode(draw.random.randbytes(180)).decode()
        yield Sample(
            "git hash", draw.one(("commit {}", "fixed in {}", "HEAD is now at {} Tidy up")).format(digest[:40]), None
        )
        yield Sample("git hash", f"https://github.com/acme/shop/commit/{digest[:40]}", None)
        yield Sample(
            "digest", draw.one(("sha256:{}", "sha256sum: {}  file.iso", "etag: {}", "checksum {}")).format(digest), None
        )
        yield Sample("digest", f'integrity="sha512-{image[:86]}=="', None)
        yield Sample(
            "UUID", draw.one(("order {} was shipped", "request id: {}", "user_id={}", '"id": "{}"')).format(name), None
        )
        yield Sample("UUID", f"https://app.test/projects/{name}/tasks/{draw.code(6)}", None)
        yield Sample("image", f'<img src="data:image/png;base64,{image}">', None)
        yield Sample("image", f"![chart](data:image/jpeg;base64,{image})", None)
        serial = draw.text(12, _UPPER + _DIGITS)
        yield Sample("product", f"Model {draw.text(3, _UPPER)}-{draw.code(5)}, serial {serial}", None)
        yield Sample("product", f"Tracking number 1Z{draw.text(16, _UPPER + _DIGITS)} arrives on Monday", None)
        yield Sample(
            "address",
            f"https://shop.test/p/{draw.one(_WORDS)}-{draw.one(_WORDS)}-{draw.code(8)}?ref={draw.one(_WORDS)}_{draw.code(4)}",
            None,
        )
        yield Sample("address", f"https://cdn.test/static/js/main.{digest[:8]}.chunk.js", None)
        yield Sample(
            "file", f"/var/log/{draw.one(_WORDS)}/{draw.one(_WORDS)}-2024-05-{draw.random.randint(10, 28)}.log.gz", None
        )
        yield Sample(
            "identifier", f"session chat-{draw.code(4)} of {draw.one(_WORDS)}_{draw.one(_WORDS)}_{draw.code(3)}", None
        )
        yield Sample("identifier", f"trace {digest[:32]} span {digest[40:56]}", None)
        version = f"{draw.code(1)}.{draw.code(2)}.{draw.code(1)}"
        yield Sample("number", f"{draw.code(6)} rows, PIN code {draw.one(_WORDS)} street, version {version}", None)
