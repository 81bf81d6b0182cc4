"""Every store of ours keeps the contract that we ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.adapters.keyring import GivenKey
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.core.proof import genesis
from holdfast.ports.store import Identity, SpaceStore
from holdfast.testing.reference import ReferenceStore
from holdfast.testing.store_contract import DurableStoreContract, StoreContract
from holdfast.testing.store_desk import StoreFactory


class TestTheReferenceKeepsTheContract(StoreContract):
    @pytest.fixture
    def store_factory(self) -> StoreFactory:
        def make(identity: Identity, *, read_only: bool = False) -> SpaceStore:
            return ReferenceStore(identity)

        return make


class TestSqliteInMemoryKeepsTheContract(StoreContract):
    @pytest.fixture
    def store_factory(self) -> StoreFactory:
        def make(identity: Identity, *, read_only: bool = False) -> SpaceStore:
            return SqliteStore(":memory:", identity, genesis(identity.space, identity.node))

        return make


class TestSqliteInAFileKeepsTheContract(DurableStoreContract):
    @pytest.fixture
    def store_factory(self, tmp_path: Path) -> StoreFactory:
        def make(identity: Identity, *, read_only: bool = False) -> SpaceStore:
            path = tmp_path / f"{identity.node.hex()}.db"
            return SqliteStore(str(path), identity, genesis(identity.space, identity.node), read_only=read_only)

        return make


class TestSqliteEncryptedKeepsTheContract(DurableStoreContract):
    @pytest.fixture
    def store_factory(self, tmp_path: Path) -> StoreFactory:
        def make(identity: Identity, *, read_only: bool = False) -> SpaceStore:
            path = tmp_path / f"{identity.node.hex()}.db"
            chain = genesis(identity.space, identity.node)
            return SqliteStore(str(path), identity, chain, read_only=read_only, keys=GivenKey(b"k" * 32))

        return make
