// Uploads one file with the official tus client. The one argument is JSON: `endpoint`, `file`, and options of the client
// (`chunkSize`, `metadata`, `uploadUrl` …), and what to do on the way:
//   pauseAt      bytes after which to pause, ask nothing, and start again
//   leaveAt      bytes after which to end this process in the middle, as a closed page does
//   terminateAt  bytes after which to give the upload up, and have it removed
//   remember     a file that outlives this process: what began there is found and continued
// Each event is one line of JSON on standard output. The token is in FORETIDE_TOKEN.
import { createReadStream } from "node:fs";
import * as tus from "tus-js-client";

const { file, pauseAt, leaveAt, terminateAt, remember, ...options } = JSON.parse(process.argv[2]);
let isPaused = false;

function tell(event, data) {
  process.stdout.write(`${JSON.stringify({ event, ...data })}\n`);
}

async function pause(upload) {
  isPaused = true;
  await upload.abort();
  tell("paused", {});
  upload.start();
}

const upload = new tus.Upload(createReadStream(file), {
  retryDelays: null,
  ...options,
  headers: { Authorization: `Bearer ${process.env.FORETIDE_TOKEN}` },
  ...(remember ? { urlStorage: new tus.FileUrlStorage(remember) } : {}),
  onAfterResponse: (request, response) => {
    tell("answer", {
      method: request.getMethod(),
      status: response.getStatus(),
      offset: Number(response.getHeader("Upload-Offset")),
      expires: response.getHeader("Upload-Expires"),
      version: response.getHeader("Tus-Resumable"),
    });
  },
  onUploadUrlAvailable: () => tell("url", { url: upload.url }),
  onChunkComplete: (_, accepted) => {
    tell("accepted", { bytes: accepted });
    if (accepted >= (pauseAt ?? Infinity) && !isPaused) pause(upload);
    if (accepted >= (leaveAt ?? Infinity)) process.exit();
    if (accepted >= (terminateAt ?? Infinity)) upload.abort(true).then(() => tell("terminated", {}));
  },
  onSuccess: () => tell("success", { url: upload.url }),
  onError: (error) =>
    tell("error", {
      status: error.originalResponse?.getStatus(),
      body: error.originalResponse?.getBody(),
      message: error.message,
    }),
});

if (remember) {
  const [previous] = await upload.findPreviousUploads();
  if (previous) {
    tell("found", { url: previous.uploadUrl });
    upload.resumeFromPreviousUpload(previous);
  }
}
upload.start();
