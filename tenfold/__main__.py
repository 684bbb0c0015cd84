"""The `tenfold` command, also run by `python -m tenfold`."""


def main() -> None:
    try:
        from tenfold.cli.app import main as run
    except KeyboardInterrupt:  # Ctrl-C while the command line loads
        raise SystemExit(130) from None
    run()


if __name__ == "__main__":
    main()
