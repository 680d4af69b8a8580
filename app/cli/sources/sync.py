"""`countersign sync`: one look at each source, or looks as long as it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from app.cli.ingested import named_groups, record_into, withheld
from app.cli.shared import console, plain, progress, put, settings
from app.cli.sources.told import as_json, lines

if TYPE_CHECKING:
    from app.settings import Settings
    from inference.encoder import SentenceEncoder
    from retrieval.library import Library
    from retrieval.sources import SyncReport
    from retrieval.types import Progress, Vectors


@click.command()
@click.argument("names", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every source of the settings.")
@click.option("--watch", is_flag=True, help="Go on until it is stopped: each source is looked at again and again.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be done; nothing is fetched or changed.")
@click.option("--prune", is_flag=True, help="Forget what is gone from a source, even if that is most of it.")
@click.option("--json", "for_machines", is_flag=True, help="For machines: a line of JSON for each source and look.")
def sync(names: tuple[str, ...], every: bool, watch: bool, dry_run: bool, prune: bool, for_machines: bool) -> None:
    """Brings the library to what the sources hold: new documents, changed ones, others' readers, and what is gone.

    \b
    A source is a table of the settings' file: where it is, and which of its groups, paths or tags may be read by whom here.
    What no line maps is read by nobody. Each change is recorded before it happens. What cannot be read is named, the rest
    goes in, and the exit code is 2.

    \b
        [sources.handbook]
        kind = "folder"                        # or sharepoint, confluence, s3, imap
        path = "/srv/handbook"
        paths = { "" = "staff", "board" = ["board"] }

    \b
    countersign sync handbook --dry-run
    countersign sync --all
    countersign sync --all --watch
    """
    if bool(names) == every:
        raise click.UsageError("name sources, or give --all")
    if watch and (dry_run or prune):
        raise click.UsageError("--watch goes with neither --dry-run nor --prune")
    found = settings()
    wanted = _wanted(found, names)
    with Syncing(found, bar=not (watch or for_machines)) as syncing:
        if watch:
            from app.cli.sources.watching import until_stopped

            until_stopped(found, wanted, lambda name: syncing.show(name, for_machines))
            return
        reports = [syncing.show(name, for_machines, dry_run=dry_run, prune=prune) for name in wanted]
    if any(report.problems for report in reports):
        raise click.exceptions.Exit(2)


class Syncing:
    """What all sources of one call share: the library, and its encoder and the rails' once something is to be embedded."""

    def __init__(self, found: Settings, bar: bool) -> None:
        from retrieval.index.cutting.apart import CuttersApart

        self._settings, self._bar = found, bar
        self._encoder: SentenceEncoder | None = None
        self._rails_encoder: SentenceEncoder | None = None
        self._cut = CuttersApart(ocr_languages=found.ocr_languages)
        self._library: Library | None = None
        self._known: set[str] = set()

    def __enter__(self) -> Syncing:
        return self

    def __exit__(self, *_: object) -> None:
        self._cut.__exit__(None, None, None)

    def show(self, name: str, for_machines: bool, *, dry_run: bool = False, prune: bool = False) -> SyncReport:
        """One sync of one source, recorded and printed. Raises what `retrieval.sources.sync` does."""
        from app.cli.sources.recorded import record_failure

        found = self._settings
        self._note_groups(name)
        report = self._synced(name, dry_run=dry_run, prune=prune)
        if report.news and not dry_run:
            record_failure(found, report)
        if for_machines:
            put(as_json(report, found.sources.root[name], dry_run))
        else:
            for line in lines(report, found.sources.root[name], dry_run):
                console().print(line, soft_wrap=True)
        if self._library is not None and report.keys:
            for warning in withheld(self._library, report.keys, found, self._rails_embed):
                console().print(f"[yellow]reads like an instruction[/yellow]  {plain(warning.text)}", soft_wrap=True)
        return report

    def _synced(self, name: str, *, dry_run: bool, prune: bool) -> SyncReport:
        from functools import partial

        from app.cli.sources.opening import open_source, rights_of, sources_dir
        from app.wiring.parts import open_library
        from retrieval.sources import sync as synced

        found, own = self._settings, self._settings.sources.root[name]
        self._library = self._library or open_library(found, self._embed)
        run = partial(
            synced,
            name,
            open_source(own),
            rights_of(own),
            self._library,
            sources_dir(found),
            record=record_into(found, f"sync of source {name}", gone=f"gone from source {name}, or closed by its mapping"),
            cut=self._cut,
            ignored={suffix.lower() for suffix in own.ignore},
            dry_run=dry_run,
            prune=prune,
        )
        if not self._bar:
            return run()
        with progress() as bar:
            return run(progress=_shown(bar))

    def _note_groups(self, name: str) -> None:
        """Says once which groups of a mapping no key has."""
        if name in self._known:
            return
        self._known.add(name)
        own = self._settings.sources.root[name]
        mapped = {group for groups in (*own.groups.values(), *own.paths.values(), own.default or ()) for group in groups}
        named_groups(self._settings, sorted(mapped))

    def _embed(self, texts: Sequence[str], /) -> Vectors:
        from app.wiring.parts import open_search_encoder
        from inference.store.model_store import ModelStore

        if self._encoder is None:
            models = ModelStore(self._settings.models_dir)
            self._encoder = open_search_encoder(self._settings, models)
        return self._encoder.embed(texts)

    def _rails_embed(self, texts: Sequence[str], /) -> Vectors:
        from app.wiring.parts import open_encoder
        from inference.store.model_store import ModelStore

        if self._settings.search_model == self._settings.encoder_model:
            return self._embed(texts)
        if self._rails_encoder is None:
            self._rails_encoder = open_encoder(self._settings, ModelStore(self._settings.models_dir))
        return self._rails_encoder.embed(texts)


def _wanted(found: Settings, names: tuple[str, ...]) -> list[str]:
    known = found.sources.root
    unknown = [name for name in names if name not in known]
    if unknown or not known:
        there = (
            f"there are: {', '.join(known)}" if known else "the settings' file has no table [sources.NAME] yet; see --help"
        )
        raise click.UsageError(f"no source {unknown[0]}; {there}" if unknown else there)
    return list(dict.fromkeys(names)) or list(known)


def _shown(bar: object) -> Progress:
    def show(done: int, total: int, label: str) -> None:
        stage = "fetching" if label.startswith("fetch") else "reading" if label.startswith("read") else "passages"
        bar(stage, done, total)  # type: ignore[operator]

    return show
