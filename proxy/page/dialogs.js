// Asking before anything is done, and saying what came of it.

import { by, el } from "./dom.js";
import { order, try_password, has_password, Refused } from "./api.js";

let needs_password = false;
let on_unlocked = () => {};

export function set_needs_password(needs) {
  needs_password = needs;
}

export function when_unlocked(callback) {
  on_unlocked = callback;
}

/** Whether what needs the password can be asked for. */
export const is_open = () => !needs_password || has_password();

export function toast(text, is_bad = false) {
  const shown = el("div", { class: "toast", "data-state": is_bad ? "bad" : "good" }, text);
  by("toasts").append(shown);
  setTimeout(() => shown.remove(), is_bad ? 12000 : 6000);
}

/** A dialog; `on_yes` may fail, and then its words are shown and the dialog stays. Resolves to whether it was done. */
function ask({ title, body, yes, is_danger, on_yes }) {
  return new Promise((resolve) => {
    const wrong = el("div", { class: "wrong", role: "alert" });
    const confirm = el("button", { type: "submit", class: `primary${is_danger ? " danger" : ""}` }, yes);
    const cancel = el("button", { type: "button", onclick: () => dialog.close("no") }, "Cancel");
    const form = el("form", { method: "dialog" }, el("h2", {}, title), body, wrong, el("div", { class: "buttons" }, cancel, confirm));
    const dialog = el("dialog", { "aria-label": title }, form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      confirm.disabled = true;
      wrong.textContent = "";
      try {
        await on_yes(new FormData(form));
        dialog.close("yes");
      } catch (failure) {
        wrong.textContent = failure instanceof Refused ? failure.message : `The proxy does not answer: ${failure.message}`;
        confirm.disabled = false;
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    if (is_danger) cancel.focus();
  });
}

/** Asks for the password; whether it was given. */
export function unlock() {
  return ask({
    title: "Unlock",
    body: [
      el("p", {}, "Events, clients, slow commands, keys, settings and orders need the proxy's password. It is kept by this page alone, until it is closed."),
      el("label", {}, "Password", el("input", { type: "password", name: "password", required: true, autocomplete: "off", autofocus: true })),
    ],
    yes: "Unlock",
    on_yes: async (form) => try_password(form.get("password")),
  }).then((done) => {
    if (done) on_unlocked();
    return done;
  });
}

async function confirm_order({ title, body, yes, is_danger, path, what }) {
  if (!is_open() && !(await unlock())) return;
  let said = null;
  const on_yes = async (form) => {
    said = await order(path, what(form));
  };
  if (await ask({ title, body, yes, is_danger, on_yes })) toast(said.done);
}

export function fail_over(shard) {
  const ready = shard.members.filter((member) => member.place === "in sync");
  const choices = [el("option", { value: "" }, "whoever has everything"), ...ready.map((member) => el("option", { value: member.node }, member.node))];
  const primary = shard.members.find((member) => member.place === "primary");
  return confirm_order({
    title: `Let another node lead ${shard.id}?`,
    body: [
      el("p", {}, `${primary ? primary.node : "Its primary"} leads it now, at epoch ${shard.epoch}. Clients of this shard are held for a moment; nothing is lost, and nobody sees an error. Where no follower is ready, nothing changes.`),
      el("label", {}, "Who is to lead", el("select", { name: "to" }, choices)),
    ],
    yes: "Fail over",
    path: "actions/failover",
    what: (form) => {
      const to = form.get("to");
      return to ? { shard: shard.id, to, epoch: shard.epoch } : { shard: shard.id, epoch: shard.epoch };
    },
  });
}

export function kill(client) {
  return confirm_order({
    title: `Close client ${client.id}?`,
    body: el("p", {}, `${client.address}${client.name ? `, which calls itself “${client.name}”` : ""}, as user ${client.user}. What it has asked and not been answered may have been carried out.`),
    yes: "Close it",
    is_danger: true,
    path: "actions/kill-client",
    what: () => ({ id: client.id }),
  });
}

export function reload() {
  return confirm_order({
    title: "Read files again?",
    body: el("p", {}, "Topology, certificates and users are read again, whether they have changed or not, as at SIGHUP. What cannot be used changes nothing; events tell what came of it."),
    yes: "Read again",
    path: "actions/reload",
    what: () => ({}),
  });
}

export function drain(status) {
  const clients = status?.now ? `${status.now.clients} clients are` : "Clients are";
  return confirm_order({
    title: "Drain this proxy?",
    body: el("p", {}, `It says at once that it is not ready, lets its clients have their last replies, and ends, as at SIGTERM. ${clients} connected. It comes back when something starts it again: systemd, a container's restart policy, or you.`),
    yes: "Drain and end it",
    is_danger: true,
    path: "actions/drain",
    what: () => ({}),
  });
}
