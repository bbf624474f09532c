// Where something is sent, as far as tax and shipping care.

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
