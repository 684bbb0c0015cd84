// Pictures from elsewhere: dropped, pasted, chosen, or taken with the camera.

const MOST = 2000; // pixels a side that are sent: the server reads no more than that

/** What to send of `file`, and the area in which boxes lie. Raises Error for what the browser can't show. */
export async function prepared(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error("This is no picture that can be read.");
  }
  const { width, height } = bitmap;
  const factor = MOST / Math.max(width, height);
  if (factor >= 1) {
    bitmap.close();
    return { blob: file, area: { left: 0, top: 0, width, height } };
  }
  const sheet = new OffscreenCanvas(Math.round(width * factor), Math.round(height * factor));
  sheet.getContext("2d").drawImage(bitmap, 0, 0, sheet.width, sheet.height);
  bitmap.close();
  // A JPEG is opaque; what else may be transparent stays so, for the server knows on which ground ink shows.
  const type = file.type === "image/jpeg" ? file.type : "image/webp";
  const blob = await sheet.convertToBlob({ type, quality: 0.92 });
  return { blob, area: { left: 0, top: 0, width: sheet.width, height: sheet.height } };
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
