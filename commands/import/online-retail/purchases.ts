// The units of each code that each customer keeps, according to this file and earlier imports. Returns are matched with them.

export interface Purchase {
  /** The number of its invoice. */
  invoice: string;
  /** RFC 3339: when it was bought. */
  at: string;
  /** The id of its line in the invoice's order. */
  lineId: string;
  /** Its row in the file. Absent for a purchase from another file. */
  row?: number;
  /** In pence. */
  unitPrice: number;
}

/** Returned units of one purchase. */
interface Taken {
  purchase: Purchase;
  units: number;
}

/** An invoice that returns something. It cannot return what was bought after its first row, or later in another file. */
export interface Bringer {
  /** The number of the invoice. */
  number: string;
  firstRow: number;
  /** RFC 3339. */
  at: string;
}

/** An order of an earlier import, in its current state in the shop. */
export interface Sale {
  invoice: string;
  customer: string;
  /** RFC 3339. */
  at: string;
  lines: readonly SoldLine[];
  /** Its returned units, by the number of the returning invoice, and by line. */
  returned: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

export interface SoldLine {
  lineId: string;
  sku: string;
  unitPrice: number;
  /** Units that were not returned. */
  kept: number;
}

export interface Purchases {
  add(customer: string, sku: string, units: number, purchase: Purchase): void;
  /** An existing order stays as it is, whatever this file says of its invoice. */
  correct(sales: readonly Sale[], isInFile: (invoice: string) => boolean): void;
  /**
   * Takes units that the customer bought before and still keeps, the latest purchase first. Undefined, and nothing is taken, if
   * there are fewer. If this invoice has already returned units of an order, exactly those are returned again.
   */
  takeBack(customer: string, sku: string, units: number, by: Bringer): Taken[] | undefined;
  /** Units that this invoice returned before, and that it does not return in this file. */
  leftOf(number: string): number;
}

/** A linked list per customer and code, because hundreds of thousands of them have only one or two purchases. */
interface Kept {
  purchase: Purchase;
  units: number;
  next: Kept | undefined;
}

export function createPurchases(): Purchases {
  const chains = new Map<string, Kept>();
  const sorted = new Set<string>();
  /** Returned units that were not matched again yet, by returning invoice, then by order and line. */
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

/** The separator is safe: a SKU has no blank. */
function keyOf(customer: string, sku: string): string {
  return `${sku} ${customer}`;
}
