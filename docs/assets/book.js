/** A story in a frame says how tall it is (src/backstory/studio/standalone.py); its frame takes that height. */
addEventListener("message", (event) => {
  const height = event.data?.["backstory-height"];
  if (!Number.isFinite(height)) return;
  for (const frame of document.querySelectorAll("iframe.story")) {
    if (frame.contentWindow === event.source) frame.style.height = `${Math.min(Math.max(height, 100), 5000)}px`;
  }
});
