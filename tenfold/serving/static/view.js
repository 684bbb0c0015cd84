// Shows a reading: the digits, how sure they are, what the network saw and what supports its prediction.

const $ = (id) => document.getElementById(id);

export function percent(probability) {
  if (probability > 0 && probability < 0.0005) return "< 0.1 %";
  if (probability < 1 && probability >= 0.9995) return "> 99.9 %";
  return `${(100 * probability).toFixed(1)} %`;
}

export class View {
  /** `select(i)` is called when digit i is chosen, `correct(label)` when the chosen one is corrected. */
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
    for (const { row, fill, percentage } of this.bars) {
      row.disabled = name !== "read";
      if (name === "read") continue;
      row.className = "bar";
      fill.style.transform = "";
      percentage.textContent = "";
    }
    $("none").disabled = name !== "read";
    this.corrected(undefined);
    if (name !== "read") for (const id of ["saw", "heatmap"]) drawImage($(id), new Uint8Array(784));
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
      : `No digit here · ${milliseconds.toFixed(0)} ms`;
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
    for (const [value, { row, fill, percentage }] of this.bars.entries()) {
      const probability = digit.probabilities[value];
      fill.style.transform = `scaleX(${probability})`;
      percentage.textContent = percent(probability);
      row.classList.toggle("best", value === digit.value);
      row.classList.toggle("small", probability < 0.0005);
      const its = value === digit.value ? `It is ${value}, as read` : `It is ${value}`;
      row.setAttribute("aria-label", `${its} (${percent(probability)})`);
    }
    $("question").textContent = number ? `Digit ${number} is wrong? Tap what it is.` : "Wrong? Tap what it is.";
    drawImage($("saw"), digit.image);
  }

  /** The heatmap of the chosen digit, 28 rows of 28, or null until it is known. */
  heatmap(image, heatmap) {
    drawImage($("heatmap"), image, heatmap);
    $("heatmap").classList.toggle("waiting", heatmap === null);
  }

  /** The label that the chosen digit was given: null for no digit, undefined if it has not been corrected. */
  corrected(label) {
    for (const [value, { row }] of this.bars.entries()) row.setAttribute("aria-pressed", value === label);
    $("none").setAttribute("aria-pressed", label === null);
  }
}

function bar(digit, correct) {
  const fill = element("i", {});
  const percentage = element("span", { className: "percentage" });
  const row = element("button", { type: "button", className: "bar" }, [
    element("b", { textContent: digit }),
    element("span", { className: "track" }, [fill]),
    percentage,
  ]);
  row.setAttribute("aria-keyshortcuts", digit);
  row.onclick = () => correct(digit);
  return { row, fill, percentage };
}

/** 784 gray levels as ink on the page's background; with a heatmap, colored by how much they support the digit. */
function drawImage(canvas, image, heatmap = null) {
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const [ink, hot, cold] = [style.color, style.getPropertyValue("--hot"), style.getPropertyValue("--cold")].map(rgb);
  const strongest = heatmap ? Math.max(0.02, ...heatmap.flat().map(Math.abs)) : 1;
  const pixels = context.createImageData(28, 28);
  for (let i = 0; i < 784; i++) {
    const value = heatmap ? heatmap[Math.floor(i / 28)][i % 28] / strongest : 0;
    const color = value >= 0 ? hot : cold;
    const tint = Math.min(1, Math.abs(value));
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = ink[c] + (color[c] - ink[c]) * tint;
    pixels.data[4 * i + 3] = heatmap ? Math.max(image[i] * (0.25 + 0.75 * tint), 150 * tint) : image[i];
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
