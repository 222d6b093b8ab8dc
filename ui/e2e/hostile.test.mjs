// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { open, see, tooWide } from './kit/browser.mjs';
import { Manager } from './kit/manager.mjs';

const html = '</script><img src=x onerror="window.pwned=1"><svg onload=window.pwned=2></svg><a href="javascript:window.pwned=3">here</a>';
const odd = `\u2069\u202Egnp.exe\u2066 {{7*7}} \${7*7} %s\n{"level":"ERROR"} ﷽ ${'🧨'.repeat(20)}`;
const evil = `${html}${odd}`;

test('texts of others are text, whatever they say and wherever they are shown', async (t) => {
  const manager = await Manager.start(t, {
    defaults: { failureThreshold: 1, resetTimeoutMs: 600_000 },
    services: {
      target: { layer: 'data', description: `${html} {{7*7}} \${7*7}` }, // what does not show is refused there
      '0..:_-': { description: 'x'.repeat(1_000) },
      ['n'.repeat(128)]: { layer: 'l'.repeat(64), dependencies: ['target'] },
    },
  });
  await manager.report('target', 0, 1, evil + 'e'.repeat(10_000));
  await manager.report('0..:_-', 0, 1, 'e'.repeat(10_000));
  await manager.api('PUT', `/services/${'n'.repeat(128)}/override`, { mode: 'forced_open', reason: evil, ttl_ms: 600_000 });
  await manager.api('PUT', '/services/0..:_-/override', { mode: 'forced_open', reason: '\u2069\u202Eeb ot ro', ttl_ms: 600_000 });
  await manager.api('PATCH', '/services/target/config', { config: { failureThreshold: 9 }, reason: evil }, { 'If-Match': '"1"' });
  const token = await manager.api('POST', '/tokens', { name: html.slice(0, 128), role: 'admin' });

  const page = await open(t, manager, { token: token.token });
  await see(page, '.card-error', 'window.pwned=1');
  await page.evaluate(() => Object.assign(window, { pwned: undefined }));
  const views = [
    ['/', '.card-error', '<img src=x onerror='], ['/?density=list', '.tile .note', '<img src=x onerror='], ['/?wall=1', '.big-error', '<img src=x onerror='],
    ['/map', '.map-error', '<img src=x onerror='], ['/map?view=list', '.map-list', 'n'.repeat(128)],
    ['/service/target', '.svc-error', '<img src=x onerror='], ['/service/target?tab=history', '.svc-history', '<img src=x onerror='],
    ['/service/target?tab=config', '.svc-versions', '<img src=x onerror='], [`/service/${'n'.repeat(128)}`, '.svc-override', '<img src=x onerror='],
    ['/events', '.events-table', '<img src=x onerror='], ['/audit', '.audit-table', '<img src=x onerror='], ['/tokens', '.tokens-table', '<img src=x onerror='],
    [`/service/${encodeURIComponent(html)}`, 'h1', '<img src=x onerror='], [`/?q=${encodeURIComponent(html)}`, '.tile', 'target'],
    [`/map?focus=${encodeURIComponent(html)}`, '.map-what', '<img src=x onerror='], [`/?at=${encodeURIComponent(html)}`, '.card-error', ''],
  ];
  for (const [path = '', selector = '', text = ''] of views) {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto(manager.url + path);
    await see(page, selector, text);
    await page.setViewportSize({ width: 360, height: 900 });
    const found = await page.evaluate(() => ({
      pwned: /** @type {any} */ (window).pwned, made: document.querySelectorAll('img, a[href^="javascript:"], svg[onload], [onerror]').length,
    }));
    assert.deepEqual({ ...found, wide: await tooWide(page) }, { pwned: undefined, made: 0, wide: [] }, path);
    if (path === '/' || path.startsWith('/?')) assert.deepEqual(await turning(page), [], `${path}: turns the order of what is beside it`);
  }

  // What follows such a text on a card stands behind it, and not before it.
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.goto(manager.url);
  await see(page, '.card-rule', 'forced open by admin: eb ot ro; without it the circuit is open');
  const places = await page.locator('.card-rule', { hasText: 'eb ot ro' }).evaluate((rule) => [...rule.childNodes].map((node) => {
    const range = document.createRange();
    range.selectNode(node);
    return range.getClientRects()[0]?.left ?? -1;
  }).slice(0, 4));
  assert.deepEqual(places, places.toSorted((a, b) => a - b), 'what is told by others is in its place');

  // What is said of what was done has these texts too.
  await page.goto(`${manager.url}/service/target`);
  await page.getByRole('button', { name: /^Override/ }).click();
  const dialog = await see(page, 'dialog');
  await dialog.getByText('1 h', { exact: true }).click();
  await dialog.getByLabel('Reason').fill(html);
  await dialog.getByRole('button', { name: 'Force open' }).click();
  await see(page, '.svc-override', '<img src=x onerror=');
  await see(page, '.svc-news', '<img src=x onerror=');
  assert.equal(await page.evaluate('window.pwned'), undefined);
});

/**
 * The texts on a page that can turn the order of others.
 * @param {import('playwright-core').Page} page
 */
const turning = (page) => page.evaluate(() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) if (/[\u202A-\u202E\u2066-\u2069]/.test(node.nodeValue ?? '')) found.push(node.parentElement?.className ?? '');
  return found;
});

test('the page may load and run nothing but its own', async (t) => {
  const manager = await Manager.start(t, { services: { prices: {} } });
  const page = await open(t, manager);
  await see(page, '.tile', 'prices');
  /** @type {Set<string>} */
  const origins = new Set();
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  for (const path of ['/', '/map', '/alerts', '/events', '/audit', '/tokens', '/server', '/service/prices', '/service/prices?tab=config']) {
    await page.goto(manager.url + path);
    await see(page, '#main > *');
  }
  assert.deepEqual([...origins], [manager.url]);
  const policy = (await (await fetch(manager.url)).headers.get('Content-Security-Policy')) ?? '';
  assert.match(policy, /^default-src 'self'; /);
  assert.doesNotMatch(policy, /unsafe|data:|\*/);
});

test('what others write turns nothing around it, on any page that shows it', async (t) => {
  const turned = '\u2069\u202Eeb ot ro'; // it would end an isolation and turn the rest
  const manager = await Manager.start(t, { defaults: { failureThreshold: 1, resetTimeoutMs: 600_000 }, services: { target: { layer: 'data' }, other: { dependencies: ['target'] } } });
  await manager.report('target', 0, 1, turned);
  await manager.api('PUT', '/services/other/override', { mode: 'forced_open', reason: turned, ttl_ms: 600_000 });
  await manager.api('PATCH', '/services/target/config', { config: { failureThreshold: 9 }, reason: turned }, { 'If-Match': '"1"' });
  const page = await open(t, manager);
  for (const [path = '', selector = ''] of [
    ['/service/target', '.svc-why'], ['/service/target', '.svc-story .svc-error'], ['/service/other', '.svc-override'], ['/service/other', '.svc-news'],
    ['/service/other?tab=history', '.svc-history'], ['/service/target?tab=config', '.svc-versions'], ['/map', '.map-error'], ['/map?view=list', '.map-error'],
    ['/events', '.events-table'], ['/audit', '.audit-table'],
  ]) {
    await page.goto(manager.url + path);
    await see(page, selector, 'eb ot ro');
    assert.equal(await page.evaluate(() => /[\u202A-\u202E\u2066\u2067]/.test(document.querySelector('main')?.outerHTML ?? '')), false, path);
    assert.equal(await page.evaluate((one) => {
      const walk = document.createTreeWalker(document.querySelector(one) ?? document.body, NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node; node = walk.nextNode()) if (node.nodeValue?.includes('eb ot ro') && !node.parentElement?.closest('bdi')) return node.parentElement?.outerHTML ?? '';
      return '';
    }, selector), '', `${path}: it is apart from what stands beside it`);
  }
});
