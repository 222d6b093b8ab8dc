// @ts-check
// Takes the pictures of the README from `switchgear demo`: real services, real
// faults, real traffic. It waits for what is worth a picture, which takes some
// minutes. Run it with `make shots`.
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { browser, logIn } from './kit/browser.mjs';
import { within } from './kit/manager.mjs';

const into = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const largest = 200 * 1024; // bytes of a picture
const minutes = 60_000;

/** @returns {Promise<{ url: string, token: string, end: () => void }>} */
async function demo() {
  const child = spawn(process.env['SWITCHGEAR_BINARY'] ?? 'switchgear', ['demo', '--plain', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const told = new Promise((done, failed) => {
    let url = '';
    createInterface(child.stdout).on('line', (line) => {
      url ||= /^listening on (\S+)/.exec(line)?.[1] ?? '';
      const token = /SWITCHGEAR_TOKEN=(\S+)/.exec(line)?.[1];
      if (token) done({ url, token, end: () => child.kill('SIGINT') });
    });
    child.once('exit', () => failed(new Error('the demo has ended')));
  });
  return within(30_000, /** @type {Promise<any>} */ (told), () => 'the demo does not say where it is');
}

/**
 * A window of that size; pictures are finer than a screen.
 * @param {string} url @param {string} token
 * @param {{ width: number, height: number, theme: 'light' | 'dark', scale?: number }} look
 */
async function look(url, token, { width, height, theme, scale = 2 }) {
  const context = await (await browser()).newContext({ viewport: { width, height }, colorScheme: theme, deviceScaleFactor: scale, reducedMotion: 'reduce', locale: 'en-GB' });
  await logIn(context, url, token);
  return context.newPage();
}

/**
 * Keeps a picture; one that would be too large is as fine as a screen only.
 * @param {import('playwright-core').Page} page @param {string} name
 */
async function shoot(page, name) {
  let picture = await page.screenshot();
  if (picture.length > largest) picture = await page.screenshot({ scale: 'css' });
  if (picture.length > largest) throw new Error(`${name}.png would have ${picture.length} bytes, more than ${largest}`);
  await writeFile(`${into}${name}.png`, picture);
  console.log(`${name}.png: ${Math.round(picture.length / 1024)} KiB`);
  await page.context().close();
}

await mkdir(into, { recursive: true });
const { url, token, end } = await demo();
try {
  // A fleet that has something behind it: openings enough to fill the little charts.
  const service = await look(url, token, { width: 1280, height: 960, theme: 'dark', scale: 1.25 });
  await service.goto(`${url}/service/market_data_service`);
  await service.locator('.svc-story').nth(2).waitFor({ timeout: 12 * minutes });

  const board = await look(url, token, { width: 1280, height: 720, theme: 'light', scale: 1.25 });
  await board.goto(url);
  await board.locator('.timebar select').selectOption('15m');
  await board.locator('.card-wrong .card-drags b').first().waitFor({ timeout: 4 * minutes });
  await shoot(board, 'board');

  await service.locator('.timebar select').selectOption('15m');
  await service.getByRole('button', { name: '5m', exact: true }).click();
  await service.locator('.svc-steps .is-here').first().waitFor({ timeout: 4 * minutes });
  await shoot(service, 'service');

  const phone = await look(url, token, { width: 390, height: 780, theme: 'light', scale: 1.75 });
  await phone.goto(url);
  await phone.locator('.card-wrong .card-drags b').first().waitFor({ timeout: 4 * minutes });
  await shoot(phone, 'phone');
} finally {
  end();
  await (await browser()).close();
}
