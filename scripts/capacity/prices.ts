// List prices of AWS, on demand, without discounts and free tiers. They are written from memory of the public price pages, and were
// not looked up: check them before you decide by them.

export const PRICES = {
  region: 'us-east-1',
  asOf: '2025-06-01',
  currency: 'USD',
  source: 'https://aws.amazon.com/pricing/',
  /** For a million units. */
  dynamodb: { writeUnits: 0.625, readUnits: 0.125, changeUnits: 0.1, gbMonth: 0.25 },
  /** A stream on demand. */
  kinesis: { streamHour: 0.04, gbIn: 0.08, gbOut: 0.04 },
  lambda: { millionRequests: 0.2, gbSecond: 0.0000133334 },
  /** A node for an hour. */
  nodes: {
    'db.r7g.xlarge, two zones': 0.957,
    'db.r6g.large (DocumentDB)': 0.264,
    'cache.r7g.large (Valkey)': 0.175,
    'r7g.large.search': 0.178,
  },
  s3: { gbMonth: 0.023, thousandPuts: 0.005 },
  apiGateway: { millionRequests: 3.5 },
  loadBalancer: { hour: 0.0225, unitHour: 0.008 },
} as const;
