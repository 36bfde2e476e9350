"""A competition is a folder: read and checked here, or made from a labelled CSV.

settings     competition.toml
tables       the CSV files, as text
reading      folder or zip to Bundle, with every problem at once
preflight    is it a good competition? numbers and findings
making       a folder from a labelled CSV
"""

from unseen_server.services.bundles.making import init_bundle
from unseen_server.services.bundles.preflight import Finding, Report, check_bundle
from unseen_server.services.bundles.reading import PAGES, PUBLIC_FILES, Bundle, read_bundle, read_zip
from unseen_server.services.bundles.settings import TIERS, DeclaredBaseline, Settings

__all__ = [
    "PAGES",
    "PUBLIC_FILES",
    "TIERS",
    "Bundle",
    "DeclaredBaseline",
    "Finding",
    "Report",
    "Settings",
    "check_bundle",
    "init_bundle",
    "read_bundle",
    "read_zip",
]
