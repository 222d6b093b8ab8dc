// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { gone, open, see, tile } from './kit/browser.mjs';
import { Manager } from './kit/manager.mjs';
import { upstream } from './kit/upstream.mjs';

const config = { failureThreshold: 3, monitoringWindowMs: 20_000, healthCheckIntervalMs: 200, resetTimeoutMs: 600_000, maxResetTimeoutMs: 600_000 };

/**
 * A shop whose prices failed once and are well again, and that was reset.
 * @param {import('node:test').TestContext} t
 */
async function after(t) {
  const prices = await upstream(t);
  const manager = await Manager.start(t, {
    defaults: config,
    services: {
      prices: { layer: 'data', healthCheck: { http: { url: prices.url }, timeoutMs: 1_000 } },
      checkout: { layer: 'shop', dependencies: ['prices'] },
    },
  });
  await manager.report('checkout', 20);
  const page = await open(t, manager);
  await see(page, '.tile.on-healthy', 'prices');
  prices.well = false;
  await see(page, '.tile.on-circuit_open', 'prices');
  prices.well = true;
  await see(page, '.tile.on-degraded', 'checkout');
  await manager.api('POST', '/services/prices/reset', { reason: 'well again', to: 'closed' });
  await see(page, '.tile.on-healthy', 'prices');
  await see(page, '.tile.on-healthy', 'checkout');
  const { events } = await manager.api('GET', '/services/prices/events?kind=transition');
  await see(page, '.calm', /last change\s*[1-9]s ago/); // what is younger is the present still
  const opened = events.find((/** @type {{ to: string }} */ event) => event.to === 'open');
  return { manager, page, opened };
}

test('a link to the moment of an opening shows board, map and service as they were', async (t) => {
  const { manager, page, opened } = await after(t);
  await page.goto(`${manager.url}/?at=${opened.at}`);
  await see(page, '.timebar-banner', /You look at .* ago: not live\./);
  await see(page, '.tile.on-circuit_open', 'prices');
  await see(page, '.strip h1', '1 failing');
  await see(page, '.card-wrong', 'circuit open: too many failures (3 of ');
  await see(page, '.head-connection', 'as it was at');

  await page.getByRole('navigation', { name: 'Pages' }).getByText('Map').click();
  await see(page, '.map-box.is-circuit_open.root', 'prices');
  await see(page, '.map-panel', 'One root of what is wrong');
  await see(page, '.map-panel', 'too many failures');

  await page.locator('[data-box=prices]').click();
  await see(page, '.svc-status', 'circuit open');
  await see(page, '.svc-why', 'too many failures, 3 failed');
  await see(page, '.svc-story', 'and still then');
  await see(page, '.timebar-banner', 'not live');
  const now = await page.getByRole('button', { name: /^(Check now|Reset|Override)/ }).all();
  assert.equal(now.length, 3);
  for (const button of now) assert.equal(await button.isDisabled(), true, 'the past cannot be changed');

  await page.getByRole('button', { name: 'Back to now' }).click();
  await gone(page, '.timebar-banner');
  await see(page, '.svc-status', 'healthy');
  await see(page, '.svc-story', 'until the circuit was closed again');
  assert.equal(new URL(page.url()).searchParams.get('at'), null);
});

test('one steps from event to event and sees the board change with each', async (t) => {
  const { page } = await after(t);
  const prices = tile(page, 'prices');
  await page.keyboard.press('<'); // the opening before
  await see(page, '.timebar-banner', 'prices: closed → open: too many failures');
  await see(prices, '.tile-state', 'circuit open');
  await page.keyboard.press(','); // the event before: a failed check
  await see(page, '.timebar-banner', 'prices: health check failed');
  await gone(prices, '.tile-state', 'circuit open');
  await page.keyboard.press('.');
  await see(page, '.timebar-banner', 'prices: closed → open');
  await see(prices, '.tile-state', 'circuit open');
  await page.goBack(); // who travels can take it back
  await gone(page, '.timebar-banner');
  await page.goForward();
  await see(page, '.timebar-banner');

  // A time that one has from elsewhere, and the link to it.
  await page.getByLabel('Go to a time').fill('1d ago');
  await page.keyboard.press('Enter');
  await see(page, '#main', 'There was no service then');
  await page.keyboard.press('n');
  await gone(page, '.timebar-banner');
  await see(prices, '.tile-state', 'healthy');
});
