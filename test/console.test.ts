// The console in a real browser: headless Chromium, on the HTTP surface with a shop in memory. The endpoints of operators answer
// as they do while something is rebuilt and something is in quarantine.

import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import pino from 'pino';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { eventTypes } from '../domain/events.js';
import { type Caller, type Endpoint, endpoint } from '../domain/kernel/endpoint.js';
import { createLocalKeyWrap } from '../infra/crypto/master-key.js';
import { createPersonalData } from '../infra/crypto/personal-data.js';
import { createSeals } from '../infra/crypto/seals.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createApp } from '../infra/http/app.js';
import { type RunningServer, startServer } from '../infra/http/server.js';
import type { OrderListRequest } from '../projections/models/orders.js';
import { auditQueries } from '../read-api/audit/audit.js';
import { keepPicture, type OpenPage, openPage, startBrowser } from './browser.js';
import { everyOr } from './every-case.js';
import { createMemoryIdempotency } from './memory-idempotency.js';
import { createMemorySubjectKeys } from './memory-subject-keys.js';
import { readModel } from './read-model.js';
import { ADA, createShop, fill, KEEPER, type Shop } from './shop.js';
import { the } from './the.js';
import { unlimited } from './unlimited.js';

/** A hostile keeper: if a page parsed this as HTML, `hacked` would be set. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: no template
const HOSTILE = '<img src=x onerror="hacked=1"><script>hacked=1</script> "mug" & {{7*7}} ${hacked=1}';

const CALLERS: Record<string, Caller> = {
  auditor: { role: 'auditor', id: 'staff_ines' },
  ops: { role: 'ops', id: 'staff_olga' },
};

/** A token that the server of this test accepts. Like a real one it says in its middle who its bearer is. */
function tokenOf(role: string): string {
  const claims = { role, sub: CALLERS[role]?.id ?? 'customer_ada' };
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`;
}

if (!process.env.NO_ENGINES) {
  describe('The console', function () {
    this.timeout(60_000);
    let browser: Browser;
    let server: RunningServer;
    let shop: Shop;
    let orderId: string;
    /** What the operators' endpoints were asked to do. */
    let asked: string[];
    let built: number;

    before(async function () {
      browser = await startBrowser(this);
      shop = createShop({
        personal: createPersonalData({
          keys: createMemorySubjectKeys(),
          keyWrap: createLocalKeyWrap(Buffer.alloc(32)),
          eventTypes,
        }),
      });
      orderId = await buyHostileMugs(shop);
      server = await startServer(appOf([...auditOf(shop, orderId), ...operatorsOf()]), { port: 0 });
    });

    after(async () => {
      await browser?.close();
      await server?.close();
    });

    beforeEach(() => {
      asked = [];
      built = 400;
    });

    /** Endpoints as rebuilds and the quarantine have them. */
    function operatorsOf(): Endpoint[] {
      const get = (path: string, body: () => unknown, role: 'ops' | 'auditor' = 'ops') =>
        endpoint({
          method: 'get',
          path,
          summary: 'List',
          roles: [role],
          query: z.looseObject({}),
          answers: { 200: z.unknown() },
          handle: async () => ({ status: 200, body: body() }),
        });
      const post = (path: string, status: 200 | 202, body: unknown) =>
        endpoint({
          method: 'post',
          path,
          summary: 'Do',
          roles: ['ops'],
          idempotency: 'accepted',
          params: z.looseObject({}),
          body: z.looseObject({}).optional(),
          answers: { [status]: z.unknown() },
          async handle({ params }) {
            asked.push(`${path} ${Object.values(params).join()}`);
            return { status, body };
          },
        });
      return [
        get('/v1/ops/projections', () => {
          built += 100;
          const commits = { done: built, total: 1000 };
          const builds = [
            { build: 1, version: '7.1', phase: 'serving' },
            { build: 2, version: '7.2', phase: 'fill', commits, perSecond: 81.4, secondsLeft: 75 },
          ];
          const late = { commits: 1200, seconds: 95, atLeast: true };
          const before = [
            { build: 1, version: '3.1', phase: 'previous' },
            { build: 3, version: '3.3', phase: 'failed', error: HOSTILE },
          ];
          return {
            data: [
              {
                name: 'orders',
                version: '7.1',
                lag: { commits: 0, seconds: 0, atLeast: false },
                quarantine: 1,
                builds,
              },
              { name: 'product-search', version: '3.2', lag: late, quarantine: 0, builds: before },
            ],
          };
        }),
        get(
          '/v1/audit/verification',
          () => ({
            origin: 'commerce-core/1',
            verifierKey: `commerce-core/1+0a1b2c3d+${'A'.repeat(44)}`,
            checkpoint: {
              size: 12_345,
              root: 'r'.repeat(44),
              upTo: '2026-11-29T12:00:00.000Z',
              note: `commerce-core/1\n12345\n${HOSTILE}`,
              cosignedBy: [],
            },
            beyond: { commits: 3, atLeast: false },
            lastVerification: {
              at: '2026-11-29T11:00:00.000Z',
              by: { type: 'staff', id: HOSTILE },
              commits: 12_348,
              archived: 12_345,
              checkpoints: 7,
              problems: 0,
            },
          }),
          'auditor',
        ),
        post('/v1/ops/projections/{name}/rebuilds', 202, {}),
        post('/v1/ops/projections/{name}/rollback', 200, undefined),
        get('/v1/ops/quarantine', () => ({
          data: [
            {
              id: 'q1',
              projection: 'orders',
              version: '7-01K',
              stream: 'order#13',
              commitNo: 4,
              since: '2026-11-29T12:00:00.000Z',
              error: HOSTILE,
            },
          ],
          page: { next: null, hasMore: false },
        })),
        post('/v1/ops/quarantine/{id}/retry', 200, { id: 'q1', status: 'applied' }),
      ];
    }

    /** A page of the console, logged in. Anything that the browser complains about fails the test. */
    async function open(role: string, hash = '', look: BrowserContextOptions = {}): Promise<OpenPage> {
      const { page, close } = await openPage(browser, `${server.url}/console${hash}`, look);
      await page.getByLabel('Token').fill(tokenOf(role));
      await page.getByRole('button', { name: 'Log in' }).click();
      return {
        page,
        async close() {
          expect(await page.evaluate('typeof hacked')).to.equal('undefined');
          await close();
        },
      };
    }

    const heading = (page: Page) => page.getByRole('heading', { level: 1 }).textContent();

    it('allows no script, style or frame but its own', async () => {
      const { headers } = await fetch(`${server.url}/console`);
      const policy = the(headers.get('content-security-policy'));
      expect(policy).to.include("default-src 'none'").and.include("require-trusted-types-for 'script'");
      expect(policy).not.to.match(/unsafe|\*|https?:|data:/);
      const html = await (await fetch(`${server.url}/console`)).text();
      expect(html).not.to.match(/<script>|<style|\son\w+=|style=/);
    });

    it('takes tokens of ops and auditors, keeps them in the tab, and forgets them at log-out', async () => {
      const { page, close } = await open('customer');
      expect(await page.getByRole('alert').textContent()).to.include('The console is for the roles ops and auditor');
      await page.getByLabel('Token').fill('nonsense');
      await page.getByLabel('Token').press('Enter');
      expect(await page.getByRole('alert').textContent()).to.include('This is not a token');
      await page.getByLabel('Token').fill(` Bearer ${tokenOf('auditor')}\n`);
      await page.getByLabel('Token').press('Enter');
      await page.getByRole('heading', { name: 'Log', exact: true }).waitFor();
      await page.reload();
      expect(await heading(page)).to.equal('Log');
      expect(await page.evaluate('JSON.stringify(localStorage) + document.cookie')).to.equal('{}');
      await page.getByRole('button', { name: 'Log out' }).click();
      expect(await page.evaluate('JSON.stringify(sessionStorage)')).to.equal('{}');
      await page.reload();
      expect(await page.getByLabel('Token').isVisible()).to.equal(true);
      await close();
    });

    it('asks for a new token when the server refuses the old one', async () => {
      const { page, close } = await open('auditor', '#/search');
      await page.route('**/v1/audit/orders*', (route) =>
        route.fulfill({ status: 401, json: { detail: 'The token has expired.' } }),
      );
      await page.getByRole('searchbox').fill('1000000');
      await page.getByRole('searchbox').press('Enter');
      await page.getByRole('alert').getByText('The server does not accept the token any more.').waitFor();
      await page.unroute('**/v1/audit/orders*');
      await page.getByLabel('Token').fill(tokenOf('ops'));
      await page.getByLabel('Token').press('Enter');
      await page.getByRole('rowheader', { name: '1000000' }).waitFor();
      await close();
    });

    it('shows projections with live progress, and rebuilds and rolls back after a question', async () => {
      const { page, close } = await open('ops');
      const orders = page.getByRole('row', { name: /orders/ });
      expect(await orders.textContent())
        .to.include('up to date')
        .and.include('500 of 1,000, 81/s, 1 min 15 s left');
      await orders.getByText('600 of 1,000').waitFor();
      const search = page.getByRole('row', { name: /product-search/ });
      expect(await search.textContent()).to.include('1,200 commits, 1 min 35 s');
      expect(await orders.getByRole('button', { name: 'Rebuild orders' }).isDisabled()).to.equal(true);
      await search.getByRole('button', { name: 'Rebuild' }).click();
      await page.getByRole('button', { name: 'Cancel' }).click();
      expect(asked).to.deep.equal([]);
      await search.getByRole('button', { name: 'Rebuild product-search' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Rebuild' }).click();
      await page.getByText('The rebuild of product-search has started.').waitFor();
      await search.getByRole('button', { name: 'Roll back product-search' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
      await page.getByText('product-search serves its previous build.').waitFor();
      expect(asked).to.deep.equal([
        '/v1/ops/projections/{name}/rebuilds product-search',
        '/v1/ops/projections/{name}/rollback product-search',
      ]);
      await close();
    });

    it('retries what is in quarantine', async () => {
      const { page, close } = await open('ops', '#/quarantine');
      await page.getByRole('button', { name: 'Retry commit 4 of order#13' }).click();
      await page.getByText('Applied.', { exact: true }).waitFor();
      expect(asked).to.deep.equal(['/v1/ops/quarantine/{id}/retry q1']);
      await close();
    });

    it('pages the log with filters, and shows events and their causes as text', async () => {
      const { page, close } = await open('auditor', '#/log?category=product');
      const drafted = page.getByRole('listitem').filter({ hasText: 'ProductDrafted' });
      await drafted.locator('summary').click();
      expect(await drafted.textContent()).to.include(JSON.stringify(HOSTILE));
      expect(await page.getByText('CartCreated').count()).to.equal(0);
      await page.getByLabel('Category').selectOption('all');
      await page.getByLabel('Type').fill('OrderPlaced');
      await page.getByRole('button', { name: 'Search' }).click();
      await page.getByText('1 event, up to the end of the log.').waitFor();
      await page.locator('summary').click();
      expect(await page.getByRole('main').textContent())
        .to.include('sealed: customer_ada')
        .and.not.include('ada@example.com');
      await page.getByRole('link', { name: /^request/ }).click();
      expect(await heading(page)).to.equal('Trace');
      await page.getByText(/\d+ events in \d+ streams/).waitFor();
      const tree = page.locator('.tree .event', { hasText: 'OrderPlaced' }).first();
      expect(await tree.locator('.command .event').allTextContents()).to.have.length.greaterThan(3);
      await close();
    });

    it('shows the state of a stream at every version, by slider and keyboard, and what changed', async () => {
      const stream = `order#${orderId.slice('order_'.length)}`;
      const { page, close } = await open('auditor', `#/stream/${encodeURIComponent(stream)}`);
      const slider = page.getByRole('slider');
      await page.getByText('status: "confirmed"').waitFor();
      await slider.focus();
      await page.keyboard.press('Home');
      await page.getByText('status: "placed"').waitFor();
      await page.getByRole('button', { name: 'Next version' }).click();
      await page.getByText('status: "confirmed"').waitFor();
      await page.getByRole('button', { name: 'With the one before' }).click();
      const changed = page.getByRole('row', { name: /^status/ });
      expect(await changed.getByRole('cell').allTextContents()).to.deep.equal(['"placed"', '"confirmed"']);
      await page.waitForURL(/at=2&with=1$/);
      await page.reload();
      await page.getByRole('row', { name: /^status/ }).waitFor();
      await close();
    });

    it('finds an order by its number, its customer and its e-mail address', async () => {
      const { page, close } = await open('ops', '#/search');
      for (const text of ['1000000', 'customer_ada', 'Ada@example.com']) {
        await page.getByRole('searchbox').fill(text);
        await page.getByRole('searchbox').press('Enter');
        await page.waitForURL(`**/console#/search?q=${encodeURIComponent(text)}`);
        await page.getByRole('rowheader', { name: '1000000' }).waitFor();
      }
      await page.getByRole('searchbox').fill('nobody@example.com');
      await page.getByRole('searchbox').press('Enter');
      await page.getByText('No order was found for nobody@example.com.').waitFor();
      await close();
    });

    it('says why something cannot be shown', async () => {
      const { page, close } = await open('auditor', '#/verification');
      await page.getByText('12,345 commits', { exact: true }).waitFor();
      const detail = 'Postgres: it does not answer.';
      await page.route('**/v1/audit/verification', (route) => route.fulfill({ status: 404, json: { detail } }));
      await page.getByRole('button', { name: 'Check again' }).click();
      await page.getByRole('alert').getByText(detail).waitFor();
      await page.goto(`${server.url}/console#/stream/${encodeURIComponent('order#0')}`);
      await page.getByRole('alert').getByText('There is no stream order#0').first().waitFor();
      await page.goto(`${server.url}/console#/projections`);
      await page.getByRole('alert').getByText('This page needs a token of the role ops.').waitFor();
      await page.getByLabel('Token').fill(tokenOf('ops'));
      await page.getByLabel('Token').press('Enter');
      await page.getByRole('row', { name: /product-search/ }).waitFor();
      await page.goto(`${server.url}/console#/log`);
      await page.getByText('OrderPlaced').first().waitFor();
      await close();
    });

    const LOOKS = [
      { width: 390, colorScheme: 'light' },
      { width: 1280, colorScheme: 'dark' },
      { width: 390, colorScheme: 'dark' },
      { width: 1280, colorScheme: 'light' },
    ] as const;
    for (const { width, colorScheme } of everyOr(LOOKS, LOOKS.slice(0, 2))) {
      it(`fits ${width} pixels in ${colorScheme}, with readable contrast`, async () => {
        const stream = encodeURIComponent(`order#${orderId.slice('order_'.length)}`);
        const pages = {
          ops: { projections: '#/projections', quarantine: '#/quarantine', search: '#/search?q=1000000' },
          auditor: {
            log: '#/log',
            stream: `#/stream/${stream}`,
            differences: `#/stream/${stream}?at=2&with=1`,
            trace: '#/trace/request',
            verification: '#/verification',
          },
        };
        for (const [role, hashes] of Object.entries(pages)) {
          const { page, close } = await open(role, '', { viewport: { width, height: 844 }, colorScheme });
          for (const [name, hash] of Object.entries(hashes)) {
            await page.goto(`${server.url}/console${hash}`);
            await page.getByText(/\w …/).first().waitFor({ state: 'hidden' });
            expect(await page.evaluate('document.documentElement.scrollWidth'), name).to.be.at.most(width);
            expect(await page.evaluate(LEAST_CONTRAST), `${name}: contrast of text`).to.be.at.least(4.5);
            await keepPicture(page, `${name}-${width}-${colorScheme}`);
          }
          await close();
        }
      });
    }
  });
}

/** The lowest contrast ratio between text and its background (WCAG 2), over all visible text. */
const LEAST_CONTRAST = `(() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const backgroundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  let least = 21;
  for (const element of document.querySelectorAll('body *')) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    if (!hasText || element.disabled || !element.checkVisibility()) continue;
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(backgroundOf(element))];
    least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return least;
})()`;

async function buyHostileMugs(shop: Shop): Promise<string> {
  const variants = [{ sku: 'MUG', prices: [{ amount: 500, currency: 'GBP' }] }];
  const id = 'product_mug';
  await shop.call('post /v1/products', { caller: KEEPER, body: { id, title: HOSTILE, variants } });
  await shop.call(`post /v1/products/${id}/publish`, { caller: KEEPER });
  await shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { quantity: 10 } });
  const cartId = await fill(shop, { MUG: 2 });
  const body = { paymentMethod: 'pm_card_visa', email: 'ada@example.com' };
  return (await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body })).body.id;
}

/** The endpoints of auditors, with a list of one order. */
function auditOf({ store, personal, emailKeyOf }: Shop, orderId: string): Endpoint[] {
  const order = { id: orderId, number: '1000000', placedAt: new Date().toISOString(), email: 'ada@example.com' };
  const ofAda = { number: '1000000', customerId: 'customer_ada', emailKey: emailKeyOf('ada@example.com') };
  const list = async (request: OrderListRequest) => {
    const isWanted = Object.entries(ofAda).some(([name, value]) => request[name as keyof OrderListRequest] === value);
    return { data: isWanted ? [order as never] : [] };
  };
  const { decode } = createCommitCodec(eventTypes);
  const orders = { orders: readModel({ list }), personal, emailKeyOf };
  return auditQueries({ store, decode, earliestOf: () => undefined, clock: Date.now, orders });
}

function appOf(endpoints: readonly Endpoint[]) {
  return createApp({
    endpoints,
    admission: unlimited(async (token) => Object.entries(CALLERS).find(([role]) => tokenOf(role) === token)?.[1]),
    idempotency: createMemoryIdempotency(),
    seals: createSeals(randomBytes(32)),
    readiness: async () => ({ away: [], standingStill: [] }),
    registry: new Registry(),
    clock: Date.now,
    log: pino({ level: 'silent' }),
  });
}
