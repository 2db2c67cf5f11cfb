"""What C names mean: includes and linkage."""

from pathlib import Path

from graphdb import CodeGraph, FolderSource
from tests.graphdb.texts import build, calls, edges_of, uses


def test_static_functions_stay_in_their_file(shop_once: Path) -> None:
    graph = CodeGraph.build(FolderSource(shop_once), store="networkx")
    found = {(e.source, e.target, e.how) for e in graph.index.edges() if e.type == "CALLS"}
    native = {row for row in found if row[0].startswith("c:")}
    assert native == {
        ("c:native/list.c::list_push", "c:native/list.c::make", "scope"),
        ("c:native/list.c::list_push", "c:native/list.h::SQUARE", "include"),
        ("c:native/list.c::make", "external:malloc", "linkage"),
        ("c:native/main.c::handler", "c:native/main.c::make", "scope"),
        ("c:native/main.c::main", "c:native/list.c::list_push", "linkage"),
        ("c:native/main.c::main", "c:native/list.h::list_empty", "include"),
        ("c:native/main.c::main", "c:native/main.c::make", "scope"),
    }


def test_table_of_functions_uses_them() -> None:
    text = (
        "static int open_it(void) { return 0; }\n"
        "struct ops { int (*open)(void); };\n"
        "static const struct ops table = { .open = open_it };\n"
    )
    assert ("m.c::table", "m.c::open_it") in {
        (e.source, e.target) for e in uses({"m.c": text}, "m.c")
    }


def test_pointer_and_member_calls_give_no_edge() -> None:
    text = (
        "int run(void) { return 1; }\n"
        "int g(int (*run)(void)) { return run(); }\n"
        "struct s { int (*run)(void); };\n"
        "int h(struct s *s) { return s->run(); }\n"
    )
    assert calls({"m.c": text}, "m.c", "g") == set()
    assert calls({"m.c": text}, "m.c", "h") == set()


def test_include_means_the_nearest_header() -> None:
    files = {
        "include/linux/fs.h": "static inline int one(void) { return 1; }\n",
        "tools/include/linux/fs.h": "static inline int one(void) { return 2; }\n",
        "fs/a.c": "#include <linux/fs.h>\nint f(void) { return one(); }\n",
        "tools/b.c": "#include <linux/fs.h>\nint f(void) { return one(); }\n",
    }
    assert calls(files, "fs/a.c", "f") == {"include/linux/fs.h::one"}
    assert calls(files, "tools/b.c", "f") == {"tools/include/linux/fs.h::one"}


def test_same_extern_name_in_many_files_is_no_guess() -> None:
    files = {f"d{n}.c": "int probe(void) { return 0; }\n" for n in range(5)}
    files["u.c"] = "int probe(void);\nint f(void) { return probe(); }\n"
    assert not any(name.endswith("::probe") for name in calls(files, "u.c", "f"))


def test_nodes() -> None:
    text = (
        "#ifndef GUARD\n#define GUARD\n#define N 3\n#define F(x) x\n"
        "struct s { int a, *b; };\nenum e { X, Y };\ntypedef struct s s_t;\n"
        "extern int other;\nint here;\nint proto(void);\nint *fn(void) { return 0; }\n#endif\n"
    )
    nodes = {node.id.partition("::")[2]: node for node in build({"m.h": text}).nodes()}
    labels = {name: node.label for name, node in nodes.items() if name}
    assert labels == {
        "N": "GLOBAL_VARIABLE", "F": "FUNCTION", "s": "CLASS", "s.a": "FIELD", "s.b": "FIELD",
        "e": "CLASS", "X": "GLOBAL_VARIABLE", "Y": "GLOBAL_VARIABLE", "s_t": "CLASS",
        "here": "GLOBAL_VARIABLE", "fn": "FUNCTION",
    }  # fmt: skip
    assert nodes["fn"].signature == "int *fn(void)"
    assert nodes["s.a"].cls == "s"


def test_imports_edges_of_headers() -> None:
    files = {"a.h": '#include "b.h"\n', "b.h": '#include "a.h"\n#include <stdio.h>\n'}
    found = {(e.type, e.target) for e in edges_of(files, "b.h")}
    assert found == {("IMPORTS", "c:a.h"), ("IMPORTS", "external:stdio.h")}


def test_members_of_anonymous_types_belong_to_the_type_around_them() -> None:
    text = (
        "struct v { int kind; union { int i; struct { float f, g; }; }; struct { int w; } box;\n"
        "  union named { int z; } n; enum { ONE, TWO }; };\n"
    )
    nodes = build({"m.c": text}).nodes()
    fields = {node.id.partition("::")[2] for node in nodes if node.label == "FIELD"}
    assert fields == {"v.kind", "v.i", "v.f", "v.g", "v.box", "named.z", "v.n"}


def test_members_that_are_read_and_written() -> None:
    files = {
        "v.h": "struct v { int kind; union { int i; }; struct { int w; } box; };\n"
        "struct ops { int (*open)(void); };\n",
        "far.h": "struct far { int i; };\n",
        "m.c": '#include "v.h"\nint f(void);\nstruct ops table = { .open = f };\n'
        "int rd(struct v *p) { return p->i + p->kind + p->box.w; }\n"
        "void wr(struct v *p) { p->i = p->i + p->kind; p->kind++; p->nothing = 1; }\n",
    }
    found = {
        (e.source.partition("::")[2], e.target, e.kind, e.times)
        for e in edges_of(files, "m.c")
        if e.type == "USES" and e.target.rpartition(".")[2] in ("i", "kind", "open", "w", "box")
    }
    assert found == {
        ("table", "c:v.h::ops.open", "write", 1),
        ("rd", "c:v.h::v.i", "read", 1),
        ("rd", "c:v.h::v.kind", "read", 1),
        ("rd", "c:v.h::v.box", "read", 1),
        ("wr", "c:v.h::v.i", "write", 2),
        ("wr", "c:v.h::v.kind", "write", 2),
    }


def test_a_member_name_of_many_types_is_no_guess() -> None:
    reader = "int f(struct s0 *p) { return p->next; }\n"
    types = [f"struct s{n} {{ int next; }};\n" for n in range(4)]

    def ends(count: int) -> list[tuple[str, float]]:
        files = {"m.c": "".join([*types[:count], reader])}
        used = [e for e in edges_of(files, "m.c") if e.type == "USES"]
        return [(e.target, e.confidence) for e in used if e.target.endswith(".next")]

    assert ends(1) == [("c:m.c::s0.next", 1.0)]
    assert ends(2) == [("c:m.c::s0.next", 0.5), ("c:m.c::s1.next", 0.5)]
    assert ends(4) == []


def test_attributes_are_no_names() -> None:
    text = """\
#define __cold __attribute__((cold))
static int __init a_init(void) { return t(); }
static int __init __attribute__((cold)) b_init(void) { return t(); }
static noinline __cold int d_fn(int x) { return t(); }
int __attribute__((noinline)) e_fn(int x) { return t(); }
struct foo *__must_check i_fn(int x) { return t(); }
int t(void) { return 0; }
static int
j_fn(int x)
{
    Py_BEGIN_ALLOW_THREADS
    t();
    Py_END_ALLOW_THREADS
    return 0;
}
JNIEXPORT jint JNICALL k_fn(int x) { return t(); }
void m_fn(int a __unused) { t(); }
static bool __sched o_fn(struct x *p) __releases(lock) { return t(); }
int WINAPI u_fn(void) { return t(); }
"""
    nodes = list(build({"m.c": text}).nodes())
    callers = {"a_init", "b_init", "d_fn", "e_fn", "i_fn", "j_fn", "k_fn", "m_fn", "o_fn", "u_fn"}
    assert {node.name for node in nodes if node.label == "FUNCTION"} == callers | {"t"}
    for name in callers:
        assert calls({"m.c": text}, "m.c", name) == {"m.c::t"}
    variables = {node.name for node in nodes if node.label == "GLOBAL_VARIABLE"}
    assert variables == {"__cold"}
    signature = next(node.signature for node in nodes if node.name == "b_init")
    assert signature == "static int __init __attribute__((cold)) b_init(void)"
