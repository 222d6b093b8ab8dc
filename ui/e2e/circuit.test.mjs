// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { gone, open, see, tile } from './kit/browser.mjs';
import { Manager } from './kit/manager.mjs';
import { upstream } from './kit/upstream.mjs';

// Fast enough for a test; the open time is long, so that nothing closes by itself.
const config = { failureThreshold: 3, monitoringWindowMs: 20_000, healthCheckIntervalMs: 200, resetTimeoutMs: 600_000, maxResetTimeoutMs: 600_000, minHealthyPeriodMs: 400, recoverySteps: [0.5] };

/**
 * @param {import('node:test').TestContext} t
 * @param {object} [other] settings that are not as above
 */
async function shop(t, other = {}) {
  const prices = await upstream(t);
  const manager = await Manager.start(t, {
    defaults: { ...config, ...other },
    services: {
      prices: { layer: 'data', description: 'What things cost', healthCheck: { http: { url: prices.url }, timeoutMs: 1_000 } },
      checkout: { layer: 'shop', dependencies: ['prices'] },
      website: { layer: 'edge', dependencies: ['checkout'] },
    },
  });
  return { manager, prices };
}

test('a circuit opens in front of who watches, says why, and is reset for all who watch', async (t) => {
  const { manager, prices } = await shop(t);
  await manager.report('checkout', 20);
  await manager.report('website', 20);
  const page = await open(t, manager);
  await see(page, '.strip', 'All well');
  await see(page, '.tile.on-healthy', 'prices');
  let loads = 0;
  page.on('framenavigated', () => loads++);

  prices.well = false;
  const failing = performance.now();
  const card = await see(page, '.card-wrong', 'circuit open: too many failures (3 of ');
  t.diagnostic(`from the upstream's failure to the board: ${Math.round(performance.now() - failing)} ms, three checks at 200 ms included`);
  await see(page, '.strip h1', '1 failing');
  await see(page, '.tile.on-circuit_open', 'prices');
  await see(page, '.tile.on-circuit_open', 'circuit open');
  await see(card, '.card-error', '503');
  await see(card, '.card-drags', 'checkout');
  await see(page, '.tile.on-degraded', 'checkout');
  await page.waitForFunction(() => document.querySelector('.tile')?.getAttribute('data-service') === 'prices'); // the worst comes first
  assert.match(await page.title(), /^\(1\) /);

  // Somebody else looks at the service meanwhile.
  const other = await manager.api('POST', '/tokens', { name: 'paula', role: 'operator' });
  const second = await open(t, manager, { token: other.token, path: '/service/prices' });
  await see(second, '.svc-state, .svc-status', 'circuit open');

  await card.click();
  await see(page, 'h1', 'prices');
  await see(page, '.svc-why', 'too many failures, 3 failed');
  await see(page, '.svc-opening, article', /opened: too many failures/);
  const decisive = await see(page, '.svc-measures .is-decisive', 'failures in the window');
  assert.match(await decisive.innerText(), /^3 failures in the window\s+opens at 3/);
  await see(page, '.svc-error', '503');
  await see(page, '.svc-next', 'Next attempt in');

  // What is ordered while the upstream fails: its result is shown, and it opens again.
  await page.getByRole('button', { name: /^Check now/ }).click();
  await see(page, '.svc-result', /Health check failed in .*503/);
  assert.equal(await page.locator('.notice').count(), 0, 'it is said once');

  prices.well = true;
  await page.getByRole('button', { name: /^Reset/ }).click();
  const dialog = await see(page, 'dialog');
  await see(dialog, '.svc-effect', 'A recovery begins: the health check runs first');
  await dialog.getByText('Close', { exact: true }).click();
  await see(dialog, '.svc-effect', 'The circuit closes at once, without a recovery');
  await dialog.getByLabel('Reason').fill('the pool is full again');
  await dialog.getByRole('button', { name: 'Close the circuit' }).click();
  await see(page, '.notice.good', /prices was reset: closed: \d of 3 failures within 20 ?s/);
  await see(page, '.svc-news', /You reset the circuit/);
  await see(second, '.svc-news', /admin reset the circuit .*“the pool is full again”/);
  for (const each of [page, second]) await see(each, '.svc-status', 'healthy');
  assert.equal(loads, 1, 'only the link to the service changed the URL, and nothing was loaded anew');
});

test('an outage is told from its beginning, through the recoveries that fail, until it is over', async (t) => {
  const { manager, prices } = await shop(t, { resetTimeoutMs: 700, maxResetTimeoutMs: 700, jitter: 0 });
  const page = await open(t, manager);
  await see(page, '.tile.on-healthy', 'prices');
  await manager.report('prices', 0, 3, 'connection refused');
  prices.well = false;
  const began = Date.now();
  const card = await see(page, '.card-wrong', /[2-9] failed recoveries/);
  const told = await card.innerText();
  const least = Number(/for (\d+)s, /.exec(told)?.[1]);
  assert.ok(least >= 1 && least <= (Date.now() - began) / 1_000 + 2, told);
  assert.match(told, /too many failures \(3 of \d+\)/);
  await see(card, '.card-error', /^(first|last error).*: /);
  await see(page, '.card-error', 'first: connection refused');
  await see(page, '.card-error', /^(latest|last error before the recovery, .* ago): .*503/);
  await see(await tile(page, 'prices'), '.notes', /\d failed recoveries; connection refused/);
  await see(await tile(page, 'prices'), '.figure[data-label=opened]', '3 failed');
  await page.goto(`${manager.url}/?wall=1`);
  await see(page, '.big-since', /for \d+s, \d+ failed recoveries/);
  await page.goto(manager.url);

  prices.well = true;
  await see(page, '.tile.on-healthy', 'prices');
  await gone(page, '.card-wrong');
});

test('an override says before what it refuses, counts down, and ends by itself', async (t) => {
  const { manager } = await shop(t);
  const page = await open(t, manager, { path: '/service/checkout' });
  const second = await open(t, manager);
  await see(second, '.tile', 'checkout');
  const button = page.getByRole('button', { name: /^Override/ });
  await button.waitFor();
  for (let i = 0; i < 3; i++) await manager.report('checkout', 200);
  await button.click(); // within the second of its first operations, which no series have yet
  const dialog = await see(page, 'dialog');
  assert.match(await dialog.locator('.svc-effect').innerText(), /is not known yet|operations a second/);
  await see(dialog, '.svc-effect', /About \d+(\.\d)? operations a second will be refused/);
  await see(dialog, '.svc-effect', 'This one depends on it');
  await see(dialog, '.svc-effect', 'website');
  await see(dialog, '.svc-effect', 'When it ends the circuit goes to half-open');

  // Without an end there is no override.
  await dialog.getByLabel('Reason').fill('a drill');
  await dialog.getByRole('button', { name: 'Force open' }).click();
  await see(dialog, '[role=alert]', 'say when it ends');
  await dialog.getByText('other', { exact: true }).click();
  await dialog.getByLabel('Ends after').last().fill('4s');
  await dialog.getByRole('button', { name: 'Force open' }).click();
  await gone(page, 'dialog');

  await see(page, '.svc-override', /forced open by admin: “a drill”/);
  const told = await tile(second, 'checkout');
  await see(told, '.tile-state', 'forced open');
  const order = await see(second, '.card-wrong', 'forced open by admin: a drill');
  assert.match(await order.innerText(), /The override ends in [0-5]s, at \d\d:\d\d:\d\d/);
  assert.doesNotMatch(await order.innerText(), /error/);
  await see(page, '.svc-news', /You set it to forced open/);
  await see(page, '.svc-override', /in 3s/);
  await see(page, '.svc-override', /in 2s/);
  await see(page, '.svc-override', /in 1s/);
  await gone(page, '.svc-override');
  await gone(page, '.svc-news', /set it to/);
  await see(page, '.svc-state', 'half-open');
  await gone(told, '*', 'forced open');

  // Who reads the events sees each as it happens.
  await second.getByRole('navigation', { name: 'Pages' }).getByText('Events').click();
  await see(second, '.events-table tr', 'override expired');
  await manager.api('PUT', '/services/checkout/override', { mode: 'forced_closed', reason: 'a second drill', ttl_ms: 600_000 });
  await see(page, '.svc-override', 'forced closed');
  await see(second, '.events-table tr', 'a second drill');
  await page.getByRole('button', { name: /^End override/ }).click();
  const end = await see(page, 'dialog');
  await end.getByLabel('Reason').fill('enough');
  await end.getByRole('button', { name: 'End it' }).click();
  await gone(page, '.svc-override');
  await see(page, '.notice', 'The override of checkout has ended');
  const { events } = await manager.api('GET', '/services/checkout/events?kind=override_expired');
  assert.equal(events.length, 1);
});

test('an outage is one opening with one beginning, whatever fails in between', async (t) => {
  const prices = await upstream(t);
  const manager = await Manager.start(t, {
    defaults: { ...config, resetTimeoutMs: 300, maxResetTimeoutMs: 300 },
    services: { prices: { healthCheck: { http: { url: prices.url }, timeoutMs: 1_000 } } },
  });
  const page = await open(t, manager, { path: '/service/prices' });
  await see(page, '.svc-status', 'healthy');
  await page.getByRole('button', { name: /^Override/ }).click();
  const dialog = await see(page, 'dialog');
  await see(dialog, '.svc-effect', 'Only the manager’s own checks run here; they go on.');
  await page.keyboard.press('Escape');
  await gone(page, 'dialog');

  prices.well = false;
  await see(page, '.svc-story-line', /with [3-9] recovery attempts/);
  const { events } = await manager.api('GET', '/services/prices/events?kind=transition');
  const opened = events.find((/** @type {{ from: string }} */ event) => event.from === 'closed');
  assert.equal(await page.locator('.svc-since time').first().getAttribute('datetime'), opened.at, 'it is down since it first opened');
  await see(page, '.svc-why', 'too many failures, 3 failed');
  assert.equal(await page.locator('.svc-story').count(), 1);
  await see(page, '.svc-story h3', 'opened: too many failures');
  await see(page, '.svc-story', /The latest of \d+ failed recoveries: the health check failed in the recovery, with the same error/);
  await see(page, '.svc-summary', 'The circuit was open once');

  await page.keyboard.press('<');
  await see(page, '.timebar-banner', 'prices: closed → open: too many failures');
  assert.equal(new URL(page.url()).searchParams.get('at'), opened.at);
  await page.keyboard.press('<');
  await see(page, '.notice', 'There is no opening before.');

  prices.well = true;
  await page.keyboard.press('n');
  await see(page, '.svc-story', /It took .* until the circuit was closed again/);
  await page.goto(`${manager.url}/events?kind=health_failed`);
  const row = await see(page, '.events-table tbody tr', '503');
  assert.equal((await row.innerText()).split('503').length, 2, 'the error is said once');
});
