"""What records of the source "swe-bench" say: an instance of SWE-bench, and how it is built."""

from __future__ import annotations

from repos.tasks.sources.base import OfficialCheck, SourceRecord


class SweBenchSource(SourceRecord):
    """One instance of SWE-bench, or of a file in its schema.

    Attributes:
        instance: The instance's id.
        repository: Owner and name on GitHub, for example "django/django".
        base_commit: The commit that the agent starts from.
        version: The repository's version, as SWE-bench names it.
        statement: The issue.
        patch: The reference patch.
        test_patch: The change of the test files.
        test_files: Files of the test patch that the official command is given.
        command: The official test command, complete.
        log_parser: Name of the parser of `swebench` for what the command prints.
        eval_type: What its grading counts: "pass_and_fail" or "fail_only".
        edits: Changes that the official environment makes to the base: (file, find, replace),
            the first occurrence in each line, or a second pair where the first is not found.
        distribution: The package's name in its metadata; "" writes none.
        import_folders: Where the package may lie; the first that exists gets its metadata.
        version_files: Files that say `__version__ = "..."`.
        version_module: A file that setuptools-scm would write; "" where there is none.
    """

    kind: str = "swe-bench"
    instance: str
    repository: str
    base_commit: str
    version: str
    statement: str
    patch: str
    test_patch: str
    test_files: tuple[str, ...]
    command: str
    log_parser: str
    eval_type: str = "pass_and_fail"
    edits: tuple[tuple[str, ...], ...] = ()
    distribution: str = ""
    import_folders: tuple[str, ...] = (".",)
    version_files: tuple[str, ...] = ()
    version_module: str = ""

    def official_check(self) -> OfficialCheck:
        """Return SWE-bench's own check of a patch."""
        return OfficialCheck(
            instance=self.instance,
            repository=self.repository,
            version=self.version,
            command=self.command,
            log_parser=self.log_parser,
            eval_type=self.eval_type,
            files=self.test_files,
        )
