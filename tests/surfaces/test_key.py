"""`holdfast key` and the options by which every command finds a key."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from holdfast import Keyring
from tests.surfaces.shell import Shell

KEY = bytes(range(32))


@pytest.fixture
def keyed(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    monkeypatch.setenv("HOLDFAST_DB", str(shell.space))
    monkeypatch.setenv("HOLDFAST_EMBEDDER", "none")
    monkeypatch.setenv("HOLDFAST_KEYRING", str(tmp_path / "keys.json"))
    return shell


def plain(shell: Shell) -> bool:
    return any(b"Quillon" in file.read_bytes() for file in shell.folder.glob("space.db*"))


def test_with_a_keyring_a_space_is_made_encrypted_and_every_command_reads_it(keyed, monkeypatch):
    keyed.ok("add", "Quillon lives in Lisbon.")
    assert not plain(keyed)
    assert "Lisbon" in keyed.ok("recall", "Quillon")
    (key,) = keyed.json("key", "list")["keys"]
    assert (key["destroyed"], len(key["key"])) == (False, 16)
    assert "encrypted under the key" in keyed("doctor").stdout
    monkeypatch.delenv("HOLDFAST_KEYRING")
    code, error = keyed.error("recall", "Quillon")
    assert code == 5
    assert "no key was given" in error
    assert "--keyring" in keyed("doctor").stdout


def test_encrypt_rotate_destroy(keyed):
    keyed.ok("add", "Quillon lives in Lisbon.", "--keyring", "none")
    assert plain(keyed)
    code, error = keyed.error("recall", "Quillon")
    assert (code, "There is no keyring" in error) == (5, True)
    Keyring.open(os.environ["HOLDFAST_KEYRING"])
    code, error = keyed.error("recall", "Quillon")
    assert (code, "holdfast key encrypt" in error) == (5, True)
    first = keyed.json("key", "encrypt")
    assert not plain(keyed)
    second = keyed.json("key", "rotate")
    third = keyed.json("key", "rotate", "--data")
    assert len({one["key"] for one in (first, second, third)}) == 3
    assert "Lisbon" in keyed.ok("recall", "Quillon")
    code, error = keyed.error("key", "destroy", first["space"])
    assert (code, "Nothing was destroyed" in error) == (4, True)
    assert keyed.json("key", "destroy", first["space"], "--confirm", first["space"])["destroyed"] == 1
    code, error = keyed.error("recall", "Quillon")
    assert (code, "was destroyed on" in error) == (5, True)
    assert "destroyed" in keyed.ok("key", "list")


@pytest.mark.parametrize("written", [KEY.hex(), base64.b64encode(KEY).decode()])
def test_a_key_in_the_environment_opens_one_space(keyed, monkeypatch, written):
    monkeypatch.delenv("HOLDFAST_KEYRING")
    monkeypatch.setenv("HOLDFAST_KEY", written)
    keyed.ok("add", "Quillon lives in Lisbon.")
    assert not plain(keyed)
    assert "Lisbon" in keyed.ok("recall", "Quillon")
    monkeypatch.setenv("HOLDFAST_KEY", os.urandom(32).hex())
    assert keyed.error("recall", "Quillon")[0] == 5
    monkeypatch.setenv("HOLDFAST_KEY", "quite-secret")
    code, error = keyed.error("recall", "Quillon")
    assert (code, "quite-secret" in error) == (2, False)
    assert keyed.error("key", "rotate")[0] == 2


def test_a_folder_may_not_choose_the_keyring(keyed, monkeypatch):
    monkeypatch.chdir(keyed.folder)
    (keyed.folder / "holdfast.toml").write_text('keyring = "theirs.json"\n')
    code, error = keyed.error("add", "Quillon.")
    assert (code, "names a keyring" in error) == (2, True)
    assert not (keyed.folder / "theirs.json").exists()


def test_commands_about_keys_need_a_keyring(keyed, monkeypatch):
    monkeypatch.delenv("HOLDFAST_KEYRING")
    for arguments in (("key", "list"), ("key", "encrypt"), ("key", "rotate"), ("key", "destroy", "x")):
        code, error = keyed.error(*arguments)
        assert code == 2
        assert "keyring" in error
    assert keyed.error("key", "list", "--keyring", "nowhere.json")[0] == 5


def test_a_house_is_encrypted_with_the_keyring(keyed, tmp_path, monkeypatch):
    house = str(tmp_path / "house")
    keyed.ok("house", "create", "acme/ada", "--house", house)
    monkeypatch.delenv("HOLDFAST_DB")
    keyed.ok("add", "Quillon lives in Lisbon.", "--house", house, "--space", "acme/ada")
    assert "Lisbon" in keyed.ok("recall", "Quillon", "--house", house, "--space", "acme/ada")
    assert not any(b"Quillon" in file.read_bytes() for file in (tmp_path / "house").iterdir())
    assert len(keyed.json("key", "list")["keys"]) == 1
