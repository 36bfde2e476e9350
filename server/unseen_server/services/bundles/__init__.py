"""A competition is a folder: read and checked here, or made from a labelled CSV.

settings     competition.toml
tables       the CSV files, as text
reading      folder or zip to Bundle, with every problem at once
preflight    is it a good competition? numbers and findings
making       a folder from a labelled CSV
writing      the folder again, from Bundle
"""

from unseen_server.services.bundles.making import init_bundle, labelled_bundle, slug_of, split_advice, title_of
from unseen_server.services.bundles.preflight import Finding, Report, advised, check_bundle
from unseen_server.services.bundles.reading import (
    PAGES,
    PUBLIC_FILES,
    Bundle,
    mean_label,
    read_bundle,
    read_files,
    read_solution,
    read_zip,
)
from unseen_server.services.bundles.settings import TIERS, DeclaredBaseline, Settings
from unseen_server.services.bundles.writing import local_text, written, zipped

__all__ = [
    "PAGES",
    "PUBLIC_FILES",
    "TIERS",
    "Bundle",
    "DeclaredBaseline",
    "Finding",
    "Report",
    "Settings",
    "advised",
    "check_bundle",
    "init_bundle",
    "labelled_bundle",
    "local_text",
    "mean_label",
    "read_bundle",
    "read_files",
    "read_solution",
    "read_zip",
    "slug_of",
    "split_advice",
    "title_of",
    "written",
    "zipped",
]
