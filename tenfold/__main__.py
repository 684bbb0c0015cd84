"""The command `tenfold`, also as `python -m tenfold`: quiet about Ctrl-C while the command line loads."""


def main() -> None:
    try:
        from tenfold.cli.app import main as run
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    run()


if __name__ == "__main__":
    main()
