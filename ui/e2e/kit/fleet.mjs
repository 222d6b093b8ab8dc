// @ts-check
import { see } from './browser.mjs';
import { Manager } from './manager.mjs';

const config = { failureThreshold: 3, monitoringWindowMs: 300_000, resetTimeoutMs: 600_000, maxResetTimeoutMs: 600_000 };

/**
 * A manager whose services are in every state, with some history.
 * @param {import('node:test').TestContext} t
 */
export async function fleet(t) {
  const nobody = { tcp: { address: '127.0.0.1:1' } };
  const manager = await Manager.start(t, {
    defaults: config,
    alerts: { groupWaitMs: 0, receivers: { ops: { webhook: { url: 'http://127.0.0.1:1/' } } } },
    services: {
      token_sync: { layer: 'data', description: 'Brings tokens in from the chain', config: { healthCheckIntervalMs: 300 }, healthCheck: nobody },
      market_data: { layer: 'data', description: 'Prices, every second', dependencies: ['token_sync'] },
      portfolio: { layer: 'domain', dependencies: ['market_data'] },
      contests: { layer: 'domain', dependencies: ['market_data', 'portfolio'] },
      payments: { layer: 'domain', description: 'Takes money' },
      wallet: { layer: 'domain', config: { resetTimeoutMs: 50, recoverySteps: [0.2, 0.5], minHealthyPeriodMs: 600_000 } },
      web: { layer: 'edge', dependencies: ['contests', 'payments'] },
      mail: { layer: 'edge' },
      cache: { layer: 'data' },
    },
  });
  for (const service of ['market_data', 'portfolio', 'contests', 'payments', 'web', 'cache']) await manager.report(service, 40);
  await manager.report('cache', 10, 2, 'read tcp 10.0.0.4:6379: i/o timeout');
  await manager.report('wallet', 0, 3, 'insufficient funds for gas');
  await manager.api('POST', '/services/wallet/reset', { reason: 'gas is there again', to: 'half_open' });
  await manager.report('wallet', 1);
  await manager.api('PUT', '/services/payments/override', { mode: 'forced_open', reason: 'the bank is being moved', ttl_ms: 3_600_000 });
  await manager.api('PATCH', '/services/web/config', { config: { failureThreshold: 8 }, reason: 'it is busy' }, { 'If-Match': '"1"' });
  await acknowledge(manager, 'wallet');
  const until = new Date(Date.now() + 7_200_000).toISOString();
  await manager.api('POST', '/silences', { matchers: [{ field: 'service', op: '=', value: 'cache' }], reason: 'it is being moved', ends_at: until });
  await manager.api('POST', '/silences', { matchers: [{ field: 'layer', op: '=~', value: 'data|edge' }], reason: 'new disks', starts_at: new Date(Date.now() + 3_600_000).toISOString(), ends_at: until });
  await manager.api('POST', '/tokens', { name: 'wall in the office', role: 'viewer' });
  await manager.api('POST', '/tokens', { name: 'market', role: 'agent', services: ['market_*'], expires_at: new Date(Date.now() + 3_600_000).toISOString() });
  return manager;
}

/**
 * Acknowledges what fires of a service, as soon as something does.
 * @param {Manager} manager
 * @param {string} service
 */
async function acknowledge(manager, service) {
  for (const until = Date.now() + 10_000; Date.now() < until; await new Promise((resume) => setTimeout(resume, 50))) {
    const { alerts } = await manager.api('GET', `/alerts?status=firing&service=${service}`);
    if (alerts.length > 0) return manager.api('POST', `/alerts/${alerts[0].id}/acknowledge`, { reason: 'the gas is on its way' });
  }
  throw new Error(`nothing fires of ${service}`);
}

/**
 * @typedef {object} View A thing that the page can show.
 * @property {string} name
 * @property {string} path
 * @property {string} ready what is there when it is drawn
 * @property {(page: import('playwright-core').Page) => Promise<unknown>} [act] what opens it
 */

/** @param {string} name the words of a button */
const press = (name) => (/** @type {import('playwright-core').Page} */ page) => page.getByRole('button', { name }).first().click();

/** @type {View[]} every page, and what can be opened on it */
export const views = [
  { name: 'the board', path: '/', ready: '.tile.on-circuit_open' },
  { name: 'the board, compact, by layer', path: '/?density=compact&group=layer', ready: '.tiles-group' },
  { name: 'the board as a list', path: '/?density=list', ready: '.tile.is-list' },
  { name: 'a search without a result', path: '/?q=nothing', ready: '.board-none' },
  { name: 'the wall', path: '/?wall=1', ready: '.wall .big' },
  { name: 'the help', path: '/', ready: 'dialog', act: (page) => page.keyboard.press('?') },
  { name: 'the menu of the log-in', path: '/', ready: '.person-theme', act: (page) => page.locator('.head-person button').first().click() },
  { name: 'the map', path: '/map', ready: '.map-box.root' },
  { name: 'the map as a list', path: '/map?view=list', ready: '.map-list tbody tr' },
  { name: 'a service that is open', path: '/service/token_sync', ready: '.svc-story .svc-measures' },
  { name: 'a service in recovery', path: '/service/wallet', ready: '.svc-steps' },
  { name: 'a service that is forced open', path: '/service/payments', ready: '.svc-override' },
  { name: 'a service that is not there', path: '/service/nobody', ready: '.svc-note' },
  { name: 'the history of a service', path: '/service/wallet?tab=history', ready: '.svc-history li', act: (page) => page.locator('.svc-history summary').first().click() },
  { name: 'a config', path: '/service/web?tab=config', ready: '.svc-diff', act: press('Diff of version 2') },
  { name: 'the form of a config', path: '/service/web?tab=config', ready: '[id^=svc-wrong-]', act: wrongConfig },
  { name: 'the review of a config', path: '/service/web?tab=config', ready: 'dialog .svc-diff', act: review },
  { name: 'the order to reset', path: '/service/token_sync', ready: 'dialog .svc-effect', act: press('Reset') },
  { name: 'the order to override', path: '/service/market_data', ready: 'dialog .svc-effect', act: press('Override') },
  { name: 'the order to end an override', path: '/service/payments', ready: 'dialog .svc-effect', act: press('End override') },
  { name: 'the alerts', path: '/alerts', ready: '.incident-seen' },
  { name: 'the alerts, one of which is meant', path: '/alerts', ready: '.incident.meant', act: (page) => page.goto(page.url().replace('/alerts', '/')).then(() => page.locator('.banner-line > a').first().click()) },
  { name: 'the silences and receivers', path: '/alerts', ready: '.alerts-receivers', act: (page) => page.locator('.silence').first().scrollIntoViewIfNeeded() },
  { name: 'the question before an alert is acknowledged', path: '/alerts', ready: 'dialog', act: press('Acknowledge token_sync') },
  { name: 'the form of a silence', path: '/alerts', ready: 'dialog .wrong:not(:empty)', act: silence },
  { name: 'the events', path: '/events', ready: '.events-table tbody tr' },
  { name: 'the audit log', path: '/audit', ready: '.audit-table tbody tr' },
  { name: 'the tokens', path: '/tokens', ready: '.tokens-table tbody tr' },
  { name: 'the form of a token', path: '/tokens', ready: 'dialog [aria-invalid=true]', act: noName },
  { name: 'the question before a token is revoked', path: '/tokens', ready: 'dialog', act: press('Revoke market') },
  { name: 'the server', path: '/server', ready: '.server-facts' },
];

/** @param {import('playwright-core').Page} page */
async function silence(page) {
  await press('Silence token_sync')(page);
  const dialog = page.locator('dialog');
  await dialog.getByRole('button', { name: 'later …' }).click();
  await dialog.getByRole('button', { name: '+ and …' }).click();
  await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
}

/** @param {import('playwright-core').Page} page */
async function wrongConfig(page) {
  await page.getByRole('button', { name: /^Edit/ }).click();
  await page.locator('[aria-labelledby="svc-name-failureThreshold"]').fill('many');
}

/** @param {import('playwright-core').Page} page */
async function review(page) {
  await page.getByRole('button', { name: /^Edit/ }).click();
  await page.locator('[aria-labelledby="svc-name-failureThreshold"]').fill('9');
  await page.getByRole('button', { name: /^Review/ }).click();
}

/** @param {import('playwright-core').Page} page */
async function noName(page) {
  await page.getByRole('button', { name: 'Make a token' }).click();
  await page.getByRole('button', { name: 'Make it' }).click();
}

/**
 * Shows a view.
 * @param {import('playwright-core').Page} page
 * @param {string} url
 * @param {View} view
 */
export async function show(page, url, { path, ready, act }) {
  await page.goto('about:blank'); // a form that is half filled in does not hold it
  await page.goto(url + path);
  await see(page, '#main > *, .wall'); // whoever acts needs something to act on
  await act?.(page);
  await see(page, ready);
}
