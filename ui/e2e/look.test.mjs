// @ts-check
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { open, see, tooWide } from './kit/browser.mjs';
import { fleet, show, views } from './kit/fleet.mjs';
import { Manager } from './kit/manager.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * What axe says against the page as it is.
 * @param {import('playwright-core').Page} page
 * @param {string} how
 * @param {boolean} coloursOnly
 * @returns {Promise<string[]>}
 */
async function violations(page, how, coloursOnly) {
  const run = coloursOnly ? { type: 'rule', values: ['color-contrast'] } : { type: 'tag', values: tags };
  const found = await page.evaluate(
    (runOnly) => /** @type {any} */ (window).axe.run(document, { runOnly, preload: false, resultTypes: ['violations'] }).then((/** @type {any} */ r) => r.violations), run);
  return found.flatMap((/** @type {any} */ rule) => rule.nodes.map((/** @type {any} */ node) =>
    `${how}: ${rule.id}: ${node.target.join(' ')} ${node.html.slice(0, 120)}: ${node.any[0]?.message ?? node.failureSummary}`));
}

/**
 * Looks at what is shown: wide and narrow, light and dark.
 * @param {import('playwright-core').Page} page
 */
async function wrongWith(page) {
  await page.evaluate(axe);
  const wrong = [];
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 900 });
    await page.evaluate(() => window.scrollTo(0, 0)); // what is half below the head of the page is no smaller for it
    for (const theme of /** @type {const} */ (['light', 'dark'])) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      wrong.push(...await violations(page, `${theme}, ${width} wide`, theme === 'dark'));
    }
    wrong.push(...(await tooWide(page)).map((what) => `${width} wide: scrolls sideways: ${what}`));
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 900 });
  return wrong;
}

test('everybody can read and use all that the page shows, in both themes, on a screen and on a phone', async (t) => {
  const manager = await fleet(t);
  const page = await open(t, manager);
  await see(page, '.tile.on-circuit_open', 'token_sync');
  for (const view of views) {
    await t.test(view.name, async () => {
      await show(page, manager.url, view);
      assert.deepEqual(await wrongWith(page), []);
    });
  }
  await t.test('the board of the past', async () => {
    const { events } = await manager.api('GET', '/events?kind=transition&service=token_sync');
    await show(page, manager.url, { name: '', path: `/?at=${events[0].at}`, ready: '.timebar-banner' });
    assert.deepEqual(await wrongWith(page), []);
  });
});

test('everybody can log in, and begin with no services at all', async (t) => {
  const manager = await Manager.start(t);
  const page = await open(t, manager, { token: '' });
  await page.getByLabel('Token').fill('this-is-not-a-token-of-anybody');
  await page.keyboard.press('Enter');
  await see(page, '[role=alert]');
  assert.deepEqual(await wrongWith(page), []);
  await page.getByLabel('Token').fill(manager.token);
  await page.keyboard.press('Enter');
  await see(page, '#main', 'No services yet');
  assert.deepEqual(await wrongWith(page), []);
});
