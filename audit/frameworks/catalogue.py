"""Catalogues of controls, read from data files and checked.

A catalogue is one YAML file:

    id, title, version, publisher: str
    expected_controls: int                        (how many there must be; guards against a lost line)
    table: file.csv                               (optional: ids and summaries, see `_table`)
    extends: id                                   (optional: use that catalogue's tags and sources too)
    tags: {name: meaning}
    sources: {name: {title, actions: [event action, …], occasional: bool}}
    controls: {id: {summary, voice, tags, relevance: high | medium | low, sources: [name, …], elsewhere}}

An organisation adds its own by putting a file into the folder `frameworks` of its data folder.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from audit.errors import VivaVoceError

BUILT_IN = Path(__file__).parent / "catalogues"
FUNCTIONS = ("GOVERN", "MAP", "MEASURE", "MANAGE")
_ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
# NIST AI 600-1 numbers its actions after the subcategory that they serve: GV-1.2-001 serves GOVERN 1.2.
_ACTION_ID = re.compile(r"(GV|MP|MS|MG)-(\d+)\.(\d+)-\d{3}")
_ACTION_FUNCTIONS = dict(zip(("GV", "MP", "MS", "MG"), FUNCTIONS, strict=True))


class CatalogueError(VivaVoceError):
    """A catalogue file that cannot be used."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            "framework.catalogue_invalid",
            f"The catalogue {path.name} cannot be used: {what}.",
            "Correct the file and start again.",
        )


class Relevance(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True)
class LogSource:
    """Events of the log that answer a control.

    `occasional` events arise only when something happens: a period without them lowers no state.
    """

    name: str
    title: str
    actions: tuple[str, ...]
    occasional: bool = False


@dataclass(frozen=True)
class Control:
    """`summary` is what the framework asks of anyone, `voice` what that means for cloned voices.

    `elsewhere` says where evidence is kept that no portal can hold.
    """

    id: str
    function: str
    category: str
    summary: str
    tags: tuple[str, ...]
    relevance: Relevance
    voice: str = ""
    elsewhere: str = ""
    sources: tuple[LogSource, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    id: str
    title: str
    version: str
    publisher: str
    tags: Mapping[str, str]
    sources: Mapping[str, LogSource]
    controls: Mapping[str, Control] = field(repr=False)

    @property
    def functions(self) -> list[str]:
        return list(dict.fromkeys(control.function for control in self.controls.values()))


def load_catalogues(folders: Iterable[Path]) -> dict[str, Catalogue]:
    """Every catalogue of the folders by id, NIST AI RMF first. Raises CatalogueError."""
    found: dict[str, Catalogue] = {}
    documents = [(path, _read(path)) for folder in folders for path in sorted(folder.glob("*.yaml"))]
    for path, document in sorted(documents, key=lambda item: "extends" in item[1]):
        catalogue = _catalogue(path, document, found)
        if catalogue.id in found:
            raise CatalogueError(path, f"the id {catalogue.id} is taken")
        found[catalogue.id] = catalogue
    return found


class _Loader(yaml.SafeLoader):
    """Refuses a key given twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]} appears twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CatalogueError(path, f"it is not YAML ({error})") from error
    if not isinstance(document, dict):
        raise CatalogueError(path, "it is not a mapping")
    return document


def _catalogue(path: Path, document: dict[str, Any], others: Mapping[str, Catalogue]) -> Catalogue:
    missing = [key for key in ("id", "title", "controls") if not document.get(key)]
    if missing:
        raise CatalogueError(path, f"it lacks {', '.join(missing)}")
    base = document.get("extends")
    if base and base not in others:
        raise CatalogueError(path, f"it extends the unknown catalogue {base}")
    tags = {**(others[base].tags if base else {}), **document.get("tags", {})}
    sources = {**(others[base].sources if base else {}), **_sources(path, document.get("sources", {}))}
    table = _table(path.parent / document["table"]) if "table" in document else {}
    if table and table.keys() != document["controls"].keys():
        odd = sorted(table.keys() ^ document["controls"].keys())
        raise CatalogueError(path, f"it and {document['table']} disagree on {', '.join(odd)}")
    order = list(table) or list(document["controls"])
    controls = {
        control_id: _control(path, control_id, table.get(control_id, {}) | entry, tags, sources)
        for control_id, entry in ((control_id, document["controls"][control_id]) for control_id in order)
    }
    expected = document.get("expected_controls", len(controls))
    if len(controls) != expected:
        raise CatalogueError(path, f"it has {len(controls)} controls, not {expected}")
    return Catalogue(
        id=document["id"],
        title=document["title"],
        version=str(document.get("version", "")),
        publisher=document.get("publisher", ""),
        tags=tags,
        sources=sources,
        controls=controls,
    )


def _table(path: Path) -> dict[str, dict[str, str]]:
    """Rows function, category, subcategory, summary by subcategory. Raises CatalogueError on a double id."""
    rows: dict[str, dict[str, str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            control_id = row.pop("subcategory")
            if control_id in rows:
                raise CatalogueError(path, f"{control_id} appears twice")
            rows[control_id] = row
    return rows


def _sources(path: Path, entries: Mapping[str, Any]) -> dict[str, LogSource]:
    sources = {}
    for name, entry in entries.items():
        actions = tuple(entry.get("actions", ()))
        if not actions or not all(_ACTION.fullmatch(action) for action in actions):
            raise CatalogueError(path, f"the source {name} needs event actions such as consent.signed")
        sources[name] = LogSource(name, entry["title"], actions, bool(entry.get("occasional", False)))
    return sources


def _control(
    path: Path,
    control_id: str,
    entry: Mapping[str, Any],
    tags: Mapping[str, str],
    sources: Mapping[str, LogSource],
) -> Control:
    function, category = entry.get("function", ""), entry.get("category", "")
    if match := _ACTION_ID.fullmatch(control_id):
        function = _ACTION_FUNCTIONS[match[1]]
        category = f"{function} {match[2]}.{match[3]}"
    if unknown := [tag for tag in entry.get("tags", ()) if tag not in tags]:
        raise CatalogueError(path, f"{control_id} has the unknown tag {unknown[0]}")
    if not entry.get("tags"):
        raise CatalogueError(path, f"{control_id} has no tag")
    if unknown := [name for name in entry.get("sources", ()) if name not in sources]:
        raise CatalogueError(path, f"{control_id} names the unknown source {unknown[0]}")
    if not entry.get("summary"):
        raise CatalogueError(path, f"{control_id} has no summary")
    try:
        relevance = Relevance(entry.get("relevance", "medium"))
    except ValueError as error:
        raise CatalogueError(path, f"{control_id} has the relevance {entry['relevance']}") from error
    return Control(
        id=control_id,
        function=function or "Controls",
        category=category,
        summary=entry["summary"],
        tags=tuple(entry["tags"]),
        relevance=relevance,
        voice=entry.get("voice", ""),
        elsewhere=entry.get("elsewhere", ""),
        sources=tuple(sources[name] for name in entry.get("sources", ())),
    )
