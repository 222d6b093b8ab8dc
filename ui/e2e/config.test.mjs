// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { gone, open, see } from './kit/browser.mjs';
import { Manager } from './kit/manager.mjs';

/** @param {import('playwright-core').Page} page @param {string} field */
const input = (page, field) => page.locator(`[aria-labelledby="svc-name-${field}"]`);

/** @param {import('playwright-core').Page} page @param {string} reason */
async function save(page, reason) {
  await page.getByRole('button', { name: /^Review/ }).click();
  const dialog = await see(page, 'dialog');
  await dialog.getByLabel('Reason').fill(reason);
  await dialog.getByRole('button', { name: /^Save as version/ }).click();
}

test('of two who change a config the second sees both, decides, and saves', async (t) => {
  const manager = await Manager.start(t, { services: { prices: { config: { failureThreshold: 5, resetTimeoutMs: 60_000 } } } });
  const paula = await manager.api('POST', '/tokens', { name: 'paula', role: 'admin' });
  const [first, second] = [
    await open(t, manager, { path: '/service/prices?tab=config' }),
    await open(t, manager, { token: paula.token, path: '/service/prices?tab=config' }),
  ];
  for (const page of [first, second]) await page.getByRole('button', { name: /^Edit/ }).click();
  await input(first, 'failureThreshold').fill('7');
  await input(second, 'failureThreshold').fill('9');
  await input(second, 'resetTimeoutMs').fill('30000');
  await input(second, 'minHealthyPeriodMs').fill('45000');

  await save(first, 'the new pool');
  await see(first, '.notice', 'Config version 2 of prices is in force');

  // The second did nothing but wait.
  const conflict = await see(second, '.svc-conflict', 'admin saved version 2 while you were editing version 1');
  await see(conflict, '*', '“the new pool”');
  await see(conflict, 'legend', 'failureThreshold was changed by both');
  assert.deepEqual(await conflict.locator('fieldset label').allInnerTexts(), ['theirs: 7', 'mine: 9']);
  const go = conflict.getByRole('button', { name: 'Go on from version 2' });
  assert.equal(await go.isDisabled(), true);
  assert.equal(await second.getByRole('button', { name: /^Review/ }).isDisabled(), true);
  await conflict.getByText('mine: 9').click();
  await go.click();
  await gone(second, '.svc-conflict');
  assert.equal(await input(second, 'failureThreshold').inputValue(), '9');
  assert.equal(await input(second, 'resetTimeoutMs').inputValue(), '30000');

  await second.getByRole('button', { name: /^Review/ }).click();
  const dialog = await see(second, 'dialog');
  assert.deepEqual(await dialog.locator('tbody th').allInnerTexts(), ['failureThreshold', 'resetTimeoutMs', 'minHealthyPeriodMs', 'probeTimeoutMs']); // the last is derived from the second
  await dialog.getByLabel('Reason').fill('faster');
  await dialog.getByRole('button', { name: 'Save as version 3' }).click();
  await see(second, '.notice', 'Config version 3 of prices is in force');
  await see(first, '.svc-versions .is-on', /3\s*in force/);
  const { version, config, updated_by } = await manager.api('GET', '/services/prices/config');
  assert.deepEqual({ version, updated_by, threshold: config.failureThreshold, reset: config.resetTimeoutMs }, { version: 3, updated_by: 'paula', threshold: 9, reset: 30_000 });
});

test('a config that cannot be, or cannot work, is told while it is written', async (t) => {
  const manager = await Manager.start(t, { services: { prices: { config: { failureThreshold: 5 } } } });
  const page = await open(t, manager, { path: '/service/prices?tab=config' });
  await page.getByRole('button', { name: /^Edit/ }).click();
  const review = page.getByRole('button', { name: /^Review/ });
  assert.equal(await review.isDisabled(), true);
  await input(page, 'failureThreshold').fill('many');
  await see(page, '#svc-wrong-failureThreshold');
  assert.equal(await input(page, 'failureThreshold').getAttribute('aria-invalid'), 'true');
  await see(page, '.svc-save', 'One value cannot be so');
  assert.equal(await review.isDisabled(), true);
  await input(page, 'failureThreshold').fill('2000000'); // the manager says the range
  await see(page, '#svc-wrong-failureThreshold', /1\D?000\D?000/);
  await input(page, 'failureThreshold').fill('6');
  await gone(page, '#svc-wrong-failureThreshold');
  await input(page, 'maxResetTimeoutMs').fill('1000'); // less than the open time
  await see(page, '[id^=svc-wrong-]');
  await input(page, 'maxResetTimeoutMs').fill('');
  await gone(page, '[id^=svc-wrong-]');
  await save(page, 'one more');
  await see(page, '.notice', 'Config version 2');

  await page.getByRole('button', { name: 'Diff of version 2' }).click();
  assert.deepEqual(await (await see(page, '.svc-diff tbody tr')).locator('th, td').allInnerTexts(), ['failureThreshold', '5', '6']);
  await page.getByRole('button', { name: 'Roll back … to version 1' }).click();
  const dialog = await see(page, 'dialog');
  await dialog.getByLabel('Reason').fill('it was better before');
  await dialog.locator('button[type=submit]').click();
  await see(page, '.svc-versions .is-on', /3\s*in force/);
  assert.equal((await manager.api('GET', '/services/prices/config')).config.failureThreshold, 5);
});
