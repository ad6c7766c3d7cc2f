"""`python -m sync` is `featurestore sync`, for those who schedule it by its module."""

import sys

from featurestore.cli import main

main(["sync", *sys.argv[1:]])
