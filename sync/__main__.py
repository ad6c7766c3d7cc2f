"""`python -m sync` runs `featurestore sync`, for schedulers that start a module."""

import sys

from featurestore.cli import main

main(["sync", *sys.argv[1:]])
