// The sheet to write on: strokes of mouse, pen and finger, kept as points so that they can be taken back.

export const WIDTH = 640; // the sheet's own units, whatever its size on the screen
export const HEIGHT = 480;
const SENT = 320; // pixels of the longer side that is sent; a digit is looked at in 20

export class Pad {
  /** `changed` is called after each change of what is written. */
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.strokes = []; // a new array with each change, so that those before stay as they were
    this.before = []; // what each change replaced, for undo
    this.undone = []; // what undo took, for redo
    this.width = 22;
    this.pointer = null;
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.end(event));
    new ResizeObserver(() => this.fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  get isEmpty() {
    return this.strokes.length === 0;
  }

  get canUndo() {
    return this.before.length > 0;
  }

  undo() {
    this.step(this.before, this.undone);
  }

  redo() {
    this.step(this.undone, this.before);
  }

  step(from, to) {
    if (!from.length) return;
    to.push(this.strokes);
    this.put(from.pop());
    this.changed();
  }

  /** Show other strokes; undo brings back what was there. */
  show(strokes) {
    if (this.isEmpty && !strokes.length) return;
    this.before.push(this.strokes);
    this.undone = [];
    this.put(strokes);
  }

  put(strokes) {
    this.strokes = strokes;
    this.pointer = null; // a stroke that is not there any more doesn't grow
    this.draw();
  }

  /** What is written as a PNG, black on white: the part with ink, as fine as reading it needs; and where that lies. */
  async picture() {
    const points = this.strokes.flat();
    const margin = 20 + Math.max(...points.map((point) => point.width)) / 2;
    const [left, top] = ["x", "y"].map((axis) => Math.min(...points.map((point) => point[axis])) - margin);
    const [right, bottom] = ["x", "y"].map((axis) => Math.max(...points.map((point) => point[axis])) + margin);
    const scale = Math.min(1, SENT / Math.max(right - left, bottom - top));
    const sheet = new OffscreenCanvas(Math.ceil((right - left) * scale), Math.ceil((bottom - top) * scale));
    const pen = sheet.getContext("2d");
    pen.fillStyle = "white";
    pen.fillRect(0, 0, sheet.width, sheet.height);
    pen.scale(scale, scale);
    pen.translate(-left, -top);
    for (const stroke of this.strokes) paint(pen, stroke, "black");
    const blob = await sheet.convertToBlob({ type: "image/png" });
    return { blob, area: { left: -left * scale, top: -top * scale, width: WIDTH * scale, height: HEIGHT * scale } };
  }

  begin(event) {
    if (this.pointer !== null || event.button !== 0) return;
    this.show([...this.strokes, [this.point(event)]]);
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.changed();
  }

  move(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const stroke = this.strokes.at(-1);
    for (const one of events.length ? events : [event]) {
      const point = this.point(one);
      const last = stroke.at(-1);
      if (Math.hypot(point.x - last.x, point.y - last.y) >= 1.5) stroke.push(point);
    }
    this.draw();
    this.changed();
  }

  end(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.changed();
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    // Only pens tell a pressure that means something.
    const pressed = event.pointerType === "pen" && event.pressure > 0 ? 0.4 + 1.2 * event.pressure : 1;
    return {
      x: ((event.clientX - box.left) / box.width) * WIDTH,
      y: ((event.clientY - box.top) / box.height) * HEIGHT,
      width: this.width * pressed,
    };
  }

  fit() {
    const { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = Math.round(clientWidth * devicePixelRatio);
    this.canvas.height = Math.round(clientHeight * devicePixelRatio);
    this.draw();
  }

  draw() {
    const pen = this.canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.scale(this.canvas.width / WIDTH, this.canvas.height / HEIGHT);
    const ink = getComputedStyle(this.canvas).color;
    for (const stroke of this.strokes) paint(pen, stroke, ink);
  }
}

/** A smooth line: curves from middle to middle of the points, each piece as wide as the pen was pressed there. */
export function paint(pen, points, ink) {
  pen.strokeStyle = pen.fillStyle = ink;
  pen.lineCap = pen.lineJoin = "round";
  const first = points[0];
  if (points.length === 1) {
    pen.beginPath();
    pen.arc(first.x, first.y, first.width / 2, 0, 2 * Math.PI);
    pen.fill();
    return;
  }
  let from = first;
  let width = first.width;
  for (let i = 1; i < points.length; i++) {
    const [before, point] = [points[i - 1], points[i]];
    const isLast = i === points.length - 1;
    const to = isLast ? point : { x: (before.x + point.x) / 2, y: (before.y + point.y) / 2 };
    width += (point.width - width) * 0.4;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    pen.quadraticCurveTo(before.x, before.y, to.x, to.y);
    pen.stroke();
    from = to;
  }
}
