// The destination, as far as tax and shipping need it.

export interface Place {
  country: string;
  region?: string | undefined;
}

/** Customers write `CA`, `ca` and ` Ca`. */
export function sameRegion(a: string | undefined, b: string | undefined): boolean {
  return normal(a) === normal(b);
}

function normal(region: string | undefined): string | undefined {
  return region?.trim().toUpperCase();
}
