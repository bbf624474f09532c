// Headless Chromium for the tests of pages. Without it they are skipped, loudly.
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Where Debian installs it. */
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Pictures of the pages, to look at. */
const PICTURES = join(import.meta.dirname, '../.screenshots');

/** For a busy machine. */
const DEADLINE_MS = 20_000;

/** Called in a `before` hook. Undefined if the tests were skipped. */
export async function startBrowser(hook: Mocha.Context): Promise<Browser> {
  const isThere = await access(CHROMIUM).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    const message = `${CHROMIUM}: there is no Chromium; install it (apt-get install chromium), or name it with CHROMIUM`;
    if (process.env.REQUIRE_ENGINES === '1') throw new Error(message);
    console.error(`\n${message}; the tests of pages are skipped`);
    hook.skip();
  }
  await mkdir(PICTURES, { recursive: true });
  // Chromium's sandbox needs rights that containers and root do not have. It only opens our own server.
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

export interface OpenPage {
  page: Page;
  /** Fails if the browser has complained: of errors in scripts, or of what the page's policy forbids. */
  close(): Promise<void>;
}

/** Refusals by the server, which pages show, are no complaints. */
export async function openPage(browser: Browser, url: string, look: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...look });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const complaints: string[] = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 40[0134]/.test(message.text())) complaints.push(message.text());
  });
  await page.goto(url);
  return {
    page,
    async close() {
      await context.close();
      expect(complaints).to.deep.equal([]);
    },
  };
}

/** Keeps a picture of what the page shows. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}
