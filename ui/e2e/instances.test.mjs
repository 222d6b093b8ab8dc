// @ts-check
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { gone, open, see, tile, tooWide } from './kit/browser.mjs';
import { Manager } from './kit/manager.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** @param {number} s @returns {string} */
const inSeconds = (s) => new Date(Date.now() + 1_000 * s).toISOString();

/**
 * An instance of a service, as the manager tells of it.
 * @param {number} i
 * @param {any} entry the service's, which it is like
 * @param {object} [other]
 */
const instance = (i, entry, other = {}) => ({
  instance: `${i}`.padStart(16, 'i'), name: `worker-${String(i).padStart(4, '0')}`, program: 'shop/1.2', library: 'go', address: '10.0.0.1:5', node: 'node-a',
  connected: true, stale: false, started_at: inSeconds(-900), joined_at: inSeconds(-800), seen_at: inSeconds(-1), config_version: entry.config_version, config_error: null,
  is_open: false, circuit_breaker: entry.circuit_breaker, operations: entry.operations, performance: entry.performance, health: entry.health, ...other,
});

/**
 * A manager whose service `shop` is one of agents as far as the page sees:
 * what it says of that service is changed on the way.
 * @param {import('node:test').TestContext} t
 * @param {{ total: number, open: number, stale: number }} counts
 * @param {(entry: any) => object[]} make the instances
 */
async function agents(t, counts, make) {
  const manager = await Manager.start(t, { services: { shop: { layer: 'edge' }, other: {} } });
  await manager.report('shop', 20);
  const page = await open(t, manager, { path: '/server' });
  const state = { counts, make, asked: 0, fails: false };
  const change = (/** @type {any} */ entry) => (entry.service === 'shop' ? { ...entry, source: 'agent', instances: state.counts, status: state.counts.open > 0 ? 'degraded' : entry.status } : entry);
  await page.routeWebSocket(/\/ws\/circuit-breaker/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((text) => {
      const message = JSON.parse(String(text));
      if (message.type === 'services:state') message.services = message.services.map(change);
      socket.send(JSON.stringify(message.type === 'service:update' ? change(message) : message));
    });
  });
  await page.route('**/api/v2/services/shop/instances', async (route) => {
    state.asked++;
    if (state.fails) return route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ title: 'Unavailable', status: 503, detail: 'the leader cannot be reached' }) });
    const entry = await manager.api('GET', '/services/shop');
    return route.fulfill({ json: { service: 'shop', instances: state.make(entry) } });
  });
  await page.goto(manager.url);
  return { manager, page, state };
}

/** @param {any} entry */
const opened = (entry) => ({
  is_open: true, circuit_breaker: { ...entry.circuit_breaker, state: 'open', is_open: true, opened_at: inSeconds(-70), last_error: 'reset by peer' },
});

test('who is called out sees which instance of a service is open, silent, or refuses its config', async (t) => {
  const { manager, page, state } = await agents(t, { total: 4, open: 1, stale: 1 }, (entry) => [
    instance(1, entry), instance(2, entry, { connected: false, stale: true, seen_at: inSeconds(-94) }), instance(3, entry, opened(entry)),
    instance(4, entry, { config_version: 0, config_error: 'failureThreshold: 900 is more than 500' }),
  ]);
  await see(tile(page, 'shop'), '.note', '1 of 4 instances is open, 1 is silent');
  await tile(page, 'shop').click();
  await see(page, '.svc-many', '1 of 4 open, 1 silent of its instances');
  assert.equal(state.asked, 0, 'nobody wanted to see them');
  await page.locator('.svc-many').getByRole('button', { name: 'see them' }).click();
  await see(page, '.inst', 'worker-0003');
  assert.deepEqual(await page.locator('.inst-body .inst-instance b').allInnerTexts(), ['worker-0003', 'worker-0002', 'worker-0001', 'worker-0004']);
  const row = (/** @type {string} */ name) => page.locator('.inst-body .inst-row', { hasText: name });
  assert.match(await row('worker-0003').innerText(), /open\s+since 1m \d\ds/);
  assert.match(await row('worker-0002').innerText(), /silent, was closed[^]*1m 3\ds ago/);
  assert.match(await row('worker-0004').innerText(), /its code’s own\s+refused: failureThreshold/);

  await t.test('and can read it in both themes, on a phone too', async () => {
    await page.evaluate(axe);
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 900 });
      for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        const found = await page.evaluate(() => /** @type {any} */ (window).axe.run(document, { preload: false, resultTypes: ['violations'] }).then((/** @type {any} */ r) => r.violations));
        assert.deepEqual(found.map((/** @type {any} */ v) => `${width} ${colorScheme} ${v.id}: ${v.nodes[0].html}`), []);
        assert.deepEqual(await tooWide(page), []);
      }
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  await t.test('as it changes, and is told when it cannot be had', async () => {
    state.make = (entry) => [instance(7, entry)];
    state.counts = { total: 1, open: 0, stale: 0 };
    await manager.report('shop', 1);
    await see(page, '.inst', 'worker-0007');
    await gone(page, '.inst', 'worker-0003');
    state.fails = true;
    await manager.report('shop', 1);
    await see(page, '[role=alert]', 'The instances cannot be loaded: the leader cannot be reached');
    await see(page, '.inst', 'worker-0007');
    [state.fails, state.make] = [false, () => []];
    await page.getByRole('button', { name: 'Try again' }).click();
    await see(page, '#svc-panel', 'No instance is connected');
  });

  await t.test('and on the page of the config who runs it', async () => {
    state.make = (entry) => [instance(1, entry), instance(4, entry, { config_version: 0, config_error: 'failureThreshold: 900 is more than 500' })];
    await page.getByRole('tab', { name: 'Config' }).click();
    await see(page, '.inst-runs', '1 of 2 instances run version 1.');
    await see(page, '.inst-runs li', 'worker-0004 goes on with what its code says, for it refused a newer one: failureThreshold: 900 is more than 500');
  });

  await t.test('and that the past has none', async () => {
    await page.goto(`${manager.url}/service/shop?tab=instances&at=${new Date(Date.now() - 500).toISOString()}`);
    await see(page, '.svc-note', 'as they are now');
  });
});

test('a thousand instances are found and scrolled, and only those on the screen are drawn', async (t) => {
  const { manager, page, state } = await agents(t, { total: 1_000, open: 0, stale: 0 }, (entry) => Array.from({ length: 1_000 }, (_, i) => instance(i, entry)));
  await page.goto(`${manager.url}/service/shop?tab=instances`);
  const rows = page.locator('.inst-body .inst-row');
  await see(page, '.inst-head', 'Last heard');
  await page.locator('.inst-head').scrollIntoViewIfNeeded();
  await see(page, '.inst', 'worker-0000');
  assert.ok(await rows.count() < 60, `${await rows.count()} rows are drawn`);
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  await see(page, '.inst', 'worker-0999');
  assert.equal(await rows.last().getAttribute('aria-rowindex'), '1001');
  assert.ok(await rows.count() < 60, `${await rows.count()} rows are drawn`);
  await page.getByLabel('Find').fill('worker-0512');
  await see(page, '[role=status]', '1 of 1000');
  assert.equal(await rows.count(), 1);

  // Each change is one reason to ask again, but not each is asked for.
  const before = state.asked;
  const began = Date.now();
  while (Date.now() - began < 5_000) await manager.report('shop', 1);
  const seconds = (Date.now() - began) / 1_000;
  assert.ok(state.asked - before >= 1 && state.asked - before <= seconds / 2 + 2, `${state.asked - before} times in ${seconds} s`);
});
