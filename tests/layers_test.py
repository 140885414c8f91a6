#!/usr/bin/env python3
"""Holds the tree against its own rules: who includes whom, the paths that documents name, and sizes.

Usage: layers_test.py [ROOT]. Prints one line for each violation; exit code 1 when there is any.

- A file of the layer src/X includes only headers of X and of the layers after USES in the line
  penstock_layer(X USES ...) of CMakeLists.txt; tests beside the code keep the same rule. A layer uses only
  layers that are declared before it, so there is no cycle. No two files include each other in a circle.
- A quoted include names a file in src/ by its path from there.
- No two headers define a class of the same name: linked into one program, one's destructor would be called
  for the other's objects.
- A backticked word with a slash in README.md or ARCHITECTURE.md that looks like a path of the tree exists.
- ARCHITECTURE.md has fewer than 150 lines; no source file has more than 700.
"""

import re
import sys
from pathlib import Path

MAX_ARCHITECTURE_LINES = 149
MAX_SOURCE_LINES = 700
SOURCE_SUFFIXES = {".h", ".cc", ".cpp", ".py", ".js", ".ts", ".tsx", ".sh", ".cmake"}
SOURCE_ROOTS = ("src", "tests", "fuzz", "bench", "web", "scripts", "cmake")
BUILT = {"build"}  # what is there only after a build is not checked
SKIPPED_FOLDERS = {"node_modules", "dist", "data", "__pycache__"}


def declared_layers(cmake):
    """Layer -> layers that it may use, in the order of declaration."""
    layers = {}
    for name, body in re.findall(r"^penstock_layer\(\s*(\w+)([^)]*)\)", cmake, re.M):
        uses = []
        words = body.split()
        if "USES" in words:
            for word in words[words.index("USES") + 1:]:
                if word == "LINK":
                    break
                uses.append(word)
        layers[name] = uses
    return layers


def check_declarations(layers, problems):
    if not layers:
        problems.append("CMakeLists.txt: no penstock_layer line found")
    declared = set()
    for name, uses in layers.items():
        for used in uses:
            if used not in declared:
                problems.append(f"CMakeLists.txt: layer {name} uses {used}, which is not declared before it")
        declared.add(name)


def check_includes(root, layers, problems):
    """Returns file -> files that it includes, all relative to src/."""
    src = root / "src"
    graph = {}
    for path in sorted([*src.rglob("*.h"), *src.rglob("*.cc")]):
        name = path.relative_to(src).as_posix()
        layer = name.split("/")[0]
        if layer not in layers:
            problems.append(f"src/{name}: CMakeLists.txt has no penstock_layer({layer} ...)")
            continue
        graph[name] = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if not match:
                continue
            included = match.group(1)
            where = f"src/{name}:{number}"
            if not (src / included).is_file() or included.startswith("."):
                problems.append(f"{where}: \"{included}\" is not a path from src/ to a file")
                continue
            graph[name].append(included)
            target = included.split("/")[0]
            if target != layer and target not in layers[layer]:
                allowed = ", ".join(layers[layer]) or "nothing"
                problems.append(f"{where}: layer {layer} may not include {included} (it uses: {allowed})")
    return graph


def check_circles(graph, problems):
    done = set()
    for start in graph:
        stack, on_path, path = [(start, iter(graph[start]))], {start}, [start]
        while stack and start not in done:
            node, rest = stack[-1]
            following = next((n for n in rest if n in graph and n not in done), None)
            if following is None:
                stack.pop()
                on_path.discard(path.pop())
                done.add(node)
            elif following in on_path:
                circle = path[path.index(following):] + [following]
                problems.append("src/: files include each other in a circle: " + " -> ".join(circle))
            else:
                stack.append((following, iter(graph[following])))
                on_path.add(following)
                path.append(following)


def check_class_names(root, problems):
    defined = {}
    for path in sorted((root / "src").rglob("*.h")):
        name = path.relative_to(root).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = re.match(r"(?:class|struct) (\w+)(?: final)?\s*(?::(?!:)[^;]*)?\{", line)
            if not match:
                continue
            other = defined.setdefault(match.group(1), f"{name}:{number}")
            if other != f"{name}:{number}":
                problems.append(f"{name}:{number}: {match.group(1)} is the name of another class, see {other}")


def looks_like_path(word, root):
    """A path of the tree: its first part is an entry of the root, or it has the form of a file's path."""
    if not re.fullmatch(r"\.{0,2}[\w./-]*/[\w./-]*", word) or word.startswith(("/", "../")):
        return False
    first = word.removeprefix("./").split("/")[0]
    known = {entry.name for entry in root.iterdir()} - BUILT | set(SOURCE_ROOTS) | {"docs", ".ci"}
    return first in known or bool(re.search(r"\.(h|cc|py|md|txt|yaml|cmake|sh|json)$", word))


def check_documents(root, problems):
    for name in ("README.md", "ARCHITECTURE.md"):
        document = root / name
        if not document.is_file():
            problems.append(f"{name}: is missing")
            continue
        lines = document.read_text(encoding="utf-8").splitlines()
        if name == "ARCHITECTURE.md" and len(lines) > MAX_ARCHITECTURE_LINES:
            problems.append(f"{name}: has {len(lines)} lines, at most {MAX_ARCHITECTURE_LINES} are allowed")
        for number, line in enumerate(lines, 1):
            for quoted in re.findall(r"`([^`]+)`", line):
                for word in quoted.split():
                    path = re.sub(r":\d+$", "", word).rstrip(",;:")
                    if looks_like_path(path, root) and not any((root / base / path).exists() for base in ("", "src")):
                        problems.append(f"{name}:{number}: {path} does not exist")


def check_sizes(root, problems):
    for folder in SOURCE_ROOTS:
        for path in sorted((root / folder).rglob("*")):
            relative = path.relative_to(root)
            if SKIPPED_FOLDERS & set(relative.parts) or path.suffix not in SOURCE_SUFFIXES or not path.is_file():
                continue
            count = len(path.read_text(encoding="utf-8").splitlines())
            if count > MAX_SOURCE_LINES:
                problems.append(f"{relative.as_posix()}: has {count} lines, at most {MAX_SOURCE_LINES} are allowed")


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    problems = []
    layers = declared_layers((root / "CMakeLists.txt").read_text(encoding="utf-8"))
    check_declarations(layers, problems)
    check_circles(check_includes(root, layers, problems), problems)
    check_class_names(root, problems)
    check_documents(root, problems)
    check_sizes(root, problems)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
