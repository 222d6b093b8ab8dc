// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { gone, open, see } from './kit/browser.mjs';
import { Manager } from './kit/manager.mjs';
import { upstream } from './kit/upstream.mjs';

/**
 * Goes with Tab to an element, as who has no mouse does.
 * @param {import('playwright-core').Page} page
 * @param {string} selector
 * @param {string} [text]
 */
async function tabTo(page, selector, text = '') {
  /** @type {string[]} */
  const passed = [];
  for (let n = 0; n < 120; n++) {
    await page.keyboard.press('Tab');
    const [there, what] = await page.evaluate(([one = '', words = '']) => {
      const active = document.activeElement;
      const name = `${active?.tagName} ${active?.getAttribute('aria-label') ?? active?.textContent?.slice(0, 30)}`;
      return /** @type {const} */ ([active?.matches(one) && (active.textContent ?? '').includes(words), name]);
    }, [selector, text]);
    if (there) return;
    passed.push(what);
  }
  throw new Error(`Tab does not come to ${selector} ${text}, only to ${passed.join(', ')}`);
}

/** @param {import('playwright-core').Page} page */
const onBoard = (page) => page.waitForFunction(() => location.pathname === '/');

test('who has a keyboard alone logs in, finds a service, and does all that can be done with it', async (t) => {
  const prices = await upstream(t);
  const manager = await Manager.start(t, {
    services: {
      prices: { layer: 'data', config: { healthCheckIntervalMs: 60_000 }, healthCheck: { http: { url: prices.url }, timeoutMs: 1_000 } },
      checkout: { layer: 'shop', dependencies: ['prices'] },
      mail: { layer: 'edge' },
    },
  });
  const page = await open(t, manager, { token: '' });
  const keys = page.keyboard;
  const focused = (/** @type {string} */ selector) => page.waitForFunction((one) => document.activeElement?.matches(one), selector);
  await page.getByLabel('Token').waitFor();
  await page.waitForFunction(() => document.activeElement?.id === 'login-token');
  await keys.type(manager.token);
  await keys.press('Enter');
  await see(page, '.tile', 'prices');

  await t.test('search and open', async () => {
    await keys.press('/');
    await keys.type('pri');
    await gone(page, '.tile', 'mail');
    await keys.press('Enter');
    await page.waitForFunction(() => document.activeElement?.matches('.tile[data-service=prices]'));
    await keys.press('Enter');
    await see(page, 'h1', 'prices');
  });
  await t.test('check', async () => {
    await see(page, '.svc-figures');
    await keys.press('c');
    await see(page, '.svc-result', 'Health check passed');
  });
  await t.test('reset', async () => {
    await keys.press('r');
    await see(page, 'dialog');
    await focused('dialog input[name=to]:checked');
    await tabTo(page, 'dialog input[type=text]');
    await keys.type('to see that it works');
    await keys.press('Enter');
    await gone(page, 'dialog');
    await see(page, '.svc-news', 'You reset the circuit');
  });
  await t.test('override', async () => {
    await keys.press('o');
    await see(page, 'dialog');
    await focused('dialog input[name=mode]:checked');
    await keys.press('ArrowDown');
    await see(page, 'dialog .svc-effect', 'The circuit cannot open until it ends');
    await tabTo(page, 'dialog input[name=end]');
    await keys.press('Space');
    await keys.press('ArrowRight'); // an hour
    await tabTo(page, 'dialog input[type=text]');
    await keys.type('a drill');
    await keys.press('Enter');
    await gone(page, 'dialog');
    await see(page, '.svc-override', /forced closed by admin: “a drill”.*in (59m|1h)/s);
  });
  await t.test('end the override', async () => {
    await tabTo(page, 'button', 'End override');
    await keys.press('Enter');
    await see(page, 'dialog');
    await focused('dialog input[type=text]');
    await keys.type('enough');
    await keys.press('Enter');
    await gone(page, '.svc-override');
  });
  await t.test('edit the config', async () => {
    await keys.press('e');
    await see(page, 'form.svc-form');
    await page.waitForFunction(() => document.activeElement?.closest('form.svc-form'));
    await tabTo(page, '[aria-labelledby="svc-name-failureThreshold"]');
    await keys.press('Control+A');
    await keys.type('9');
    await see(page, '.svc-changed');
    await page.locator('button[type=submit]:not([disabled])').waitFor();
    await keys.press('Enter');
    await see(page, 'dialog', 'Change the config');
    await focused('dialog input[type=text]');
    await keys.type('it is busy');
    await keys.press('Enter');
    await see(page, '.notice', 'Config version 2 of prices is in force');
    assert.equal((await manager.api('GET', '/services/prices/config')).config.failureThreshold, 9);
  });
  await t.test('travel and come back', async () => {
    await gone(page, 'dialog');
    await keys.press(',');
    await see(page, '.timebar-banner');
    await keys.press('n');
    await gone(page, '.timebar-banner');
    await tabTo(page, '[role=slider]');
    await keys.press('PageDown');
    await see(page, '.timebar-banner');
    await keys.press('End');
    await gone(page, '.timebar-banner');
  });
  await t.test('back, help, and the map', async () => {
    await keys.press('b');
    await onBoard(page);
    await keys.press('?');
    await focused('dialog'); // it has no field, and its cross is no beginning
    await see(page, 'dialog', 'search');
    await see(page, 'dialog', 'open the service');
    await keys.press('Escape');
    await gone(page, 'dialog');
    await keys.press('g');
    await keys.press('m');
    await see(page, '.map-box', 'checkout');
    await tabTo(page, '.map-box');
    const first = await page.evaluate(() => document.activeElement?.getAttribute('data-box'));
    for (const key of ['ArrowDown', 'ArrowUp', 'ArrowRight', 'ArrowLeft']) await keys.press(key);
    await page.waitForFunction(() => document.activeElement?.matches('.map-box'));
    assert.ok(first);
    await keys.press('Enter');
    await see(page, '.svc-top h1');
    await keys.press('Escape');
    await onBoard(page);
  });
  await t.test('tokens', async () => {
    await keys.press('g');
    await keys.press('t');
    await see(page, 'h1', 'Tokens');
    await tabTo(page, 'button', 'Make a token');
    await keys.press('Enter');
    await page.waitForFunction(() => document.activeElement?.id === 'tokens-name');
    await keys.type('wall');
    await keys.press('Enter');
    await see(page, '.tokens-secret', 'The token of wall');
    await tabTo(page, 'button', 'I have it');
    await keys.press('Enter');
    await gone(page, '.tokens-secret');
    await tabTo(page, '[aria-label="Revoke wall"]');
    await keys.press('Enter');
    await page.waitForFunction(() => document.activeElement?.id === 'tokens-reason');
    await keys.type('not needed');
    await keys.press('Enter');
    await gone(page, '.tokens-table td', 'wall');
  });
  await t.test('log out', async () => {
    await tabTo(page, '.head-person button');
    await keys.press('Enter');
    await tabTo(page, 'button', 'Log out');
    await keys.press('Enter');
    await page.getByLabel('Token').waitFor();
  });
});

test('the arrows go from tile to tile, also to those that are not drawn yet', async (t) => {
  const services = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`service_${String(i).padStart(3, '0')}`, {}]));
  const manager = await Manager.start(t, { services });
  const page = await open(t, manager, { path: '/?sort=name&density=list' });
  await see(page, '.tile', 'service_000');
  for (let i = 0; i <= 40; i++) {
    await page.keyboard.press('ArrowDown');
    await page.waitForFunction((n) => document.activeElement?.getAttribute('data-service') === `service_${String(n).padStart(3, '0')}`, i);
  }
  assert.equal(await page.evaluate(() => {
    const { top, bottom } = /** @type {Element} */ (document.activeElement).getBoundingClientRect();
    return top >= 0 && bottom <= window.innerHeight;
  }), true, 'the tile that has the focus is not seen');
  await page.keyboard.press('Enter');
  await see(page, 'h1', 'service_040');
});

test('a tile that goes to another place takes the focus with it', async (t) => {
  const services = Object.fromEntries(['auth', 'basket', 'cache', 'mail', 'prices', 'search', 'wallet'].map((name) => [name, { config: { failureThreshold: 3 } }]));
  const manager = await Manager.start(t, { services });
  const page = await open(t, manager);
  await see(page, '.tile', 'wallet');
  await page.locator('.tile[data-service=wallet]').focus(); // from here on nothing jumps away
  await manager.report('wallet', 0, 3, 'no gas');
  await see(page, '.overdue', 'sort again');
  assert.notEqual(await page.locator('.tile').first().getAttribute('data-service'), 'wallet');
  await page.mouse.move(600, 600);
  await page.mouse.move(600, 5); // whoever points elsewhere has let go of them
  await page.waitForFunction(() => document.querySelector('.tile')?.getAttribute('data-service') === 'wallet');
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-service')), 'wallet');
});
