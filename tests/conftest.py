import pytest


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory):
    """Keep preparations of one test run together, apart from the user's own cache."""
    import os

    if "REPOGYM_CACHE" in os.environ:
        return
    os.environ["REPOGYM_CACHE"] = str(tmp_path_factory.getbasetemp().parent / "repogym-cache")


@pytest.fixture(scope="session")
def backend():
    """The default sandbox of this machine."""
    from repos.sandbox.select import get_backend

    made = get_backend("auto")
    yield made
    made.close()
