// Talks to the server that the page came from.

const HELD = "tenfold-token";

// `tenfold serve` prints an address with the token behind the #, which no browser sends anywhere.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem(HELD, given);
  history.replaceState(null, "", location.pathname);
}

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function hold(token) {
  sessionStorage.setItem(HELD, token);
}

export function holdsToken() {
  return sessionStorage.getItem(HELD) !== null;
}

async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  const token = sessionStorage.getItem(HELD);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch {
    throw new Refused(0, "away", "The server does not answer.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) throw new Refused(401, "unauthorized", "Without its token this server reads nothing.");
  if (!response.ok) {
    const { code = "unknown", message = `The server answered ${response.status}.` } = answer.error ?? {};
    throw new Refused(response.status, code, message);
  }
  return answer;
}

export const model = () => ask("/v1/model");

/** The reading of a picture; each digit's frame as 784 bytes, and as a key. */
export async function read(picture) {
  const headers = { "Content-Type": picture.type };
  const reading = await ask("/v1/read?details=true", { method: "POST", body: picture, headers });
  for (const digit of reading.digits) {
    digit.key = digit.frame;
    digit.frame = Uint8Array.from(atob(digit.key), (c) => c.charCodeAt(0));
  }
  return reading;
}

/** Where the network looked in a 28x28 image, given as 784 bytes. */
export const looked = (frame) =>
  ask("/v1/looked", { method: "POST", body: frame, headers: { "Content-Type": "application/octet-stream" } });

/** Digit number `digit` of `picture` is a `truth`: 0 to 9, or null for no digit. */
export async function correct(picture, digit, truth) {
  const body = JSON.stringify({ picture: await base64(picture), digit, truth });
  return ask("/v1/feedback", { method: "POST", body, headers: { "Content-Type": "application/json" } });
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
