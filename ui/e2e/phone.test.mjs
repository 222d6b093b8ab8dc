// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { open, see } from './kit/browser.mjs';
import { fleet } from './kit/fleet.mjs';

const phone = { width: 360, height: 740 };

/** @param {import('playwright-core').Locator} part */
async function inReach(part) {
  await part.scrollIntoViewIfNeeded();
  const box = await part.boundingBox();
  assert.ok(box && box.x >= 0 && box.x + box.width <= phone.width, `${part} stands at ${JSON.stringify(box)}`);
  assert.equal(await part.evaluate((one) => {
    const { left, top, width, height } = one.getBoundingClientRect();
    return one.contains(document.elementFromPoint(left + width / 2, top + height / 2));
  }), true, `${part} is covered or cut off`);
}

test('who is called out has all that matters on a phone, without scrolling sideways', async (t) => {
  const manager = await fleet(t);
  const page = await open(t, manager, { ...phone, path: '/service/web?tab=config' });

  await t.test('the versions of a config, to compare and to go back to', async () => {
    await see(page, '.svc-versions .is-on', '2');
    await inReach(page.getByRole('button', { name: 'Diff of version 2' }));
    const back = page.getByRole('button', { name: 'Roll back … to version 1' });
    await inReach(back);
    await back.click();
    const dialog = await see(page, 'dialog', 'Roll back to version 1');
    assert.equal(await dialog.getByLabel('Reason').evaluate((one) => one === document.activeElement), true);
    await inReach(dialog.getByRole('button', { name: 'Roll back', exact: true }));
    await page.keyboard.press('Escape');
  });

  await t.test('the map, which is a list where a drawing cannot be read', async () => {
    await page.goto(`${manager.url}/map`);
    const row = page.locator('.map-list tr', { has: page.locator('td:first-child', { hasText: 'market_data' }) });
    await see(row, 'td', 'degraded');
    await inReach(row.locator('[data-name="Because of"] a', { hasText: 'token_sync' }));
    assert.equal(await page.locator('.map-box').count(), 0);
    await page.getByRole('button', { name: 'As a drawing' }).click();
    const root = await see(page, '.map-box.root', 'token_sync');
    await inReach(root);
    assert.ok((await root.locator('.map-name').boundingBox())?.height ?? 0 >= 12, 'its name can be read');
    await page.getByRole('button', { name: 'As a list' }).click();
    await see(page, '.map-list');
  });
});

test('the map says in words what a failure means for each', async (t) => {
  const manager = await fleet(t);
  const page = await open(t, manager, { path: '/map' });
  const said = async (/** @type {string} */ name) => (await page.locator(`[data-box=${name}] > *`).allTextContents()).filter(Boolean).join(' ');
  await see(page, '.map-box.is-circuit_open.root', 'token_sync');
  assert.match(await said('token_sync'), /^token_sync circuit open.*\. A failure begins here and drags down 1\. Needs nothing\.$/);
  assert.match(await said('market_data'), /^market_data degraded \. Suffers from token_sync, which fails\. Needs one service\.$/);
  assert.match(await said('portfolio'), /^portfolio (healthy|unknown) \. Depends on token_sync, which fails, and is not worse for it yet\. Needs one service\.$/);
});
