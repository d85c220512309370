// Follows one session with the official client, as a page would: join, hear, lose the connection, rejoin.
// Arguments: URL, session, and JSON with any of: cutAfter (numbered messages after which the connection is cut; 0:
// never), awayMilliseconds (how long it stays away then), options (of the client).
// Each message and acknowledgement is one line of JSON on standard output. The token is in FORETIDE_TOKEN.
import { io } from "socket.io-client";

const [url, session, given] = process.argv.slice(2);
const { cutAfter = 0, awayMilliseconds = 0, options = {} } = JSON.parse(given ?? "{}");
const socket = io(url, {
  auth: { token: process.env.FORETIDE_TOKEN },
  reconnectionDelay: 100,
  reconnectionDelayMax: 500,
  ...options,
});

let last = 0;
let hasJoined = false;
let isCut = cutAfter === 0;

function tell(event, data) {
  process.stdout.write(`${JSON.stringify({ event, data, transport: socket.io.engine?.transport?.name })}\n`);
}

function cut() {
  isCut = true;
  if (awayMilliseconds === 0) {
    socket.io.engine.close();
    return;
  }
  socket.disconnect();
  setTimeout(() => socket.connect(), awayMilliseconds);
}

socket.on("connect", async () => {
  try {
    const answer = await socket.timeout(10_000).emitWithAck("join_session", { session_id: session, after: last });
    hasJoined = true;
    tell("joined", answer);
  } catch (error) {
    // The connection went while it was asked: the next one asks again.
    tell("join_failed", { message: error.message });
  }
});
socket.on("connect_error", (error) => tell("connect_error", { message: error.message, ...error.data }));
socket.on("disconnect", (reason) => tell("disconnect", { reason }));
socket.onAny((event, data) => {
  tell(event, data);
  if (data.sequence) last = data.sequence;
  if (!isCut && hasJoined && last >= cutAfter) cut();
  if (["training_complete", "training_cancelled", "session_deleted"].includes(event)) {
    socket.disconnect();
    // Over polling the last request stays open until the server's next ping.
    process.stdout.write("", () => process.exit(0));
  }
});
