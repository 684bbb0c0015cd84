// The page: what is written or shown is read at once; here the parts meet.

import * as api from "./api.js";
import { listen, prepared, shot } from "./picture.js";
import { Pad } from "./pad.js";
import { element, View } from "./view.js";

const $ = (id) => document.getElementById(id);
const REST = 350; // milliseconds without a stroke after which a drawing counts as done
const PAUSE = 1000; // milliseconds after which a server that was busy or away is asked again
const TRIES = 100; // to send a correction to a server that is busy; a reading is asked for as long as it is wanted
const AWAY = "The server is not responding. Your writing is kept, and is read once the server is back.";

const KEPT = 20; // of what was read before

let subject = null; // what was read last: {blob, area, photo or strokes, reading, chosen, milliseconds}
let photo = null; // {blob, area} while a picture is shown, or stands for one that the browser can't show
let model = null; // what the server says about its model, and whether it stores corrections
const past = []; // subjects, the last one first

const pad = new Pad($("pad"), written);
const view = new View(choose, correct);

// Reading: one request at a time, always of the newest.

let asking = false;
let stale = false;
let sheets = 0; // how often all that is shown was replaced: an answer to what was there before comes too late
let changes = 0; // of what is shown, or is to be: a picture that takes long gives way to what came after it
let rest = 0;

function written() {
  changes += 1;
  photo = null;
  buttons();
  readSoon();
}

function buttons() {
  const shown = photo !== null || !pad.isEmpty;
  $("undo").disabled = photo !== null || !pad.canUndo;
  $("clear").disabled = !shown;
  $("sheet").dataset.shows = photo ? "photo" : pad.isEmpty ? "nothing" : "writing";
  $("photo").hidden = !photo?.area;
  $("unshown").hidden = !photo || photo.area;
}

function readSoon() {
  clearTimeout(rest);
  if (!photo && pad.isEmpty) {
    sheets += 1;
    stale = false;
    showNothing();
    return;
  }
  stale = true;
  if (!asking) requestAnimationFrame(readNow);
}

async function readNow() {
  if (asking || !stale) return;
  asking = true;
  const sheet = sheets;
  try {
    const found = await patiently(() => sheet === sheets && readShown());
    if (sheet === sheets) show(found);
    if (!model) introduce(); // who gave no token at first
  } catch (error) {
    if (sheet === sheets) showNothing();
    failed(error);
  } finally {
    asking = false;
  }
  if (stale) requestAnimationFrame(readNow);
}

async function readShown() {
  stale = false;
  if (photo) return { photo, ...(await read(photo)) };
  const strokes = pad.strokes;
  return { strokes, ...(await read(await pad.picture())) };
}

async function read({ blob, area }) {
  const begun = performance.now();
  const reading = await api.read(blob);
  return { blob, area, reading, milliseconds: performance.now() - begun };
}

function showNothing() {
  subject = null;
  view.empty();
}

function show(found) {
  const chosen = Math.min(subject?.chosen ?? 0, Math.max(0, found.reading.digits.length - 1));
  subject = { ...found, chosen };
  view.reading(found.reading, chosen, found.area, found.milliseconds);
  const digit = chosenDigit();
  view.corrected(labelOf(digit));
  if (digit) view.heatmap(digit.image, null);
  clearTimeout(rest);
  rest = setTimeout(done, REST);
}

/** Nothing was written for a moment: say it to who listens, and look closer. */
async function done() {
  if (pad.pointer !== null || !subject) return;
  const { text, digits } = subject.reading;
  $("spoken").textContent = digits.length ? `Read: ${text.split("\n").join(", ")}` : "No digit here";
  await explain();
}

async function explain() {
  const digit = chosenDigit();
  if (!digit) return;
  try {
    digit.heatmap ??= (await patiently(() => digit === chosenDigit() && api.explain(digit.image))).heatmap;
  } catch (error) {
    return failed(error);
  }
  if (digit === chosenDigit()) view.heatmap(digit.image, digit.heatmap);
}

function chosenDigit() {
  return subject?.reading.digits[subject.chosen];
}

function choose(i) {
  subject.chosen = i;
  view.reading(subject.reading, i, subject.area, subject.milliseconds);
  view.corrected(labelOf(chosenDigit()));
  view.heatmap(subject.reading.digits[i].image, null);
  explain();
}

// Corrections

// By the image that was read, so that a correction stays when the image is read again.
const words = new Map(); // the last word on it, which those give way to that still wait
const kept = new Map(); // what the server keeps
const sent = new Map(); // the promise of all that was sent before: one after the other, for the last that is kept counts

/** The label that a digit was given, once the server has stored it. */
function labelOf(digit) {
  return kept.get(digit?.key);
}

async function correct(label) {
  const digit = chosenDigit();
  if (!digit) return;
  const { blob, chosen } = subject;
  if (!model) await introduce();
  if (model && !model.feedback) return notice("This server stores no corrections.", 6000);
  words.set(digit.key, { label });
  sent.set(digit.key, send(digit.key, words.get(digit.key), blob, chosen, sent.get(digit.key)));
}

async function send(key, word, blob, chosen, before) {
  await before;
  const isLast = () => words.get(key) === word;
  const label = word.label ?? "not a digit";
  const busy = `The server is busy; the correction (${label}) will be sent again.`;
  try {
    if (!(await patiently(() => isLast() && api.correct(blob, chosen, word.label), TRIES, busy))) return;
    kept.set(key, word.label);
    if (!isLast()) return;
    view.corrected(labelOf(chosenDigit()));
    notice(`Thank you: stored as ${label}. Tap or press another to change it.`, 4000);
  } catch (error) {
    if (isLast()) notice(`The correction (${label}) was not stored; please try again: ${error.message}`, 10_000);
  }
}

// What was read before

function remember() {
  if (!subject?.reading.digits.length) return;
  const place = past.findIndex(isSame);
  if (place >= 0 && past[place].reading.text === subject.reading.text) return;
  if (place >= 0) forget(place); // it was read in the middle of a stroke
  const one = subject;
  past.unshift(one);
  const picture = element("img", { alt: "" });
  if (one.area) picture.src = URL.createObjectURL(one.blob);
  const text = one.reading.text.split("\n").join(" ");
  const button = element("button", { type: "button" }, [picture, element("span", { textContent: text })]);
  button.setAttribute("aria-label", `Show ${text} again`);
  button.onclick = () => again(one);
  $("history").prepend(element("li", {}, [button]));
  $("session").hidden = false;
  if (past.length > KEPT) forget(KEPT);
}

/** Whether `one` is what is shown, which it is where it was shown again, or a clear was undone. */
function isSame(one) {
  return one.photo === subject.photo && one.strokes === subject.strokes;
}

function forget(place) {
  past.splice(place, 1);
  const item = $("history").children[place];
  URL.revokeObjectURL(item.querySelector("img").src);
  item.remove();
}

function again(one) {
  replace(one.photo ?? null, one.strokes);
  subject = one;
  choose(one.chosen);
  if (!photo) readSoon(); // it may have been read in the middle of a stroke
}

/** Put a picture or strokes in the place of what is shown. */
function replace(picture, strokes = []) {
  remember();
  sheets += 1;
  changes += 1;
  stale = false;
  photo = picture;
  pad.show(strokes);
  if (photo) showPhoto();
  buttons();
}

// Pictures

async function take(file) {
  const mine = ++changes;
  try {
    const taken = await prepared(file);
    // What the browser can't show may be no picture at all: it takes the place of what is shown once it is read.
    if (!taken.area) notice("Reading the picture …");
    const found = taken.area ? null : await patiently(() => mine === changes && read(taken), 3);
    if (mine !== changes) return; // something else was written or shown meanwhile
    notice("");
    replace(taken);
    subject = null;
    if (found) show({ photo, ...found });
    else readSoon();
  } catch (error) {
    failed(error);
  }
}

function showPhoto() {
  URL.revokeObjectURL($("photo").src);
  $("photo").src = photo.area ? URL.createObjectURL(photo.blob) : "";
  $("sheet").style.setProperty("--shape", photo.area ? photo.area.width / photo.area.height : 4 / 3);
}

function clear() {
  replace(null);
  readSoon();
}

// What went wrong, and short words

let fading = 0; // the timer of words that go by themselves; 0 where there are none

function notice(text, milliseconds = 0) {
  clearTimeout(fading);
  $("notice").textContent = text;
  fading = milliseconds && setTimeout(notice, milliseconds, "");
}

function failed(error) {
  notice(error.message, 6000);
}

/** The answer to `ask`, which is asked again while the server is busy, does not answer, or wants its token. */
async function patiently(ask, tries = Infinity, busy = "") {
  for (let n = 1; ; n++) {
    try {
      const answer = await ask();
      if (n > 1 && !fading) notice("");
      return answer;
    } catch (error) {
      if (error.status === 401 && (await askForToken())) continue;
      const isAway = error.code === "away";
      if (!isAway && (!["queue_full", "shutting_down"].includes(error.code) || n >= tries)) throw error;
      const why = isAway ? AWAY : busy;
      if (why && !fading) notice(why);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

let token = null; // the promise of one while it is asked for

function askForToken() {
  token ??= new Promise((resolve) => {
    const dialog = $("asking");
    $("wrong").hidden = !api.hasToken();
    dialog.onclose = () => {
      const given = dialog.returnValue && $("token").value;
      if (given) api.storeToken(given);
      $("token").value = dialog.returnValue = "";
      token = null;
      resolve(given);
    };
    dialog.showModal();
  });
  return token;
}

// The beginning

async function introduce() {
  try {
    model = await patiently(api.model);
    $("about").textContent = `Model ${model.name} · tenfold ${model.version}`;
    $("kept").textContent = model.feedback
      ? "Only corrections are stored on the server: the picture, the prediction, your correction and the time."
      : "This server stores nothing that you write or show.";
  } catch (error) {
    failed(error);
  }
}

$("undo").onclick = () => pad.undo();
$("clear").onclick = clear;
$("width").oninput = () => (pad.width = Number($("width").value));
$("camera").onclick = async () => {
  try {
    const file = await shot($("shooting"), $("video"));
    if (file) await take(file);
  } catch (error) {
    failed(error);
  }
};
listen(take, $("sheet"), $("file"), $("choose"));

addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.altKey) return;
  const key = event.key.toLowerCase();
  const isCommand = event.ctrlKey || event.metaKey;
  if (key === "z" && !event.shiftKey && !photo) pad.undo();
  else if ((key === "z" || (key === "y" && isCommand)) && !photo) pad.redo();
  else if (isCommand) return;
  else if (event.key === "Escape" && !$("clear").disabled) clear();
  else if (/^[0-9]$/.test(event.key) && subject) correct(Number(event.key));
  else return;
  event.preventDefault();
});

view.empty();
buttons();
introduce();
