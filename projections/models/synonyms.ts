// Groups of words that mean the same in a shop. One group per line, its entries separated by commas; `#` begins a comment.
import { wordsIn } from './search-words.js';
import { STOP_WORDS } from './stop-words.js';
import { stemOf } from './texts.js';

/** The most groups, and the most entries of a group, that count. */
const MAX_GROUPS = 2_000;
const MAX_ENTRIES = 20;
/** Words of an entry that count. */
export const MAX_ENTRY_WORDS = 4;

/** Consumer electronics and gifts, for a shop that names no file of its own. */
export const SHIPPED_SYNONYMS = `
  # computers
  notebook, laptop, notebook computer, laptop computer
  desktop computer, desktop pc
  docking station, dock station
  hard drive, hard disk, hdd, hard disk drive
  solid state drive, ssd
  cd drive, cd rom drive, dvd drive, optical drive, optical disc drive
  usb stick, usb flash drive, flash drive, pen drive, thumb drive
  memory card, sd card, compact flash card
  mouse pad, mouse mat
  graphics card, video card, graphics adapter
  computer screen, monitor
  wifi, wireless lan, wlan
  cord, cable
  adapter, adaptor
  # telephones, sound and pictures
  mobile phone, cell phone, smartphone
  power bank, portable charger
  earbud, earphone, in ear headphone
  tv, television
  projector, beamer
  smartwatch, smart watch
  playstation 3, ps3
  playstation 4, ps4
  playstation 5, ps5
  # home and gifts
  fridge, refrigerator
  vacuum cleaner, hoover
  cup, mug
  sofa, couch
  soft toy, plush toy
  wrapping paper, gift wrap
  lamp, light
  trash can, rubbish bin, waste bin
  # spellings
  grey, gray
  colour, color
  jewellery, jewelry
  aluminium, aluminum
`;

/** For each entry, as its stems separated by blanks, the other entries of its groups as lists of stems. */
export type Synonyms = ReadonlyMap<string, readonly (readonly string[])[]>;

export function synonymsOf(text: string): Synonyms {
  const groups = text
    .split('\n')
    .map((line) =>
      line
        .replace(/#.*/, '')
        .split(',')
        .map(stemsIn)
        .filter((stems) => stems.length > 0),
    )
    .filter((group) => group.length > 1)
    .slice(0, MAX_GROUPS);
  const synonyms = new Map<string, (readonly string[])[]>();
  for (const group of groups.map((each) => each.slice(0, MAX_ENTRIES))) {
    for (const entry of group) {
      const key = entry.join(' ');
      synonyms.set(key, [...(synonyms.get(key) ?? []), ...group.filter((other) => other.join(' ') !== key)]);
    }
  }
  return synonyms;
}

function stemsIn(entry: string): string[] {
  return wordsIn(entry)
    .filter((word) => !STOP_WORDS.has(word))
    .map(stemOf)
    .slice(0, MAX_ENTRY_WORDS);
}
