"""A bucket on a real server that speaks S3: objects become documents, tags say who reads them, and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from retrieval.sources import Rights
from retrieval.sources.kinds.s3 import Bucket
from tests.retrieval.sources.conftest import BOARD, STAFF, Syncing

pytestmark = pytest.mark.process
Put = Callable[..., None]
BY_TAG = Rights(groups={"internal": STAFF, "board": BOARD})


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    try:
        from moto.server import ThreadedMotoServer
    except ImportError:
        why = "moto is not installed (extra: test)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The owner's client, with an empty bucket called `records`."""
    import boto3

    for name, value in (("ID", "test"), ("SECRET", "test")):
        monkeypatch.setenv({"ID": "AWS_ACCESS_KEY_ID", "SECRET": "AWS_SECRET_ACCESS_KEY"}[name], value)
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="records")
    yield client
    while found := client.list_objects_v2(Bucket="records").get("Contents", ()):
        for one in found:  # one by one: XML cannot name a key with a control character in it
            client.delete_object(Bucket="records", Key=one["Key"])
    client.delete_bucket(Bucket="records")


@pytest.fixture
def put(store: Any) -> Put:
    def put(key: str, text: str, tag: str = "") -> None:
        tags = {"Tagging": f"readers={tag}"} if tag else {}
        store.put_object(Bucket="records", Key=key, Body=text.encode(), **tags)

    return put


@pytest.fixture
def bucket(endpoint: str, store: Any) -> Callable[..., Bucket]:
    def make(**options: Any) -> Bucket:
        return Bucket("records", **{"endpoint": endpoint, "keys": lambda: ("test", "test")} | options)

    return make


def test_objects_below_the_prefix_are_documents(syncing: Syncing, bucket: Callable[..., Bucket], put: Put) -> None:
    put("policies/fees.md", "The annual fee is one percent.")
    put("policies/", "")
    put("policies/logo.svg", "picture")
    put("other/plan.md", "The plan.")
    report = syncing(bucket(prefix="policies/"))
    assert syncing.readers() == {"place/policies/fees.md": STAFF}
    assert [one.path for one in report.passed_over] == ["policies/logo.svg"]
    assert syncing.finds("annual fee") == ["The annual fee is one percent."]


def test_more_objects_than_one_answer_lists_are_all_read(syncing: Syncing, bucket: Callable[..., Bucket], put: Put) -> None:
    for number in range(1003):
        put(f"{number:04}.bin", "p")
    put("zz.md", "The last one.")
    assert len(syncing(bucket()).passed_over) == 1003
    assert syncing.readers() == {"place/zz.md": STAFF}


def test_an_object_is_fetched_again_only_when_it_changed_and_goes_when_it_is_gone(
    syncing: Syncing, bucket: Callable[..., Bucket], put: Put, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.md", "The fee is one percent.")
    put("b.md", "Dealing is at noon.")
    syncing(bucket())
    fetched: list[str] = []
    fetch = Bucket.fetch

    def counted(self: Bucket, item: Any) -> Any:
        fetched.append(item.name)
        return fetch(self, item)

    monkeypatch.setattr(Bucket, "fetch", counted)
    assert (syncing(bucket()).unchanged, fetched) == (2, [])
    put("a.md", "The fee is nine percent.")
    store.delete_object(Bucket="records", Key="b.md")
    report = syncing(bucket())
    assert (fetched, report.removed) == (["a.md"], ("place/b.md",))
    assert syncing.finds("fee percent") == ["The fee is nine percent."]
    assert [path.name for path in (syncing.root / "place").rglob("*") if path.is_file()] == ["a.md"]


def test_a_renamed_object_is_moved(syncing: Syncing, bucket: Callable[..., Bucket], put: Put, store: Any) -> None:
    put("a.md", "The fee is one percent.")
    syncing(bucket())
    store.copy_object(Bucket="records", Key="new/b.md", CopySource={"Bucket": "records", "Key": "a.md"})
    store.delete_object(Bucket="records", Key="a.md")
    report = syncing(bucket())
    assert [(one.name, one.change) for one in report.given] == [("new/b.md", "moved")]
    assert set(syncing.readers()) == {"place/new/b.md"}


def test_tags_of_objects_and_else_of_the_bucket_say_who_reads(
    syncing: Syncing, bucket: Callable[..., Bucket], put: Put, store: Any
) -> None:
    put("a.md", "Text a.", "internal")
    put("b.md", "Text b.", "board")
    put("c.md", "Text c.", "nobody maps this")
    put("d.md", "Text d.")
    report = syncing(bucket(tag="readers"), BY_TAG)
    assert syncing.readers() == {"place/a.md": STAFF, "place/b.md": BOARD}
    assert [one.path for one in report.nobody] == ["c.md", "d.md"]
    store.put_bucket_tagging(Bucket="records", Tagging={"TagSet": [{"Key": "readers", "Value": "board"}]})
    store.put_object_tagging(Bucket="records", Key="a.md", Tagging={"TagSet": [{"Key": "readers", "Value": "board"}]})
    again = syncing(bucket(tag="readers"), BY_TAG)
    assert {(one.name, one.change) for one in again.given} == {("a.md", "readers"), ("d.md", "new")}
    assert set(syncing.readers().values()) == {BOARD}


@pytest.mark.parametrize(
    "key", ["../../outside.md", "/absolute.md", "a//b.md", ".hidden.md", "x" * 300 + ".md", "a\x07b.md"]
)
def test_no_key_leaves_the_folder_of_its_source(
    syncing: Syncing, bucket: Callable[..., Bucket], put: Put, key: str, tmp_path: Any
) -> None:
    put(key, "The text of a strange key.")
    syncing(bucket())
    (path,) = [one.path for one in syncing.library.everything()]
    assert path.startswith(str(syncing.root / "place"))
    assert [one for one in tmp_path.rglob("*outside*") if not one.is_relative_to(syncing.root / "place")] == []


def test_a_key_may_be_another_keys_folder(syncing: Syncing, bucket: Callable[..., Bucket], put: Put) -> None:
    put("a.md", "Text one.")
    put("a.md/b.md", "Text two.")
    syncing(bucket())
    assert len(syncing.readers()) == 2
    assert syncing(bucket()).unchanged == 2


def test_a_bucket_that_is_not_there_or_cannot_be_reached_takes_nothing_away(
    syncing: Syncing, bucket: Callable[..., Bucket], put: Put, endpoint: str
) -> None:
    put("a.md", "Text a.")
    syncing(bucket())
    for source in (Bucket("missing", endpoint=endpoint), bucket(endpoint="http://127.0.0.1:9")):
        report = syncing(source)
        assert report.unavailable
        assert len(syncing.readers()) == 1
    assert "there is no such bucket" in syncing(Bucket("missing", endpoint=endpoint)).problems[0].reason


def test_what_is_told_of_a_failure_holds_no_secret(syncing: Syncing, bucket: Callable[..., Bucket]) -> None:
    report = syncing(bucket(endpoint="http://127.0.0.1:9", keys=lambda: ("AKIDSECRETID", "very secret")))
    assert "very secret" not in repr(report)
    assert "AKIDSECRETID" not in repr(report)
