// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { gone, logIn, open, see } from './kit/browser.mjs';
import { Manager } from './kit/manager.mjs';

const services = { prices: { layer: 'data' } };

test('the link of the first start lets in once, and its code stands in no URL', async (t) => {
  const manager = await Manager.start(t, { services });
  const page = await open(t, manager, { token: '', path: manager.link.slice(manager.url.length) });
  await see(page, '.head-connection', 'live');
  assert.equal(page.url(), `${manager.url}/`);
  await see(page, '.tile', 'prices');

  await page.reload(); // the cookie lets in
  await see(page, '.tile', 'prices');
  const cookies = await page.context().cookies();
  assert.deepEqual(cookies.map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite })), [{ name: 'switchgear_session', httpOnly: true, sameSite: 'Strict' }]);

  const second = await open(t, manager, { token: '', path: manager.link.slice(manager.url.length) });
  await see(second, '[role=alert]', 'The log-in link did not work');
  assert.equal(second.url(), `${manager.url}/`);
});

test('a token lets in, a wrong one is told, and who logs out is out', async (t) => {
  const manager = await Manager.start(t, { services });
  const page = await open(t, manager, { token: '', path: '/service/prices?tab=config' });
  await page.getByLabel('Token').fill('this-is-not-a-token-of-anybody');
  await page.getByRole('button', { name: 'Log in' }).click();
  await see(page, '[role=alert]', 'No such token');
  await page.getByLabel('Token').fill(manager.token);
  await page.keyboard.press('Enter');
  await see(page, 'h1', 'prices'); // where one wanted to go

  await page.locator('.head-person button').first().click();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByLabel('Token').waitFor();
  await gone(page, 'h1', 'prices');
  assert.equal(await page.getByText('Your log-in has ended').count(), 0, 'it did not end by itself');
  await page.reload();
  await page.getByLabel('Token').waitFor();
  assert.deepEqual(await page.context().cookies(), []);
});

test('who only looks is offered no orders, and is refused those that are given all the same', async (t) => {
  const manager = await Manager.start(t, { services });
  const viewer = await manager.api('POST', '/tokens', { name: 'wall', role: 'viewer' });
  const page = await open(t, manager, { token: viewer.token, path: '/service/prices?tab=config' });
  await see(page, '.svc-value');
  assert.deepEqual(await page.getByRole('button', { name: /reset|override|check now|edit|roll back/i }).allInnerTexts(), []);
  await see(page, '.head-nav a', 'Alerts'); // once it is known that there are some to watch for
  assert.deepEqual(await page.locator('.head-nav a').allInnerTexts(), ['Board', 'Map', 'Alerts', 'Events', 'Server']);
  for (const key of ['r', 'o', 'c', 'e']) await page.keyboard.press(key);
  assert.equal(await page.locator('dialog, form.svc-form').count(), 0);

  const status = await page.evaluate(async () => {
    const answer = await fetch('/api/v2/services/prices/reset', {
      method: 'POST', body: JSON.stringify({ reason: 'mine' }), headers: { 'Content-Type': 'application/json', 'Switchgear-Client': 'dashboard' },
    });
    return answer.status;
  });
  assert.equal(status, 403);
});

test('a cookie without an Origin, or with that of another page, lets nobody in', async (t) => {
  const manager = await Manager.start(t, { services });
  const page = await open(t, manager);
  await see(page, '.tile', 'prices');
  const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  /** @param {string} method @param {string} path @param {Record<string, string>} headers */
  const status = async (method, path, headers) =>
    (await fetch(`${manager.url}/api/v2${path}`, {
      method, headers: { Cookie: cookie, 'Content-Type': 'application/json', ...headers }, body: method === 'GET' ? null : '{"reason":"mine"}',
    })).status;
  const [own, other] = [{ Origin: manager.url }, { Origin: 'http://evil.example' }];
  const ours = { 'Switchgear-Client': 'dashboard' };
  assert.equal(await status('GET', '/services', own), 200);
  assert.equal(await status('GET', '/services', ours), 200);
  assert.equal(await status('GET', '/services', {}), 401);
  assert.notEqual(await status('GET', '/services', { ...other, ...ours }), 200);
  assert.equal(await status('POST', '/services/prices/reset', own), 200);
  assert.equal(await status('POST', '/services/prices/reset', {}), 401);
  assert.equal(await status('POST', '/services/prices/reset', ours), 401);
  assert.ok([401, 403].includes(await status('POST', '/services/prices/reset', { ...other, ...ours })));
});

test('who is logged out by the manager is told, and comes back to the same place', async (t) => {
  const manager = await Manager.start(t, { services });
  const viewer = await manager.api('POST', '/tokens', { name: 'wall', role: 'viewer' });
  const page = await open(t, manager, { token: viewer.token, path: '/service/prices' });
  await see(page, '.head-connection', 'live');
  await manager.api('DELETE', `/tokens/${viewer.id}`, { reason: 'lost' });
  await see(page, '[role=status]', 'Your log-in has ended');
  await logIn(page.context(), manager.url, manager.token);
  await page.reload();
  await see(page, 'h1', 'prices');
});
