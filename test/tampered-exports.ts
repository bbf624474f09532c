// Manipulations of an export, from clumsy ones to those of an attacker who knows the format and computes all hashes again. Such an
// attacker lacks only the key that signs checkpoints.

import { createHash } from 'node:crypto';
import type { StoredCommit } from '../domain/kernel/commit.js';
import { categoryOf, type StreamId } from '../domain/kernel/stream.js';
import { commitLeafHash } from '../infra/archive/commit-leaf.js';
import { commitLine, parseCommitLine } from '../infra/archive/commit-line.js';
import { hashOf, partitionOf } from '../infra/event-store/codec.js';
import { type End, endLine, parseEnd } from '../infra/log-file/export-format.js';
import { foldTree, subtreesOf } from '../infra/log-file/tree-of-lines.js';
import { below, oneOf } from './exported-log.js';
import { the } from './the.js';

export interface Tampered {
  text: string;
  /** One of these commits has to be named, each as the first bad one of its stream. Empty: the file as a whole is bad. */
  named: { stream: StreamId; commitNo: number }[];
}

type Random = () => number;
type Manipulation = (text: string, random: Random, other: string) => Tampered | undefined;

interface Parts {
  header: string;
  commits: StoredCommit[];
  end: string;
}

export function partsOf(text: string): Parts {
  const lines = text.split('\n').slice(0, -1);
  return { header: the(lines[0]), commits: lines.slice(1, -1).map(parseCommitLine), end: the(lines.at(-1)) };
}

const naive = ({ header, commits, end }: Parts): string =>
  `${header}\n${commits.map((commit) => commitLine(commit)).join('')}${end}\n`;

/** The same with a last line that fits, except for the checkpoint. `forged` lists the leaves of the changed commits. */
function careful({ header, commits, end }: Parts, forged = false): string {
  const { digested: _, sha256: __, ...parts } = parseEnd(end);
  const before = `${header}\n${commits.map((commit) => commitLine(commit)).join('')}`;
  const tips: Record<string, number> = {};
  for (const { pk, sk } of commits) tips[pk] = sk;
  const changed: End = { ...parts, commits: commits.length, tips };
  if (changed.signed && forged) {
    const { tree, checkpoint } = changed.signed;
    const leaves = Buffer.concat(commits.map(commitLeafHash));
    changed.signed = { checkpoint, tree: { ...tree, covered: [[0, commits.length]], leaves } };
  }
  return before + endLine(changed, (text) => createHash('sha256').update(before).update(text).digest('hex'));
}

const placeOf = ({ pk: stream, sk: commitNo }: StoredCommit) => ({ stream, commitNo });

/** Computes the hashes of a stream again, from one of its commits on. */
function rechained(commits: readonly StoredCommit[], stream: StreamId, from: number): StoredCommit[] {
  let previous: StoredCommit | undefined;
  return commits.map((commit) => {
    if (commit.pk !== stream) return commit;
    const ph = previous?.h ?? commit.ph;
    const changed = commit.sk < from ? commit : { ...commit, ph };
    previous = commit.sk < from ? commit : { ...changed, h: hashOf(changed) };
    return previous;
  });
}

/** A change of the commits, and the places of which one has to be named. */
type Change = (
  commits: readonly StoredCommit[],
  random: Random,
) => { commits: StoredCommit[]; named: Tampered['named'] } | undefined;

const at = <T>(items: readonly T[], index: number, change: (item: T) => T): T[] =>
  items.map((item, n) => (n === index ? change(item) : item));

/** Changes one field of one commit. */
const field =
  (change: (commit: StoredCommit, random: Random) => Partial<StoredCommit>): Change =>
  (commits, random) => {
    const index = below(random, commits.length);
    const before = the(commits[index]);
    const after = { ...before, ...change(before, random) };
    return { commits: at(commits, index, () => after), named: [placeOf(before), placeOf(after)] };
  };

const flipHex = (hash: string, random: Random) => {
  const index = below(random, hash.length);
  return `${hash.slice(0, index)}${hash[index] === '0' ? '1' : '0'}${hash.slice(index + 1)}`;
};

const changes: Record<string, Change> = {
  'changes an event': field(({ ev }) => ({ ev: ev.replace('ann', 'bob') })),
  'adds a space to the events': field(({ ev }) => ({ ev: `${ev} ` })),
  'changes a command id': field(({ cs }) => ({ cs: [`${cs[0]}x`, ...cs.slice(1)] })),
  'changes the time': field(({ at }, random) => ({ at: at + 1 + below(random, 100_000) })),
  'changes the time back': field(({ at }, random) => ({ at: at - 1 - below(random, 100_000) })),
  'changes the format': field(() => ({ f: 2 })),
  'changes the partition': field(({ lp }) => ({ lp: (lp + 1) % 64 })),
  'changes the hash': field(({ h }, random) => ({ h: flipHex(h, random) })),
  'changes the previous hash': field(({ ph }, random) => ({ ph: flipHex(ph, random) })),
  'changes the first version': field(({ fv }) => ({ fv: fv + 1 })),
  'changes the last version': field(({ lv }) => ({ lv: lv + 1 })),
  'gives a commit another number': field(({ sk }, random) => ({ sk: sk + 1 + below(random, 3) })),
  'moves a commit to another stream': (commits, random) => {
    const index = below(random, commits.length);
    const target = oneOf(random, commits).pk;
    const before = the(commits[index]);
    if (before.pk === target) return undefined;
    const moved = { ...before, pk: target, lp: partitionOf(target) };
    // Behind the end of its new stream, what is missing before it is named.
    const next = { stream: target, commitNo: 1 + commits.filter(({ pk }) => pk === target).length };
    return { commits: at(commits, index, () => moved), named: [placeOf(moved), next] };
  },
  'removes a commit': (commits, random) => {
    const index = below(random, commits.length);
    return { commits: commits.filter((_, n) => n !== index), named: [placeOf(the(commits[index]))] };
  },
  'removes the end of a stream': (commits, random) => {
    const { pk } = oneOf(random, commits);
    const own = commits.filter((commit) => commit.pk === pk);
    const from = 1 + below(random, own.length);
    return {
      commits: commits.filter((commit) => commit.pk !== pk || commit.sk < from),
      named: [{ stream: pk, commitNo: from }],
    };
  },
  'removes the end of the log': (commits, random) => {
    const kept = below(random, commits.length);
    return { commits: commits.slice(0, kept), named: [] };
  },
  'doubles a commit': (commits, random) => {
    const index = below(random, commits.length);
    const commit = the(commits[index]);
    return { commits: commits.toSpliced(index, 0, commit), named: [placeOf(commit)] };
  },
  'swaps two neighbours': (commits, random) => {
    const index = below(random, commits.length - 1);
    const [left, right] = [the(commits[index]), the(commits[index + 1])];
    return { commits: commits.toSpliced(index, 2, right, left), named: [placeOf(left), placeOf(right)] };
  },
  'swaps two distant commits': (commits, random) => {
    const [one, two] = [below(random, commits.length), below(random, commits.length)];
    if (Math.abs(one - two) < 2) return undefined;
    const [a, b] = [the(commits[one]), the(commits[two])];
    return {
      commits: at(
        at(commits, one, () => b),
        two,
        () => a,
      ),
      named: [placeOf(a), placeOf(b)],
    };
  },
  'rewrites a stream with new hashes': (commits, random) => {
    const index = below(random, commits.length);
    const { pk, sk } = the(commits[index]);
    const changed = at(commits, index, (commit) => ({ ...commit, ev: commit.ev.replace('ann', 'eve') }));
    return { commits: rechained(changed, pk, sk), named: [{ stream: pk, commitNo: sk }] };
  },
  'changes a time with new hashes': (commits, random) => {
    const index = below(random, commits.length);
    const { pk, sk } = the(commits[index]);
    const changed = at(commits, index, (commit) => ({ ...commit, at: commit.at + 1 }));
    return { commits: rechained(changed, pk, sk), named: [{ stream: pk, commitNo: sk }] };
  },
  'adds a stream': (commits) => {
    const last = the(commits.at(-1));
    const stream = 'note#additional' as const;
    const own = {
      ...last,
      pk: stream,
      sk: 1,
      fv: 1,
      lv: 1,
      at: last.at + 1,
      ph: '0'.repeat(64),
      lp: partitionOf(stream),
    };
    const ev = JSON.stringify([{ ...(JSON.parse(last.ev) as object[])[0], version: 1 }]);
    const added = { ...own, ev, h: hashOf({ ...own, ev }) };
    return { commits: [...commits, added], named: [placeOf(added)] };
  },
  'removes a commit and counts on': (commits, random) => {
    const index = below(random, commits.length);
    const { pk, sk, fv, lv } = the(commits[index]);
    const left = commits.filter((_, n) => n !== index);
    const moved = left.map((commit) =>
      commit.pk === pk && commit.sk > sk
        ? { ...commit, sk: commit.sk - 1, fv: commit.fv - (lv - fv + 1), lv: commit.lv - (lv - fv + 1) }
        : commit,
    );
    return { commits: rechained(moved, pk, sk), named: [{ stream: pk, commitNo: sk }] };
  },
};

/** How well the attacker covers the traces. */
const attackers: Record<string, (parts: Parts) => string> = {
  '': naive,
  ', and the last line': (parts) => careful(parts),
  ', and the leaves': (parts) => careful(parts, true),
};

const onCommits = Object.entries(changes).flatMap(([name, change]) =>
  Object.entries(attackers).map(([more, write]): [string, Manipulation] => [
    name + more,
    (text, random) => {
      const parts = partsOf(text);
      const made = change(parts.commits, random);
      if (!made || naive({ ...parts, commits: made.commits }) === text) return undefined;
      // If the attacker removes the lists by which commits are named, only the root shows the change.
      const isNamed = write === naive || !isConsistent(name);
      return { text: write({ ...parts, commits: made.commits }), named: isNamed ? made.named : [] };
    },
  ]),
);

/** Changes that leave all chains whole. */
function isConsistent(name: string): boolean {
  return /new hashes|adds a stream|counts on|end of|removes a commit$|swaps two/.test(name);
}

/** A change of the text of one commit line, which a lenient reader would not notice. */
const onLine =
  (change: (line: string, random: Random) => string): Manipulation =>
  (text, random) => {
    const lines = text.split('\n');
    const number = 1 + below(random, lines.length - 3);
    const before = the(lines[number]);
    const after = change(before, random);
    if (after === before) return undefined;
    const tampered = [...lines.slice(0, number), after, ...lines.slice(number + 1)];
    return { text: resealed(tampered), named: [placeOf(parseCommitLine(before))] };
  };

/** With the right hash of the file in its last line. */
function resealed(lines: readonly string[]): string {
  const before = `${lines.slice(0, -2).join('\n')}\n`;
  const end = the(lines.at(-2));
  if (!end.includes(',"sha256":')) return lines.join('\n');
  const text = end.slice(0, end.lastIndexOf(',"sha256":'));
  return `${before}${text},"sha256":"${createHash('sha256').update(before).update(text).digest('hex')}"}\n`;
}

/** A change of all lines. The file as a whole is bad. */
const onFile =
  (change: (lines: string[], random: Random, other: string) => readonly string[]): Manipulation =>
  (text, random, other) => {
    const tampered = change(text.split('\n'), random, other).join('\n');
    return tampered === text ? undefined : { text: tampered, named: [] };
  };

const sealedFile =
  (change: (lines: string[], random: Random, other: string) => readonly string[]): Manipulation =>
  (text, random, other) => {
    const tampered = resealed(change(text.split('\n'), random, other));
    return tampered === text ? undefined : { text: tampered, named: [] };
  };

const inHeader = (change: (header: string) => string) =>
  sealedFile(([header = '', ...lines]) => [change(header), ...lines]);
const inEnd = (change: (end: string, other: string) => string) =>
  sealedFile((lines, _, other) => [...lines.slice(0, -2), change(the(lines.at(-2)), other), '']);

const noteIn = (text: string) => /"checkpoint":("(?:[^"\\]|\\.)*")/.exec(text)?.[1] ?? '';

export const manipulations: Record<string, Manipulation> = {
  ...Object.fromEntries(onCommits),
  'a key twice': onLine((line) => line.replace('{', '{"sk":1,')),
  'a key twice, at the end': onLine((line) => line.replace(/}$/, ',"lp":0}')),
  'a number with an exponent': onLine((line) => line.replace(/"f":1,/, '"f":1e0,')),
  'a number with a fraction': onLine((line) => line.replace(/"sk":(\d+)/, '"sk":$1.0')),
  'minus zero': onLine((line) => line.replace(/"lp":\d+/, '"lp":-0')),
  'a number as text': onLine((line) => line.replace(/"sk":(\d+)/, '"sk":"$1"')),
  'a huge number': onLine((line) => line.replace(/"at":\d+/, '"at":99999999999999999999')),
  'a leading space': onLine((line) => ` ${line}`),
  'a space inside': onLine((line) => line.replace(':', ': ')),
  'a trailing space': onLine((line) => `${line} `),
  'a carriage return': onLine((line) => `${line}\r`),
  'an escape for a letter': onLine((line) => line.replace('"ev":"[', '"ev":"\\u005b')),
  'an escape for a slash': onLine((line) => line.replace('#', '\\u0023')),
  'an escape in upper case': onLine((line) =>
    line.replace(/\\u([0-9a-f]{4})/, (_, hex: string) => `\\u${hex.toUpperCase()}X`),
  ),
  'a lone surrogate in the events': onLine((line) => line.replace('"ev":"[', '"ev":"[\\ud800')),
  'another field': onLine((line) => line.replace(/}$/, ',"x":1}')),
  'a field called __proto__': onLine((line) => line.replace(/}$/, ',"__proto__":{}}')),
  'no field lp': onLine((line) => line.replace(/,"lp":\d+/, '')),
  'fields in another order': onLine((line) => line.replace(/"fv":(\d+),"lv":(\d+)/, '"lv":$2,"fv":$1')),
  'hashes in upper case': onLine((line) =>
    line.replace(/"h":"([0-9a-f]+)"/, (_, h: string) => `"h":"${h.toUpperCase()}"`),
  ),
  'an empty line': sealedFile((lines, random) => lines.toSpliced(1 + below(random, lines.length - 2), 0, '')),
  'a byte order mark': sealedFile((lines) => [`\ufeff${lines[0]}`, ...lines.slice(1)]),
  'carriage returns everywhere': sealedFile((lines) => lines.map((line) => (line === '' ? line : `${line}\r`))),
  'no header': sealedFile((lines) => lines.slice(1)),
  'the header twice': sealedFile((lines) => [the(lines[0]), ...lines]),
  'the header of another version': inHeader((header) => header.replace('"version":1', '"version":2')),
  'the header of another shop': inHeader((header) => header.replace('commerce-core/test', 'commerce-core/other')),
  'a header with another field': inHeader((header) => header.replace(/}$/, ',"x":1}')),
  'a header that selects a category': inHeader((header) => header.replace(/}$/, ',"category":"note"}')),
  'a header that selects a time': inHeader((header) => header.replace(/}$/, ',"from":"2030-01-01T00:00:00.000Z"}')),
  'no last line': onFile((lines) => [...lines.slice(0, -2), '']),
  'no last newline': onFile((lines) => lines.slice(0, -1)),
  'the last line cut': onFile((lines) => [...lines.slice(0, -2), the(lines.at(-2)).slice(0, -20), '']),
  'the last line twice': onFile((lines) => [...lines.slice(0, -1), the(lines.at(-2)), '']),
  'a line behind the last': onFile((lines) => [...lines.slice(0, -1), the(lines[1]), '']),
  'an empty line behind the last': onFile((lines) => [...lines, '']),
  'the commits behind the last line': onFile((lines) => [the(lines[0]), the(lines.at(-2)), ...lines.slice(1, -2), '']),
  'no commits': sealedFile((lines) => [the(lines[0]), the(lines.at(-2)), '']),
  'no commits, and says so': onFile((lines) =>
    careful({ ...partsOf(lines.join('\n')), commits: [] }, true).split('\n'),
  ),
  'only a header': onFile((lines) => [the(lines[0]), '']),
  nothing: onFile(() => []),
  'no checkpoint': inEnd((end) => end.replace(/,"tree":.*,"checkpoint":"(?:[^"\\]|\\.)*"/, '')),
  'no tree': inEnd((end) => end.replace(/,"tree":\{.*?\}(?=,"checkpoint")/, '')),
  'a checkpoint that is no note': inEnd((end) => end.replace(noteIn(end), '"x"')),
  'the checkpoint of another shop': inEnd((end, other) => end.replace(noteIn(end), () => noteIn(other))),
  'a checkpoint with another size': inEnd((end) =>
    end.replace(/\\n(\d+)\\n/, (_, size: string) => `\\n${Number(size) - 1}\\n`),
  ),
  'a checkpoint with another root': inEnd((end) =>
    end.replace(/\\n\d+\\n./, (start) => `${start.slice(0, -1)}${start.endsWith('A') ? 'B' : 'A'}`),
  ),
  'a checkpoint with a changed signature': inEnd((end) =>
    end.replace(/(— \S+ .{20})(.)/, (_, start: string, one: string) => `${start}${one === 'A' ? 'B' : 'A'}`),
  ),
  'a checkpoint without a signature': inEnd((end) => end.replace(/— .*?\\n"/, '"')),
  'leaves of another log': inEnd((end) =>
    end.replace(/"leaves":"(.)/, (_, one: string) => `"leaves":"${one === 'A' ? 'B' : 'A'}`),
  ),
  'another number of commits': inEnd((end) =>
    end.replace(/"commits":(\d+)/, (_, n: string) => `"commits":${Number(n) + 1}`),
  ),
  'a tip that is too high': inEnd((end) =>
    end.replace(/("tips":\{"[^"]+":)(\d+)/, (_, start: string, n: string) => `${start}${Number(n) + 1}`),
  ),
  'a tip that is too low': inEnd((end) =>
    end.replace(/("tips":\{"[^"]+":)(\d+)/, (_, start: string, n: string) => `${start}${Number(n) - 1}`),
  ),
  'an additional tip': inEnd((end) => end.replace('"tips":{', '"tips":{"note#x":1,')),
  'a stream without commits among the tips': inEnd((end) => end.replace('"tips":{', '"tips":{"note#x":0,')),
  'tips in another order': inEnd((end) => end.replace(/("tips":\{)("[^"]+":\d+),("[^"]+":\d+)/, '$1$3,$2')),
  'no tips': inEnd((end) => end.replace(/"tips":\{.*?\},/, '')),
  'no leaves': inEnd((end) => end.replace(/,"leaves":"[^"]*"/, '')),
  'covers lines that are not there': inEnd((end) => end.replace(/("covered":\[\[0,\d+\])\]/, '$1,[null,1]]')),
  'covers very many lines that are not there': inEnd((end) =>
    end.replace(/("covered":\[\[0,\d+\])\]/, '$1,[null,1000000000000000]]'),
  ),
  'covers fewer commits, and more lines': inEnd((end) =>
    end.replace(/"covered":\[\[0,(\d+)\]\]/, (_, n: string) => `"covered":[[0,${Number(n) - 1}],[null,2]]`),
  ),
  'covers fewer commits': inEnd((end) =>
    end.replace(/"covered":\[\[0,(\d+)\]\]/, (_, n: string) => `"covered":[[0,${Number(n) - 1}],[null,1]]`),
  ),
  'covers nothing': inEnd((end) => end.replace(/"covered":\[\[0,(\d+)\]\]/, '"covered":[[null,$1]]')),
  'a genuine checkpoint above forged commits, as a part of the log': (text) => {
    const { header, commits, end } = partsOf(text);
    const { digested: _, sha256: __, ...parts } = parseEnd(end);
    if (!parts.signed) return undefined;
    const { pk } = the(commits[0]);
    const forged = rechained(
      commits
        .filter((commit) => commit.pk === pk)
        .map((commit) => ({ ...commit, ev: commit.ev.replace('"text"', '"x"') })),
      pk,
      1,
    );
    const hidden = gapsFilledWith(commits.map(commitLeafHash));
    const tree = { covered: [[null, forged.length] as const], gaps: hidden, leaves: Buffer.alloc(0) };
    const before = `${header.replace(/}$/, `,"category":"${categoryOf(pk)}"}`)}\n${forged.map(commitLine).join('')}`;
    const last: End = { commits: forged.length, tips: { [pk]: forged.length }, signed: { ...parts.signed, tree } };
    const made = endLine(last, (own) => createHash('sha256').update(before).update(own).digest('hex'));
    return { text: before + made, named: [] };
  },
  'covers from 1': inEnd((end) => end.replace('"covered":[[0,', '"covered":[[1,')),
  'covers twice': inEnd((end) => end.replace(/"covered":\[\[0,(\d+)\]\]/, '"covered":[[0,$1],[0,$1]]')),
  'another hash of the file': onFile((lines) => [
    ...lines.slice(0, -2),
    the(lines.at(-2)).replace(/"sha256":"./, '"sha256":"x'),
    '',
  ]),
};

/** The subtrees that stand for all leaves, as if the file had none of the commits. */
function gapsFilledWith(leaves: readonly Buffer[]): Buffer {
  const roots = subtreesOf(0, leaves.length).map(({ level, index }) => {
    const tree = foldTree();
    for (const leaf of leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)) tree.add(leaf);
    return tree.root();
  });
  return Buffer.concat(roots);
}

/** Any byte of the file. */
export function changeByte(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  const index = below(random, bytes.length);
  changed.writeUInt8(changed.readUInt8(index) ^ (1 << below(random, 8)), index);
  return changed;
}
