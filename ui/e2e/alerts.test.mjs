// @ts-check
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { gone, open, see, tooWide } from './kit/browser.mjs';
import { Manager } from './kit/manager.mjs';
import { network } from './kit/upstream.mjs';

// The open time is long, so that nothing closes by itself; what is right again is over at once.
const defaults = { failureThreshold: 3, monitoringWindowMs: 300_000, resetTimeoutMs: 600_000, maxResetTimeoutMs: 600_000 };
const alerts = { groupWaitMs: 0, resolveAfterMs: 0, rules: { consecutive_failures: { enabled: false } } };

/** @param {import('node:test').TestContext} t */
const shop = (t, more = {}) => Manager.start(t, {
  defaults, alerts: { ...alerts, ...more },
  services: { prices: { layer: 'data' }, checkout: { layer: 'shop', dependencies: ['prices'] }, website: { layer: 'edge', dependencies: ['checkout'] }, mail: { layer: 'edge' } },
});

/**
 * @param {Manager} manager
 * @param {string} service
 */
const close = (manager, service) => manager.api('POST', `/services/${service}/reset`, { reason: 'it is well again', to: 'closed' });

/**
 * Waits until a dialog has the focus.
 * @param {import('playwright-core').Page} page
 */
const asked = (page) => page.waitForFunction(() => document.activeElement?.closest('dialog[open]'));

/** The incident of a service on the page. */
const incident = (/** @type {import('playwright-core').Page} */ page, /** @type {string} */ root) => page.locator('.incident', { has: page.locator('h2', { hasText: root }) });

test('what fires is told above every page, until somebody has seen it, and on the page until it is over', async (t) => {
  const manager = await shop(t);
  const page = await open(t, manager);
  await see(page, '.strip', 'All well');
  await see(page, '.head-nav a', 'Alerts');
  assert.equal(await page.locator('.banner, .head-firing').count(), 0);
  let loads = 0;
  page.on('framenavigated', () => loads++);
  const other = await manager.api('POST', '/tokens', { name: 'paula', role: 'operator' });
  const second = await open(t, manager, { token: other.token, path: '/map' });
  await see(second, '.head-nav a', 'Alerts');

  await manager.report('prices', 0, 3, 'the pool is empty');
  for (const each of [page, second]) {
    const line = await see(each, '.banner-line', 'prices');
    await see(line, '.banner-what', 'circuit open');
    await see(line, '.banner-depend', '2 services depend on it');
    await see(each, '.head-firing.loud', '1');
  }
  assert.equal(loads, 0);

  await second.getByRole('button', { name: 'Acknowledge prices' }).click();
  await see(second, '.notice', 'You acknowledged the alerts of');
  for (const each of [page, second]) {
    await gone(each, '.banner');
    await see(each, '.head-firing:not(.loud)', '1');
  }
  await page.getByRole('navigation', { name: 'Pages' }).getByText('Alerts').click();
  const card = incident(page, 'prices');
  await see(card, '.incident-summary', /prices is open since \d\d:\d\d: 3 failures in .* \(the pool is empty\)$/);
  await see(card, '.incident-seen', /acknowledged by paula at \d\d:\d\d/);
  await see(card, '.incident-kind', 'circuit open');
  await see(card, '.incident-why', 'too many failures · 3 failed');
  await see(card, '.incident-affects', '2 services depend on it: checkout, website');

  // A second incident is told although the first was seen; with a reason on the page.
  await manager.report('mail', 0, 3, 'greylisted');
  await see(page, '.lists-head', '2 incidents, 1 of them to acknowledge');
  assert.equal(await page.locator('.incident h2').first().innerText(), 'mail', 'what nobody has seen comes first');
  await page.getByRole('button', { name: 'Acknowledge mail' }).click();
  const dialog = await see(page, 'dialog');
  await dialog.getByLabel('Reason').fill('I call them');
  await page.keyboard.press('Enter');
  await gone(page, 'dialog');
  await see(incident(page, 'mail'), '.incident-seen', 'acknowledged by admin');
  const { audit } = await manager.api('GET', '/audit?action=acknowledge');
  assert.deepEqual(audit.map((/** @type {any} */ line) => [line.actor, line.reason]), [['admin', 'I call them'], ['paula', null]]);

  // The service is one click away, as it was.
  await card.locator('.incident-alerts a').first().click();
  await see(page, '.timebar-banner', 'You look at');
  await see(page, '.svc-status', 'circuit open');
  await page.goBack();

  await close(manager, 'prices');
  await gone(page, '.incident', 'prices is open');
  const over = await see(page, '.alerts-over tr', 'prices');
  assert.match(await over.innerText(), /circuit open[^]*too many failures[^]*paula/);
  await close(manager, 'mail');
  await see(page, '.alerts-well', 'Nothing fires.');
  await gone(page, '.head-firing');
  await page.getByLabel('Only those of this service').fill('mail');
  await page.keyboard.press('Enter');
  await gone(page, '.alerts-over tr', 'prices');
  await see(page, '.alerts-over tr', 'greylisted');
});

test('a page that was away knows what fires when it is back', async (t) => {
  const manager = await shop(t);
  const net = await network(t, manager.port);
  const page = await open(t, manager, { url: net.url });
  await manager.report('mail', 0, 3);
  await see(page, '.banner-line', 'mail');
  net.cut();
  await see(page, '.head-connection', 'not live');
  await manager.report('prices', 0, 3);
  await close(manager, 'mail');
  net.mend();
  await see(page, '.banner-line', 'prices');
  await gone(page, '.banner-line', 'mail');

  await manager.kill(); // it forgets the places of its stream
  await manager.start();
  await see(page, '.head-connection', 'live');
  await see(page, '.banner-line', 'prices');
  await manager.report('mail', 0, 3);
  await see(page, '.banner-line', 'mail');
  await see(page, '.head-firing', '2');
});

test('a silence says before what it covers, holds as long as it says, and can be ended', async (t) => {
  const manager = await shop(t);
  await manager.report('prices', 0, 3);
  await manager.report('mail', 0, 3);
  const page = await open(t, manager, { path: '/alerts' });
  const second = await open(t, manager);
  await see(second, '.banner-line', 'prices');
  await page.getByRole('button', { name: 'Silence prices' }).click();
  const dialog = await see(page, 'dialog');
  await see(dialog, '.alerts-effect', /It covers 1 alert that fires now:\s*prices circuit open/);
  await dialog.getByLabel('comparison').selectOption('=~');
  await dialog.getByLabel('value').fill('prices|mail');
  await see(dialog, '.alerts-effect', 'It covers 2 alerts that fire now');
  await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
  await see(dialog, '.wrong', 'Say when it ends.');
  await see(dialog, '.wrong', 'Say why');
  await dialog.getByRole('button', { name: 'other' }).click();
  await dialog.getByLabel('Lasts').last().fill('6s');
  await dialog.getByLabel('Reason').fill('new disks');
  await dialog.getByLabel('value').fill('prices|(mail');
  await see(dialog, '.alerts-effect', 'cannot be told here');
  await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
  await see(dialog, '.alerts-matcher .wrong', 'is no regular expression');
  await dialog.getByLabel('value').fill('prices');
  await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
  await gone(page, 'dialog');

  const began = Date.now();
  await see(page, '.silence.is-active', /root matches prices/);
  await see(page, '.silence.is-active', 'covers 1 firing alert');
  await see(incident(page, 'prices'), '.incident-silenced', /silenced by admin until .*: new disks/);
  await gone(second, '.banner-line', 'prices');
  await see(second, '.banner-line', 'mail');
  await see(second, '.banner-line', 'prices'); // it fires still
  assert.ok(Date.now() - began > 4_000, 'it holds as long as it says');
  await gone(page, '.silence.is-active');
  await see(page, '.silences-over summary', '1 silence that is over');

  // One that starts later covers nothing yet, and can be called off.
  await page.keyboard.press('s');
  await see(page, 'dialog');
  await page.keyboard.type('mail');
  await dialog.getByRole('button', { name: 'later …' }).click();
  await dialog.getByRole('button', { name: '4 h' }).click();
  await dialog.getByLabel('Reason').fill('the night of the disks');
  await page.keyboard.press('Enter');
  const pending = await see(page, '.silence.is-pending', 'service is mail');
  await see(pending, '.silence-state', /starts in (59m|1h)/);
  await see(second, '.banner-line', 'mail');
  await pending.getByRole('button', { name: 'Call off' }).click();
  await see(page, '.notice', 'The silence is called off.');
  await gone(page, '.silence.is-pending');

  // Who has silenced something elsewhere is heard of.
  await manager.api('POST', '/silences', { matchers: [{ field: 'service', op: '=', value: 'mail' }], reason: 'from a script', ends_at: new Date(Date.now() + 3_600_000).toISOString() });
  await gone(second, '.banner-line', 'mail');
  const active = await see(page, '.silence.is-active', 'from a script');
  await active.getByRole('button', { name: 'End now' }).click();
  await see(second, '.banner-line', 'mail');
});

test('a receiver that does not take alerts is seen, and can be tried', async (t) => {
  let status = 500;
  /** @type {string[]} */
  const got = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => (body += part));
    request.on('end', () => {
      got.push(body);
      response.writeHead(status);
      response.end('the pager is full');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const manager = await shop(t, { receivers: { ops: { webhook: { url: `http://127.0.0.1:${port}/alerts` } } } });
  const page = await open(t, manager, { path: '/alerts' });
  const row = await see(page, '.alerts-receivers tbody tr', 'ops');
  await see(row, 'td', 'none yet');
  assert.equal(await page.locator('.alerts-broken').count(), 0);
  const press = () => row.getByRole('button', { name: 'Test ops' }).click();
  await press();
  await see(row, '.receiver-result.is-circuit_open', /It did not take it: .*500/);
  await see(page, '.alerts-broken', /ops does not take alerts/);
  await see(page, '.alerts-receivers .is-broken', '500');
  await page.getByRole('navigation', { name: 'Pages' }).getByText('Server').click();
  await see(page, '.server .alerts-broken', /ops does not take alerts.*500/);
  await page.goBack();
  status = 200;
  await see(page, '.alerts-receivers tbody tr', 'ops');
  await press();
  await see(row, '.receiver-result.is-healthy', 'It took the test message.');
  await gone(page, '.alerts-broken');
  await see(row, '.receiver-error', /works again; it last failed at \d\d:\d\d/);
  assert.equal(got.length, 2);
  await manager.report('prices', 0, 3);
  await page.waitForFunction(() => document.querySelector('.alerts-receivers td[data-name=delivered] > span')?.textContent !== '0', null, { timeout: 20_000 });
  assert.match(got.at(-1) ?? '', /prices/);
});

test('who may less sees less, and nothing that is not for them is offered', async (t) => {
  const manager = await shop(t, { receivers: { ops: { webhook: { url: 'http://127.0.0.1:1/' } } } });
  await manager.report('prices', 0, 3);
  await manager.report('mail', 0, 3);
  const viewer = await manager.api('POST', '/tokens', { name: 'wall', role: 'viewer' });
  const limited = await manager.api('POST', '/tokens', { name: 'mailers', role: 'operator', services: ['mail'] });
  const seeing = await open(t, manager, { token: viewer.token });
  await see(seeing, '.banner-line', 'mail');
  assert.equal(await seeing.getByRole('button', { name: /Acknowledge|Silence|Test|Take back/ }).count(), 0);
  await seeing.goto(`${manager.url}/alerts`);
  await see(seeing, '.incident', 'mail');
  await see(seeing, '.alerts-receivers', 'ops');
  assert.equal(await seeing.getByRole('button', { name: /Acknowledge|Silence|Test|Take back/ }).count(), 0);

  const page = await open(t, manager, { token: limited.token });
  await see(page, '.banner-line', 'mail');
  await see(page, '.head-firing', '1');
  await page.goto(`${manager.url}/alerts`);
  await see(page, '.incident', 'mail');
  await see(page, '#alerts-resolved');
  assert.equal(await page.locator('#alerts-silences, #alerts-receivers, .incident h2:has-text("prices")').count(), 0);
  assert.equal(await page.getByRole('button', { name: /Silence|Test/ }).count(), 0);
  await page.getByRole('button', { name: 'Acknowledge mail' }).click();
  await asked(page);
  await page.keyboard.press('Enter');
  await see(page, '.incident-seen', 'mailers');
});

test('on a phone every page is in sight, what happened stands before what can be done, and what nobody saw does not say so', async (t) => {
  const manager = await shop(t);
  for (const service of ['prices', 'mail']) await manager.report(service, 0, 3);
  const page = await open(t, manager, { path: '/alerts', width: 360, height: 740 });
  const card = incident(page, 'prices');
  const box = async (/** @type {import('playwright-core').Locator} */ part) => {
    const found = await part.boundingBox();
    assert.ok(found && found.x >= 0 && found.x + found.width <= 360, `${part} stands at ${JSON.stringify(found)}`);
    return found;
  };
  await see(page, '.head-firing.loud', '2');
  const tabs = await page.locator('.head-nav a').all();
  assert.equal(tabs.length, 7);
  const tops = await Promise.all(tabs.map(async (tab) => (await box(tab)).y));
  assert.ok(new Set(tops).size <= 2, 'they stand in one line, or in two where the machine has only wide letters');
  const why = await box(card.locator('.incident-summary'));
  assert.ok(why.y + why.height <= (await box(card.getByRole('button', { name: 'Silence prices' }))).y);

  await card.getByRole('button', { name: 'Acknowledge prices' }).click();
  await asked(page);
  await page.keyboard.press('Enter');
  await box(card.getByRole('button', { name: 'Take back' }));
  for (const service of ['prices', 'mail']) await close(manager, service);
  assert.match(await (await see(page, '.alerts-over tr', 'prices')).innerText(), /fired for \d+s[^]*seen by admin/);
  assert.doesNotMatch(await (await see(page, '.alerts-over tr', 'mail')).innerText(), /seen by|nobody/);
});

test('it is all there for who has a keyboard alone, and in the past it says that it shows the present', async (t) => {
  const manager = await shop(t);
  await manager.report('prices', 0, 3);
  const { events } = await manager.api('GET', '/events?kind=registered&service=prices');
  const page = await open(t, manager, { path: `/?at=${events[0].at}` });
  const keys = page.keyboard;
  await see(page, '.timebar-banner', 'You look at');
  await see(page, '.banner-line', /^now:\s*prices/);
  await page.locator('.banner-line > a').focus();
  await keys.press('Enter');
  await page.waitForFunction(() => document.activeElement?.matches('.incident'));
  await see(page, '.alerts-now', 'as they are now');
  assert.equal(await page.locator('.banner, .timebar').count(), 0);
  await keys.press('Tab'); // the service
  await keys.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Silence prices');
  await keys.press('Tab');
  await keys.press('Enter');
  await see(page, 'dialog', 'Acknowledge');
  await asked(page);
  await keys.type('seen');
  await keys.press('Enter');
  await see(page, '.incident-seen', 'admin');
  await keys.press('g');
  await keys.press('b');
  await see(page, '.timebar-banner');
  await keys.press('g');
  await keys.press('l');
  await see(page, 'h1', 'Alerts');
  await keys.press('?');
  await see(page, 'dialog', 'Alerts');
  await see(page, 'dialog', 'silence …');
});

test('texts of others are text, in the banner, on the page and in what is asked', async (t) => {
  const html = '</script><img src=x onerror="window.pwned=1"><svg onload=window.pwned=2></svg>';
  const turned = '\u2069\u202Eeb ot ro';
  const manager = await Manager.start(t, { defaults: { ...defaults, failureThreshold: 1 }, alerts, services: { ['n'.repeat(128)]: { dependencies: ['target'] }, target: { layer: 'l'.repeat(64) } } });
  await manager.report('target', 0, 1, `${html}${turned}${'e'.repeat(5_000)}`);
  await manager.report('n'.repeat(128), 0, 1, html);
  await manager.api('POST', '/silences', {
    matchers: [{ field: 'service', op: '=', value: html.slice(0, 100) }, { field: 'root', op: '!=', value: turned }], reason: `${turned}${html}`, ends_at: new Date(Date.now() + 3_600_000).toISOString(),
  });
  const token = await manager.api('POST', '/tokens', { name: html.slice(0, 100), role: 'admin' });
  const page = await open(t, manager, { token: token.token });
  await see(page, '.banner-line', 'target');
  await page.goto(`${manager.url}/alerts`);
  await see(page, '.incident', '<img src=x onerror=');
  await see(page, '.silence', '<img src=x onerror=');
  await page.getByRole('button', { name: 'Acknowledge target' }).click();
  await asked(page);
  await page.keyboard.press('Enter');
  await see(page, '.incident-seen', '<img src=x onerror=');
  await page.keyboard.press('s');
  await see(page, 'dialog');
  await page.keyboard.type(html);
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 900 });
    assert.deepEqual(await tooWide(page), [], `${width}`);
  }
  const found = await page.evaluate(() => ({
    pwned: /** @type {any} */ (window).pwned, made: document.querySelectorAll('img, svg[onload], [onerror]').length, turning: /[\u202A-\u202E\u2066\u2067]/.test(document.querySelector('main')?.outerHTML ?? ''),
  }));
  assert.deepEqual(found, { pwned: undefined, made: 0, turning: false });
});
