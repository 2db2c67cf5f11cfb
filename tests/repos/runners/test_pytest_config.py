import configparser

from repos.runners.pytest.config import ini_text, kept_addopts, tree_options


def test_pyproject_is_read(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\naddopts = "-n 4 --import-mode=importlib --cov"\n'
        'markers = ["slow: x"]\nxfail_strict = true\npythonpath = ["src"]\n'
    )
    options = tree_options(tmp_path)
    assert kept_addopts(options) == ["--import-mode=importlib"]
    parser = configparser.ConfigParser()
    parser.read_string(ini_text(options))
    section = parser["pytest"]
    assert "addopts" not in section
    assert section["xfail_strict"] == "true"
    assert section["markers"].split() == ["slow:", "x"]


def test_pytest_ini_wins_over_the_others(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = check_*.py\n")
    (tmp_path / "tox.ini").write_text("[pytest]\npython_files = other.py\n")
    assert tree_options(tmp_path) == {"python_files": "check_*.py"}


def test_setup_cfg_and_multi_line_values(tmp_path):
    (tmp_path / "setup.cfg").write_text(
        "[tool:pytest]\nfilterwarnings =\n    error\n    ignore::X\n"
    )
    parser = configparser.ConfigParser()
    parser.read_string(ini_text(tree_options(tmp_path)))
    assert parser["pytest"]["filterwarnings"].split() == ["error", "ignore::X"]


def test_an_import_mode_in_two_words_is_kept(tmp_path):
    assert kept_addopts({"addopts": "--import-mode append -q"}) == ["--import-mode=append"]


def test_broken_files_count_as_no_configuration(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[[[")
    (tmp_path / "setup.cfg").write_text("no section")
    assert tree_options(tmp_path) == {}
