// The reference at /docs in a real browser, on a whole shop: search, log-in and a request that is sent from it.
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { keepPicture, openPage, startBrowser } from './browser.js';
import { describeWith } from './engines.js';
import { endPrograms, PROFILES, type RunningShop, startShop } from './running-shop.js';
import { the } from './the.js';

const EMBEDDED = the(PROFILES.find(({ name }) => name === 'embedded'));

describeWith('postgres', 'The reference of the API', function (engines) {
  this.timeout(60_000);
  let browser: Browser;
  let shop: RunningShop;

  before(async function () {
    browser = await startBrowser(this);
    shop = await startShop(await EMBEDDED.freshEnvironment(engines));
  });
  after(async () => {
    await browser?.close();
    await endPrograms();
  });

  it('finds an endpoint by words, and sends a request of a guest', async () => {
    const { page, close } = await openPage(browser, `${shop.url}/docs`);
    await page.getByRole('button', { name: 'Begin a session as a guest' }).click();
    await page.getByText(/Requests are sent as customer_/).waitFor();
    await page.getByPlaceholder(/Filter/).fill('list orders');
    await page.locator('.opblock', { hasText: 'List orders' }).waitFor();
    expect(await page.locator('.opblock-summary-path').allTextContents()).to.deep.equal(['/v1/orders']);
    await keepPicture(page, 'reference-1280');
    await page.locator('.opblock', { hasText: '/v1/orders' }).first().locator('.opblock-summary-control').click();
    await page.getByRole('button', { name: 'Execute' }).click();
    await page.locator('.responses-table .response-col_status', { hasText: '200' }).first().waitFor();
    expect(await page.locator('.live-responses-table').textContent()).to.include('"hasMore": false');
    await close();
  });

  it('fits a phone, and shows the problem that a link names', async () => {
    const look = { viewport: { width: 390, height: 844 } };
    const { page, close } = await openPage(browser, `${shop.url}/docs#out_of_stock`, look);
    await page.locator('.opblock-tag').first().waitFor();
    expect(await page.locator('#problems tr:target').textContent()).to.include('out_of_stock');
    await keepPicture(page, 'reference-390');
    expect(await page.evaluate('document.documentElement.scrollWidth')).to.be.at.most(390);
    await close();
  });
});
