// @ts-check
import assert from 'node:assert/strict';
import { after } from 'node:test';

import { chromium } from 'playwright-core';

/** How long a test waits for what the page is to show, in milliseconds. */
export const patience = 15_000;

/** @type {Promise<import('playwright-core').Browser> | null} */
let started = null;

/** The browser of this file of tests: one, with a new profile for each window. */
export function browser() {
  started ??= chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--enable-precise-memory-info',
    ],
  });
  return started;
}

if (process.env['NODE_TEST_CONTEXT']) after(async () => (await started)?.close()); // a script closes it itself

/** What a page cannot help to say on its console: that a request was refused, or a server is away. */
const ordinary = /^Failed to load resource: |^WebSocket connection to /;

/**
 * @typedef {object} Look
 * @property {string} [url] where the manager is, if not at its own address
 * @property {string} [token] who looks; '' for nobody
 * @property {'light' | 'dark'} [theme]
 * @property {number} [width]
 * @property {number} [height]
 * @property {string} [path]
 */

/**
 * A window of its own, logged in with a token. When the test is over it fails
 * if the page has said an error, or broken its content security policy.
 * @param {{ after: (fn: () => Promise<void>) => void }} t
 * @param {import('./manager.mjs').Manager} manager
 * @param {Look} [look]
 */
export async function open(t, manager, { url = manager.url, token = manager.token, theme = 'light', width = 1280, height = 900, path = '/' } = {}) {
  const context = await (await browser()).newContext({ viewport: { width, height }, colorScheme: theme, locale: 'en-GB' });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  const faults = watch(page);
  await page.addInitScript(() => {
    window.addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(faults, [], 'the page says errors');
  });
  if (token !== '') await logIn(context, url, token);
  await page.goto(url + path);
  return page;
}

/**
 * @param {import('playwright-core').Page} page
 * @returns {string[]} its errors, as they come
 */
function watch(page) {
  /** @type {string[]} */
  const faults = [];
  page.on('pageerror', (err) => faults.push(`thrown: ${err.stack ?? err.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !ordinary.test(message.text())) faults.push(message.text());
  });
  return faults;
}

/**
 * Logs a browser in without its form.
 * @param {import('playwright-core').BrowserContext} context
 * @param {string} url
 * @param {string} token
 */
export async function logIn(context, url, token) {
  const answer = await context.request.post(`${url}/api/v2/session`, { data: { token }, headers: { Origin: url } });
  assert.equal(answer.status(), 201, await answer.text());
}

/**
 * Waits until an element shows a text, and returns the first that does.
 * @param {import('playwright-core').Page | import('playwright-core').Locator} where
 * @param {string} selector
 * @param {string | RegExp} [text]
 * @param {number} [timeout] milliseconds
 */
export async function see(where, selector, text, timeout = patience) {
  const found = where.locator(selector).filter(text === undefined ? {} : { hasText: text }).first();
  try {
    await found.waitFor({ state: 'visible', timeout });
  } catch (err) {
    const there = (await where.locator(selector).allInnerTexts().catch(() => [])).map((one) => one.slice(0, 400));
    throw new Error(`within ${timeout} ms no ${selector} shows ${text}; it shows ${JSON.stringify(there)}`, { cause: err });
  }
  return found;
}

/**
 * Waits until nothing of the selector, with the text, is there.
 * @param {import('playwright-core').Page | import('playwright-core').Locator} where
 * @param {string} selector
 * @param {string | RegExp} [text]
 */
export async function gone(where, selector, text) {
  await where.locator(selector).filter(text === undefined ? {} : { hasText: text }).first().waitFor({ state: 'hidden' });
}

/**
 * The tile of a service on the board.
 * @param {import('playwright-core').Page} page
 * @param {string} service
 */
export const tile = (page, service) => page.locator(`.tile[data-service="${service}"]`);

/**
 * What makes the page, or a dialog, scroll sideways.
 * @param {import('playwright-core').Page} page
 * @returns {Promise<string[]>}
 */
export const tooWide = (page) => page.evaluate(() => {
  const room = document.documentElement.clientWidth;
  const wide = document.documentElement.scrollWidth > room ? ['the page'] : [];
  for (const dialog of document.querySelectorAll('dialog[open]')) if (dialog.scrollWidth > dialog.clientWidth) wide.push('the dialog');
  if (wide.length === 0) return [];
  for (const one of document.querySelectorAll('#app *')) {
    const out = one.getBoundingClientRect().right > room + 1 || (one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX === 'visible');
    if (out && !one.closest('.scroll-x, .lists-table, .map-drawing')) wide.push(`${one.tagName}.${one.getAttribute('class')}`);
  }
  return wide.slice(0, 12);
});
