"""Git work inside a sandbox: the diff of a workspace, and applying one.

One standard-library file (Python >= 3.6) that is shown at `/opt/repogym/git.py` and run by
the harness's interpreter, with the workspace's rights. It uses the repository of the harness
(`base.git`, read-only, one commit) and a temporary one beside it, never the workspace's `.git`,
so neither hooks, configuration, attributes nor commits made there have any effect.

    git.py diff BASE_GIT ROOT    candidates on stdin (NUL after each, or "*"), diff on stdout
    git.py apply BASE_GIT ROOT   diff on stdin
    git.py states BASE_GIT ROOT  what differs from the base, with a word for its state
"""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile

ATTRIBUTES = "* -text -eol -filter -ident -working-tree-encoding -whitespace !diff !merge\n"
IGNORE_FOLDER = "repogym-ignore"
REFUSED = 3


class Refused(Exception):
    """The patch can't be applied; the message says why."""


def environment(home):
    """Return git's environment: no configuration but the repository's own."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def scratch():
    """Return a temporary folder where there is most room (an agent may have filled /tmp)."""
    best, room = None, -1
    for folder in (os.environ.get("TMPDIR"), "/tmp", "/dev/shm", os.environ.get("HOME")):
        if not folder:
            continue
        try:
            usage = os.statvfs(folder)
            free = usage.f_bavail * usage.f_frsize
            if free > room and os.access(folder, os.W_OK):
                best, room = folder, free
        except OSError:
            continue
    return tempfile.mkdtemp(prefix=".repogym-", dir=best)


class Git:
    """A temporary repository that borrows the harness's objects."""

    def __init__(self, base, root):
        self.base = base
        self.root = os.fsencode(root)
        self.folder = scratch()
        self.env = environment(self.folder)
        for name in ("objects/info", "objects/pack", "refs/heads", "info"):
            os.makedirs(os.path.join(self.folder, name))
        texts = {
            "HEAD": "ref: refs/heads/work\n",
            "config": "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
            "\tcompression = 0\n\tsafecrlf = false\n\tautocrlf = false\n"
            "[pack]\n\tcompression = 0\n",
            "info/attributes": ATTRIBUTES,
            "objects/info/alternates": os.path.join(base, "objects") + "\n",
        }
        for name, text in texts.items():
            with open(os.path.join(self.folder, name), "w") as f:
                f.write(text)

    def run(self, args, data=b"", git_dir=None, work_tree=None, ok=(0,)):
        """Run git and return its standard output."""
        command = ["git", "--git-dir", git_dir or self.folder]
        if work_tree is not None:
            command += ["--work-tree", os.fsdecode(work_tree)]
        done = subprocess.run(
            command + args,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
            cwd=work_tree or self.folder,
        )
        if done.returncode not in ok:
            raise Refused(done.stderr.decode("utf-8", "replace").strip() or "git failed")
        return done.stdout

    def close(self):
        """Remove the temporary repository."""
        shutil.rmtree(self.folder, ignore_errors=True)


def safe(path):
    """Whether a path (bytes) may be part of a diff: inside, and in nobody's `.git`."""
    parts = path.split(b"/")
    for part in parts:
        if part in (b"", b".", b"..") or part.lower() in (b".git", b"git~1"):
            return False
    return True


def compiled(path):
    """Whether a path is byte-code, which is never part of a diff."""
    return path.endswith((b".pyc", b".pyo")) or b"__pycache__" in path.split(b"/")[:-1]


def tree_of(git, commit):
    """Return {path: (mode, object id)} of a commit."""
    table = {}
    for record in git.run(["ls-tree", "-r", "-z", "--full-tree", commit]).split(b"\0"):
        if record:
            facts, path = record.split(b"\t", 1)
            mode, _, ident = facts.split(b" ")
            table[path] = (mode, ident)
    return table


def open_up(root, path):
    """Give the owner back the right to read a path."""
    at = root
    for part in path.split(b"/"):
        try:
            mode = os.lstat(at).st_mode
            if stat.S_ISDIR(mode) and mode & 0o500 != 0o500:
                os.chmod(at, mode | 0o500)
        except OSError:
            return
        at = os.path.join(at, part)
    try:
        mode = os.lstat(at).st_mode
        if stat.S_ISREG(mode) and not mode & 0o400:
            os.chmod(at, mode | 0o400)
    except OSError:
        pass


def look(root, path, again=True):
    """Return (mode, content) of a path, links not followed at any level, or None."""
    parts = path.split(b"/")
    at = root
    try:
        for part in parts[:-1]:
            at = os.path.join(at, part)
            if not stat.S_ISDIR(os.lstat(at).st_mode):
                return None
        at = os.path.join(at, parts[-1])
        info = os.lstat(at)
        if stat.S_ISLNK(info.st_mode):
            return b"120000", os.readlink(at)
        if not stat.S_ISREG(info.st_mode):
            return None
        with open(at, "rb") as f:
            return (b"100755" if info.st_mode & 0o100 else b"100644"), f.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        if not again:
            raise
        open_up(root, path)
        return look(root, path, again=False)


def everything(root):
    """Return all paths below a folder that are not folders, but what lies in a `.git`."""
    found = []
    for folder, names, files in os.walk(root):
        prefix = os.path.relpath(folder, root)
        for name in list(names):
            at = os.path.join(folder, name)
            if not os.path.islink(at) and not os.access(at, os.R_OK | os.X_OK):
                open_up(root, os.path.relpath(at, root) + b"/.")
            if name.lower() == b".git":
                names.remove(name)
            elif os.path.islink(os.path.join(folder, name)):
                files.append(name)
        for name in files:
            found.append(name if prefix == b"." else prefix + b"/" + name)
    return found


def ignored(git, paths):
    """Return those of the paths that the base's ignore rules leave out."""
    rules = os.path.join(git.base, IGNORE_FOLDER)
    if not paths or not os.path.isdir(rules):
        return set()
    out = git.run(
        ["check-ignore", "--no-index", "-z", "--stdin"],
        data=b"".join(path + b"\0" for path in paths),
        git_dir=git.base,
        work_tree=os.fsencode(rules),
        ok=(0, 1),
    )
    return set(out.split(b"\0")) - {b""}


def quoted(path):
    """Return a path as `git fast-import` reads it."""
    text = path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + text + b'"'


def diff(git, candidates):
    """Return the diff of the workspace against the base commit.

    Args:
        git: The temporary repository.
        candidates: Paths that may differ; None for all.
    """
    base = git.run(["rev-parse", "HEAD^{commit}"], git_dir=git.base).strip()
    tree = tree_of(git, base.decode())
    if candidates is None:
        candidates = set(everything(git.root)) | set(tree)
    paths = sorted(p for p in set(candidates) if safe(p) and not compiled(p))
    skipped = ignored(git, [path for path in paths if path not in tree])
    deletions, changes = [], []
    for path in paths:
        if path in skipped:
            continue
        now = look(git.root, path)
        was = tree.get(path)
        if now is None:
            if was is not None:
                deletions.append(b"D " + quoted(path) + b"\n")
            continue
        mode, data = now
        if was is not None and was[0] == mode:
            ident = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest().encode()
            if ident == was[1]:
                continue
        changes.append((mode, path, data))
    if not deletions and not changes:
        return b""
    stream = [
        b"commit refs/heads/work\ncommitter repogym <repogym@localhost> 0 +0000\ndata 0\n",
        b"from " + base + b"\n",
    ]
    # All deletions first: a file may have taken the place of a folder, or the reverse.
    stream += deletions
    for mode, path, data in changes:
        stream.append(b"M %s inline %s\ndata %d\n" % (mode, quoted(path), len(data)))
        stream += [data, b"\n"]
    git.run(["fast-import", "--quiet", "--force"], data=b"".join(stream))
    return git.run(
        [
            "diff-tree",
            "-r",
            "-p",
            "--binary",
            "--full-index",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            "--unified=3",
            base.decode(),
            "refs/heads/work",
        ]
    )


def states(git):
    """Return what differs from the base, each with a word for its state, all NUL-ended."""
    tree = tree_of(git, git.run(["rev-parse", "HEAD"], git_dir=git.base).strip().decode())
    out = []
    for path in sorted(set(everything(git.root)) | set(tree)):
        now = look(git.root, path)
        word = b"gone"
        if now is not None:
            ident = hashlib.sha1(b"blob %d\0" % len(now[1]) + now[1]).hexdigest().encode()
            if tree.get(path) == (now[0], ident):
                continue
            word = now[0] + b":" + ident
        out += [path, b"\0", word, b"\0"]
    return b"".join(out)


def paths_of(git, data):
    """Return the paths that a diff names, as git reads it."""
    out = git.run(["apply", "--numstat", "-z", "-"], data=data)
    words = out.split(b"\0")
    paths = []
    at = 0
    while at < len(words) and words[at]:
        path = words[at].split(b"\t", 2)[2]
        if path:
            paths.append(path)
        else:  # a rename: the old and the new path follow
            paths += words[at + 1 : at + 3]
            at += 2
        at += 1
    return paths


def named_in_headers(data):
    """Return the paths of a diff's header lines, without regard to where hunks end."""
    found = []
    for line in data.split(b"\n"):
        for start in (b"--- ", b"+++ ", b"rename from ", b"rename to ", b"copy from ", b"copy to "):
            if line.startswith(start):
                path = line[len(start) :].split(b"\t")[0].strip().strip(b'"')
                if path != b"/dev/null":
                    found.append(path[2:] if path[:2] in (b"a/", b"b/") else path)
    return found


def store(git, branch, files):
    """Make a commit that holds the given {path: (mode, content)}."""
    stream = [b"commit refs/heads/" + branch + b"\n"]
    stream.append(b"committer repogym <repogym@localhost> 0 +0000\ndata 0\n")
    for path, (mode, data) in sorted(files.items()):
        stream.append(b"M %s inline %s\ndata %d\n" % (mode, quoted(path), len(data)))
        stream += [data, b"\n"]
    git.run(["fast-import", "--quiet", "--force"], data=b"".join(stream))


def contents(git, idents):
    """Return {object id: content} of blobs."""
    out = git.run(["cat-file", "--batch"], data=b"".join(ident + b"\n" for ident in idents))
    found = {}
    at = 0
    for ident in idents:
        end = out.index(b"\n", at)
        size = int(out[at:end].split(b" ")[2])
        found[ident] = out[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return found


def apply(git, data):
    """Apply a diff to the workspace, wholly or not at all.

    git applies it to an index that holds the workspace's present content of the paths it
    names; only then are the results written, by us: git on a work tree would follow links,
    convert line ends and fail where a folder takes the place of a link.

    Raises:
        Refused: It names a path that no diff may name, or does not fit.
    """
    if not data.strip():
        return
    if not data.endswith(b"\n"):
        data += b"\n"
    try:
        paths = paths_of(git, data)
    except Refused:
        paths = named_in_headers(data)
    for path in paths:
        if not safe(path):
            raise Refused("it names the path %r" % os.fsdecode(path))
    present = {path: look(git.root, path) for path in set(paths)}
    store(git, b"now", {path: state for path, state in present.items() if state is not None})
    git.run(["read-tree", "refs/heads/now"])
    first = None
    for extra in ([], ["--recount"], ["--ignore-whitespace", "-C1"]):
        try:
            command = ["apply", "--cached", "--binary", "--whitespace=nowarn"]
            git.run(command + extra + ["-"], data=data)
            first = None
            break
        except Refused as error:
            first = first or error
            if "symbolic link" in str(error) or "invalid path" in str(error):
                raise
    if first is not None:
        with_patch(git, data, first)
        return
    tree = git.run(["write-tree"]).strip().decode()
    command = ["diff-tree", "-r", "-z", "--no-renames", "--full-index", "refs/heads/now", tree]
    words = git.run(command).split(b"\0")
    deletions, writes = [], {}
    for facts, path in zip(words[::2], words[1::2]):
        _, mode, _, ident, kind = facts.split(b" ")
        if mode == b"160000":
            raise Refused("it makes %r a submodule" % os.fsdecode(path))
        if kind == b"D":
            deletions.append(path)
        else:
            writes[path] = (mode, ident)
    check_places(git.root, set(deletions), writes)
    blobs = contents(git, [ident for _, ident in writes.values()])
    for path in deletions:
        take_away(git.root, path)
    for path, (mode, ident) in writes.items():
        put(os.path.join(git.root, path), mode, blobs[ident])


def check_places(root, deletions, writes):
    """Refuse to write through a link, over a folder that stays, or below a file that stays."""
    for path in writes:
        parts = path.split(b"/")
        for count in range(1, len(parts)):
            above = b"/".join(parts[:count])
            if above in deletions:
                break
            try:
                mode = os.lstat(os.path.join(root, above)).st_mode
            except OSError:
                break
            if stat.S_ISLNK(mode):
                raise Refused("%r is beyond a symbolic link" % os.fsdecode(path))
            if not stat.S_ISDIR(mode) and above not in deletions:
                raise Refused("%r is not a folder" % os.fsdecode(above))
        at = os.path.join(root, path)
        if os.path.isdir(at) and not os.path.islink(at):
            for name in everything(at):
                if path + b"/" + name not in deletions:
                    raise Refused("%r is a folder" % os.fsdecode(path))


def take_away(root, path):
    """Delete a file, and the folders that it leaves empty."""
    at = os.path.join(root, path)
    os.unlink(at)
    above = os.path.dirname(at)
    while above != root:
        try:
            os.rmdir(above)
        except OSError:
            return
        above = os.path.dirname(above)


def put(at, mode, data):
    """Write a file or link in the place of what is there."""
    os.makedirs(os.path.dirname(at), exist_ok=True)
    if os.path.isdir(at) and not os.path.islink(at):
        shutil.rmtree(at)  # only empty folders are left in it
    temporary = at + b".repogym~"
    if mode == b"120000":
        os.symlink(data, temporary)
    else:
        with open(temporary, "wb") as f:
            f.write(data)
        os.chmod(temporary, 0o755 if mode == b"100755" else 0o644)
    os.rename(temporary, at)


def with_patch(git, data, why):
    """Try the `patch` program, which is more tolerant, on a plain text diff.

    Raises:
        Refused: It does not work either; `why` is raised then.
    """
    if b"GIT binary patch" in data or not all(safe(path) for path in named_in_headers(data)):
        raise why
    command = ["patch", "--batch", "--forward", "-p1", "--fuzz=5", "--no-backup-if-mismatch"]
    command += ["--reject-file=-", "--directory", os.fsdecode(git.root)]
    for extra in (["--dry-run"], []):
        try:
            done = subprocess.run(
                command + extra,
                input=data,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=git.env,
            )
        except FileNotFoundError:
            raise why
        if done.returncode != 0:
            raise why


def main(argv):
    """Run one command; exit status 3 and a message where a patch was refused."""
    os.umask(0o022)
    command, base, root = argv[1:4]
    data = sys.stdin.buffer.read()
    git = Git(base, root)
    try:
        if command == "diff":
            candidates = None if data == b"*" else [p for p in data.split(b"\0") if p]
            sys.stdout.buffer.write(diff(git, candidates))
        elif command == "states":
            sys.stdout.buffer.write(states(git))
        else:
            apply(git, data)
    except Refused as error:
        sys.stderr.write(str(error) + "\n")
        return REFUSED
    finally:
        git.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
