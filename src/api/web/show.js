// How do things get onto the screen?

export const the = (id) => document.getElementById(id);

/// An element with attributes (those of `on…` are listeners) and what is in it. Texts stay texts.
export function make(name, attributes = {}, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) {
      element.addEventListener(key.slice(2), value);
    } else if (typeof value === "boolean") {
      element.toggleAttribute(key, value);
    } else if (value !== null && value !== undefined) {
      element.setAttribute(key, value);
    }
  }
  element.append(...inside.filter((it) => it !== null && it !== undefined));
  return element;
}

/// Replaces what is in a list, but leaves the focus where it was, by the `data-key` of elements.
export function fill(list, items, nothing) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const rows = items.length > 0 ? items : [make("li", { class: "quiet" }, nothing)];
  list.replaceChildren(...rows);
  if (focused) {
    const again = [...list.querySelectorAll("[data-key]")].find((it) => it.dataset.key === focused);
    again?.focus();
  }
}

export function button(text, key, press, more = {}) {
  return make("button", { type: "button", "data-key": key, onclick: press, ...more }, text);
}

/// Words in a live region; not again what stands there already.
export function say(element, text, kind = "") {
  if (element.textContent !== text) {
    element.textContent = text;
  }
  element.classList.toggle("wrong", kind === "wrong");
}

/// Does what a button asks for, and says what is wrong.
export function doing(state, what) {
  return async (event) => {
    event?.preventDefault();
    say(state, "");
    try {
      const text = await what(event);
      if (text) {
        say(state, text);
      }
    } catch (problem) {
      say(state, problem.message, "wrong");
    }
  };
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/// A moment as people say it: today without the day.
export function moment(text) {
  const at = new Date(text);
  const isToday = at.toDateString() === new Date().toDateString();
  return make("time", { datetime: text }, (isToday ? clock : day).format(at));
}

export function span(seconds) {
  if (seconds === null || seconds === undefined) {
    return "";
  }
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export const listed = (names) => names.join(", ");

/// Of things that somebody may tap often, one after the other.
export function inTurn(what) {
  let running = false;
  let again = false;
  return async () => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    do {
      again = false;
      await what();
    } while (again);
    running = false;
  };
}
