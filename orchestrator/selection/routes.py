"""What each bot is for, as example questions: read from YAML, embedded once at start."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.errors import ConfigError


class BotRoute(BaseModel):
    """One bot's share of the questions."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    exemplars: tuple[str, ...] = Field(min_length=3)
    deadline_s: float = Field(gt=0)
    first_piece_s: float = Field(gt=0)
    prior: float = Field(default=0.0, ge=-2, le=2)


class Routes(BaseModel):
    """The bots that may be chosen, by name, and the safest one that takes a doubtful question."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: int
    safest: str
    bots: Mapping[str, BotRoute]


def load_routes(path: Path | None = None) -> Routes:
    """The routes of a YAML file, or those that come with Countersign. Raises ConfigError."""
    name = str(path) if path else "orchestrator/data/routes.yaml"
    try:
        text = path.read_text("utf-8") if path else files("orchestrator").joinpath("data/routes.yaml").read_text("utf-8")
        routes = Routes.model_validate(yaml.safe_load(text))
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read ({error.strerror}); set COUNTERSIGN_ROUTES_FILE") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if routes.safest not in routes.bots:
        raise ConfigError(f"{name}: safest: '{routes.safest}' is no bot; bots: {', '.join(sorted(routes.bots))}")
    return routes
