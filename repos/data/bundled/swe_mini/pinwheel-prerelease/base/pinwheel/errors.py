"""Everything that pinwheel raises."""


class PinwheelError(Exception):
    """The base of all errors here."""


class InvalidVersion(PinwheelError, ValueError):
    """A text that is not a semantic version."""


class InvalidRange(PinwheelError, ValueError):
    """A text that is not a version range."""


class UnknownPackage(PinwheelError, LookupError):
    """A package that the index doesn't have."""


class ResolutionError(PinwheelError):
    """No set of versions satisfies all requirements.

    Attributes:
        package: the package for which no version was left.
        wanted: pairs (who asked, range) for that package.
    """

    def __init__(self, package, wanted):
        self.package = package
        self.wanted = list(wanted)
        reasons = ", ".join(f"{who} wants {spec}" for who, spec in self.wanted)
        super().__init__(f"no version of {package!r} fits: {reasons}")
