// The page: reads drawings and pictures as they change, explains and corrects the digits.

import * as api from "./api.js";
import { listenForPictures, preparePicture, takePhoto } from "./picture.js";
import { Pad } from "./pad.js";
import { element, View } from "./view.js";

const $ = (id) => document.getElementById(id);
const IDLE_MS = 350; // without a stroke, after which a drawing counts as finished
const RETRY_MS = 1000; // after which a request to a busy or unreachable server is sent again
const MAX_RETRIES = 100; // of a correction; readings are retried as long as they are needed
const UNREACHABLE = "The server is not responding. Your writing is kept, and will be read when the server is back.";
const MAX_HISTORY = 20; // earlier results

let current = null; // the last result: {blob, area, photo or strokes, reading, selected, milliseconds}
let photo = null; // {blob, area} of the picture that is shown; area is null if the browser can't show it
let model = null; // the response of /v1/model
const earlier = []; // results, the latest first

const pad = new Pad($("pad"), onDrawingChange);
const view = new View(selectDigit, correct);

// Reading: one request at a time, always for the latest content.

let isReading = false;
let isStale = false;
let generation = 0; // incremented when the content is replaced: responses for earlier content are ignored
let changes = 0; // incremented with every change: a slow picture gives way to later content
let idleTimer = 0;

function onDrawingChange() {
  changes += 1;
  photo = null;
  updateButtons();
  scheduleReading();
}

function updateButtons() {
  const shown = photo !== null || !pad.isEmpty;
  $("undo").disabled = photo !== null || !pad.canUndo;
  $("clear").disabled = !shown;
  $("sheet").dataset.shows = photo ? "photo" : pad.isEmpty ? "nothing" : "writing";
  $("photo").hidden = !photo?.area;
  $("no-preview").hidden = !photo || photo.area;
}

function scheduleReading() {
  clearTimeout(idleTimer);
  if (!photo && pad.isEmpty) {
    generation += 1;
    isStale = false;
    clearResult();
    return;
  }
  isStale = true;
  if (!isReading) requestAnimationFrame(readLatest);
}

async function readLatest() {
  if (isReading || !isStale) return;
  isReading = true;
  const started = generation;
  try {
    const result = await retry(() => started === generation && readContent());
    if (started === generation) show(result);
    if (!model) loadModelInfo(); // it failed if the token was not known yet
  } catch (error) {
    if (started === generation) clearResult();
    showError(error);
  } finally {
    isReading = false;
  }
  if (isStale) requestAnimationFrame(readLatest);
}

async function readContent() {
  isStale = false;
  if (photo) return { photo, ...(await read(photo)) };
  const strokes = pad.strokes;
  return { strokes, ...(await read(await pad.picture())) };
}

async function read({ blob, area }) {
  const start = performance.now();
  const reading = await api.read(blob);
  return { blob, area, reading, milliseconds: performance.now() - start };
}

function clearResult() {
  current = null;
  view.showEmpty();
}

function show(result) {
  const selected = Math.min(current?.selected ?? 0, Math.max(0, result.reading.digits.length - 1));
  current = { ...result, selected };
  view.showReading(result.reading, selected, result.area, result.milliseconds);
  const digit = selectedDigit();
  view.markLabel(labelOf(digit));
  if (digit) view.showHeatmap(digit.image, null);
  clearTimeout(idleTimer);
  idleTimer = setTimeout(onIdle, IDLE_MS);
}

/** Called when the drawing is finished: announce the result to screen readers, and explain it. */
async function onIdle() {
  if (pad.pointer !== null || !current) return;
  const { text, digits } = current.reading;
  $("spoken").textContent = digits.length ? `Read: ${text.split("\n").join(", ")}` : "No digit here";
  await explain();
}

async function explain() {
  const digit = selectedDigit();
  if (!digit) return;
  try {
    digit.heatmap ??= (await retry(() => digit === selectedDigit() && api.explain(digit.image))).heatmap;
  } catch (error) {
    return showError(error);
  }
  if (digit === selectedDigit()) view.showHeatmap(digit.image, digit.heatmap);
}

function selectedDigit() {
  return current?.reading.digits[current.selected];
}

function selectDigit(i) {
  current.selected = i;
  view.showReading(current.reading, i, current.area, current.milliseconds);
  view.markLabel(labelOf(selectedDigit()));
  view.showHeatmap(current.reading.digits[i].image, null);
  explain();
}

// Corrections

// Keyed by the digit's image, so that a correction stays when the same image is read again.
const corrections = new Map(); // the latest one of each digit; earlier ones that still wait are dropped
const storedLabels = new Map(); // as the server has them
const requests = new Map(); // the promise of all requests so far: they are sent one by one, as the last one counts

/** The label that a digit was given, once the server has stored it. */
function labelOf(digit) {
  return storedLabels.get(digit?.key);
}

async function correct(label) {
  const digit = selectedDigit();
  if (!digit) return;
  const { blob, selected } = current;
  if (!model) await loadModelInfo();
  if (model && !model.feedback) return notice("This server stores no corrections.", 6000);
  corrections.set(digit.key, { label });
  requests.set(digit.key, send(digit.key, corrections.get(digit.key), blob, selected, requests.get(digit.key)));
}

async function send(key, correction, blob, selected, before) {
  await before;
  const isLatest = () => corrections.get(key) === correction;
  const label = correction.label ?? "not a digit";
  const busy = `The server is busy; the correction (${label}) will be sent again.`;
  try {
    if (!(await retry(() => isLatest() && api.correct(blob, selected, correction.label), MAX_RETRIES, busy))) return;
    storedLabels.set(key, correction.label);
    if (!isLatest()) return;
    view.markLabel(labelOf(selectedDigit()));
    notice(`Thank you, stored as ${label}. Choose another digit to change it.`, 4000);
  } catch (error) {
    if (isLatest()) notice(`The correction (${label}) was not stored; please try again: ${error.message}`, 10_000);
  }
}

// Earlier results

function addToHistory() {
  if (!current?.reading.digits.length) return;
  const index = earlier.findIndex(isCurrent);
  if (index >= 0 && earlier[index].reading.text === current.reading.text) return;
  if (index >= 0) removeFromHistory(index); // the earlier result was read during a stroke
  const entry = current;
  earlier.unshift(entry);
  const picture = element("img", { alt: "" });
  if (entry.area) picture.src = URL.createObjectURL(entry.blob);
  const text = entry.reading.text.split("\n").join(" ");
  const button = element("button", { type: "button" }, [picture, element("span", { textContent: text })]);
  button.setAttribute("aria-label", `Show ${text} again`);
  button.onclick = () => restore(entry);
  $("history").prepend(element("li", {}, [button]));
  $("session").hidden = false;
  if (earlier.length > MAX_HISTORY) removeFromHistory(MAX_HISTORY);
}

/** Whether `entry` is shown at the moment, for example because it was restored. */
function isCurrent(entry) {
  return entry.photo === current.photo && entry.strokes === current.strokes;
}

function removeFromHistory(index) {
  earlier.splice(index, 1);
  const item = $("history").children[index];
  URL.revokeObjectURL(item.querySelector("img").src);
  item.remove();
}

function restore(entry) {
  replaceContent(entry.photo ?? null, entry.strokes);
  current = entry;
  selectDigit(entry.selected);
  if (!photo) scheduleReading(); // it may have been read during a stroke
}

/** Show a picture or strokes instead of the current content. */
function replaceContent(picture, strokes = []) {
  addToHistory();
  generation += 1;
  changes += 1;
  isStale = false;
  photo = picture;
  pad.show(strokes);
  if (photo) showPhoto();
  updateButtons();
}

// Pictures

async function loadPicture(file) {
  const change = ++changes;
  try {
    const picture = await preparePicture(file);
    // What the browser can't show may not be a picture: it is shown once it has been read.
    if (!picture.area) notice("Reading the picture …");
    const result = picture.area ? null : await retry(() => change === changes && read(picture), 3);
    if (change !== changes) return; // something else is shown by now
    notice("");
    replaceContent(picture);
    current = null;
    if (result) show({ photo, ...result });
    else scheduleReading();
  } catch (error) {
    showError(error);
  }
}

function showPhoto() {
  URL.revokeObjectURL($("photo").src);
  $("photo").src = photo.area ? URL.createObjectURL(photo.blob) : "";
  $("sheet").style.setProperty("--shape", photo.area ? photo.area.width / photo.area.height : 4 / 3);
}

function clear() {
  replaceContent(null);
  scheduleReading();
}

// Notices and errors

let noticeTimer = 0; // of a notice that disappears by itself; 0 if there is none

function notice(text, milliseconds = 0) {
  clearTimeout(noticeTimer);
  $("notice").textContent = text;
  noticeTimer = milliseconds && setTimeout(notice, milliseconds, "");
}

function showError(error) {
  notice(error.message, 6000);
}

/** The result of `request`, which is repeated while the server is busy, unreachable, or needs a token. */
async function retry(request, tries = Infinity, busy = "") {
  for (let n = 1; ; n++) {
    try {
      const result = await request();
      if (n > 1 && !noticeTimer) notice("");
      return result;
    } catch (error) {
      if (error.status === 401 && (await askForToken())) continue;
      const isUnreachable = error.code === "unreachable";
      if (!isUnreachable && (!["queue_full", "shutting_down"].includes(error.code) || n >= tries)) throw error;
      const message = isUnreachable ? UNREACHABLE : busy;
      if (message && !noticeTimer) notice(message);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

let token = null; // the promise of a token while the dialog is open

function askForToken() {
  token ??= new Promise((resolve) => {
    const dialog = $("token-dialog");
    $("token-error").hidden = !api.hasToken();
    dialog.onclose = () => {
      const entered = dialog.returnValue && $("token").value;
      if (entered) api.storeToken(entered);
      $("token").value = dialog.returnValue = "";
      token = null;
      resolve(entered);
    };
    dialog.showModal();
  });
  return token;
}

// Setup

async function loadModelInfo() {
  try {
    model = await retry(api.model);
    $("model-info").textContent = `Model ${model.name} · tenfold ${model.version}`;
    $("privacy").textContent = model.feedback
      ? "Only corrections are stored on the server: the picture, the prediction, your correction and the time."
      : "This server stores nothing that you write or show.";
  } catch (error) {
    showError(error);
  }
}

$("undo").onclick = () => pad.undo();
$("clear").onclick = clear;
$("width").oninput = () => (pad.width = Number($("width").value));
$("camera").onclick = async () => {
  try {
    const file = await takePhoto($("camera-dialog"), $("video"));
    if (file) await loadPicture(file);
  } catch (error) {
    showError(error);
  }
};
listenForPictures(loadPicture, $("sheet"), $("file"), $("choose"));

addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.altKey) return;
  const key = event.key.toLowerCase();
  const isCommand = event.ctrlKey || event.metaKey;
  if (key === "z" && !event.shiftKey && !photo) pad.undo();
  else if ((key === "z" || (key === "y" && isCommand)) && !photo) pad.redo();
  else if (isCommand) return;
  else if (event.key === "Escape" && !$("clear").disabled) clear();
  else if (/^[0-9]$/.test(event.key) && current) correct(Number(event.key));
  else return;
  event.preventDefault();
});

view.showEmpty();
updateButtons();
loadModelInfo();
