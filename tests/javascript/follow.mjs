// Follows one session with the official client, as a page would: join, hear, lose the connection, rejoin.
// Arguments: URL, session, and after how many numbered messages the connection is cut (0: never).
// Each message and acknowledgement is one line of JSON on standard output. The token is in FORETIDE_TOKEN.
import { io } from "socket.io-client";

const [url, session, cutAfter] = process.argv.slice(2);
const socket = io(url, {
  auth: { token: process.env.FORETIDE_TOKEN },
  reconnectionDelay: 100,
  reconnectionDelayMax: 500,
});

let last = 0;
let hasJoined = false;
let isCut = Number(cutAfter) === 0;

function tell(event, data) {
  process.stdout.write(`${JSON.stringify({ event, data, transport: socket.io.engine?.transport?.name })}\n`);
}

socket.on("connect", async () => {
  const answer = await socket.timeout(10_000).emitWithAck("join_session", { session_id: session, after: last });
  hasJoined = true;
  tell("joined", answer);
});
socket.on("connect_error", (error) => tell("connect_error", { message: error.message, ...error.data }));
socket.on("disconnect", (reason) => tell("disconnect", { reason }));
socket.onAny((event, data) => {
  tell(event, data);
  if (data.sequence) last = data.sequence;
  if (!isCut && hasJoined && last >= Number(cutAfter)) {
    isCut = true;
    socket.io.engine.close();
  }
  if (["training_complete", "training_cancelled", "session_deleted"].includes(event)) socket.disconnect();
});
