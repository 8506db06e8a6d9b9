// When and where a persona posts: the coming days with their slots, its settings, posting now.

import { get, patch, personaPath, post } from "./api.js";
import { actionHandler, announce, el, fill } from "./dom.js";

const days = new Intl.DateTimeFormat("en", {
  weekday: "short",
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});
const EVERY = ["1h", "2h", "3h", "4h", "6h", "8h", "12h", "1d", "2d", "7d"];
const VISIBILITIES = {
  unlisted: "Everyone, but on no public timeline",
  public: "Everyone",
  private: "Followers only",
};

const dayName = (day) => days.format(new Date(`${day}T00:00:00Z`));

/** Return a time of day as the share of the day that has passed, in per cent. */
const share = (clock) => {
  const [hours, minutes] = clock.split(":").map(Number);
  return `${((hours * 60 + minutes) / 14.4).toFixed(2)}%`;
};

export class Bot {
  constructor(persona, signal, onPosted) {
    this.persona = persona;
    this.signal = signal;
    this.onPosted = onPosted;
    this.strip = el("ol", { class: "strip", tabindex: "0", "aria-label": "The coming days" });
    this.note = el("p", { class: "aside" });
    this.posting = el("div", { class: "posting" });
    this.settings = el("div");
    this.errors = el("div");
    this.element = el(
      "section",
      { class: "bot-section", "aria-labelledby": "when", hidden: true },
      el("h2", { id: "when" }, "When it posts"),
      this.note,
      this.strip,
      this.posting,
      this.errors,
      el(
        "details",
        { ontoggle: (event) => event.target.open && this.loadSettings() },
        el("summary", {}, "How often, and how"),
        this.settings,
      ),
    );
  }

  path(what) {
    return personaPath(this.persona.name, `queue/${what}`);
  }

  /** Show the coming days; return when each approved draft goes out, by its id. */
  async load(counts, isForbidden) {
    const isNew = Object.values(counts).every((number) => !number);
    this.element.hidden = isForbidden || isNew;
    if (this.element.hidden) return new Map();
    const [calendar, { accounts }] = await Promise.all([
      get(this.path("calendar?days=7"), this.signal),
      get("/api/accounts", this.signal).catch(() => ({ accounts: [] })),
    ]);
    this.note.textContent = counts.approved
      ? `On the clock of ${calendar.time_zone}, while popinjay bot runs or a timer has it post.`
      : "Approve drafts, and they take these slots in their order.";
    fill(
      this.strip,
      calendar.days.map((day) => dayRow(day, calendar.quiet)),
    );
    this.showPosting(accounts, counts.approved);
    return new Map(
      calendar.days.flatMap(({ day, slots }) =>
        slots
          .filter(({ draft }) => draft !== null)
          .map(({ draft, at, clock }) => [draft, { at, words: `${dayName(day)}, ${clock}` }]),
      ),
    );
  }

  showPosting(accounts, approved) {
    const names = accounts.map(({ name }) => name).join(" ");
    if (this.postButton && names === this.names) {
      this.postButton.disabled = !approved;
      return;
    }
    this.names = names;
    if (!accounts.length) {
      fill(
        this.posting,
        el(
          "p",
          { class: "aside" },
          "No account is logged in yet. In a terminal: ",
          el("code", {}, "popinjay login bsky"),
          " or ",
          el("code", {}, "popinjay login mastodon"),
        ),
      );
      return;
    }
    const which = el(
      "select",
      { id: "account", "aria-label": "Account" },
      accounts.map(({ name }) => el("option", { value: name }, name)),
    );
    const button = el("button", { type: "button", disabled: !approved }, "Post the next one now");
    button.addEventListener(
      "click",
      actionHandler(button, this.errors, async () => {
        const { draft } = await post(this.path("post"), { account: which.value });
        announce(draft ? "Posted." : "Nothing new was posted.");
        await this.onPosted();
      }),
    );
    this.postButton = button;
    fill(this.posting, el("div", { class: "line" }, which, button));
  }

  async loadSettings() {
    const found = await get(this.path("settings"), this.signal);
    const [from, until] = found.quiet_hours.includes("-") ? found.quiet_hours.split("-") : ["", ""];
    const input = (id, value, given = {}) => el("input", { id, value, ...given });
    const every = EVERY.includes(found.every) ? EVERY : [found.every, ...EVERY];
    const fields = {
      every: choice("every", found.every, Object.fromEntries(every.map((one) => [one, one]))),
      per_day: input("per_day", String(found.per_day ?? 6), { type: "number", min: "1", max: "6" }),
      from: input("from", from, { type: "time" }),
      until: input("until", until, { type: "time" }),
      time_zone: input("time_zone", found.time_zone, {
        placeholder: Intl.DateTimeFormat().resolvedOptions().timeZone,
        autocomplete: "off",
      }),
      visibility: choice("visibility", found.visibility, VISIBILITIES),
      warning: input("warning", found.warning, { maxlength: "200", dir: "auto" }),
      operator: input("operator", found.operator, { maxlength: "200", dir: "auto" }),
    };
    const errors = el("div");
    const button = el("button", { class: "main" }, "Save");
    const form = el(
      "form",
      { class: "bot-settings" },
      labelled("One post every", fields.every),
      labelled("At most within 24 hours", fields.per_day),
      labelled("Quiet from", fields.from),
      labelled("until", fields.until),
      labelled("Time zone", fields.time_zone),
      labelled("Who sees it, on Mastodon", fields.visibility),
      labelled("Content warning", fields.warning),
      labelled("Who answers for it", fields.operator),
      el("div", {}, button),
    );
    form.addEventListener(
      "submit",
      actionHandler(button, errors, async () => {
        await patch(this.path("settings"), chosen(fields));
        announce("Saved");
        await this.onPosted();
      }),
    );
    fill(this.settings, form, errors);
  }
}

const chosen = (fields) => ({
  every: fields.every.value,
  per_day: Number(fields.per_day.value) || null,
  quiet_hours:
    fields.from.value && fields.until.value ? `${fields.from.value}-${fields.until.value}` : "none",
  time_zone: fields.time_zone.value.trim(),
  visibility: fields.visibility.value,
  warning: fields.warning.value.trim(),
  operator: fields.operator.value.trim(),
});

const choice = (id, value, labels) =>
  el(
    "select",
    { id },
    Object.entries(labels).map(([key, words]) =>
      el("option", { value: key, selected: key === value }, words),
    ),
  );

const labelled = (words, field) => el("div", {}, el("label", { for: field.id }, words), field);

/** A day of the strip: its quiet hours shaded, its slots as dots, and the same in words. */
const dayRow = ({ day, slots }, quiet) => {
  const bar = el("div", { class: "bar", "aria-hidden": "true" });
  for (const [since, until] of quiet) {
    const part = el("span", { class: "quiet" });
    part.style.insetInlineStart = share(since);
    part.style.insetInlineEnd = `${(100 - Number.parseFloat(share(until))).toFixed(2)}%`;
    bar.append(part);
  }
  for (const { clock, draft } of slots) {
    const dot = el("span", { class: draft === null ? "slot" : "slot taken" });
    dot.style.insetInlineStart = share(clock);
    bar.append(dot);
  }
  const taken = slots.filter(({ draft }) => draft !== null);
  return el(
    "li",
    {},
    el("b", {}, dayName(day)),
    bar,
    el(
      "p",
      { class: "aside" },
      taken.length ? taken.map(({ clock }) => clock).join(" · ") : slots.length ? "free" : "no slot",
    ),
  );
};
