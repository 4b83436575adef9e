// The dashboard in a real browser: node page.mjs ADMIN_URL PASSWORD [FOLDER FOR PICTURES]
// Says `done: …` at the end when all is as it should be.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [url, password, folder] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, colorScheme: "light" });
const page = await context.newPage();
page.setDefaultTimeout(20000);

const errors = [];
const asked = [];
let refusals = 0;
page.on("console", (message) => {
  // The browser says itself that a wrong password was refused; that is wanted.
  if (message.type() === "error" && message.text().includes("401")) refusals += 1;
  else if (["error", "warning"].includes(message.type())) errors.push(message.text());
});
page.on("pageerror", (error) => errors.push(String(error)));
page.on("request", (request) => asked.push(request.url()));
page.on("dialog", (dialog) => {
  errors.push(`a script of somebody else ran: ${dialog.message()}`);
  dialog.dismiss();
});

const text = (selector) => page.locator(selector).first().innerText();

async function picture(name) {
  if (!folder) return;
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

/** Waits until this holds. */
async function eventually(what, holds) {
  const until = Date.now() + 20000;
  for (;;) {
    if (await holds()) return;
    assert.ok(Date.now() < until, what);
    await page.waitForTimeout(100);
  }
}

// It loads, and shows the shards.
await page.goto(url);
await page.locator('#live[data-state="good"]').waitFor();
await page.locator('#ready[data-state="good"]').waitFor();
assert.equal(await page.locator(".shard").count(), 2);
assert.match(await text(".shard .sub"), /epoch \d+ · 8192 slots/);
const primary = () => text('.shard:first-child .member[data-place="primary"] .id');
const first = await primary();

// It updates itself: clients ask all the time.
await eventually("requests are shown", async () => parseFloat(await text(".tile .value")) > 0);
const rates = new Set();
await eventually("another rate is shown", async () => rates.add(await text(".tile .value")).size > 2);
await eventually("a chart is drawn", async () => (await page.locator(".chart canvas").count()) >= 3);
await eventually("nodes tell what they hold", async () => /B/.test(await text(".member .holds")));

// What names clients is locked.
assert.match(await text("#panel"), /needs the proxy's password/);
await page.locator("#tab-clients").click();
assert.match(await text("#panel"), /needs the proxy's password/);

// A failover: first the password, a wrong one is refused; then a confirmation.
await eventually("a follower is in sync", async () => (await page.locator('.shard:first-child .member[data-place="in sync"]').count()) > 0);
await picture("1440-light-locked");
await page.locator(".shard:first-child footer button").click();
const dialog = page.locator("dialog[open]");
await dialog.locator('input[type="password"]').fill("simsim");
await dialog.locator('button[type="submit"]').click();
await eventually("it is refused", async () => /password/.test(await text("dialog .wrong")));
assert.equal(await primary(), first);
await dialog.locator('input[type="password"]').fill(password);
await dialog.locator('button[type="submit"]').click();
await page.locator('dialog[open] select[name="to"]').waitFor();
assert.match(await text("dialog[open] h2"), /Let another node lead/);
await dialog.getByText("Cancel").click();
assert.equal(await primary(), first, "nothing before the confirmation");
await page.locator(".shard:first-child footer button").click();
await page.locator('dialog[open] select[name="to"]').waitFor();
await picture("1440-light-confirm");
await dialog.locator('button[type="submit"]').click();
await eventually("it is told", async () => /leads/.test(await page.locator("#toasts").innerText()));
await eventually("the page shows who leads now", async () => (await primary()) !== first);
await picture("1440-light-failover");

// Names that would be markup are text.
await page.locator("#tab-clients").click();
await eventually("the client is listed", async () => (await text("#panel")).includes("<img/src=x/onerror=alert(1)>"));
assert.equal(await page.locator("#panel img").count(), 0);
await picture("1440-light-clients");
await page.locator("#tab-slow").click();
await eventually("the key is listed", async () => (await text("#panel")).includes("<script>alert(2)</script>"));
assert.equal(await page.locator("#panel script").count(), 0);
await page.locator("#tab-settings").click();
await eventually("settings are listed", async () => (await text("#panel")).includes("requirepass"));
assert.ok(!(await page.content()).includes(password), "the password is in no markup");
await page.locator("#tab-events").click();
await eventually("the failover is an event", async () => /failover/.test(await text("#panel")) && /leads now/.test(await text("#panel")));

// A client is closed.
await page.locator("#tab-clients").click();
const row = page.locator("#panel tr", { hasText: "onerror" });
await row.getByRole("button", { name: "Close" }).click();
await dialog.locator('button[type="submit"]').click();
await eventually("it is closed", async () => /is closed/.test(await page.locator("#toasts").innerText()));
await eventually("it is listed no more", async () => (await row.count()) === 0);

// By keyboard.
await page.locator("#tab-events").focus();
await page.keyboard.press("ArrowRight");
assert.equal(await page.locator("#tab-nodes").getAttribute("aria-selected"), "true");
assert.equal(await page.evaluate(() => document.activeElement.id), "tab-nodes");
await page.locator("#menu summary").focus();
await page.keyboard.press("Enter");
assert.ok(await page.locator("#do-reload").isVisible());
await page.keyboard.press("Escape");
assert.ok(!(await page.locator("#do-reload").isVisible()));

// Files are read again.
await page.locator("#menu summary").click();
await page.locator("#do-reload").click();
await dialog.locator('button[type="submit"]').click();
await eventually("it is told", async () => /read again/.test(await page.locator("#toasts").innerText()));

// Light and dark, as the system says and as somebody chooses.
const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
assert.equal(await theme(), "light");
await page.emulateMedia({ colorScheme: "dark" });
await eventually("it is dark", async () => (await theme()) === "dark");
await picture("1440-dark");
await page.locator("#theme").click();
assert.equal(await theme(), "light");
await page.locator("#theme").click();
assert.equal(await theme(), "dark");

// On a telephone.
await page.setViewportSize({ width: 390, height: 844 });
await page.waitForTimeout(300);
const wide = await page.evaluate(() => document.documentElement.scrollWidth);
assert.ok(wide <= 390, `nothing to the side: ${wide}`);
await picture("390-dark");
await page.locator("#theme").click();
await page.emulateMedia({ colorScheme: "light" });
await eventually("it is light", async () => (await theme()) === "light");
await picture("390-light");

// Locked again, nothing is told any more.
await page.locator("#unlock").click();
await page.locator("#tab-clients").click();
assert.match(await text("#panel"), /needs the proxy's password/);

const elsewhere = asked.filter((it) => new URL(it).origin !== new URL(url).origin);
assert.deepEqual(elsewhere, [], "nothing of it lies elsewhere");
assert.deepEqual(errors, [], "no errors");
assert.equal(refusals, 1, "one wrong password");
await browser.close();
console.log(`done: ${asked.length} requests, and no error in the console`);
