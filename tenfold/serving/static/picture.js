// Pictures that are dropped, pasted, selected, or taken with the camera.

const MAX_SIDE = 2000; // pixels; the server does not use more
const MAX_ASPECT_RATIO = 8; // of the drawing area

/** What to send for `file`, and the area in which boxes are shown; null if the browser can't show the picture, which the
 * server may still read, such as TIFF. Throws Error for a folder. */
export async function preparePicture(file) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return { blob: await copyWithoutType(file), area: null };
  const factor = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * factor)));
  const blob = factor < 1 ? await downscale(bitmap, width, height, file.type) : file;
  bitmap.close();
  return { blob, area: fitArea(width, height) };
}

/** Without its type, which may be wrong: the server detects it. */
async function copyWithoutType(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Error("The file can't be opened.");
  }
  return new Blob([file]);
}

function downscale(bitmap, width, height, type) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0, width, height);
  // Other types than JPEG may be transparent and stay so: the server chooses a background that shows the ink.
  return canvas.convertToBlob({ type: type === "image/jpeg" ? type : "image/webp", quality: 0.92 });
}

/** The area that shows a picture in its center, of a limited aspect ratio whatever that of the picture is. */
function fitArea(width, height) {
  const [areaWidth, areaHeight] = [Math.max(width, height / MAX_ASPECT_RATIO), Math.max(height, width / MAX_ASPECT_RATIO)];
  return { left: (width - areaWidth) / 2, top: (height - areaHeight) / 2, width: areaWidth, height: areaHeight };
}

/** Call `load(file)` for each picture that is dropped on the page, pasted, or selected. */
export function listenForPictures(load, area, chooser, button) {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  for (const type of ["dragenter", "dragover"])
    addEventListener(type, (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      area.classList.add("drop-target");
    });
  addEventListener("dragleave", (event) => event.relatedTarget ?? area.classList.remove("drop-target"));
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    area.classList.remove("drop-target");
    const file = event.dataTransfer.files[0];
    if (file) load(file);
  });
  addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (file) load(file);
  });
  button.onclick = () => chooser.click();
  chooser.onchange = () => {
    if (chooser.files[0]) load(chooser.files[0]);
    chooser.value = ""; // so that the same file can be selected again
  };
}

/** A picture from the camera, or null if the dialog was canceled. Throws Error if no camera is available. */
export async function takePhoto(dialog, video) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: 1920 } });
  } catch {
    throw new Error("No camera is available, or the page is not allowed to use it.");
  }
  try {
    video.srcObject = stream;
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    if (dialog.returnValue !== "photo" || !video.videoWidth) return null;
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0);
    return await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}
