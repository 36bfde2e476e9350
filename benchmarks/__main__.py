"""Every measurement in turn: `make bench`, or `python benchmarks NAME ...` for some of them."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent

known = sorted(script.stem for script in FOLDER.glob("*.py") if script != Path(__file__))
for name in sys.argv[1:] or known:
    if name not in known:
        sys.exit(f"There is no measurement {name!r}. There are: {', '.join(known)}.")
    print(f"\n{name}", flush=True)
    subprocess.run([sys.executable, str(FOLDER / f"{name}.py")], check=True)
