// Shows a reading: the digits, how sure they are, what the network saw and where it looked.

const $ = (id) => document.getElementById(id);

export function percent(share) {
  if (share > 0 && share < 0.0005) return "< 0.1 %";
  if (share < 1 && share >= 0.9995) return "> 99.9 %";
  return `${(100 * share).toFixed(1)} %`;
}

export class View {
  /** `select(i)` is called when digit i is chosen, `correct(truth)` when the chosen one is said to be another. */
  constructor(select, correct) {
    this.select = select;
    this.bars = Array.from({ length: 10 }, (_, digit) => bar(digit, correct));
    $("bars").append(...this.bars.map(({ row }) => row));
    $("none").onclick = () => correct(null);
  }

  /** Nothing is written. */
  empty() {
    this.state("empty");
    $("text").replaceChildren();
    $("summary").textContent = "Nothing to read yet";
    $("boxes").replaceChildren();
  }

  /** "empty", "none" (no digit) or "read". */
  state(name) {
    document.body.dataset.state = name;
    for (const { row, fill, share } of this.bars) {
      row.disabled = name !== "read";
      if (name === "read") continue;
      row.className = "bar";
      fill.style.transform = "";
      share.textContent = "";
    }
    $("none").disabled = name !== "read";
    this.said(undefined);
    if (name !== "read") for (const id of ["saw", "looked"]) drawFrame($(id), new Uint8Array(784));
  }

  /** `area`: where the sheet's corner lies, and how large it is, in the pixels of boxes; null where none are shown. */
  reading(reading, chosen, area, milliseconds) {
    this.state(reading.digits.length ? "read" : "none");
    const rows = reading.text.split("\n").filter(Boolean);
    let at = 0;
    $("text").replaceChildren(
      ...rows.map((row) => element("span", { className: "row" }, Array.from(row, () => this.digit(reading, at++, chosen)))),
    );
    $("text").style.setProperty("--longest", Math.max(1, ...rows.map((row) => row.length)));
    $("boxes").replaceChildren(...(area ? reading.digits.map((digit, i) => this.box(digit, i, chosen, area)) : []));
    const one = reading.digits.length === 1;
    $("summary").textContent = reading.digits.length
      ? `${percent(reading.confidence)} sure${one ? "" : " of all together"} · read in ${milliseconds.toFixed(0)} ms`
      : `There is no digit here · took ${milliseconds.toFixed(0)} ms`;
    const digit = reading.digits[chosen];
    if (digit) this.why(digit, reading.digits.length > 1 ? chosen + 1 : 0);
  }

  digit(reading, i, chosen) {
    const { value, confidence } = reading.digits[i];
    const button = element("button", { type: "button", className: "digit", textContent: value });
    button.setAttribute("aria-pressed", i === chosen);
    button.setAttribute("aria-label", `${value}, ${percent(confidence)} sure`);
    button.classList.toggle("unsure", confidence < 0.8);
    button.onclick = () => this.select(i);
    return button;
  }

  box(digit, i, chosen, area) {
    const [x, y, width, height] = digit.box;
    const box = element("button", { type: "button", className: "box", tabIndex: -1, title: percent(digit.confidence) });
    box.setAttribute("aria-hidden", "true"); // the digits of the text say the same
    box.classList.toggle("chosen", i === chosen);
    box.classList.toggle("unsure", digit.confidence < 0.8);
    Object.assign(box.style, {
      left: `${(100 * (x - area.left)) / area.width}%`,
      top: `${(100 * (y - area.top)) / area.height}%`,
      width: `${(100 * width) / area.width}%`,
      height: `${(100 * height) / area.height}%`,
    });
    box.append(element("span", { textContent: digit.value }));
    box.onclick = () => this.select(i);
    return box;
  }

  why(digit, number) {
    for (const [value, { row, fill, share }] of this.bars.entries()) {
      const probability = digit.probabilities[value];
      fill.style.transform = `scaleX(${probability})`;
      share.textContent = percent(probability);
      row.classList.toggle("best", value === digit.value);
      row.classList.toggle("small", probability < 0.0005);
      const its = value === digit.value ? `It is ${value}, as read` : `It is ${value}`;
      row.setAttribute("aria-label", `${its} (${percent(probability)})`);
    }
    $("question").textContent = number ? `Digit ${number} is wrong? Tap what it is.` : "Wrong? Tap what it is.";
    drawFrame($("saw"), digit.frame);
  }

  /** The map of the chosen digit: `losses`, 28 rows of 28, or null while it is not known. */
  looked(frame, losses) {
    drawFrame($("looked"), frame, losses);
    $("looked").classList.toggle("waiting", losses === null);
  }

  /** What the chosen digit was said to be: null for no digit, undefined where nothing was said. */
  said(truth) {
    for (const [value, { row }] of this.bars.entries()) row.setAttribute("aria-pressed", value === truth);
    $("none").setAttribute("aria-pressed", truth === null);
  }
}

function bar(digit, correct) {
  const fill = element("i", {});
  const share = element("span", { className: "share" });
  const row = element("button", { type: "button", className: "bar" }, [
    element("b", { textContent: digit }),
    element("span", { className: "track" }, [fill]),
    share,
  ]);
  row.setAttribute("aria-keyshortcuts", digit);
  row.onclick = () => correct(digit);
  return { row, fill, share };
}

/** 784 gray levels as ink on the page's ground; with `losses`, ink is colored by how much it speaks for the digit. */
function drawFrame(canvas, frame, losses = null) {
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const [ink, hot, cold] = [style.color, style.getPropertyValue("--hot"), style.getPropertyValue("--cold")].map(rgb);
  const strongest = losses ? Math.max(0.02, ...losses.flat().map(Math.abs)) : 1;
  const pixels = context.createImageData(28, 28);
  for (let i = 0; i < 784; i++) {
    const loss = losses ? losses[Math.floor(i / 28)][i % 28] / strongest : 0;
    const color = loss >= 0 ? hot : cold;
    const tint = Math.min(1, Math.abs(loss));
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = ink[c] + (color[c] - ink[c]) * tint;
    pixels.data[4 * i + 3] = losses ? Math.max(frame[i] * (0.25 + 0.75 * tint), 150 * tint) : frame[i];
  }
  context.putImageData(pixels, 0, 0);
}

function rgb(color) {
  const probe = new OffscreenCanvas(1, 1).getContext("2d");
  probe.fillStyle = color;
  probe.fillRect(0, 0, 1, 1);
  return probe.getImageData(0, 0, 1, 1).data;
}

export function element(name, properties, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
