"""`python -m featurestore.cli` is `featurestore`."""

from featurestore.cli import main

main()
