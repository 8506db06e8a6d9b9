// Swiping a card aside with a finger or a pen. With a mouse its text can be selected as usual.

const BEGINS = 10; // pixels, after which a movement is a swipe, if it goes sideways
const DECIDES = 0.28; // of the card's width
const MOST = 140; // pixels, which decide on wide screens
const LEANS = 0.03; // degrees for each pixel

/** Have a card follow the finger; `decide` is told the direction, 1 or -1, if it went far enough. */
export const letSwipe = (card, decide) => {
  let from = null; // where the finger came down
  let moved = 0;
  const rest = () => {
    from = null;
    moved = 0;
    card.style.transform = "";
    card.classList.remove("swiped");
    delete card.dataset.leaning;
  };
  const isFar = () => Math.abs(moved) >= Math.min(MOST, DECIDES * card.offsetWidth);
  card.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" || !event.isPrimary) return;
    if (event.target.closest("textarea, button, a")) return;
    from = { x: event.clientX, y: event.clientY, id: event.pointerId };
  });
  card.addEventListener("pointermove", (event) => {
    if (!from || event.pointerId !== from.id) return;
    const [x, y] = [event.clientX - from.x, event.clientY - from.y];
    if (!moved && (Math.abs(x) < BEGINS || Math.abs(x) < Math.abs(y))) return;
    if (!moved) {
      card.setPointerCapture(event.pointerId);
      card.classList.add("swiped");
    }
    moved = x || moved;
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    card.style.transform = `translateX(${x}px)${isStill ? "" : ` rotate(${x * LEANS}deg)`}`;
    if (isFar()) card.dataset.leaning = x > 0 ? "yes" : "no";
    else delete card.dataset.leaning;
  });
  card.addEventListener("pointerup", (event) => {
    if (!from || event.pointerId !== from.id) return;
    const direction = isFar() ? Math.sign(moved) : 0;
    const { transform } = card.style;
    rest();
    if (!direction) return;
    card.style.transform = transform; // it leaves from there
    decide(direction);
  });
  card.addEventListener("pointercancel", rest);
};
