// What each customer keeps of each code, as the file tells it: what comes back is matched with that.

export interface Purchase {
  /** The number of its invoice. */
  invoice: string;
  /** The id of its line in the invoice's order. */
  lineId: string;
  /** Its row in the file. */
  row: number;
  /** In pence. */
  unitPrice: number;
}

/** Units that come back of one purchase. */
interface Taken {
  purchase: Purchase;
  units: number;
}

export interface Purchases {
  add(customer: string, sku: string, units: number, purchase: Purchase): void;
  /**
   * So many units of what the customer bought before this row and still keeps, of the latest purchase first; undefined,
   * and nothing is taken, if there are fewer.
   */
  takeBack(customer: string, sku: string, units: number, beforeRow: number): Taken[] | undefined;
}

/** A chain per customer and code: hundreds of thousands of them have one purchase or two. */
interface Kept {
  purchase: Purchase;
  units: number;
  earlier: Kept | undefined;
}

export function createPurchases(): Purchases {
  const latest = new Map<string, Kept>();

  return {
    add(customer, sku, units, purchase) {
      const key = keyOf(customer, sku);
      latest.set(key, { purchase, units, earlier: latest.get(key) });
    },
    takeBack(customer, sku, units, beforeRow) {
      const found: { kept: Kept; units: number }[] = [];
      let missing = units;
      for (let kept = latest.get(keyOf(customer, sku)); kept && missing > 0; kept = kept.earlier) {
        if (kept.purchase.row > beforeRow || kept.units === 0) continue;
        const some = Math.min(kept.units, missing);
        found.push({ kept, units: some });
        missing -= some;
      }
      if (missing > 0) return undefined;
      return found.map(({ kept, units }) => {
        kept.units -= units;
        return { purchase: kept.purchase, units };
      });
    },
  };
}

/** A SKU has no blank. */
function keyOf(customer: string, sku: string): string {
  return `${sku} ${customer}`;
}
