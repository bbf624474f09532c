// What each customer keeps of each code, by this file and by what was imported before: what comes back is matched with that.

export interface Purchase {
  /** The number of its invoice. */
  invoice: string;
  /** RFC 3339: when it was bought. */
  at: string;
  /** The id of its line in the invoice's order. */
  lineId: string;
  /** Its row in the file; none for what another file brought. */
  row?: number;
  /** In pence. */
  unitPrice: number;
}

/** Units that come back of one purchase. */
interface Taken {
  purchase: Purchase;
  units: number;
}

/** Who brings something back: what was bought behind its first row, or in another file later than it, cannot come back with it. */
export interface Bringer {
  /** The number of its invoice. */
  number: string;
  firstRow: number;
  /** RFC 3339. */
  at: string;
}

/** An order that an import has made before, as it stands in the shop. */
export interface Sale {
  invoice: string;
  customer: string;
  /** RFC 3339. */
  at: string;
  lines: readonly SoldLine[];
  /** What came back of it, by the number of the invoice that brought it, and by line. */
  returned: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

export interface SoldLine {
  lineId: string;
  sku: string;
  unitPrice: number;
  /** Units that did not come back. */
  kept: number;
}

export interface Purchases {
  add(customer: string, sku: string, units: number, purchase: Purchase): void;
  /** An order that is there already stands as it is, whatever this file says of its invoice. */
  correct(sales: readonly Sale[], isInFile: (invoice: string) => boolean): void;
  /**
   * So many units of what the customer bought before and still keeps, of the latest purchase first; undefined, and nothing
   * is taken, if there are fewer. An order that something of this invoice came back of already gives exactly that again.
   */
  takeBack(customer: string, sku: string, units: number, by: Bringer): Taken[] | undefined;
  /** Units that came back with this invoice before, and that it does not bring in this file. */
  leftOf(number: string): number;
}

/** A chain per customer and code: hundreds of thousands of them have one purchase or two. */
interface Kept {
  purchase: Purchase;
  units: number;
  next: Kept | undefined;
}

export function createPurchases(): Purchases {
  const chains = new Map<string, Kept>();
  const sorted = new Set<string>();
  /** By returning invoice, then by order and line: what is not taken again yet. */
  const returned = new Map<string, Map<string, Map<string, number>>>();

  function add(customer: string, sku: string, units: number, purchase: Purchase): void {
    const key = keyOf(customer, sku);
    chains.set(key, { purchase, units, next: chains.get(key) });
  }

  function correctLines(known: ReadonlyMap<string, Sale>): Set<SoldLine> {
    const found = new Set<SoldLine>();
    for (const [key, chain] of chains) {
      for (let kept: Kept | undefined = chain; kept; kept = kept.next) {
        const { purchase } = kept;
        const sale = known.get(purchase.invoice);
        if (!sale) continue;
        const line = sale.lines.find(({ lineId, sku }) => lineId === purchase.lineId && key.startsWith(`${sku} `));
        if (line) {
          found.add(line);
          kept.units = line.kept;
          kept.purchase = { ...purchase, unitPrice: line.unitPrice };
        } else if (key.endsWith(` ${sale.customer}`)) {
          kept.units = 0;
        }
      }
    }
    return found;
  }

  function latestFirst(customer: string, sku: string): Kept | undefined {
    const key = keyOf(customer, sku);
    if (!sorted.has(key)) {
      sorted.add(key);
      const all: Kept[] = [];
      for (let kept = chains.get(key); kept; kept = kept.next) all.push(kept);
      all.sort((a, b) => later(b.purchase, a.purchase));
      all.forEach((kept, index) => {
        kept.next = all[index + 1];
      });
      if (all[0]) chains.set(key, all[0]);
    }
    return chains.get(key);
  }

  return {
    add,
    correct(sales, isInFile) {
      const found = correctLines(new Map(sales.filter(({ invoice }) => isInFile(invoice)).map((s) => [s.invoice, s])));
      for (const { invoice, customer, at, lines, returned: before } of sales) {
        for (const [number, units] of before) {
          const known = returned.get(number) ?? new Map<string, Map<string, number>>();
          returned.set(number, known.set(invoice, new Map(units)));
        }
        for (const line of lines) {
          if (!found.has(line)) {
            add(customer, line.sku, line.kept, { invoice, at, lineId: line.lineId, unitPrice: line.unitPrice });
          }
        }
      }
    },
    takeBack(customer, sku, units, by) {
      const found: { kept: Kept; again: Map<string, number> | undefined; units: number }[] = [];
      let missing = units;
      for (let kept = latestFirst(customer, sku); kept && missing > 0; kept = kept.next) {
        const { purchase } = kept;
        const again = returned.get(by.number)?.get(purchase.invoice);
        const room = again ? (again.get(purchase.lineId) ?? 0) : kept.units;
        if (room === 0 || !isBefore(purchase, by)) continue;
        const some = Math.min(room, missing);
        found.push({ kept, again, units: some });
        missing -= some;
      }
      if (missing > 0) return undefined;
      return found.map(({ kept, again, units }) => {
        const { purchase } = kept;
        if (again) again.set(purchase.lineId, again.get(purchase.lineId)! - units);
        else kept.units -= units;
        return { purchase, units };
      });
    },
    leftOf(number) {
      let left = 0;
      for (const lines of returned.get(number)?.values() ?? []) for (const units of lines.values()) left += units;
      return left;
    },
  };
}

function isBefore({ row, at }: Purchase, by: Bringer): boolean {
  return row === undefined ? at <= by.at : row < by.firstRow;
}

function later(a: Purchase, b: Purchase): number {
  return byText(a.at, b.at) || byText(a.invoice, b.invoice) || Number(a.lineId) - Number(b.lineId);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** A SKU has no blank. */
function keyOf(customer: string, sku: string): string {
  return `${sku} ${customer}`;
}
