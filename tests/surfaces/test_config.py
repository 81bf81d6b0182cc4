"""Where settings come from, and which wins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from holdfast.config import Settings, data_folder, load_settings, policy_file
from holdfast.errors import InvalidField


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    return tmp_path


def settings(home: Path, options: dict[str, str | None] | None = None, **variables: str) -> Settings:
    environment = {"XDG_CONFIG_HOME": str(home / "config"), "XDG_DATA_HOME": str(home / "data")} | variables
    return load_settings(options, environment=environment, folder=home / "work")


def user_file(home: Path, text: str) -> None:
    (home / "config" / "holdfast").mkdir(parents=True)
    (home / "config" / "holdfast" / "holdfast.toml").write_text(text)


def folder_file(home: Path, text: str | bytes) -> None:
    (home / "work" / "holdfast.toml").write_bytes(text if isinstance(text, bytes) else text.encode())


def test_without_any_word_the_space_is_in_the_users_data_folder(home: Path):
    found = settings(home)
    assert (found.db, found.embedder, found.principal) == (home / "data" / "holdfast" / "holdfast.db", "auto", "owner")
    assert set(found.told_by.values()) == {"built in"}


def test_an_option_wins_over_a_variable_over_the_folders_file_over_the_users(home: Path):
    user_file(home, 'principal = "user file"\nembedder = "none"\n')
    assert settings(home).principal == "user file"
    folder_file(home, 'principal = "folder file"\n')
    found = settings(home)
    assert (found.principal, found.embedder) == ("folder file", "none")
    assert [path.parent.name for path in found.files] == ["work", "holdfast"]
    assert settings(home, HOLDFAST_PRINCIPAL="variable").principal == "variable"
    found = settings(home, {"principal": "option", "db": None}, HOLDFAST_PRINCIPAL="variable")
    assert (found.principal, found.told_by["principal"]) == ("option", "--as")


def test_a_path_in_a_file_starts_at_the_file_and_one_in_a_variable_at_the_working_folder(home: Path):
    user_file(home, 'db = "own.db"\n')
    assert settings(home).db == home / "config" / "holdfast" / "own.db"
    assert settings(home, HOLDFAST_DB="here.db").db == home / "work" / "here.db"
    assert settings(home, {"db": "~/x.db"}).db == home / "home" / "x.db"


def test_an_empty_variable_says_nothing(home: Path):
    assert settings(home, HOLDFAST_PRINCIPAL="").principal == "owner"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('databse = "x"\n', "unknown key 'databse'; known are db, embedder, principal"),
        ("db = 3\n", "db in .* is 3; expected a text"),
        ('db = "  "\n', "expected a text that is not empty"),
        ("db = \n", "is not TOML"),
        (b'db = "\xff"\n', "is not TOML"),
        ('embedder = "openai:m@https://example.org/v1"\n', "may not choose where your memories are sent"),
    ],
)
def test_a_wrong_file_is_refused_by_name(home: Path, text: str | bytes, told: str):
    folder_file(home, text)
    with pytest.raises(InvalidField, match=told) as caught:
        settings(home)
    assert str(home / "work" / "holdfast.toml") in str(caught.value)


def test_the_users_own_file_may_name_a_service(home: Path):
    user_file(home, 'embedder = "ollama:nomic-embed-text"\n')
    assert settings(home).embedder == "ollama:nomic-embed-text"


def test_a_folder_named_as_embedder_in_a_file_starts_at_the_file(home: Path):
    folder_file(home, 'embedder = "model"\n')
    assert settings(home).embedder == str(home / "work" / "model")


def test_an_empty_option_is_refused(home: Path):
    with pytest.raises(InvalidField, match="--db"):
        settings(home, {"db": ""})


@pytest.mark.parametrize(
    ("platform", "place"),
    [("linux", ".local/share/holdfast"), ("darwin", "Library/Application Support/holdfast")],
)
def test_the_data_folder_is_the_platforms(home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, place: str):
    monkeypatch.setattr(sys, "platform", platform)
    assert data_folder({}) == home / "home" / place
    # The XDG specification says to ignore a relative one.
    assert data_folder({"XDG_DATA_HOME": "relative"}) == home / "home" / place


def test_a_house_is_named_like_a_file_and_no_key_of_it_is_needed(home: Path):
    assert settings(home).house is None
    user_file(home, 'house = "own"\n')
    assert settings(home).house == home / "config" / "holdfast" / "own"
    folder_file(home, 'house = "here"\n')
    assert settings(home).house == home / "work" / "here"
    found = settings(home, {"house": "~/given"}, HOLDFAST_HOUSE="stated")
    assert (found.house, found.told_by["house"]) == (home / "home" / "given", "--house")
    assert settings(home, HOLDFAST_HOUSE="stated").house == home / "work" / "stated"
    assert found.spaces is None


def test_a_policy_is_read_from_a_file_that_has_one(home: Path):
    folder_file(home, '[policy]\ncredential = "refuse"\n')
    assert str(policy_file(home / "work" / "holdfast.toml").actions["credential"]) == "refuse"
    for text in ('db = "x"\n', "[policy\n", '[policy]\ncredential = "shout"\n'):
        folder_file(home, text)
        with pytest.raises(InvalidField, match=r"holdfast\.toml"):
            policy_file(home / "work" / "holdfast.toml")
    with pytest.raises(InvalidField, match="cannot be read"):
        policy_file(home / "absent.toml")
