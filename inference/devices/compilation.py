"""Compiled programs kept on disk between runs.

JAX's persistent compilation cache is one setting of the whole process, so the first folder that is named stays.
"""

from __future__ import annotations

from pathlib import Path

import jax


def keep_compiled(cache_dir: Path | None) -> None:
    """Keep compiled programs in `cache_dir`/compiled, unless this process already keeps them elsewhere."""
    if cache_dir is None or getattr(jax.config, "jax_compilation_cache_dir") is not None:  # noqa: B009 (it is not typed)
        return
    folder = cache_dir / "compiled"
    folder.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder))  # type: ignore[no-untyped-call]
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)  # type: ignore[no-untyped-call]
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)  # type: ignore[no-untyped-call]
