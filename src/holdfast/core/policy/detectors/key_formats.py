"""The public formats of keys and tokens: what providers put in front so that scanners can find them.

Sources: the providers' own pages on key formats and on secret scanning (GitHub "About secret scanning"
and "Behind GitHub's new authentication token formats", AWS "IAM identifiers", Stripe "API keys", Slack
"Token types", GitLab "Token prefixes"), and for the rest the rules published by the Gitleaks project.
Every repetition is bounded; a longer key is found by its first part and taken to the end of its run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_B62 = "[A-Za-z0-9]"
_WEB = "[A-Za-z0-9_-]"
_HEX = "[0-9a-f]"

_FORMATS: tuple[tuple[str, str], ...] = (
    ("AWS access key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    ("GitHub token", rf"gh[pousr]_{_B62}{{36,255}}"),
    ("GitHub token", r"github_pat_[A-Za-z0-9_]{60,255}"),
    ("GitLab token", rf"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-{_WEB}{{20,255}}"),
    ("Slack token", r"xox[abceprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,250}"),
    ("Slack token", r"xapp-\d-[A-Za-z0-9-]{10,250}"),
    ("Stripe key", rf"(?:sk|rk)_(?:live|test|prod)_{_B62}{{10,250}}"),
    ("Stripe webhook secret", r"whsec_[A-Za-z0-9+/=]{24,250}"),
    ("Anthropic key", rf"sk-ant-{_WEB}{{20,250}}"),
    ("OpenAI key", rf"sk-(?:proj-|svcacct-|admin-|None-)?{_WEB}{{20,250}}"),
    ("OpenRouter key", rf"sk-or-v1-{_HEX}{{40,100}}"),
    ("Google API key", rf"AIza{_WEB}{{35}}(?![A-Za-z0-9_-])"),
    ("Google OAuth secret", rf"GOCSPX-{_WEB}{{28}}"),
    ("Google OAuth token", rf"ya29\.{_WEB}{{20,250}}"),
    ("Google OAuth token", rf"1//0{_WEB}{{30,250}}"),
    ("npm token", rf"npm_{_B62}{{36}}(?![A-Za-z0-9])"),
    ("PyPI token", rf"pypi-AgE{_WEB}{{50,250}}"),
    ("RubyGems key", rf"rubygems_{_HEX}{{48}}"),
    ("crates.io token", rf"cio{_B62}{{32}}(?![A-Za-z0-9])"),
    ("Docker token", rf"dckr_[po]at_{_WEB}{{24,100}}"),
    ("SendGrid key", rf"SG\.{_WEB}{{16,32}}\.{_WEB}{{32,64}}"),
    ("Mailgun key", rf"key-{_HEX}{{32}}(?![A-Za-z0-9])"),
    ("Mailchimp key", rf"{_HEX}{{32}}-us\d{{1,2}}(?![A-Za-z0-9])"),
    ("Brevo key", rf"xkeysib-{_HEX}{{64}}-{_B62}{{16}}"),
    ("Twilio key", rf"SK{_HEX}{{32}}(?![A-Za-z0-9])"),
    ("Telegram bot token", rf"\d{{8,10}}:AA{_WEB}{{33}}(?![A-Za-z0-9_-])"),
    ("Discord token", rf"[MNO]{_B62}{{23,27}}\.{_WEB}{{6}}\.{_WEB}{{27,40}}"),
    ("DigitalOcean token", rf"do[opr]_v1_{_HEX}{{64}}"),
    ("Shopify token", rf"shp(?:at|ca|pa|ss)_{_HEX}{{32}}"),
    ("Square token", rf"(?:sq0(?:atp|csp)-{_WEB}{{22,60}}|EAAA{_WEB}{{56,80}})"),
    ("Facebook token", rf"EAA{_B62}{{80,250}}"),
    ("Hugging Face token", rf"(?:hf|api_org)_{_B62}{{34}}(?![A-Za-z0-9])"),
    ("Groq key", rf"gsk_{_B62}{{40,80}}"),
    ("xAI key", rf"xai-{_B62}{{60,100}}"),
    ("Perplexity key", rf"pplx-{_B62}{{40,80}}"),
    ("Replicate token", rf"r8_{_B62}{{37}}(?![A-Za-z0-9])"),
    ("Tavily key", rf"tvly-{_WEB}{{20,60}}"),
    ("LangSmith key", rf"lsv2_(?:pt|sk)_{_HEX}{{32}}_{_HEX}{{10}}"),
    ("Databricks token", rf"dapi{_HEX}{{32}}(?:-\d)?(?![A-Za-z0-9])"),
    ("HashiCorp Vault token", rf"hv[bsr]\.{_WEB}{{24,250}}"),
    ("Terraform token", rf"{_B62}{{14}}\.atlasv1\.{_WEB}{{60,80}}"),
    ("Pulumi token", rf"pul-{_HEX}{{40}}(?![A-Za-z0-9])"),
    ("Doppler token", rf"dp\.(?:pt|st|ct|sa|scim|audit)\.{_WEB}{{40,60}}"),
    ("Grafana token", rf"(?:glc_[A-Za-z0-9+/=]{{32,250}}|glsa_{_B62}{{32}}_{_HEX}{{8}})"),
    ("New Relic key", r"NRAK-[A-Z0-9]{27}(?![A-Za-z0-9])"),
    ("Sentry token", r"sntry[su]_[A-Za-z0-9+/=_-]{40,250}"),
    ("Atlassian token", r"ATATT3[A-Za-z0-9_=-]{60,250}"),
    ("Linear key", rf"lin_(?:api|oauth)_{_B62}{{32,64}}"),
    ("Notion token", rf"(?:ntn_{_B62}{{40,60}}|secret_{_B62}{{43}})(?![A-Za-z0-9])"),
    ("Airtable token", rf"pat{_B62}{{14}}\.{_HEX}{{64}}"),
    ("Figma token", rf"fig[dou]_{_WEB}{{36,60}}"),
    ("Postman key", rf"PMAK-{_HEX}{{24}}-{_HEX}{{34}}"),
    ("PlanetScale token", rf"pscale_(?:tkn|pw|oauth)_{_WEB}{{32,64}}"),
    ("Supabase token", rf"sb(?:p_{_HEX}{{40}}|_secret_{_WEB}{{20,60}})"),
    ("Netlify token", rf"nfp_{_B62}{{36,60}}"),
    ("Heroku token", rf"HRKU-{_WEB}{{36,80}}"),
    ("Fly.io token", r"(?:fm[12][ra]?|fo1)_[A-Za-z0-9+/=_-]{40,250}"),
    ("Dropbox token", rf"sl\.(?:u\.)?{_WEB}{{60,250}}"),
    ("EasyPost key", rf"EZ[AT]K{_B62}{{54}}"),
    ("Alibaba Cloud key", rf"LTAI{_B62}{{16,20}}(?![A-Za-z0-9])"),
    ("Tencent Cloud key", rf"AKID{_B62}{{32}}(?![A-Za-z0-9])"),
    ("Twitter bearer token", r"A{20}[A-Za-z0-9%]{60,250}"),
    ("1Password token", rf"ops_eyJ{_WEB}{{60,250}}"),
    ("age secret key", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    ("Adobe secret", rf"p8e-{_B62}{{32}}(?![A-Za-z0-9])"),
    ("Clojars token", rf"CLOJARS_{_B62}{{60}}"),
    ("Buildkite token", rf"bkua_{_HEX}{{40}}"),
    ("CircleCI token", rf"CCIPAT_{_B62}{{22}}_{_HEX}{{40}}"),
    ("Flutterwave key", rf"FLWSECK(?:_TEST)?-{_B62}{{20,60}}"),
    ("Paystack key", rf"sk_(?:live|test)_{_HEX}{{40}}"),
    ("Slack webhook", rf"hooks\.slack\.com/(?:services|workflows)/[A-Z0-9]{{8,12}}/[A-Z0-9]{{8,12}}/{_B62}{{20,32}}"),
    ("Discord webhook", rf"discord(?:app)?\.com/api/webhooks/\d{{17,20}}/{_WEB}{{60,80}}"),
    ("Teams webhook", rf"webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]{{60,200}}/{_HEX}{{32}}/[A-Za-z0-9-]{{36}}"),
)

NAMES: Mapping[str, str] = MappingProxyType({f"f{n}": label for n, (label, _) in enumerate(_FORMATS)})
"""What each group of `KEY` is called in words."""

KEY = re.compile("(?<![A-Za-z0-9])(?:" + "|".join(f"(?P<f{n}>{shape})" for n, (_, shape) in enumerate(_FORMATS)) + ")")
"""A key of a known provider. Search in runs of key characters only: it is long."""

RUN = re.compile(r"(?<![A-Za-z0-9_.+/=:@%-])[A-Za-z0-9_.+/=:@%-]{18,}+")
"""A run of characters that keys are made of; possessive, so no character is read twice."""
REST = re.compile(r"[A-Za-z0-9_=-]*+")
"""What else belongs to a key once its beginning is found."""
