"""`python -m qeff_codegen`."""

from qeff_codegen.cli.main import main

if __name__ == "__main__":
    main()
