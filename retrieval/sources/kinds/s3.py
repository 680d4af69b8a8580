"""Objects of an S3-compatible store (AWS, MinIO, Ceph and their like), below a prefix of a bucket.

An object is known by its key, its version is its ETag, and it is fetched on condition that it still has it. Who may read it
is told by a tag: the object's own, else the bucket's. Needs boto3 (extra `s3`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from retrieval.documents.parse import LARGEST, READERS
from retrieval.sources.types import Item, Listing, SourceFile, SourceUnavailable
from retrieval.types import Problem, UnreadableDocument

_AT_A_TIME = 8  # tags are asked for object by object
_SAID = {
    "AccessDenied": "access is denied; the key needs s3:ListBucket and s3:GetObject, and for tags s3:GetObjectTagging",
    "InvalidAccessKeyId": "the access key is not known there",
    "SignatureDoesNotMatch": "the secret does not fit the access key",
    "NoSuchBucket": "there is no such bucket",
}


class Bucket:
    """Implements `Source`. keys: gives the access key's id and its secret when asked; None: boto3 looks where AWS has them.

    tag: the tag whose value says who may read; '' : none does. endpoint: of a store that is not AWS, with http(s)://.
    """

    root: Path | None = None

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        endpoint: str = "",
        region: str = "",
        keys: Callable[[], tuple[str, str]] | None = None,
        tag: str = "",
        ca_file: Path | None = None,
    ) -> None:
        self._bucket, self._prefix, self._tag = bucket, prefix, tag
        self._endpoint, self._region, self._keys, self._ca_file = endpoint, region, keys, ca_file
        self._client: Any = None

    def look(self) -> Listing:
        """Every object. Raises SourceUnavailable."""
        client = self._client = self._open()
        items = []
        with _told(self._bucket):
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix):
                for one in page.get("Contents", ()):
                    if not one["Key"].endswith("/"):  # what some tools lay down for a folder
                        items.append(Item(one["Key"], one["Key"], one["ETag"].strip('"'), one["Size"]))
            return self._with_tags(items) if self._tag else Listing(tuple(items))

    def fetch(self, item: Item) -> Iterable[SourceFile]:
        """The object's bytes, as they were listed. Raises UnreadableDocument, SourceUnavailable."""
        from botocore.exceptions import ClientError

        try:
            with _told(self._bucket):
                found = self._client.get_object(Bucket=self._bucket, Key=item.id, IfMatch=f'"{item.version}"')
                if found["ContentLength"] > LARGEST:
                    raise UnreadableDocument(f"larger than {LARGEST >> 20} MiB; split it")
                return [SourceFile(item.name, found["Body"].read())]
        except SourceUnavailable as error:
            cause = error.__cause__
            code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""
            if code in {"PreconditionFailed", "412", "NoSuchKey", "404"}:
                raise UnreadableDocument("was changed while it was read; the next sync reads it") from None
            raise

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _open(self) -> Any:
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise SourceUnavailable("a bucket needs boto3; install it: pip install 'countersign[s3]'") from None
        given: dict[str, str] = {}
        if self._keys is not None:
            given["aws_access_key_id"], given["aws_secret_access_key"] = self._keys()
        if self._region:
            given["region_name"] = self._region
        elif self._endpoint:
            given["region_name"] = "us-east-1"  # what stores that know no regions expect in a signature
        config = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=_AT_A_TIME,
            s3={"addressing_style": "path"} if self._endpoint else {},
        )
        with _told(self._bucket):
            return boto3.session.Session().client(
                "s3",
                endpoint_url=self._endpoint or None,
                verify=str(self._ca_file) if self._ca_file else None,
                config=config,
                **given,
            )

    def _with_tags(self, items: list[Item]) -> Listing:
        """The items with what their tag says; one whose tags cannot be read is left as it was."""
        of_bucket = self._value(self._bucket_tags())
        readable = [item for item in items if PurePosixPath(item.name).suffix.lower() in READERS]
        others = [item for item in items if PurePosixPath(item.name).suffix.lower() not in READERS]

        def tagged(item: Item) -> Item | Problem:
            try:
                with _told(self._bucket):
                    tags = self._client.get_object_tagging(Bucket=self._bucket, Key=item.id)["TagSet"]
            except SourceUnavailable as error:
                return Problem(item.name, f"its tags cannot be read: {error}")
            value = self._value(tags)
            value = of_bucket if value is None else value
            return item if value is None else replace(item, rights=(frozenset({value}),))

        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            found = [*pool.map(tagged, readable)]
        problems = tuple(one for one in found if isinstance(one, Problem))
        known = tuple(one for one in found if isinstance(one, Item))
        return Listing((*known, *others), problems, tuple(one.path for one in problems))

    def _bucket_tags(self) -> list[dict[str, str]]:
        from botocore.exceptions import ClientError

        with _told(self._bucket):
            try:
                tags: list[dict[str, str]] = self._client.get_bucket_tagging(Bucket=self._bucket)["TagSet"]
                return tags
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchTagSet":
                    return []
                raise

    def _value(self, tags: list[dict[str, str]]) -> str | None:
        return next((one["Value"] for one in tags if one["Key"] == self._tag), None)


@contextmanager
def _told(bucket: str) -> Iterator[None]:
    """Turns what boto3 raises into SourceUnavailable, with the bucket's name, the code and nothing that was sent."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise SourceUnavailable(f"bucket {bucket}: {_SAID.get(code, f'the store answered {code}')}") from error
    except (BotoCoreError, OSError, ValueError) as error:
        raise SourceUnavailable(f"bucket {bucket}: cannot be reached ({type(error).__name__}); see endpoint") from error
