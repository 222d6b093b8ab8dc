// @ts-check
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test } from 'node:test';

import { open, patience, see } from './kit/browser.mjs';
import { Manager } from './kit/manager.mjs';

const fleet = 10_000;
const seconds = Number(process.env['FLEET_SECONDS'] ?? 8); // how long it is watched; a minute tells more
const name = (/** @type {number} */ i) => `service_${String(i).padStart(5, '0')}`;

/**
 * Reports an operation of one service after the other, one each 10 ms.
 * @param {Manager} manager
 */
function traffic(manager) {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const told = { sent: 0, failed: 0, latest: 0 };
  const began = performance.now();
  const send = () => {
    // As many as are due: a timer that comes late makes up for it.
    for (; told.sent < (performance.now() - began) / 10; told.sent++) {
      const i = (told.sent * 7_919) % fleet;
      const body = JSON.stringify({ outcomes: [{ outcome: i % 50 === 0 ? 'failure' : 'success', duration_ms: 5 + (i % 90), error: i % 50 === 0 ? 'i/o timeout' : undefined }] });
      const call = request(`${manager.url}/api/v2/services/${name(i)}/operations`, {
        method: 'POST', agent, headers: { Authorization: `Bearer ${manager.token}`, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), 'Idempotency-Key': `fleet-${told.sent}` },
      }, (answer) => {
        if (answer.statusCode !== 200) told.failed++;
        answer.resume();
      });
      call.on('error', () => told.failed++);
      call.end(body);
    }
  };
  const timer = setInterval(send, 10);
  return { told, stop: () => {
    clearInterval(timer);
    agent.destroy();
  } };
}

/** @param {number[]} list @param {number} share */
const percentile = (list, share) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))] ?? 0;

/**
 * Scrolls for a while and measures every frame.
 * @param {import('playwright-core').Page} page
 * @param {number} forMs
 * @param {number} step pixels a frame
 */
const scroll = (page, forMs, step) => page.evaluate(([length = 0, way = 0]) => new Promise((done) => {
  /** @type {number[]} */
  const frames = [];
  let [nodes, last, direction] = [0, performance.now(), 1];
  const end = last + length;
  requestAnimationFrame(function next(now) {
    frames.push(now - last);
    last = now;
    if (frames.length % 10 === 0) nodes = Math.max(nodes, document.querySelectorAll('*').length);
    if (window.scrollY + window.innerHeight >= document.body.scrollHeight - 1) direction = -1;
    window.scrollBy(0, direction * way);
    if (now < end) requestAnimationFrame(next);
    else done({ frames: frames.slice(1), nodes });
  });
}), [forMs, step]);

test('ten thousand services, of which one changes every 10 ms, stay usable and within bounds', async (t) => {
  const manager = await Manager.start(t, {
    defaults: { failureThreshold: 1_000 },
    services: Object.fromEntries(Array.from({ length: fleet }, (_, i) => [name(i), {
      layer: ['data', 'domain', 'edge', 'shop'][i % 4], ...(i % 4 === 0 ? {} : { dependencies: [name(i - (i % 4))] }),
    }])),
  });
  const page = await open(t, manager, { path: '/server' }); // the program is in the browser's cache then, as on any second visit
  await see(page, '.server-facts');
  await page.addInitScript(() => {
    const seen = new MutationObserver(() => {
      if (!document.querySelector('.tile .tile-name')) return;
      seen.disconnect();
      requestAnimationFrame(() => setTimeout(() => Object.assign(window, { painted: performance.now() })));
    });
    seen.observe(document, { subtree: true, childList: true });
  });
  const { told, stop } = traffic(manager);
  t.after(stop);
  await page.goto(`${manager.url}/?sort=name`);
  await see(page, '.tile', name(0));
  const painted = await page.waitForFunction('window.painted');
  await see(page, '.verdict', 'of 10k services');
  await page.waitForFunction(() => !document.querySelector('.verdict h1')?.textContent?.includes('Loading'));
  t.diagnostic(`first tiles painted ${Math.round(/** @type {number} */ (await painted.jsonValue()))} ms after the navigation began`);

  const devtools = await page.context().newCDPSession(page);
  const heap = async () => {
    await devtools.send('HeapProfiler.collectGarbage');
    return (await devtools.send('Runtime.getHeapUsage')).usedSize / 2 ** 20;
  };
  // The time that the page itself works, on a machine that has other work too.
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  const worked = async () => {
    const { metrics } = await devtools.send('Performance.getMetrics');
    return 1_000 * (metrics.find(({ name: what }) => what === 'TaskDuration')?.value ?? 0);
  };
  const before = await heap();
  let most = 0;
  for (const [words, step] of /** @type {const} */ ([['reading', 12], ['scrolling', 90], ['racing', 2_000]])) {
    const idle = await worked();
    const { frames, nodes } = /** @type {{ frames: number[], nodes: number }} */ (await scroll(page, (seconds * 1_000) / 3, step));
    most = Math.max(most, nodes);
    t.diagnostic(`${words}, ${step} px a frame: ${frames.length} frames, p50 ${percentile(frames, 0.5).toFixed(1)} ms, p95 ${percentile(frames, 0.95).toFixed(1)} ms, longest ${Math.max(...frames).toFixed(0)} ms; the page worked ${((await worked() - idle) / frames.length).toFixed(1)} ms a frame`);
  }
  const after = await heap();
  t.diagnostic(`heap ${before.toFixed(0)} MiB before and ${after.toFixed(0)} MiB after ${seconds} s with ${told.sent} changes; at most ${most} elements`);
  assert.ok(most > 0 && most < 3_000, `${most} elements`);
  assert.ok(after < 500, `${after} MiB`);

  // In all this a circuit opens, and is seen first.
  await page.goto(manager.url);
  for (const above of [1, 2, 3]) await manager.report(name(8_888 + above), 20);
  await manager.report(name(8_888), 0, 1_000, 'the disk is full');
  await see(page, '.card-wrong', 'the disk is full', 2 * patience);
  await see(page, '.card-wrong', 'drags down 3');
  // The board moves its tiles a moment after the strip has told, and never under a pointer.
  await page.waitForFunction((first) => document.querySelector('.tile')?.getAttribute('data-service') === first, name(8_888));
  await page.keyboard.press('/');
  await page.keyboard.type('07777');
  await page.waitForFunction(() => document.querySelectorAll('.tile').length === 1);
  await see(page, '.tile', name(7_777));
  await page.goto(`${manager.url}/map`);
  await see(page, '.map-panel', name(8_888));
  assert.ok(await page.evaluate(() => document.querySelectorAll('*').length) < 3_000);
  assert.equal(told.failed, 0, 'reports were refused');
});
