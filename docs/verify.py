#!/usr/bin/env python3
"""A second verifier of exported logs, written from log-format.md alone. It needs Python 3.9 and, for the signature, OpenSSL 3.

    verify.py EXPORT [PUBLIC_KEY]

EXPORT is plain or gzip. PUBLIC_KEY is what `commerce audit-key` prints. Exit codes: 0 sound, 2 wrong usage, 3 something was changed.
"""
import base64, datetime, gzip, hashlib, json, re, subprocess, sys, tempfile, zlib

FIELDS = ["pk", "sk", "f", "fv", "lv", "ev", "at", "cs", "ph", "h", "lp"]
HEADER = ["format", "version", "origin", "from", "to", "category"]
END = ["commits", "tips", "tree", "checkpoint", "sha256"]


class Bad(Exception):
    pass


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def dumps(value):
    """JSON as the log writes it: no spaces, nothing escaped but quotes, backslashes, controls and lone surrogates."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[\ud800-\udfff]", lambda match: "\\u%04x" % ord(match[0]), text)


def loads(line, names):
    try:
        value = json.loads(line)
    except ValueError:
        raise Bad("it is not JSON")
    if not isinstance(value, dict) or [n for n in names if n in value] != list(value) or dumps(value) != line:
        raise Bad("it is not written as an export writes it")
    return value


def commit_in(line):
    commit = loads(line, FIELDS)
    if len(commit) != len(FIELDS):
        raise Bad("a field is missing")
    for name in ["sk", "f", "fv", "lv", "at", "lp"]:
        if type(commit[name]) is not int or not 0 <= commit[name] < 2**53:
            raise Bad(name + " is not a whole number")
    for name in ["pk", "ev", "ph", "h"]:
        if type(commit[name]) is not str or re.search("[\ud800-\udfff]", commit[name]):
            raise Bad(name + " is not a text in Unicode")
    if type(commit["cs"]) is not list or any(type(name) is not str for name in commit["cs"]):
        raise Bad("cs is not a list of texts")
    if not re.fullmatch("[a-z-]+#[^#]+", commit["pk"]):
        raise Bad("pk is not a stream id")
    return commit


def check_commit(commit, tip, from_middle):
    """tip: number, last version, time and hash of the commit before it."""
    number, version, time, previous = tip or (0, 0, 0, "0" * 64)
    if tip or not from_middle or commit["sk"] == 1:
        if commit["sk"] != number + 1:
            raise Bad("commit %d follows commit %d" % (commit["sk"], number))
        if commit["ph"] != previous or commit["fv"] != version + 1 or commit["at"] <= time:
            raise Bad("it does not continue the commit before it")
    header = dumps([commit[name] for name in ["f", "pk", "sk", "fv", "lv", "at", "cs"]])
    if sha((commit["ph"] + header + commit["ev"]).encode()).hex() != commit["h"]:
        raise Bad("h is not the hash of its content")
    if commit["f"] != 1 or commit["lp"] != sha(commit["pk"].encode())[0] % 64:
        raise Bad("f or lp is wrong")
    try:
        versions = [event["version"] for event in json.loads(commit["ev"])]
    except (ValueError, TypeError, KeyError):
        raise Bad("ev is not a list of events")
    if versions != list(range(commit["fv"], commit["lv"] + 1)) or not versions:
        raise Bad("the versions of its events are not fv to lv")


class Tree:
    """RFC 6962, in the memory of its right edge. Subtrees of any aligned size may be added."""

    def __init__(self):
        self.size, self.edge = 0, []

    def add(self, node, level=0):
        self.size += 2**level
        while self.edge and self.edge[-1][0] == level:
            node, level = sha(b"\1", self.edge.pop()[1], node), level + 1
        self.edge.append((level, node))

    def root(self):
        if not self.edge:
            return sha()
        node = self.edge[-1][1]
        for _, left in reversed(self.edge[:-1]):
            node = sha(b"\1", left, node)
        return node


def root_of(leaves, tree, size):
    """leaves: of all commit lines, in their order."""
    at, lines = {}, iter(leaves)
    for index, count in tree["covered"]:
        for n in range(count):
            leaf = next(lines, None)
            if leaf is None or (index is not None and (index + n in at or index + n >= size)):
                raise Bad("the tree is not one of these commits")
            if index is not None:
                at[index + n] = leaf
    if next(lines, None) is not None:
        raise Bad("the tree is not one of these commits")
    if "leaves" in tree and base64.b64decode(tree["leaves"]) != b"".join(at[index] for index in sorted(at)):
        raise Bad("the leaves that it lists are not those of these commits")
    gaps, used, grown = base64.b64decode(tree["gaps"]), 0, Tree()
    for end in sorted(at) + [size]:
        while grown.size < end:
            level = 0
            while grown.size % 2 ** (level + 1) == 0 and grown.size + 2 ** (level + 1) <= end:
                level += 1
            if len(gaps) < used + 32:
                raise Bad("the hashes of the gaps are missing")
            grown.add(gaps[used : used + 32], level)
            used += 32
        if end < size:
            grown.add(at[end])
    if used != len(gaps):
        raise Bad("there are too many hashes for the gaps")
    return grown.root()


def check_signature(note, origin, key_file):
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    pem = re.search("-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----\n", open(key_file).read(), re.S)
    if not pem:
        raise Bad("the file has no public key")
    der = base64.b64decode("".join(pem[0].split("\n")[1:-2]))
    key_id = sha((origin + "\n").encode(), b"\1", der[-32:])[:4]
    for line in signatures.splitlines():
        dash, name, encoded = line.split(" ")
        signature = base64.b64decode(encoded)
        if dash != "\u2014" or name != origin or signature[:4] != key_id:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for file, content in [("key", pem[0].encode()), ("text", text.encode()), ("signature", signature[4:])]:
                with open(folder + "/" + file, "wb") as out:
                    out.write(content)
            command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key", "-rawin", "-in", "text"]
            run = subprocess.run(command + ["-sigfile", "signature"], cwd=folder, capture_output=True)
            if run.returncode == 0:
                return
            raise Bad("the signature of the checkpoint is wrong")
    raise Bad("the checkpoint is not signed with this key")


def verify(file, key_file):
    with open(file, "rb") as start:
        opened = gzip.open if start.read(2) == b"\x1f\x8b" else open
    digest, tips, bad, leaves, header, end, previous = hashlib.sha256(), {}, {}, [], None, None, None
    problems = []
    with opened(file, "rb") as lines:
        for number, raw in enumerate(lines, 1):
            try:
                if end:
                    raise Bad("it is behind the last line")
                line = raw.decode()
                if not line.endswith("\n"):
                    raise Bad("the file was cut short")
                line = line[:-1]
                if number == 1:
                    header = loads(line, HEADER)
                    if header.get("format") != "commerce-log" or header.get("version") != 1:
                        raise Bad("it does not begin an export")
                elif line.startswith('{"commits":'):
                    end = loads(line, END)
                    digest.update(line[: line.rindex(',"sha256":')].encode())
                    if digest.hexdigest() != end["sha256"]:
                        problems.append("line %d: sha256 is not that of the file" % number)
                else:
                    commit = commit_in(line)
                    pk, place = commit["pk"], (commit["at"], commit["pk"].encode(), commit["sk"])
                    leaves.append(sha(b"\0", dumps([pk, commit["sk"], commit["at"], commit["h"]]).encode()))
                    try:
                        time = "%s.%03dZ" % (iso(commit["at"] // 1_000_000), commit["at"] // 1000 % 1000)
                        if not header.get("from", "") <= time <= header.get("to", "~"):
                            raise Bad("the header does not select its time")
                        if header.get("category", pk.split("#")[0]) != pk.split("#")[0]:
                            raise Bad("the header does not select its category")
                        if pk not in bad:
                            check_commit(commit, tips.get(pk), "from" in header)
                            if previous and place <= previous:
                                raise Bad("it is not in its place: at, then pk, then sk")
                            previous = place
                            tips[pk] = (commit["sk"], commit["lv"], commit["at"], commit["h"])
                    except Bad as reason:
                        bad.setdefault(pk, "line %d: commit %d of %s: %s" % (number, commit["sk"], pk, reason))
                digest.update(raw)
            except (Bad, UnicodeDecodeError, AttributeError) as reason:
                problems.append("line %d: %s" % (number, reason))
    if not end:
        return problems + list(bad.values()) + ["the last line is missing: the file was cut short"]
    for pk, last in end.get("tips", {}).items():
        if pk not in bad and tips.get(pk, [0])[0] != last:
            bad[pk] = "commit %d of %s is missing, or is not the last one" % (tips.get(pk, [0])[0] + 1, pk)
    if "tips" in end and set(tips) - set(end["tips"]):
        problems.append("the last line does not know all streams")
    if end["commits"] != len(leaves):
        problems.append("it says that there are %d commits, but there are %d" % (end["commits"], len(leaves)))
    try:
        covered = check_tree(header, end, leaves, key_file)
        print("%d commits of %d streams; the checkpoint covers %d" % (len(leaves), len(tips), covered))
        unsigned = len(leaves) - covered
        valid = "the signature is valid" + ("; %d commits are not signed, nothing proves them" % unsigned if unsigned else "")
        print(valid if key_file else "signature not checked")
    except (Bad, KeyError, ValueError, TypeError, IndexError) as reason:
        problems.append("the checkpoint: %s" % reason)
    return problems + list(bad.values())


def check_tree(header, end, leaves, key_file):
    if "checkpoint" not in end:
        if leaves or key_file:
            raise Bad("it is missing")
        return 0
    origin, size, root = end["checkpoint"].split("\n")[:3]
    if origin != (header or {}).get("origin"):
        raise Bad("it is one of " + origin)
    if root_of(leaves, end["tree"], int(size)) != base64.b64decode(root):
        raise Bad("the commits do not have its root")
    covered = sum(count for index, count in end["tree"]["covered"] if index is not None)
    if any(index is None for index, _ in end["tree"]["covered"][:-1]):
        raise Bad("it covers later commits, but not all earlier ones")
    if not {"from", "to", "category"} & set(header) and covered < int(size):
        raise Bad("the export lacks commits that it covers")
    if leaves and not covered:
        raise Bad("it covers none of the commits, so nothing proves them")
    if key_file:
        check_signature(end["checkpoint"], origin, key_file)
    return covered


def iso(seconds):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).isoformat()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        found = verify(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        found = ["the gzip data was changed or cut short: %s" % error]
    print("\n".join(found))
    sys.exit(3 if found else 0)
