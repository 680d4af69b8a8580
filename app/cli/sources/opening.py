"""From the settings of a source to the source and its rights; each kind's client is imported when it is used."""

from __future__ import annotations

from pathlib import Path

from app.settings import Settings
from app.source_settings import (
    AnySource,
    ConfluenceSource,
    FolderSource,
    ImapSource,
    S3Source,
    SharePointSource,
    SourceSettings,
)
from retrieval.sources import Rights, Source, SourceUnavailable


def open_source(settings: AnySource) -> Source:
    """The source, not yet connected. Its secret is looked for when it connects."""
    match settings:
        case FolderSource():
            from retrieval.sources.kinds.folder import Folder

            return Folder(settings.path)
        case SharePointSource():
            from retrieval.sources.kinds.sharepoint import SharePointExport

            return SharePointExport(settings.path, settings.report, settings.below, settings.report_columns)
        case ConfluenceSource():
            from retrieval.sources.kinds.confluence import ConfluenceExport

            return ConfluenceExport(settings.path)
        case S3Source():
            from retrieval.sources.kinds.s3 import Bucket

            return Bucket(
                settings.bucket,
                settings.prefix,
                endpoint=settings.endpoint,
                region=settings.region,
                keys=(lambda: (settings.key_id, _secret(settings))) if settings.key_id else None,
                tag=settings.tag,
                ca_file=settings.ca_file,
            )
        case ImapSource():
            from retrieval.sources.kinds.imap import Mailbox

            return Mailbox(
                settings.host,
                settings.user,
                lambda: _secret(settings),
                port=settings.port or (143 if settings.tls == "starttls" else 993),
                tls=settings.tls,
                mailboxes=settings.mailboxes,
                ca_file=settings.ca_file,
            )


def rights_of(settings: SourceSettings) -> Rights:
    """The source's mapping."""
    return Rights(
        {name: frozenset(groups) for name, groups in settings.groups.items()},
        {path: frozenset(groups) for path, groups in settings.paths.items()},
        None if settings.default is None else frozenset(settings.default),
    )


def sources_dir(settings: Settings) -> Path:
    """Where fetched files and what syncs remember lie."""
    return settings.home / "sources" / settings.tenant


def watched(settings: AnySource) -> Path | None:
    """The path that the operating system can tell changes of; None: the source is looked at now and then."""
    if not isinstance(settings, FolderSource | SharePointSource | ConfluenceSource):
        return None
    return settings.path if settings.path.is_dir() else settings.path.parent


def _secret(settings: S3Source | ImapSource) -> str:
    try:
        return settings.secret()
    except OSError as error:
        raise SourceUnavailable(f"{settings.secret_file}: the secret cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise SourceUnavailable(f"the secret is missing: {error}") from None
