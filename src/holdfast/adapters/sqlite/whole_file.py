"""Files that SQLite itself encrypts, page by page: what apsw-sqlite3mc adds, in apsw's place, to apsw."""

from __future__ import annotations

import apsw

from holdfast.adapters.sqlite.database import Database
from holdfast.errors import InvalidField, StoreError, WrongKey
from holdfast.model.encryption import FILE_CIPHERS, KEY_BYTES, FileKey

_RAW = {"chacha20": "raw:{}", "sqlcipher": "x'{}'"}
"""How a key of 32 bytes is told to be one, and not a password that is stretched."""


def checked_file_key(key: FileKey) -> FileKey:
    """A key that can be used here.

    Raises:
        InvalidField: key or cipher are none.
        StoreError: SQLite cannot encrypt here.
    """
    if not isinstance(key.key, bytes) or len(key.key) != KEY_BYTES:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidField(f"The key of a FileKey must be {KEY_BYTES} random bytes.")
    if key.cipher not in FILE_CIPHERS:
        raise InvalidField(f"{key.cipher!r:.40} is no cipher of a FileKey; known are {', '.join(FILE_CIPHERS)}.")
    if not hasattr(apsw, "mc_version"):
        raise StoreError(
            "Encrypting a file as a whole needs apsw-sqlite3mc in apsw's place, and apsw is installed. Nothing was "
            "changed; in an environment of its own: pip uninstall apsw, then pip install apsw-sqlite3mc"
        )
    return key


def unlock_file(connection: Database, path: str, file_key: FileKey) -> None:
    """Give a connection the key of its file, before anything else is done with it.

    Raises:
        WrongKey: it does not open the file.
    """
    raw = _RAW[file_key.cipher].format(file_key.key.hex())
    connection.execute(f"PRAGMA cipher='{file_key.cipher}'").fetchall()
    connection.execute('PRAGMA key="' + raw + '"').fetchall()
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.NotADBError:
        raise WrongKey(
            f"{path} does not open with this FileKey: it has another key or cipher, or is no such file. It was not "
            "changed."
        ) from None
