// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { open, patience, see, tile } from './kit/browser.mjs';
import { Manager } from './kit/manager.mjs';
import { network } from './kit/upstream.mjs';

const services = { prices: { layer: 'data', config: { failureThreshold: 3 } }, checkout: { layer: 'shop', dependencies: ['prices'] } };

/**
 * Counts the messages of the stream by their type.
 * @param {import('playwright-core').Page} page
 */
function listen(page) {
  /** @type {{ sockets: string[], types: Record<string, number> }} */
  const heard = { sockets: [], types: {} };
  page.on('websocket', (socket) => {
    heard.sockets.push(socket.url());
    socket.on('framereceived', ({ payload }) => {
      const type = /"type":"([^"]+)"/.exec(String(payload).slice(0, 200))?.[1] ?? '';
      heard.types[type] = (heard.types[type] ?? 0) + 1;
    });
  });
  return heard;
}

/** @param {import('playwright-core').Page} page */
async function marked(page) {
  await page.evaluate(() => Object.assign(window, { sameDocument: true }));
  return () => page.evaluate(() => 'sameDocument' in window);
}

test('the page outlives a manager that is killed: it says how old it is, then lives again and is right', async (t) => {
  const manager = await Manager.start(t, { services });
  await manager.report('prices', 5);
  const page = await open(t, manager);
  await see(page, '.head-connection', /^live$/);
  await see(page, '.tile.on-healthy', 'prices');
  const same = await marked(page);

  await manager.report('prices', 300);
  const figures = tile(page, 'prices').locator('.tile-figures');
  await see(tile(page, 'prices'), '.figure', /^[1-9].*\/s/);
  await manager.kill();
  await see(page, '.head-connection.is-lost', /not live: what you see is \d+s old/);
  const then = await figures.innerText();
  await see(page, '.head-connection.is-lost', /is ([2-9]|\d\d)s old/); // it counts
  await see(page, '.head-connection.is-lost', /is 1[2-9]s old/, 2 * patience);
  assert.equal(await figures.innerText(), then, 'what is not live does not fade');
  assert.match(await page.title(), /^⚠ /);
  await see(page, '.tile', 'prices'); // the last that was known stays

  await manager.start();
  await manager.report('prices', 0, 3, 'the pool is empty');
  await see(page, '.head-connection', /^live$/);
  await see(page, '.tile.on-circuit_open', 'prices');
  await see(page, '.card-wrong', 'the pool is empty');
  assert.equal(await same(), true, 'nothing was loaded anew');
  assert.doesNotMatch(await page.title(), /⚠/);
});

test('after a short loss the stream goes on where it was: what was missed comes, and no snapshot', async (t) => {
  const manager = await Manager.start(t, { services });
  await manager.report('prices', 5);
  const wire = await network(t, manager.port);
  const page = await open(t, manager, { url: wire.url, path: '/login', token: '' });
  const heard = listen(page);
  await page.goto(wire.url);
  await page.getByLabel('Token').fill(manager.token);
  await page.keyboard.press('Enter');
  await see(page, '.tile.on-healthy', 'prices');
  await see(page, '.head-connection', /^live$/);
  const same = await marked(page);
  assert.equal(heard.types['services:state'], 1);

  wire.cut();
  await see(page, '.head-connection.is-lost', /not live/);
  await manager.report('prices', 0, 3, 'the pool is empty');
  wire.mend();
  await see(page, '.head-connection', /^live$/);
  await see(page, '.tile.on-circuit_open', 'prices');
  await see(page, '.head-connection', /^live$/);
  assert.match(heard.sockets.at(-1) ?? '', /\?epoch=[^&]+&seq=\d+$/);
  assert.equal(heard.types['services:state'], 1, 'a second snapshot came');
  assert.equal(await same(), true, 'nothing was loaded anew');

  // The next change comes too, and none is asked for.
  await manager.api('POST', '/services/prices/reset', { reason: 'well again', to: 'closed' });
  await see(page, '.tile.on-healthy', 'prices');
});

test('a tab that was in the back is right within a second when it comes to the front', async (t) => {
  const manager = await Manager.start(t, { services });
  await manager.report('prices', 5);
  const page = await open(t, manager);
  await see(page, '.tile.on-healthy', 'prices');
  await letHide(page);
  const other = await page.context().newPage();
  await other.bringToFront();
  await page.waitForFunction(() => document.visibilityState === 'hidden', undefined, { polling: 100 });
  await manager.report('prices', 0, 3, 'the pool is empty');
  await manager.api('PUT', '/services/checkout/override', { mode: 'forced_open', reason: 'a drill', ttl_ms: 600_000 });
  // The title tells it to who looks at another tab.
  await page.waitForFunction(() => document.title.startsWith('(2) '), undefined, { polling: 100 });

  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Page.setWebLifecycleState', { state: 'frozen' }); // as browsers do with tabs in the back
  await manager.api('POST', '/services/prices/reset', { reason: 'well again', to: 'closed' });
  await devtools.send('Page.setWebLifecycleState', { state: 'active' });
  const back = performance.now();
  await page.bringToFront();
  await see(page, '.tile:not(.on-circuit_open)', 'prices');
  await see(tile(page, 'checkout'), '.note', 'forced open');
  await see(page, '.head-connection', /^live$/);
  t.diagnostic(`right ${Math.round(performance.now() - back)} ms after it came to the front`);
});

/**
 * Playwright makes every page believe that it is in front; this one is to know
 * better. There is no public way to that.
 * @param {import('playwright-core').Page} page
 */
async function letHide(page) {
  const inside = /** @type {any} */ (page);
  await inside._connection.toImpl(inside).delegate._mainFrameSession._client.send('Emulation.setFocusEmulationEnabled', { enabled: false });
}
