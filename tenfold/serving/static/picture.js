// Pictures from elsewhere: dropped, pasted, chosen, or taken with the camera.

const MOST = 2000; // pixels a side that are sent: the server reads no more than that
const LONGEST = 8; // times its other side that a sheet is long

/** What to send of `file`, and the area in which boxes lie: null where the browser can't show it, though the server may
 * read it, as it does TIFF. Raises Error for a folder. */
export async function prepared(file) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return { blob: await asItIs(file), area: null };
  const factor = Math.min(1, MOST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * factor)));
  const blob = factor < 1 ? await reduced(bitmap, width, height, file.type) : file;
  bitmap.close();
  return { blob, area: around(width, height) };
}

/** Without its type, which may be wrong: the server looks for itself. */
async function asItIs(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Error("This is no file that can be read.");
  }
  return new Blob([file]);
}

function reduced(bitmap, width, height, kind) {
  const sheet = new OffscreenCanvas(width, height);
  sheet.getContext("2d").drawImage(bitmap, 0, 0, width, height);
  // A JPEG is opaque; what else may be transparent stays so, for the server knows on which ground ink shows.
  return sheet.convertToBlob({ type: kind === "image/jpeg" ? kind : "image/webp", quality: 0.92 });
}

/** The area that shows a picture in its middle: no longer than `LONGEST`, however long the picture is. */
function around(width, height) {
  const [wide, tall] = [Math.max(width, height / LONGEST), Math.max(height, width / LONGEST)];
  return { left: (width - wide) / 2, top: (height - tall) / 2, width: wide, height: tall };
}

/** Calls `take(file)` for each picture that is dropped on the page, pasted, or chosen. */
export function listen(take, sheet, chooser, button) {
  const inside = (event) => event.dataTransfer?.types.includes("Files");
  for (const kind of ["dragenter", "dragover"])
    addEventListener(kind, (event) => {
      if (!inside(event)) return;
      event.preventDefault();
      sheet.classList.add("dropping");
    });
  addEventListener("dragleave", (event) => event.relatedTarget ?? sheet.classList.remove("dropping"));
  addEventListener("drop", (event) => {
    if (!inside(event)) return;
    event.preventDefault();
    sheet.classList.remove("dropping");
    const file = event.dataTransfer.files[0];
    if (file) take(file);
  });
  addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (file) take(file);
  });
  button.onclick = () => chooser.click();
  chooser.onchange = () => {
    if (chooser.files[0]) take(chooser.files[0]);
    chooser.value = ""; // the same file may be chosen again
  };
}

/** A picture of the camera, or null. Raises Error where there is none or it is not allowed. */
export async function shot(dialog, video) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: 1920 } });
  } catch {
    throw new Error("There is no camera that this page may use.");
  }
  try {
    video.srcObject = stream;
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    if (dialog.returnValue !== "shoot" || !video.videoWidth) return null;
    const sheet = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    sheet.getContext("2d").drawImage(video, 0, 0);
    return await sheet.convertToBlob({ type: "image/jpeg", quality: 0.92 });
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}
