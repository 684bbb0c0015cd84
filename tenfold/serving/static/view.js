// Shows a reading: its digits and their confidence, what the model sees and what supports its prediction.

const $ = (id) => document.getElementById(id);

export function percent(probability) {
  if (probability > 0 && probability < 0.0005) return "< 0.1 %";
  if (probability < 1 && probability >= 0.9995) return "> 99.9 %";
  return `${(100 * probability).toFixed(1)} %`;
}

export class View {
  /** `select(i)` is called when digit i is selected, `correct(label)` when that digit is corrected. */
  constructor(select, correct) {
    this.select = select;
    this.bars = Array.from({ length: 10 }, (_, digit) => createBar(digit, correct));
    $("bars").append(...this.bars.map(({ button }) => button));
    $("none").onclick = () => correct(null);
  }

  /** Nothing is written. */
  showEmpty() {
    this.setState("empty");
    $("text").replaceChildren();
    $("summary").textContent = "Nothing to read yet";
    $("boxes").replaceChildren();
  }

  /** name: "empty", "none" (no digit) or "read". */
  setState(name) {
    document.body.dataset.state = name;
    for (const { button, fill, percentage } of this.bars) {
      button.disabled = name !== "read";
      if (name === "read") continue;
      button.className = "bar";
      fill.style.transform = "";
      percentage.textContent = "";
    }
    $("none").disabled = name !== "read";
    this.markLabel(undefined);
    if (name !== "read") for (const id of ["input-image", "heatmap"]) drawImage($(id), new Uint8Array(784));
  }

  /** area: corner and size of the drawing area in the pixels of boxes; null to show no boxes. */
  showReading(reading, selected, area, milliseconds) {
    this.setState(reading.digits.length ? "read" : "none");
    let first = 0;
    $("text").replaceChildren(
      ...reading.lines.map((line) => {
        const shown = this.showLine(reading, line, first, selected);
        first += line.text.length;
        return shown;
      }),
    );
    $("text").style.setProperty("--length", Math.max(1, ...reading.lines.map((line) => line.full_text.length)));
    $("boxes").replaceChildren(...(area ? reading.digits.map((digit, i) => this.boxButton(digit, i, selected, area)) : []));
    const one = reading.digits.length === 1;
    $("summary").textContent = reading.digits.length
      ? [`${percent(reading.confidence)} confident${one ? "" : " overall"}`, ...reading.warnings, `read in ${milliseconds.toFixed(0)} ms`].join(" · ")
      : `No digit here · ${milliseconds.toFixed(0)} ms`;
    const digit = reading.digits[selected];
    if (digit) this.showDetails(digit, reading.digits.length > 1 ? selected + 1 : 0);
  }

  /** The digits of a line as buttons, and the marks between them; `first` is the index of its first digit. */
  showLine(reading, line, first, selected) {
    const parts = [];
    for (let i = 0; i <= line.text.length; i++) {
      for (const { value, confidence, position } of line.marks)
        if (position === i && value !== "other")
          parts.push(element("span", { className: "mark", textContent: value, title: percent(confidence) }));
      if (i < line.text.length) parts.push(this.digitButton(reading, first + i, selected));
    }
    return element("span", { className: "line" }, parts);
  }

  digitButton(reading, i, selected) {
    const { value, confidence } = reading.digits[i];
    const button = element("button", { type: "button", className: "digit", textContent: value });
    button.setAttribute("aria-pressed", i === selected);
    button.setAttribute("aria-label", `${value}, ${percent(confidence)} confident`);
    button.classList.toggle("unsure", confidence < 0.8);
    button.onclick = () => this.select(i);
    return button;
  }

  boxButton(digit, i, selected, area) {
    const [x, y, width, height] = digit.box;
    const box = element("button", { type: "button", className: "box", tabIndex: -1, title: percent(digit.confidence) });
    box.setAttribute("aria-hidden", "true"); // the text has a button for the same digit
    box.classList.toggle("selected", i === selected);
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

  showDetails(digit, number) {
    for (const [value, { button, fill, percentage }] of this.bars.entries()) {
      const probability = digit.probabilities[value];
      fill.style.transform = `scaleX(${probability})`;
      percentage.textContent = percent(probability);
      button.classList.toggle("best", value === digit.value);
      button.classList.toggle("small", probability < 0.0005);
      const action = value === digit.value ? "Confirm" : "Correct to";
      button.setAttribute("aria-label", `${action} ${value} (${percent(probability)})`);
    }
    $("question").textContent = number ? `Is digit ${number} wrong? Tap the right one.` : "Wrong? Tap the right digit.";
    drawImage($("input-image"), digit.image);
  }

  /** heatmap: of the selected digit, 28 rows of 28; null until it is known. */
  showHeatmap(image, heatmap) {
    drawImage($("heatmap"), image, heatmap);
    $("heatmap").classList.toggle("waiting", heatmap === null);
  }

  /** Mark the label of the selected digit: null for not a digit, undefined if it was not corrected. */
  markLabel(label) {
    for (const [value, { button }] of this.bars.entries()) button.setAttribute("aria-pressed", value === label);
    $("none").setAttribute("aria-pressed", label === null);
  }
}

function createBar(digit, correct) {
  const fill = element("i", {});
  const percentage = element("span", { className: "percentage" });
  const button = element("button", { type: "button", className: "bar" }, [
    element("b", { textContent: digit }),
    element("span", { className: "track" }, [fill]),
    percentage,
  ]);
  button.setAttribute("aria-keyshortcuts", digit);
  button.onclick = () => correct(digit);
  return { button, fill, percentage };
}

/** 784 gray levels as ink on the page's background, colored by the heatmap if there is one. */
function drawImage(canvas, image, heatmap = null) {
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const [ink, hot, cold] = [style.color, style.getPropertyValue("--hot"), style.getPropertyValue("--cold")].map(rgb);
  const maximum = heatmap ? Math.max(0.02, ...heatmap.flat().map(Math.abs)) : 1;
  const pixels = context.createImageData(28, 28);
  for (let i = 0; i < 784; i++) {
    const value = heatmap ? heatmap[Math.floor(i / 28)][i % 28] / maximum : 0;
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
  const created = Object.assign(document.createElement(name), properties);
  created.append(...children);
  return created;
}
