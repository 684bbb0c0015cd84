// Calls the API of the server that the page came from.

const TOKEN_KEY = "tenfold-token";

// `tenfold serve` prints an address with the token behind the #, which browsers send nowhere.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  sessionStorage.setItem(TOKEN_KEY, token);
  history.replaceState(null, "", location.pathname);
}

export class APIError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function storeToken(token) {
  sessionStorage.setItem(TOKEN_KEY, token);
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN_KEY) !== null;
}

async function request(path, options = {}) {
  const headers = new Headers(options.headers);
  const token = sessionStorage.getItem(TOKEN_KEY);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch {
    throw new APIError(0, "unreachable", "The server is not responding.");
  }
  const content = await response.json().catch(() => ({}));
  if (response.status === 401) throw new APIError(401, "unauthorized", "This server needs a token.");
  if (!response.ok) {
    const { code = "unknown", message = `The server responded with status ${response.status}.` } = content.error ?? {};
    throw new APIError(response.status, code, message);
  }
  return content;
}

export const model = () => request("/v1/model");

/** The reading of a picture; each digit's image as 784 bytes, and as a key. */
export async function read(picture) {
  const headers = { "Content-Type": picture.type };
  const reading = await request("/v1/read?details=true", { method: "POST", body: picture, headers });
  for (const digit of reading.digits) {
    digit.key = digit.image;
    digit.image = Uint8Array.from(atob(digit.key), (c) => c.charCodeAt(0));
  }
  return reading;
}

/** Which pixels of a 28x28 image, given as 784 bytes, support its prediction. */
export const explain = (image) =>
  request("/v1/explain", { method: "POST", body: image, headers: { "Content-Type": "application/octet-stream" } });

/** The right `label` of digit number `digit` of `picture`: 0 to 9, or null if it is not a digit. */
export async function correct(picture, digit, label) {
  const body = JSON.stringify({ picture: await base64(picture), digit, label });
  return request("/v1/feedback", { method: "POST", body, headers: { "Content-Type": "application/json" } });
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
