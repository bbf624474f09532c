#!/usr/bin/env python3
"""A second verifier of exported logs, written from log-format.md alone. It needs Python 3.9 and, for the signature, OpenSSL 3.

    verify.py EXPORT [PUBLIC_KEY]

EXPORT is plain or gzip. PUBLIC_KEY is what `commerce audit-key` prints. Exit codes: 0 sound, 1 a file cannot be read, 2 wrong usage, 3 something was changed.
"""
import base64, datetime, gzip, hashlib, json, re, subprocess, sys, tempfile, zlib

FIELDS = ["pk", "sk", "f", "fv", "lv", "ev", "at", "cs", "ph", "h", "lp"]
HEADER = ["format", "version", "origin", "from", "to", "category"]
END = ["commits", "tips", "tree", "checkpoint", "sha256"]
MAX_BAD_LINES = 1_000
MAX_TIPS, MAX_LEAVES = 100_000, 262_144


class Bad(Exception):
    pass


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def count(value, least=0):
    if type(value) is not int or not least <= value < 2**53:
        raise Bad("%.40r is not a whole number" % (value,))
    return value


def bytes_in(text):
    """Base64 in its one form."""
    try:
        value = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise Bad("it has no base64 where it needs some")
    if base64.b64encode(value).decode() != text:
        raise Bad("it has base64 in another form")
    return value


def text_in(value):
    if type(value) is not str or not value:
        raise Bad("a text is missing")
    return value


def no_constant(name):
    raise ValueError(name + " is not JSON")


def dumps(value):
    """JSON as the log writes it: no spaces, nothing escaped but quotes, backslashes, controls and lone surrogates."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[\ud800-\udfff]", lambda match: "\\u%04x" % ord(match[0]), text)


def loads(line, names):
    try:
        value = json.loads(line, parse_constant=no_constant)
        if isinstance(value, dict) and [n for n in names if n in value] == list(value) and dumps(value) == line:
            return value
    except (ValueError, RecursionError):
        raise Bad("it is not JSON")
    raise Bad("it is not written as an export writes it")


def header_in(line):
    header = loads(line, HEADER)
    if header.get("format") != "commerce-log" or type(header.get("version")) is not int or header["version"] != 1:
        raise Bad("it does not begin an export")
    for name in ["origin"] + [name for name in ["from", "to", "category"] if name in header]:
        text_in(header.get(name))
    for name in ["from", "to"]:
        try:
            if name in header and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", header[name]):
                raise ValueError
            datetime.datetime.strptime(header.get(name, "2000-01-01T00:00:00.000Z"), "%Y-%m-%dT%H:%M:%S.%fZ")
        except ValueError:
            raise Bad(name + " is not a time in UTC with milliseconds")
    return header


def end_in(line):
    end = loads(line, END)
    count(end.get("commits"))
    text_in(end.get("sha256"))
    if not isinstance(end.get("tips", {}), dict):
        raise Bad("tips is not an object")
    for tip in end.get("tips", {}).values():
        count(tip, 1)
    if ("tree" in end) != ("checkpoint" in end):
        raise Bad("tree and checkpoint belong together")
    if "tree" in end:
        text_in(end["checkpoint"])
        tree = end["tree"]
        if not isinstance(tree, dict) or list(tree) not in (["covered", "gaps"], ["covered", "gaps", "leaves"]):
            raise Bad("the tree does not have covered, gaps and leaves")
        if not isinstance(tree["covered"], list):
            raise Bad("covered is not a list")
        for run in tree["covered"]:
            if not isinstance(run, list) or len(run) != 2:
                raise Bad("covered is not a list of pairs")
            count(0 if run[0] is None else run[0])
            count(run[1], 1)
    return end


def commit_in(line):
    commit = loads(line, FIELDS)
    if len(commit) != len(FIELDS):
        raise Bad("a field is missing")
    for name in ["sk", "f", "fv", "lv", "at", "lp"]:
        count(commit[name])
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
    if commit["sk"] < 1 or commit["fv"] < commit["sk"]:
        raise Bad("a commit with this number cannot have these versions")
    header = dumps([commit[name] for name in ["f", "pk", "sk", "fv", "lv", "at", "cs"]])
    if sha((commit["ph"] + header + commit["ev"]).encode()).hex() != commit["h"]:
        raise Bad("h is not the hash of its content")
    if commit["f"] != 1 or commit["lp"] != sha(commit["pk"].encode())[0] % 64:
        raise Bad("f or lp is wrong")
    try:
        events = json.loads(commit["ev"], parse_constant=no_constant)
        versions = [event["version"] for event in events]
        if not isinstance(events, list) or any(type(version) not in (int, float) for version in versions):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
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
    if sum(number for _, number in tree["covered"]) != len(leaves):
        raise Bad("its tree is not one of so many lines")
    for index, count in tree["covered"]:
        for n in range(count):
            leaf = next(lines, None)
            if leaf is None or (index is not None and (index + n in at or index + n >= size)):
                raise Bad("the tree is not one of these commits")
            if index is not None:
                at[index + n] = leaf
    if next(lines, None) is not None:
        raise Bad("the tree is not one of these commits")
    if ("leaves" in tree) != (len(at) <= MAX_LEAVES):
        raise Bad("it lists the leaves of up to %d covered commits, and of no more" % MAX_LEAVES)
    if "leaves" in tree and bytes_in(tree["leaves"]) != b"".join(at[index] for index in sorted(at)):
        raise Bad("the leaves that it lists are not those of these commits")
    gaps, used, grown = bytes_in(tree["gaps"]), 0, Tree()
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


def public_key(file):
    """PEM and DER. Raises OSError."""
    with open(file, encoding="utf-8", errors="replace") as text:
        pem = re.search("-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", text.read(100_000), re.S)
    if not pem:
        raise OSError("%s has no public key; `commerce audit-key` prints it" % file)
    try:
        return pem[0] + "\n", base64.b64decode("".join(pem[0].split("\n")[1:-1]))
    except ValueError:
        raise OSError("%s has no public key; `commerce audit-key` prints it" % file)


def check_signature(note, origin, key_file):
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    pem, der = public_key(key_file)
    key_id = sha((origin + "\n").encode(), b"\1", der[-32:])[:4]
    if not note.endswith("\n"):
        raise Bad("the checkpoint was cut short")
    lines = [line.split(" ") for line in signatures[:-1].split("\n")]
    if len(lines) > 100 or any(len(line) != 3 for line in lines):
        raise Bad("the signatures of the checkpoint are not lines of three words, at most 100")
    for dash, name, encoded in lines:
        signature = bytes_in(encoded)
        if dash != "\u2014" or name != origin or signature[:4] != key_id:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for file, content in [("key", pem.encode()), ("text", text.encode()), ("signature", signature[4:])]:
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
            if len(problems) >= MAX_BAD_LINES:
                return problems + ["the rest of the file is not read"]
            try:
                if end:
                    raise Bad("it is behind the last line")
                line = raw.decode()
                if not line.endswith("\n"):
                    raise Bad("the file was cut short")
                line = line[:-1]
                if number == 1:
                    if line == "c2sp.org/tlog-proof@v1":
                        return ["it is a receipt, not an export; `commerce verify` checks receipts"]
                    header = header_in(line)
                elif line.startswith('{"commits":'):
                    end = end_in(line)
                    digest.update(line[: line.rindex(',"sha256":')].encode())
                    if digest.hexdigest() != end["sha256"]:
                        problems.append("line %d: sha256 is not that of the file" % number)
                else:
                    commit = commit_in(line)
                    pk, place = commit["pk"], (commit["at"], commit["pk"].encode(), commit["sk"])
                    leaves.append(sha(b"\0", dumps([pk, commit["sk"], commit["at"], commit["h"]]).encode()))
                    try:
                        if header is None:
                            raise Bad("there is no header that selects it")
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
            except (Bad, UnicodeError, OverflowError) as reason:
                problems.append("line %d: %s" % (number, reason))
    if not end:
        return problems + list(bad.values()) + ["the last line is missing: the file was cut short"]
    for pk, last in end.get("tips", {}).items():
        if pk not in bad and tips.get(pk, [0])[0] != last:
            bad[pk] = "commit %d of %s is missing, or is not the last one" % (tips.get(pk, [0])[0] + 1, pk)
    if ("tips" in end) != (len(set(tips) | set(bad)) <= MAX_TIPS):
        problems.append("it lists the tips of up to %d streams, and of no more" % MAX_TIPS)
    elif "tips" in end and not bad and list(tips) != list(end["tips"]):
        problems.append("the last line does not have all streams, in the order in which they appear")
    if end["commits"] != len(leaves):
        problems.append("it says that there are %d commits, but there are %d" % (end["commits"], len(leaves)))
    try:
        covered = check_tree(header, end, leaves, key_file)
        print("%d commits of %d streams; the checkpoint covers %d" % (len(leaves), len(tips), covered))
        unsigned = len(leaves) - covered
        valid = "the signature is valid" + ("; %d commits are not signed, nothing proves them" % unsigned if unsigned else "")
        print(valid if key_file else "signature not checked")
    except Bad as reason:
        problems.append("the checkpoint: %s" % reason)
    return problems + list(bad.values())


def check_tree(header, end, leaves, key_file):
    if "checkpoint" not in end:
        if leaves or key_file:
            raise Bad("it is missing")
        return 0
    origin, size, root = (end["checkpoint"].split("\n") + ["", ""])[:3]
    if not re.fullmatch("0|[1-9][0-9]{0,15}", size):
        raise Bad("its size is not a number")
    if origin != (header or {}).get("origin"):
        raise Bad("it is one of " + origin)
    if root_of(leaves, end["tree"], int(size)) != bytes_in(root):
        raise Bad("the commits do not have its root")
    covered = sum(count for index, count in end["tree"]["covered"] if index is not None)
    if any(index is None for index, _ in end["tree"]["covered"][:-1]):
        raise Bad("it covers later commits, but not all earlier ones")
    if not {"from", "to", "category"} & set(header or {}) and covered < int(size):
        raise Bad("the export lacks commits that it covers")
    if leaves and not covered:
        raise Bad("it covers none of the commits, so nothing proves them")
    if key_file:
        check_signature(end["checkpoint"], origin, key_file)
    return covered


def iso(seconds):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).isoformat()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        if len(sys.argv) == 3:
            public_key(sys.argv[2])
        found = verify(*sys.argv[1:], *[None] * (3 - len(sys.argv)))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        found = ["the gzip data was changed or cut short: %s" % error]
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    print("\n".join(found))
    sys.exit(3 if found else 0)
