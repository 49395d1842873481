// The page in a browser, against the crate's own server. Each test waits for what it expects, and measures no time.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { open, reads, shoot, startBrowser, startProxy, startServer } from './harness.mjs';

const TOKEN = 'let+me=in';
const PHONE = { viewport: { width: 360, height: 720 } };
let server, proxy, browser;

before(async () => {
  server = await startServer(TOKEN);
  proxy = await startProxy(server.port);
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await proxy?.stop();
  await server?.stop();
});

/** A test with a page of its own, in which nothing may happen that should not. */
function scenario(name, run, options) {
  test(name, async () => {
    const opened = [];
    const visit = async (path = '', more = options) => {
      const it = await open(browser, proxy.url + path, more);
      opened.push(it);
      return it.page;
    };
    try {
      await run(visit);
      for (const { problems } of opened) assert.deepEqual(problems, []);
    } finally {
      for (const { context } of opened) await context.close();
    }
  });
}
const chip = (page, name) => page.locator(`#chips [data-name=${name}]`);
const chipReads = (page, name, n) => reads(page, `#chips [data-name=${name}] span:last-child`, n);
/** What is beyond the right edge, to be scrolled to or cut off. What fills bars is meant to be cut off. */
const beyond = page => page.evaluate(() => {
  const all = [document.documentElement, ...document.querySelectorAll('main *:not(i)')];
  const isBeyond = node => node.getBoundingClientRect().right > innerWidth || node === all[0] && node.scrollWidth > innerWidth;
  return all.filter(isBeyond).map(node => `${node.tagName} ${node.id} ${node.className}`);
});

scenario('the only job is opened, and shown as it goes on', async visit => {
  await server.job('alpha', 12);
  const page = await visit();
  await reads(page, '#job-name', 'alpha');
  await chipReads(page, 'running', '12');
  server.step('alpha', 42);
  await reads(page, '#percent', '42 %');
  await reads(page, '#task-3 .percent', '42 %');
  await reads(page, '#task-3 .amount', '42.0 / 100.0 MiB');
  await reads(page, '#task-3 .message', 'at 42');
  assert.equal(await page.title(), '42 % alpha');
  assert.equal(await page.locator('#job-bar').getAttribute('aria-valuenow'), '42');
  await shoot(page, 'running');
  server.step('alpha', 100);
  await reads(page, '#job-state', 'completed');
  await reads(page, '#amount', '12 of 12 tasks completed · 1.2 GiB');
  await page.waitForFunction(() => document.title === 'completed: alpha');
});

scenario('a job that has ended is shown to who comes later, and the list leads to it', async visit => {
  await server.job('beta', 2);
  const page = await visit('#/');
  await page.click('#jobs a:has-text("alpha")');
  await reads(page, '#job-state', 'completed');
  await chipReads(page, 'completed', '12');
  await page.goBack();
  await reads(page, '#jobs li:first-child .name', 'beta');
  await reads(page, '#jobs li:nth-child(2) .state', 'completed');
  await shoot(page, 'list');
});

scenario('progress of tasks that only end is shown', async visit => {
  const id = await server.job('quiet', 10, { kind: 'quiet' });
  const page = await visit(`#/jobs/${id}`);
  server.step('quiet', 50);
  await chipReads(page, 'completed', '5');
  await reads(page, '#percent', '50 %');
});

scenario('a page that loses its connection says so, and goes on by itself', async visit => {
  const id = await server.job('gamma', 20, { failEvery: 10 });
  const page = await visit(`#/jobs/${id}`);
  server.step('gamma', 10);
  await reads(page, '#percent', '10 %');
  await proxy.cut();
  await page.waitForSelector('#lost:not([hidden])');
  await shoot(page, 'lost');
  server.step('gamma', 30);
  await proxy.restore();
  await page.waitForSelector('#lost', { state: 'hidden' });
  await reads(page, '#percent', '30 %');
  // Once more, and the job ends while nobody can hear it.
  await proxy.cut();
  await page.waitForSelector('#lost:not([hidden])');
  server.step('gamma', 100);
  await proxy.restore();
  await page.waitForSelector('#lost', { state: 'hidden' });
  await reads(page, '#job-state', 'failed');
  await chipReads(page, 'failed', '2');
  await chipReads(page, 'completed', '18');
});

scenario('a page whose events are no longer kept loads the job again', async visit => {
  const id = await server.job('iota', 4);
  const page = await visit('#/');
  const gone = new Promise(done => page.route('**/events*', route => { done(); return route.fulfill({ status: 410 }); }, { times: 1 }));
  await page.click('#jobs a:has-text("iota")');
  await gone;
  server.step('iota', 60);
  await reads(page, '#task-2 .percent', '60 %');
});

scenario('of ten thousand tasks that all report, only those in sight are in the document', async visit => {
  const tasks = 10_000, id = await server.job('many', tasks, { failEvery: 2_500 });
  const page = await visit(`#/jobs/${id}`);
  await chipReads(page, 'running', '10,000');
  for (let step = 5; step <= 50; step += 5) {
    server.step('many', step);
    await reads(page, '#percent', `${step} %`);
  }
  assert(await page.locator('.row').count() < 100);
  assert.equal(await page.locator('#tasks').getAttribute('aria-rowcount'), '10000');
  await page.focus('#tasks');
  await page.keyboard.press('End');
  await reads(page, `#task-${tasks - 1} .percent`, '50 %');
  assert(await page.locator('.row').count() < 100);
  await shoot(page, '10000');
  server.step('many', 100);
  await reads(page, '#job-state', 'failed');
  await chipReads(page, 'completed', '9,996');
  await chipReads(page, 'failed', '4');
  await chipReads(page, 'running', '0');
  await page.fill('#find', 'part-07777');
  await page.waitForFunction(() => document.querySelectorAll('.row').length === 1);
  const long = await page.evaluate(() => globalThis.longTasks);
  console.log(`long tasks, in ms: ${long.map(Math.round).join(' ') || 'none'}`);
});

scenario('failed tasks are found with what went wrong', async visit => {
  const id = await server.job('delta', 30, { failEvery: 10 });
  server.step('delta', 100);
  const page = await visit(`#/jobs/${id}`);
  await reads(page, '#job-state', 'failed');
  await chip(page, 'failed').click();
  await page.waitForFunction(() => document.querySelectorAll('.row').length === 3);
  await reads(page, '#task-9 .message', 'the disk is full');
  await page.click('#task-9 .line');
  await reads(page, '#task-9 pre', /the disk is full\nwhile the last block was written/);
  await shoot(page, 'failed');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.detail').count(), 0);
});

scenario('a job is canceled by key, once the token is right', async visit => {
  const id = await server.job('epsilon', 5);
  const page = await visit(`#/jobs/${id}`);
  await reads(page, '#job-state', 'running');
  const onto = async text => {
    for (let presses = 0; presses < 30; presses++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement.textContent) === text) return;
    }
    assert.fail(`${text} is not reached by key`);
  };
  const confirm = async () => {
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'No');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
  };
  await onto('Cancel');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Cancel');
  await confirm();
  await reads(page, '#why', /enter the server's token/);
  await page.keyboard.type('wrong');
  await page.keyboard.press('Enter');
  await reads(page, '#why', /did not accept/);
  await shoot(page, 'token');
  await page.keyboard.type(TOKEN);
  await page.keyboard.press('Enter');
  await reads(page, '#job-state', 'canceled');
  await chipReads(page, 'canceled', '5');
  assert.equal(await page.locator('#job-verbs button:visible').count(), 0);
});

scenario('a token in the address is taken out of it, and one task is canceled with it', async visit => {
  const id = await server.job('zeta', 3);
  const page = await visit(`#/jobs/${id}&token=${encodeURIComponent(TOKEN)}`);
  await page.waitForFunction(id => location.hash === `#/jobs/${id}`, id);
  await page.click('#task-1 .line');
  await page.click('.detail >> text=Cancel');
  await page.click('.detail >> text=Yes, cancel');
  await reads(page, '#task-1 .state', 'canceled');
  await chipReads(page, 'running', '2');
});

scenario('on a phone nothing is wider than the page', async visit => {
  const page = await visit('#/');
  await page.waitForSelector('#jobs li');
  assert.deepEqual(await beyond(page), []);
  await shoot(page, 'list-360');
  await page.click('#jobs a:has-text("delta")');
  await page.click('#task-9 .line');
  await page.waitForSelector('.detail');
  assert.deepEqual(await beyond(page), []);
  await shoot(page, 'failed-360');
}, PHONE);

scenario('numbers and units of any size are no wider than the page', async visit => {
  const id = await server.job('wide', 2, { kind: 'wide' });
  const page = await visit(`#/jobs/${id}`);
  server.step('wide', 42);
  await reads(page, '#task-1 .percent', '42 %');
  await reads(page, '#task-1 .amount', /^4\.2E301 \/ 1E302 Donau/);
  await reads(page, '#amount', /8\.4E301 \/ 2E302 Donau/);
  await page.click('#task-1 .line');
  await page.waitForSelector('.detail');
  assert.deepEqual(await beyond(page), []);
  await shoot(page, 'wide');
}, PHONE);

scenario('who prefers the dark gets it', async visit => {
  const page = await visit('#/');
  const light = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.notEqual(light, dark);
  await page.click('#jobs a:has-text("zeta")');
  await reads(page, '#job-state', 'running');
  await shoot(page, 'dark');
});

scenario('a job that is asked for while the server is away is waited for', async visit => {
  const page = await visit('#/');
  await page.waitForSelector('#jobs li');
  await proxy.cut();
  await page.click('#jobs a:has-text("zeta")');
  await reads(page, '#blank', /server can't be reached/);
  assert(!await page.isVisible('#list'));
  await proxy.restore();
  await reads(page, '#job-name', 'zeta');
  assert(!await page.isVisible('#blank'));
});

scenario('a job that nobody knows is said to be unknown', async visit => {
  const page = await visit('#/jobs/01890a5d-ac96-774b-bcce-b302099a8057');
  await reads(page, '#blank', /nothing to show of this job/);
});

test('where jobs may not be changed, there are no buttons', async () => {
  const reading = await startServer();
  try {
    await reading.job('eta', 2);
    const { page, context, problems } = await open(browser, `http://127.0.0.1:${reading.port}/`);
    await reads(page, '#job-state', 'running');
    assert.equal(await page.locator('#job-verbs button:visible').count(), 0);
    assert.deepEqual(problems, []);
    await context.close();
  } finally {
    await reading.stop();
  }
});

test('of more jobs than are listed, it is said that they are more', async () => {
  const many = await startServer();
  try {
    for (let n = 0; n < 102; n++) await many.job(`job-${n}`, 1);
    const { page, context, problems } = await open(browser, `http://127.0.0.1:${many.port}/`);
    await reads(page, '#jobs li:first-child .name', 'job-101');
    assert.equal(await page.locator('#jobs li').count(), 100);
    await reads(page, '#no-jobs', 'The newest 100 of 102 are shown.');
    assert.deepEqual(problems, []);
    await context.close();
  } finally {
    await many.stop();
  }
});
