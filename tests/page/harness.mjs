// What the page's tests stand on: the server, a proxy in front of it that can be cut, and the browser. Knows no scenario.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
// Far beyond what anything takes: it only ends a test that hangs.
export const PATIENCE = 60_000;

/** Starts the server of `server.rs`, with a token if jobs may be changed. */
export async function startServer(token) {
  const child = spawn(process.env.PAGE_SERVER, token ? [token] : [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said = async word => {
    const { value = '', done } = await lines.next();
    const [first, ...rest] = value.split(' ');
    if (done || first !== word) throw new Error(`the server said ${JSON.stringify(value)}, not ${word}`);
    return rest;
  };
  const [address] = await said('listening');
  return {
    port: Number(address.split(':').at(-1)),
    /** Makes a job and returns its id. */
    async job(name, tasks, { failEvery = 0, kind = 'bytes' } = {}) {
      child.stdin.write(`new ${name} ${tasks} ${failEvery} ${kind}\n`);
      const [, id] = await said('job');
      return id;
    },
    step(name, percent) { child.stdin.write(`step ${name} ${percent}\n`); },
    async stop() {
      child.kill();
      await once(child, 'exit');
    },
  };
}

/** Passes connections on to `port`, unless it is cut. */
export async function startProxy(port) {
  const sockets = new Set();
  const server = net.createServer(client => {
    const upstream = net.connect(port, '127.0.0.1');
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => { sockets.delete(one); other.destroy(); });
      one.pipe(other);
    }
  });
  const listen = async at => { server.listen(at, '127.0.0.1'); await once(server, 'listening'); };
  await listen(0);
  const own = server.address().port;
  const cut = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { url: `http://127.0.0.1:${own}/`, cut, restore: () => listen(own), stop: cut };
}

export function startBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
}

/** Opens the page, and notes what should not happen there: errors, violations of its policy, requests to others. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage(), problems = [];
  page.on('pageerror', error => problems.push(String(error)));
  page.on('console', message => {
    // The browser notes each answer that is no success, and each connection that fails.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) problems.push(message.text());
  });
  page.on('request', request => {
    if (!request.url().startsWith(new URL('/', url).href) && !request.url().startsWith('data:')) problems.push(`a request to ${request.url()}`);
  });
  await page.exposeFunction('violation', text => problems.push(text));
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', event => globalThis.violation(`${event.violatedDirective} at ${event.lineNumber}`));
    globalThis.longTasks = [];
    new PerformanceObserver(list => { for (const { duration } of list.getEntries()) globalThis.longTasks.push(duration); })
      .observe({ type: 'longtask', buffered: true });
  });
  await page.goto(url);
  return { page, context, problems };
}

/** Waits until the element's text is `text`, or matches it. */
export async function reads(page, selector, text) {
  const [source, isPattern] = text instanceof RegExp ? [text.source, true] : [text, false];
  const found = ([selector, source, isPattern]) => {
    const now = document.querySelector(selector)?.textContent ?? '';
    return isPattern ? new RegExp(source).test(now) : now === source;
  };
  await page.waitForFunction(found, [selector, source, isPattern]).catch(async error => {
    const now = await page.locator(selector).first().textContent({ timeout: 100 }).catch(() => 'nothing');
    throw new Error(`${selector} reads ${JSON.stringify(now)}, not ${text}`, { cause: error });
  });
}

/** Keeps a picture, if somebody wants to look. */
export async function shoot(page, name) {
  if (process.env.PAGE_SHOTS) await page.screenshot({ path: `${process.env.PAGE_SHOTS}/page-${name}.png` });
}
