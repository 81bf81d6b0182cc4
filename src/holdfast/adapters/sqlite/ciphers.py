"""The package that encrypts, imported when the first space needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.errors import StoreError

if TYPE_CHECKING:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV


def load_ciphers() -> tuple[type[AESGCM], type[AESSIV], type[InvalidTag]]:
    """AES-GCM, AES-SIV, and the error they raise at bytes that were altered.

    Raises:
        StoreError: the extra ``encryption`` is not installed.
    """
    try:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
    except ImportError as error:
        raise StoreError(
            f"An encrypted space needs the package cryptography, which cannot be imported ({error}). Nothing was "
            "changed; install it with: pip install 'holdfast[encryption]'"
        ) from None
    return AESGCM, AESSIV, InvalidTag
