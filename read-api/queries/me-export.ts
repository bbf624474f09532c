// Everything that the shop holds about the caller, for them to take away: the events of all their streams, with personal values
// opened. It comes from the log, so it is complete. It is sent while it is read, so a long history takes little memory.
import { z } from 'zod';
import type { Clock } from '../../domain/kernel/clock.js';
import { type Caller, customerOf, type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import type { RecordedEvent } from '../../domain/kernel/event.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { FORGOTTEN, isForgotten, type PersonalData, type Sealed } from '../../domain/kernel/personal.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { BrowsingDocuments } from '../../projections/recommendation/browsing.js';
import { replaceSealed } from '../audit/sealed.js';
import type { SavedMethod } from '../views/saved-method.js';

const PATH = '/v1/me/export';

const exportSchema = z
  .strictObject({
    customerId: z.string(),
    exportedAt: z.iso.datetime(),
    alsoKnownAs: z.array(z.string()).meta({ description: 'The guests that the caller was before they logged in' }),
    preferences: z.looseObject({}).meta({ description: 'Those of `PUT /v1/me/preferences`' }),
    savedPaymentMethods: z.array(z.looseObject({ id: z.string() })),
    views: z
      .array(z.strictObject({ productId: z.string(), at: z.iso.datetime() }))
      .meta({ description: 'The products that the caller looked at last' }),
    streams: z
      .array(
        z.strictObject({
          stream: z.string(),
          events: z.array(
            z.strictObject({
              type: z.string(),
              occurredAt: z.iso.datetime(),
              by: z.enum(['customer', 'staff', 'process', 'import']).meta({ description: 'Who caused it' }),
              data: z.looseObject({}),
            }),
          ),
        }),
      )
      .meta({
        description: 'What has happened in the account, carts, orders, payments, shipments and returns of the caller',
      }),
  })
  .meta({ id: 'OwnData' });

export interface MeExportDeps {
  store: Pick<EventStore, 'read'>;
  personal: Pick<PersonalData, 'open'>;
  own: {
    /** The customer first, then the guests that they were before. */
    identitiesOf(customerId: string): Promise<string[]>;
    streamsOf(customerId: string): AsyncIterable<StreamId>;
  };
  /** What the caller looked at lately, by session. */
  browsing: Pick<BrowsingDocuments, 'sessions'>;
  sessionOf(customerId: string): string;
  preferences: { of(customerId: string): Promise<object | undefined> };
  savedMethods: { of(customerId: string): Promise<readonly SavedMethod[]> };
  clock: Clock;
  /** Records in the log that the caller gets the personal data of these subjects. */
  recordOpening(by: { caller: Caller; requestId: string; purpose: string }, subjects: readonly string[]): Promise<void>;
}

export function meExportQuery(deps: MeExportDeps): Endpoint {
  const { store, personal, own, preferences, browsing, sessionOf, savedMethods, clock, recordOpening } = deps;

  async function* exported(identities: readonly string[], exportedAt: string): AsyncIterable<string> {
    const [customerId, ...alsoKnownAs] = identities;
    const methods = await Promise.all(identities.map((id) => savedMethods.of(id)));
    // Those of a guest became the customer's when they logged in.
    const preferred = (await preferences.of(customerId ?? '')) ?? {};
    const sessions = await browsing.sessions(identities.map(sessionOf));
    const views = [...sessions.values()].flatMap((session) =>
      session.views.map(({ product, at }) => ({ productId: product, at: new Date(at).toISOString() })),
    );
    const saved = { savedPaymentMethods: methods.flat(), views };
    const head = { customerId, exportedAt, alsoKnownAs, preferences: preferred, ...saved };
    yield `${JSON.stringify(head).slice(0, -1)},"streams":[`;
    let isFirst = true;
    for (const identity of identities) {
      for await (const stream of own.streamsOf(identity)) {
        let isEmpty = true;
        for await (const { events } of store.read(stream)) {
          for (const event of events) {
            const text = JSON.stringify(await shown(event, identities));
            const start = isEmpty ? `${isFirst ? '' : ','}{"stream":${JSON.stringify(stream)},"events":[` : ',';
            yield start + text;
            isEmpty = false;
            isFirst = false;
          }
        }
        if (!isEmpty) yield ']}';
      }
    }
    yield ']}';
  }

  async function shown({ type, occurredAt, actor, data }: RecordedEvent, identities: readonly string[]) {
    return { type, occurredAt, by: actor.type, data: await opened(data as object, identities) };
  }

  /** Personal values of other people, and forgotten ones, are left out. */
  async function opened(data: object, identities: readonly string[]): Promise<object> {
    const openOwn = async (value: Sealed) => {
      const plain = identities.includes(value.sealed) ? await personal.open<unknown>(value) : FORGOTTEN;
      return isForgotten(plain) ? undefined : plain;
    };
    return replaceSealed(data, openOwn) as Promise<object>;
  }

  return endpoint({
    method: 'get',
    path: PATH,
    summary: 'Get everything that is held about the caller',
    description:
      'One JSON document, for the caller to keep. It is sent while it is read. That it was sent is recorded in the log.',
    roles: ['customer'],
    limit: 'export',
    answers: { 200: exportSchema },
    async handle({ caller, requestId }) {
      const identities = await own.identitiesOf(customerOf(caller));
      await recordOpening({ caller, requestId, purpose: `GET ${PATH}` }, identities);
      return {
        status: 200,
        stream: exported(identities, new Date(clock()).toISOString()),
        headers: { 'Content-Disposition': 'attachment; filename="my-data.json"' },
      };
    },
  });
}
