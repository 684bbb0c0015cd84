// The drawing area: strokes of mouse, pen and finger, stored as points so that they can be undone.

export const WIDTH = 640; // in units of the drawing area, whatever its size on the screen
export const HEIGHT = 480;
const SENT_SIDE = 320; // pixels, the longer side of the picture that is sent; the model sees a digit in 20

export class Pad {
  /** onChange: called after each change of the drawing. */
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.strokes = []; // a new array for each change; earlier ones are never modified
    this.undoStack = []; // of strokes
    this.redoStack = [];
    this.width = 22;
    this.pointer = null;
    canvas.addEventListener("pointerdown", (event) => this.onPointerDown(event));
    canvas.addEventListener("pointermove", (event) => this.onPointerMove(event));
    for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, (event) => this.onPointerUp(event));
    new ResizeObserver(() => this.resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  get isEmpty() {
    return this.strokes.length === 0;
  }

  get canUndo() {
    return this.undoStack.length > 0;
  }

  undo() {
    this.restore(this.undoStack, this.redoStack);
  }

  redo() {
    this.restore(this.redoStack, this.undoStack);
  }

  restore(from, to) {
    if (!from.length) return;
    to.push(this.strokes);
    this.setStrokes(from.pop());
    this.onChange();
  }

  /** Show other strokes; undo restores the current ones. */
  show(strokes) {
    if (this.isEmpty && !strokes.length) return;
    this.undoStack.push(this.strokes);
    this.redoStack = [];
    this.setStrokes(strokes);
  }

  setStrokes(strokes) {
    this.strokes = strokes;
    this.pointer = null; // an unfinished stroke ends
    this.draw();
  }

  /** The drawing as a PNG, black on white, cropped to the ink and scaled down; and the drawing area in its pixels. */
  async picture() {
    const points = this.strokes.flat();
    const margin = 20 + Math.max(...points.map((point) => point.width)) / 2;
    const [left, top] = ["x", "y"].map((axis) => Math.min(...points.map((point) => point[axis])) - margin);
    const [right, bottom] = ["x", "y"].map((axis) => Math.max(...points.map((point) => point[axis])) + margin);
    const scale = Math.min(1, SENT_SIDE / Math.max(right - left, bottom - top));
    const image = new OffscreenCanvas(Math.ceil((right - left) * scale), Math.ceil((bottom - top) * scale));
    const context = image.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, image.width, image.height);
    context.scale(scale, scale);
    context.translate(-left, -top);
    for (const stroke of this.strokes) drawStroke(context, stroke, "black");
    const blob = await image.convertToBlob({ type: "image/png" });
    return { blob, area: { left: -left * scale, top: -top * scale, width: WIDTH * scale, height: HEIGHT * scale } };
  }

  onPointerDown(event) {
    if (this.pointer !== null || event.button !== 0) return;
    this.show([...this.strokes, [this.point(event)]]);
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.onChange();
  }

  onPointerMove(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const stroke = this.strokes.at(-1);
    for (const sample of events.length ? events : [event]) {
      const point = this.point(sample);
      const last = stroke.at(-1);
      if (Math.hypot(point.x - last.x, point.y - last.y) >= 1.5) stroke.push(point);
    }
    this.draw();
    this.onChange();
  }

  onPointerUp(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.onChange();
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    // Only pens report a meaningful pressure.
    const pressure = event.pointerType === "pen" && event.pressure > 0 ? 0.4 + 1.2 * event.pressure : 1;
    return {
      x: ((event.clientX - box.left) / box.width) * WIDTH,
      y: ((event.clientY - box.top) / box.height) * HEIGHT,
      width: this.width * pressure,
    };
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = Math.round(clientWidth * devicePixelRatio);
    this.canvas.height = Math.round(clientHeight * devicePixelRatio);
    this.draw();
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.scale(this.canvas.width / WIDTH, this.canvas.height / HEIGHT);
    const ink = getComputedStyle(this.canvas).color;
    for (const stroke of this.strokes) drawStroke(context, stroke, ink);
  }
}

/** A smooth line: curves between the midpoints of the points, each as wide as the pen pressure there says. */
export function drawStroke(context, points, ink) {
  context.strokeStyle = context.fillStyle = ink;
  context.lineCap = context.lineJoin = "round";
  const first = points[0];
  if (points.length === 1) {
    context.beginPath();
    context.arc(first.x, first.y, first.width / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  let from = first;
  let width = first.width;
  for (let i = 1; i < points.length; i++) {
    const [before, point] = [points[i - 1], points[i]];
    const isLast = i === points.length - 1;
    const to = isLast ? point : { x: (before.x + point.x) / 2, y: (before.y + point.y) / 2 };
    width += (point.width - width) * 0.4;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.quadraticCurveTo(before.x, before.y, to.x, to.y);
    context.stroke();
    from = to;
  }
}
