"""The translations are whole: every message of the code stands in the catalogue, in good Chinese, and no other does."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from functools import cache
from pathlib import Path

from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

import unseen_server
from unseen_server.web.languages import CATALOGUES, TAIWAN

TOP = Path(__file__).parents[1]
SERVER = Path(unseen_server.__file__).parent
# What stays as it is in Chinese: code, formats, names of programs and of measures.
LATIN = {
    *("CSV", "CSV.", "MSE", "RMSE", "MAE", "R²", "ID", "JSON", "TOML", "ZIP", "UTF", "GB", "MB", "kB", "MiB", "URL"),
    "of",  # between two numbers, where Chinese has a stroke
    *("Unseen", "Kaggle", "Canvas", "Moodle", "Excel", "pandas", "Python", "NumPy", "PostgreSQL", "SQLite", "Markdown"),
}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
HALF_WIDTH = re.compile(r"[\u4e00-\u9fff」）][,;:?!]|[,;:?!](?=[\u4e00-\u9fff「（])")


@cache
def messages() -> dict[str, tuple[str, ...]]:
    """Every message that the code marks, by its singular: (singular,) or (singular, plural)."""
    return {forms[0]: forms for forms in sorted(marked(), key=len)}


@cache
def marked() -> frozenset[tuple[str, ...]]:
    mappings = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["babel"]["mappings"]
    methods = [(mapping.pop("pattern"), mapping.pop("method")) for mapping in mappings]
    options = {pattern: mapping for (pattern, _), mapping in zip(methods, mappings, strict=True)}
    found = extract_from_dir(SERVER, methods, options, keywords={**DEFAULT_KEYWORDS, "N_": None, "say": None})
    return frozenset(message if isinstance(message, tuple) else (message,) for _, _, message, _, _ in found)


@cache
def translations() -> dict[str, str]:
    with (CATALOGUES / TAIWAN.locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, TAIWAN.locale)
    assert not catalogue.obsolete
    assert not [message.id for message in catalogue if message.id and message.fuzzy]
    forms = {message.id: message.string for message in catalogue if message.id}
    return {_first(ids): _first(said) for ids, said in forms.items()}


def _first(forms: object) -> str:
    return forms if isinstance(forms, str) else str(forms[0])  # type: ignore[index]


def test_every_message_is_translated() -> None:
    assert sorted(message for message in messages() if not translations().get(message)) == []


def test_a_singular_has_one_plural() -> None:
    """A plural stands in the catalogue under its singular."""
    singulars = [forms[0] for forms in marked() if len(forms) > 1]
    assert {one for one in singulars if singulars.count(one) > 1} == set()
    assert [forms[0] for forms in marked() if len(forms) == 1 and forms[0] in singulars] == []


def test_nothing_is_translated_that_nobody_says() -> None:
    assert sorted(translations().keys() - messages().keys()) == []


def test_no_refusal_is_glued_together() -> None:
    """What fills a refusal is a sentence that can be said in another language: no f-string, no bare text."""
    glued = []
    for file in sorted(SERVER.rglob("*.py")):
        if file.parent.name == "cli" or file.name == "config.py":  # the command line speaks English
            continue
        for raised in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(raised, ast.Raise) and isinstance(raised.exc, ast.Call):
                glued += [f"{file.name}:{raised.lineno}" for given in raised.exc.keywords if is_glued(given)]
    assert glued == []


def is_glued(given: ast.keyword) -> bool:
    """One word, such as “gzip”, is a name and no sentence."""
    if given.arg not in ("reason", "advice", "what", "action", "needed", "who"):
        return False
    if isinstance(given.value, ast.Constant):
        return " " in str(given.value.value)
    return isinstance(given.value, ast.JoinedStr | ast.BinOp)


def placeholders(message: str) -> set[str]:
    """Of both kinds, and the HTML of a sentence with a link in it."""
    named = set(re.findall(r"%\(\w+\)s", message)) | set(re.findall(r"</?\w+[^>]*>", message))
    if named or "%%" in message:
        return named
    return {f"{{{name}!{how}:{form}}}" for _, name, form, how in string.Formatter().parse(message) if name is not None}


def test_a_translation_holds_the_same_values() -> None:
    # the plural of a message may say the number that its singular has in words
    allowed = {one: set().union(*map(placeholders, forms)) for one, forms in messages().items()}
    assert [
        (message, said)
        for message, said in translations().items()
        if message in allowed and not placeholders(message) <= placeholders(said) <= allowed[message]
    ] == []


def test_a_translation_is_chinese() -> None:
    untold = [message for message, said in translations().items() if is_words(message) and not CHINESE.search(said)]
    assert untold == []


def test_chinese_is_written_as_in_taiwan() -> None:
    """Traditional characters (Big5 has no others), quotes in 「」, and no half-width mark behind a character."""
    faults = []
    for said in translations().values():
        text = re.sub(r"`[^`]*`|<[^>]*>|%\(\w+\)s|\{[^}]*\}", "", said)
        if not is_traditional(text) or set(text) & set("“”‘’") or HALF_WIDTH.search(text):
            faults.append(said)
    assert faults == []


def is_traditional(text: str) -> bool:
    try:
        "".join(CHINESE.findall(text)).encode("big5")
    except UnicodeEncodeError:
        return False
    return True


def is_words(message: str) -> bool:
    """Whether there is something to translate beside values, code and names."""
    text = re.sub(
        r"%\(\w+\)s|\{[^}]*\}|<[^>]*>|`[^`]*`|[\w./-]+\.(?:csv|md|toml)\b|\.csv\.gz|\.csv|\.zip", " ", message
    )
    return any(word not in LATIN for word in re.findall(r"[^\W\d_]{2,}", text))
